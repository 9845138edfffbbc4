"""The days of a walk-forward: a horizon apart, the last one scored, estimates before them."""

import numpy as np
import pytest
from forecasts import chosen, simulated, uneven, weekdays

from pricewright.forecasting.panel import panel_of
from pricewright.forecasting.walkforward import make_timeline

pytestmark = pytest.mark.filterwarnings("error")


def places(panel, days):
    return np.searchsorted(panel.calendar, days)


@pytest.mark.parametrize("horizon", [1, 5, 14])
@pytest.mark.parametrize("refit", [1, 4])
def test_origins_are_a_horizon_apart_and_the_last_leaves_one(horizon, refit):
    panel = simulated(2, 700)
    times = make_timeline(panel, chosen(horizon=horizon, refit=refit))
    found = places(panel, times.origins)
    assert len(found) == 20
    assert (np.diff(found) == horizon).all()
    assert found[-1] == 699 - horizon


@pytest.mark.parametrize("origins", [20, 37])
def test_there_are_as_many_origins_as_were_asked_for_where_history_allows(origins):
    assert len(make_timeline(simulated(1, 400), chosen(origins=origins)).origins) == origins


def test_a_short_history_has_fewer_origins():
    panel = simulated(1, 100)
    times = make_timeline(panel, chosen(min_history=40, horizon=5))
    found = places(panel, times.origins)
    assert found.tolist() == list(range(39, 95, 5))
    assert times.estimates[0] == times.origins[0]


@pytest.mark.parametrize("days", [1, 2, 39, 40, 44])
def test_without_history_enough_there_is_none(days):
    times = make_timeline(simulated(2, days), chosen(min_history=40, horizon=5))
    assert (len(times.origins), len(times.estimates)) == (0, 0)


def test_the_first_origin_is_when_there_is_history_enough_and_a_horizon_to_score():
    assert len(make_timeline(simulated(1, 45), chosen(min_history=40, horizon=5)).origins) == 1


def test_there_are_errors_to_calibrate_by_before_the_first_origin():
    panel = simulated(1, 700)
    times = make_timeline(panel, chosen(calibration=200, refit=7))
    first = places(panel, times.estimates)[0]
    assert places(panel, times.origins)[0] - first >= 200


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
