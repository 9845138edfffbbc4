"""Losses of forecasts of the variance of returns, judged by squared returns."""

import numpy as np

from pricewright.arrays import Floats


@np.errstate(all="ignore")
def qlike(squared_return: Floats, variance: Floats) -> Floats:
    """log(variance) + squared_return / variance, elementwise, any shape; lower is better.

    Ranks forecasts as the true variance would, though a squared return is a noisy stand-in
    for it (Patton 2011), and allows a return of 0. NaN where the variance is not above 0.
    """
    known = np.where(variance > 0, variance, np.nan)
    return np.log(known) + squared_return / known
