"""E-values are fair where forecasts are right, whatever depends on what, and grow where not."""

from statistics import NormalDist

import numpy as np
import pytest

from pricewright.monitoring import evidence

LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
STANDARD = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
AT_RISK = NormalDist().inv_cdf(0.025)
EXPECTED = -NormalDist().pdf(AT_RISK) / 0.025


def process(values):
    return evidence.processes([values])[:, 0]


def prices(days, symbols, *, seed=1, common=0.6, scale=1.0):
    """(T, S): standard normal prices that have a common part, as markets have."""
    random = np.random.default_rng(seed)
    shared, own = random.normal(size=(days, 1)), random.normal(size=(days, symbols))
    return scale * (common * shared + np.sqrt(1 - common**2) * own)


def all_kinds(came, rivals=1.5):
    """The e-values of each kind, of forecasts that are standard normal; the rival's are wider."""
    quantiles = np.broadcast_to(STANDARD, (*came.shape, len(LEVELS)))
    two = quantiles[..., [1, 5]]
    return {
        "1%": evidence.exceptions(came, quantiles[..., 0], 0.01),
        "5%": evidence.exceptions(came, quantiles[..., 1], 0.05),
        "shortfall": evidence.shortfall(
            came, np.full(came.shape, AT_RISK), np.full(came.shape, EXPECTED), 0.025
        ),
        "calibration": evidence.calibration(came, quantiles, LEVELS),
        "rival": evidence.rival(came, two, rivals * two, (0.05, 0.95)),
    }


def test_an_exception_pays_one_over_its_probability():
    came, quantile = np.array([[-2.0, 0.0, np.nan]]), np.full((1, 3), -1.0)
    found = evidence.exceptions(came, quantile, 0.05)
    np.testing.assert_array_equal(found, [[20.0, 0.0, np.nan]])


def test_only_prices_that_were_forecast_are_counted():
    came, quantile = np.array([[-2.0, 0.0, np.nan, -2.0]]), np.array([[-1.0, -1.0, -1.0, np.nan]])
    assert evidence.hits(came, quantile) == (1, 2)


def test_a_loss_beyond_the_value_at_risk_pays_by_how_far_it_is():
    came = np.array([[-3.0, -2.0, -1.0]])
    found = evidence.shortfall(came, np.full((1, 3), -2.0), np.full((1, 3), -2.5), 0.025)
    np.testing.assert_allclose(found, [[1.0 / (0.025 * 0.5), 0.0, 0.0]])


def test_a_rivals_bet_is_bounded_and_one_where_both_say_the_same():
    came = np.linspace(-9, 9, 37)[:, None]
    ours = np.broadcast_to([-1.0, 1.0], (37, 1, 2))
    same = evidence.rival(came, ours, ours, (0.05, 0.95))
    np.testing.assert_array_equal(same, 1.0)
    other = evidence.rival(came, ours, ours + np.array([-1.0, 0.5]), (0.05, 0.95))
    assert other.min() >= 0
    assert other.max() <= 2
    assert other[0, 0] > 1 > other[18, 0]  # far below, the wider one loses less


@pytest.mark.parametrize("kind", ["1%", "5%", "shortfall", "calibration"])
def test_e_values_have_a_mean_of_one_where_the_forecast_is_right(kind):
    values = np.concatenate([all_kinds(prices(500, 20, seed=seed))[kind] for seed in range(8)])
    daily = evidence.daily(values)
    assert abs(daily.mean() - 1) < 4 * daily.std() / np.sqrt(len(daily))


def test_a_rival_that_is_worse_pays_less_than_one():
    assert evidence.daily(all_kinds(prices(4000, 20))["rival"]).mean() < 1


def test_forecasts_that_are_right_hardly_ever_reach_a_limit_in_two_years():
    reached = 0
    for seed in range(12):
        kinds = all_kinds(prices(500, 5, seed=seed))
        won = sum(process(values) for values in kinds.values()) / len(kinds)
        reached += won.max() >= 20
    assert reached <= 3  # 0.6 of 12 in the mean at most; more than 3 by chance in one of 300 cases


@pytest.mark.parametrize("kind", ["1%", "5%", "shortfall", "calibration"])
def test_a_volatility_that_doubles_is_noticed_within_weeks_however_calm_it_was_before(kind):
    for seed in range(5):
        calm, wild = prices(250, 20, seed=seed), prices(60, 20, seed=99 + seed, scale=2.0)
        won = process(all_kinds(np.concatenate([calm, wild]))[kind])
        first = evidence.first_at(won, 100)
        assert first is not None
        assert first >= 250


def test_forecasts_that_are_too_wide_are_noticed_by_the_classes_and_by_a_narrower_rival():
    kinds = all_kinds(prices(250, 20, scale=0.5), rivals=0.5)
    assert evidence.first_at(process(kinds["calibration"]), 100) is not None
    assert evidence.first_at(process(kinds["rival"]), 100) is not None
    assert evidence.first_at(process(kinds["5%"]), 20) is None  # no loss was too large


def test_a_day_is_bet_on_by_what_was_known_before_it():
    """Whatever comes on a day and after it, what was won until then is the same."""
    values = all_kinds(prices(60, 3))["calibration"]
    other = values.copy()
    other[40:] = 7.0
    np.testing.assert_array_equal(process(values)[:40], process(other)[:40])


def test_days_and_symbols_without_a_price_change_nothing():
    came = prices(60, 3)
    gaps = np.full((61, 4), np.nan)
    gaps[np.r_[:30, 31:61], :3] = came
    for kind, values in all_kinds(came).items():
        won = process(values)
        with_gaps = process(all_kinds(gaps)[kind])
        np.testing.assert_allclose(np.delete(with_gaps, 30), won, rtol=1e-12)


def test_evidence_of_one_symbol_alone_does_not_decide():
    came = prices(250, 400)
    came[:, 0] *= 10
    values = all_kinds(came)["1%"]
    assert evidence.by_symbol([values])[0, 0] > 1e6
    assert process(values).max() < 20
