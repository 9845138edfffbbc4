"""Random walk with drift, its volatility an exponentially weighted moving average (EWMA).

On the scale of the model (log prices, or levels where a logarithm is impossible)

    y[t+h] = y[t] + h * drift + sqrt(h * variance[t]) * z,    z ~ N(0, 1)

with the drift estimated as the mean change so far and the variance by RiskMetrics' recursion
variance[t] = decay * variance[t-1] + (1 - decay) * (y[t] - y[t-1])**2
(J.P. Morgan/Reuters, RiskMetrics Technical Document, 4th ed., 1996, section 5.2).
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from pricewright.series import Floats, History, Ints, Scale, from_scale, to_scale

SEED_CHANGES = 20
"""How many first changes are averaged for the variance to start from."""


@dataclass(frozen=True)
class Walk:
    """What the model knew after each observation; every array is (n,), index k for 0..k.

    values: the observations on the scale.  drift: per step, on the scale.
    variance: EWMA of the squared change, one step ahead.
    plain_variance: mean of the squared changes so far, for the random walk to compare with.
    """

    scale: Scale
    values: Floats
    drift: Floats
    variance: Floats
    plain_variance: Floats


@dataclass(frozen=True)
class Forecast:
    """Prices for horizons 1..H, each array (..., H): the median and the bounds of the interval."""

    median: Floats
    lower: Floats
    upper: Floats


def walk(
    history: History,
    decay: float,
    *,
    drift: float | None = None,
    variance: float | None = None,
    scale: Scale | None = None,
) -> Walk:
    """Run the model along a history of at least two prices.

    What is known at index k is estimated from observations 0..k only, but for the variance's
    start, which averages the first `SEED_CHANGES` changes. `drift`, `variance` (its start)
    and `scale`, where given, are a fitted model's and are not estimated.
    """
    scale = scale or history.scale
    values = to_scale(history.prices, scale)
    squares = np.diff(values) ** 2
    steps = np.arange(len(values))
    start = float(squares[:SEED_CHANGES].mean()) if variance is None else variance
    recursion = pd.Series(np.concatenate([[start], squares])).ewm(alpha=1 - decay, adjust=False)
    so_far = np.concatenate([[0.0], np.cumsum(squares)]) / np.maximum(steps, 1)
    mean_change = (values - values[0]) / np.maximum(steps, 1)
    return Walk(
        scale=scale,
        values=values,
        drift=mean_change if drift is None else np.full(len(values), drift),
        variance=recursion.mean().to_numpy(),
        plain_variance=so_far,
    )


def forecast(path: Walk, at: Ints, horizon: int, level: float) -> Forecast:
    """The model's forecasts made after each observation in `at` (m,): arrays (m, horizon)."""
    steps = np.arange(1, horizon + 1, dtype=np.intp)
    centre = path.values[at, None] + steps * path.drift[at, None]
    return _around(centre, steps, path.variance[at, None], level, path.scale)


def plain_forecast(path: Walk, at: Ints, horizon: int, level: float) -> Forecast:
    """The plain random walk's: no drift, constant volatility estimated so far."""
    steps = np.arange(1, horizon + 1, dtype=np.intp)
    centre = np.repeat(path.values[at, None], horizon, axis=1)
    return _around(centre, steps, path.plain_variance[at, None], level, path.scale)


def _around(centre: Floats, steps: Ints, variance: Floats, level: float, scale: Scale) -> Forecast:
    half = NormalDist().inv_cdf((1 + level) / 2) * np.sqrt(steps * variance)
    return Forecast(
        median=from_scale(centre, scale),
        lower=from_scale(centre - half, scale),
        upper=from_scale(centre + half, scale),
    )
