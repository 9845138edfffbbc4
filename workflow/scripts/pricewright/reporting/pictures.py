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
from pricewright.reporting.drawing import PAGE, Ink, Spec, svg, vega
from pricewright.reporting.figures import (
    NAMES,
    TAILS,
    Figure,
    figure,
    figure_at,
    percent,
    pinball_skill,
    worst,
)
from pricewright.tables.arrays import Floats

COLUMNS = ("day", "fan", *SERIES)
"""What is known of each day of a symbol; `fan` counts the forecasts."""

PICTURED = 3
"""So many of the worst symbols, and of the largest, have pictures from the start."""

COMPARED = 15
"""The most symbols in the picture of skill."""

_MILLISECONDS = 86_400_000
_MISSING = 0xFFFF
_STEPS = _MISSING - 1


@dataclass(frozen=True)
class Picture:
    """A drawn picture: its title, how it is read, the SVG.

    heads, rows: the same as a table, if it has one; a row is a name and its figures.
    """

    title: str
    says: str
    svg: str
    heads: Sequence[str] = ()
    rows: Sequence[tuple[str, Sequence[Figure]]] = ()


class SymbolData:
    """The series of each symbol: the last days of the back-test, then the days forecast."""

    def __init__(self, backtest: Backtest, model: Mapping[str, Any]) -> None:
        self._backtest, self._model = backtest, model
        self._place = {symbol: place for place, symbol in enumerate(backtest.symbols)}
        self._origins = backtest.lists(len(backtest.symbols), ["days"])["days"]

    def columns(self, symbol: str) -> dict[str, Floats]:
        """By COLUMNS, (n,) numbers each, NaN where there is none."""
        past = self._backtest.lists(self._place[symbol], ("days", *SERIES))
        ahead = self._model["symbols"][symbol]["forecast"]
        last = np.datetime64(self._model["symbols"][symbol]["last_date"], "D")
        steps = len(ahead["point"])
        coming = np.busday_offset(last, np.arange(steps + 1), roll="backward")[1:]
        days = np.concatenate([past["days"], coming.astype(np.int64)])
        fan = np.searchsorted(self._origins, days).astype(np.float64)
        fan[len(past["days"]) :] = len(self._origins) + 1
        columns = {"day": days.astype(np.float64), "fan": fan}
        for name in SERIES:
            bounds = ahead.get(name) if name in ("lower", "upper") else None
            rest = np.array(bounds) if bounds else np.full(steps, np.nan)
            columns[name] = np.concatenate([past[name].astype(np.float64), rest])
        return columns

    def hits(self, symbol: str) -> list[tuple[str, list[int]]]:
        """By tail, widest first, the days of a symbol's exceptions: those at 1% are at 5%, too."""
        found = self._backtest.lists(self._place[symbol], EXCEPTIONS)
        tails = zip(map(percent, TAILS), EXCEPTIONS, strict=True)
        return [(tail, found[name].tolist()) for tail, name in reversed(list(tails))]

    def records(self, symbol: str) -> dict[str, list[dict[str, Any]]]:
        """The days and hits that the pictures are drawn from, as `charts` has them."""
        columns, hits = self.columns(symbol), self.hits(symbol)
        beyond = {day: tail for tail, days in hits for day in days}
        days = []
        for row in zip(*(column.tolist() for column in columns.values()), strict=True):
            values = (None if np.isnan(value) else value for value in row)
            day = dict(zip(columns, values, strict=True))
            days.append(day | {"time": row[0] * _MILLISECONDS, "beyond": beyond.get(int(row[0]))})
        times = [{"time": day * _MILLISECONDS, "tail": tail} for tail, days in hits for day in days]
        return {"days": days, "hits": times}

    def packed(self, symbols: Sequence[str]) -> dict[str, Any]:
        """What a page needs to draw any of the symbols: 16 bits a number, in base64.

        A number is offset + step * code, with an offset and a step for each series: a picture is
        not as fine as that.
        """
        return {"names": COLUMNS, "symbols": {symbol: self._packed(symbol) for symbol in symbols}}

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


@dataclass(frozen=True)
class SymbolPicture:
    """A picture that every symbol has, drawn from data, their scale and the colours."""

    title: str
    says: str
    draw: Callable[[charts.Data, str, Ink], Spec]


KINDS = (
    SymbolPicture(
        "Price and what was forecast",
        "Line: price. Shaded: the intervals forecast from each past date, and from the last one.",
        charts.price,
    ),
    SymbolPicture(
        "Volatility, forecast and realised",
        f"Lines: forecast for each day, and root mean square of the last {charts.LATELY} changes. "
        "Grey: each change.",
        charts.volatility,
    ),
    SymbolPicture(
        "Value-at-risk and exceptions",
        "Exceptions at 5% in orange, at 1% in red: above, of the whole evaluation; below, with "
        "each change and the limits of 5% (dashed) and 1%.",
        charts.risk,
    ),
)


def symbol_pictures(
    model: Mapping[str, Any], series: SymbolData, largest: Sequence[str]
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
    found = []
    for name, text in why.items():
        data, scale = series.records(name), states[name]["scale"]
        drawn = [Picture(k.title, k.says, svg(k.draw(data, scale, PAGE))) for k in KINDS]
        found.append({"name": name, "why": text, "pictures": drawn})
    return found


def specifications() -> list[dict[str, Any]]:
    """What a page needs to draw a symbol's pictures itself: by scale, a specification of Vega."""
    return [
        {
            "title": kind.title,
            "says": kind.says,
            "spec": {
                scale: vega(kind.draw(charts.EMPTY, scale, PAGE)) for scale in ("log", "level")
            },
        }
        for kind in KINDS
    ]


def pooled_pictures(model: Mapping[str, Any], backtest: Backtest | None) -> list[Picture]:
    """The pictures of all symbols together."""
    level, horizon = percent(model["parameters"]["level"]), model["parameters"]["horizon"]
    held = "/metrics/pooled/{}/by_horizon/coverage/{}"
    bins = len(model["metrics"]["pooled"]["pit"]["counts"])
    return [
        *([_skill(model, backtest)] if backtest else []),
        Picture(
            f"Share of prices within the {level} interval",
            "By days ahead. Dashed: what is promised; above it the interval is too wide.",
            svg(charts.coverage(model, PAGE)),
            ["days ahead", *NAMES.values()],
            [
                (str(day + 1), [figure_at(model, held.format(who, day), "share") for who in NAMES])
                for day in range(horizon)
            ],
        ),
        Picture(
            "Calibration of the whole distribution (PIT)",
            "Flat is right: each tenth of the distribution should hold a tenth of the prices.",
            svg(charts.calibration(model, PAGE)),
            ["part", "prices"],
            [
                (
                    f"{place / bins:.0%} to {(place + 1) / bins:.0%}",
                    [figure_at(model, f"/metrics/pooled/pit/counts/{place}", "count")],
                )
                for place in range(bins)
            ],
        ),
    ]


def calendar(cells: Sequence[Mapping[str, Any]], flags: Sequence[str]) -> Picture:
    """The picture of flags by period."""
    return Picture(
        "When it was odd",
        "The darker, the more entries begin or last there.",
        svg(charts.calendar(cells, flags, PAGE)),
    )


def _skill(model: Mapping[str, Any], backtest: Backtest) -> Picture:
    place = {name: number for number, name in enumerate(backtest.symbols)}
    count = len(backtest.symbols)
    rows = [("all symbols", *backtest.skill(count))] if count > 1 else []
    for name in worst(model)[:COMPARED]:
        _, lower, upper = backtest.skill(place[name])
        rows.append((name, pinball_skill(model["metrics"]["by_symbol"][name]), lower, upper))
    which = f", the worst {COMPARED}" if count > COMPARED else ""
    return Picture(
        "Skill beside the plain random walk",
        f"Pinball loss saved, with 95% intervals over dates{which}; right of 0 is better.",
        svg(charts.skill(rows, PAGE)),
        ["symbol", "skill", "from", "to"],
        [(name, [figure(one, "signed share") for one in rest]) for name, *rest in rows],
    )
