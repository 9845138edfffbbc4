"""Patterns in one-day-ahead errors: found where they are, not found where they are not."""

from dataclasses import fields

import numpy as np
import pytest
from forecasts import chosen, garch_changes, weekdays
from scipy import stats

from pricewright.evaluation.acceptance import ENOUGH_DAYS, HIGHEST_RATIO
from pricewright.evaluation.evaluate import evaluate
from pricewright.evaluation.figures import figures
from pricewright.evaluation.patterns import (
    ENOUGH_OF_A_WEEKDAY,
    FURTHEST,
    LEAST_CORRELATION,
    Patterns,
)
from pricewright.forecasting.panel import panel_of
from pricewright.forecasting.timeline import make_timeline
from pricewright.forecasting.walkforward import walk_forward

pytestmark = pytest.mark.filterwarnings("error")

DAYS = 1_000


def every_day(days):
    return np.arange(16_000, 16_000 + days)


def weekday_of(days):
    return np.array([np.datetime64(int(day), "D").astype(object).weekday() for day in days])


def found_in(errors, days=None):
    """The tests of errors (D, S), on working days unless other days are given."""
    days = weekdays(len(errors)) if days is None else days
    return Patterns.of_errors(errors, np.repeat(days[:, None].astype(float), errors.shape[1], 1))


def judged(errors, days=None):
    return found_in(errors, days).figures([f"S{place}" for place in range(errors.shape[1])])


def normal(symbols=3, days=DAYS, seed=1):
    return np.random.default_rng(seed).normal(size=(days, symbols))


# The tests, computed again


def test_weekdays_are_compared_by_fishers_analysis_of_variance():
    errors, days = normal() * (1 + 0.1 * weekday_of(weekdays(DAYS)))[:, None], weekdays(DAYS)
    found, of_week = found_in(errors), weekday_of(days)
    size = np.minimum(np.abs(errors), FURTHEST)
    for column in range(errors.shape[1]):
        groups = [size[of_week == weekday, column] for weekday in range(5)]
        assert found.weekday_p[column] == pytest.approx(stats.f_oneway(*groups).pvalue, rel=1e-6)
        others = [size[of_week != weekday, column].mean() for weekday in range(5)]
        most = max(range(5), key=lambda each: abs(groups[each].mean() - others[each]))
        assert found.weekday[column] == most
        assert found.ratio[column] == pytest.approx(groups[most].mean() / others[most])


def test_the_correlation_is_of_successive_errors_about_their_mean():
    errors = normal() + 0.3
    errors[5, 0] = np.nan
    found = found_in(errors)
    for column in range(errors.shape[1]):
        off = np.clip(errors[:, column], -FURTHEST, FURTHEST)
        off = off - np.nanmean(off)
        products = off[1:] * off[:-1]
        statistic = np.nansum(products) / np.sqrt(np.nansum(products**2))
        assert found.serial_p[column] == pytest.approx(2 * stats.norm.sf(abs(statistic)))
        expected = np.nansum(products) / np.nansum(off**2)
        assert found.correlation[column] == pytest.approx(expected)


@pytest.mark.parametrize("tails", ["normal", "t(4)", "t(3)", "changing volatility"])
def test_both_tests_keep_their_size(tails):
    random, symbols = np.random.default_rng(1), 4_000
    errors = {
        "normal": lambda: random.normal(size=(400, symbols)),
        "t(4)": lambda: random.standard_t(4, (400, symbols)) / 2**0.5,
        "t(3)": lambda: random.standard_t(3, (400, symbols)) / 3**0.5,
        "changing volatility": lambda: 100 * garch_changes(400, symbols),
    }[tails]()
    found = found_in(errors)
    for p_value in (found.weekday_p, found.serial_p):
        assert np.mean(p_value < 0.05) < 0.06
        assert np.mean(p_value < 0.01) < 0.015
        assert np.mean(p_value < 0.001) < 0.003


def test_a_symbols_tests_are_the_same_bytes_alone_among_others_and_padded():
    errors = normal(symbols=7)
    errors[:600, 2] = np.nan
    together = found_in(errors)
    longer = np.concatenate([errors, np.full((40, 7), np.nan)])
    padded = found_in(longer)
    for column in range(7):
        alone = found_in(errors[:, [column]])
        for name in (field.name for field in fields(Patterns)):
            one = getattr(alone, name).tobytes()
            assert one == getattr(together.of([column]), name).tobytes()
            assert one == getattr(padded.of([column]), name).tobytes()


# What is found


def test_white_noise_has_no_pattern():
    for seed in range(5):
        found = judged(normal(symbols=50, seed=seed))
        assert found == {kind: {"tested": 50, "found": 0} for kind in ("weekday", "serial")}


def test_a_weekday_of_larger_errors_is_named_with_its_ratio():
    days = every_day(DAYS)
    errors = normal()
    errors[weekday_of(days) == 5, 1] *= 2.3
    found = judged(errors, days)
    assert (found["weekday"]["tested"], found["weekday"]["found"]) == (3, 1)
    worst = found["weekday"]["worst"]
    assert (worst["symbol"], worst["weekday"]) == ("S1", "Saturday")
    assert worst["ratio"] == pytest.approx(2.2, abs=0.25)  # the largest errors are cut
    assert found["serial"]["found"] == 0


def test_a_quiet_weekday_is_found_as_well_and_the_worst_is_furthest_from_1_either_way():
    days = every_day(DAYS)
    errors = normal()
    errors[weekday_of(days) == 2, 0] *= 2
    errors[weekday_of(days) == 6, 2] *= 0.3
    found = judged(errors, days)["weekday"]
    assert found["found"] == 2
    assert (found["worst"]["symbol"], found["worst"]["weekday"]) == ("S2", "Sunday")
    assert found["worst"]["ratio"] < 0.4


@pytest.mark.parametrize(("correlation", "found"), [(-0.3, 3), (0.3, 3), (0.0, 0)])
def test_correlated_errors_are_found(correlation, found):
    errors = normal()
    errors[1:] += 1.1 * correlation * errors[:-1]
    serial = judged(errors)["serial"]
    assert serial["found"] == found
    if found:
        assert np.sign(serial["worst"]["correlation"]) == np.sign(correlation)


def test_an_effect_that_is_significant_but_small_is_not_found():
    days = every_day(40_000)
    errors = normal(days=len(days))
    errors[1:] += 0.05 * errors[:-1]
    errors[weekday_of(days) == 0] *= 1.1
    found = found_in(errors, days)
    assert max(found.weekday_p.max(), found.serial_p.max()) < 1e-6
    assert np.abs(found.correlation).max() < LEAST_CORRELATION
    assert not any(each["found"] for each in judged(errors, days).values())


def test_the_more_symbols_are_tested_the_clearer_a_pattern_must_be():
    errors = normal(days=400, seed=2)
    errors[1:, 0] += 0.17 * errors[:-1, 0]
    p_value = found_in(errors).serial_p[0]
    assert 1e-4 < p_value < 3e-3
    assert judged(errors)["serial"]["found"] == 1
    many = np.concatenate([errors, normal(symbols=500, days=400, seed=3)], axis=1)
    assert judged(many)["serial"] == {"tested": 503, "found": 0}


def test_one_wrong_price_is_no_pattern():
    errors = normal()
    errors[500], errors[501] = 40.0, -40.0
    assert not any(each["found"] for each in judged(errors).values())


# Too little to test, or nothing that moves


def test_few_outcomes_are_not_found_in():
    errors = normal(days=ENOUGH_DAYS)
    assert judged(errors)["serial"]["tested"] == judged(errors)["weekday"]["tested"] == 3
    errors[0, 0] = np.nan
    assert judged(errors)["serial"]["tested"] == judged(errors)["weekday"]["tested"] == 2


def test_a_weekday_with_few_outcomes_is_left_out():
    days = every_day(DAYS)
    errors, sundays = normal(), np.flatnonzero(weekday_of(days) == 6)
    errors[sundays] *= 9
    errors[sundays[ENOUGH_OF_A_WEEKDAY - 1 :]] = np.nan
    assert judged(errors, days)["weekday"] == {"tested": 3, "found": 0}
    weekly = days[0] + 7 * np.arange(300)
    assert judged(normal(days=300), weekly)["weekday"] == {"tested": 0, "found": 0}


def test_prices_that_do_not_move_at_weekends_or_only_on_one_day_give_finite_figures():
    days = every_day(DAYS)
    of_week = weekday_of(days)[:, None]
    carried = judged(np.where(of_week >= 5, 0.0, normal()), days)["weekday"]
    assert (carried["found"], carried["worst"]["ratio"]) == (3, 0.0)
    weekly = found_in(np.where(of_week == 4, normal(), 0.0), days)
    assert np.isfinite(weekly.ratio).all()
    steady = np.where(of_week == 4, 1.0, 0.0) * np.ones(3)  # nothing varies within a weekday
    assert judged(steady, days)["weekday"]["found"] == 3
    assert found_in(steady, days).ratio.tolist() == [HIGHEST_RATIO] * 3
    assert judged(steady, days)["weekday"]["worst"]["weekday"] == "Friday"
    still = judged(np.zeros((DAYS, 3)), days)
    assert still == {kind: {"tested": 0, "found": 0} for kind in ("weekday", "serial")}


def test_a_forecast_deviation_of_0_does_not_stop_the_tests():
    errors = normal()
    errors[3], errors[9] = np.inf, -np.inf
    assert not any(each["found"] for each in judged(errors).values())


# From prices


def patterns_of(values, days):
    """The patterns of log prices (N, S), as a model records them."""
    prices = 50 * np.exp(values)
    names = [f"S{place}" for place in range(values.shape[1])]
    panel = panel_of(names, [(days.astype(np.int32), column) for column in prices.T])
    settings = chosen(volatility="rolling", distribution="conformal", origins=150, refit=50)
    walked = walk_forward(panel, make_timeline(panel, settings), settings)
    return figures(evaluate(walked).summary, names)["pooled"]["patterns"]


def test_a_random_walk_has_no_pattern():
    for seed in range(3):
        found = patterns_of(np.cumsum(garch_changes(900, 5, seed=seed), axis=0), weekdays(900))
        assert found == {kind: {"tested": 5, "found": 0} for kind in ("weekday", "serial")}


def test_weekends_at_a_lower_level_are_found():
    days = every_day(900)
    lower = np.where(weekday_of(days) >= 5, -0.1, 0.0)[:, None]
    found = patterns_of(lower + np.cumsum(0.03 * normal(days=900), axis=0), days)["weekday"]
    assert (found["tested"], found["found"]) == (3, 3)
    assert found["worst"]["weekday"] in {"Saturday", "Monday"}
    assert found["worst"]["ratio"] > 1.5


def test_bid_ask_bounce_and_reversion_are_found():
    random = np.random.default_rng(1)
    bounce = np.cumsum(0.01 * normal(days=900), axis=0) + 0.01 * random.choice([-1, 1], (900, 3))
    reverting = 0.01 * normal(days=900)
    for row in range(1, 900):
        reverting[row] += 0.5 * reverting[row - 1]
    for values in (bounce, reverting):
        found = patterns_of(values, weekdays(900))
        assert found["serial"]["found"] == 3
        assert found["serial"]["worst"]["correlation"] < -0.2
        assert found["weekday"]["found"] == 0
