from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricewright.files.errors import Refusal
from pricewright.intake.reading.dates import day_after, parse_days
from pricewright.intake.reading.dialect import Calendar

ISO = Calendar()
ZURICH = Calendar(time_zone="Europe/Zurich", bars="intraday")
ENDS = Calendar(time_zone="Europe/Zurich", bars="intraday", stamps="end")


def one(value, calendar=ISO):
    """What becomes of a value: the date, or the reason that it is none."""
    found = parse_days(value if isinstance(value, pa.Array) else pa.array([value]), calendar)
    return found.reasons[0] or str(np.datetime64(int(found.days[0]), "D"))


def test_a_date_at_an_offset_is_the_day_of_its_midnight_in_the_time_zone():
    calendar = Calendar(("%Y-%m-%d %z",), "America/New_York")
    assert one("2024-02-29 +0000", calendar) == "2024-02-28"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("2024-02-29", "2024-02-29"),
        (" 2024-02-29 ", "2024-02-29"),
        ("2024-02-29T23:59:59", "2024-02-29"),
        ("2024-02-29 23:59", "2024-02-29"),
        ("2024-02-29T00:00:00Z", "2024-02-29"),
        ("2024-02-29 00:00:00+02:00", "2024-02-29"),
        ("2024-02-29T00:00:00.000-0500", "2024-02-29"),
        ("2024-02-29T23:59:59.123456789Z", "unzoned-time"),
        ("2024-02-29T23:00:00-05:00", "unzoned-time"),
        ("2023-02-29", "impossible-date"),
        ("2024-13-01", "impossible-date"),
        ("2024-01-01T25:00", "impossible-date"),
        ("0000-01-01", "impossible-date"),
        ("01/02/2024", "ambiguous-date"),
        ("1.2.24", "ambiguous-date"),
        ("12/11/2024", "ambiguous-date"),
        ("13/02/2024", "unreadable-date"),
        ("2024-1-1", "unreadable-date"),
        ("2024-W01-1", "unreadable-date"),
        ("20240101", "unreadable-date"),
        ("today", "unreadable-date"),
        ("now", "unreadable-date"),
        ("", "unreadable-date"),
        (None, "unreadable-date"),
        ("\u0662\u0660\u0662\u0664-01-01", "unreadable-date"),  # Arabic digits
        ("2024\u201301-01", "unreadable-date"),
        ("45000", "unreadable-date"),
    ],
)
def test_a_text_in_iso_8601_is_a_date_or_not(text, outcome):
    assert one(text) == outcome


@pytest.mark.parametrize(
    ("formats", "text", "outcome"),
    [
        (("%m/%d/%Y",), "1/2/1986", "1986-01-02"),
        (("%d/%m/%Y",), "01/02/2024", "2024-02-01"),
        (("%d/%m/%Y",), "2024-02-01", "unreadable-date"),
        (("%d/%m/%Y",), "31/02/2024", "impossible-date"),
        (("%d/%m/%Y", "%Y-%m-%d"), "2024-02-01", "2024-02-01"),
        (("%d/%m/%Y", "%m/%d/%Y"), "01/02/2024", "ambiguous-date"),
        (("%d/%m/%Y", "%m/%d/%Y"), "13/02/2024", "2024-02-13"),
        (("%d/%m/%Y", "%m/%d/%Y"), "02/02/2024", "2024-02-02"),
        (("%Y%m%d",), "20240131", "2024-01-31"),
        (("%d %b %Y",), "31 Jan 2024", "2024-01-31"),
        (("%Y-%m-%d",), "\u0662\u0660\u0662\u0664-01-01", "unreadable-date"),
        (("%Y-%m-%d %H:%M %z",), "2024-01-01 00:00 -0100", "2024-01-01"),
        (("%Y-%m-%d %H:%M %z",), "2024-01-01 23:30 -0100", "unzoned-time"),
        (("%m%d%Y",), "01022024", "2024-01-02"),
        (("%m%d%Y",), "1032024", "ambiguous-date"),
        (("%m%d%Y",), "1112024", "ambiguous-date"),
        (("%Y%m%d",), "202411", "ambiguous-date"),
        (("%Y%m%d",), "2024111", "ambiguous-date"),
        (("%d%m%y",), "10224", "ambiguous-date"),
        (("%Y%j",), "20241", "ambiguous-date"),
        (("%Y%j",), "2024001", "2024-01-01"),
        (("%Y-%m-%d%H%M",), "2024-1-1930", "ambiguous-date"),
        (("%Y-%m-%d%H%M",), "2024-01-190930", "2024-01-19"),
        (("%b %d, %Y",), "Jan 2, 2024", "2024-01-02"),
        (("%Y%m%d",), "20240102.0", "2024-01-02"),
        (("%Y%m%d",), "20240102.5", "unreadable-date"),
        (("%d.%m.%Y",), "02.01.2024.0", "unreadable-date"),
        (("%d.%m.%Y %H:%M",), "02.01.2024 23:00 - 03.01.2024 00:00", "2024-01-02"),
        (("%d.%m.%Y %H:%M",), "02.01.2024 23:00 - 09.01.2024 23:00", "unreadable-date"),
        (("%d.%m.%Y %H:%M",), "03.01.2024 00:00 - 02.01.2024 23:00", "unreadable-date"),
        (("%d.%m.%Y",), "02.01.2024 - 03.01.2024", "unreadable-date"),
        ((), "2024-01-02 23:00 - 2024-01-03 00:00", "2024-01-02"),
        ((), "2024-01-02 23:00 - 2024-01-03 00:00Z", "unreadable-date"),
        (("%Y%%%m%%%d",), "2024%01%02", "2024-01-02"),
        ((), "1602-08-31", "1602-08-31"),
        ((), "1402-10-12", "ancient-date"),
        ((), "0001-01-01", "ancient-date"),
        (("%G-W%V-%u",), "2024-W01-2", "2024-01-02"),
        (("epoch-seconds",), "1704153600", "2024-01-02"),
        (("epoch-seconds",), "1704153600.0", "2024-01-02"),
        (("epoch-seconds",), "1704153601", "unzoned-time"),
        (("epoch-seconds",), "1704153600000", "unreadable-date"),
        (("epoch-milliseconds",), "1704153600000", "2024-01-02"),
        (("epoch-milliseconds",), "1704153600", "unreadable-date"),
        (("epoch-nanoseconds",), "1704153600000000000", "2024-01-02"),
        (("excel-serial",), "45293", "2024-01-02"),
        (("excel-serial",), "45293.75", "2024-01-02"),
        (("excel-serial",), "60", "unreadable-date"),
        (("excel-serial", "%d/%m/%Y"), "2/1/2024", "2024-01-02"),
        (("epoch-days",), "19724", "2024-01-02"),
        (("epoch-days",), "19724.0", "2024-01-02"),
        (("epoch-days",), "-1", "1969-12-31"),
        (("epoch-days",), "1704153600", "unreadable-date"),
        (("epoch-days",), "9999999", "unreadable-date"),
        (("sas-days",), "23377", "2024-01-02"),
        (("matlab-datenum",), "739253.5", "2024-01-02"),
        (("epoch-days", "sas-days"), "19724", "ambiguous-date"),
    ],
)
def test_declared_formats_say_how_dates_are_written(formats, text, outcome):
    assert one(text, Calendar(formats)) == outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("2024-03-31T02:30", "dst-gap"),
        ("2024-03-31T01:59", "2024-03-31"),
        ("2024-03-31T03:00", "2024-03-31"),
        ("2024-10-27T02:30", "2024-10-27"),  # there twice, on one day
        ("2024-03-31", "2024-03-31"),
        ("2024-03-30T23:30Z", "2024-03-31"),
        ("2024-03-31T22:30+00:00", "2024-04-01"),
        ("9999-12-31T23:30Z", "impossible-date"),
    ],
)
def test_a_timestamp_counts_on_the_calendar_of_the_declared_zone(text, outcome):
    assert one(text, ZURICH) == outcome


def test_a_declared_format_with_a_time_has_the_gap_as_well():
    calendar = Calendar(("%d.%m.%Y %H:%M",), "Europe/Zurich", bars="intraday")
    assert one("31.03.2024 02:30", calendar) == "dst-gap"
    assert one("31.03.2024 03:30", calendar) == "2024-03-31"


@pytest.mark.parametrize("day", ["2018-11-04", "2018-11-04 00:00:00", "2018-11-04T00:30"])
def test_a_daily_row_at_a_time_that_the_clocks_skipped_names_its_day(day):
    assert one(day, Calendar(time_zone="America/Sao_Paulo")) == "2018-11-04"
    typed = pa.array([datetime(2018, 11, 4)], pa.timestamp("us"))
    assert one(typed, Calendar(time_zone="America/Sao_Paulo")) == "2018-11-04"


@pytest.mark.parametrize(
    ("text", "formats", "outcome"),
    [
        ("2024-02-29 24:00", (), "2024-02-29"),
        ("2024-02-29T24:00:00", (), "2024-02-29"),
        ("2024-02-29T24:00:00.000Z", (), "2024-03-01"),
        ("2024-02-29T24:00:00+01:00", (), "2024-02-29"),
        ("2024-02-29T24:01", (), "impossible-date"),
        ("2024-02-29T25:00", (), "impossible-date"),
        ("2024-02-30 24:00", (), "impossible-date"),
        ("29.02.2024 24:00", ("%d.%m.%Y %H:%M",), "2024-02-29"),
        ("29.02.2024 24:01", ("%d.%m.%Y %H:%M",), "impossible-date"),
        ("20240229240000", ("%Y%m%d%H%M%S",), "2024-02-29"),
        ("29.02.2024 24:00 +0100", ("%d.%m.%Y %H:%M %z",), "2024-02-29"),
        ("2024-02-29 23:00 - 2024-02-29 24:00", (), "2024-02-29"),
    ],
)
def test_24_hours_are_the_end_of_their_day(text, formats, outcome):
    assert one(text, replace(ZURICH, date_formats=formats)) == outcome
    assert one(text, replace(ENDS, date_formats=formats)) == outcome


@pytest.mark.parametrize("clock", ["24:00", "24:00:00", "2400", "240000.0"])
def test_24_hours_beside_a_date_are_its_end(clock):
    found = parse_days(
        pa.array(["2024-01-02", "2024-01-02"]), ENDS, clock=pa.array([clock, "23:59:59"])
    )
    assert found.days.astype("datetime64[D]").astype(str).tolist() == ["2024-01-02"] * 2
    assert found.times[0] > found.times[1]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["2024-01-03 00:00"]),
        pa.array(["2024-01-02 24:00"]),
        pa.array(["2024-01-02T23:00:00Z"]),
        pa.array([datetime(2024, 1, 3)], pa.timestamp("us")),
        pa.array([datetime(2024, 1, 2, 23, tzinfo=UTC)], pa.timestamp("ms", "UTC")),
        pa.array(["1704236400"]),
    ],
)
def test_a_bar_that_ends_when_a_day_begins_belongs_to_the_day_before(column):
    formats = ("epoch-seconds",) if column[0].as_py() == "1704236400" else ()
    assert one(column, replace(ENDS, date_formats=formats)) == "2024-01-02"
    evening = replace(ENDS, date_formats=formats, session="00:01")
    assert one(column, evening) == "2024-01-02"


def test_a_bar_that_ends_when_a_session_begins_belongs_to_the_session_before():
    calendar = replace(ENDS, session="17:00")
    assert one("2024-01-02 17:00", calendar) == "2024-01-02"
    assert one("2024-01-02 17:01", calendar) == "2024-01-03"
    assert one("2024-01-02 17:00 - 2024-01-02 18:00", calendar) == "2024-01-03"
    with pytest.raises(Refusal, match=r"'source.stamps': found 'end', allowed: start, unless"):
        Calendar(stamps="end")


@pytest.mark.parametrize(
    ("zone", "stamps", "days"),
    [
        ("Europe/Zurich", ["2024-03-31 02:00", "2024-03-31 04:00"], ["2024-03-31"] * 2),
        ("Europe/Zurich", ["2024-03-31 03:00", "2024-03-31 04:00"], ["2024-03-31"] * 2),
        ("Europe/Zurich", ["2024-10-27 02:00", "2024-10-27 03:00"], ["2024-10-27"] * 2),
        (
            "America/Sao_Paulo",
            ["2018-11-04 00:00", "2018-11-04 02:00"],
            ["2018-11-03", "2018-11-04"],
        ),
        (
            "America/Sao_Paulo",
            ["2018-11-04 01:00", "2018-11-04 02:00"],
            ["2018-11-03", "2018-11-04"],
        ),
    ],
)
def test_a_bar_may_end_when_the_clocks_change(zone, stamps, days):
    found = parse_days(pa.array(stamps), replace(ENDS, time_zone=zone))
    assert found.days.astype("datetime64[D]").astype(str).tolist() == days
    assert found.faults == set()
    first, second = (found.days * np.int64(86_400_000_000) + found.times).tolist()
    assert second - first >= 3_600_000_000


def test_the_day_after_the_last_is_in_the_future():
    calendar = Calendar(last_day=date(2024, 1, 31))
    assert one("2024-01-31", calendar) == "2024-01-31"
    assert one("2024-02-01", calendar) == "future-date"


@pytest.mark.parametrize(
    ("column", "outcome"),
    [
        (pa.array([date(2024, 1, 31)]), "2024-01-31"),
        (pa.array([None], pa.date32()), "unreadable-date"),
        (pa.array([datetime(2024, 1, 31, 23)], pa.timestamp("ns")), "2024-01-31"),
        (
            pa.array([datetime(2024, 1, 31, 23, tzinfo=UTC)], pa.timestamp("ms", "UTC")),
            "2024-02-01",
        ),
        (pa.array([datetime(2024, 3, 31, 2, 30)], pa.timestamp("us")), "dst-gap"),
        (pa.array([20240131]), "unreadable-date"),
    ],
)
def test_dates_and_timestamps_of_a_type_are_read_as_such(column, outcome):
    assert one(column, ZURICH) == outcome


@given(st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2200, 1, 1)))
def test_an_instant_has_the_same_day_however_it_is_written(moment):
    local = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=-7)))
    assert one(local.isoformat(), ZURICH) == one(moment.isoformat() + "Z", ZURICH)


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ("%Y.%m", "names no day of a year"),
        ("%d %b", "names no day of a year"),
        ("%H:%M", "names no day of a year"),
        ("%Y %d", "names no day of a year"),
        ("%Y-%m-%d %Z", "has %Z, which is unknown or not the same everywhere"),
        ("%x", "has %x, which"),
        ("%s", "has %s, which"),
        ("%Y-%m-%", "has %, which"),
    ],
)
def test_a_format_that_gives_no_day_for_certain_is_refused(form, why):
    with pytest.raises(Refusal, match=f"'source.date_formats': found .* where .* {why}"):
        Calendar((form,))


def test_a_date_that_the_file_holds_as_one_is_in_iso_8601_whatever_is_declared():
    column = pa.array(["2024-02-01", "2024-02-01", "01/02/2024", "20240201"])
    typed = np.array([True, False, False, True])
    found = parse_days(column, Calendar(("%d/%m/%Y", "%Y%m%d")), typed)
    assert found.reasons.tolist() == ["", "unreadable-date", "", ""]
    assert found.days[[0, 2, 3]].tolist() == [19754] * 3


@given(
    st.dates(date(1970, 1, 1), date(2067, 12, 31)), st.sampled_from(["%Y%m%d", "%d%m%Y", "%m%d%y"])
)
def test_digits_without_marks_are_the_date_that_was_written_or_none(day, form):
    assert one(day.strftime(form), Calendar((form,))) == str(day)
    for shorter in (day.strftime(form).lstrip("0"), day.strftime(form.replace("%m", "%-m"))):
        if shorter != day.strftime(form):
            assert one(shorter, Calendar((form,))) in ("ambiguous-date", "unreadable-date")


@given(st.text(max_size=20))
def test_any_text_has_an_outcome(text):
    assert one(text, Calendar(("%d/%m/%Y", "%Y%m%d %H:%M"), "America/New_York"))


def test_the_last_day_is_the_latest_on_any_calendar():
    assert day_after(datetime(2024, 1, 31, 9, 59, tzinfo=UTC)) == date(2024, 1, 31)
    assert day_after(datetime(2024, 1, 31, 10, 0, tzinfo=UTC)) == date(2024, 2, 1)


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["13/01/2024", "14/01/2024", "31/01/2024"], "ambiguous-date"),
        (["13/01/2024", "14/01/2024", "12/01/2024"], ""),
        (["13/01/2024", "14/01/2024"], ""),
    ],
)
def test_values_are_no_dates_where_a_program_took_every_day_for_a_month_that_it_could(
    texts, reason
):
    column = pa.array(["2024-01-05", "2024-02-05", "2024-12-05", *texts])
    typed = np.array([True] * 3 + [False] * len(texts))
    found = parse_days(column, Calendar(("%d/%m/%Y",)), typed)
    assert found.reasons.tolist() == [reason] * 3 + [""] * len(texts)
    fewer = parse_days(column.slice(1), Calendar(("%d/%m/%Y",)), typed[1:])
    assert not fewer.faults  # two values may be an accident
