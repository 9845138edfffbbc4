"""Metrics: against independent libraries, published figures and what can be worked by hand."""

import math
from dataclasses import astuple
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scoringrules
import utilsforecast.losses
from dieboldmariano import dm_test
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from statsmodels.api import OLS
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from pricewright.evaluation.metrics import (
    below_by_date,
    christoffersen,
    diebold_mariano,
    exceedance_test,
    exceedances,
    holm,
    inside,
    interval_by_date,
    interval_score,
    joint_score,
    kupiec,
    mae_ratio,
    mase,
    mean_with_interval,
    naive_scales,
    pinball,
    pit,
    pit_histogram,
    qlike,
    rmsse,
    share_error,
    uniformity,
)
from pricewright.tables.arrays import count, mean, total

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

NAN, INF = math.nan, math.inf
TEN_DIGITS = 1e-9
"""How far apart two numbers with the same ten digits may be, as a share."""
LEVELS = np.arange(1, 20) / 20


def column(*values):
    return np.array(values, float)[:, None]


def with_gaps(random, values, share=0.1):
    return np.where(random.random(values.shape) < share, NAN, values)


# Columns do not depend on each other.

DAYS, SYMBOLS, HORIZONS = 301, 7, 5


@pytest.fixture(scope="module")
def panel():
    """Arrays with symbols on axis 1, with gaps, in magnitudes that make sums round."""
    random = np.random.default_rng(7)
    size = 10.0 ** np.arange(-3, 4)
    errors = with_gaps(random, random.normal(size=(DAYS, SYMBOLS, HORIZONS)) * size[:, None])
    naive = with_gaps(random, random.normal(size=errors.shape) * size[:, None])
    losses = with_gaps(random, random.lognormal(size=(DAYS, SYMBOLS)) * size)
    return {
        "prices": np.cumsum(random.normal(size=(DAYS, SYMBOLS)) * size, axis=0),
        "errors": errors,
        "naive": naive,
        "scale": with_gaps(random, random.lognormal(size=(DAYS, SYMBOLS))),
        "losses": losses,
        "others": with_gaps(random, random.lognormal(size=(DAYS, SYMBOLS)) * size),
        "hits": with_gaps(random, (random.random((DAYS, SYMBOLS)) < 0.05).astype(float)),
        "quantiles": np.sort(random.normal(size=(*errors.shape, 19)) * size[:, None, None]),
    }


METRICS = {
    "count": lambda p: (count(p["errors"]),),
    "total": lambda p: (total(p["losses"]), total(p["errors"])),
    "mean": lambda p: (mean(p["losses"]), mean(p["errors"])),
    "naive_scales": lambda p: tuple(scale[:DAYS] for scale in naive_scales(p["prices"])),
    "mase": lambda p: (mase(p["errors"], p["scale"]),),
    "rmsse": lambda p: (rmsse(p["errors"], p["scale"]),),
    "mae_ratio": lambda p: (mae_ratio(p["errors"], p["naive"]),),
    "pinball": lambda p: (mean(pinball(p["errors"], p["naive"], 0.1)),),
    "interval_score": lambda p: (
        mean(interval_score(p["errors"], *(p["quantiles"][..., k] for k in (1, 17)), 0.8)),
    ),
    "inside": lambda p: (mean(inside(p["errors"], *(p["quantiles"][..., k] for k in (1, 17)))),),
    "pit": lambda p: (mean(pit(p["errors"], p["quantiles"], LEVELS)),),
    "qlike": lambda p: (mean(qlike(p["losses"], p["others"])),),
    "kupiec": lambda p: astuple(kupiec(p["hits"], 0.05)),
    "christoffersen": lambda p: sum(astuple(christoffersen(p["hits"], 0.05)), ()),
    "diebold_mariano": lambda p: astuple(diebold_mariano(p["losses"], p["others"])),
}


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize(
    "columns", [[0], [6], [2, 3], [6, 3, 1, 0, 2, 5, 4]], ids=["first", "last", "two", "shuffled"]
)
@pytest.mark.parametrize(
    "layout", [np.ascontiguousarray, np.asfortranarray, lambda array: array], ids=["C", "F", "own"]
)
def test_a_column_has_the_same_bytes_whatever_is_beside_it(panel, metric, columns, layout):
    apart = metric({name: layout(array[:, columns]) for name, array in panel.items()})
    for found, among_all in zip(apart, metric(panel), strict=True):
        assert_array_equal(found, among_all[..., columns], strict=True)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_rows_that_only_another_column_has_change_nothing(panel, metric):
    def longer(array):
        rest = np.full((100, *array.shape[1:]), NAN)
        return np.concatenate([array, rest])

    after = metric({name: longer(array) for name, array in panel.items()})
    for found, without in zip(after, metric(panel), strict=True):
        assert_array_equal(found, without, strict=True)


def test_horizons_that_only_another_array_has_change_nothing():
    values = np.random.default_rng(14).normal(size=(9, 50, 12))
    further = np.concatenate([values, np.full((9, 50, 20), NAN)], axis=2)
    assert_array_equal(total(further), total(values), strict=True)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_nothing_forecast_is_nan_and_no_warning(panel, metric):
    for rows in (DAYS, 1, 0):
        for found in metric({name: np.full_like(a[:rows], NAN) for name, a in panel.items()}):
            assert found.shape[-1] == SYMBOLS
            if found.dtype == np.intp:
                assert_array_equal(found, 0)
            elif metric is METRICS["total"]:
                assert_array_equal(found, 0.0)
            else:
                assert_array_equal(found, NAN)


def test_numbers_near_the_limits_of_a_double_warn_of_nothing(panel):
    for size in (1e-320, 1e300, 1e308, INF):
        with np.errstate(all="ignore"):
            extreme = {name: array * size for name, array in panel.items()}
        for metric in METRICS.values():
            metric({**extreme, "hits": panel["hits"]})
    assert math.isinf(mean_with_interval(np.array([1e308, 1e308, 1.0]))[0])


# Means.


def test_a_mean_leaves_out_nan_on_every_axis_but_the_symbols():
    random = np.random.default_rng(1)
    for shape in ((50, 3), (50, 3, 4), (50, 3, 4, 2)):
        values = with_gaps(random, random.normal(size=shape), 0.3)
        others = tuple(axis for axis in range(values.ndim) if axis != 1)
        assert_allclose(mean(values), np.nanmean(values, axis=others), rtol=1e-12)
        assert_allclose(total(values), np.nansum(values, axis=others), rtol=1e-11)
        assert_array_equal(count(values), (~np.isnan(values)).sum(axis=others))


# Errors of points.


@pytest.fixture(scope="module")
def forecasts():
    """Two symbols, one shorter, forecast 4 steps ahead from 3 origins; and as long tables."""
    random = np.random.default_rng(2)
    prices = 100 + np.cumsum(random.normal(size=(60, 2)), axis=0)
    prices[55:, 1] = NAN
    origins, steps = np.array([30, 40, 50]), np.arange(1, 5)
    actual = np.moveaxis(prices[origins[:, None] + steps], 1, 2)
    model = actual + random.normal(size=actual.shape)
    naive = np.repeat(prices[origins][:, :, None], 4, axis=2)
    origin, symbol, step = np.indices(actual.shape)
    table = {"unique_id": symbol, "ds": origins[origin] + steps[step], "cutoff": origins[origin]}
    table |= {"y": actual, "model": model, "naive": naive}
    day, symbol = np.indices(prices.shape)
    train = {"unique_id": symbol, "ds": day, "y": prices}
    return {
        "prices": prices,
        "origins": origins,
        "errors": actual - model,
        "naive_errors": actual - naive,
        "table": pd.DataFrame({name: values.ravel() for name, values in table.items()}),
        "train": pd.DataFrame({name: values.ravel() for name, values in train.items()}).dropna(),
    }


def test_errors_are_those_of_utilsforecast(forecasts):
    """Theirs are of an origin each: the mean of them, and the root of their mean square."""
    table, train, origins = (forecasts[name] for name in ("table", "train", "origins"))
    absolute, squared = naive_scales(forecasts["prices"])
    theirs = utilsforecast.losses.mase(table, ["model"], 1, train).groupby("unique_id")["model"]
    assert_allclose(mase(forecasts["errors"], absolute[origins]), theirs.mean(), rtol=1e-12)
    theirs = utilsforecast.losses.rmsse(table, ["model"], 1, train)
    squares = (theirs["model"] ** 2).groupby(theirs["unique_id"]).mean()
    assert_allclose(rmsse(forecasts["errors"], squared[origins]), np.sqrt(squares), rtol=1e-12)
    theirs = utilsforecast.losses.rmae(table.drop(columns="cutoff"), ["model"], "naive")
    ours = mae_ratio(forecasts["errors"], forecasts["naive_errors"])
    assert_allclose(ours, theirs["model"], rtol=1e-12)


def test_a_scale_averages_the_changes_known_so_far_and_ends_with_its_column():
    prices = np.array([[10.0, 5.0], [12.0, 5.0], [9.0, NAN], [9.0, NAN]])
    absolute, squared = naive_scales(prices)
    assert_array_equal(absolute, [[NAN, NAN], [2, 0], [2.5, NAN], [5 / 3, NAN]])
    assert_array_equal(squared, [[NAN, NAN], [4, 0], [6.5, NAN], [13 / 3, NAN]])


def test_a_scale_does_not_bridge_a_gap_and_one_price_has_none():
    assert_array_equal(naive_scales(column(1, 2, NAN, 4, 5))[0], column(NAN, 1, NAN, NAN, NAN))
    for scale in naive_scales(column(10)):
        assert_array_equal(scale, column(NAN))


def test_an_origin_with_a_scale_of_zero_or_none_is_left_out():
    errors = np.array([[[1.0, -3.0]], [[100.0, 100.0]], [[100.0, 100.0]], [[5.0, NAN]]])
    scale = column(2, 0, NAN, 5)
    assert_allclose(mase(errors, scale), [(0.5 + 1.5 + 1) / 3])
    assert_allclose(rmsse(errors, scale), [math.sqrt((0.5 + 4.5 + 5) / 3)])
    assert_array_equal(mase(errors, column(0, 0, 0, 0)), [NAN])


def test_the_ratio_of_mae_uses_only_points_that_both_have():
    errors = np.array([[[1.0, NAN, 3.0, -1.0]]])
    naive = np.array([[[-2.0, 5.0, NAN, 2.0]]])
    assert_array_equal(mae_ratio(errors, naive), [0.5])
    assert_array_equal(mae_ratio(errors, 0 * naive), [NAN])


# Scores of distributions.


@pytest.fixture(scope="module")
def predicted():
    random = np.random.default_rng(3)
    actual = random.normal(size=(40, 3, 2))
    centre, width = random.normal(size=actual.shape), random.lognormal(size=actual.shape)
    quantiles = centre[..., None] + width[..., None] * stats.norm.ppf(LEVELS)
    return actual, quantiles


def test_losses_scores_of_intervals_and_crps_are_those_of_scoringrules(predicted):
    actual, quantiles = predicted
    for k, level in enumerate(LEVELS):
        theirs = scoringrules.quantile_score(actual, quantiles[..., k], level)
        assert_allclose(pinball(actual, quantiles[..., k], level), theirs, rtol=1e-12)
    lower, upper = quantiles[..., 1], quantiles[..., -2]
    theirs = scoringrules.interval_score(actual, lower, upper, 0.2)
    assert_allclose(interval_score(actual, lower, upper, 0.8), theirs, rtol=1e-12)


def test_scores_worked_by_hand():
    actual = np.array([10.0, 10.0, 10.0, NAN])
    assert_allclose(pinball(actual, np.array([8.0, 10.0, 13.0, 1.0]), 0.1), [0.2, 0, 2.7, NAN])
    lower, upper = np.array([8.0, 11.0, 5.0, 1.0]), np.array([12.0, 12.0, 9.0, 2.0])
    assert_allclose(interval_score(actual, lower, upper, 0.9), [4, 21, 24, NAN])
    assert_array_equal(inside(actual, lower, upper), [1, 0, 0, NAN])
    assert_array_equal(inside(actual, np.full(4, 10.0), np.full(4, 10.0)), [1, 1, 1, NAN])
    assert_array_equal(inside(actual, np.full(4, NAN), upper), np.full(4, NAN))
    assert_array_equal(inside(actual, lower, np.full(4, NAN)), np.full(4, NAN))


def test_the_transform_is_linear_between_quantiles():
    quantiles = np.array([1.0, 2.0, 4.0])
    levels = np.array([0.2, 0.5, 0.9])
    actual = np.array([0.0, 1.0, 1.25, 2.0, 3.0, 4.0, 9.0, NAN])
    found = pit(actual, np.tile(quantiles, (8, 1)), levels)
    assert_allclose(found, [0.1, 0.2, 0.275, 0.5, 0.7, 0.9, 0.95, NAN], rtol=1e-12)
    within = np.linspace(1, 4, 50)
    found = pit(within, np.tile(quantiles, (50, 1)), levels)
    assert_allclose(found, np.interp(within, quantiles, levels), rtol=1e-12)


def test_a_price_on_equal_quantiles_has_the_middle_of_their_levels():
    levels = np.array([0.1, 0.3, 0.5, 0.9])
    tied = np.array([1.0, 2.0, 2.0, 3.0])
    flat = np.full(4, 2.0)
    found = pit(np.array([2.0, 1.5, 2.5, 2.0]), np.stack([tied, tied, tied, flat]), levels)
    assert_allclose(found, [0.4, 0.2, 0.7, 0.5], rtol=1e-12)


def test_a_distribution_with_a_missing_quantile_has_no_transform_and_no_score():
    quantiles = np.array([[1.0, NAN, 3.0]])
    levels = np.array([0.2, 0.5, 0.8])
    assert_array_equal(pit(np.array([1.0]), quantiles, levels), [NAN])


@settings(max_examples=50)
@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=6),
    st.lists(st.floats(-5, 5), min_size=2, max_size=8),
)
def test_a_transform_is_a_probability_and_rises_with_the_price(quantiles, prices):
    actual = np.sort(np.array(prices))
    levels = np.arange(1, len(quantiles) + 1) / (len(quantiles) + 1)
    found = pit(actual, np.tile(np.sort(np.array(quantiles, float)), (len(actual), 1)), levels)
    assert ((found > 0) & (found < 1)).all()
    assert (np.diff(found) >= -1e-15).all()


def test_bins_bounded_by_levels_count_as_the_true_distribution_does():
    actual = np.random.default_rng(4).normal(size=5000)
    found = pit(actual, np.tile(stats.norm.ppf(LEVELS), (5000, 1)), LEVELS)
    counts = pit_histogram(found)
    assert_array_equal(counts, pit_histogram(stats.norm.cdf(actual)))
    assert counts.sum() == 5000
    assert uniformity(counts) > 0.01
    too_sure = pit(actual, np.tile(stats.norm.ppf(LEVELS) / 2, (5000, 1)), LEVELS)
    assert uniformity(pit_histogram(too_sure)) < 1e-6


def test_a_histogram_counts_both_ends_and_leaves_out_nan():
    found = pit_histogram(np.array([[0.0, 0.1, NAN], [0.35, 0.999, 1.0]]))
    assert_array_equal(found, [1, 1, 0, 1, 0, 0, 0, 0, 0, 2])
    assert found.dtype == np.intp
    assert_array_equal(pit_histogram(np.array([NAN])), [0] * 10)


@pytest.mark.parametrize("counts", [[5, 5, 5], [0, 1], [3, 9, 4, 0, 7], [100, 1, 1]])
def test_uniformity_is_scipys_chi_squared_test(counts):
    assert uniformity(np.array(counts)) == pytest.approx(
        stats.chisquare(counts).pvalue, rel=TEN_DIGITS
    )


def test_equal_counts_are_exactly_uniform_and_no_counts_are_nothing():
    assert uniformity(np.array([7] * 10)) == 1.0
    assert math.isnan(uniformity(np.zeros(10, np.intp)))
    assert math.isnan(uniformity(np.array([5])))


def test_the_error_of_a_share_is_statsmodels_robust_to_dates_that_hang_together():
    random = np.random.default_rng(8)
    hits = (random.normal(size=(60, 3, 5)) + random.normal(size=(60, 3, 1)) < 1.5).astype(float)
    hits[random.random(hits.shape) < 0.2] = NAN
    hits[7, 1] = NAN
    there = ~np.isnan(hits)
    by_date = (hits == 1).sum(axis=-1), there.sum(axis=-1)
    found = share_error(*by_date)
    for symbol in range(3):
        known = ~np.isnan(hits[:, symbol])
        outcomes, dates = hits[:, symbol][known], np.nonzero(known)[0]
        fitted = OLS(outcomes, np.ones(len(outcomes))).fit(
            cov_type="cluster", cov_kwds={"groups": dates}
        )
        assert_allclose(found[symbol], fitted.bse[0], rtol=1e-9)
    assert np.isnan(share_error(*(part[:1] for part in by_date))).all()


# Variances.


def test_qlike_is_the_normal_log_density_but_for_constants():
    random = np.random.default_rng(5)
    returns, variance = random.normal(size=100), random.lognormal(size=100)
    log_density = stats.norm.logpdf(returns, scale=np.sqrt(variance))
    ours = qlike(returns**2, variance)
    assert_allclose(ours, -2 * log_density - math.log(2 * math.pi), rtol=1e-10, atol=1e-10)


def test_qlike_is_least_at_the_squared_return_and_allows_none():
    grid = np.linspace(0.5, 8, 751)
    assert grid[np.argmin(qlike(np.full(751, 4.0), grid))] == pytest.approx(4.0)
    assert_array_equal(qlike(np.zeros(1), np.ones(1)), [0.0])
    nothing = qlike(np.array([1.0, 0.0, 1.0, 1.0, NAN]), np.array([0.0, 0.0, -0.0, -1.0, 1.0]))
    assert_array_equal(nothing, np.full(5, NAN))


# Value-at-risk.


def days_with(exceptions, days):
    return column(*[1.0] * exceptions, *[0.0] * (days - exceptions))


@pytest.mark.parametrize(
    ("exceptions", "days", "level"),
    [(7, 250, 0.01), (0, 250, 0.01), (30, 30, 0.05), (5, 100, 0.05), (1, 1, 0.1), (0, 1, 0.1)],
)
def test_kupiecs_ratio_is_that_of_the_binomial_likelihoods(exceptions, days, level):
    ours = kupiec(days_with(exceptions, days), level)
    share = exceptions / days
    gain = stats.binom.logpmf(exceptions, days, share) - stats.binom.logpmf(exceptions, days, level)
    assert_allclose(ours.statistic, [2 * gain], rtol=1e-9, atol=1e-12)
    assert_allclose(ours.p_value, stats.chi2.sf(ours.statistic, 1), rtol=TEN_DIGITS)
    assert (ours.days, ours.exceptions) == (days, exceptions)


@pytest.mark.parametrize(
    ("days", "level", "too_few", "too_many"),
    [
        (255, 0.01, 0, 7),  # printed as "fewer than 7", though none at all has a ratio of 5.13
        (510, 0.01, 1, 11),
        (1000, 0.01, 4, 17),
        (255, 0.05, 6, 21),
        (510, 0.05, 16, 36),
        (1000, 0.05, 37, 65),
        (255, 0.1, 16, 36),
        (1000, 0.1, 81, 120),
    ],
)
def test_kupiecs_table_of_acceptable_exceptions(days, level, too_few, too_many):
    """The non-rejection regions at 5% of Kupiec 1995, as Jorion's Value at Risk prints them."""
    accepted = range(too_few + 1, too_many)
    hits = np.hstack([days_with(found, days) for found in range(days)])
    assert_array_equal(np.flatnonzero(kupiec(hits, level).p_value > 0.05), accepted)


def test_no_exceptions_and_only_exceptions_are_exact():
    none, only = kupiec(days_with(0, 250), 0.01), kupiec(days_with(20, 20), 0.05)
    assert_allclose(none.statistic, [-500 * math.log(0.99)], rtol=1e-12)
    assert_allclose(only.statistic, [-40 * math.log(0.05)], rtol=1e-12)
    for hits in (days_with(0, 250), days_with(20, 20), column(0, 0, 0, 1)):
        runs = christoffersen(hits, 0.05)
        assert_array_equal(runs.independence.statistic, [0.0])
        assert_array_equal(runs.independence.p_value, [1.0])
        both = runs.conditional_coverage
        assert_array_equal(both.statistic, kupiec(hits, 0.05).statistic)
        assert_allclose(both.p_value, np.exp(-both.statistic / 2), rtol=TEN_DIGITS)


def test_the_promised_share_of_exceptions_has_a_ratio_of_zero():
    for exceptions, days, level in ((5, 100, 0.05), (3, 60, 0.05), (7, 100, 0.07)):
        ours = kupiec(days_with(exceptions, days), level)
        assert_allclose(ours.statistic, [0.0], atol=1e-12)
        assert ours.statistic >= 0  # which rounding would deny the last
        assert_allclose(ours.p_value, [1.0], atol=1e-6)


def chain_likelihood(hits, chances):
    """Log-likelihood of a Markov chain, given each first day; chances of a hit after 0 and 1."""
    found = 0.0
    for before, after in pairwise(hits):
        if not math.isnan(before + after):
            chance = chances[int(before)]
            found += math.log(chance if after else 1 - chance)
    return found


def independence(hits):
    """The ratio of independence, from a loop over days that shares nothing with the code."""
    pairs = [(before, after) for before, after in pairwise(hits) if not math.isnan(before + after)]
    following = [[after for before, after in pairs if before == state] for state in (0, 1)]
    chances = [sum(after) / len(after) if after else 0.0 for after in following]
    together = sum(after for _, after in pairs) / len(pairs)
    return 2 * (chain_likelihood(hits, chances) - chain_likelihood(hits, [together] * 2))


def test_christoffersens_ratios_are_those_of_a_markov_chain_worked_day_by_day():
    random = np.random.default_rng(6)
    hits = (random.random((200, 8)) < np.linspace(0.02, 0.6, 8)).astype(float)
    hits[50:56] = 1.0
    hits = np.hstack([hits, with_gaps(random, hits)])
    ours = christoffersen(hits, 0.05)
    theirs = np.array([independence(days) for days in hits.T.tolist()])
    assert_allclose(ours.independence.statistic, theirs, rtol=1e-9, atol=1e-10)
    assert_allclose(ours.independence.p_value, stats.chi2.sf(theirs, 1), rtol=1e-8)
    both = kupiec(hits, 0.05).statistic + theirs
    assert_allclose(ours.conditional_coverage.statistic, both, rtol=1e-9)
    assert_allclose(ours.conditional_coverage.p_value, stats.chi2.sf(both, 2), rtol=1e-8)
    assert_array_equal(ours.independence.days, kupiec(hits, 0.05).days)
    assert_array_equal(ours.conditional_coverage.exceptions, kupiec(hits, 0.05).exceptions)


def test_the_ratio_of_independence_is_the_g_test_of_the_table_of_pairs():
    evenly = column(0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0)  # three pairs of each kind
    assert christoffersen(evenly, 0.05).independence.statistic == 0.0
    pairs = [[5, 1], [1, 2]]
    theirs = stats.chi2_contingency(pairs, correction=False, lambda_="log-likelihood")
    ours = christoffersen(column(0, 0, 0, 0, 0, 1, 1, 1, 0, 0), 0.05).independence
    assert_allclose(ours.statistic, [theirs.statistic], rtol=1e-12)
    assert_allclose(ours.p_value, [theirs.pvalue], rtol=TEN_DIGITS)


def test_no_day_follows_another_across_a_gap():
    joined = christoffersen(column(0, 1, 1, 0, 1, 1), 0.05).independence.statistic
    parted = christoffersen(column(0, 1, 1, NAN, 0, 1, 1), 0.05).independence.statistic
    assert_allclose(parted, [independence([0, 1, 1, NAN, 0, 1, 1])], rtol=1e-12)
    assert parted != joined


def test_a_single_day_tests_coverage_but_not_independence():
    ours = christoffersen(column(NAN, 1, NAN), 0.05)
    assert_array_equal(ours.independence.statistic, [NAN])
    assert_array_equal(ours.conditional_coverage.p_value, [NAN])
    assert_allclose(kupiec(column(NAN, 1, NAN), 0.05).statistic, [-2 * math.log(0.05)])


# Comparisons.


@pytest.mark.parametrize("pairs", [8, 60])
def test_the_diebold_mariano_test_is_that_of_the_dieboldmariano_package(pairs):
    random = np.random.default_rng(8)
    noise = np.cumsum(random.normal(size=(pairs, 4)), axis=0) * 0.3
    loss, other = random.lognormal(size=(pairs, 4)) + noise, random.lognormal(size=(pairs, 4))
    ours = diebold_mariano(loss, other)
    for s in range(4):
        theirs = dm_test([0.0] * pairs, loss[:, s], other[:, s], loss=lambda _, made: made)
        assert_allclose([ours.statistic[s], ours.p_value[s]], theirs, rtol=1e-9)
    assert_array_equal(ours.count, [pairs] * 4)


def test_a_date_without_a_loss_is_left_out():
    loss, other = column(1, 5, NAN, 2, 7, 4, 9), column(0, 1, 3, 4, 1, NAN, 2)
    kept = np.array([1.0, 4.0, -2.0, 6.0, 7.0])
    ours = diebold_mariano(loss, other)
    theirs = stats.ttest_1samp(kept, 0.0)
    assert_allclose(ours.statistic, [theirs.statistic], rtol=1e-12)
    assert_array_equal(ours.count, [5])


def test_equal_losses_are_no_evidence_and_an_unvarying_gain_is_all_of_it():
    random = np.random.default_rng(10)
    loss = random.integers(0, 9, size=(20, 3)).astype(float)
    loss[3, 1] = NAN
    ours = diebold_mariano(loss, loss + np.array([0, 1, -1]))
    assert_array_equal(ours.statistic, [0, -INF, INF])
    assert_array_equal(ours.p_value, [1, 0, 0])
    assert_array_equal(ours.count, [20, 19, 20])
    rounded = diebold_mariano(np.full((7, 1), 0.1), np.zeros((7, 1)))
    assert_array_equal(rounded.statistic, [INF])  # rounding does not make it vary


def test_p_values_have_ten_digits_for_further_ones_depend_on_the_processor():
    random = np.random.default_rng(13)
    hits = (random.random((300, 9)) < 0.05).astype(float)
    tails = [
        kupiec(hits, 0.05).p_value,
        christoffersen(hits, 0.05).conditional_coverage.p_value,
        diebold_mariano(*random.lognormal(size=(2, 25, 9))).p_value,
        [uniformity(random.integers(20, 40, 10))],
    ]
    for p_value in np.concatenate(tails).tolist():
        assert 0 < p_value < 1
        assert p_value == float(f"{p_value:.9e}")


def test_swapping_the_forecasts_swaps_the_sign():
    random = np.random.default_rng(11)
    loss, other = random.lognormal(size=(2, 25, 2))
    one, two = diebold_mariano(loss, other), diebold_mariano(other, loss)
    assert_array_equal(one.statistic, -two.statistic)
    assert_array_equal(one.p_value, two.p_value)


@pytest.mark.parametrize("pairs", [1, 2])
def test_too_few_pairs_are_not_tested(pairs):
    loss = np.arange(1.0, pairs + 1)[:, None] ** 2
    for other in (0 * loss, loss):
        ours = diebold_mariano(loss, other)
        assert_array_equal([ours.statistic, ours.p_value], [[NAN], [NAN]])
        assert_array_equal(ours.count, [pairs])
    enough = np.arange(1.0, 4)[:, None] ** 2
    assert not np.isnan(diebold_mariano(enough, 0 * enough).p_value).any()


@pytest.mark.parametrize("size", [1, 2, 5, 40])
def test_holms_adjustment_is_that_of_statsmodels_without_the_missing(size):
    random = np.random.default_rng(size)
    known = random.random(size) ** 4
    known[::3] = known[0]
    places = np.sort(random.permutation(size + 3)[:size])
    p_values, theirs = np.full((2, size + 3), NAN)
    p_values[places], theirs[places] = known, multipletests(known, method="holm")[1]
    assert_allclose(holm(p_values), theirs, rtol=1e-12)


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1) | st.sampled_from([NAN, 0.0, 0.01, 1.0]), max_size=8))
def test_holms_adjustment_only_raises_and_keeps_order_and_places(values):
    p_values = np.array(values, float)
    before = p_values.copy()
    found = holm(p_values)
    assert_array_equal(p_values, before)
    assert_array_equal(np.isnan(found), np.isnan(p_values))
    assert_array_equal(holm(p_values[::-1]), found[::-1])
    known = ~np.isnan(p_values)
    assert ((found[known] >= p_values[known]) & (found[known] <= 1)).all()
    assert (np.diff(found[known][np.argsort(p_values[known])]) >= 0).all()


def test_the_interval_of_a_mean_is_students_as_in_statsmodels_and_scipy():
    differences = np.random.default_rng(12).normal(0.3, 2, size=25)
    middle, lower, upper = mean_with_interval(np.append(differences, NAN))
    assert_allclose(
        (lower, upper), DescrStatsW(differences).tconfint_mean(0.05), rtol=0, atol=TEN_DIGITS
    )
    assert middle == pytest.approx(differences.mean(), rel=1e-12)


def test_the_order_of_differences_does_not_change_a_bit_of_their_mean():
    random = np.random.default_rng(13)
    differences = random.normal(size=101) * 10.0 ** random.integers(-6, 6, 101)
    shuffled = random.permutation(differences)
    assert mean_with_interval(shuffled) == mean_with_interval(differences)


def test_a_mean_of_one_difference_has_no_interval_and_of_none_is_nothing():
    assert_array_equal(mean_with_interval(np.array([2.0, NAN])), [2.0, NAN, NAN])
    assert_array_equal(mean_with_interval(np.array([NAN, NAN])), [NAN] * 3)
    assert_array_equal(mean_with_interval(np.array([])), [NAN] * 3)
    assert_array_equal(mean_with_interval(np.array([1.0, 1.0])), [1.0] * 3)


# Expected shortfall


def test_the_joint_score_is_least_at_the_true_value_at_risk_and_shortfall():
    changes = np.random.default_rng(6).standard_t(5, 400_000)
    at_risk = float(np.quantile(changes, 0.025))
    shortfall = float(changes[changes <= at_risk].mean())

    def score(v, e):
        return float(joint_score(changes, np.array(v), np.array(e), 0.025).mean())

    best = score(at_risk, shortfall)
    for v, e in ((1.1, 1.0), (0.9, 1.0), (1.0, 1.1), (1.0, 0.9)):
        assert score(v * at_risk, e * shortfall) > best + 1e-4


def test_differences_of_joint_scores_have_no_unit_and_there_is_none_of_no_loss():
    change, at_risk, shortfall = np.array([-3.0, 1.0]), np.array([-2.0, -2.0]), np.array([-2.5, -3])
    one = joint_score(change, at_risk, shortfall, 0.025)
    other = joint_score(7 * change, 7 * at_risk, 7 * shortfall, 0.025)
    np.testing.assert_allclose(np.diff(one), np.diff(other))
    assert np.isnan(joint_score(change, at_risk, np.zeros(2), 0.025)).all()


def test_exceptions_that_are_too_few_have_no_p_value():
    residuals = np.full((50, 3), np.nan)
    residuals[:2, 0] = -1.0, -0.5
    residuals[:8, 1] = np.linspace(-1.2, -0.8, 8)
    days, found, squares = exceedances(residuals)
    p_value = exceedance_test(days, found, squares)
    np.testing.assert_allclose(found[:2], [-0.75, -1.0])
    assert np.isnan(found[2])
    assert np.isnan(p_value[[0, 2]]).all()
    assert p_value[1] < 1e-6


def test_a_figure_below_zero_is_tested_by_date():
    """Prices of one date that move together count as one."""
    values = np.random.default_rng(3).normal(-0.2, size=(40, 1))
    together = np.repeat(values, 3, axis=1)
    added = (together - together.mean()).sum(axis=1) / together.size
    expected = stats.ttest_1samp(values[:, 0], 0.0, alternative="less").pvalue
    assert below_by_date(together.mean(), added) == pytest.approx(expected, rel=1e-8)
    assert np.isnan(below_by_date(-1.0, added[:2]))


def test_where_all_have_all_dates_the_interval_by_date_is_that_of_the_means_by_date():
    values = np.random.default_rng(14).normal(0.3, 2, size=(25, 4))
    added = ((values - values.mean(axis=0)) / 25).mean(axis=1)
    found = interval_by_date(values.mean(), np.append(added, NAN))
    assert_allclose(found, mean_with_interval(values.mean(axis=1))[1:], rtol=1e-9)


def test_the_interval_by_date_holds_the_mean_of_uneven_panels_as_often_as_it_says():
    random, held = np.random.default_rng(15), 0
    for _ in range(400):
        common = random.normal(size=(60, 1)) + 0.3 * random.normal(size=(60, 5))
        values = np.where(random.random((60, 5)) < 0.8, common, NAN)
        means = np.nanmean(values, axis=0)
        added = np.nansum((values - means) / np.isfinite(values).sum(axis=0), axis=1) / 5
        lower, upper = interval_by_date(means.mean(), added)
        held += lower < 0 < upper
    assert 0.92 < held / 400 < 0.975


def test_one_date_has_no_interval_by_date():
    assert_array_equal(interval_by_date(np.float64(2.0), np.array([0.0, NAN])), [NAN, NAN])
