"""How far a value will go by what trees make of its last changes.

One set of trees is for all symbols, so nothing of it depends on their scale. A row is the last
LAGS changes, the newest first, in units of the deviation, which is the root of the model's plain
average of squared changes; and how many steps ahead is asked for. What the trees say of it is in
units of the deviation that a random walk has after so many steps.
"""

from collections.abc import Sequence

import numpy as np

from pricewright.arrays import Floats
from pricewright.forecasting.trees import Tree, total

LAGS = 10

NUMBERS = LAGS + 1
"""Of a row: the changes, and the steps."""

DIGITS = 6
"""Decimals of what trees learn from and look at: the others may differ by the kind of CPU, and
which way a row goes must not."""


def last_changes(values: Floats, start: Floats | None = None) -> Floats:
    """(N, S, LAGS): the changes up to each of values (N, S), the newest first.

    start: (S, LAGS), those up to the first value; NaN, as where there are none, counts as 0.
    """
    none = np.zeros((values.shape[1], LAGS))
    begin = none if start is None else np.where(np.isnan(start), 0.0, start)
    whole = np.concatenate([begin.T[::-1], np.diff(values, axis=0)])
    return np.lib.stride_tricks.sliding_window_view(whole, LAGS, axis=0)[..., ::-1]


def scaled(changes: Floats, variance: Floats) -> Floats:
    """(..., LAGS): changes in units of the deviation, 0 where that is 0; variance (...)."""
    deviation = np.sqrt(variance)[..., None]
    found = np.zeros(changes.shape)
    np.divide(changes, deviation, out=found, where=deviation > 0)
    return found.round(DIGITS)


def moves(trees: Sequence[Tree], changes: Floats, variance: Floats, horizon: int) -> Floats:
    """(..., H): how far the value is expected to go in 1..H steps, on the scale of the model.

    changes: (..., LAGS), the last ones.  variance: (...), the average of squared changes.
    """
    steps = np.arange(1.0, horizon + 1)
    lags = np.ascontiguousarray(np.moveaxis(scaled(changes, variance), -1, 0))[..., None]
    return total(trees, [*lags, steps]) * np.sqrt(variance[..., None] * steps)
