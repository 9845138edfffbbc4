"""Where a price is expected: the menu of point forecasts, on the scale of the model.

naive     the last value.
drift     the last value, moved by the mean change per step (random walk with drift).
ses       simple exponential smoothing: a level that follows the values (Brown 1956).
theta     the theta method with two lines: smoothing around half of the linear trend
          (Assimakopoulos & Nikolopoulos 2000, as in Hyndman & Billah 2003).
lightgbm  the last value, moved by what gradient-boosted trees over all symbols make of the last
          changes (Ke et al. 2017); naive, where there is too little history to grow them.

The smoothing weight minimises the squared one-step errors (`smoothing.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np

from pricewright.arrays import Floats, Ints, sums
from pricewright.forecasting import lagged
from pricewright.forecasting.recurrence import recurrence
from pricewright.forecasting.smoothing import MOST, smoothing_weight
from pricewright.forecasting.states import States
from pricewright.forecasting.trees import Tree

Kind = Literal["naive", "drift", "ses", "theta", "lightgbm"]


@dataclass(frozen=True)
class Location:
    """Parameters, each (S,): `slope` and `intercept` of the trend per step, and the weight.

    trees: those of all symbols, if they were asked for and could be grown.
    """

    kind: Kind
    slope: Floats
    intercept: Floats
    weight: Floats
    trees: Sequence[Tree] | None = None

    def of(self, columns: slice | Ints) -> Self:
        """The parameters of some of the symbols."""
        return replace(
            self,
            slope=self.slope[columns],
            intercept=self.intercept[columns],
            weight=self.weight[columns],
        )

    def joined(self, parts: Sequence[Self]) -> Self:
        """The parameters of several groups of symbols together."""
        return replace(
            self,
            slope=np.concatenate([part.slope for part in parts]),
            intercept=np.concatenate([part.intercept for part in parts]),
            weight=np.concatenate([part.weight for part in parts]),
        )


def fit(kind: Kind, values: Floats, trees: Sequence[Tree] | None = None) -> Location:
    """Estimate from values (n, S), NaN past a series' end; two values at least.

    trees: those of all symbols, which are none of the values' own.
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
    if kind == "theta":  # what is smoothed is twice the value less the trend
        changes = 2 * changes - slope
        changes[0] = values[0] - intercept - slope
    return Location(kind, slope, intercept, smoothing_weight(changes))


def levels(location: Location, values: Floats, start: Floats | None = None) -> Floats:
    """(n, S): the level that is known after each value (n, S).

    start: (S,), the level after the first value; NaN, as where there is none, is for a history
    that begins with it.
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
    left = (1 - weight) ** step[..., None]
    trend = location.intercept[:, None] * left
    trend = trend + location.slope[:, None] * (ahead - 1 + (1 - (1 - weight) * left) / weight)
    return np.asarray(level[..., None] + trend / 2)
