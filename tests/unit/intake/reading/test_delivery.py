"""A delivery, row by row: what is kept, what is not and why."""

import re
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliveries import HEAD, NAMES, WIDE, lost, read, rows
from pricewright.files.errors import Refusal
from pricewright.intake.reading.dialect import Calendar, Dialect, Marks

GOOD = "2024-01-01,GOOD,1,1\n"
OHLC = {name: name for name in ("date", "symbol", "open", "high", "low", "close")}
OHLC_HEAD = "date,symbol,open,high,low,close\n"


def test_a_long_delivery_becomes_prices_in_order_of_symbol_and_date(tmp_path):
    found = read(tmp_path, HEAD + "2024-01-02,B,2.50,8\n2024-01-03,A,1e1,7\n2024-01-01,A,3,0\n")
    assert rows(found.prices) == [
        {"date": "2024-01-01", "symbol": "A", "close": 3.0, "volume": 0},
        {"date": "2024-01-03", "symbol": "A", "close": 10.0, "volume": 7},
        {"date": "2024-01-02", "symbol": "B", "close": 2.5, "volume": 8},
    ]
    assert (found.rows, found.quarantine.count) == (3, 0)


def test_a_wide_delivery_becomes_a_row_per_date_and_symbol(tmp_path):
    text = "Date,USD,JPY,\n2024-07-05,1.08,N/A,\n2024-07-04,1.07,173,\n"
    found = read(tmp_path, text, WIDE)
    assert found.rows == 4
    assert [list(row.values()) for row in rows(found.prices)] == [
        ["2024-07-04", "JPY", 173.0],
        ["2024-07-05", "JPY", None],
        ["2024-07-04", "USD", 1.07],
        ["2024-07-05", "USD", 1.08],
    ]


@pytest.mark.parametrize("symbol", ["NA", "TRUE", "NULL", "0700", "1e5", "nan", "BRK.B", "^GSPC"])
def test_a_symbol_is_the_text_it_is(tmp_path, symbol):
    assert read(tmp_path, HEAD + f"2024-01-01,{symbol},1,1\n").prices.names == [symbol]


@pytest.mark.parametrize("padded", [" AAA", "AAA  ", "\tAAA", "\u00a0AAA\u00a0"])
def test_blanks_around_a_symbol_are_none_of_it(tmp_path, padded):
    assert read(tmp_path, HEAD + f"2024-01-01,{padded},1,1\n").prices.names == ["AAA"]


def test_a_symbol_is_read_without_what_keeps_excel_from_changing_it(tmp_path):
    text = '2024-01-01,"=""0700""",1,1\n2024-01-01,\'0005,1,1\n2024-01-01,=,1,1\n'
    found = read(tmp_path, HEAD + GOOD + text)
    assert found.prices.names == ["0005", "0700", "GOOD"]
    assert [(entry[:2]) for entry in lost(found)] == [(5, "bad-symbol")]


def test_two_columns_make_a_symbol_in_the_order_that_is_declared(tmp_path):
    dialect = Dialect(columns={"symbol": ["base", "quote"]}, layout="long")
    text = "date,quote,base,rate\n2024-01-01,USD, EUR,1.5\n2024-01-01,CHF,,2\n2024-01-02,x y,E,3\n"
    found = read(tmp_path, text, dialect)
    assert rows(found.prices) == [{"date": "2024-01-01", "symbol": "EURUSD", "close": 1.5}]
    assert lost(found) == [
        (3, "bad-symbol", "base+quote", "2024-01-01,CHF,,2"),
        (4, "bad-symbol", "base+quote", "2024-01-02,x y,E,3"),
    ]
    with pytest.raises(Refusal, match=r"no column 'bid', .* correct source\.columns\.symbol"):
        read(tmp_path, text, Dialect(columns={"symbol": ["base", "bid"]}))


@pytest.mark.parametrize("year", [2024, 20])
def test_numbers_in_columns_that_make_a_symbol_are_joined_as_text(tmp_path, year):
    text = f'[{{"date":"2024-01-01","close":1,"root":"ES","year":{year}}}]'
    found = read(tmp_path, text, Dialect(columns={"symbol": ["root", "year"]}))
    assert found.prices.names == [f"ES{year}"]


@pytest.mark.parametrize(
    "symbol",
    [
        "<script>",
        "=cmd()",
        "../etc",
        "A B",
        "\u0410APL",  # a Cyrillic A
        "A\u200fB",  # a right-to-left mark
        "",
        "A" * 33,
        "-A",
    ],
)
def test_what_is_not_a_symbol_is_quarantined(tmp_path, symbol):
    found = read(tmp_path, HEAD + GOOD + f"2024-01-01,{symbol},1,1\n")
    assert lost(found) == [(3, "bad-symbol", "Ticker", f"2024-01-01,{symbol},1,1")]
    assert found.prices.names == ["GOOD"]


def test_another_pattern_lets_other_symbols_in_but_never_what_cannot_be_seen(tmp_path):
    dialect = Dialect(columns=NAMES, symbol_pattern=".+")
    text = HEAD + "2024-01-01,ЛУК ОЙЛ,1,1\n2024-01-01,A\u202eB,1,1\n"
    found = read(tmp_path, text, dialect)
    assert found.prices.names == ["ЛУК ОЙЛ"]
    assert found.quarantine.by_reason() == {"bad-symbol": 1}


def test_a_file_without_symbols_has_the_one_that_config_names(tmp_path):
    dialect = Dialect(columns={"date": "D", "close": "P"}, symbol="WTI")
    found = read(tmp_path, "D,P\n1986-01-02,25.56\n", dialect)
    assert rows(found.prices) == [{"date": "1986-01-02", "symbol": "WTI", "close": 25.56}]


def test_with_no_columns_named_the_files_own_names_are_taken(tmp_path):
    text = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\nA,2024-01-01,1,3,1,2,9,2.5\n"
    found = read(tmp_path, text, Dialect())
    assert list(found.prices.values) == ["open", "high", "low", "close", "adj_close", "volume"]
    assert found.prices.values["adj_close"].tolist() == [2.5]


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        ("2024-01-01,A,1", "field-count", None),
        ("2024-01-01,A,1,1,", "field-count", None),
        ("2024-01-01,A,1,1,1", "field-count", None),
        ("   ", "field-count", None),
        ("2024-01-01,A,1,\0", "nul", None),
        ('2024-01-01,"A"B,1,1', "stray-quote", None),
        ('2024-01-01,A"B",1,1', "stray-quote", None),
        ("today,A,1,1", "unreadable-date", "Date"),
        (",A,1,1", "unreadable-date", "Date"),
        ("20240101,A,1,1", "unreadable-date", "Date"),
        ("2024-02-30,A,1,1", "impossible-date", "Date"),
        ("01/02/2024,A,1,1", "ambiguous-date", "Date"),
        ("2999-01-01,A,1,1", "future-date", "Date"),
        ("2024-01-01,<b>,1,1", "bad-symbol", "Ticker"),
        ("2024-01-01,A,x,1", "unreadable-number", "Close"),
        ("2024-01-01,A,1e999,1", "infinite-number", "Close"),
        ("2024-01-01,A,0,1", "sign", "Close"),
        ("2024-01-01,A,-1,1", "sign", "Close"),
        ("2024-01-01,GOOD,1,1", "duplicate", None),
        ("2024-01-01,GOOD,1.0,1", "duplicate", None),
    ],
)
def test_a_row_that_cannot_be_believed_is_quarantined_with_its_own_text(
    tmp_path, row, reason, field
):
    dialect = Dialect(columns=NAMES, calendar=Calendar(last_day=date(2024, 12, 31)))
    found = read(tmp_path, HEAD + GOOD + row + "\n2024-01-03,GOOD,1,1\n", dialect)
    assert lost(found) == [(3, reason, field, row)]
    assert found.rows == 3
    assert [row["date"] for row in rows(found.prices)] == ["2024-01-01", "2024-01-03"]


@pytest.mark.parametrize(
    "text",
    [
        "Price,Close,Close,High,High\nTicker,AAPL,MSFT,AAPL,MSFT\nDate,,,,\n"
        "2024-01-02,1,2,3,4\n2024-01-03,1.5,,3,\n2024-01-04,x,2,3,4\n",
        ",AAPL,AAPL,MSFT,MSFT\nPrice,Close,High,Close,High\nDate,,,,\n"
        "2024-01-02,1,3,2,4\n2024-01-03,1.5,3,,\n2024-01-04,x,3,2,4\n",
        "Ticker,AAPL,AAPL,MSFT,MSFT\nPrice,Close,High,Close,High\n"
        "2024-01-02,1,3,2,4\n2024-01-03,1.5,3,,\n2024-01-04,x,3,2,4\n",
    ],
)
def test_two_header_lines_of_fields_and_tickers_are_read_as_yfinance_writes_them(tmp_path, text):
    found = read(tmp_path, text, Dialect())
    assert [list(row.values()) for row in rows(found.prices)] == [
        ["2024-01-02", "AAPL", 3.0, 1.0],
        ["2024-01-03", "AAPL", 3.0, 1.5],
        ["2024-01-02", "MSFT", 4.0, 2.0],
        ["2024-01-04", "MSFT", 4.0, 2.0],
    ]
    assert found.quarantine.by_reason() == {"unreadable-number": 1}
    assert found.rows == 5


BLANKS = {"symbol_pattern": "[A-Z0-9][A-Za-z0-9 ]+"}


def closes(found):
    return [(row["date"], row["symbol"], row["close"]) for row in rows(found.prices)]


@pytest.mark.parametrize("above", ["", "Start Date,2024-01-02,\n,,\n"])
def test_bloombergs_securities_above_its_fields_are_read_as_symbols(tmp_path, above):
    text = above + ",ES1 Index,CL1 Comdty\nDates,PX_LAST,PX_LAST\n2024-01-02,1,2\n2024-01-03,3,4\n"
    assert closes(read(tmp_path, text, Dialect(**BLANKS))) == [
        ("2024-01-02", "CL1 Comdty", 2),
        ("2024-01-03", "CL1 Comdty", 4),
        ("2024-01-02", "ES1 Index", 1),
        ("2024-01-03", "ES1 Index", 3),
    ]


def test_tables_side_by_side_under_their_symbols_each_have_dates_of_their_own(tmp_path):
    text = (
        "A US Equity,,,B US Equity,,\nDate,PX_LAST,,Date,PX_LAST,PX_VOLUME\n"
        "2024-01-02,1,,2024-01-03,2,7\n2024-01-03,3,,,,\n2024-01-04,x,,,8,\n"
    )
    found = read(tmp_path, text, Dialect(**BLANKS))
    assert closes(found) == [
        ("2024-01-02", "A US Equity", 1),
        ("2024-01-03", "A US Equity", 3),
        ("2024-01-03", "B US Equity", 2),
    ]
    assert [(line, reason) for line, reason, *_ in lost(found)] == [
        (5, "unreadable-number"),
        (5, "unreadable-date"),
    ]
    assert found.rows == 5


def test_a_field_that_is_no_price_may_stand_among_those_of_several_symbols(tmp_path):
    text = "Price,Close,Close,Dividends,Dividends\nTicker,A,B,A,B\n2024-01-02,1,2,0,0\n"
    assert [close for *_, close in closes(read(tmp_path, text, Dialect()))] == [1, 2]
    with pytest.raises(Refusal):  # of one symbol, the line above may be the title of the table
        read(tmp_path, ",Report,\nDate,Bid,Ask\n2024-01-02,1,2\n", Dialect(symbol="A"))


def test_people_may_choose_which_field_of_each_symbol_is_the_close(tmp_path):
    text = ",A,A,B,B\nDates,PX_LAST,PX_SETTLE,PX_LAST,PX_SETTLE\n2024-01-02,1,3,2,4\n"
    found = read(tmp_path, text, Dialect(columns={"close": "PX_SETTLE"}))
    assert [close for *_, close in closes(found)] == [3, 4]


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


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ('"Open","Close"\n"2024-01-02",1,1.5\n"2024-01-03",1,2\n', ["column 1", "Open", "Close"]),
        ('"Date","Close"\n"1","2024-01-02",1.5\n"2","2024-01-03",2\n', ["Date", "Close"]),
    ],
)
def test_names_of_rows_without_a_title_are_a_column_as_r_writes_them(tmp_path, text, columns):
    found = read(tmp_path, text, Dialect(symbol="A"))
    assert [(day, close) for day, _, close in closes(found)] == [
        ("2024-01-02", 1.5),
        ("2024-01-03", 2),
    ]
    assert list(found.settings["columns"].values()) == columns


def test_a_field_too_many_in_each_row_is_no_name_if_the_first_is_the_date(tmp_path):
    with pytest.raises(Refusal, match="more or fewer fields than the header"):
        read(tmp_path, "Date,Close\n2024-01-02,1.5,x\n2024-01-03,2,x\n", Dialect(symbol="A"))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Symbol: AAPL\nsep=;\n# of 2024\n\nDate,Close\n2024-01-02,1.5\n", {}),
        (",Open,Close\n2024-01-02,1,1.5\n", {}),
        ("<TICKER>,<DATE>,<CLOSE>\nX,2024-01-02,1.5\n", {"symbol": None}),
        ("Date,Close/Last,Volume\n2024-01-02,1.5,2.5M\n", {}),
        ("Date,Note,Note,Close\n2024-01-02,a,b,1.5\n", {}),
        ("Date,Open,Close\n2024-01-02,1,1.5,\n", {}),
        ("2024-01-02,9,1.5\n", {"header_line": 0, "columns": {"date": 1, "close": 3}}),
        ("x\nDate,Close\n2024-01-02,1.5\n", {"header_line": 2}),
        ("Date,Close,Last\n2024-01-02,9,1.5\n", {"columns": {"close": "Last"}}),
        ("Date,Adj Close,Close\n2024-01-02,x,1.5\n", {"columns": {"adj_close": False}}),
    ],
)
def test_ordinary_shapes_of_a_table_need_little_or_no_description(tmp_path, text, options):
    found = read(tmp_path, text, Dialect(**{"symbol": "X"} | options))
    assert [(row["date"], row["symbol"], row["close"]) for row in rows(found.prices)] == [
        ("2024-01-02", "X", 1.5)
    ]
    assert lost(found) == []


def test_a_header_below_rows_is_not_taken_for_the_first(tmp_path):
    text = "Date,Open,Volume\n2024-01-01,1,1\nDate,Close,Volume\n2024-01-02,2,2\n"
    with pytest.raises(Refusal, match=r"prices\.csv:1: which column holds the close"):
        read(tmp_path, text, Dialect(symbol="A"))


def test_a_wide_file_has_other_columns_that_are_named_or_refused(tmp_path):
    text = "Date,USD,Volume\n2024-01-02,1.5,7\n"
    with pytest.raises(Refusal, match="'Volume' clearly holds no symbol's prices"):
        read(tmp_path, text, WIDE)
    found = read(tmp_path, text, Dialect(layout="wide", symbols=("USD",)))
    assert found.prices.names == ["USD"]


def test_a_symbol_whose_newest_row_is_quarantined_is_named_with_its_day(tmp_path):
    text = "".join(f"2024-01-0{day},{name},{day},1\n" for name in "ABCD" for day in range(1, 4))
    text = text.replace("03,A,3", "03,A,-3").replace("02,B,2", "02,B,x")
    text += "2024-01-03,C,9,1\n2024-01-09,E,-1,1\n2024-02-31,D,1,1\n"
    assert read(tmp_path, HEAD + text).newest_lost() == {"A": "2024-01-03", "C": "2024-01-03"}
    wide = "Date,USD,JPY\n2024-01-01,1,1\n2024-01-02,x,2\n"
    assert read(tmp_path, wide, WIDE).newest_lost() == {"USD": "2024-01-02"}


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


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("Date,USD,JPY,CHF,EUR,SEK\n2024-01-02,1,1,1,1,1\n", "wide"),
        (",BRK.B,BTC-USD,^GSPC,A,0700.HK\n2024-01-02,1,1,1,1,1\n", "wide"),
        ("by,X,2024\nDate;USD;JPY;CHF;EUR;SEK\n2024-01-02;1;1;1;1;1\n", "wide"),
        ("Date,USD,EUR,CHF,JPY,SEK\nDate,Symbol,Close\n2024-01-02,A,1\n", "long"),
        ("Date,Ticker,Close,USD\n2024-01-02,A,1,1\n", "long"),
        ('[{"date": "2024-01-02", "A": 1, "B": 2, "D": 4, "E": 5, "F": 6}]', "wide"),
    ],
)
def test_a_layout_is_found_where_only_one_fits(tmp_path, text, layout):
    found = read(tmp_path, text, Dialect())
    assert found.settings["layout"] == layout
    assert (found.quarantine.count, len(found.prices)) == (0, found.rows)


@pytest.mark.parametrize(
    "header",
    [
        *("Date,USD", "Date,BID,ASK", "Date,SCHLUSS,UMSATZ", "Date,A,B,D,E,VWAP", "Date,Bid,Ask"),
        *("Date,gold,silver", "Date,USD,Volume", "Date,C,V,O", "Date,OPEN,HIGH", "Date,YEAR,USD"),
        "Day of trade,USD,JPY",
    ],
)
def test_a_layout_of_which_the_names_leave_a_doubt_is_asked_for(tmp_path, header):
    text = header + "\n" + ",".join(["2024-01-02", *"1" * header.count(",")]) + "\n"
    with pytest.raises(Refusal, match=r"prices\.csv:1: which column holds the"):
        read(tmp_path, text, Dialect())


def test_symbols_that_are_declared_are_columns_of_a_wide_file(tmp_path):
    found = read(tmp_path, "Date,gold,silver\n2024-01-02,1,2\n", Dialect(symbols=("gold",)))
    assert [row["symbol"] for row in rows(found.prices)] == ["gold"]
    with pytest.raises(Refusal, match=r"there is no column 'tin'"):
        read(tmp_path, "Date,gold,silver\n2024-01-02,1,2\n", Dialect(symbols=("tin",)))


def test_a_reading_says_how_the_delivery_was_read(tmp_path):
    text = "exported\n\nTicker;Date;Close;\nA;2024-01-02;1;\n"
    assert read(tmp_path, text, Dialect()).settings == {
        "kind": "text",
        "delimiter": ";",
        "header_line": 3,
        "layout": "long",
        "columns": {"date": "Date", "symbol": "Ticker", "close": "Close"},
    }
    crossed = ",Close,Close\n,A,B\nDate,,\n2024-01-02,1,2\n"
    assert read(tmp_path, crossed, Dialect()).settings["layout"] == "wide"
    utf16 = "Date,Ticker,Close\n2024-01-02,A,1\n".encode("utf-16")
    assert read(tmp_path, utf16, Dialect()).settings["encoding"] == "UTF-16"


@pytest.mark.parametrize(
    ("volume", "reason"),
    [
        ("-1", "sign"),
        ("9007199254740993000", "overflowing-volume"),
        ("x", "unreadable-number"),
        ("1e999", "infinite-number"),
    ],
)
def test_a_value_that_is_not_modelled_is_missing_and_listed_and_its_row_kept(
    tmp_path, volume, reason
):
    row = f"2024-01-01,A,1,{volume}"
    found = read(tmp_path, HEAD + GOOD + row + "\n")
    assert lost(found) == [(3, reason, "Volume", row)]
    assert (found.rows, found.quarantine.count, len(found.prices)) == (2, 0, 2)
    assert found.quarantine.values_by_reason() == {reason: 1}
    assert rows(found.prices)[0] == {
        "date": "2024-01-01",
        "symbol": "A",
        "close": 1.0,
        "volume": None,
    }
    strict = Dialect(columns=NAMES, strict=("close", "volume"))
    assert read(tmp_path, HEAD + GOOD + row + "\n", strict).quarantine.by_reason() == {reason: 1}


@pytest.mark.parametrize(
    ("close", "high"), [("36.86499404907228", "36.86499404907227"), ("0.3", "0.30000000000000004")]
)
def test_a_close_above_the_high_by_rounding_is_kept(tmp_path, close, high):
    text = OHLC_HEAD + f"2024-01-01,A,0.2,{high},0.1,{close}\n"
    assert lost(read(tmp_path, text, Dialect(columns=OHLC))) == []


@pytest.mark.parametrize(
    ("header", "dialect"),
    [
        ("Close,Ticker,Date,Volume", None),
        ("Datum,Kurs,Symbol,Stück", None),
        ("Date,JPY,USD,Volume", Dialect(layout="wide", symbols=("USD", "JPY"))),
    ],
)
def test_a_header_midway_with_other_names_or_another_order_ends_the_file(tmp_path, header, dialect):
    first = "Date,USD,JPY,Volume\n" if dialect else HEAD
    text = first + "2024-01-01,1,1,1\n" + header + "\n2024-01-02,2,2,2\n"
    dialect = dialect or Dialect(columns=NAMES, strict=("close", "volume"))
    with pytest.raises(Refusal, match=r"prices\.csv:3: Date is a header with other names"):
        read(tmp_path, text, dialect)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Date,Ticker,Close\n2024-01-01,A,1\nDate,Ticker,Open,Close\n2024-02-01,A,1,2\n", 3),
        ("Date;Ticker;Open;Close\n2024-01-01;A;1;2\nDate;Ticker;Close\n2024-02-01;A;1\n", 3),
    ],
)
def test_a_header_midway_of_another_width_ends_the_file_too(tmp_path, text, place):
    with pytest.raises(Refusal, match=rf"prices\.csv:{place}: .*a header with other names"):
        read(tmp_path, text, Dialect())


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("Date,Ticker,Close", ",1,2,3,4,5,6"),
        ("Date,Ticker,Close", "2024-01-03,187.15,188.44,183.89,185.64,1,7"),
        ("Date,USD,JPY,CHF,EUR,SEK", ",1,2"),
        ("Date,USD,JPY,CHF,EUR,SEK", ",,"),
    ],
)
def test_a_row_of_another_width_is_no_header_for_what_it_lacks(tmp_path, head, row):
    good = ",".join(["2024-01-02", *"7" * head.count(",")])
    layouts = (None, "wide") if "USD" in head else (None, "long")
    for layout in layouts:
        found = read(tmp_path, f"{head}\n{good}\n{row}\n", Dialect(layout=layout))
        assert {entry[:3] for entry in lost(found)} == {(3, "field-count", None)}


def test_numbers_are_no_codes_of_what_is_traded(tmp_path):
    with pytest.raises(Refusal, match="is a row, set source"):
        read(tmp_path, ",0,1,2,3,4\n2024-01-02,1,1,1,1,1\n", Dialect())


@pytest.mark.parametrize(
    "above", ["Date,Close\n2024-01-02,2.5\n", "2024-01-02,2.5\n", "x,2024-01-02,7\n"]
)
def test_rows_above_a_header_are_never_left_out(tmp_path, above):
    text = above + "Date,Ticker,Close\n2024-02-02,MSFT,2\n"
    with pytest.raises(Refusal, match=r"prices\.csv:1: which column holds"):
        read(tmp_path, text, Dialect())


@pytest.mark.parametrize(
    "header", ["Date,Ticker,Close,Close", "Date,Ticker,Date,Close", "Date,Close,Ticker,Ticker"]
)
def test_a_name_that_two_columns_have_names_neither(tmp_path, header):
    text = header + "\n" + "2024-01-02," * 3 + "1\n"
    with pytest.raises(Refusal, match=r"two columns are named '\w+'; rename one, or set"):
        read(tmp_path, text, Dialect())


def test_a_column_may_be_told_from_another_of_its_name_by_its_number(tmp_path):
    text = "Date,Ticker,Close,Close\n2024-01-02,A,1,2\n"
    [row] = rows(read(tmp_path, text, Dialect(columns={"close": 4})).prices)
    assert row["close"] == 2


def test_a_file_without_a_header_is_said_to_be_one(tmp_path):
    text = "2024.01.02,00:00,1.10427,1.10450,1.10400,1.10440,120\n" * 3
    with pytest.raises(Refusal, match=r"is a row, set source\.header_line: 0, and set"):
        read(tmp_path, text, Dialect(symbol="EURUSD"))


def test_a_header_with_a_byte_order_mark_midway_is_the_same_header(tmp_path):
    one, other = (HEAD + f"2024-01-0{day},A,1,1\n" for day in (1, 2))
    found = read(tmp_path, f"\ufeff{one}\ufeff{other}")
    assert [row[0] for row in lost(found)] == [3]
    assert len(found.prices) == 2


def test_the_same_header_once_more_is_a_row_that_is_quarantined(tmp_path):
    assert lost(read(tmp_path, HEAD + GOOD + HEAD)) == [
        (3, "unreadable-date", "Date", HEAD.strip())
    ]


def test_a_time_at_an_offset_needs_a_time_zone(tmp_path):
    text = "Date,Close\n2024-01-02T00:00:00-05:00,1\n2024-01-03T16:00:00-05:00,2\n"
    with pytest.raises(Refusal, match=r"prices\.csv:3: Date is a time at an offset.*time_zone"):
        read(tmp_path, text, Dialect(symbol="A"))
    found = read(tmp_path, text, Dialect(symbol="A", calendar=Calendar((), "America/New_York")))
    assert [row["date"] for row in rows(found.prices)] == ["2024-01-02", "2024-01-03"]


def test_the_largest_exact_volume_is_kept(tmp_path):
    found = read(tmp_path, HEAD + f"2024-01-01,A,1,{2**53}\n")
    assert found.prices.values["volume"].tolist() == [2**53]


@pytest.mark.parametrize(
    ("prices", "kept"),
    [("positive", ["1"]), ("nonnegative", ["0", "1"]), ("any", ["-1", "0", "1"])],
)
def test_the_signs_that_a_price_may_have_are_declared(tmp_path, prices, kept):
    text = "Date,Close\n2024-01-01,-1\n2024-01-02,0\n2024-01-03,1\n"
    found = read(tmp_path, text, Dialect(symbol="A", prices=prices))
    assert found.prices.values["close"].tolist() == [float(text) for text in kept]
    assert set(found.quarantine.by_reason()) <= {"sign"}


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ("3,2,4,3", "high-below-low", "high"),
        ("5,4,2,3", "outside-range", "open"),
        ("1,4,2,3", "outside-range", "open"),
        ("3,4,2,5", "outside-range", "close"),
        ("3,4,2,1", "outside-range", "close"),
    ],
)
def test_prices_that_contradict_each_other_are_quarantined(tmp_path, values, reason, field):
    text = OHLC_HEAD + "2024-01-01,A,3,4,2,3\n" + f"2024-01-02,A,{values}\n"
    found = read(tmp_path, text, Dialect(columns=OHLC, strict=("open", "high", "low", "close")))
    assert lost(found) == [(3, reason, field, f"2024-01-02,A,{values}")]


@pytest.mark.parametrize("values", ["2,2,2,2", "4,4,2,2", ",4,2,3", "3,,2,9", "3,4,,1", ",,,"])
def test_prices_on_the_border_and_missing_ones_contradict_nothing(tmp_path, values):
    found = read(tmp_path, OHLC_HEAD + f"2024-01-02,A,{values}\n", Dialect(columns=OHLC))
    assert len(found.prices) == 1


def test_an_exact_duplicate_keeps_the_first_and_quarantines_the_rest(tmp_path):
    text = HEAD + GOOD + "2024-01-02,A,,1\n" + GOOD + "2024-01-02,A,NA,1\n" + GOOD
    found = read(tmp_path, text)
    assert [(line, reason) for line, reason, _, _ in lost(found)] == [
        (4, "duplicate"),
        (5, "duplicate"),
        (6, "duplicate"),
    ]
    assert len(found.prices) == 2


def test_a_conflicting_duplicate_quarantines_both_rows(tmp_path):
    text = HEAD + "2024-01-01,A,1,1\n" + GOOD + "2024-01-01,A,2,1\n2024-01-01,A,1,1\n"
    found = read(tmp_path, text)
    assert [(line, reason) for line, reason, _, _ in lost(found)] == [
        (2, "conflict"),
        (4, "conflict"),
        (5, "conflict"),
    ]
    assert found.prices.names == ["GOOD"]


def test_a_value_in_one_row_and_none_in_the_other_is_a_conflict(tmp_path):
    found = read(tmp_path, HEAD + GOOD + "2024-01-01,A,1,1\n2024-01-01,A,1,\n")
    assert found.quarantine.by_reason() == {"conflict": 2}


def test_a_bad_cell_of_a_wide_delivery_loses_that_cell_only(tmp_path):
    text = "Date,USD,JPY\n2024-07-05,1.08,x\n2024-07-04,-1,173\n"
    found = read(tmp_path, text, WIDE)
    assert lost(found) == [(2, "unreadable-number", "JPY", "x"), (3, "sign", "USD", "-1")]
    assert (found.rows, len(found.prices)) == (4, 2)


def test_a_bad_date_of_a_wide_delivery_loses_a_row_for_each_symbol(tmp_path):
    text = "Date,USD,JPY\n2024-07-05,1.08,x\n2024-02-30,1,x\n1,2\n"
    found = read(tmp_path, text, WIDE)
    assert found.quarantine.by_reason() == {
        "field-count": 2,
        "impossible-date": 2,
        "unreadable-number": 1,
    }
    assert (found.rows, len(found.prices)) == (6, 1)
    assert lost(found)[1:] == [
        (3, "impossible-date", "Date", "2024-02-30,1,x"),
        (4, "field-count", None, "1,2"),
    ]


def test_a_date_that_is_there_twice_in_a_wide_delivery_is_judged_cell_by_cell(tmp_path):
    text = "Date,USD,JPY\n2024-07-05,1.08,173\n2024-07-05,1.08,174\n2024-07-04,1,1\n"
    found = read(tmp_path, text, WIDE)
    assert lost(found) == [
        (2, "conflict", "JPY", "173"),
        (3, "duplicate", "USD", "1.08"),
        (3, "conflict", "JPY", "174"),
    ]


def test_several_threads_give_the_same(tmp_path, monkeypatch):
    text = HEAD + "".join(f"2024-01-{n % 28 + 1:02},S{n},{n % 7},1\n" for n in range(500))
    once = read(tmp_path, text)
    monkeypatch.setattr("pricewright.intake.reading.delimited.PIECE", 100)
    again = read(tmp_path, text, threads=3)
    assert rows(again.prices) == rows(once.prices)
    assert lost(again) == lost(once)
    assert once.quarantine.by_reason() == {"sign": 72}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD, r"prices\.csv:1: the file has a header but no rows; deliver prices"),
        ("\n\n", r"prices\.csv:1: the file is nothing but blank lines"),
        (HEAD + '2024-01-01,A,"1,1\n', r"prices\.csv:2: a quote on this line is never closed"),
        (HEAD + GOOD + '2024-01-01,A"B,1,1\n' + GOOD, r"prices\.csv:3: a quote on this line"),
        (HEAD + 'x"y,1\n' + GOOD + 'x"y,1\n', r"prices\.csv:2: a quote on this line"),
        (b"Date,Ticker,Close,Volume\n2024-01-01,\xff,1,1\n", r"prices\.csv:2: not UTF-8"),
        (b"Date,Ticker,Close,Vol\xe9\n2024-01-01,A,1,1\n", r"prices\.csv:1: not UTF-8"),
        (HEAD + GOOD + "2024-01-01,A,1\xe9,1\n".encode("latin-1").decode("latin-1"), None),
        ("Date,Ticker,Volume,Close,Close\n2024-01-01,A,1,1,1\n", r"two columns are named 'Close'"),
        (
            "Date,Ticker,Price,Volume\n2024-01-01,A,1,1\n",
            r"no column 'Close'.*source\.columns\.close",
        ),
        (
            HEAD + "2024-01-01,A,x,1\n2024-01-02,A,y,1\n",
            r"prices\.csv:2: Close is not a number \('2024-01-01,A,x,1'\), and none of the 2 rows",
        ),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused_in_a_sentence(tmp_path, text, sentence):
    if sentence is None:
        assert read(tmp_path, text).quarantine.count == 1
        return
    with pytest.raises(Refusal, match=sentence):
        read(tmp_path, text)


def test_a_file_whose_columns_nobody_named_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"which column holds the symbol\? The file has Day, Px"):
        read(tmp_path, "Day;Px\n2024-01-01;1\n", Dialect())


def test_a_wide_column_that_is_not_a_symbol_is_refused(tmp_path):
    with pytest.raises(Refusal, match="'<b>' is not a symbol"):
        read(tmp_path, "Date,<b>\n2024-01-01,1\n", WIDE)


def test_marks_and_dates_of_another_country_are_declared(tmp_path):
    dialect = Dialect(
        columns=NAMES,
        delimiter=";",
        marks=Marks(decimal=",", thousands=".", missing_markers=("-",)),
        calendar=Calendar(("%d.%m.%Y",)),
    )
    text = "Date;Ticker;Close;Volume\n31.12.2024;A;1.234,5;-\n1.2.2024;B;,5;1.000\n"
    assert rows(read(tmp_path, text, dialect).prices) == [
        {"date": "2024-12-31", "symbol": "A", "close": 1234.5, "volume": None},
        {"date": "2024-02-01", "symbol": "B", "close": 0.5, "volume": 1000},
    ]


CORRUPTIONS = {
    "cut": lambda row: row.rsplit(",", 1)[0],
    "lengthen": lambda row: row + ",",
    "no date": lambda row: "soon" + row[10:],
    "no symbol": lambda row: row.replace(",S", ",<S"),
    "no number": lambda row: row.replace("1.5", "1.5.5"),
    "infinite": lambda row: row.replace("1.5", "1e999"),
    "negative": lambda row: row.replace("1.5", "-1.5"),
    "nul": lambda row: row + "\0",
    "repeat": lambda row: row + "\n" + row,
    "contradict": lambda row: row + "\n" + row.replace("1.5", "2.5"),
    "join": lambda row: row + row,
    "empty": lambda row: "",
    "spoil": lambda row: row.replace("S", '"S"x'),
}


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(1, 28), st.integers(0, 3)), min_size=2, max_size=12, unique=True
    ),
    st.dictionaries(st.integers(0, 11), st.sampled_from(sorted(CORRUPTIONS)), max_size=6),
)
def test_whatever_is_corrupted_the_rest_is_kept_and_everything_is_accounted_for(
    tmp_path_factory, keys, corruptions
):
    rows_of = [f"2024-01-{day:02},S{symbol},1.5,100" for day, symbol in keys]
    delivered = [
        CORRUPTIONS[corruptions[number]](row) if number in corruptions else row
        for number, row in enumerate(rows_of)
    ]
    count = sum(row.count("\n") + 1 for row in delivered if row)
    untouched = len([number for number in range(len(keys)) if number not in corruptions])
    repeated = [name for number, name in corruptions.items() if number < len(keys)].count("repeat")
    if untouched + repeated == 0:
        return
    found = read(tmp_path_factory.mktemp("corrupt"), HEAD + "\n".join(delivered) + "\n")
    assert found.rows == len(found.prices) + len(lost(found)) == count
    assert len(found.prices) == untouched + repeated
    lines = (HEAD + "\n".join(delivered) + "\n").split("\n")
    assert all(text == lines[line - 1] for line, _, _, text in lost(found))


def test_words_below_a_declared_header_are_no_other_header(tmp_path):
    text = "Date,Close\nUnit,USD\n2024-01-02,1\n2024-01-03,2\n"
    found = read(tmp_path, text, Dialect(symbol="A", header_line=1))
    assert lost(found) == [(2, "unreadable-date", "Date", "Unit,USD")]
    for dialect, changed in ((None, text), (1, text + "Day,Open\n2024-01-04,3\n")):
        with pytest.raises(Refusal, match="a header with other names"):
            read(tmp_path, changed, Dialect(symbol="A", header_line=dialect))


@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_only_counts_is_no_symbol_unless_it_is_said_to_be(tmp_path, first):
    text = f"Date,Symbol,Sector,Close\n2024-01-02,{first},A,1\n2024-01-02,{first + 1},B,2\n"
    with pytest.raises(Refusal, match=r"the column 'Symbol' only counts.*source\.columns\.symbol"):
        read(tmp_path, text, Dialect())
    numbers = [str(first), str(first + 1)]
    assert read(tmp_path, text, Dialect(columns={"symbol": "Symbol"})).prices.names == numbers
    assert read(tmp_path, text.replace("Sector", "Ticker"), Dialect()).prices.names == ["A", "B"]


@pytest.mark.parametrize("symbols", [("0001", "0002"), ("7203", "6758"), ("1", "700")])
def test_symbols_that_are_numbers_are_taken(tmp_path, symbols):
    text = "Date,Symbol,Close\n" + "".join(f"2024-01-02,{symbol},1\n" for symbol in symbols)
    assert read(tmp_path, text, Dialect()).prices.names == sorted(symbols)


def test_a_row_of_words_without_a_value_is_lost_and_takes_no_price_with_it(tmp_path):
    text = "Date,Open,Close\n2024-01-02,1,2\n2024-01-02,0.24 Dividend,\n2024-01-03,,\n"
    found = read(tmp_path, text, Dialect(symbol="A"))
    assert [row["close"] for row in rows(found.prices)] == [2, None]
    assert [entry[:3] for entry in lost(found)] == [(3, "unreadable-number", "Open")]


@pytest.mark.parametrize(
    ("titles", "symbols"),
    [
        ("AAPL.Open,AAPL.Close,MSFT.Open,MSFT.Close", ["AAPL", "MSFT"]),
        ("AAPL_Adj_Close,AAPL_Close,Volume AAPL,Close MSFT", ["AAPL", "MSFT"]),
        ("Avg Price,Max Price,Avg Volume,Max Volume", None),
        ("AAPL.Close,MSFT.Close,GE.Close,F.Close", None),
        ("AAPL.Close,AAPL.Volume,Sector,MSFT.Close", None),
    ],
)
def test_titles_that_say_a_field_and_a_symbol_make_rows_of_each_symbol(tmp_path, titles, symbols):
    text = f"Date,{titles}\n2024-01-02,1,2,3,4\n"
    if symbols is None:
        with pytest.raises(Refusal, match="which column holds the"):
            read(tmp_path, text, Dialect())
    else:
        assert read(tmp_path, text, Dialect()).prices.names == symbols


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


def test_a_column_that_is_written_in_another_way_and_not_needed_may_be_left_out(tmp_path):
    text = HEAD + "".join(f"2024-01-{day},A,12.5,1.234.567\n" for day in (11, 12, 13))
    with pytest.raises(Refusal, match=r"like '12\.5', or set source\.columns\.volume: false"):
        read(tmp_path, text)
    left_out = Dialect(columns={**NAMES, "volume": False})
    assert len(read(tmp_path, text, left_out).prices) == 3


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
