"""Back-tests of value-at-risk: were losses beyond it as rare as promised, and not in runs?

Hits are (T, S), days by symbols: 1 for a loss beyond the value-at-risk (an exception), 0 for
none, NaN for a day without a forecast or a return. `level` is the promised probability of an
exception: 0.01 for a value-at-risk of 99%.
"""

from dataclasses import dataclass

import numpy as np

from pricewright.arrays import Floats, Ints


@dataclass(frozen=True)
class Backtest:
    """A likelihood ratio test of each symbol; every array is (S,).

    days: with a hit or none.  exceptions: the hits.  statistic: the likelihood ratio.
    p_value: of its chi-squared distribution. Both are NaN with nothing to test.
    """

    days: Ints
    exceptions: Ints
    statistic: Floats
    p_value: Floats


@dataclass(frozen=True)
class Clustering:
    """Christoffersen's tests; conditional_coverage is Kupiec's and independence together."""

    independence: Backtest
    conditional_coverage: Backtest


def kupiec(hits: Floats, level: float) -> Backtest:
    """Test that exceptions have probability `level` (Kupiec 1995, unconditional coverage)."""
    days = np.count_nonzero(~np.isnan(hits), axis=0)
    exceptions = np.count_nonzero(hits == 1, axis=0)
    fit = _gain(exceptions, days * level) + _gain(days - exceptions, days * (1 - level))
    return _backtest(hits, np.where(days > 0, _ratio(fit), np.nan), 1)


def christoffersen(hits: Floats, level: float) -> Clustering:
    """Test that an exception is as likely after one as after none, and both at once (1998).

    Against a first-order Markov chain. Only days next to each other count: none is taken to
    follow another across a NaN. As usual, coverage is tested on all days, not on those that
    have a day before them.
    """
    before, after = hits[:-1], hits[1:]
    pairs = np.array(
        [[np.count_nonzero((before == i) & (after == j), axis=0) for j in (0, 1)] for i in (0, 1)]
    )
    seen = pairs.sum(axis=(0, 1))
    alike = pairs.sum(axis=1, keepdims=True) * pairs.sum(axis=0, keepdims=True)
    gains = _gain(pairs, alike / np.maximum(seen, 1))
    fit = gains[0, 0] + gains[0, 1] + gains[1, 0] + gains[1, 1]
    runs = np.where(seen > 0, _ratio(fit), np.nan)
    return Clustering(
        independence=_backtest(hits, runs, 1),
        conditional_coverage=_backtest(hits, kupiec(hits, level).statistic + runs, 2),
    )


def _gain(observed: Ints, expected: Floats) -> Floats:
    """What the observed share adds to the log-likelihood of the expected one; 0 log 0 is 0."""
    from scipy.special import xlogy

    gain: Floats = xlogy(observed, observed / np.where(expected > 0, expected, 1.0))
    return gain


def _ratio(fit: Floats) -> Floats:
    # Rounding can take a perfect fit below 0.
    return 2 * np.maximum(fit, 0.0)


def _backtest(hits: Floats, statistic: Floats, freedom: int) -> Backtest:
    from scipy.special import chdtrc

    return Backtest(
        days=np.count_nonzero(~np.isnan(hits), axis=0),
        exceptions=np.count_nonzero(hits == 1, axis=0),
        statistic=statistic,
        p_value=chdtrc(freedom, statistic),
    )
