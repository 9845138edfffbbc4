"""A day's variance from its open, high, low and close.

With o, h, l and c the logarithms of a bar, the variance from the open to the close is that of
Rogers & Satchell (1991), which no drift disturbs,

    (h - c) * (h - o) + (l - c) * (l - o)

and to it is added the squared change from the last close to the open, as in Yang & Zhang (2000).
One day's is several times nearer the truth than its squared change. A bar that cannot be right, or
says what the prices contradict, is left to that.
"""

import numpy as np

from pricewright.forecasting.panel import Panel
from pricewright.tables.arrays import Flags, Floats, log

ROUNDING = 1e-6
"""By so little, relatively, an open or close may be out of its day's range."""

BLOCK = 100_000
"""Bars that are worked on at a time."""

FARTHEST = 20.0
"""So many times the squared change and the variance in the long run: a bar is contradicted by the
prices, as by a slip of the decimal point in its high."""


def parts_of(bars: Floats, new: Flags) -> Floats:
    """(2, n): the change from open to close, and the variance of Rogers & Satchell.

    bars: (4, n), day by day, prices as in BAR.  new: (n,), where another symbol begins.  Both are
    NaN for a bar that is missing, not above 0, without a range or outside of it; and for one that
    is the day before's once more, for that was carried forward and nothing was traded.
    """
    again = (bars[:, 1:] == bars[:, :-1]).all(axis=0) & ~new[1:]
    found = np.empty((2, bars.shape[1]))
    for begin in range(0, bars.shape[1], BLOCK):  # or the work takes ten times the room
        rows = slice(begin, begin + BLOCK)
        found[:, rows] = _parts_of(bars[:, rows])
    found[:, 1:][:, again] = np.nan
    return found


def _parts_of(bars: Floats) -> Floats:
    first, highest, lowest, last = bars
    with np.errstate(invalid="ignore"):
        right = (lowest > 0) & (highest > lowest) & np.isfinite(highest)
        for price in (first, last):
            right &= (price >= lowest * (1 - ROUNDING)) & (price <= highest * (1 + ROUNDING))
    first, highest, lowest, last = log(np.where(right, bars, 1.0))
    highest = np.maximum(highest, np.maximum(first, last))
    lowest = np.minimum(lowest, np.minimum(first, last))
    within = (highest - last) * (highest - first) + (lowest - last) * (lowest - first)
    return np.where(right, np.array([last - first, within]), np.nan)


def daily(panel: Panel, changes: Floats, longest: Floats) -> tuple[Floats, Flags]:
    """(N-1, S) each: the variance of each day, and whether it is of its range.

    changes: (N-1, S).  longest: (N-1, S), the variance in the long run, as known the day before.
    What has no bar to believe has its squared change, as have prices that are on levels, and those
    below a floor.
    """
    squared = changes * changes
    if panel.bars is None:
        return squared, np.zeros(squared.shape, dtype=bool)
    within_day, within = panel.bars[:, 1:]
    overnight = changes - within_day
    measured = overnight * overnight + within
    with np.errstate(invalid="ignore"):
        believed = (measured <= FARTHEST * np.maximum(squared, longest)) & ~panel.levels
    if (below := panel.below) is not None:
        believed &= ~below[1:] & ~below[:-1]
    return np.where(believed, measured, squared), believed
