"""The pictures of the page, each with its title and how to read it.

The data of each symbol's pictures is packed into records, from which the page draws them.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from pricewright.evaluation.acceptance import TAILS
from pricewright.evaluation.backtest_file import EXCEPTIONS, SERIES, Backtest
from pricewright.reporting import charts
from pricewright.reporting.drawing import PAGE, Ink, Spec, svg, whole
from pricewright.reporting.figures import (
    NAMES,
    Figure,
    figure,
    figure_at,
    percent,
    pinball_skill,
    worst,
)
from pricewright.tables.arrays import Floats

PICTURED = 3
"""The number of worst symbols, and of largest, whose pictures show when the page opens."""

COMPARED = 15
"""The most symbols in the picture of skill."""

_MISSING = 0xFFFF
_STEPS = _MISSING - 1


@dataclass(frozen=True)
class Picture:
    """A drawn picture: its title, how to read it, the SVG.

    heads, rows: the same data as a table, if it has one; a row is a name and its figures.
    """

    title: str
    says: str
    svg: str
    heads: Sequence[str] = ()
    rows: Sequence[tuple[str, Sequence[Figure]]] = ()


class SymbolData:
    """The series of each symbol: the last days of the back-test, then the forecast days."""

    def __init__(self, backtest: Backtest, model: Mapping[str, Any]) -> None:
        self._backtest, self._model = backtest, model
        self._place = {symbol: place for place, symbol in enumerate(backtest.symbols)}
        self._origins = backtest.lists(len(backtest.symbols), ["days"])["days"]

    def calendar(self, symbol: str) -> dict[str, list[int]]:
        """A symbol's days since 1970-01-01, and the number of the forecast (`fan`) of each."""
        (past,) = self._backtest.lists(self._place[symbol], ["days"]).values()
        state = self._model["symbols"][symbol]
        last, steps = np.datetime64(state["last_date"], "D"), len(state["forecast"]["point"])
        coming = np.busday_offset(last, np.arange(steps + 1), roll="backward")[1:]
        fans = np.searchsorted(self._origins, past).tolist()
        return {
            "day": [*past.tolist(), *coming.astype(np.int64).tolist()],
            "fan": fans + [len(self._origins) + 1] * steps,
        }

    def series(self, symbol: str) -> Floats:
        """The SERIES of a symbol by day: (6, n), NaN where a value is missing."""
        past = self._backtest.lists(self._place[symbol], SERIES)
        ahead = self._model["symbols"][symbol]["forecast"]
        none = [np.nan] * len(ahead["point"])
        rest = [ahead[name] or none if name in ("lower", "upper") else none for name in SERIES]
        return np.hstack([np.array(list(past.values()), dtype=np.float64), np.array(rest)])

    def hits(self, symbol: str) -> list[tuple[str, list[int]]]:
        """The days of a symbol's exceptions by tail, widest first; those at 1% are also at 5%."""
        found = self._backtest.lists(self._place[symbol], EXCEPTIONS)
        tails = zip(map(percent, TAILS), EXCEPTIONS, strict=True)
        return [(tail, found[name].tolist()) for tail, name in reversed(list(tails))]

    def packed(self, symbols: Sequence[str]) -> dict[str, Any]:
        """The data from which a page draws any of the symbols: 16 bits a number, in base64.

        A number is offset + step * code, with an offset and a step for each series, which is finer
        than a picture shows. Symbols with the same days share a calendar.
        """
        found, places = {}, dict[bytes, int]()
        for symbol in symbols:
            days = orjson.dumps(self.calendar(symbol))
            place = places.setdefault(days, len(places))
            found[symbol] = {"calendar": place} | self._packed(symbol)
        return {"names": SERIES, "calendars": list(map(orjson.Fragment, places)), "symbols": found}

    def _packed(self, symbol: str) -> dict[str, Any]:
        values = self.series(symbol)
        known = ~np.isnan(values)
        lowest = values.min(axis=1, where=known, initial=np.inf)
        span = values.max(axis=1, where=known, initial=-np.inf) - lowest
        offsets = [float(f"{one:.9g}") if np.isfinite(one) else 0.0 for one in lowest]
        steps = [float(f"{one / _STEPS:.7g}") if one > 0 else 1.0 for one in span]
        codes = np.rint((values - lowest[:, None]) / np.array(steps)[:, None])
        content = np.where(known, np.minimum(codes, _STEPS), _MISSING).astype("<u2").tobytes()
        return {
            "scale": self._model["symbols"][symbol]["scale"],
            "steps": list(zip(offsets, steps, strict=True)),
            "codes": base64.b64encode(content).decode(),
            "hits": self.hits(symbol),
        }


@dataclass(frozen=True)
class SymbolPicture:
    """A picture that every symbol has; draw: its chart, given the scale and the colours."""

    title: str
    says: str
    draw: Callable[[str, Ink], Spec]


KINDS = (
    SymbolPicture(
        "Price and forecasts",
        "Line: price. Shaded: the intervals forecast from each past date and from the last day.",
        charts.price,
    ),
    SymbolPicture(
        "Volatility, forecast and realised",
        f"Lines: the forecast for each day, and the root mean square of the last {charts.LATELY} "
        "changes. Grey: each change.",
        charts.volatility,
    ),
    SymbolPicture(
        "Value-at-risk and exceptions",
        "Exceptions: at 5% orange circles, at 1% red diamonds. Above: over the whole evaluation. "
        "Below: with each change and the limits of 5% (dashed) and 1%.",
        charts.risk,
    ),
)


def pictured_symbols(model: Mapping[str, Any], largest: Sequence[str]) -> dict[str, str]:
    """The symbols whose pictures show when the page opens, each with the reason.

    They are the worst and the largest: the most traded or, without volumes, those with the longest
    history.  largest: symbols of the model, the most traded first.
    """
    states = model["symbols"]
    order = worst(model)
    reason = "one of the most traded" if largest else "one of the longest known"
    largest = largest or sorted(order, key=lambda name: -states[name]["observations"])
    why = dict.fromkeys(order[:PICTURED], "one of the worst")
    for name in largest[:PICTURED]:
        why[name] = f"{why[name]}, and {reason}" if name in why else reason
    return why


def specifications() -> list[dict[str, Any]]:
    """The charts by which the page draws a symbol's pictures: for each kind, one per scale."""
    return [
        {
            "title": kind.title,
            "says": kind.says,
            "spec": {scale: whole(kind.draw(scale, PAGE)) for scale in ("log", "level")},
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
            "By days ahead. Dashed: the promised share; above it the interval is too wide.",
            svg(charts.coverage(model, PAGE)),
            ["days ahead", *NAMES.values()],
            [
                (str(day + 1), [figure_at(model, held.format(who, day), "share") for who in NAMES])
                for day in range(horizon)
            ],
        ),
        Picture(
            "Calibration of the whole distribution (PIT)",
            "It should be flat: each tenth of the distribution should hold a tenth of the prices.",
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
        "Flags over time",
        "Darker: more flags begin or continue in that period.",
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
        "Skill relative to the plain random walk",
        f"Pinball loss saved, with 95% intervals over dates{which}; right of 0 is better.",
        svg(charts.skill(rows, PAGE)),
        ["symbol", "skill", "from", "to"],
        [(name, [figure(one, "signed share") for one in rest]) for name, *rest in rows],
    )
