"""Gamma-HAR: the variance ahead as a weighted sum of averages of past squared changes.

As in Corsi's heterogeneous autoregression (2009), for several horizons of memory; here the
averages are exponential with given half-lives, of squared daily changes. For each horizon h, one
regression over all series

    mean of the squared changes t+1..t+h  ~  sum of weight[k] * average[k][t]

is fitted as a gamma GLM with identity link (its deviance is QLIKE, and it does not depend on the
scale of a series), with weights that are not negative. So that no single day decides, an outcome
counts for no more than CLIP times, and a short average for no less than FLOOR times, the longest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricewright.arrays import Days, Floats, sums
from pricewright.forecasting.gamma import gamma_regression
from pricewright.forecasting.panel import NEVER, Panel, squares
from pricewright.forecasting.recurrence import recurrence

HALF_LIVES = (1.0, 5.0, 20.0, 60.0, 250.0)
"""In days; the last is the longest."""

SEED = 20
"""How many first squares are averaged for the averages to begin with."""

WARM_UP = 60
"""The first rows that are no part of the regression, for their averages hardly know anything."""

FLOOR, CLIP = 0.01, 20.0
ROWS = 20_000
"""About the most rows of a regression: of longer panels every second, third, … row is taken."""


def averages(squares: Floats, start: Floats | None = None) -> Floats:
    """(n+1, S, K): the averages before the first and after each row of squares (n, S).

    start: (S, K), to begin with; NaN, as where there is none, is the mean of the first squares.
    """
    rows, symbols = squares.shape
    keeps = np.repeat(0.5 ** (1 / np.array(HALF_LIVES))[None], symbols, axis=0)
    begin = np.repeat(seed(squares)[:, None], len(HALF_LIVES), axis=1)
    if start is not None:
        begin = np.where(np.isnan(start), begin, start)
    inflow = (squares[..., None] * (1 - keeps)).reshape(rows, -1)
    made = recurrence(inflow, keeps.ravel(), begin.ravel())
    return made.reshape(rows + 1, symbols, len(HALF_LIVES))


def with_floor(averages: Floats) -> Floats:
    """The averages (..., K) as the regression takes them: none far below the longest."""
    return np.asarray(np.maximum(averages, FLOOR * averages[..., -1:]))


def seed(squares: Floats) -> Floats:
    """(S,): the mean of the first squares, to begin with."""
    first = squares[:SEED]
    live = np.isfinite(first)
    return np.asarray(sums(np.where(live, first, 0.0)) / np.maximum(live.sum(axis=0), 1))


@dataclass(frozen=True)
class Rows:
    """B rows for the regressions, in order of series.

    averages: (B, K).  outcomes: (H, B), mean squares over 1..h days ahead, clipped.  begun: (B,),
    the day after which an outcome begins, and known: (H, B), the day on which it is known, NEVER
    if that is not there yet.
    """

    averages: Floats
    outcomes: Floats
    begun: Days
    known: Days


def every(observations: int) -> int:
    """Every how many-th observation is a row of the regressions, of so many in all."""
    return -(-observations // ROWS)


def rows(panel: Panel, horizon: int, step: int) -> Rows:
    """Every `step`-th observation of a panel as rows."""
    changes = squares(panel.values)
    past = with_floor(averages(changes))
    sums_so_far = np.concatenate([np.zeros((1, len(panel))), np.cumsum(changes, axis=0)])
    found = [_nothing(horizon)]
    steps = np.arange(1, horizon + 1)[:, None]
    for column, count in enumerate(panel.counts):
        at = np.arange(max(WARM_UP, panel.first[column] + 1), count - 1, step)
        at = at[past[at, column, -1] > 0]
        there = at + steps < count
        ahead = np.where(there, at + steps, 0)
        outcome = (sums_so_far[ahead, column] - sums_so_far[at, column]) / steps
        outcome = np.minimum(outcome, CLIP * past[at, column, -1])
        found.append(
            Rows(
                past[at, column],
                np.where(there, outcome, 0.0),
                panel.days[at, column],
                np.where(there, panel.days[ahead, column], NEVER),
            )
        )
    return joined(found)


def _nothing(horizon: int) -> Rows:
    none, days = np.empty((horizon, 0)), np.empty(0, dtype=np.int32)
    return Rows(np.empty((0, len(HALF_LIVES))), none, days, none.astype(np.int32))


def joined(parts: Sequence[Rows]) -> Rows:
    """The rows of several panels together."""
    return Rows(
        np.concatenate([part.averages for part in parts]),
        np.concatenate([part.outcomes for part in parts], axis=1),
        np.concatenate([part.begun for part in parts]),
        np.concatenate([part.known for part in parts], axis=1),
    )


def weights(rows: Rows, since: int, until: int, start: Floats | None = None) -> Floats:
    """(H, K): the weights for each horizon, from what happened after one day and up to another.

    NaN if too little did. `start` are weights to search from.
    """
    found: list[Floats] = []
    for horizon in range(len(rows.outcomes)):
        use = (rows.begun >= since) & (rows.known[horizon] <= until)
        before = start[horizon] if start is not None else found[-1] if found else None
        outcomes = rows.outcomes[horizon]
        found.append(gamma_regression(rows.averages, outcomes, use, before))
    return np.array(found)
