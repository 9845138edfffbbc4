"""Distributions: quantiles as numpy has them, simulated paths, shapes drawn to everyone's."""

from zlib import crc32

import numpy as np
import pytest
from forecasts import chosen, simulated, walked
from scipy import stats

from pricewright.forecasting import distribution
from pricewright.forecasting.distribution import (
    FEWEST,
    HALF_OWN,
    PATHS,
    Errors,
    PastErrors,
    conformal,
    levels_with,
    shapes_of,
)
from pricewright.forecasting.distribution import simulated_calibration as by_simulation
from pricewright.forecasting.garch import Garch
from pricewright.forecasting.volatility import Volatility

pytestmark = pytest.mark.filterwarnings("error")

LEVELS = levels_with(0.9)
NORMAL = np.append(stats.norm.ppf(LEVELS), -stats.norm.pdf(stats.norm.ppf(0.025)) / 0.025)
"""The shape of the standard normal distribution: quantiles, and the mean of the lowest 2.5 %."""


def shape_of(errors):
    """By integration: quantiles, and the mean of those below that of 2.5 %."""
    below = (np.arange(200_000) + 0.5) / 200_000 * 0.025
    wanted = [*LEVELS, *below]
    found = np.quantile(errors, wanted, method="weibull")
    return np.append(found[: len(LEVELS)], found[len(LEVELS) :].mean())


def mirrored(errors):
    """A shape whose every quantile, and the mean below one, is a quarter the other side's."""
    return 0.75 * shape_of(errors) + 0.25 * shape_of(-np.asarray(errors))


@pytest.mark.parametrize("count", [1, 2, 19, 100, 777])
def test_quantiles_are_those_of_weibull(count):
    errors = np.random.default_rng(count).normal(size=(3, count))
    expected = np.quantile(errors, LEVELS, axis=1, method="weibull").T
    np.testing.assert_allclose(distribution.quantiles(np.sort(errors), LEVELS), expected, rtol=1e-9)


def test_errors_that_are_not_there_do_not_count():
    errors = np.random.default_rng(1).normal(size=(4, 300))
    errors[0, ::3] = np.nan
    errors[1, 5:] = np.nan
    errors[2] = np.nan
    found = distribution.quantiles(np.sort(errors), LEVELS)
    for row in (0, 1, 3):
        there = errors[row][np.isfinite(errors[row])]
        np.testing.assert_allclose(found[row], np.quantile(there, LEVELS, method="weibull"))
    assert np.isnan(found[2]).all()


@pytest.mark.parametrize("count", [1, 5, 38, 39, 40, 100, 777])
def test_a_shortfall_is_the_mean_of_the_quantiles_below_that_of_2_5_percent(count):
    errors = np.random.default_rng(count).standard_t(4, size=(3, count))
    errors = np.concatenate([errors, np.full((3, 7), np.nan)], axis=1)
    low, high = distribution.shortfalls(np.sort(errors))
    np.testing.assert_allclose(low, [shape_of(row[:count])[-1] for row in errors], rtol=1e-5)
    np.testing.assert_allclose(-high, [shape_of(-row[:count])[-1] for row in errors], rtol=1e-5)
    for column in range(3):  # to the bit whoever else is there
        alone = distribution.shortfalls(np.sort(errors[[column]]))
        np.testing.assert_array_equal(np.array(alone)[:, 0], [low[column], high[column]])


def test_who_has_no_error_has_no_shortfall():
    errors = np.array([[np.nan, np.nan, np.nan], [-2.0, 0.0, 1.0]])
    low, high = distribution.shortfalls(np.sort(errors))
    np.testing.assert_array_equal(low, [np.nan, -2.0])
    np.testing.assert_array_equal(high, [np.nan, 1.0])


def test_normal_quantiles_are_those_of_scipy():
    np.testing.assert_allclose(distribution.normal(LEVELS), NORMAL, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99, 0.83, 0.999])
def test_a_model_has_the_bounds_of_its_own_interval_among_rising_levels(level):
    levels = levels_with(level)
    assert (np.diff(levels) > 0).all()
    assert round((1 - level) / 2, 12) in levels
    assert round((1 + level) / 2, 12) in levels
    assert set(distribution.LEVELS) <= set(levels.tolist())


def test_at_each_step_every_rank_is_drawn_once():
    ranks = distribution.draws(7)
    assert ranks.shape == (PATHS, 7)
    np.testing.assert_allclose(np.sort(ranks, axis=0)[:, 3], (np.arange(PATHS) + 0.5) / PATHS)
    assert np.abs(np.corrcoef(ranks.T) - np.eye(7)).max() < 0.1


def test_the_same_ranks_are_drawn_each_time():
    np.testing.assert_array_equal(distribution.draws(4), distribution.draws(4))


def normal_errors(count=2000):
    return stats.norm.ppf((np.arange(count) + 0.5) / count)


def test_simulation_of_normal_errors_without_feedback_is_normal():
    term = np.arange(1, 11) * 1e-4
    found = distribution.simulated(
        normal_errors(), distribution.draws(10), term, (0.0, 0.0, 1.0, 1.0), LEVELS
    )
    inner = np.append((LEVELS >= 0.05) & (LEVELS <= 0.95), False)
    np.testing.assert_allclose(found[:, inner], np.tile(NORMAL[inner], (10, 1)), atol=0.12)
    np.testing.assert_allclose(found[0], NORMAL, atol=0.03)


def test_simulation_of_one_day_is_the_errors_own_quantiles():
    errors = stats.t(4).ppf((np.arange(999) + 0.5) / 999)
    found = distribution.simulated(
        errors, distribution.draws(1), np.array([4e-4]), (0.1, 0.95, 1.0, 1.0), LEVELS
    )
    np.testing.assert_allclose(found[0, :-1], np.quantile(errors, LEVELS), atol=0.03)
    assert found[0, -1] == pytest.approx(shape_of(errors)[-1], abs=0.1)


def test_feedback_makes_the_tails_of_many_days_fatter():
    term = np.arange(1, 21) * 1e-4
    ranks = distribution.draws(20)
    without, with_it = (
        distribution.simulated(normal_errors(), ranks, term, moves, LEVELS)[-1]
        for moves in ((0.0, 0.0, 1.0, 1.0), (0.2, 0.99, 1.0, 1.0))
    )
    assert (with_it[[0, 1]] < without[[0, 1]] - 0.1).all()
    assert (with_it[[-3, -2]] > without[[-3, -2]] + 0.1).all()
    assert with_it[-1] < without[-1] - 0.1


def test_falls_that_count_more_make_the_lower_tail_of_many_days_longer():
    term, ranks = np.arange(1, 21) * 1e-4, distribution.draws(20)
    alike, leaning = (
        distribution.simulated(normal_errors(), ranks, term, (0.1, 0.98, *counts), LEVELS)
        for counts in ((1.0, 1.0), (1.6, 0.4))
    )
    np.testing.assert_array_equal(alike[0], leaning[0])  # the first day knows no feedback
    assert (leaning[-1, [0, 1, -1]] < alike[-1, [0, 1, -1]] - 0.05).all()
    assert (leaning[-1, [-3, -2]] < alike[-1, [-3, -2]] - 0.05).all()


def test_simulation_does_not_depend_on_the_order_of_errors_or_the_unit_of_the_variance():
    errors = np.random.default_rng(2).standard_t(5, 400)
    ranks, term = distribution.draws(5), np.arange(1, 6) * 1e-4
    moves = (0.1, 0.97, 1.4, 0.6)
    one = distribution.simulated(errors, ranks, term, moves, LEVELS)
    np.testing.assert_array_equal(
        distribution.simulated(errors[::-1], ranks, term, moves, LEVELS), one
    )
    np.testing.assert_allclose(
        distribution.simulated(errors, ranks, 1e6 * term, moves, LEVELS), one, rtol=1e-9
    )


def test_spread_is_a_symbols_own_where_it_has_errors_and_everyones_where_it_has_none():
    absolute = np.array([[0.0], [10.0], [9e6]])
    counts = np.array([[0], [10], [10**7]])
    found = distribution.spread(absolute, counts, np.array([0.8]))
    expected = [0.8, (10 + FEWEST * 0.8) / (10 + FEWEST), 0.9]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-4)


# What is known of errors at a date.

HORIZON = 3
SETTINGS = chosen(horizon=HORIZON, distribution="conformal", calibration=150)


def made_errors(symbols=3, rows=200, seed=1):
    """Errors of every row, the later ones NaN where their outcome is not there."""
    panel = simulated(symbols, rows + 1)
    errors = np.random.default_rng(seed).normal(size=(HORIZON, symbols, rows))
    for step in range(HORIZON):
        errors[step, :, rows - step :] = np.nan
    return Errors(panel, errors, np.zeros(symbols, dtype=np.intp))


def test_only_errors_whose_outcome_was_known_count():
    errors = made_errors()
    ends = np.array([[150, 60, 0]])
    known = conformal(errors, ends, 0 * ends, SETTINGS, [1])
    # of 150 observations, 149 - h rows have an outcome h + 1 days later
    assert known.counts[0].tolist() == [[149, 148, 147], [59, 58, 57], [0, 0, 0]]
    for step in range(HORIZON):
        seen = errors.errors[step, 0, : 149 - step]
        np.testing.assert_allclose(known.absolute[0, 0, step], np.abs(seen).sum())
        np.testing.assert_allclose(known.own[0, 0, step], mirrored(seen), rtol=1e-5)


@pytest.mark.parametrize("begins", [[0], [0, 3]])
@pytest.mark.parametrize(("ends", "apart"), [(401, (1, 2, 2)), (302, (1, 2, 1)), (301, (1, 1, 1))])
def test_of_many_errors_the_latest_count_and_of_those_that_overlap_every_second(
    begins, ends, apart
):
    errors = made_errors(len(begins), 400)
    later = Errors(errors.panel, errors.errors, np.array(begins))
    ends_of_all = np.full((1, len(begins)), ends)
    known = conformal(later, ends_of_all, 0 * ends_of_all, SETTINGS, [1])
    for step, gap in enumerate(apart):
        seen = errors.errors[step, 0, : ends - step - 1][::-gap][: 150 if step else 300]
        assert known.counts[0, 0, step] == len(seen)
        np.testing.assert_allclose(known.absolute[0, 0, step], np.abs(seen).sum())


def test_errors_from_before_a_row_do_not_count():
    errors = made_errors()
    known = conformal(errors, np.array([[150, 150, 150]]), np.array([[0, 20, 150]]), SETTINGS, [1])
    assert known.counts[0, :, 0].tolist() == [149, 129, 0]
    seen = np.abs(errors.errors[0, 1, 20:149])
    np.testing.assert_allclose(known.absolute[0, 1, 0], seen.sum())


def test_errors_that_begin_later_are_found_by_their_row():
    whole = made_errors(1, 400)
    later = Errors(whole.panel, whole.errors[..., 40:], np.array([40]))
    ends = np.array([[380]])
    one, other = (conformal(errors, ends, 0 * ends, SETTINGS, [1]) for errors in (whole, later))
    np.testing.assert_array_equal(one.own, other.own)


def test_the_pool_is_of_errors_in_units_of_each_symbols_own_and_of_one_in_so_many():
    errors = made_errors()
    ends = np.array([[150, 150, 60]])
    everyone, some = (conformal(errors, ends, 0 * ends, SETTINGS, [every]) for every in (1, 4))
    for step in range(HORIZON):
        expected, sampled = [], []
        for column, symbol in enumerate(errors.panel.symbols[:2]):  # the third has too few
            seen = errors.errors[step, column, : 149 - step]
            expected.append(seen / np.abs(seen).mean())
            rows = np.arange(len(seen)) // 2
            sampled.append(expected[-1][(rows + crc32(symbol.encode())) % 4 == 0])
        np.testing.assert_allclose(everyone.pool[0][step], np.concatenate(expected))
        np.testing.assert_allclose(some.pool[0][step], np.concatenate(sampled))


def known_of(counts, own, absolute=None, pool=None):
    """(1, S, 1) of one date and one horizon."""
    counts = np.array(counts).reshape(1, -1, 1)
    absolute = 0.8 * counts if absolute is None else np.array(absolute).reshape(1, -1, 1)
    everyone = np.random.default_rng(3).normal(size=5000) if pool is None else pool
    return PastErrors(
        absolute.astype(float),
        counts,
        np.array(own).reshape(1, counts.shape[1], 1, len(NORMAL)),
        [[everyone / np.abs(everyone).mean() if len(everyone) else everyone]],
    )


def test_a_conformal_shape_is_between_its_own_and_everyones():
    own = np.stack([5 * NORMAL, 5 * NORMAL, 5 * NORMAL])
    known = known_of([0, HALF_OWN, 10**8], own)
    (found,) = shapes_of([known], chosen(horizon=1, distribution="conformal"))
    found = found[0, :, 0]
    # everyone's quantiles are in units of a mean absolute error, here 0.8
    common = 0.8 * mirrored(known.pool[0][0])
    np.testing.assert_allclose(found[0], common, rtol=1e-6)
    np.testing.assert_allclose(found[1], (common + 5 * NORMAL) / 2, rtol=1e-6)
    np.testing.assert_allclose(found[2], 5 * NORMAL, rtol=1e-4, atol=1e-4)


def test_who_has_no_error_of_its_own_has_everyones():
    own = np.stack([np.full(len(NORMAL), np.nan), 2 * NORMAL])
    (found,) = shapes_of([known_of([0, 500], own)], chosen(horizon=1, distribution="conformal"))
    assert np.isfinite(found).all()


def shapes_beside(wrong, symbols=5, days=1000):
    """The shapes of sound symbols, beside a symbol with `wrong` among its errors, one day ahead."""
    errors = np.random.default_rng(8).normal(size=(symbols + 1, days))
    errors[-1, 400 : 400 + len(wrong)] = wrong
    panel = simulated(symbols + 1, days + 1)
    made = Errors(panel, errors[None], np.zeros(symbols + 1, dtype=np.intp))
    ends = np.full((1, symbols + 1), days + 1)
    settings = chosen(horizon=1, distribution="conformal")
    (found,) = shapes_of([conformal(made, ends, 0 * ends, settings, [1])], settings)
    return found[0, :-1, 0]


@pytest.mark.parametrize("wrong", [[-300.0], [230.0, -230.0]], ids=["split", "decimal slip"])
def test_a_wrong_price_of_one_symbol_leaves_the_shortfall_of_the_others(wrong):
    """A fall to a twentieth where prices move by 1 % is 300 deviations."""
    np.testing.assert_allclose(shapes_beside(wrong), shapes_beside([]), rtol=0.02, atol=0.02)


def test_a_wrong_price_of_one_symbol_leaves_the_width_of_a_new_one():
    """Five symbols have errors; of them, one has a far-off one; the sixth is new."""
    counts, own = [500] * 5 + [0], np.stack([NORMAL] * 6)
    usual = [400.0] * 5 + [0.0]
    settings = chosen(horizon=1, distribution="conformal")
    (sound,), (beside,) = (
        shapes_of([known_of(counts, own, [*usual[:4], size, 0.0])], settings)
        for size in (400.0, 900.0)
    )
    np.testing.assert_array_equal(beside[0, -1], sound[0, -1])


@pytest.mark.parametrize(("tail", "within"), [(None, 0.001), (5, 0.01), (3, 0.05)])
def test_a_heavy_tail_that_all_symbols_have_stays(tail, within):
    """The shortfall of all symbols' errors, against the one that nothing limits."""
    random = np.random.default_rng(9)
    off = []
    for _ in range(50):
        errors = random.standard_t(tail, 5000) if tail else random.normal(size=5000)
        (whole,), (kept,) = (
            distribution.shape(each[None], LEVELS)[:, -1]
            for each in (errors, distribution.capped(errors))
        )
        off.append(kept / whole - 1)
    assert -within < np.mean(off) <= 0


@pytest.mark.parametrize("sign", [1, -1])
def test_errors_on_a_side_without_an_outermost_quantile_count_as_they_are(sign):
    """Of prices that only rise, such as those of an overnight deposit, and of a peg that breaks."""
    rising = sign * np.random.default_rng(4).gamma(9, 0.1, size=1000)
    np.testing.assert_array_equal(distribution.capped(rising), rising)
    still = np.zeros(1000)
    still[:4] = sign * 8
    np.testing.assert_array_equal(distribution.capped(still), still)


def test_where_everyone_has_few_errors_the_shape_is_normal():
    few = np.random.default_rng(4).normal(size=FEWEST - 1)
    own = 3 * NORMAL[None]
    known = known_of([FEWEST - 1], own, pool=few)
    (found,) = shapes_of([known], chosen(horizon=1, distribution="conformal"))
    np.testing.assert_allclose(found[0, 0, 0], NORMAL, atol=1e-12)


def test_the_normal_shape_is_one_for_all():
    panel, settings = simulated(2), chosen(horizon=2, distribution="normal")
    found = walked(panel, settings).last_shapes()
    assert found.shape == (1, 2, len(NORMAL))
    np.testing.assert_allclose(found[0, 0], NORMAL, atol=1e-12)


def test_simulated_shapes_of_who_has_few_errors_or_no_variance_are_normal():
    errors = made_errors()
    settings = chosen(horizon=HORIZON, distribution="fhs", calibration=150)
    ends = np.array([[201, FEWEST, 201]])  # the second has one error less
    terms = np.tile(np.arange(1.0, HORIZON + 1), (1, 3, 1))
    terms[0, 2] = 0
    model = Volatility("ewma", 0.94, 20)
    known = by_simulation(errors, ends, 0 * ends, terms, [model], settings=settings)
    (shapes,) = shapes_of([known], settings)
    for place in (1, 2):
        np.testing.assert_allclose(shapes[0, place], np.tile(NORMAL, (HORIZON, 1)), atol=1e-12)
    drawn = errors.errors[0, 0, 50:200]
    expected = distribution.simulated(
        drawn, distribution.draws(HORIZON), terms[0, 0], (0.06, 1.0, 1.0, 1.0), LEVELS
    )
    np.testing.assert_allclose(shapes[0, 0], expected, rtol=1e-9, atol=1e-9)


def test_simulation_moves_as_each_ones_garch_does():
    errors = made_errors(2)
    garch = Garch(
        np.ones(2),
        np.array([0.0, 0.3]),
        np.array([0.0, 0.99]),
        *np.ones((2, 2)),
        np.ones(2, bool),
        np.zeros(2, int),
    )
    model = Volatility("garch11", 0.94, 20, garch)
    settings = chosen(horizon=HORIZON, distribution="fhs", calibration=150)
    terms = np.tile(np.arange(1.0, HORIZON + 1), (1, 2, 1))
    same = Errors(errors.panel, errors.errors[:, [0, 0]], errors.first)
    ends = np.array([[201, 201]])
    found = by_simulation(same, ends, 0 * ends, terms, [model], settings=settings).own[0]
    np.testing.assert_array_equal(found[0, 0], found[1, 0])  # the first day knows no feedback
    assert (found[1, -1, 0] < found[0, -1, 0] - 0.05).all()
