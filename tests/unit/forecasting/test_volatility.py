"""Variance forecasts: by their definitions, and as arch makes them; who falls back to what."""

from dataclasses import replace

import numpy as np
import pytest
from arch import arch_model
from forecasts import garch_changes, weekdays

from pricewright.forecasting import har, volatility
from pricewright.forecasting.garch import Garch, conditional
from pricewright.forecasting.panel import panel_of
from pricewright.forecasting.settings import WITH_GARCH, WITH_HAR
from pricewright.forecasting.volatility import GARCH_CHANGES, States, Volatility

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

SQUARES = garch_changes(400, 3, seed=8) ** 2
WEIGHTS = np.array(
    [
        [0.2, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1],
        [0.15, 0.3, 0.2, 0.1, 0.15, 0.1, 0.1],
        [0.1, 0.3, 0.2, 0.1, 0.2, 0.1, 0.1],
    ]
)


def averages_of(squares):
    """(S, K): the HAR's after the last change, of prices whose changes have these squares."""
    histories = []
    for changes in signed(squares).T:
        there = changes[np.isfinite(changes)]
        histories.append((weekdays(len(there) + 1), np.exp(np.cumsum([0.0, *there]))))
    found, _ = har.averages(panel_of(["A", "B", "C"][: len(histories)], histories))
    return found[-1]


def signed(squares):
    """Changes with these squares, every second one a fall."""
    return np.sqrt(squares) * np.where(np.arange(len(squares)) % 2, 1, -1)[:, None]


def chosen(kind, weights=WEIGHTS, squares=SQUARES):
    model = Volatility(kind, 0.94, 20, weights=weights)
    if kind in WITH_GARCH:
        (garch,) = volatility.fit_garches([signed(squares)], [None], [None])
        model = replace(model, garch=garch)
    return model


def states(model, squares=SQUARES):
    """After the last change."""
    garch = model.garch
    return States(
        observations=np.full(squares.shape[1], len(squares) + 1.0),
        level=np.zeros(squares.shape[1]),
        ewma=volatility.ewma(squares, model.decay)[-1],
        garch=conditional(garch, signed(squares))[-1] if garch else None,
        averages=averages_of(squares) if model.kind in WITH_HAR else None,
    )


def forecast(model, horizon=3, squares=SQUARES):
    return volatility.variances(model, states(model, squares), horizon)


def test_ewma_is_the_average_of_riskmetrics():
    found = volatility.ewma(SQUARES, 0.94)
    average = SQUARES[:20].mean(axis=0)
    np.testing.assert_allclose(found[0], average)
    for row, square in enumerate(SQUARES):
        average = 0.94 * average + 0.06 * square
        np.testing.assert_allclose(found[row + 1], average, rtol=1e-10)


def test_ewma_goes_on_from_where_it_was():
    whole = volatility.ewma(SQUARES, 0.9)
    rest = volatility.ewma(SQUARES[150:], 0.9, whole[150])
    np.testing.assert_allclose(rest, whole[150:], rtol=1e-12)
    anew = volatility.ewma(SQUARES[150:], 0.9, np.full(3, np.nan))
    np.testing.assert_array_equal(anew, volatility.ewma(SQUARES[150:], 0.9))


@pytest.mark.parametrize("days", [1, 2, 20, 399, 400, 1000])
def test_rolling_is_the_mean_of_the_last_days_or_of_as_many_as_there_are(days):
    found = volatility.rolling(SQUARES, days)
    np.testing.assert_allclose(found[0], SQUARES[:20].mean(axis=0))
    for row in range(1, len(SQUARES) + 1):
        np.testing.assert_allclose(found[row], SQUARES[max(row - days, 0) : row].mean(axis=0))


def test_a_rolling_mean_forgets_a_jump_after_its_days():
    squares = np.full((100, 1), 0.1)
    squares[30] = 1e6
    found = volatility.rolling(squares, 10)[:, 0]
    assert (found[31:41] > 1e4).all()
    np.testing.assert_array_equal(found[41:], found[10])


@pytest.mark.parametrize("kind", ["rolling", "ewma"])
def test_a_plain_variance_grows_with_the_days_ahead(kind):
    model = chosen(kind)
    daily = states(model).ewma
    np.testing.assert_allclose(forecast(model), daily[:, None] * np.array([1, 2, 3]))


def test_garch_is_the_sum_of_the_daily_variances_that_arch_forecasts():
    changes = 100 * garch_changes(700, 1, seed=3)[:, 0]
    model = chosen("garch11", None, changes[:, None] ** 2)
    found = replace(model.garch, fall=np.ones(1), rise=np.ones(1))
    model = replace(model, garch=found)
    theirs = arch_model(changes, mean="Zero", vol="GARCH", p=1, q=1, rescale=False).fix(
        [
            float(found.variance[0] * (1 - found.persistence[0])),
            float(found.alpha[0]),
            float(found.persistence[0] - found.alpha[0]),
        ]
    )
    daily = theirs.forecast(horizon=30, reindex=False).variance.to_numpy()[0]
    ours = forecast(model, 30, changes[:, None] ** 2)[0]
    np.testing.assert_allclose(ours, np.cumsum(daily), rtol=1e-6)


def test_har_is_the_weighted_sum_of_the_averages_and_grows_with_the_days():
    model = chosen("har")
    averages = averages_of(SQUARES)
    expected = [[(averages[s] * WEIGHTS[h]).sum() * (h + 1) for h in range(3)] for s in range(3)]
    np.testing.assert_allclose(forecast(model), expected, rtol=1e-12)


def test_a_calm_of_days_leaves_har_a_hundredth_of_its_longest_average():
    squares = SQUARES.copy()
    squares[-100:] = 0
    averages = averages_of(squares)
    floored = np.maximum(averages, 0.01 * averages[:, [har.LONGEST]])
    assert (floored > averages).any()
    np.testing.assert_allclose(forecast(chosen("har"), 1, squares)[:, 0], floored @ WEIGHTS[0])


def test_combined_is_the_geometric_mean_of_garch_and_har():
    both = forecast(chosen("combined"))
    parts = forecast(chosen("garch11")), forecast(chosen("har"))
    np.testing.assert_allclose(both, np.sqrt(parts[0] * parts[1]), rtol=1e-12)
    assert not np.allclose(parts[0], parts[1], rtol=1e-3)


def test_har_counts_three_times_as_much_in_combined_for_who_has_ranges_on_most_days():
    model = chosen("combined")
    known = replace(states(model), ranges=np.array([0.0, 200.0, 201.0]))
    found = volatility.variances(model, known, 3)
    by_har, by_garch = (
        volatility.variances(replace(model, kind=kind), known, 3) for kind in ("har", "garch11")
    )
    np.testing.assert_allclose(found[:2], np.sqrt(by_har * by_garch)[:2])
    np.testing.assert_allclose(found[2], by_har[2] ** 0.75 * by_garch[2] ** 0.25)


def short(changes):
    squares = SQUARES.copy()
    squares[changes:, 1] = np.nan
    return squares


def test_who_has_too_few_changes_has_har_in_place_of_combined():
    assert chosen("combined", squares=short(GARCH_CHANGES)).kinds(3) == ["combined"] * 3
    model = chosen("combined", squares=short(GARCH_CHANGES - 1))
    assert model.kinds(3) == ["combined", "har", "combined"]
    by_har = forecast(chosen("har"))
    np.testing.assert_array_equal(forecast(model)[1], by_har[1])
    assert (forecast(model)[0] != by_har[0]).any()


def test_who_has_too_few_changes_has_ewma_in_place_of_garch():
    model = chosen("garch11", None, short(GARCH_CHANGES - 1))
    assert model.kinds(3) == ["garch11", "ewma", "garch11"]
    np.testing.assert_array_equal(forecast(model)[1], forecast(chosen("ewma"))[1])


def test_garches_of_several_days_are_those_of_each_alone():
    changes = signed(short(GARCH_CHANGES + 20))
    days = [changes[:rows] for rows in (len(changes), GARCH_CHANGES + 30, GARCH_CHANGES - 1)]
    (start,) = volatility.fit_garches(days[1:2], [None], [None])
    starts, none = [start, None, None], Garch.none(3)
    kept = [None, (np.array([False, True, False]), none), None]
    together = volatility.fit_garches(days, starts, kept)
    for garch, *alone in zip(together, days, starts, kept, strict=True):
        (other,) = volatility.fit_garches(*([part] for part in alone))
        for name, part in vars(garch).items():
            assert part.tobytes() == getattr(other, name).tobytes()
    assert together[0].converged.tolist() == [True] * 3
    assert together[1].converged.tolist() == [True, False, True]
    assert not together[2].converged.any()
    assert together[2].variance.tolist() == [0, 0, 0]


def test_whose_garch_did_not_converge_has_har_too():
    model = chosen("combined")
    garch = replace(model.garch, converged=np.array([True, True, False]))
    model = replace(model, garch=garch)
    assert model.kinds(3) == ["combined", "combined", "har"]


@pytest.mark.parametrize("weights", [None, np.full((3, 7), np.nan)])
def test_without_weights_har_is_ewma_and_combined_is_garch(weights):
    assert chosen("har", weights).kinds(3) == ["ewma"] * 3
    np.testing.assert_array_equal(forecast(chosen("har", weights)), forecast(chosen("ewma")))
    model = chosen("combined", weights, short(GARCH_CHANGES - 1))
    assert model.kinds(3) == ["garch11", "ewma", "garch11"]
    found = forecast(model)
    np.testing.assert_array_equal(found[1], forecast(chosen("ewma"))[1])
    np.testing.assert_array_equal(found[0], forecast(chosen("garch11"))[0])


def test_a_series_that_never_changes_has_no_garch_and_a_variance_of_0():
    squares = SQUARES.copy()
    squares[:, 1] = 0
    garch = Garch(
        *(np.array([1e-4, 0.0, 1e-4]), np.full(3, 0.1), np.full(3, 0.9)),
        *np.ones((2, 3)),
        np.array([True, False, True]),
        np.zeros(3, int),
    )
    model = Volatility("garch11", 0.94, 20, garch)
    found = forecast(model, 3, squares)
    assert found[1].tolist() == [0, 0, 0]
    assert np.isfinite(found).all()


@pytest.mark.parametrize("kind", ["rolling", "ewma", "garch11", "har", "combined"])
def test_a_variance_scales_with_the_squares(kind):
    one, other = (forecast(chosen(kind, squares=k * SQUARES), 3, k * SQUARES) for k in (1, 1e6))
    np.testing.assert_allclose(other, 1e6 * one, rtol=1e-5)


def test_feedback_is_that_of_each_ones_kind():
    alpha, persistence, fall, rise = chosen("ewma").feedback(3)
    np.testing.assert_allclose(alpha, 0.06)
    assert persistence.tolist() == fall.tolist() == rise.tolist() == [1, 1, 1]
    model = chosen("combined", squares=short(GARCH_CHANGES - 1))
    alpha, persistence, fall, rise = model.feedback(3)
    np.testing.assert_array_equal(alpha[[0, 2]], model.garch.alpha[[0, 2]])
    np.testing.assert_array_equal(persistence[[0, 2]], model.garch.persistence[[0, 2]])
    np.testing.assert_array_equal(fall[[0, 2]], model.garch.fall[[0, 2]])
    np.testing.assert_array_equal(rise[[0, 2]], model.garch.rise[[0, 2]])
    assert (alpha[1], persistence[1], fall[1], rise[1]) == (0, 0, 1, 1)
    assert not np.any(chosen("rolling").feedback(3)[:2])
