"""The days of a walk-forward: a horizon apart, the last one scored, estimates before them."""

from dataclasses import replace

import numpy as np
import pytest
from forecasts import chosen, simulated, uneven, weekdays

from pricewright.forecasting.panel import panel_of
from pricewright.forecasting.walkforward import SELDOM, make_timeline

pytestmark = pytest.mark.filterwarnings("error")


def places(panel, days):
    return np.searchsorted(panel.calendar, days)


@pytest.mark.parametrize(("horizon", "origins"), [(1, 20), (5, 20), (5, 37), (14, 20)])
@pytest.mark.parametrize("refit", [1, 4])
def test_origins_are_a_horizon_apart_and_the_last_leaves_one(horizon, origins, refit):
    panel = simulated(2, 700)
    times = make_timeline(panel, chosen(horizon=horizon, origins=origins, refit=refit))
    found = places(panel, times.origins)
    assert len(found) == origins
    assert (np.diff(found) == horizon).all()
    assert found[-1] == 699 - horizon


@pytest.mark.parametrize(("days", "origins"), [(1, 0), (39, 0), (44, 0), (45, 1), (100, 12)])
def test_the_first_origin_is_when_there_is_history_enough_and_a_horizon_to_score(days, origins):
    panel = simulated(1, days)
    times = make_timeline(panel, chosen(min_history=40, horizon=5))
    assert places(panel, times.origins).tolist() == list(range(39, days - 5, 5))
    assert len(times.origins) == origins
    assert times.estimates[:1].tolist() == times.origins[:1].tolist()


def test_there_are_errors_to_calibrate_by_before_the_first_origin():
    panel = simulated(1, 700)
    times = make_timeline(panel, chosen(calibration=200, refit=7))
    first = places(panel, times.estimates)[0]
    assert places(panel, times.origins)[0] - first >= 200


@pytest.mark.parametrize("refit", [1, 3])
def test_for_a_conformal_shape_errors_go_back_twice_as_far_by_parameters_of_more_seldom(refit):
    panel = simulated(1, 700)
    settings = chosen(calibration=200, refit=refit, distribution="conformal")
    times, plain = (
        make_timeline(panel, made) for made in (settings, replace(settings, distribution="normal"))
    )
    assert (times.origins == plain.origins).all()
    found = places(panel, times.estimates)
    begin = places(panel, plain.estimates)[0]
    assert found[0] == begin - 200
    assert set(plain.estimates.tolist()) <= set(times.estimates.tolist())
    assert (np.diff(found[found < begin])[1:] == SELDOM * refit * 5).all()
    assert (found < begin).sum() == (200 // 5 - 1) // (SELDOM * refit) + 2


@pytest.mark.parametrize("horizon", [1, 5])
def test_for_a_conformal_distribution_errors_are_made_from_twice_as_many_days(horizon):
    panel = simulated(1, 1000)
    plain, conformal = (
        make_timeline(panel, chosen(horizon=horizon, distribution=kind))
        for kind in ("normal", "conformal")
    )
    np.testing.assert_array_equal(plain.origins, conformal.origins)
    days = chosen().calibration
    begins = [places(panel, times.estimates)[0] for times in (plain, conformal)]
    assert begins[0] - begins[1] == days


@pytest.mark.parametrize("refit", [1, 3, 5, 100])
def test_parameters_are_estimated_anew_at_every_so_many_th_date(refit):
    panel = simulated(1, 700)
    times = make_timeline(panel, chosen(refit=refit))
    steps = np.diff(places(panel, times.estimates))
    assert (steps[1:] == refit * 5).all()
    assert 0 < steps[0] <= refit * 5  # the first date is one, however far off the next
    assert times.estimates[0] <= times.origins[0]
    assert set(times.estimates.tolist()) - set(times.origins.tolist())  # some come before
    assert times.estimates[-1] == times.origins[-1]  # or a leak check there would see less


def test_days_are_those_of_the_joint_calendar():
    panel = uneven()
    times = make_timeline(panel, chosen())
    assert set(times.origins.tolist()) <= set(panel.calendar.tolist())
    assert (np.diff(places(panel, times.origins)) == 5).all()


def test_it_begins_with_the_first_symbol_that_has_history_enough():
    days = weekdays(400)
    panel = panel_of(
        ["A", "B"],
        [(days[200:], np.arange(1.0, 201)), (days[:30], np.arange(1.0, 31))],
    )
    times = make_timeline(panel, chosen(min_history=40, origins=60))
    assert times.origins[0] >= days[239]
    assert times.origins[0] < days[239 + 5]


def test_a_price_that_comes_later_moves_no_day_before_by_itself():
    """Days are counted back from the end: a horizon more of history gives the same grid."""
    panel = simulated(1, 700)
    earlier = panel.until(int(panel.days[694, 0]))
    one, other = (make_timeline(made, chosen()).origins.tolist() for made in (panel, earlier))
    assert one[:-1] == other[1:]
