"""The pictures of the page, each with its title and how to read it.

What those of one symbol show is packed as records, for the page to draw from.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricewright.evaluation.backtest_file import EXCEPTIONS, SERIES, Backtest
from pricewright.reporting import charts
from pricewright.reporting.drawing import PAGE, Ink, Spec, compiled, svg
from pricewright.reporting.symbols import Figure, Figures, pinball_skill, shown
from pricewright.reporting.text import worst
from pricewright.reporting.verdict import percent
from pricewright.tables.arrays import Floats

NAMES = ("day", "fan", *SERIES)
TAILS = ("1%", "5%")
_MILLISECONDS = 86_400_000
_MISSING = 0xFFFF
_STEPS = _MISSING - 1

Columns = dict[str, Floats]


class SymbolData:
    """The series of each symbol: the last days of the back-test, then the days forecast."""

    def __init__(self, backtest: Backtest, model: Mapping[str, Any]) -> None:
        self._backtest = backtest
        self._model = model
        self._place = {symbol: place for place, symbol in enumerate(backtest.symbols)}
        everyone = backtest.lists(len(backtest.symbols), ["days"])
        self._origins = everyone["days"]

    def columns(self, symbol: str) -> Columns:
        """By NAMES, (n,) numbers each, NaN where there is none; `fan` counts the forecasts."""
        found = self._backtest.lists(self._place[symbol], ("days", *SERIES))
        ahead = self._model["symbols"][symbol]["forecast"]
        last = np.datetime64(self._model["symbols"][symbol]["last_date"], "D")
        steps = len(ahead["point"])
        coming = np.busday_offset(last, np.arange(steps + 1), roll="backward")[1:]
        days = np.concatenate([found["days"], coming.astype(np.int64)])
        made: Columns = {
            "day": days.astype(np.float64),
            "fan": np.searchsorted(self._origins, days).astype(np.float64),
        }
        made["fan"][len(found["days"]) :] = len(self._origins) + 1
        for name in SERIES:
            future = ahead.get(name) if name in ("lower", "upper") else None
            rest = np.array(future) if future else np.full(steps, np.nan)
            made[name] = np.concatenate([found[name].astype(np.float64), rest])
        return made

    def hits(self, symbol: str) -> list[tuple[str, list[int]]]:
        """By tail, widest first, the days of a symbol's exceptions: those at 1% are at 5%, too."""
        found = self._backtest.lists(self._place[symbol], EXCEPTIONS)
        tails = zip(TAILS, EXCEPTIONS, strict=True)
        return [(tail, found[name].tolist()) for tail, name in reversed(list(tails))]

    def data(self, symbol: str) -> dict[str, list[dict[str, Any]]]:
        """What the pictures are drawn from; see charts.symbol."""
        columns, hits = self.columns(symbol), self.hits(symbol)
        beyond = {day: tail for tail, days in hits for day in days}
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        days = []
        for row in rows:
            day = {
                name: None if np.isnan(value) else value
                for name, value in zip(columns, row, strict=True)
            }
            days.append(day | {"time": row[0] * _MILLISECONDS, "beyond": beyond.get(int(row[0]))})
        return {
            "days": days,
            "hits": [
                {"time": day * _MILLISECONDS, "tail": tail} for tail, found in hits for day in found
            ],
        }

    def packed(self, symbols: Sequence[str]) -> dict[str, Any]:
        """What a page needs to draw any of the symbols: 16 bits a number, in base64.

        A number is offset + step * code, with an offset and a step for each series: a picture is
        not as fine as that.
        """
        return {"names": NAMES, "symbols": {symbol: self._packed(symbol) for symbol in symbols}}

    def _packed(self, symbol: str) -> dict[str, Any]:
        columns = self.columns(symbol)
        codes, steps = [], []
        for name, values in columns.items():
            known = values[~np.isnan(values)]
            lowest = float(known.min()) if len(known) else 0.0
            span = float(known.max()) - lowest if len(known) else 0.0
            step = 1.0 if name in ("day", "fan") else float(f"{span / _STEPS:.7g}") or 1.0
            found = np.rint((values - lowest) / step)
            codes.append(np.where(np.isnan(found), _MISSING, np.minimum(found, _STEPS)))
            steps.append([lowest if name in ("day", "fan") else float(f"{lowest:.9g}"), step])
        content = np.concatenate(codes).astype("<u2").tobytes()
        return {
            "scale": self._model["symbols"][symbol]["scale"],
            "count": len(columns["day"]),
            "steps": steps,
            "codes": base64.b64encode(content).decode(),
            "hits": self.hits(symbol),
        }


PICTURED = 3
"""So many of the worst symbols, and of the largest, have pictures from the start."""

COMPARED = 15
"""The most symbols in the picture of skill."""


@dataclass(frozen=True)
class Numbers:
    """What a picture shows, as a table: its heads, and rows of a name and figures."""

    heads: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Figure]]]


@dataclass(frozen=True)
class Picture:
    """A drawn picture: its title, how it is read, the SVG, and the same in numbers."""

    title: str
    says: str
    svg: str
    numbers: Numbers | None = None


@dataclass(frozen=True)
class Kind:
    """A picture that every symbol has, drawn from data, their scale and the colours."""

    title: str
    says: str
    draw: Callable[[charts.Data, str, Ink], Spec]


KINDS = (
    Kind(
        "Price and what was forecast",
        "Line: price. Shaded: the intervals forecast from each past date, and from the last one.",
        charts.price,
    ),
    Kind(
        "Volatility, forecast and realised",
        f"Lines: forecast for each day, and root mean square of the last {charts.LATELY} changes. "
        "Grey: each change.",
        charts.volatility,
    ),
    Kind(
        "Value-at-risk and exceptions",
        "Exceptions at 5% in orange, at 1% in red: above, of the whole evaluation; below, with "
        "each change and the limits of 5% (dashed) and 1%.",
        charts.risk,
    ),
)


def of_all(model: Mapping[str, Any], backtest: Backtest | None) -> list[Picture]:
    """The pictures of all symbols together."""
    level = percent(model["parameters"]["level"])
    made = [
        Picture(
            f"Share of prices within the {level} interval",
            "By days ahead. Dashed: what is promised; above it the interval is too wide.",
            svg(charts.coverage(model, PAGE)),
            _coverages(model),
        ),
        Picture(
            "Calibration of the whole distribution (PIT)",
            "Flat is right: each tenth of the distribution should hold a tenth of the prices.",
            svg(charts.calibration(model, PAGE)),
            _transforms(model),
        ),
    ]
    if backtest is not None:
        rows = _skills(model, backtest)
        which = f", the worst {COMPARED}" if len(backtest.symbols) > COMPARED else ""
        skill = Picture(
            "Skill beside the plain random walk",
            f"Pinball loss saved, with 95% intervals over dates{which}; right of 0 is better.",
            svg(charts.skill(rows, PAGE)),
            Numbers(
                ["symbol", "skill", "from", "to"],
                [(name, [shown(one, "signed share") for one in rest]) for name, *rest in rows],
            ),
        )
        made.insert(0, skill)
    return made


def calendar(found: Sequence[Mapping[str, Any]], flags: Sequence[str]) -> Picture:
    """The picture of flags by period."""
    return Picture(
        "When it was odd",
        "The darker, the more entries begin or last there.",
        svg(charts.calendar(found, flags, PAGE)),
    )


def pictured(
    model: Mapping[str, Any], sight: SymbolData, largest: Sequence[str]
) -> list[dict[str, Any]]:
    """The symbols that have pictures from the start: the worst, then the largest.

    These are the most traded, and where no volume says which, those with the longest history.
    """
    states = model["symbols"]
    order = worst(model)
    largest = [name for name in largest if name in states]
    reason = "one of the most traded" if largest else "one of the longest known"
    largest = largest or sorted(order, key=lambda name: -states[name]["observations"])
    why = dict.fromkeys(order[:PICTURED], "one of the worst")
    for name in largest[:PICTURED]:
        why[name] = f"{why[name]}, and {reason}" if name in why else reason
    return [
        {"name": name, "why": text, "pictures": _drawn(name, states[name]["scale"], sight)}
        for name, text in why.items()
    ]


def kinds() -> list[dict[str, Any]]:
    """What a page needs to draw a symbol's pictures itself: by scale, a specification of Vega."""
    return [
        {
            "title": kind.title,
            "says": kind.says,
            "spec": {
                scale: compiled(kind.draw(charts.EMPTY, scale, PAGE)) for scale in ("log", "level")
            },
        }
        for kind in KINDS
    ]


def _drawn(name: str, scale: str, sight: SymbolData) -> list[Picture]:
    data = sight.data(name)
    return [Picture(kind.title, kind.says, svg(kind.draw(data, scale, PAGE))) for kind in KINDS]


def _coverages(model: Mapping[str, Any]) -> Numbers:
    at = Figures(model).at
    return Numbers(
        ["days ahead", *charts.NAMES.values()],
        [
            (
                str(days + 1),
                [
                    at(f"/metrics/pooled/{who}/by_horizon/coverage/{days}", "share")
                    for who in charts.NAMES
                ],
            )
            for days in range(model["parameters"]["horizon"])
        ],
    )


def _transforms(model: Mapping[str, Any]) -> Numbers:
    bins = len(model["metrics"]["pooled"]["pit"]["counts"])
    return Numbers(
        ["part", "prices"],
        [
            (
                f"{place / bins:.0%} to {(place + 1) / bins:.0%}",
                [Figures(model).at(f"/metrics/pooled/pit/counts/{place}", "count")],
            )
            for place in range(bins)
        ],
    )


def _skills(
    model: Mapping[str, Any], backtest: Backtest
) -> list[tuple[str, float | None, float | None, float | None]]:
    by_symbol = model["metrics"]["by_symbol"]
    place = {name: number for number, name in enumerate(backtest.symbols)}
    several = len(backtest.symbols) > 1
    rows = [("all symbols", *backtest.skill(len(backtest.symbols)))] if several else []
    for name in worst(model)[:COMPARED]:
        _, lower, upper = backtest.skill(place[name])
        rows.append((name, pinball_skill(by_symbol[name]), lower, upper))
    return rows
