"""Where `pricewright describe` finds the symbols, and which of them it asks about."""

from datetime import date

import numpy as np
import pytest
import yaml

from descriptions import as_written, dated, described
from file_formats import book, excel, parquet
from pricewright.files.errors import Refusal
from pricewright.intake.description import describe_file, first_day
from pricewright.intake.findings import as_yaml, losses
from pricewright.intake.one_symbol import symbol_of_file
from pricewright.intake.reading.dialect import Dialect


@pytest.mark.parametrize("column", ["Symbol", "Papier"])
def test_a_symbol_with_other_marks_is_read_with_the_pattern_that_is_written(tmp_path, column):
    text = f"https://x.test/\nDate,{column},Close\n2024-01-15,BTC/USD,1\n2024-01-15,ETH/USD,2\n"
    path, found = described(tmp_path, text)
    assert {row["symbol"] for row in as_written(path, found)} == {"BTC/USD", "ETH/USD"}


def test_a_ticker_comes_before_a_column_of_numbers_that_is_called_symbol(tmp_path):
    text = "Date,Symbol,Ticker,Close\n2024-01-15,1,AAPL,1\n2024-01-15,2,MSFT,2\n"
    path, found = described(tmp_path, text)
    assert {row["symbol"] for row in as_written(path, found)} == {"AAPL", "MSFT"}
    _, found = described(tmp_path, text.replace("Ticker", "Sector"))
    assert "set source.columns.symbol to the column" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BRK.B.csv.txt", "BRK.B"),
        ("AAPL Historical Data.csv", "AAPL"),
        ("NASDAQ_AAPL, 1D.csv", "NASDAQ_AAPL"),
        ("EURUSD_Daily_202401020000_202401290000.csv", "EURUSD"),
        ("삼성전자.csv", "삼성전자"),
        ("S&P 500 Historical Data.csv", "S&P 500 Historical Data"),
    ],
)
def test_a_symbol_that_the_run_accepts_is_proposed_from_the_name_of_the_file(
    tmp_path, name, symbol
):
    path, found = described(tmp_path, dated(1.5, 2.5), name)
    assert {row["symbol"] for row in as_written(path, found)} == {symbol}


def test_a_name_that_no_pattern_reads_is_asked_about(tmp_path):
    _, found = described(tmp_path, dated(1.5, 2.5), "(x).csv")
    assert [(each.key, each.examples) for each in found.to_choose] == [("symbol", True)]


def test_files_that_are_named_after_symbols_with_blanks_get_a_pattern_for_all(tmp_path):
    path, _ = described(tmp_path, dated(1.5, 2.5))
    names = ["in/AAPL Historical Data.csv", "in/S&P 500 Historical Data.csv"]
    source = yaml.safe_load(as_yaml("in", describe_file(path, names[0], named=names)))["source"]
    assert source["symbol"] == "{file}"
    dialect = Dialect(symbol_pattern=source["symbol_pattern"])
    assert all(dialect.is_symbol(symbol_of_file(name)) for name in names)


def test_a_symbol_column_without_a_usual_name_is_found_where_a_day_has_several_prices(tmp_path):
    text = "".join(f"2024-01-{day},{name},1\n" for day in (15, 16) for name in ("AB", "CD"))
    path, found = described(tmp_path, "Date,Papier,Close\n" + text)
    assert {row["symbol"] for row in as_written(path, found)} == {"AB", "CD"}


@pytest.mark.parametrize(
    ("head", "pairs", "choices", "symbols"),
    [
        ("base,quote", ["EUR,USD", "EUR,CHF", "USD,CHF"], [["base", "quote"]], ["EURCHF"]),
        ("to,from", ["USD,EUR", "EUR,USD"], ["to", "from", ["from", "to"]], ["EURUSD", "USDEUR"]),
        ("a,b", ["USD,EUR", "USD,CHF", "EUR,CHF"], [["a", "b"], ["b", "a"]], ["USDEUR"]),
        ("Papier,Platz", ["ABC,NYSE", "DEF,NYSE", "GHI,XETR"], ["Papier"], ["ABC"]),
    ],
)
def test_a_base_and_its_quote_are_one_symbol(tmp_path, head, pairs, choices, symbols):
    rows = "".join(f"2024-01-{day},{pair},{day}.5\n" for day in (15, 16) for pair in pairs)
    path, found = described(tmp_path, f"date,{head},rate\n{rows}")
    (setting,) = [each for each in found.settings if each.key == "columns.symbol"]
    assert [setting.value, *setting.others] == choices
    chosen = choices[-1] if head == "to,from" else choices[0]
    read = as_written(path, found, columns={"symbol": chosen})
    assert len(read) == len(rows.splitlines())
    assert set(symbols) <= {row["symbol"] for row in read}


def test_a_text_beside_each_of_several_times_a_day_is_no_symbol(tmp_path):
    text = "Time,Venue,Close\n2024-01-15 10:00,X,1\n2024-01-15 11:00,Y,2\n"
    path, found = described(tmp_path, text)
    assert [(row["symbol"], row["close"]) for row in as_written(path, found)] == [("AAPL", 2)]


def test_files_of_a_folder_are_named_by_their_symbol_and_fit_the_first_or_not(tmp_path):
    path, _ = described(tmp_path, "Date,Close\n2024-01-15,1\n")
    first = describe_file(path, "in/AAPL.csv", named=["in/AAPL.csv", "in/MSFT.csv"])
    assert yaml.safe_load(as_yaml("in", first))["source"]["symbol"] == "{file}"
    assert first_day(path, "in/MSFT.csv", first) is not None
    other, _ = described(tmp_path, "Date;Close\n15.01.2024;1\n", "b.csv")
    assert first_day(other, "in/b.csv", first) is None


def test_a_code_that_only_some_columns_have_for_each_price_is_offered_as_symbol(tmp_path):
    rows = ["AB.C,D,2024-01-15,1", "EF.G,D,2024-01-15,2", "AB.C,D,2024-01-16,1"]
    path, found = described(tmp_path, "\n".join(["KEY,FREQ,TIME_PERIOD,OBS_VALUE", *rows]))
    assert found.dialect.columns["symbol"] == "KEY"
    assert {row["symbol"] for row in as_written(path, found)} == {"AB.C", "EF.G"}


@pytest.mark.parametrize("title", ["code", "stock", "Papier"])
def test_codes_of_digits_of_which_each_day_has_all_are_symbols_and_no_prices(tmp_path, title):
    codes = ("600000", "000001")
    rows = "".join(f"2024-01-{day},{code},{day}.5\n" for day in (15, 16, 17) for code in codes)
    path, found = described(tmp_path, f"Date,{title},px\n{rows}")
    assert not found.to_choose
    assert {row["symbol"] for row in as_written(path, found)} == set(codes)


def test_currencies_with_their_number_are_what_is_traded_and_no_prices(tmp_path):
    quoted = ("1 USD", "100 JPY")
    rows = "".join(f"2024-01-{day};{of};{day},5\n" for day in (15, 16, 17) for of in quoted)
    path, found = described(tmp_path, f"Period;Serie;Värde\n{rows}")
    assert not found.to_choose
    assert {row["symbol"] for row in as_written(path, found)} == set(quoted)


@pytest.mark.parametrize(
    "table",
    [
        [
            [None, "AAPL US Equity", None, "ES1 Index", None],
            ["Dates", "PX_LAST", "PX_VOLUME", "PX_LAST", "PX_VOLUME"],
            [date(2024, 1, 2), 5, 7, 9, 7],
            [date(2024, 1, 3), "#N/A N/A", 7, 8, 7],
        ],
        [
            ["AAPL US Equity", None, None, "ES1 Index", None],
            ["Date", "PX_LAST", None, "Date", "PX_LAST"],
            [date(2024, 1, 2), 5, None, date(2024, 1, 2), 9],
            [None, None, None, date(2024, 1, 3), 8],
        ],
    ],
)
def test_bloombergs_tables_are_described_with_a_pattern_for_their_securities(tmp_path, table):
    path, found = described(tmp_path, excel(*table), "bdh.xlsx")
    assert [setting.key for setting in found.settings] == ["symbol_pattern"]
    assert [(row["symbol"], row["close"]) for row in as_written(path, found) if row["close"]] == [
        ("AAPL US Equity", 5),
        ("ES1 Index", 9),
        ("ES1 Index", 8),
    ]


def test_names_of_companies_above_the_same_fields_are_symbols(tmp_path):
    text = ",Acme Inc,Beta Ltd\nDate,Close,Close\n2024-01-15,1,2\n2024-01-16,2,3\n"
    path, found = described(tmp_path, text)
    assert [row["symbol"] for row in as_written(path, found)] == ["Acme Inc"] * 2 + ["Beta Ltd"] * 2


def test_a_line_above_the_header_that_may_be_a_title_is_no_symbol(tmp_path):
    _, found = described(tmp_path, ",Daily prices,\nDate,Open,Close\n2024-01-15,1,2\n")
    assert "symbol_pattern" not in [setting.key for setting in found.settings]
    assert found.dialect.symbol == "AAPL"


def test_a_symbol_that_stands_once_above_its_rows_is_to_be_filled_in(tmp_path):
    rows = [[None, date(2024, 1, day), day] for day in range(3, 9)]
    table = excel(["Symbol", "Date", "Close"], ["A", date(2024, 1, 2), 2], *rows)
    _, found = described(tmp_path, table, "AAPL.xlsx")
    assert any("3: Symbol is not a symbol" in note for note in found.notes)
    assert any("fill in the blank cells" in note for note in found.notes)


def test_a_code_of_each_row_that_tells_no_prices_of_a_day_apart_is_no_symbol(tmp_path):
    rows = "".join(f"2024-01-{day},{day}.5,{'AB'[day % 2]}\n" for day in range(10, 20))
    path, found = described(tmp_path, f"Date,Close,Code\n{rows}")
    assert {row["symbol"] for row in as_written(path, found)} == {"AAPL"}


TABLE = [["Date", "Close"], [date(2024, 1, 15), 5], [date(2024, 1, 16), "x"]]


def test_a_sheet_for_each_symbol_is_read_under_its_name(tmp_path):
    content = book({"AAPL": TABLE, "MSFT": [*TABLE, *TABLE[1:2]]})
    path, found = described(tmp_path, content, "book.xlsx")
    assert "symbol: '{sheet}'" in as_yaml("book.xlsx", found)
    assert [(row["symbol"], row["close"]) for row in as_written(path, found)] == [
        ("AAPL", 5),
        ("MSFT", 5),
    ]
    lost = found.reading.entries("book.xlsx", "")
    assert [(entry["line"], entry["text"], entry["reason"]) for entry in lost] == [
        (3, "AAPL\t2024-01-16\tx", "unreadable-number"),
        (10_000_003, "MSFT\t2024-01-16\tx", "unreadable-number"),
        (10_000_004, "MSFT\t2024-01-15\t5", "duplicate"),
    ]


@pytest.mark.parametrize("names", [("JAN", "FEB"), ("2023", "2024"), ("Apple", "Microsoft")])
def test_sheets_that_may_not_be_named_after_symbols_are_left_to_people(tmp_path, names):
    path, found = described(tmp_path, book(dict.fromkeys(names, TABLE)), "book.xlsx")
    assert [setting.key for setting in found.to_choose] == ["sheet"]
    assert any('set source.symbol: "{sheet}"' in note for note in found.notes)
    found.settings.clear()
    symbols = [row["symbol"] for row in as_written(path, found, symbol="{sheet}")]
    assert symbols == sorted(names)


def test_rows_of_no_day_below_a_table_are_no_several_prices_a_day(tmp_path):
    rows = "".join(f"2024-01-{day},{day},AA\n" for day in range(15, 20))
    _, found = described(tmp_path, f"Date,Close,Kind\n{rows}Source,5,CC\nNote,6,DD\n")
    assert [(setting.key, setting.value) for setting in found.settings] == [("symbol", "AAPL")]


def test_sheets_of_symbols_need_the_same_columns_and_a_workbook(tmp_path):
    content = book({"AAPL": TABLE, "MSFT": [["Date", "Last"], *TABLE[1:]]})
    path, found = described(tmp_path, content, "book.xlsx")
    assert [setting.key for setting in found.to_choose] == ["sheet"]
    found.settings.clear()
    with pytest.raises(Refusal, match="'AAPL' and 'MSFT' have different columns"):
        as_written(path, found, symbol="{sheet}")
    path.write_bytes(book({"AAPL": []}))
    with pytest.raises(Refusal, match=r"book\.xlsx: the workbook is empty; deliver prices"):
        as_written(path, found, symbol="{sheet}")
    path.write_text("Date,Close\n2024-01-15,5\n")
    with pytest.raises(Refusal, match=r"not a workbook, but config key 'source\.symbol'"):
        as_written(path, found, symbol="{sheet}")
    with pytest.raises(Refusal, match=r"source\.sheet.*allowed: null"):
        Dialect(symbol="{sheet}", sheet="AAPL")


TOKYO = [["2024-01-15", 7203, 1.5], ["2024-01-15", 6758, 2.5], ["2024-01-16", 7203, 1.25]]


@pytest.mark.parametrize("title", ["Ticker", "Code"])
@pytest.mark.parametrize("codes", [(7203, 6758, 7203), (7203, "9984", 7203), (700, 5, 700)])
def test_tickers_that_excel_holds_as_numbers_are_the_text_of_their_digits(tmp_path, title, codes):
    table = [[day, code, close] for (day, _, close), code in zip(TOKYO, codes, strict=True)]
    content = excel(["Date", title, "Close"], *table)
    path, found = described(tmp_path, content, "tokyo.xlsx")
    assert {row["symbol"] for row in as_written(path, found)} == set(map(str, codes))
    assert f"column '{title}' holds symbols as numbers, such as {codes[0]}" in found.notes[0]


def test_tickers_that_parquet_holds_as_whole_floats_are_the_text_of_their_digits(tmp_path):
    closes = [1.5, 2, 3, 4]
    content = parquet(
        {"Date": [date(2024, 1, 15)] * 4, "Ticker": [7203.0, 6758.0, None, 1.5], "Close": closes}
    )
    path, found = described(tmp_path, content, "tokyo.parquet")
    assert {row["symbol"] for row in as_written(path, found)} == {"6758", "7203"}
    assert found.reading.quarantine.by_reason() == {"bad-symbol": 2}


@pytest.mark.parametrize(("plain", "outcome"), [(3, "set"), (30, "asked")])
def test_symbols_behind_the_first_rows_are_looked_at_too(tmp_path, plain, outcome):
    days = np.datetime64("2000-01-03") + np.arange(1000)
    rows = [f"{day},S{n},5\n" for n in range(plain) for day in days]
    path, found = described(
        tmp_path, "".join(["Date,Symbol,Close\n", *rows, "2002-01-03,EUR/USD,5\n"])
    )
    (setting,) = [each for each in found.settings if each.key == "symbol_pattern"]
    assert setting.why == "found 'EUR/USD'"
    assert bool(setting.others) == (outcome == "asked")
    read = as_written(path, found, symbol_pattern=setting.value)
    assert {row["symbol"] for row in read} == {"EUR/USD", *(f"S{n}" for n in range(plain))}


def test_texts_that_no_pattern_makes_symbols_are_no_reason_for_one(tmp_path):
    rows = "".join(f"2024-01-{day},AAPL,5\n" for day in range(10, 25)) + "2024-01-25,12:30,5\n"
    _, found = described(tmp_path, "Date,Symbol,Close\n" + rows)
    assert "symbol_pattern" not in {each.key for each in found.settings}
    assert list(losses(found.reading)) == [
        "1 row lost as bad-symbol in column 'Symbol' (not a symbol), such as line 17: "
        "2024-01-25,12:30,5"
    ]
