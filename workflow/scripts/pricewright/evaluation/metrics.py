"""How good forecasts are: point errors, scores of distributions, back-tests of value-at-risk.

Points: errors are (K, S, H), origins by symbols by horizons, in units of price, compared with those
of the naive forecast, the last price. NaN marks a missing forecast or outcome and is left out; a
symbol with nothing left gets NaN.

Variances: losses computed from squared returns.

Distributions: scores of quantiles, intervals and whole distributions, in units of price; lower is
better. They are elementwise and NaN where an argument is NaN, except `pit_histogram` and
`uniformity`.

Value-at-risk: hits are (T, S), days by symbols: 1 for a loss beyond it (an exception), 0 for none,
NaN for a day without a forecast or a return. `level` is the promised probability of an exception:
0.01 for a value-at-risk of 99 %.

Comparisons: whether one forecast is better than another, or only luckier.
"""

from dataclasses import dataclass

import numpy as np

from pricewright.tables.arrays import Floats, Ints, count, log, mean, sums, total


@np.errstate(all="ignore")
def naive_scales(prices: Floats) -> tuple[Floats, Floats]:
    """Mean absolute and mean squared one-step change of prices (N, S), each (N, S).

    Row k averages the changes within rows 0..k, which are known at k, so row 0 is NaN. A column
    is NaN from its first NaN on, whether that is its end or a gap.
    """
    changes = np.diff(prices, axis=0)
    steps = np.arange(1, len(prices))[:, None]
    absolute, squared = np.full(prices.shape, np.nan), np.full(prices.shape, np.nan)
    absolute[1:] = np.cumsum(np.abs(changes), axis=0) / steps
    squared[1:] = np.cumsum(np.square(changes), axis=0) / steps
    return absolute, squared


@np.errstate(all="ignore")
def mase(errors: Floats, scale: Floats) -> Floats:
    """Mean absolute scaled error (Hyndman & Koehler 2006): (S,).

    scale: (K, S), the mean absolute one-step change up to each origin. An origin at which it
    is 0 or NaN is left out.
    """
    return mean(np.abs(errors) / _usable(scale)[:, :, None])


@np.errstate(all="ignore")
def rmsse(errors: Floats, squared_scale: Floats) -> Floats:
    """Root mean squared scaled error (Makridakis et al., the M5 competition, 2020): (S,).

    squared_scale: (K, S), the mean squared one-step change up to each origin. An origin at
    which it is 0 or NaN is left out.
    """
    return np.sqrt(mean(np.square(errors) / _usable(squared_scale)[:, :, None]))


@np.errstate(all="ignore")
def mae_ratio(errors: Floats, naive_errors: Floats) -> Floats:
    """Mean absolute error over the naive forecast's, where both have a forecast: (S,).

    Below 1 is better than naive. NaN where the naive forecast was never wrong.
    """
    both = ~(np.isnan(errors) | np.isnan(naive_errors))
    ours = total(np.where(both, np.abs(errors), np.nan))
    return ours / _usable(total(np.where(both, np.abs(naive_errors), np.nan)))


def _usable(scale: Floats) -> Floats:
    return np.where(scale > 0, scale, np.nan)


@np.errstate(all="ignore")
def qlike(squared_return: Floats, variance: Floats) -> Floats:
    """log(variance) + squared_return / variance, elementwise, any shape; lower is better.

    A squared return is a noisy stand-in for the true variance, but this loss ranks forecasts as the
    true variance would (Patton 2011). A return of 0 is allowed. NaN if variance is not above 0.
    """
    known = np.where(variance > 0, variance, np.nan)
    return log(known) + squared_return / known


@np.errstate(all="ignore")
def pinball(actual: Floats, quantile: Floats, level: float) -> Floats:
    """The pinball (quantile) loss of forecasts of the quantile at `level`, 0..1, any shape."""
    over = actual - quantile
    return np.maximum(level * over, (level - 1) * over)


@np.errstate(all="ignore")
def interval_score(actual: Floats, lower: Floats, upper: Floats, coverage: float) -> Floats:
    """The score of central intervals of nominal `coverage`, 0..1 (Gneiting & Raftery 2007).

    The width, plus 2 / (1 - coverage) times the distance of an outcome outside; any shape.
    """
    outside = np.maximum(lower - actual, 0) + np.maximum(actual - upper, 0)
    return (upper - lower) + 2 / (1 - coverage) * outside


def inside(actual: Floats, lower: Floats, upper: Floats) -> Floats:
    """1 for an outcome within its interval, bounds included, 0 for one outside; any shape."""
    known = ~(np.isnan(actual) | np.isnan(lower) | np.isnan(upper))
    return np.where(known, (lower <= actual) & (actual <= upper), np.nan)


@np.errstate(all="ignore")
def share_error(hits: Ints, counts: Ints) -> Floats:
    """(S,): the standard error of the share of hits (K, S) among counts (K, S), over K dates.

    Forecasts from the same date depend on each other, and those from different dates do not. So
    this is the cluster-robust variance of a mean, with dates as clusters (Liang & Zeger 1986). NaN
    for fewer than 2 dates.
    """
    every, dates = counts.sum(axis=0), (counts > 0).sum(axis=0)
    off = hits - counts * (hits.sum(axis=0) / every)
    error = np.sqrt(sums(off**2) * dates / (dates - 1)) / every
    return np.where(dates > 1, error, np.nan)


@np.errstate(all="ignore")
def pit(actual: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """The probability integral transform (Dawid 1984): actual (...), quantiles (..., Q).

    The forecast distribution function at the outcome, linear between its quantiles. An outcome
    below the first or above the last quantile gets half of the probability there; one on several
    equal quantiles gets the middle of their levels. levels (Q,) must rise, and quantiles must not
    fall, along Q.
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


def pit_histogram(pit: Floats) -> Ints:
    """(10,): how many transforms, of any shape, fall in each tenth of 0..1.

    For a perfect forecast the tenths are equally likely, because their bounds are among the levels
    from which the transforms are computed.
    """
    known = pit[~np.isnan(pit)]
    return np.asarray(np.histogram(known, bins=10, range=(0.0, 1.0))[0], dtype=np.intp)


def uniformity(counts: Ints) -> float:
    """The p-value of Pearson's chi-squared test that all bins (B,) are equally likely.

    Valid for independent forecasts; NaN with nothing counted or only one bin.
    """
    from scipy.special import chdtrc

    each = [int(found) for found in counts]
    seen = sum(each)
    if seen == 0:
        return float("nan")
    # in whole numbers, so that equal counts give exactly 0
    statistic = (len(each) * sum(found**2 for found in each) - seen**2) / seen
    return float(_rounded(chdtrc(len(each) - 1, statistic)))


@dataclass(frozen=True)
class LikelihoodRatioTest:
    """A likelihood ratio test of each symbol; every array is (S,).

    days: the days that are not NaN.  exceptions: the hits.  statistic: the likelihood ratio.
    p_value: from its chi-squared distribution. Both are NaN with nothing to test.
    """

    days: Ints
    exceptions: Ints
    statistic: Floats
    p_value: Floats


@dataclass(frozen=True)
class Clustering:
    """Christoffersen's tests; conditional_coverage combines Kupiec's test and independence."""

    independence: LikelihoodRatioTest
    conditional_coverage: LikelihoodRatioTest


def kupiec(hits: Floats, level: float) -> LikelihoodRatioTest:
    """Test that exceptions have probability `level` (Kupiec 1995, unconditional coverage)."""
    days = np.count_nonzero(~np.isnan(hits), axis=0)
    exceptions = np.count_nonzero(hits == 1, axis=0)
    fit = _gain(exceptions, days * level) + _gain(days - exceptions, days * (1 - level))
    return _ratio_test(hits, np.where(days > 0, _ratio(fit), np.nan), 1)


def christoffersen(hits: Floats, level: float) -> Clustering:
    """Test independence of exceptions, alone and jointly with coverage (Christoffersen 1998).

    Independent means as likely after an exception as after none; the alternative is a first-order
    Markov chain. Pairs of days across a NaN do not count. As usual, coverage is tested on all days,
    not only on those with a day before them.
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
        independence=_ratio_test(hits, runs, 1),
        conditional_coverage=_ratio_test(hits, kupiec(hits, level).statistic + runs, 2),
    )


@np.errstate(all="ignore")
def joint_score(change: Floats, at_risk: Floats, shortfall: Floats, level: float) -> Floats:
    """The joint score of a value-at-risk and its expected shortfall, any shape; lower is better.

    The score of Fissler & Ziegel (2016), in the form whose differences have no unit (Patton, Ziegel
    & Chen 2019).

    change: the outcome.  at_risk, shortfall: the forecast quantile at `level`, 0..1, and the mean
    below it. NaN where the shortfall is not below 0.
    """
    mean = np.where(shortfall < 0, shortfall, np.nan)
    beyond = np.maximum(at_risk - change, 0) / level
    return (at_risk - beyond) / mean + log(-mean) - 1


@np.errstate(all="ignore")
def exceedances(residuals: Floats) -> tuple[Ints, Floats, Floats]:
    """(S,) each: the number of residuals (T, S) of exceptions, their mean, and the sum of their
    squared differences from the mean. NaN marks a day without an exception.

    A residual is the change less the expected shortfall, over the forecast deviation.
    """
    middle = mean(residuals)
    return count(residuals), middle, total(np.square(residuals - middle))


@np.errstate(all="ignore")
def exceedance_test(days: Ints, middle: Floats, squares: Floats) -> Floats:
    """(S,): the p-value of a mean residual of 0 against one below 0, from `exceedances`.

    McNeil & Frey (2000), with Student's t instead of a bootstrap. NaN for fewer than 3 days.
    """
    from scipy.special import stdtr

    statistic = middle / np.sqrt(squares / (days - 1) / days)
    return _rounded(stdtr(days - 1.0, np.where(days > 2, statistic, np.nan)))


def _gain(observed: Ints, expected: Floats) -> Floats:
    """The gain in log-likelihood of the observed counts over the expected ones; 0 log 0 is 0."""
    share = np.where(observed > 0, observed / np.where(expected > 0, expected, 1.0), 1.0)
    return np.asarray(observed * log(share))


def _rounded(values: Floats | float) -> Floats:
    """Values to ten digits; scipy's last digits differ between processors and systems."""
    found = [float(f"{value:.9e}") for value in np.ravel(values).tolist()]
    return np.array(found).reshape(np.shape(values))


def _ratio(fit: Floats) -> Floats:
    # rounding can take a perfect fit below 0
    return 2 * np.maximum(fit, 0.0)


def _ratio_test(hits: Floats, statistic: Floats, freedom: int) -> LikelihoodRatioTest:
    from scipy.special import chdtrc

    return LikelihoodRatioTest(
        days=np.count_nonzero(~np.isnan(hits), axis=0),
        exceptions=np.count_nonzero(hits == 1, axis=0),
        statistic=statistic,
        p_value=_rounded(chdtrc(freedom, statistic)),
    )


@dataclass(frozen=True)
class Comparison:
    """A test of equal accuracy for each symbol; every array is (S,).

    statistic: negative where the first forecast is better.  p_value: two-sided.  count: the number
    of pairs of losses.
    """

    statistic: Floats
    p_value: Floats
    count: Ints


@np.errstate(all="ignore")
def diebold_mariano(loss: Floats, other: Floats) -> Comparison:
    """Test that two forecasts have equal expected loss (Diebold & Mariano 1995).

    loss, other: (K, S), the losses of forecasts from K dates whose horizons do not overlap; a date
    without one of the two is left out.

    Uses the small-sample correction and Student's t of Harvey, Leybourne & Newbold (1997). NaN for
    fewer than 3 pairs. p is 1 if all differences are 0, and 0 if all equal another number.
    """
    from scipy.special import stdtr

    differences = loss - other
    pairs = count(differences)
    average = total(differences) / pairs
    variance = total(np.square(differences - average)) / pairs**2
    correction = np.sqrt((pairs - 1.0) * pairs) / pairs
    statistic = correction * average / np.sqrt(variance)

    # rounding of the mean must not make equal differences look unequal
    lowest = np.fmin.reduce(differences, axis=0, initial=np.inf)
    highest = np.fmax.reduce(differences, axis=0, initial=-np.inf)
    certain = np.where(lowest == 0, 0.0, np.copysign(np.inf, lowest))
    statistic = np.where(lowest == highest, certain, statistic)
    statistic = np.where(pairs > 2, statistic, np.nan)
    return Comparison(
        statistic=statistic,
        p_value=_rounded(2 * stdtr(pairs - 1.0, -np.abs(statistic))),
        count=pairs,
    )


def holm(p_values: Floats) -> Floats:
    """The p-values (S,), adjusted for multiple tests (Holm 1979, step-down); NaN does not count."""
    adjusted = p_values.copy()
    known = np.flatnonzero(~np.isnan(p_values))
    rising = known[np.argsort(p_values[known], kind="stable")]
    least = np.maximum.accumulate(p_values[rising] * np.arange(len(rising), 0, -1))
    adjusted[rising] = np.minimum(least, 1.0)
    return adjusted


@np.errstate(all="ignore")
def mean_with_interval(differences: Floats) -> tuple[float, float, float]:
    """The mean of independent differences (K,) and Student's 95% interval around it.

    All three are NaN with no difference, and the bounds are NaN with one.
    """
    from scipy.special import stdtrit

    # sorted, so that their order cannot change the last bit
    known = np.sort(differences[~np.isnan(differences)])
    size = len(known)
    if size == 0:
        return float("nan"), float("nan"), float("nan")
    middle = float(known.mean())
    if size == 1:
        return middle, float("nan"), float("nan")
    width = float(_rounded(stdtrit(size - 1, 0.975)))
    half = width * float(known.std(ddof=1) / np.sqrt(size))
    return middle, middle - half, middle + half


@np.errstate(all="ignore")
def interval_by_date(figure: Floats, added: Floats) -> tuple[Floats, Floats]:
    """Student's 95% interval around figures (...), from what each date adds to them (T, ...).

    added: the weighted deviations of a date's observations from the figure, whose sum over dates
    is 0; NaN where a date has none. Within a date they may depend on each other, as prices of one
    day do, but not between dates (Liang & Zeger 1986). NaN for fewer than two dates.
    """
    from scipy.special import stdtrit

    dates, error = _error_by_date(added)
    half = _rounded(stdtrit(np.where(dates > 1, dates - 1.0, np.nan), 0.975)) * error
    return figure - half, figure + half


@np.errstate(all="ignore")
def below_by_date(figure: Floats | float, added: Floats) -> Floats:
    """The p-value of figures (...) of 0 against ones below 0, from what each date adds to them
    (T, ...), as `interval_by_date` takes it. NaN for fewer than three dates."""
    from scipy.special import stdtr

    dates, error = _error_by_date(added)
    return _rounded(stdtr(dates - 1.0, np.where(dates > 2, figure / error, np.nan)))


def _error_by_date(added: Floats) -> tuple[Ints, Floats]:
    """The number of dates (...) that add to figures, and their standard errors (...)."""
    there = np.isfinite(added)
    dates = np.count_nonzero(there, axis=0)
    squares = sums(np.where(there, np.square(added), 0.0))
    return np.asarray(dates), np.sqrt(squares * dates / (dates - 1))
