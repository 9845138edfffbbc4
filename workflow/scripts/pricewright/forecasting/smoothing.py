"""The weight of exponential smoothing with the least squared one-step errors, of many series.

With d[t] the changes of what is smoothed (d[0] its first error), the errors are

    e[t] = d[t] + keep * e[t-1],    keep = 1 - weight

and their derivatives by `keep` are what the same recursion makes of them, once and twice.
"""

from typing import Self

import numpy as np

from pricewright.arrays import Flags, Floats, Ints
from pricewright.forecasting.recurrence import BLOCK, before, block_sums, blocks

LEAST, MOST = 0.01, 1.0
"""Bounds of the weight; with the most, the level is the last value."""

START = 0.1
"""Of `keep`: most prices keep little."""

STEPS, HALVINGS = 40, 8

TOLERANCE = 1e-6
"""Arrived: the next step of Newton's would be shorter, and is taken; its error is its square."""


ROUNDING = 1e-13
"""Squared errors that are more by no more than this share are not worse."""


def smoothing_weight(changes: Floats) -> Floats:
    """(S,): the weight for d (n, S), NaN past a series' end and nowhere else; by Newton's method.

    A series that never changes has the weight MOST, as a random walk has.
    """
    live = np.isfinite(changes)
    errors = _Errors.of_series(np.where(live, changes, 0.0), live.sum(axis=0))
    keep = np.where(live.any(axis=0), START, 0.0)
    found, at = keep.copy(), np.arange(len(keep))
    squared, slope, bend = errors.squared(keep)
    for _ in range(STEPS):
        step = -slope / np.where(bend == 0, 1.0, np.abs(bend))
        step = np.clip(keep + step, 1 - MOST, 1 - LEAST) - keep
        found[at] = keep + step
        going = (np.abs(step) >= TOLERANCE) | ((bend < 0) & (step != 0))
        if not going.any():
            break
        errors, at = errors.of(going), at[going]
        keep, squared, step = keep[going], squared[going], step[going]
        for _ in range(HALVINGS):
            made = errors.squared(keep + step)
            worse = ~(made[0] <= squared * (1 + ROUNDING))
            if not worse.any():
                break
            step = np.where(worse, step / 4, step)
        keep = keep + step
        squared, slope, bend = made
    return 1 - found


class _Errors:
    """The errors of series and what becomes of their squares."""

    def __init__(self, changes: Floats, counts: Ints) -> None:
        """changes: d in blocks (BLOCK, K, S), 0 past an end.  counts: (S,), rows of each."""
        self.changes, self.counts = changes, counts
        # the state before row t holds the error of row t - 1
        row = np.arange(BLOCK)[:, None, None] + BLOCK * np.arange(changes.shape[1])[:, None]
        self.past = np.flatnonzero(row > counts)
        self.room = np.empty((4, *changes.shape))

    @classmethod
    def of_series(cls, changes: Floats, counts: Ints) -> Self:
        """Those of d (n, S), 0 past an end."""
        return cls(blocks(changes, len(changes) + 1), counts)

    def of(self, columns: Flags) -> Self:
        """The same for some of the series."""
        if columns.all():
            return self
        return type(self)(np.ascontiguousarray(self.changes[..., columns]), self.counts[columns])

    def squared(self, keep: Floats) -> tuple[Floats, Floats, Floats]:
        """The sum of squared errors, its slope and its curvature by `keep`, (S,) each."""
        error, by_keep, twice, product = self.room
        for inflow, state in ((self.changes, error), (error, by_keep), (by_keep, twice)):
            before(inflow, keep, 0.0, out=state)
        for state in (error, by_keep, twice):
            state.reshape(-1)[self.past] = 0.0
        squares, slopes, bends, others = (
            block_sums(np.multiply(one, other, out=product))
            for one, other in (
                (error, error),
                (error, by_keep),
                (by_keep, by_keep),
                (error, twice),
            )
        )
        return squares, 2 * slopes, 2 * bends + 4 * others
