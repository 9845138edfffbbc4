"""A delivery that is refused as a whole, and the setting or the remedy that is named."""

import json
import re
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from deliveries import HEAD, NAMES, WIDE, read, rows
from file_formats import parquet
from pricewright.files.errors import Refusal
from pricewright.intake.reading.dialect import Calendar, Dialect
from pricewright.intake.reading.proposals import symbol_pattern


def test_the_proposed_pattern_allows_every_symbol_of_the_file_at_once(tmp_path):
    symbols = ["BRK/B"] * 15 + ["M&M", "RDSA LN Equity", ".DJI", "$SPX", "/ES", "BTC-USD", ""]
    text = "date,ticker,close\n" + "".join(
        f"2024-01-{day:02},{symbol},1\n" for day, symbol in enumerate(symbols, 1)
    )
    with pytest.raises(Refusal) as caught:
        read(tmp_path, text, Dialect()).check_share(0.5, "prices.csv")
    pattern = re.search(r"source.symbol_pattern: '(.*)', or raise", str(caught.value))[1]
    found = read(tmp_path, text, Dialect(symbol_pattern=pattern))
    assert set(found.prices.names) == set(symbols) - {""}
    assert not Dialect(symbol_pattern=pattern).is_symbol("-")
    assert symbol_pattern(["BRK/B"]) == "[A-Za-z0-9^][A-Za-z0-9.:=^_/-]{0,63}"
    assert not Dialect().is_symbol("12:30")  # a time of day, unless a pattern is declared
    assert Dialect(symbol_pattern=r"[\w:]+").is_symbol("12:30")


def test_marks_are_asked_for_also_where_only_values_would_be_lost(tmp_path):
    rows = "".join(f'2024-01-{day:02},A,1,2,"1,0{day:02}"\n' for day in range(10, 14))
    with pytest.raises(Refusal, match=r"Open is not a number .* set source.thousands"):
        read(tmp_path, "Date,Ticker,Close,Adj Close,Open\n" + rows, Dialect(strict=("close",)))


def test_marks_that_would_read_many_numbers_are_asked_for_before_these_are_lost(tmp_path):
    text = HEAD + "".join(f'2024-01-{day:02},A,"{985 + 5 * day:,}.5",1\n' for day in range(1, 11))
    with pytest.raises(Refusal) as refusal:
        read(tmp_path, text)
    assert str(refusal.value) == (
        "prices.csv:4: Close is not a number ('1,000.5'), as in 7 more rows; "
        'set source.thousands: ",".'
    )


@pytest.mark.parametrize(
    ("head", "row", "remedy"),
    [
        ("Date,Close", "31/01/2024,1", r'set source\.date_formats: \["%d/%m/%Y"\]'),
        ("Date,Close", "Jan 2 2024,1", r'set source\.date_formats: \["%b %d %Y"\]'),
        ("Date,Close", "202401,1", "deliver days such as 2024-01-31; these texts name none"),
        ("Date,Close", "9:30,1", "deliver days such as 2024-01-31; these texts name none"),
        ("Date,Close", "2. Januar 2024,1", "deliver dates in digits such as 2024-01-31"),
        ("Date,Close", "2 janv. 2024,1", "deliver dates in digits such as 2024-01-31"),
        ("Date,Close", "1704153600000,1", r'set source\.date_formats: \["epoch-milliseconds"\]'),
        ("Date,Close", "45293,1", r'set source\.date_formats: \["excel-serial"\]'),
        ("Date,Close", "739253,1", r'set source\.date_formats: \["matlab-datenum"\]'),
        ("Date,Close", "19724,1", r': \["epoch-days"\] or source\.date_formats: \["sas-days"\]'),
        ("Date,Close", "2024-01-02,$1.5", r'set source\.unit: "\$"'),
        ("Date,Close", '2024-01-02,"1,5"', r'set source\.decimal: ","'),
        ("Date,Close", '2024-01-02,"1,500"', r'set source\.thousands: "," or source\.decimal: ","'),
        (
            "Date,Close",
            '2024-01-02,"€1.234,5"',
            r'decimal: "," and .*thousands: "\." and .*unit: "€"',
        ),
        ("Date,Close", "2024-01-02,-1", r"correct the file, or see source\.prices"),
        ("Date,Ticker", "2024-01-02,A", r"set source\.columns\.close"),
        ("Date,USD,JPY,CHF", "2024-01-02,1,1,1", r"source\.layout: wide"),
    ],
)
def test_a_refusal_names_the_key_that_solves_it(tmp_path, head, row, remedy):
    with pytest.raises(Refusal, match=r"prices\.csv:[12]: .*" + remedy):
        read(tmp_path, f"{head}\n{row}\n", Dialect(symbol="A"))


DATES = [f"2024-01-{day:02}" for day in range(1, 13)]

ONE = Dialect(symbol="AAA", columns={"date": "Date", "close": "Close"})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (DATES, DATES),
        (DATES[::2], DATES[1::2]),  # on no day do both have a price
        (DATES[4:], DATES[:9]),
        (DATES[::-1], DATES[::-1]),
    ],
)
def test_dates_that_begin_again_under_one_symbol_are_another_symbols(tmp_path, first, second):
    lines = [f"{day},{n}\n" for n, day in enumerate([*first, *second], 1)]
    with pytest.raises(Refusal, match=rf"prices\.csv:{len(first) + 2}: the dates begin again"):
        read(tmp_path, "Date,Close\n" + "".join(lines), ONE)
    named = [
        line.replace(",", f",{'A' if n < len(first) else 'B'},") for n, line in enumerate(lines)
    ]
    kept = read(tmp_path, "Date,Ticker,Close\n" + "".join(named), Dialect())
    assert len(kept.prices) == len(lines)


@pytest.mark.parametrize(
    "days",
    [
        [*DATES[6:], *DATES[:6]],  # the newer month first
        [*DATES[:7], *DATES[6:]],  # the last day once more
        [*DATES, *DATES[3:5]],  # two days that come late
        DATES[::5] + DATES[1::5] + DATES[2::5] + DATES[3::5] + DATES[4::5],  # in no order
    ],
)
def test_dates_in_another_order_are_not_taken_for_another_symbols(tmp_path, days):
    text = "Date,Close\n" + "".join(f"{day},1\n" for day in days)
    assert [row["date"] for row in rows(read(tmp_path, text, ONE).prices)] == DATES


def test_a_file_delivered_twice_over_has_duplicates_and_no_other_symbol(tmp_path):
    text = "".join(f"{day},1\n" for day in DATES)
    found = read(tmp_path, "Date,Close\n" + text + text, ONE)
    assert found.quarantine.by_reason() == {"duplicate": 12}


@pytest.mark.parametrize("title", ["Symbol", "instrument.symbol"])
def test_one_symbol_that_is_declared_for_a_column_of_several_is_refused(tmp_path, title):
    text = f"Date,{title},Close\n2024-01-01,B,1\n2024-01-02,C,2\n"
    with pytest.raises(Refusal, match=r"has B and C, but source\.symbol says .* of AAA; remove"):
        read(tmp_path, text, ONE)
    assert read(tmp_path, text, Dialect()).prices.names == ["B", "C"]
    apart = Dialect(symbol="AAA", columns={"symbol": False})
    assert read(tmp_path, text, apart).prices.names == ["AAA"]
    assert read(tmp_path, text.replace("C,2", "B,2"), ONE).prices.names == ["AAA"]


def test_two_digits_of_a_year_before_1969_are_refused_and_not_called_the_future(tmp_path):
    calendar = Calendar(date_formats=("%d/%m/%y", "%d/%m/%Y"), last_day=date(2026, 1, 1))
    dialect = Dialect(columns=NAMES, calendar=calendar)
    text = HEAD + "".join(f"0{day}/03/65,A,1,1\n" for day in (1, 2, 3)) + "05/03/70,A,1,1\n" * 9
    with pytest.raises(Refusal, match=r"prices\.csv:2: Date .* in 2 more rows; write its years"):
        read(tmp_path, text, dialect)
    assert read(tmp_path, text.replace("/65", "/1965"), dialect).prices.date(0) == "1965-03-01"
    found = read(tmp_path, text.replace("/65", "/27"), dialect)
    assert found.quarantine.by_reason()["future-date"] == 3


@pytest.mark.parametrize(
    ("texts", "remedy"),
    [
        (["13/01/2024,1"] * 3 + ["2024-01-14,1"], r'set .*: \["%Y-%m-%d", "%d/%m/%Y"\]'),
        (["2024-01-14,12.5"] + ["2024-01-13,1.234.567"] * 3, r"deliver all .* like '12\.5'"),
        (["2024-01-14,150p"] + ["2024-01-13,£1.5"] * 3, r"deliver all .* like '£1\.5'"),
        (["2024-01-13,121'16", "2024-01-14,120'31", "2024-01-15,121'02"], "points and 32nds"),
        (["2024-01-13,121'165"] * 3, r"deliver decimals .121\.5 .* set source.thousands: \"'\""),
        (["2024-01-13,121-16+"] * 3, r"these texts seem to be points and 32nds\."),
        (["2024-01-13,£1.5"] * 3 + ["2024-01-14,7"], 'set source.unit: "£"'),
        (["2024-01-13,£1.5"] * 3 + ["2024-01-14,N/D"], 'set source.unit: "£"'),
        (
            ["113/01/10,1"] * 3,
            "deliver dates such as 2024-01-31; the years seem to be those of Taiwan",
        ),
        (
            ["1402-10-12,1"] * 3,
            "deliver dates such as 2024-01-31; .* of the Persian or the Islamic calendar",
        ),
        (
            ["1402/10/12,1"] * 3 + ["2024-01-15,1"],
            "deliver dates such as 2024-01-31; .* of the Persian or the Islamic",
        ),
        (["10/01/2567,1"] * 3, "deliver dates such as 2024-01-31; .* of the Buddhist calendar"),
        (["10,1", "11,2", "12,3"], "deliver the whole date in one column, such as 2024-01-31"),
    ],
)
def test_what_is_proposed_reads_the_other_rows_as_well_or_says_that_nothing_does(
    tmp_path, texts, remedy
):
    with pytest.raises(Refusal, match=remedy):
        read(tmp_path, "Date,Close\n" + "\n".join(texts) + "\n", ONE)


@pytest.mark.parametrize("row", ["2024-01-{},,1,1", ",A,1,1"])
def test_cells_that_are_blank_below_the_same_are_to_be_filled_in(tmp_path, row):
    text = HEAD + "2024-01-10,A,1,1\n" + "".join(f"{row.format(day)}\n" for day in (11, 12, 15))
    with pytest.raises(Refusal, match=r"prices\.csv:3: .*; fill in the blank cells"):
        read(tmp_path, text).check_share(0.5, "prices.csv")


def exchanged(day):
    """A date as ISO 8601 with day and month exchanged, where that is a date."""
    year, month, of_month = day.split("-")
    return f"{year}-{of_month}-{month}" if int(of_month) <= 12 else day


def of_days(days, symbols=("AAA",)):
    rows = [f"{day},{symbol},{n}.5\n" for n, day in enumerate(days) for symbol in symbols]
    return "Date,Symbol,Close\n" + "".join(rows)


BUSINESS = [str(day) for day in np.arange("2024-01-02", "2024-12-20", dtype="datetime64[D]")]

BUSINESS = [day for day in BUSINESS if date.fromisoformat(day).weekday() < 5]

EXCHANGED = r"prices\.csv:{}: days and months seem to be exchanged, because dates such as {} fit"


@pytest.mark.parametrize("count", [20, 40, 62, 240])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("symbols", [("AAA",), ("B", "A", "C")])
def test_a_file_in_which_days_and_months_are_exchanged_is_refused(tmp_path, count, order, symbols):
    days = BUSINESS[:count][::order]
    text = of_days(map(exchanged, days), symbols)
    line = 2 + next(n for n, day in enumerate(days) if exchanged(day) != day) * len(symbols)
    with pytest.raises(
        Refusal, match=EXCHANGED.format(line, exchanged(days[(line - 2) // len(symbols)]))
    ):
        read(tmp_path, text, Dialect())
    wide = "Date,USD,JPY\n" + "".join(f"{exchanged(day)},1,2\n" for day in days)
    with pytest.raises(Refusal, match=r"exchanged.*; get the dates from their source again"):
        read(tmp_path, wide, WIDE)


def test_exchanged_days_and_months_are_found_in_a_short_file_that_was_sorted_since(tmp_path):
    with pytest.raises(Refusal, match=EXCHANGED.format(13, "2024-02-01")):
        read(tmp_path, of_days(sorted(map(exchanged, BUSINESS[:20]))), Dialect())


def test_dates_of_the_first_days_alone_that_run_on_in_the_other_order_need_the_other_format(
    tmp_path,
):
    days = [f"{day:02}/{month:02}/2024" for day in (1, 2, 3) for month in (3, 4, 5)]
    dialect = Dialect(calendar=Calendar(date_formats=("%d/%m/%Y",)))
    with pytest.raises(Refusal, match=r"exchange %d and %m in source\.date_formats, or, if the"):
        read(tmp_path, of_days(days), dialect)


@pytest.mark.parametrize(
    "days",
    [
        [f"2024-{month:02}-01" for month in range(1, 13)],  # of each month
        [f"2023-{month:02}-01" for month in range(1, 13)] + BUSINESS[8:20],  # then of each day
        [f"{year}-{month:02}-01" for month in (1, 4, 7, 10) for year in (2021, 2022, 2023)],
        BUSINESS[:40][::3] + BUSINESS[1:40][::3],
        ["2024-01-04", "2024-01-03", "2024-01-02", "2024-01-15"],  # the newest is below
        sorted(BUSINESS, key=lambda day: day.split("-")[::-1]),  # as text in days, months, years
    ],
)
def test_dates_that_are_merely_apart_or_out_of_order_are_believed(tmp_path, days):
    assert len(read(tmp_path, of_days(days), Dialect()).prices) == len(days)


def test_first_days_of_months_in_order_are_believed_even_if_one_is_there_twice(tmp_path):
    text = "Date,Close\n" + "".join(f"2024-{month:02}-01,1\n" for month in (1, 2, 3, 4, 4))
    assert read(tmp_path, text, ONE).quarantine.by_reason() == {"duplicate": 1}


@pytest.mark.parametrize("others", [pa.array([1.5] * 3), pa.array(["1,5"] * 3)])
def test_numbers_that_the_file_holds_as_numbers_leave_the_marks_of_texts_open(tmp_path, others):
    table = {"Date": DATES[:3], "Close": ["2,5", "3,5", "4,5"], "Open": others}
    with pytest.raises(Refusal, match=r'Close is not a number .*; set source\.decimal: ","\.'):
        read(tmp_path, parquet(table), ONE)
    records = [{"Date": day, "Close": "2,5", "Open": 1.5} for day in DATES[:3]]
    with pytest.raises(Refusal, match=r'Close is not a number .*; set source\.decimal: ","\.'):
        read(tmp_path, json.dumps(records), ONE)


def test_marks_are_asked_for_also_below_two_lines_of_titles(tmp_path):
    head = "Price;Close;Close\nTicker;AAA;BBB\nDate;;\n"
    with pytest.raises(Refusal, match=r'close AAA is not a number .*; set source\.decimal: ","\.'):
        read(tmp_path, head + "".join(f"{day};1,5;2,5\n" for day in DATES[:3]), Dialect())
