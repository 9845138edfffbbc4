"""A day's variance from its open, high, low and close.

With o, h, l and c the logarithms of a bar, the variance from the open to the close is estimated as
in Rogers & Satchell (1991), independently of drift:

    (h - c) * (h - o) + (l - c) * (l - o)

The squared change from the last close to the open is added, as in Yang & Zhang (2000). For one day,
this is several times more precise than the squared change. For a bar that cannot be right, or that
the prices contradict, the squared change is used.
"""

import numpy as np

from pricewright.forecasting.panel import Panel
from pricewright.tables.arrays import Flags, Floats, log

ROUNDING = 1e-6
"""The relative amount by which an open or close may be outside its day's range."""

BLOCK = 100_000
"""The number of bars worked on at a time."""

FARTHEST = 20.0
"""A variance above this multiple of both the squared change and the long-run variance contradicts
the prices, as after a misplaced decimal point in the high."""


def parts_of(bars: Floats, new: Flags) -> Floats:
    """(2, n): the change from open to close, and the variance of Rogers & Satchell.

    bars: (4, n), day by day, prices in the order of BAR.  new: (n,), where a new symbol begins.

    Both are NaN for a bar that is missing, not above 0, without a range, or with an open or close
    outside its range. They are also NaN for a repetition of the day before's bar, which was carried
    forward without trading.
    """
    again = (bars[:, 1:] == bars[:, :-1]).all(axis=0) & ~new[1:]
    found = np.empty((2, bars.shape[1]))
    for begin in range(0, bars.shape[1], BLOCK):  # in one go it would take ten times the memory
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
    """(N-1, S) each: the variance of each day, and whether it comes from the day's range.

    changes: (N-1, S).  longest: (N-1, S), the long-run variance as known the day before.

    Days without a credible bar get their squared change, as do prices on levels or below a floor.
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
