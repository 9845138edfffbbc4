"""Evidence against forecasts that one may look at every day: e-processes.

An e-value is the payoff of a bet that is fair if the forecast is right: it is at least 0 and 1 on
average. The capital from betting day after day, starting at 1, then ever exceeds c with a
probability of at most 1/c, however long and often one looks (Ville 1939; Ramdas, Grünwald, Vovk &
Shafer 2023). The mean of the e-values of many symbols is an e-value, whatever their
dependence (Vovk & Wang 2021), so each day has one bet per test.

exceptions    of the value-at-risk: 1{price < quantile} / probability
shortfall     (loss - VaR)+ / (0.025 (ES - VaR)) (Wang, Wang & Ziegel 2025, "E-backtesting")
calibration   of the whole distribution: bets on the class between quantiles into which the price
              falls, with the frequencies of the classes so far
rival         another model forecasts better: the difference of the pinball losses of two quantiles,
              over its largest possible value (Henzi & Ziegel 2022, for bounded scores)

The stake is the one that would have won most on the days before (GREE in the E-backtesting paper,
here with older days counting less), and 0 unless it would have won by a margin.
"""

from collections.abc import Sequence

import numpy as np

from pricewright.evaluation.metrics import pinball
from pricewright.tables.arrays import Floats, log, mean

STAKES = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 0.95])
"""The shares of the capital that may be bet."""

MEMORY = 0.98
"""The weight of a day relative to the next, in the choice of a stake and in the classes."""

CAUTION = 1.0
"""The log winnings, per unit of stake, that a stake must have made before it is chosen."""

CLASS_DAYS = 10.0
"""After this many days, bets on classes rest half on the hits so far, half on the forecast."""


def exceptions(prices: Floats, quantiles: Floats, probability: float) -> Floats:
    """(T, S): e-values of prices below their quantiles; NaN where there is no price."""
    return _where(prices, (prices < quantiles) / probability)


def shortfall(prices: Floats, at_risk: Floats, expected: Floats, probability: float) -> Floats:
    """(T, S): e-values of losses beyond the value-at-risk.

    at_risk, expected: (T, S), the prices at the value-at-risk and at the expected shortfall.
    """
    beyond = np.maximum(at_risk - prices, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = beyond / (probability * (at_risk - expected))
    return _where(prices, np.where(beyond > 0, found, 0.0))


def calibration(prices: Floats, quantiles: Floats, levels: Sequence[float]) -> Floats:
    """(T, S): e-values of the classes into which prices fall.

    quantiles: (T, S, Q), rising, at the probabilities `levels`.
    """
    chances = np.diff([0.0, *levels, 1.0])
    with np.errstate(invalid="ignore"):
        classes = (prices[..., None] >= quantiles).sum(axis=-1)
    there = np.isfinite(prices)
    found, hits, days = np.full(prices.shape, np.nan), np.zeros(len(chances)), 0.0
    for day in range(len(prices)):
        hit = classes[day][there[day]]
        if not len(hit):
            continue
        expected = (CLASS_DAYS * chances + hits) / (CLASS_DAYS + days)
        found[day][there[day]] = (expected / chances)[hit]
        hits = MEMORY * hits + np.bincount(hit, minlength=len(chances)) / len(hit)
        days = MEMORY * days + 1
    return found


def rival(prices: Floats, ours: Floats, theirs: Floats, levels: Sequence[float]) -> Floats:
    """(T, S): e-values of the excess of our losses over theirs; 1 where both forecasts are equal.

    ours, theirs: (T, S, L), quantiles at the probabilities `levels`. The bet is fair as long as
    ours are no worse.
    """
    more, most = np.zeros(prices.shape), np.zeros(prices.shape)
    for place, level in enumerate(levels):
        one, other = ours[..., place], theirs[..., place]
        more += pinball(prices, one, level) - pinball(prices, other, level)
        most += np.abs(one - other) * max(level, 1 - level)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(most > 0, more / most, 0.0)
    return _where(prices, np.where(np.isfinite(theirs).all(axis=-1), 1 + share, np.nan))


def processes(values: Sequence[Floats]) -> Floats:
    """(T, N): the capital of each of N tests at the end of each day, from their e-values (T, S).

    A day without e-values counts as 1. All tests run together, because the loop over days is in
    Python.
    """
    together: Floats = np.stack([daily(each) for each in values], axis=-1)
    return _won(together)


def by_symbol(values: Sequence[Floats]) -> Floats:
    """(N, S): the final capital of each of N tests on each symbol alone, from e-values (T, S).

    T must be at least 1.
    """
    together = np.concatenate(values, axis=1)
    found: Floats = _won(np.where(np.isfinite(together), together, 1.0))[-1]
    return found.reshape(len(values), -1)


def daily(values: Floats) -> Floats:
    """(T,): the mean of each day's e-values, 1 if it has none."""
    found = mean(np.ascontiguousarray(values.T))
    return np.where(np.isfinite(found), found, 1.0)


def first_at(won: Floats, least: float) -> int | None:
    """The index of the first day with capital of at least `least`; None if there is none."""
    reached = np.flatnonzero(won >= least)
    return int(reached[0]) if len(reached) else None


def _won(values: Floats) -> Floats:
    """(T, S): the capital at the end of each day, from e-values (T, S)."""
    stakes = STAKES[:, None]
    gained, caution = np.zeros((len(STAKES), values.shape[1])), CAUTION * stakes
    have, found = np.ones(values.shape[1]), np.empty(values.shape)
    for day, value in enumerate(values):
        stake = STAKES[np.argmax(gained - caution, axis=0)]
        have = np.minimum(have * (1 - stake + stake * value), 1e300)
        found[day] = have
        gained = MEMORY * gained + log(1 - stakes + stakes * value)
    return found


def _where(prices: Floats, values: Floats) -> Floats:
    return np.where(np.isfinite(prices), values, np.nan)


def hits(prices: Floats, quantiles: Floats) -> tuple[int, int]:
    """The number of prices below their quantiles, and of all prices with a quantile."""
    there = np.isfinite(prices) & np.isfinite(quantiles)
    return int(((prices < quantiles) & there).sum()), int(there.sum())
