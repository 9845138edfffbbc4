"""Which line is the header, which columns are ours, and which texts are symbols."""

import pytest

from deliveries import GOOD, HEAD, NAMES, WIDE, lost, read, rows
from pricewright.files.errors import Refusal
from pricewright.intake.reading.dialect import Calendar, Dialect, Marks


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


@pytest.mark.parametrize("above", ["", "Prices of two stocks\n"])
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
def test_two_header_lines_of_fields_and_tickers_are_read_as_yfinance_writes_them(
    tmp_path, text, above
):
    found = read(tmp_path, above + text, Dialect())
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


def test_a_column_without_a_name_may_be_declared_by_its_empty_name(tmp_path):
    text = "Close,,Volume\n1,2024-01-02,5\n"
    found = read(tmp_path, text, Dialect(columns={"date": ""}, symbol="A"))
    assert closes(found) == [("2024-01-02", "A", 1)]


def test_people_may_choose_which_field_of_each_symbol_is_the_close(tmp_path):
    text = ",A,A,B,B\nDates,PX_LAST,PX_SETTLE,PX_LAST,PX_SETTLE\n2024-01-02,1,3,2,4\n"
    found = read(tmp_path, text, Dialect(columns={"close": "PX_SETTLE"}))
    assert [close for *_, close in closes(found)] == [3, 4]
    with pytest.raises(Refusal, match="which column holds the"):
        read(tmp_path, text, Dialect())


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


def test_a_column_that_is_written_in_another_way_and_not_needed_may_be_left_out(tmp_path):
    text = HEAD + "".join(f"2024-01-{day},A,12.5,1.234.567\n" for day in (11, 12, 13))
    with pytest.raises(Refusal, match=r"like '12\.5', or set source\.columns\.volume: false"):
        read(tmp_path, text)
    left_out = Dialect(columns={**NAMES, "volume": False})
    assert len(read(tmp_path, text, left_out).prices) == 3
