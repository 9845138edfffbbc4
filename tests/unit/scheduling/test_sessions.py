"""Sessions: holidays, half days, changes of the clocks, and which are due."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from pricewright.files.errors import Refusal
from pricewright.scheduling.sessions import Schedule, next_close, timetable

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
WEEKDAYS = {0, 1, 2, 3, 4}


def sessions(exchange="XNYS", at=datetime(2026, 11, 20, tzinfo=UTC), done=None, **more):
    return timetable(Schedule(exchange=exchange, **more), at, done)


def due(at, done=None, exchange="XNYS"):
    return [str(day) for day in sessions(exchange, at, done).due(done, at)]


def test_a_session_is_due_its_minutes_after_the_close_and_no_earlier():
    close = datetime(2026, 11, 24, 16, 0, tzinfo=NEW_YORK)
    monday = date(2026, 11, 23)
    assert due(close.replace(minute=29), monday) == []
    assert due(close.replace(minute=30), monday) == ["2026-11-24"]


def test_a_holiday_and_a_weekend_are_never_due_and_half_a_day_is_due_after_its_own_close():
    wednesday = date(2026, 11, 25)  # Thanksgiving follows, and a Friday that closes at 13:00
    assert due(datetime(2026, 11, 26, 23, tzinfo=NEW_YORK), wednesday) == []
    assert due(datetime(2026, 11, 27, 13, 29, tzinfo=NEW_YORK), wednesday) == []
    assert due(datetime(2026, 11, 27, 13, 30, tzinfo=NEW_YORK), wednesday) == ["2026-11-27"]
    assert due(datetime(2026, 11, 29, 12, tzinfo=NEW_YORK), date(2026, 11, 27)) == []


def test_what_was_missed_is_due_in_order_and_at_first_the_newest_alone():
    sunday = datetime(2026, 11, 29, tzinfo=UTC)
    assert due(sunday, date(2026, 11, 23)) == ["2026-11-24", "2026-11-25", "2026-11-27"]
    assert due(sunday) == ["2026-11-27"]
    long_ago = due(sunday, date(2026, 1, 2))
    assert (long_ago[0], long_ago[-1], len(long_ago)) == ("2026-01-05", "2026-11-27", 227)


@pytest.mark.parametrize(
    ("exchange", "day", "hour"),
    [
        ("XNYS", date(2026, 3, 6), 21),  # the last day of New York's winter,
        ("XNYS", date(2026, 3, 9), 20),  # and the first of its summer
        ("XNYS", date(2026, 10, 30), 20),
        ("XNYS", date(2026, 11, 2), 21),
        ("XTKS", date(2026, 11, 2), 7),  # Tokyo has neither, and closes at 15:30
    ],
)
def test_the_clocks_of_the_exchange_say_when_it_is_due(exchange, day, hour):
    after = sessions(exchange, datetime(day.year, day.month, day.day, tzinfo=UTC)).after
    [session] = after(datetime(day.year, day.month, day.day, tzinfo=UTC), 1)
    assert session.day == day
    minutes = 0 if exchange == "XTKS" else 30
    assert session.due.astimezone(UTC).time() == time(hour, minutes)


def test_the_usual_time_on_its_own_clock_is_one_and_on_another_that_changes_otherwise_two():
    at = datetime(2026, 11, 20, tzinfo=UTC)
    assert sessions().usual(at, NEW_YORK) == [(time(16, 30), WEEKDAYS)]
    twice = [(time(21, 30), WEEKDAYS), (time(22, 30), WEEKDAYS)]
    assert sessions().usual(at, BERLIN) == twice


@pytest.mark.parametrize(
    ("exchange", "usual"),
    [
        ("XSAU", [(time(15, 30), {0, 1, 2, 3, 6})]),  # from Sunday to Thursday
        ("XTAE", [(time(17, 45), WEEKDAYS)]),  # Fridays close earlier, and are due by then
        ("24/7", [(time(0, 30), {0, 1, 2, 3, 4, 5, 6})]),
    ],
)
def test_other_weeks_are_known(exchange, usual):
    at = datetime(2026, 11, 20, tzinfo=UTC)
    known = sessions(exchange)
    assert known.usual(at, known.zone) == usual


def test_minutes_past_midnight_are_of_the_day_after():
    known = sessions(after_minutes=600)
    at = datetime(2026, 11, 20, tzinfo=UTC)
    assert known.usual(at, NEW_YORK) == [(time(2, 0), {1, 2, 3, 4, 5})]


@pytest.mark.parametrize(
    ("exchange", "found"), [(None, "found null; name"), ("NYSE2", "found 'NYSE2', allowed")]
)
def test_an_exchange_that_is_not_declared_or_unknown_is_refused(exchange, found):
    with pytest.raises(Refusal, match=rf"^config key 'schedule\.exchange': {found}"):
        sessions(exchange)


def test_days_that_are_not_known_any_more_are_refused_and_not_taken_for_holidays():
    known = sessions("XSHG")  # China says a year ahead when it rests
    last = known.sessions[-1].day
    with pytest.raises(Refusal, match=rf"the days of XSHG are known only to {last}; install"):
        known.due(last, datetime(last.year + 1, 2, 1, tzinfo=UTC))


def test_with_no_coming_session_known_every_question_about_one_gets_the_same_sentence():
    after = datetime(2027, 6, 1, tzinfo=UTC)  # India had said its holidays up to 2026
    known = sessions("XBOM", after)
    for ask in (
        lambda: known.usual(after, None),
        lambda: known.due(None, after),
        lambda: next_close("XBOM", after.date()),
        lambda: next_close("XBOM", known.sessions[-1].day),
    ):
        with pytest.raises(Refusal, match=r"the days of XBOM are known only to 2026-12-31; inst"):
            ask()


def test_a_later_session_counts_as_begun_from_its_open():
    known, friday = sessions(), date(2026, 11, 27)
    monday = datetime(2026, 11, 30, tzinfo=NEW_YORK)
    assert not known.has_later(friday, monday.replace(hour=9, minute=29))
    assert known.has_later(friday, monday.replace(hour=9, minute=30))
