"""Where a price is expected: the menu of point forecasts, on the scale of the model.

naive   the last value.
drift   the last value, moved by the mean change per step (random walk with drift).
ses     simple exponential smoothing: a level that follows the values (Brown 1956).
theta   the theta method with two lines: smoothing around half of the linear trend
        (Assimakopoulos & Nikolopoulos 2000, as in Hyndman & Billah 2003).

The smoothing weight minimises the squared one-step errors (`smoothing.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np

from pricewright.arrays import Floats, Ints, sums
from pricewright.forecasting.recurrence import recurrence
from pricewright.forecasting.smoothing import MOST, smoothing_weight

Kind = Literal["naive", "drift", "ses", "theta"]


@dataclass(frozen=True)
class Location:
    """Parameters, each (S,): `slope` and `intercept` of the trend per step, and the weight."""

    kind: Kind
    slope: Floats
    intercept: Floats
    weight: Floats

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


def fit(kind: Kind, values: Floats) -> Location:
    """Estimate from values (n, S), NaN past a series' end; two values at least."""
    live = np.isfinite(values)
    filled = np.where(live, values, 0.0)
    counts = live.sum(axis=0)
    zero = np.zeros(values.shape[1])
    if kind == "naive":
        return Location(kind, zero, zero, zero + MOST)
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
    if location.kind in ("naive", "drift"):
        return values
    weight = location.weight
    before = values[0] / 2 if location.kind == "theta" else values[0]
    first = weight * values[0] + (1 - weight) * before
    begin = first if start is None else np.where(np.isnan(start), first, start)
    return recurrence(weight * values[1:], 1 - weight, begin)


def centres(location: Location, level: Floats, step: Floats, horizon: int) -> Floats:
    """(..., S, H): the values expected 1..H steps after `level` (..., S).

    step: (..., S), how many values came before the first one that is forecast.
    """
    ahead = np.arange(1, horizon + 1)
    if location.kind == "drift":
        return np.asarray(level[..., None] + location.slope[:, None] * ahead)
    if location.kind != "theta":
        return np.repeat(level[..., None], horizon, axis=-1)
    weight = location.weight[:, None]
    left = (1 - weight) ** step[..., None]
    trend = location.intercept[:, None] * left
    trend = trend + location.slope[:, None] * (ahead - 1 + (1 - (1 - weight) * left) / weight)
    return np.asarray(level[..., None] + trend / 2)
