"""Scores of quantiles, intervals and whole distributions; lower is better, in units of price.

Every function but the last two is elementwise, and gives NaN where an argument is NaN.
"""

import numpy as np

from pricewright.arrays import Floats, Ints


@np.errstate(all="ignore")
def pinball(actual: Floats, quantile: Floats, level: float) -> Floats:
    """The pinball (quantile) loss of forecasts of the quantile at `level`, 0..1, any shape."""
    over = actual - quantile
    return np.maximum(level * over, (level - 1) * over)


@np.errstate(all="ignore")
def interval_score(actual: Floats, lower: Floats, upper: Floats, coverage: float) -> Floats:
    """The score of central intervals of nominal `coverage`, 0..1 (Gneiting & Raftery 2007).

    The width, and 2 / (1 - coverage) times the distance of a price outside; any shape.
    """
    outside = np.maximum(lower - actual, 0) + np.maximum(actual - upper, 0)
    return (upper - lower) + 2 / (1 - coverage) * outside


@np.errstate(all="ignore")
def crps(actual: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """Twice the mean pinball loss over the levels: actual (...), quantiles (..., Q), levels (Q,).

    Tends to the continuous ranked probability score (Gneiting & Raftery 2007) as levels
    spread evenly over 0..1 become many.
    """
    losses = (pinball(actual, quantiles[..., k], float(level)) for k, level in enumerate(levels))
    return 2 * sum(losses, np.zeros(actual.shape)) / len(levels)


def inside(actual: Floats, lower: Floats, upper: Floats) -> Floats:
    """1 for a price within its interval, bounds included, 0 for one outside; any shape."""
    known = ~(np.isnan(actual) | np.isnan(lower) | np.isnan(upper))
    return np.where(known, (lower <= actual) & (actual <= upper), np.nan)


@np.errstate(all="ignore")
def share_error(hits: Floats) -> Floats:
    """(S,): the standard error of the share of hits (K, S, H), 1, 0 or NaN, from K dates.

    Forecasts from one date hang together and those from two do not, so that dates are what counts
    (the variance of a mean that is robust to clusters, Liang & Zeger 1986). NaN for fewer than 2.
    """
    known = ~np.isnan(hits)
    counts = known.sum(axis=-1)
    found = np.where(known, hits, 0.0).sum(axis=-1)
    every, dates = counts.sum(axis=0), (counts > 0).sum(axis=0)
    off = found - counts * (found.sum(axis=0) / every)
    error = np.sqrt((off**2).sum(axis=0) * dates / (dates - 1)) / every
    return np.where(dates > 1, error, np.nan)


@np.errstate(all="ignore")
def pit(actual: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """The probability integral transform (Dawid 1984): actual (...), quantiles (..., Q).

    The forecast's distribution at the price, linear between its quantiles. A price below the
    first or above the last has half of the probability there. One on several equal quantiles
    has the middle of their levels. levels (Q,) must rise, and quantiles not fall, along Q.
    """
    last = len(levels) - 1
    below = np.count_nonzero(quantiles < actual[..., None], axis=-1)
    not_above = np.count_nonzero(quantiles <= actual[..., None], axis=-1)
    left, right = np.clip(below - 1, 0, last), np.clip(below, 0, last)
    start = np.take_along_axis(quantiles, left[..., None], axis=-1)[..., 0]
    end = np.take_along_axis(quantiles, right[..., None], axis=-1)[..., 0]
    between = levels[left] + (levels[right] - levels[left]) * ((actual - start) / (end - start))
    on = (levels[right] + levels[np.clip(not_above - 1, 0, last)]) / 2
    known = ~(np.isnan(actual) | np.isnan(quantiles).any(axis=-1))
    return np.select(
        [~known, not_above > below, below == 0, below > last],
        [np.nan, on, levels[0] / 2, (1 + levels[last]) / 2],
        between,
    )


def pit_histogram(pit: Floats, bins: int = 10) -> Ints:
    """How many transforms, of any shape, fall in each of `bins` equal parts of 0..1: (bins,).

    For a perfect forecast the bins are equally likely only if their bounds are among the
    levels that the transforms were computed from.
    """
    known = pit[~np.isnan(pit)]
    return np.asarray(np.histogram(known, bins=bins, range=(0.0, 1.0))[0], dtype=np.intp)


def uniformity(counts: Ints) -> float:
    """The p-value of Pearson's chi-squared test that all bins (B,) are equally likely.

    For independent forecasts; NaN where nothing was counted or there is one bin.
    """
    from scipy.special import chdtrc

    each = [int(found) for found in counts]
    seen = sum(each)
    if seen == 0:
        return float("nan")
    # In whole numbers, so that equal counts give exactly 0.
    statistic = (len(each) * sum(found**2 for found in each) - seen**2) / seen
    return float(chdtrc(len(each) - 1, statistic))
