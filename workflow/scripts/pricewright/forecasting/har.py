"""Gamma-HAR: the variance ahead as a weighted sum of averages of past variances.

This is Corsi's heterogeneous autoregression (2009) with exponential averages of given half-lives.
The short averages use the variance of the day's range (see `ranges`), which is more precise. The
long ones use squared changes, because these are what is forecast, and a symbol's ranges may be
biased. Two more average the squares of falls only: prices move more after falls than after rises
(Black 1976; Corsi & Reno 2012; the negative semivariances of Patton & Sheppard 2015). For each
horizon h, one regression over all series

    mean of the squared changes t+1..t+h  ~  sum of weight[k] * average[k][t]

is fitted as a gamma GLM with identity link (McCullagh & Nelder 1989) and non-negative weights. Its
deviance is QLIKE and does not depend on the scale of a series. So that no single day dominates, an
outcome is capped at CLIP times the longest average, and averages are raised to at least FLOOR times
it. No library multiplies matrices here, because the order of its additions depends on the
processor; this way the same rows give the same weights to the byte.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from pricewright.forecasting import ranges
from pricewright.forecasting.panel import NEVER, Panel, squares
from pricewright.forecasting.recurrence import recurrence
from pricewright.tables.arrays import Days, Flags, Floats, Ints, exp, log, sums

FEWEST = 100
"""The minimum number of rows of a regression."""

RIDGE = 1e-12
"""Added to a curvature, relative to its trace, so that identical columns have a solution."""

STEPS, CLOSE = 50, 1e-6
"""Converged when a Newton step is shorter than CLOSE, since its error is about its square, or when
a Fisher scoring step is shorter than CLOSE squared. STEPS is the most steps taken."""


def _weights(regression: "_Regression", y: Floats, use: Flags, start: Floats | None) -> Floats:
    """(K,): weights >= 0 of a gamma GLM of y (B,) on the regression's x (B, K), identity link.

    use: (B,), the rows that count; with fewer than FEWEST of them the weights are NaN. Uses
    Newton's method, and Fisher scoring where Newton fails. A weight that would become negative is
    set to 0, and released again if the likelihood rises with it in the end.
    """
    terms, count = len(regression.x), np.count_nonzero(use)
    if count < FEWEST:
        return np.full(terms, np.nan)
    known = start is not None and bool(np.isfinite(start).all())
    weights = start if known and start is not None else np.full(terms, 1 / terms)
    active = weights > 0
    for step in range(STEPS):
        score, expected, true = regression.slope(weights, y, use)
        new = None
        if by_newton := known or step > 0:
            new = _moved(weights, active, regression.curvature(true), score)
            by_newton = new is not None and bool((new >= 0).all())
        if not by_newton:
            information = regression.curvature(expected)
            information += RIDGE * np.trace(information) * np.eye(terms)
            new = _moved(weights, active, information, score)
        if new is None:
            return np.full(terms, np.nan)
        if (new < 0).any():
            active &= np.arange(terms) != np.argmin(new)
            weights = np.where(active, np.maximum(new, 0.01 / terms), 0.0)
            continue
        settled = np.abs(new - weights).max() < (CLOSE if by_newton else CLOSE**2)
        weights = new
        if settled:
            missed = ~active & (score > 1e-6 * count)
            if not missed.any():
                break
            active |= missed
            weights = np.where(missed, 0.01 / terms, weights)
    return weights


def _moved(weights: Floats, active: Flags, curvature: Floats, score: Floats) -> Floats | None:
    """The weights (K,) after a step of the active ones, others 0; None if there is no maximum."""
    step = _solved(curvature[np.ix_(active, active)], score[active])
    if step is None:
        return None
    moved = np.zeros(len(weights))
    moved[active] = weights[active] + step
    return moved


class _Regression:
    """The rows x (K, B), and the products of each two of their terms (K * (K + 1) / 2, B).

    room: a work array as large as the products, kept because allocating it costs as much as the
    work itself.
    """

    def __init__(self, x: Floats) -> None:
        """x: (B, K), the rows."""
        self.x = np.ascontiguousarray(x.T)
        terms, count = self.x.shape
        self.room, self.products = np.empty((2, terms * (terms + 1) // 2, count))
        end = 0
        for term in range(terms):
            begin, end = end, end + terms - term
            np.multiply(self.x[term:], self.x[term], out=self.products[begin:end])

    def slope(self, weights: Floats, y: Floats, use: Flags) -> tuple[Floats, Floats, Floats]:
        """The score (K,) of the log-likelihood of y (B,), and two weightings of the rows (B,) for
        `curvature`: for the expected curvature and for the true one.

        use: (B,), the rows that count.
        """
        room = self.room[: len(self.x)]
        inverse = use / sums(np.multiply(self.x, weights[:, None], out=room))
        ratio = y * inverse
        expected = inverse * inverse
        score = np.multiply(self.x, (ratio - 1) * inverse, out=room).sum(axis=1)
        return score, expected, (2 * ratio - 1) * expected

    def curvature(self, counts: Floats) -> Floats:
        """(K, K): the curvature of the log-likelihood; counts: (B,), the weights of the rows."""
        terms = len(self.x)
        made = np.empty((terms, terms))
        upper = np.triu_indices(terms)
        made[upper] = made.T[upper] = np.multiply(self.products, counts, out=self.room).sum(axis=1)
        return made


def _solved(curvature: Floats, score: Floats) -> Floats | None:
    """(K,): the step whose product with the curvature (K, K) is the score; None if not definite.

    Gaussian elimination, number by number: a library's result depends on the processor.
    """
    rows, step = curvature.tolist(), score.tolist()
    terms = range(len(step))
    for at in terms:
        if not rows[at][at] > 0:
            return None
        for below in terms[at + 1 :]:
            share = rows[below][at] / rows[at][at]
            for right in terms[at + 1 :]:
                rows[below][right] -= share * rows[at][right]
            step[below] -= share * step[at]
    for at in reversed(terms):
        for right in terms[at + 1 :]:
            step[at] -= rows[at][right] * step[right]
        step[at] /= rows[at][at]
    return np.array(step)


OF_RANGES, OF_SQUARES, OF_FALLS = (1.0, 5.0, 20.0), (60.0, 250.0), (2.0, 20.0)
"""Half-lives of the averages, in days."""

TERMS = (
    *(("range", life) for life in OF_RANGES),
    *(("square", life) for life in OF_SQUARES),
    *(("fall", life) for life in OF_FALLS),
)
"""The input and the half-life of each average, in the order of the arrays."""

LONGEST = TERMS.index(("square", max(OF_SQUARES)))

SEED = 20
"""The averages start from the mean of this many first squares."""

WARM_UP = 60
"""The first rows are left out of the regression: their averages rest on too few days."""

FLOOR, CLIP = 0.01, 20.0
ROWS = 20_000
"""The most rows to learn from; longer panels contribute one row in several (see `row_step`)."""


def averages(panel: Panel, start: Floats | None = None) -> tuple[Floats, Flags]:
    """(N, S, K): the averages of TERMS after each row; and (N-1, S): whether a day has a range.

    start: (S, K), the initial averages; where NaN or not given, the mean of the first squares.
    """
    changes = np.diff(panel.values, axis=0)
    squared = changes * changes
    if start is None:
        start = np.full((len(panel), len(TERMS)), np.nan)
    keeps = exp(-log(2.0) / np.array([life for _, life in TERMS]))
    longest = squared  # unused without bars
    if panel.bars is not None:
        keep, begun = float(keeps[LONGEST]), start[:, LONGEST]
        longest = recurrence((1 - keep) * squared, keep, _begin(squared, begun))[:-1]
    measured, known = ranges.daily(panel, changes, longest)
    values = {"range": measured, "square": squared, "fall": squared * (changes < 0)}
    inflow, begin = np.empty((*changes.shape, len(TERMS))), np.empty((len(panel), len(TERMS)))
    for term, (of, _) in enumerate(TERMS):
        np.multiply(values[of], 1 - keeps[term], out=inflow[..., term])
        begin[:, term] = _begin(values[of], start[:, term])
    every = np.repeat(keeps[None], len(panel), axis=0).ravel()
    made = recurrence(inflow.reshape(len(changes), -1), every, begin.ravel())
    return made.reshape(len(panel.days), len(panel), len(TERMS)), known


def _begin(values: Floats, start: Floats) -> Floats:
    return np.where(np.isnan(start), seed(values), start)


def with_floor(averages: Floats) -> Floats:
    """The averages (..., K) as the regression uses them, at least FLOOR times the longest."""
    return np.asarray(np.maximum(averages, FLOOR * averages[..., [LONGEST]]))


def seed(squares: Floats) -> Floats:
    """(S,): the mean of the first SEED squares, from which averages start."""
    first = squares[:SEED]
    live = np.isfinite(first)
    return np.asarray(sums(np.where(live, first, 0.0)) / np.maximum(live.sum(axis=0), 1))


@dataclass(frozen=True)
class RegressionRows:
    """B rows to learn from, in order of series.

    inputs: (B, K).
    outcomes: (B,), or (H, B) for several horizons.
    begun: (B,), the day of the observation, after which the outcome begins.
    known: shaped like outcomes, the day on which an outcome is known, NEVER if not yet.
    number: (B,), the row's number within its series.
    """

    inputs: Floats
    outcomes: Floats
    begun: Days
    known: Days
    number: Ints


def join_rows(parts: Sequence[RegressionRows]) -> RegressionRows:
    """Join the rows of several groups of series."""
    return RegressionRows(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.outcomes for part in parts], axis=-1),
        np.concatenate([part.begun for part in parts]),
        np.concatenate([part.known for part in parts], axis=-1),
        np.concatenate([part.number for part in parts]),
    )


def row_step(observations: int, horizon: int = 1) -> int:
    """One in how many pairs of an observation and a number of steps, up to `horizon`, becomes a row
    to learn from.

    The result shares no factor with the horizon, so that all numbers of steps occur equally often.
    It is a power, so that the rows of a longer history are among those of a shorter one.
    """
    base, step = 2, 1
    while gcd(base, horizon) > 1:
        base += 1
    while observations * horizon > step * ROWS:
        step *= base
    return step


def regression_rows(
    panel: Panel, horizon: int, step: int | Sequence[int], days: Sequence[int] = (NEVER,)
) -> RegressionRows:
    """Regression rows of a panel: the averages (B, K) of an observation, and the mean squares over
    1..h days ahead (H, B), clipped.

    days: (E,), rising, the days at whose ends weights are estimated from what was known by then.
    step: (E,), for each of them, one in `step` observations is a row.
    """
    changes = squares(panel.values)
    past = with_floor(averages(panel)[0])
    sums_so_far = np.concatenate([np.zeros((1, len(panel))), np.cumsum(changes, axis=0)])
    found = []
    steps = np.arange(1, horizon + 1)[:, None]
    each = np.append(step, NEVER)
    for column, count in enumerate(panel.counts):
        begin = max(WARM_UP, int(panel.first[column]) + 1)
        at = np.arange(begin, count - 1)
        # the step of the first estimate that may use the row
        wanted = each[np.searchsorted(days, panel.days[at, column], side="right")]
        at = at[((at - begin) % wanted == 0) & (wanted < NEVER)]
        at = at[past[at, column, LONGEST] > 0]
        there = at + steps < count
        ahead = np.where(there, at + steps, 0)
        outcome = (sums_so_far[ahead, column] - sums_so_far[at, column]) / steps
        outcome = np.minimum(outcome, CLIP * past[at, column, LONGEST])
        found.append(
            RegressionRows(
                past[at, column],
                np.where(there, outcome, 0.0),
                panel.days[at, column],
                np.where(there, panel.days[ahead, column], NEVER),
                at - begin,
            )
        )
    return join_rows(found)


def weights(rows: RegressionRows, since: int, until: int, step: int = 1) -> Floats:
    """(H, K): the weights for each horizon, from every `step`-th row between the days `since` and
    `until`; NaN if there are too few rows.

    The result is cached by the bytes of the rows, because the leak check asks for the same again.
    """
    among = (rows.begun >= since) & (rows.number % step == 0) & (rows.known[0] <= until)
    places = np.flatnonzero(among)
    x, use = rows.inputs[places], np.take(rows.known, places, axis=1) <= until
    y = np.where(use, np.take(rows.outcomes, places, axis=1), 0.0)
    parts = str(y.shape).encode(), x.tobytes(), y.tobytes(), use.tobytes()
    key = hashlib.sha256(b"".join(parts)).digest()
    if key not in _FOUND:
        regression, found = _Regression(x), list[Floats]()
        for outcomes, there in zip(y, use, strict=True):
            found.append(_weights(regression, outcomes, there, found[-1] if found else None))
        _FOUND[key] = np.array(found)
    return _FOUND[key].copy()


_FOUND: dict[bytes, Floats] = {}
