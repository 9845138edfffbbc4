"""When the rows of a bar were: what tells apart the bars that several deliveries have of a day."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pricewright.tables.prices import Prices

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Instants = npt.NDArray[np.int64]

FIRST, LAST = SPAN = ("first instant", "last instant")
"""Columns of intraday rows and of the bars made of them: the times of the first and the last row,
in microseconds since the midnight of the day."""

_BITS: Final = 38  # 76 hours in microseconds: more than a day has in any session and time zone


def instants(days: Ints, times: Instants | Floats | int) -> Instants:
    """One number (n,) for each day and time in microseconds; the numbers sort by day, then time."""
    return (days.astype(np.int64) << _BITS) + np.asarray(times).astype(np.int64)


Instant = TypeVar("Instant", int, Instants)


def day_of(instant: Instant) -> Instant:
    """The day from which `instants` made a number."""
    return (instant + (1 << _BITS - 1)) >> _BITS


def lost_after(prices: "Prices", rows: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Those of some lost rows, each a symbol and an instant, that are later than all that is kept
    of their symbol, or than all that is kept of their day. Prices without a span are of days.

    A day of which nothing is kept counts only if it is its symbol's newest.
    """
    place, begins = {name: at for at, name in enumerate(prices.names)}, prices.begins.tolist()
    times = prices.values[LAST] if LAST in prices.values else np.zeros(len(prices))
    found = []
    for symbol, when in sorted(rows):
        if symbol in place:
            begin, end = begins[place[symbol] : place[symbol] + 2]
            row = begin + int(np.searchsorted(prices.days[begin:end], day_of(when)))
            row -= row == end
            if when > instants(prices.days[row], times[row]):
                found.append((symbol, when))
    return found


def split_span(prices: "Prices") -> tuple["Prices", dict[str, Floats]]:
    """The prices without the span of their bars, and that span; empty if they have none."""
    if FIRST not in prices.values:
        return prices, {}
    values = {name: prices.values[name] for name in without_span(prices.values)}
    return replace(prices, values=values), {name: prices.values[name] for name in SPAN}


def without_span(columns: Iterable[str]) -> list[str]:
    """The columns that hold values, not times."""
    return [name for name in columns if name not in SPAN]
