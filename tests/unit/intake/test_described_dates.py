"""Which dates and times of day `pricewright describe` finds, and which it asks about."""

from datetime import date

import pytest

from descriptions import DAYS, as_written, described
from pricewright.files.errors import Refusal
from pricewright.intake.findings import as_yaml


@pytest.mark.parametrize("other", ["%d/%m/%Y", "%d.%m.%Y", "%m/%d/%Y", "%d %b %Y"])
def test_dates_written_in_two_ways_that_no_text_can_be_both_of_are_read_in_both(tmp_path, other):
    days = [date(2024, 1, day) for day in range(2, 28)]
    texts = [f"{day:{other if n % 3 == 0 else '%Y-%m-%d'}}" for n, day in enumerate(days)]
    text = "Date,Close\n" + "".join(f"{day},1\n" for day in texts)
    path, found = described(tmp_path, text)
    assert not found.to_choose
    assert [row["date"] for row in as_written(path, found)] == [day.isoformat() for day in days]


def test_a_time_beside_the_date_tells_that_bars_are_intraday(tmp_path):
    lines = [f"2024.01.{day}\t{hour}:00:00\t{hour}\t7\n" for day in (15, 16) for hour in (10, 11)]
    path, found = described(tmp_path, "<DATE>\t<TIME>\t<CLOSE>\t<TICKVOL>\n" + "".join(lines))
    assert {setting.key: setting.value for setting in found.settings}["bars"] == "intraday"
    assert [(row["close"], row["volume"]) for row in as_written(path, found)] == [(11, 14)] * 2


@pytest.mark.parametrize(
    ("head", "form"),
    [
        ("Time,Ticker,Close", "{day} {hour}:00:00,{name},{close}"),
        ("Time,Papier,Close", "{day}T{hour}:00,{name},{close}"),
    ],
)
def test_several_times_a_day_are_intraday_bars(tmp_path, head, form):
    rows = [
        form.format(day=f"2024-01-{day}", hour=hour, name=name, close=hour)
        for day in (15, 16)
        for hour in (10, 11)
        for name in ("AB", "CD")
    ]
    path, found = described(tmp_path, "\n".join([head, *rows]))
    assert "bars: intraday   # several times a day, as in line 4" in as_yaml("AAPL.csv", found)
    assert [list(row.values()) for row in as_written(path, found)] == [
        [f"2024-01-{day}", name, 10, 11] for name in ("AB", "CD") for day in (15, 16)
    ]


def test_times_at_an_offset_are_bars_too_when_a_time_zone_is_chosen(tmp_path):
    text = "Time,Close\n" + "".join(f"2024-01-15T{hour}:00:00Z,{hour}\n" for hour in (10, 11))
    path, found = described(tmp_path, text)
    assert [each.key for each in found.settings if each.others] == ["time_zone"]
    assert [row["close"] for row in as_written(path, found, time_zone="UTC")] == [11]


def test_times_of_day_without_a_title_are_times_and_no_symbols(tmp_path):
    rows = [
        f"2024.02.0{day},{hour:02}:00,5{hour}.5,5{hour}.9,5{hour}.1,5{hour}.{day},1{hour}"
        for day in (1, 2, 5)
        for hour in range(4)
    ]
    _, found = described(tmp_path, "\n".join(rows) + "\n")
    keys = {setting.key: setting.value for setting in found.settings}
    assert (keys["columns.time"], keys["bars"]) == ("column 2", "intraday")
    assert "columns.symbol" not in keys


def test_where_a_file_shows_days_first_and_months_first_neither_is_chosen(tmp_path):
    dates = ("15/01/2018", "02/13/2018", "02/14/2018", "01/02/2018")
    _, found = described(tmp_path, "Date,Close\n" + "".join(f"{day},1\n" for day in dates))
    (open_key,) = found.to_choose
    assert [open_key.value, *open_key.others] == [["%m/%d/%Y"], ["%d/%m/%Y"]]


@pytest.mark.parametrize("day", ["2024年1月{}日", "2024年 01月{}日", "2024년 1월 {}일"])
def test_dates_in_eastern_signs_are_read_as_they_can_only_be(tmp_path, day):
    text = f"日期,代码,收盘\n{day.format(15)},AAPL,1234.5\n{day.format(16)},AAPL,1235.25\n"
    path, found = described(tmp_path, text)
    assert found.settings == []
    assert [(row["date"], row["close"]) for row in as_written(path, found)] == DAYS


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("a,b\nx,1\ny,2\n", "no column holds dates; the file has a, b"),
        ("Month,Close\n2024-01,1\n2024-02,2\n", "column 'Month' names no day: found 2024-01"),
        ("Week,Close\n2024-W01,1\n", "column 'Week' names no day: found 2024-W01"),
        ("Date       Close\n2024-01-02  1\n", "its columns are separated by blanks alone"),
        ("Symbol,2024-01-02,2024-01-03\nA,1,2\n", "its dates are the names of columns"),
        ("Symbol;02.01.2024;03.01.2024\nA;1;2\n", "its dates are the names of columns"),
    ],
)
def test_a_file_without_days_is_refused_and_told_why(tmp_path, content, why):
    with pytest.raises(Refusal, match=rf"AAPL\.csv:1: {why}"):
        described(tmp_path, content)


def test_where_the_date_may_be_the_one_in_the_files_name_that_is_said(tmp_path):
    with pytest.raises(Refusal, match="the one in the file's name, add it as a column"):
        described(tmp_path, "Symbol,Close\nA,1\n", "prices_2024-01-15.csv")
    with pytest.raises(Refusal, match=r"the file has Symbol, Close\.$"):
        described(tmp_path, "Symbol,Close\nA,1\n", "prices_20249915.csv")


def test_a_way_to_read_dates_by_which_some_are_to_come_is_not_offered(tmp_path):
    rows = "".join(f"{day}/01/{year},1\n" for day, year in ((30, 23), (31, 24)))
    path, found = described(tmp_path, f"Date,Close\n{rows}")
    assert found.dialect.calendar.date_formats == ("%d/%m/%y",)
    assert [row["date"] for row in as_written(path, found)] == ["2023-01-30", "2024-01-31"]


@pytest.mark.parametrize("head", ["Index,AAPL,MSFT", "date,ticker,close", "day,Close,Volume"])
@pytest.mark.parametrize(
    ("first", "formats"),
    [
        (19724, [["epoch-days"], ["sas-days"]]),
        (739253, [["matlab-datenum"]]),
        (23377, [["sas-days"]]),  # days since 1970 would be to come
        (45293, [["excel-serial"]]),
    ],
)
def test_numbers_of_days_are_proposed_as_dates_with_each_count_that_fits(
    tmp_path, head, first, formats
):
    cells = "AAPL,1.5" if "ticker" in head else "185.5,369.25"
    text = f"{head}\n" + "".join(f"{first + day},{cells}\n" for day in range(4))
    path, found = described(tmp_path, text)
    (setting,) = (each for each in found.settings if each.key == "date_formats")
    assert [setting.value, *setting.others] == formats
    if len(formats) > 1:
        assert setting.why.endswith(f"line 2 has {first}: 2024-01-02 or 2014-01-01")
    read = as_written(path, found, date_formats=formats[0])
    assert read[0]["date"] == "2024-01-02"


def test_dates_of_six_digits_in_a_file_without_a_header_are_found(tmp_path):
    text = "".join(f"BHP,2401{day},184.5,186.25,40000000\n" for day in range(15, 20))
    path, found = described(tmp_path, text, "ASX20240130.txt")
    settings = {each.key: each.value for each in found.settings}
    assert (settings["header_line"], settings["date_formats"]) == (0, ["%y%m%d"])
    columns = {"date": 2, "symbol": 1, "close": 4}
    read = as_written(path, found, columns=columns, date_formats=["%y%m%d"])
    assert read[0]["date"] == "2024-01-15"


def test_a_file_whose_only_whole_numbers_are_prices_or_volumes_still_has_no_dates(tmp_path):
    with pytest.raises(Refusal, match="no column holds dates"):
        described(tmp_path, "Symbol,Close,Volume\nA,19724,739253\nB,19725,739254\n")


@pytest.mark.parametrize(("name", "first"), [("trade_no", 735001), ("id", 23001), ("ref", 20001)])
def test_numbers_of_rows_are_not_taken_for_dates(tmp_path, name, first):
    text = f"{name},price\n" + "".join(f"{first + row},{row + 1}.5\n" for row in range(30))
    with pytest.raises(Refusal, match="names no day"):
        described(tmp_path, text)
