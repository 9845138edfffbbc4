"""Several rows a day: made into daily bars where that is declared, else refused."""

import json
from dataclasses import replace
from datetime import date, datetime, time

import pyarrow as pa
import pyarrow.parquet
import pytest

from deliveries import in_pieces, last_lost, lost, read, rows
from file_formats import excel, parquet
from pricewright.files.errors import Refusal
from pricewright.intake.reading.dialect import Calendar, Dialect

HEAD = "time,symbol,open,high,low,close,adj close,volume\n"
TWO_DAYS = HEAD + (
    "2024-01-01 23:00,A,5,6,4,5.5,2.5,10\n"
    "2024-01-01 00:00,A,1,3,1,2,1,5\n"
    "2024-01-01 12:00,A,2,9,2,5,2,7\n"
    "2024-01-01 12:00,B,7,7,7,7,7,1\n"
    "2024-01-02 00:00,A,8,8,8,8,8,8\n"
)


def intraday(time_zone=None, session=None, **options):
    calendar = Calendar(bars="intraday", time_zone=time_zone, session=session)
    return Dialect(**{"calendar": calendar} | options)


def closes(found):
    return {(row["symbol"], row["date"]): row["close"] for row in rows(found.prices)}


def test_a_daily_bar_is_the_first_open_highest_high_lowest_low_last_close_and_summed_volume(
    tmp_path,
):
    found = read(tmp_path, TWO_DAYS, intraday())
    assert [list(row.values()) for row in rows(found.prices)] == [
        ["2024-01-01", "A", 1, 9, 1, 5.5, 2.5, 22],
        ["2024-01-02", "A", 8, 8, 8, 8, 8, 8],
        ["2024-01-01", "B", 7, 7, 7, 7, 7, 1],
    ]
    assert (found.rows, found.in_bars, len(found.prices), found.quarantine.count) == (5, 5, 3, 0)


@pytest.mark.parametrize(
    ("header", "first", "second", "formats"),
    [
        ("<DATE>\t<TIME>", "2024.01.01\t09:30:00", "2024.01.01\t16:00:00", ["%Y.%m.%d"]),
        ("<DATE>\t<TIME>", "20240101\t093000", "20240101\t160000", ["%Y%m%d"]),
        ("Date\tTime", "2024-01-01\t9:30 AM", "2024-01-01\t4:00 p.m.", []),
        ("date\tbar_time", "01/01/2024\t0930", "01/01/2024\t1600", ["%d/%m/%Y"]),
    ],
)
def test_a_time_may_stand_beside_its_date(tmp_path, header, first, second, formats):
    calendar = Calendar(bars="intraday", date_formats=formats, session="10:00")
    text = f"{header}\tclose\n{second}\t2\n{first}\t1\n"
    found = read(tmp_path, text, Dialect(calendar=calendar, symbol="A"))
    assert closes(found) == {("A", "2023-12-31"): 1, ("A", "2024-01-01"): 2}


def test_a_time_beside_the_date_is_found_by_its_declared_name_and_in_a_wide_file(tmp_path):
    text = "Tag,Uhr,USD,JPY\n2024-01-01,10:00,1,2\n2024-01-01,11:00,3,4\n"
    found = read(tmp_path, text, intraday(layout="wide", columns={"date": "Tag", "time": "Uhr"}))
    assert closes(found) == {("USD", "2024-01-01"): 3, ("JPY", "2024-01-01"): 4}


def test_a_time_of_a_workbook_is_one_too(tmp_path):
    day = date(2024, 1, 1)
    content = excel(["Date", "Time", "Close"], [day, time(9, 30), 1], [day, time(16), 2])
    found = read(tmp_path, content, intraday(session="10:00", symbol="A"))
    assert closes(found) == {("A", "2023-12-31"): 1, ("A", "2024-01-01"): 2}


@pytest.mark.parametrize("clock", ["", "25:00", "930", "x", "10:00 XM", "10:00\x1f10:00"])
def test_a_time_that_is_none_costs_its_row(tmp_path, clock):
    text = f"Date,Time,Close\n2024-01-01,10:00,1\n2024-01-01,{clock},2\n"
    found = read(tmp_path, text, intraday(symbol="A"))
    assert [(line, reason, field) for line, reason, field, _ in lost(found)] == [
        (3, "unreadable-date", "Time")
    ]


def test_a_date_that_is_none_costs_its_row_also_beside_a_good_time(tmp_path):
    text = "Date,Time,Close\n2024-01-01,10:00,1\nx,10:00,2\n"
    assert lost(read(tmp_path, text, intraday(symbol="A"))) == [
        (3, "unreadable-date", "Date", "x,10:00,2")
    ]


def test_without_a_column_for_it_the_open_is_the_days_first_close(tmp_path):
    text = "Date,Close\n2024-01-01 10:00,3\n2024-01-01 09:00,2\n2024-01-02 09:00,4\n"
    [first, second] = rows(read(tmp_path, text, intraday(symbol="A")).prices)
    assert first == {"date": "2024-01-01", "symbol": "A", "open": 2, "close": 3}
    assert second == {"date": "2024-01-02", "symbol": "A", "open": 4, "close": 4}
    unread = intraday(symbol="A", columns={"open": False})
    assert "open" not in read(tmp_path, text, unread).prices.values


def test_a_missing_value_does_not_count_and_a_day_of_none_has_none(tmp_path):
    text = HEAD + (
        "2024-01-01 00:00,A,,3,1,2,,\n2024-01-01 01:00,A,2,,,4,,5\n2024-01-01 02:00,A,3,3,0.5,,,\n"
    )
    [bar] = rows(read(tmp_path, text, intraday()).prices)
    assert list(bar.values())[2:] == [2, 4, 0.5, 4, None, 5]


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("UTC", {"2024-01-02": 2, "2024-01-03": 3}),
        ("America/New_York", {"2024-01-01": 1, "2024-01-02": 3}),
        ("Asia/Tokyo", {"2024-01-02": 1, "2024-01-03": 3}),
    ],
)
@pytest.mark.parametrize("form", ["offset", "epoch", "typed"])
def test_stamps_are_days_on_the_calendar_of_the_declared_time_zone(tmp_path, zone, days, form):
    stamps = [1704168000, 1704236399, 1704240000]  # UTC: Jan 2 04:00, 22:59:59, Jan 3 00:00
    texts = {
        "offset": "2024-01-02T04:00:00Z 2024-01-02T23:59:59+01:00 2024-01-02T19:00:00-05:00",
        "epoch": "1704168000 1704236399 1704240000",
    }
    if form == "typed":
        moments = pa.array([1_000_000 * stamp for stamp in stamps]).cast(pa.timestamp("us", "UTC"))
        content = parquet({"time": moments, "close": [1, 2, 3]})
    else:
        pairs = zip(texts[form].split(), (1, 2, 3), strict=True)
        content = "time,close\n" + "".join(f"{stamp},{close}\n" for stamp, close in pairs)
    dialect = intraday(zone, symbol="A")
    if form == "epoch":
        calendar = replace(dialect.calendar, date_formats=("epoch-seconds",))
        dialect = replace(dialect, calendar=calendar)
    assert closes(read(tmp_path, content, dialect)) == {("A", day): at for day, at in days.items()}


def test_an_hour_that_the_clocks_repeat_is_two_rows_where_stamps_have_an_offset(tmp_path):
    text = "time,close\n2024-11-03T01:30:00-05:00,2\n2024-11-03T01:30:00-04:00,1\n"
    found = read(tmp_path, text, intraday("America/New_York", symbol="A"))
    [bar] = rows(found.prices)
    assert (bar["open"], bar["close"], found.in_bars) == (1, 2, 2)


@pytest.mark.parametrize(
    ("session", "days"),
    [
        (None, {"2024-01-01": 2, "2024-01-02": 3}),
        ("17:00", {"2024-01-01": 1, "2024-01-02": 3}),
        ("09:30", {"2023-12-31": 1, "2024-01-01": 3}),
    ],
)
def test_a_day_may_begin_at_another_time_from_noon_on_the_evening_before(tmp_path, session, days):
    text = "time,close\n2024-01-02 05:00,3\n2024-01-01 05:00,1\n2024-01-01 17:00,2\n"
    found = read(tmp_path, text, intraday(session=session, symbol="A"))
    assert closes(found) == {("A", day): close for day, close in days.items()}


@pytest.mark.parametrize("session", ["1700", "24:00", "5pm", ""])
def test_a_session_is_a_time_of_day_of_intraday_bars(session):
    with pytest.raises(Refusal, match=r"config key 'source\.session'.*17:00"):
        Calendar(bars="intraday", session=session)
    with pytest.raises(Refusal, match=r"'source\.session'.*source\.bars is intraday"):
        Calendar(session="17:00")


def test_a_row_that_repeats_another_is_judged_by_its_own_time(tmp_path):
    text = TWO_DAYS + (
        "2024-01-01 00:00,A,1,3,1,2,1,5\n"
        "2024-01-01 12:00,B,8,8,8,8,8,1\n"
        "2024-01-02 01:00,A,8,8,8,8,8,8\n"
    )
    found = read(tmp_path, text, intraday())
    assert [(line, reason) for line, reason, _, _ in lost(found)] == [
        (5, "conflict"),
        (7, "duplicate"),
        (8, "conflict"),
    ]
    assert closes(found) == {("A", "2024-01-01"): 5.5, ("A", "2024-01-02"): 8}
    assert (found.rows, found.in_bars, len(found.prices), found.quarantine.count) == (8, 5, 2, 3)


def test_a_day_whose_last_row_is_quarantined_is_named_and_so_is_a_row_behind_it(tmp_path):
    lines = [
        f"2024-01-0{day} {hour}:00,A,1,1,1,1,1,1\n" for day in (1, 2, 3) for hour in (10, 11, 12)
    ]
    lines[2] = lines[2].replace("1,1,1,1,1,1", "1,1,1,1,x,1")  # the last of its day
    lines[4] = lines[4].replace("1,1,1,1,1,1", "1,1,1,1,x,1")  # not the last
    lines[8:] = [
        "2024-01-03 12:00,A,1,1,1,1,1,1\n2024-01-03 12:00,A,1,1,1,1,2,1\n"
    ]  # in a conflict
    found = read(tmp_path, HEAD + "".join(lines), intraday())
    assert last_lost(found) == [("A", "2024-01-01"), ("A", "2024-01-03")]
    wide = "Date,USD,JPY\n2024-01-01 01:00,2,2\n2024-01-01 02:00,x,1\n2024-01-02 02:00,1,1\n"
    assert last_lost(read(tmp_path, wide, intraday(layout="wide"))) == [("USD", "2024-01-01")]


@pytest.mark.parametrize("form", ["text", "json", "excel", "parquet", "epoch", "clock"])
def test_a_bar_that_ends_with_its_day_belongs_to_it_in_every_kind_of_file(tmp_path, form):
    moments = [datetime(2024, 1, 1, 23), datetime(2024, 1, 2), datetime(2024, 1, 2, 1)]
    rows_of = [[str(moment), number] for number, moment in enumerate(moments, 1)]
    content = {
        "text": "Date,Close\n" + "".join(f"{moment},{close}\n" for moment, close in rows_of),
        "json": json.dumps([{"Date": moment, "Close": close} for moment, close in rows_of]),
        "excel": excel(
            ["Date", "Close"], *([moment, close] for close, moment in enumerate(moments, 1))
        ),
        "parquet": parquet({"Date": pa.array(moments, pa.timestamp("us")), "Close": [1, 2, 3]}),
        "epoch": "Date,Close\n1704150000,1\n1704153600,2\n1704157200,3\n",
        "clock": "Date,Time,Close\n2024-01-01,23:00,1\n2024-01-01,24:00,2\n2024-01-02,01:00,3\n",
    }[form]
    dialect = intraday("UTC", symbol="A")
    formats = ("epoch-seconds",) if form == "epoch" else ()
    calendar = replace(dialect.calendar, stamps="end", date_formats=formats)
    found = read(tmp_path, content, replace(dialect, calendar=calendar))
    assert closes(found) == {("A", "2024-01-01"): 2, ("A", "2024-01-02"): 3}


def test_milliseconds_tell_rows_apart(tmp_path):
    text = "time,c\n1704067200002,2\n1704067200001,1\n1704067200003,3\n"
    dialect = intraday("UTC", symbol="A")
    dialect = replace(
        dialect, calendar=replace(dialect.calendar, date_formats=("epoch-milliseconds",))
    )
    [bar] = rows(read(tmp_path, text, dialect).prices)
    assert (bar["open"], bar["close"]) == (1, 3)


def test_bars_are_the_same_in_pieces_and_in_any_order(tmp_path, monkeypatch):
    lines = [
        f"2024-01-{day:02} {hour:02}:00,S{name},{hour + 1},{hour + 2},{hour + 1},{hour + 1.5},1,1\n"
        for day in range(1, 9)
        for hour in range(24)
        for name in range(3)
    ]
    once = read(tmp_path, HEAD + "".join(lines), intraday())
    in_pieces(monkeypatch, 100)
    again = read(tmp_path, HEAD + "".join(sorted(lines, reverse=True)), intraday(), threads=3)
    assert rows(again.prices) == rows(once.prices)
    assert len(once.prices) == 24
    assert set(once.prices.values["volume"]) == {24.0}


def test_wide_files_and_two_header_lines_become_bars_too(tmp_path):
    wide = "Date,USD,JPY\n2024-01-01 01:00,2,20\n2024-01-01 00:00,1,10\n"
    found = read(tmp_path, wide, intraday(layout="wide"))
    assert closes(found) == {("USD", "2024-01-01"): 2, ("JPY", "2024-01-01"): 20}
    assert (found.rows, found.in_bars) == (4, 4)
    crossed = (
        "Price,Close,Close\nTicker,AAPL,MSFT\nDatetime,,\n"
        "2024-01-01 15:30:00+00:00,1,\n2024-01-01 14:30:00+00:00,2,3\n"
    )
    found = read(tmp_path, crossed, intraday("America/New_York"))
    assert closes(found) == {("AAPL", "2024-01-01"): 1, ("MSFT", "2024-01-01"): 3}
    assert (found.rows, found.in_bars) == (3, 3)


def test_excels_days_have_times_too(tmp_path):
    text = "Date,Close\n45292.75,2\n45292.25,1\n"
    dialect = intraday(symbol="A")
    calendar = replace(dialect.calendar, date_formats=("excel-serial",))
    [bar] = rows(read(tmp_path, text, replace(dialect, calendar=calendar)).prices)
    assert (bar["date"], bar["open"], bar["close"]) == ("2024-01-01", 1, 2)


def test_a_volume_that_adds_up_to_more_than_can_be_stored_is_refused(tmp_path):
    text = "Date,Close,Volume\n" + "".join(
        f"2024-01-01 0{hour}:00,1,{2**53}\n" for hour in range(2)
    )
    with pytest.raises(Refusal, match=r"prices\.csv: the volume of A on 2024-01-01 adds up to"):
        read(tmp_path, text, intraday(symbol="A"))


@pytest.mark.parametrize(
    ("text", "line", "days"),
    [
        ("Date,Close\n2024-01-02 00:00,1\n2024-01-02 01:00,2\n2024-01-01 00:00,3\n", 3, 2),
        ("Date,Close\n2024-01-02 01:00,1\n2024-01-01 01:00,1\n2024-01-02,3\n", 4, 2),
        (json.dumps([{"time": f"2024-01-01T0{n}:00", "c": 1} for n in (0, 1)]), 2, 1),
    ],
)
def test_several_times_a_day_are_refused_in_one_sentence_unless_declared(
    tmp_path, text, line, days
):
    with pytest.raises(Refusal) as refusal:
        read(tmp_path, text, Dialect(symbol="A"))
    assert str(refusal.value) == (
        f"prices.csv:{line}: there are several times a day, such as for A on 2024-01-0{days}; set "
        "source.bars: intraday, which makes daily bars of them."
    )
    assert len(read(tmp_path, text, intraday(symbol="A")).prices) == days


def test_rows_that_repeat_a_day_at_the_same_time_stay_quarantined(tmp_path):
    text = "Date,Close\n2024-01-01 16:00,1\n2024-01-01 16:00,2\n2024-01-02 16:00,3\n"
    text += "2024-01-02 16:00,3\n2024-01-03 17:30,3\n"
    found = read(tmp_path, text, Dialect(symbol="A"))
    assert found.quarantine.by_reason() == {"duplicate": 1, "conflict": 2}


def test_a_stray_second_time_in_a_file_of_days_is_quarantined_as_ever(tmp_path):
    text = "Date,Close\n" + "".join(
        f"{1990 + n // 300}-{n // 25 % 12 + 1:02}-{n % 25 + 1:02} 16:00,1\n" for n in range(300)
    )
    found = read(tmp_path, text + "1990-12-25 14:32,2\n", Dialect(symbol="A"))
    assert found.quarantine.by_reason() == {"conflict": 2}
