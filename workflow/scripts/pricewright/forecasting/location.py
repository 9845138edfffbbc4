"""The point forecasts, on the scale of the model.

naive     the last value.
drift     the last value plus the mean change per step (random walk with drift).
ses       simple exponential smoothing: a level that follows the values (Brown 1956).
theta     the theta method with two lines: smoothing around half of the linear trend
          (Assimakopoulos & Nikolopoulos 2000, in the form of Hyndman & Billah 2003).
lightgbm  the last value plus the change that gradient-boosted trees over all symbols predict from
          the last changes (Ke et al. 2017); naive if there is too little history to grow them.

The smoothing weight minimises the squared one-step errors. With d[t] the changes of the smoothed
series (d[0] its first error), the errors are

    e[t] = d[t] + keep * e[t-1],    keep = 1 - weight

and their first and second derivatives by `keep` follow by applying the same recursion again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from pricewright.forecasting import trees as lagged
from pricewright.forecasting.panel import BySymbol
from pricewright.forecasting.recurrence import BLOCK, blocks, recurrence, states_before
from pricewright.forecasting.settings import LocationKind
from pricewright.forecasting.trees import Tree
from pricewright.forecasting.volatility import States
from pricewright.tables.arrays import Flags, Floats, Ints, exp, log, sums

LEAST, MOST = 0.01, 1.0
"""Bounds of the weight; with MOST, the level is the last value."""

START = 0.1
"""The start of the search for `keep`: for most prices it is small."""

STEPS, HALVINGS = 40, 8

TOLERANCE = 1e-6
"""Converged when the next Newton step is shorter, which is still taken; its error is its square."""


ROUNDING = 1e-13
"""Squared errors that are larger by at most this share count as equal."""


def smoothing_weight(changes: Floats) -> Floats:
    """(S,): the weight for d (n, S), NaN past a series' end and nowhere else, by Newton's method.

    A series that never changes gets the weight MOST, like a random walk.
    """
    live = np.isfinite(changes)
    rows = blocks(np.where(live, changes, 0.0), len(changes) + 1)
    errors = _Errors(rows, live.sum(axis=0))
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
    """The one-step errors of series, their sum of squares and its derivatives."""

    def __init__(self, changes: Floats, counts: Ints) -> None:
        """changes: d in blocks (BLOCK, K, S), 0 past an end.  counts: (S,), the rows of each."""
        self.changes, self.counts = changes, counts
        # the state before row t holds the error of row t - 1
        row = np.arange(BLOCK)[:, None, None] + BLOCK * np.arange(changes.shape[1])[:, None]
        self.past = np.flatnonzero(row > counts)
        self.room = np.empty((4, *changes.shape))

    def of(self, columns: Flags) -> Self:
        """The same for some of the series."""
        if columns.all():
            return self
        return type(self)(np.ascontiguousarray(self.changes[..., columns]), self.counts[columns])

    def squared(self, keep: Floats) -> tuple[Floats, Floats, Floats]:
        """(S,) each: the sum of squared errors, and its slope and curvature by `keep`."""
        error, by_keep, twice, product = self.room
        for inflow, state in ((self.changes, error), (error, by_keep), (by_keep, twice)):
            states_before(inflow, keep, 0.0, out=state)
        for state in (error, by_keep, twice):
            state.reshape(-1)[self.past] = 0.0
        pairs = ((error, error), (error, by_keep), (by_keep, by_keep), (error, twice))
        squares, slopes, bends, others = (
            sums(sums(np.multiply(one, other, out=product))) for one, other in pairs
        )
        return squares, 2 * slopes, 2 * bends + 4 * others


@dataclass(frozen=True)
class Location(BySymbol):
    """Parameters, (S,) each: slope per step and intercept of the trend, and the smoothing weight.

    trees: the trees of all symbols, if chosen and if they could be grown.
    """

    kind: LocationKind
    slope: Floats
    intercept: Floats
    weight: Floats
    trees: Sequence[Tree] | None = None


def fit(kind: LocationKind, values: Floats, trees: Sequence[Tree] | None = None) -> Location:
    """Estimate from values (n, S), NaN past a series' end; at least two values.

    trees: the trees of all symbols, grown before.
    """
    live = np.isfinite(values)
    filled = np.where(live, values, 0.0)
    counts = live.sum(axis=0)
    zero = np.zeros(values.shape[1])
    if kind in ("naive", "lightgbm"):
        return Location(kind, zero, zero, zero + MOST, trees)
    if kind == "drift":
        last = np.take_along_axis(values, counts[None] - 1, axis=0)[0]
        return Location(kind, (last - values[0]) / np.maximum(counts - 1, 1), zero, zero + MOST)
    slope, intercept = zero, zero
    if kind == "theta":
        steps = np.arange(len(values), dtype=np.float64)[:, None]
        centre = (counts - 1) / 2
        spread = counts * (counts**2 - 1.0) / 12
        level = sums(filled) / np.maximum(counts, 1)
        slope = sums(np.where(live, (steps - centre) * (filled - level), 0.0)) / np.maximum(
            spread, 1.0
        )
        intercept = level - slope * centre
    changes = np.diff(values, axis=0, prepend=values[:1])
    if kind == "theta":  # the smoothed series is twice the value less the trend
        changes = 2 * changes - slope
        changes[0] = values[0] - intercept - slope
    return Location(kind, slope, intercept, smoothing_weight(changes))


def levels(location: Location, values: Floats, start: Floats | None = None) -> Floats:
    """(n, S): the level after each value (n, S).

    start: (S,), the level after the first value; NaN, or not given, for a history that begins with
    that value.
    """
    if location.kind in ("naive", "drift", "lightgbm"):
        return values
    weight = location.weight
    before = values[0] / 2 if location.kind == "theta" else values[0]
    first = weight * values[0] + (1 - weight) * before
    begin = first if start is None else np.where(np.isnan(start), first, start)
    return recurrence(weight * values[1:], 1 - weight, begin)


def centres(location: Location, states: States, horizon: int) -> Floats:
    """(..., S, H): the values expected 1..H steps after states (..., S)."""
    level, step = states.level, states.observations
    ahead = np.arange(1, horizon + 1)
    if location.kind == "drift":
        return np.asarray(level[..., None] + location.slope[:, None] * ahead)
    if location.trees is not None and states.changes is not None:
        moves = lagged.moves(location.trees, states.changes, states.ewma, horizon)
        return np.asarray(level[..., None] + moves)
    if location.kind != "theta":
        return np.repeat(level[..., None], horizon, axis=-1)
    weight = location.weight[:, None]
    with np.errstate(divide="ignore"):  # a weight of 1 leaves nothing
        left = exp(log(1 - weight) * step[..., None])
    trend = location.intercept[:, None] * left
    trend = trend + location.slope[:, None] * (ahead - 1 + (1 - (1 - weight) * left) / weight)
    return np.asarray(level[..., None] + trend / 2)
