"""The shape of what happens around the point forecast: the menu of distributions.

A forecast's quantile is centre + sqrt(variance) * shape, with a shape for each horizon and
probability, of each symbol or common to all.

normal     the quantiles of the normal distribution.
fhs        filtered historical simulation: paths of a symbol's own standardised daily errors,
           each of which moves the variance of the next as its volatility model says
           (Barone-Adesi, Giannopoulos & Vosper 1999).
conformal  split conformal: the empirical quantiles of standardised errors that were made out of
           sample and whose outcome was known at the cutoff (Lei et al. 2018, with signed errors):
           the symbol's own, drawn to those of all symbols together.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import numpy as np

from pricewright.tables.arrays import Floats, Ints

Kind = Literal["normal", "fhs", "conformal"]

LEVELS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5),
    *(0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995),
)
"""The probabilities whose quantiles a model has, beside those of its own interval."""

FEWEST = 100
"""The errors at one horizon that a shape of their own needs; with fewer it is the normal."""

HALF_OWN = 500
"""With so many errors of its own, a symbol's shape is half its own and half everyone's."""

POOL = 20_000
"""About the most errors of a horizon that everyone's shape is made from."""

PATHS = 2000
"""Simulated paths of filtered historical simulation."""


def levels_with(level: float) -> Floats:
    """(Q,): the probabilities, rising, with the bounds of a central interval of `level`."""
    bounds = (round((1 - level) / 2, 12), round((1 + level) / 2, 12))
    return np.array(sorted({*LEVELS, *bounds}))


def normal(levels: Floats) -> Floats:
    """(Q,): the quantiles of the standard normal distribution."""
    return np.array([NormalDist().inv_cdf(float(level)) for level in levels])


def spread(absolute: Floats, counts: Ints, everyone: Floats) -> Floats:
    """(S, H): each symbol's mean absolute error, drawn to everyone's where it has few.

    absolute, counts: (S, H), the sum and number of its standardised absolute errors.
    everyone: (H,), the mean over all symbols.
    """
    return (absolute + FEWEST * everyone) / (counts + FEWEST)


def quantiles(errors: Floats, levels: Floats) -> Floats:
    """(S, Q): the quantiles of errors (S, n), those of rank (count + 1) * level; NaN are none."""
    counts = np.isfinite(errors).sum(axis=1)
    ordered = np.sort(errors, axis=1)
    ranks = np.clip((counts[:, None] + 1) * levels - 1, 0, np.maximum(counts - 1, 0)[:, None])
    below = np.floor(ranks).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(counts - 1, 0)[:, None])
    low, high = (np.take_along_axis(ordered, place, axis=1) for place in (below, above))
    return np.asarray(low + (ranks - below) * (high - low))


def pooled(errors: Sequence[Floats], levels: Floats) -> Floats:
    """(H, Q): the quantiles of errors (n,) at each horizon."""
    return np.array([quantiles(found[None], levels)[0] for found in errors])


def draws(horizon: int) -> Floats:
    """(PATHS, H): ranks in 0..1 to draw errors by, the same for all symbols and runs.

    At each step every rank is drawn once (Latin hypercube), so that no tail is favoured.
    """
    random = np.random.Generator(np.random.PCG64(20240131))
    order = np.array([random.permutation(PATHS) for _ in range(horizon)]).T
    return (order + 0.5) / PATHS


def simulated(
    errors: Floats, ranks: Floats, term: Floats, moves: tuple[float, float], levels: Floats
) -> Floats:
    """(H, Q): filtered historical simulation of one symbol, in units of the forecast's deviation.

    errors: (n,), its standardised daily errors.  ranks: (PATHS, H).  term: (H,), the variance
    forecast over 1..H steps.  moves: by how much a squared error moves the variance that
    follows, relative to the one forecast, and how much of that persists.
    """
    alpha, persistence = moves
    drawn = np.sort(errors)[(ranks * len(errors)).astype(np.intp)]
    unit = np.mean(errors**2)
    daily = np.maximum(np.diff(term, prepend=0.0), 0.0)
    moved = np.ones(len(ranks))
    total = np.zeros(len(ranks))
    result = []
    for step in range(len(term)):
        total = total + np.sqrt(daily[step] * moved) * drawn[:, step]
        moved = (
            1
            + (persistence - alpha) * (moved - 1)
            + alpha * (moved * drawn[:, step] ** 2 / unit - 1)
        )
        result.append(np.quantile(total, levels) / np.sqrt(term[step]))
    return np.array(result)
