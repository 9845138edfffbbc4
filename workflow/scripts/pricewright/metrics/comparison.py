"""Whether one forecast is better than another, or only luckier."""

from dataclasses import dataclass

import numpy as np

from pricewright.arrays import Floats, Ints, count, total


@dataclass(frozen=True)
class Comparison:
    """A test of equal accuracy for each symbol; every array is (S,).

    difference: mean of loss less other, negative where the first forecast is better.
    statistic, p_value: two-sided.  count: how many pairs of losses.
    """

    difference: Floats
    statistic: Floats
    p_value: Floats
    count: Ints


@np.errstate(all="ignore")
def diebold_mariano(loss: Floats, other: Floats, horizon: int = 1) -> Comparison:
    """Test that two forecasts have equal expected loss (Diebold & Mariano 1995).

    loss, other: (K, S), the losses of `horizon` steps ahead forecasts from K successive dates;
    a date that lacks one is left out but keeps its place. With the long-run variance of
    horizon - 1 lags (none, where that is not positive), the correction for few dates and
    Student's t of Harvey, Leybourne & Newbold (1997). NaN for fewer than 3 pairs, or no more
    than `horizon`. Differences that are all 0 give p = 1; all equal to another number, 0.
    """
    from scipy.special import stdtr

    differences = loss - other
    pairs = count(differences)
    average = total(differences) / pairs
    deviations = differences - average
    plain = total(np.square(deviations))
    lagged = sum(
        (total(deviations[lag:] * deviations[:-lag]) for lag in range(1, horizon)),
        np.zeros(len(pairs)),
    )
    long_run = plain + 2 * lagged
    variance = np.where(long_run > 0, long_run, plain) / pairs**2
    correction = np.sqrt((pairs - horizon) * (pairs - horizon + 1.0)) / pairs
    statistic = correction * average / np.sqrt(variance)

    # Equal differences must not be told apart by the rounding of their mean.
    lowest = np.fmin.reduce(differences, axis=0, initial=np.inf)
    highest = np.fmax.reduce(differences, axis=0, initial=-np.inf)
    certain = np.where(lowest == 0, 0.0, np.copysign(np.inf, lowest))
    statistic = np.where(lowest == highest, certain, statistic)
    statistic = np.where(pairs > max(2, horizon), statistic, np.nan)
    return Comparison(
        difference=average,
        statistic=statistic,
        p_value=2 * stdtr(pairs - 1.0, -np.abs(statistic)),
        count=pairs,
    )


def holm(p_values: Floats) -> Floats:
    """The p-values (S,) adjusted for their number, step-down (Holm 1979); NaN is not one."""
    adjusted = p_values.copy()
    known = np.flatnonzero(~np.isnan(p_values))
    rising = known[np.argsort(p_values[known], kind="stable")]
    least = np.maximum.accumulate(p_values[rising] * np.arange(len(rising), 0, -1))
    adjusted[rising] = np.minimum(least, 1.0)
    return adjusted


@np.errstate(all="ignore")
def mean_with_interval(differences: Floats, confidence: float = 0.95) -> tuple[float, float, float]:
    """The mean of independent differences (K,) and Student's t interval around it.

    NaN for all three with no difference, and for the bounds with one.
    """
    from scipy.special import stdtrit

    # Sorted, so that their order cannot change the last bit.
    known = np.sort(differences[~np.isnan(differences)])
    size = len(known)
    if size == 0:
        return float("nan"), float("nan"), float("nan")
    middle = float(known.mean())
    if size == 1:
        return middle, float("nan"), float("nan")
    half = float(stdtrit(size - 1, (1 + confidence) / 2) * known.std(ddof=1) / np.sqrt(size))
    return middle, middle - half, middle + half
