"""Point forecasts: by their definitions, and as statsmodels makes them."""

import numpy as np
import pytest
from forecasts import stocks
from statsmodels.tsa.api import SimpleExpSmoothing
from statsmodels.tsa.forecasting.theta import ThetaModel

from pricewright.forecasting import location
from pricewright.forecasting.location import LEAST, MOST
from pricewright.forecasting.volatility import States

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

KINDS = ("naive", "drift", "ses", "theta", "lightgbm")


def smooth_series(weight, days=400, drift=0.0, seed=1):
    """(days, 1): a level that follows its values by `weight`: an ARIMA(0,1,1)."""
    noise = np.random.default_rng(seed).normal(size=days)
    level, values = 10.0, []
    for shock in noise:
        values.append(level + shock)
        level += drift + weight * shock
    return np.array(values)[:, None]


def after(level, observations):
    """States (S,) of which a location takes these."""
    counts = np.full(len(level), float(observations))
    return States(counts, level, np.zeros(len(level)), garch=None, averages=None)


def forecast(kind, values, horizon=6):
    """(S, H): from the last of values (n, S), all of the same length."""
    fitted = location.fit(kind, values)
    level = location.levels(fitted, values)[-1]
    return location.centres(fitted, after(level, len(values)), horizon)


@pytest.mark.parametrize("kind", ["naive", "lightgbm"])
def test_naive_and_lightgbm_without_trees_are_the_last_value(kind):
    values = np.log(stocks(200))
    np.testing.assert_array_equal(forecast(kind, values), np.repeat(values[-1][:, None], 6, 1))


def test_drift_is_the_last_value_and_the_mean_change():
    values = np.log(stocks(200))
    expected = [
        [column[-1] + step * np.diff(column).mean() for step in range(1, 7)] for column in values.T
    ]
    np.testing.assert_allclose(forecast("drift", values), expected, rtol=1e-12)


def by_statsmodels(kind, series):
    """A fitted model of a series (n,)."""
    if kind == "theta":
        return ThetaModel(series, period=1, deseasonalize=False).fit(use_mle=False)
    known = {"initialization_method": "known", "initial_level": series[0]}
    return SimpleExpSmoothing(series, **known).fit(optimized=True)


@pytest.mark.parametrize("weight", [0.1, 0.4, 0.7, 0.95])
def test_ses_finds_the_weight_that_statsmodels_finds(weight):
    values = smooth_series(weight)
    theirs = by_statsmodels("ses", values[:, 0])
    ours = location.fit("ses", values)
    np.testing.assert_allclose(ours.weight, theirs.params["smoothing_level"], atol=1e-4)
    np.testing.assert_allclose(forecast("ses", values)[0], theirs.forecast(6), rtol=1e-4)


@pytest.mark.parametrize(("weight", "drift"), [(0.2, 0.05), (0.5, -0.02), (0.9, 0.01)])
def test_theta_of_simulated_series_is_that_of_statsmodels(weight, drift):
    values = smooth_series(weight, drift=drift) + 50
    theirs = by_statsmodels("theta", values[:, 0]).forecast(6)
    np.testing.assert_allclose(forecast("theta", values)[0], theirs, rtol=1e-3)


@pytest.mark.parametrize(("kind", "rtol"), [("ses", 1e-4), ("theta", 1e-3)])
def test_smoothing_of_real_stocks_is_that_of_statsmodels(kind, rtol):
    values = np.log(stocks(1000))
    theirs = [by_statsmodels(kind, series).forecast(6) for series in values.T]
    np.testing.assert_allclose(forecast(kind, values), theirs, rtol=rtol)


def test_theta_is_the_mean_of_a_trend_and_of_a_smoothed_line():
    """Two lines, as Assimakopoulos and Nikolopoulos have them: theta of 0 and of 2."""
    values = smooth_series(0.4, drift=0.1)
    fitted = location.fit("theta", values)
    weight = float(fitted.weight[0])
    steps = np.arange(len(values))
    slope, intercept = np.polyfit(steps, values[:, 0], 1)
    np.testing.assert_allclose([fitted.slope[0], fitted.intercept[0]], [slope, intercept])
    bent = 2 * values[:, 0] - (intercept + slope * steps)
    smoothed = values[0, 0] - intercept  # of what it begins with, nothing is left in the end
    for value in bent:
        smoothed = weight * value + (1 - weight) * smoothed
    ahead = np.arange(6) + len(values)
    lines = (smoothed + intercept + slope * ahead) / 2
    np.testing.assert_allclose(forecast("theta", values)[0], lines, rtol=1e-3)


@pytest.mark.parametrize("kind", ["ses", "theta"])
def test_no_other_weight_has_smaller_errors(kind):
    values = np.concatenate(
        [smooth_series(w, drift=0.02, seed=s) for s, w in enumerate((0.2, 0.5, 0.8))], 1
    )
    fitted = location.fit(kind, values)

    def squared(weight):
        other = location.Location(kind, fitted.slope, fitted.intercept, weight)
        level = location.levels(other, values)
        made = [
            location.centres(other, after(level[row], row + 1), 1)[:, 0]
            for row in range(len(values) - 1)
        ]
        return ((values[1:] - np.array(made)) ** 2).sum(axis=0)

    best = squared(fitted.weight)
    for change in (-0.02, -0.001, 0.001, 0.02):
        assert (squared(np.clip(fitted.weight + change, LEAST, MOST)) >= best * (1 - 1e-9)).all()


def test_a_random_walk_has_the_last_value_as_its_level():
    values = np.cumsum(np.random.default_rng(3).normal(size=(2000, 3)), axis=0)
    assert (location.fit("ses", values).weight > 0.9).all()


@pytest.mark.parametrize("kind", ["ses", "theta"])
def test_the_weight_keeps_its_bounds(kind):
    noise = np.random.default_rng(4).normal(size=(400, 1))
    steps = np.cumsum(np.sign(noise) * np.arange(400)[:, None], axis=0)
    fitted = location.fit(kind, np.concatenate([noise, steps], axis=1))
    assert ((fitted.weight >= LEAST) & (fitted.weight <= MOST)).all()
    assert fitted.weight[0] < 0.1
    assert fitted.weight[1] > 0.9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [2, 3, 5, 30])
def test_short_and_constant_series_are_no_crash(kind, length):
    values = np.random.default_rng(length).normal(size=(length, 3))
    values[:, 1] = 7.0
    values[:, 2] = 0.0
    made = forecast(kind, values)
    assert np.isfinite(made).all()
    np.testing.assert_allclose(made[2], 0.0, atol=1e-12)
    if kind != "theta":
        np.testing.assert_allclose(made[1], 7.0, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_different_lengths_are_what_each_is_alone(kind):
    lengths = (300, 41, 200, 300, 2)
    values = np.cumsum(np.random.default_rng(5).normal(size=(300, 5)), axis=0)
    for column, length in enumerate(lengths):
        values[length:, column] = np.nan
    together = location.fit(kind, values)
    for column, length in enumerate(lengths):
        alone = location.fit(kind, np.ascontiguousarray(values[:length, column : column + 1]))
        for name in ("slope", "intercept", "weight"):
            assert getattr(alone, name)[0] == getattr(together, name)[column], name


@pytest.mark.parametrize("kind", KINDS)
def test_a_level_knows_nothing_that_comes_later(kind):
    values = np.log(stocks(200))
    fitted = location.fit(kind, values)
    later = values.copy()
    later[100:] += 3
    one, other = location.levels(fitted, values), location.levels(fitted, later)
    np.testing.assert_array_equal(one[:100], other[:100])
