"""Errors of point forecasts against those of the naive forecast, the last price.

Errors are (K, S, H), origins by symbols by horizons, in the unit of the prices; NaN, where
nothing was forecast or observed, is left out, and a symbol with nothing left has NaN.
"""

import numpy as np

from pricewright.arrays import Floats, mean, total


@np.errstate(all="ignore")
def naive_scales(prices: Floats) -> tuple[Floats, Floats]:
    """Mean absolute and mean squared one-step change of prices (N, S), each (N, S).

    Row k averages the changes within rows 0..k, as was known at k, so row 0 is NaN. A column
    that ends early has NaN after its end; so has, from its first NaN on, one with a gap.
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
    """Mean absolute error over the naive forecast's, on the points that both have: (S,).

    Below 1 is better than naive. NaN where the naive forecast was never wrong.
    """
    both = ~(np.isnan(errors) | np.isnan(naive_errors))
    ours = total(np.where(both, np.abs(errors), np.nan))
    return ours / _usable(total(np.where(both, np.abs(naive_errors), np.nan)))


def _usable(scale: Floats) -> Floats:
    return np.where(scale > 0, scale, np.nan)
