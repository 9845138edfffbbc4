"""The days of a walk-forward: a horizon apart, the same whatever comes later, estimates before."""

import numpy as np
import pytest
from forecasts import chosen, simulated, uneven, weekdays

from pricewright.forecasting.panel import NEVER, panel_of
from pricewright.forecasting.timeline import AFRESH, make_timeline
from pricewright.forecasting.walkforward import walk_forward

pytestmark = pytest.mark.filterwarnings("error")


def places(panel, days):
    return np.searchsorted(panel.calendar, days)


@pytest.mark.parametrize(("horizon", "origins"), [(1, 20), (5, 20), (5, 37), (14, 20)])
@pytest.mark.parametrize("days", [698, 699, 700])
def test_origins_are_a_horizon_apart_from_the_first_day_on_and_the_last_leaves_one(
    horizon, origins, days
):
    panel = simulated(2, days)
    times = make_timeline(panel, chosen(horizon=horizon, origins=origins))
    found = places(panel, times.origins)
    assert len(found) == origins
    assert (np.diff(found) == horizon).all()
    assert (found % horizon == 0).all()
    assert 0 <= days - 1 - horizon - found[-1] < horizon
    (newest,) = places(panel, times.dates[times.scored :])
    assert newest == found[-1] + horizon


@pytest.mark.parametrize(("days", "origins"), [(1, 0), (40, 0), (45, 0), (46, 1), (100, 11)])
def test_the_first_origin_is_when_there_is_history_enough_and_a_horizon_to_score(days, origins):
    panel = simulated(1, days)
    times = make_timeline(panel, chosen(min_history=40, horizon=5))
    assert places(panel, times.origins).tolist() == list(range(40, days - 5, 5))
    assert len(times.origins) == origins
    assert times.estimates[:1].tolist() == times.origins[:1].tolist()


@pytest.mark.parametrize("refit", [1, 3, 7, 100])
def test_parameters_are_estimated_anew_at_every_so_many_th_date(refit):
    panel = simulated(1, 700)
    times = make_timeline(panel, chosen(refit=refit))
    found = places(panel, times.estimates)
    first = places(panel, panel.days[chosen().min_history - 1, 0])
    assert (found[1:] % (5 * refit) == 0).all()
    assert (np.diff(found)[1:] == 5 * refit).all()
    assert found[0] % (5 * refit) == 0 or found[0] - first < 5
    assert times.estimates[0] <= times.origins[0]
    assert 0 <= places(panel, times.dates[-1]) - found[-1] < 5 * refit


@pytest.mark.parametrize("kind", ["normal", "conformal"])
@pytest.mark.parametrize("refit", [1, 3])
def test_at_each_estimate_errors_of_enough_days_before_count(kind, refit):
    panel = simulated(1, 1500)
    times = make_timeline(panel, chosen(calibration=200, refit=refit, distribution=kind))
    found = places(panel, times.estimates)
    days = 400 if kind == "conformal" else 200
    for place, since in list(enumerate(times.since))[times.first_held : -1]:
        assert days + 5 <= found[place] - found[since] < days + 10 + 5 * refit
    assert times.afresh[0]
    assert (found[times.afresh] % (5 * refit * AFRESH) == 0).all()


def test_the_date_before_an_estimate_is_a_horizon_earlier():
    panel = simulated(1, 700)
    early, late = (make_timeline(panel, chosen(origins=origins)) for origins in (10_000, 20))
    assert early.before[0] == -NEVER
    for times in (early, late):
        before = places(panel, times.before[times.before > -NEVER])
        assert (places(panel, times.estimates)[-len(before) :] - before == 5).all()


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


def of_both(one, other):
    """What two walk-forwards made on days that both have, pairs of arrays by name.

    The last day of the first is no past one: what it forecasts is its model.
    """
    common = np.intersect1d(one.timeline.dates, other.timeline.dates)
    common = common[common < one.whole.calendar[-1]]
    at = [np.searchsorted(walked.timeline.dates, common) for walked in (one, other)]
    for pieces in zip(one.pieces, other.pieces, strict=True):
        usable = pieces[0].usable[at[0]]
        found = [made_at(piece, place) for piece, place in zip(pieces, at, strict=True)]
        for name in found[0]:
            yield name, *(part[name][usable] for part in found)
        yield (
            "shapes",
            *(
                walked.shapes(piece)[:-1][place]
                for walked, piece, place in zip((one, other), pieces, at, strict=True)
            ),
        )
        for symbol in range(len(pieces[0])):
            mine, theirs = (
                daily(walked, piece, symbol)
                for walked, piece in zip((one, other), pieces, strict=True)
            )
            days = sorted(mine.keys() & theirs.keys())[:-1]
            yield "daily", *(np.array([made[day] for day in days]) for made in (mine, theirs))


def with_calendars(days=1400):
    """Symbols with prices each day, each workday but for some holidays, each week, each month."""
    every = np.arange(16_436, 16_436 + days, dtype=np.int32)  # from 2015-01-01, a Thursday
    weekday = (every + 3) % 7
    workdays = every[(weekday < 5) & (every % 91 != 0)]
    months = every.astype("datetime64[D]").astype("datetime64[M]")
    month_ends = every[np.flatnonzero(months[1:] != months[:-1])]
    own = {"CRYPTO": every, "STOCK": workdays, "WEEKLY": every[weekday == 4], "MONTHLY": month_ends}
    random = np.random.default_rng(3)
    walks = (50 * np.exp(0.01 * np.cumsum(random.normal(size=len(each)))) for each in own.values())
    return panel_of([*own], list(zip(own.values(), walks, strict=True)))


@pytest.mark.parametrize("horizon", [1, 2, 5, 10, 20])
def test_windows_of_a_symbol_with_fewer_prices_than_dates_hardly_overlap(horizon):
    panel = with_calendars()
    times = make_timeline(panel, chosen(horizon=horizon, origins=10_000))
    rows, counting = panel.upto_each(times.dates), times.counting(panel)
    for column in range(len(panel)):
        own = rows[counting[:, column], column]
        assert (np.diff(own) >= max(2 * horizon // 3, 1)).all()
    assert counting[:, 0].all()
    assert not counting[:, 3].all()


@pytest.mark.parametrize("horizon", [5, 10, 20])
def test_weekends_and_holidays_leave_an_ordinary_symbol_most_of_its_dates(horizon):
    panel = with_calendars().columns(slice(0, 2))
    times = make_timeline(panel, chosen(horizon=horizon, origins=10_000))
    assert times.counting(panel)[:, 1].mean() > 0.9


def test_dates_that_count_stay_the_same_whatever_days_and_symbols_come():
    panel, settings = with_calendars(), chosen(horizon=10, origins=20)
    times = make_timeline(panel, settings)
    counting = dict(zip(times.dates.tolist(), times.counting(panel).tolist(), strict=True))
    earlier = panel.until(int(panel.calendar[-61]))
    before = make_timeline(earlier, settings)
    found = dict(zip(before.dates.tolist(), before.counting(earlier).tolist(), strict=True))
    both = found.keys() & counting.keys()
    assert len(both) == 15
    assert all(found[day] == counting[day] for day in both)
    some = times.counting(panel.columns(np.array([1, 3])))
    np.testing.assert_array_equal(some, times.counting(panel)[:, [1, 3]])


def made_at(piece, place):
    forecasts = {"centres": piece.centres, "variances": piece.variances}
    made = {"usable": piece.usable} | forecasts | piece.states.arrays()
    return {name: part[place] for name, part in made.items()}


def daily(walked, piece, symbol):
    """What was forecast of the next day, by day."""
    there = piece.daily_origins[:, symbol] >= 0
    days = walked.panel(piece).days[piece.daily_rows[there, symbol], symbol].tolist()
    made = (piece.daily_centres[there, symbol], piece.daily_variances[there, symbol])
    return dict(zip(days, np.stack(made, axis=-1), strict=True))


@pytest.mark.parametrize("later", [1, 4, 5, 60])
@pytest.mark.parametrize(
    "chosen_so",
    [
        {"volatility": "combined", "distribution": "conformal", "location": "theta"},
        {"volatility": "garch11", "distribution": "fhs", "location": "ses"},
        {"volatility": "har", "window_days": 500, "embargo_days": 3},
        {"volatility": "ewma", "location": "lightgbm"},
    ],
)
def test_what_was_forecast_from_a_past_date_stays_whatever_days_come(later, chosen_so):
    panel = uneven()
    settings = chosen(**{"calibration": 100, "origins": 20, "refit": 3} | chosen_so)
    earlier = panel.until(int(panel.calendar[-1 - later]))
    one, other = (
        walk_forward(made, make_timeline(made, settings), settings) for made in (earlier, panel)
    )
    compared = 0
    for name, mine, theirs in of_both(one, other):
        np.testing.assert_array_equal(mine, theirs, err_msg=name)
        compared += len(mine)
    assert compared
