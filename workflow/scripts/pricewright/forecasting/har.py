"""Gamma-HAR: the variance ahead as a weighted sum of averages of past squared changes.

As in Corsi's heterogeneous autoregression (2009), for several horizons of memory; here the
averages are exponential with given half-lives, of squared daily changes. For each horizon h, one
regression over all series

    mean of the squared changes t+1..t+h  ~  sum of weight[k] * average[k][t]

is fitted as a gamma GLM with identity link (its deviance is QLIKE, and it does not depend on the
scale of a series), with weights that are not negative. So that no single day decides, an outcome
counts for no more than CLIP times, and a short average for no less than FLOOR times, the longest.
(On such models: McCullagh & Nelder 1989.) Rows are multiplied in chunks of a fixed length, in
their order, so that the same rows come to the same weights to the byte.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricewright.forecasting.panel import NEVER, Panel, squares
from pricewright.forecasting.recurrence import recurrence
from pricewright.tables.arrays import Days, Flags, Floats, sums

FEWEST = 100
"""The rows that a regression needs."""

RIDGE = 1e-12
"""Added, in units of it, to a curvature, so that columns that are all alike have a solution."""

CHUNK = 512
"""Rows that a multiplication of matrices takes, so few that no library shares it among threads."""

STEPS, CLOSE = 50, 1e-6
"""Settled: a step of Newton's is shorter, for its error is about its square; or another step is
shorter than that."""


def gamma_regression(x: Floats, y: Floats, use: Flags, start: Floats | None = None) -> Floats:
    """(K,): weights >= 0 of a gamma GLM of y (B,) on x (B, K), identity link.

    use: (B,), the rows that count.  NaN if they are fewer than FEWEST.

    By Newton's method, and Fisher scoring where that leads astray; a weight that would be
    negative is 0, unless the likelihood asks for more of it in the end.
    """
    terms = x.shape[1]
    if use.sum() < FEWEST:
        return np.full(terms, np.nan)
    regression = _Regression(x[use], y[use])
    known = start is not None and bool(np.isfinite(start).all())
    weights = start if known and start is not None else np.full(terms, 1 / terms)
    active = weights > 0
    for step in range(STEPS):
        score, information, curvature = regression.slope(weights)
        chosen = np.ix_(active, active)
        new = np.zeros(terms)
        by_newton = (known or step > 0) and bool((np.linalg.eigvalsh(curvature[chosen]) > 0).all())
        if by_newton:
            new[active] = weights[active] + np.linalg.solve(curvature[chosen], score[active])
            by_newton = bool((new >= 0).all())
        if not by_newton:
            new[active] = weights[active] + np.linalg.solve(information[chosen], score[active])
        if (new < 0).any():
            active &= np.arange(terms) != np.argmin(new)
            weights = np.where(active, np.maximum(new, 0.01 / terms), 0.0)
            continue
        settled = np.abs(new - weights).max() < (CLOSE if by_newton else CLOSE**2)
        weights = new
        if settled:
            missed = ~active & (score > 1e-6 * use.sum())
            if not missed.any():
                break
            active |= missed
            weights = np.where(missed, 0.01 / terms, weights)
    return weights


class _Regression:
    """Rows in chunks: x (C, K, CHUNK), y and which of them count (C, CHUNK)."""

    def __init__(self, x: Floats, y: Floats) -> None:
        """Rows x (B, K) and y (B,); what is added to fill a chunk does not count."""
        more = -len(y) % CHUNK
        x = np.concatenate([x, np.ones((more, x.shape[1]))]).reshape(-1, CHUNK, x.shape[1])
        self.x = np.ascontiguousarray(x.swapaxes(1, 2))
        self.y = np.concatenate([y, np.zeros(more)]).reshape(-1, CHUNK)
        self.counted = np.concatenate([np.ones(len(y)), np.zeros(more)]).reshape(-1, CHUNK)

    def slope(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """The score (K,) of the log-likelihood, its expected and its true curvature (K, K)."""
        terms = len(weights)
        made = np.empty((len(self.x), 2 * terms + 1, CHUNK))
        relative, bent, excess = made[:, :terms], made[:, terms:-1], made[:, -1]
        inverse = self.counted / np.matmul(weights, self.x)
        ratio = self.y * inverse
        np.multiply(self.x, inverse[:, None], out=relative)
        np.multiply(relative, (2 * ratio - 1)[:, None], out=bent)
        np.subtract(ratio, 1, out=excess)
        moments = sums(np.matmul(relative, made.transpose(0, 2, 1)))
        information = moments[:, :terms]
        information += RIDGE * np.trace(information) * np.eye(terms)
        return moments[:, -1], information, moments[:, terms:-1]


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
    """B rows to learn from, in order of series.

    inputs: (B, K), what to learn by.  outcomes: (B,), or (H, B) for horizons side by side.
    begun: (B,), the day after which an outcome begins, and known: as outcomes, the day on which it
    is known, NEVER if that is not there yet.
    """

    inputs: Floats
    outcomes: Floats
    begun: Days
    known: Days


def join_rows(parts: Sequence[Rows]) -> Rows:
    """The rows of several groups of series together."""
    return Rows(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.outcomes for part in parts], axis=-1),
        np.concatenate([part.begun for part in parts]),
        np.concatenate([part.known for part in parts], axis=-1),
    )


def every(observations: int) -> int:
    """Every how many-th observation is a row of the regressions, of so many in all."""
    return -(-observations // ROWS)


def rows(panel: Panel, horizon: int, step: int) -> Rows:
    """Every `step`-th observation of a panel as rows: its averages (B, K), and mean squares over
    1..h days ahead (H, B), clipped."""
    changes = squares(panel.values)
    past = with_floor(averages(changes))
    sums_so_far = np.concatenate([np.zeros((1, len(panel))), np.cumsum(changes, axis=0)])
    found = []
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
    return join_rows(found)


def weights(rows: Rows, since: int, until: int, start: Floats | None = None) -> Floats:
    """(H, K): the weights for each horizon, from what happened after one day and up to another.

    NaN if too little did. `start` are weights to search from.
    """
    found: list[Floats] = []
    for horizon in range(len(rows.outcomes)):
        use = (rows.begun >= since) & (rows.known[horizon] <= until)
        before = start[horizon] if start is not None else found[-1] if found else None
        outcomes = rows.outcomes[horizon]
        found.append(gamma_regression(rows.inputs, outcomes, use, before))
    return np.array(found)
