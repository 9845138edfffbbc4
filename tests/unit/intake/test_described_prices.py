"""Which columns `pricewright describe` takes for prices, and which it asks about."""

import pytest
import yaml

from descriptions import as_written, dated, described
from file_formats import parquet
from pricewright.intake.description import describe_file, first_day
from pricewright.intake.findings import as_yaml


@pytest.mark.parametrize(
    ("content", "key", "choices"),
    [
        ("2024.01.02,00:00,1.1,1.2,7\n2024.01.03,00:00,1.1,1.3,8\n", "columns.close", 3),
        ("2024-01-02,185.64\n2024-01-03,184.25\n", None, 1),
        ("AAPL,20240102,185.64\nAAPL,20240103,184.25\n", None, 1),
        ("Dato;Lukke;Antal\n15.01.2024;1,5;7\n16.01.2024;1,6;8\n", "layout", 2),
        ("Date,Symbol,Last Sale,Net\n2024-01-15,A,1.5,7\n2024-01-16,A,1,8\n", "columns.close", 2),
    ],
)
def test_no_row_is_a_header_and_no_field_a_symbol(tmp_path, content, key, choices):
    _, found = described(tmp_path, content)
    settings = {setting.key: setting for setting in found.settings}
    assert ("header_line" in settings) == (not content.startswith("Dat"))
    assert {setting.key for setting in found.to_choose} == ({key} if key else set())
    if key:
        assert len(settings[key].others) == choices - 1
    else:
        assert found.reading.rows == 2
        assert found.reading.quarantine.count == 0


def test_a_column_that_never_changes_is_not_offered_as_the_price(tmp_path):
    rows = "".join(f"2024-01-{day},0,A{day}\n" for day in (15, 16, 17))
    _, found = described(tmp_path, "Day,Locked,Text\n" + rows)
    assert [setting.key for setting in found.settings] == ["symbol"]
    assert "which column holds the close" in " ".join(found.notes)


def test_a_unit_is_looked_for_only_where_prices_are(tmp_path):
    text = "Date,Number,Close,Net\n2024-01-15,US0378331005,1,1%\n2024-01-16,US5949181045,2,2%\n"
    _, found = described(tmp_path, text)
    assert [setting.key for setting in found.settings] == ["symbol"]


def test_columns_named_as_companies_are_offered_as_symbols(tmp_path):
    text = "Date,Apple Inc.,Nestlé S.A.\n2024-01-15,1,2\n2024-01-16,3,4\n"
    path, _ = described(tmp_path, text)
    found = describe_file(path, path.name, answers={"layout": "wide"})
    names = {row["symbol"] for row in as_written(path, found)}
    assert names == {"Apple Inc.", "Nestlé S.A."}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Date,Close (GBX)\n2024-01-15,1\n2024-01-16,2\n", "'Close (GBX)' says so: these"),
        (
            "Date,Close\n2024-01-15,1.5p\n2024-01-16,2.5p\n",
            "'p' says so: these prices are in hundredths",
        ),
        ("Date,Ticker,Close,Currency\n2024-01-15,A,1,ZAc\n2024-01-15,B,2,ILA\n", "says ZAc, ILA"),
    ],
)
def test_pence_are_said(tmp_path, content, said):
    _, found = described(tmp_path, content)
    assert any(said in note for note in found.notes)
    _, found = described(
        tmp_path,
        content.replace("GBX", "GBP")
        .replace("1.5p", "1")
        .replace("2.5p", "2")
        .replace("ZAc", "USD")
        .replace("ILA", "USD"),
    )
    assert found.notes == []


def test_two_units_of_one_symbol_are_never_mixed_unasked(tmp_path):
    text = "Date,Ticker,Close,Currency\n2024-01-15,A,1,GBX\n2024-01-16,A,2,GBP\n"
    path, found = described(tmp_path, text)
    (setting,) = found.to_choose
    assert setting.why == (
        "A has prices in GBP and in GBX; for both, declare a requote in corrections.file"
    )
    assert [setting.value, *setting.others] == [{"Currency": ["GBP"]}, {"Currency": ["GBX"]}, {}]
    read = as_written(path, found, where={"Currency": ["GBX"]})
    assert [row["close"] for row in read] == [1]


@pytest.mark.parametrize(
    ("closes", "signs", "example"),
    [
        ([185.5, 0, 186.5], "nonnegative", "1 of 3 prices are 0 or below, such as 0 of AAPL on"),
        ([185.5, -184.5, 186.5], "any", "1 of 3 prices are 0 or below, such as -184.5 of AAPL"),
        ([0.01, -0.02, 0.03, -0.04] * 9, "any", "18 of 36 prices are 0 or below"),  # returns
        ([-100.5, -101, -100, -99.5, 100, 101, 100.5] * 3, "any", "12 of 21"),  # minus as a mark
        ([-100.5, -101, -100], "any", "3 of 3 prices"),
    ],
)
def test_prices_of_zero_or_below_are_asked_about(tmp_path, closes, signs, example):
    path, found = described(tmp_path, dated(*closes))
    (prices,) = found.to_choose
    assert [prices.key, prices.value, *prices.others] == ["prices", signs, "positive"]
    assert example in prices.why
    assert len(as_written(path, found, prices=signs)) == len(closes)
    if min(closes) < 0 < max(closes):
        found = describe_file(path, path.name, answers={"prices": "positive"})
        assert found.reading.quarantine.count == sum(close <= 0 for close in closes)


def test_rates_that_go_through_zero_in_small_steps_are_read_unasked(tmp_path):
    closes = [round(-0.25 + 0.02 * n, 2) for n in range(20)]
    path, found = described(tmp_path, dated(*closes))
    assert not found.to_choose
    assert found.notes == []
    assert [row["close"] for row in as_written(path, found)] == closes


def test_a_rare_price_below_zero_is_quarantined_as_by_default(tmp_path):
    _, found = described(tmp_path, dated(*[50.5] * 120, -50.5))
    assert not found.to_choose
    assert found.reading.quarantine.by_reason() == {"sign": 1}


def test_files_whose_column_of_prices_is_named_after_the_file_are_read_by_its_number(tmp_path):
    path, _ = described(tmp_path, "Date,DGS2\n2024-01-15,4.5\n2024-01-16,4.25\n", "DGS2.csv")
    first = describe_file(path, "DGS2.csv", named=["DGS2.csv", "DGS10.csv"])
    source = yaml.safe_load(as_yaml("in", first))["source"]
    assert (source["symbol"], source["columns"]) == ("{file}", {"close": 2})
    other, _ = described(tmp_path, "Date,DGS10\n2024-01-15,5.5\n", "DGS10.csv")
    assert first_day(other, "DGS10.csv", first) is not None
    other, _ = described(tmp_path, "Date,Dividend\n2024-01-15,5.5\n", "DIV.csv")
    assert first_day(other, "DIV.csv", first) is None


def test_columns_named_as_symbols_are_wide_and_the_others_are_left_out(tmp_path):
    path, found = described(tmp_path, "Date,USD,JPY,Notes\n2024-01-15,1,170,a\n2024-01-16,,171,b\n")
    config = yaml.safe_load(as_yaml("AAPL.csv", found))["source"]
    assert (config["layout"], config["symbols"]) == ("wide", ["USD", "JPY"])
    assert len(as_written(path, found)) == 4


def test_columns_that_hold_no_prices_do_not_keep_a_file_from_being_described(tmp_path):
    table = parquet({"Date": ["2024-01-15"], "Close": [1234.5], "Splits": [[1, 2]]})
    path, found = described(tmp_path, table)
    assert [row["close"] for row in as_written(path, found)] == [1234.5]
    text = '[{"date":"2024-01-15","close":1234.5,"splits":[1]}]'
    path, found = described(tmp_path, text)
    assert [row["close"] for row in as_written(path, found)] == [1234.5]


def test_of_rows_that_are_fields_the_close_is_what_is_proposed(tmp_path):
    rows = [
        f"2024-02-0{day},AAPL,{field},{10 + n}"
        for day in (1, 2, 5)
        for n, field in enumerate(("open", "close", "volume"))
    ]
    _, found = described(tmp_path, "date,symbol,field,value\n" + "\n".join(rows) + "\n")
    (where,) = found.to_choose
    assert (where.key, where.value) == ("where", {"field": ["close"]})


def test_columns_of_numbers_that_are_not_named_as_symbols_are_left_to_people(tmp_path):
    rows = "".join(f"2024-01-0{day},470{day},1450{day},1{day}\n" for day in range(1, 6))
    _, found = described(tmp_path, "Date,S&P 500,NASDAQ,VIX\n" + rows)
    (symbols,) = [setting for setting in found.to_choose if setting.key == "symbols"]
    assert [symbols.value, *symbols.others] == [["NASDAQ", "VIX"], ["S&P 500", "NASDAQ", "VIX"]]


@pytest.mark.parametrize("word", ["NO", "ID", "LOW", "OPEN", "DAY", "BID"])
def test_a_column_that_may_be_a_ticker_is_asked_about_beside_tickers(tmp_path, word):
    rows = "".join(f"2024-01-0{day},{day}.5,{day + 5}.5,{day + 9}.5\n" for day in range(1, 6))
    path, found = described(tmp_path, f"Date,AAPL,{word},MSFT\n{rows}")
    (symbols,) = [setting for setting in found.to_choose if setting.key == "symbols"]
    assert [symbols.value, *symbols.others] == [["AAPL", word, "MSFT"], ["AAPL", "MSFT"]]
    chosen = {"layout": "wide", "symbols": symbols.value}
    assert len(as_written(path, found, **chosen)) == 15


def test_tickers_of_one_letter_are_not_taken_for_the_close_and_volume(tmp_path):
    rows = "".join(f"2024-01-0{day},{day}.5,{day + 5}.5,{day + 9}.5\n" for day in range(1, 6))
    path, found = described(tmp_path, f"Date,AAPL,C,MSFT\n{rows}")
    (layout,) = found.to_choose
    assert [layout.value, *layout.others] == ["wide", "long"]
    assert len(as_written(path, found, layout="wide")) == 15
    found = describe_file(path, path.name, answers={"layout": "long"})
    assert [row["close"] for row in as_written(path, found)][:2] == [6.5, 7.5]
    _, found = described(tmp_path, f"DATE,OPEN,CLOSE,VWAP\n{rows}")
    assert not found.to_choose


def test_of_tables_side_by_side_the_columns_that_are_offered_can_be_read(tmp_path):
    rows = "".join(f"2024-01-{day},{day},,2024-02-{day},{day + 50}\n" for day in (15, 16, 17))
    path, found = described(tmp_path, f"Dates,PX_LAST,,Dates,PX_LAST\n{rows}")
    offered = {setting.key: [setting.value, *setting.others] for setting in found.to_choose}
    assert offered["columns.close"] == ["PX_LAST", "PX_LAST (2)"]
    assert "choose date: 1 or date: 4" in as_yaml("AAPL.csv", found)
    assert any("several tables stand side by side" in note for note in found.notes)
    columns = {"date": 4, "close": 5}
    assert [row["close"] for row in as_written(path, found, columns=columns)] == [65, 66, 67]


def test_of_numbers_listed_in_each_row_people_choose_which_are_the_price(tmp_path):
    rows = ",".join(f'{{"d":"2024-01-{d}","v":[{d},{d + 1}],"is_locked":0}}' for d in range(10, 20))
    path, found = described(tmp_path, f"[{rows}]", "gold.json")
    assert [setting.key for setting in found.to_choose] == ["layout"]
    assert next(s.value for s in found.settings if s.key == "symbols") == ["v.1", "v.2"]
    chosen = {"layout": "long", "symbol": "GOLD", "columns": {"date": "d", "close": "v.2"}}
    config = {"uri": path.name} | chosen
    found.settings.clear()
    assert as_written(path, found, **config)[0]["close"] == 11


def test_the_observations_of_a_bank_are_a_wide_table(tmp_path):
    rows = ",".join(f'{{"d":"2024-01-{d}","FXUSDCAD":{{"v":"{d}"}}}}' for d in range(10, 20))
    path, found = described(tmp_path, f'{{"observations":[{rows}]}}', "boc.json")
    assert [row["close"] for row in as_written(path, found)] == list(range(10, 20))


def klines(days, gap):
    return [
        [1704067200000 + 86400000 * day, day + 100, day + 102, day + 99, day + 101 - gap, 7 * day]
        for day in range(days)
    ]


def test_the_columns_of_bars_without_a_header_are_found_by_their_values(tmp_path):
    text = "\n".join(",".join(map(str, row)) for row in klines(20, gap=0))
    path, found = described(tmp_path, text, "BTCUSDT.csv")
    assert list(as_written(path, found)[1].values())[2:] == [101, 103, 100, 102, 7]


def test_where_the_close_may_be_the_open_only_these_two_are_asked_for(tmp_path):
    rows = [[row[0], 100, row[2], 90, 100.5, row[5]] for row in klines(20, gap=0)]
    path, found = described(tmp_path, "\n".join(",".join(map(str, row)) for row in rows))
    asked = {setting.key: [setting.value, *setting.others] for setting in found.to_choose}
    assert asked == {
        "columns.close": ["column 5", "column 2"],
        "columns.open": ["column 2", "column 5"],
    }
    found = describe_file(path, path.name, answers={"columns.close": "column 2"})
    assert (as_written(path, found)[0]["open"], as_written(path, found)[0]["close"]) == (100.5, 100)


def test_the_only_close_of_a_file_is_its_close_even_if_it_is_adjusted(tmp_path):
    path, found = described(tmp_path, "Date,Adj Close\n2024-01-15,1\n2024-01-16,2\n")
    assert [row["close"] for row in as_written(path, found)] == [1, 2]
    path, _ = described(tmp_path, "Date,Adj Close,Adjusted\n2024-01-15,1,5\n2024-01-16,2,6\n")
    answers = {"columns.adj_close": "Adj Close", "columns.close": "Adjusted"}
    found = describe_file(path, path.name, answers=answers)
    assert found.reading.prices.values["close"].tolist() == [5, 6]


def test_numbers_that_are_no_bar_are_left_to_people(tmp_path):
    rows = [[row[0], row[3], row[2], row[1], row[4]] for row in klines(20, gap=0)]
    _, found = described(tmp_path, "\n".join(",".join(map(str, row)) for row in rows))
    assert [setting.value for setting in found.to_choose] == ["column 2"]


@pytest.mark.parametrize(
    ("fractions", "is_said"), [(range(32), True), (range(33), False), (range(4), False)]
)
def test_prices_with_no_fraction_above_31_may_be_points_and_32nds(tmp_path, fractions, is_said):
    closes = [f"{110 + n % 3}.{fractions[n % len(fractions)]:02}" for n in range(300)]
    _, found = described(tmp_path, dated(*closes))
    assert any("points and 32nds?" in note for note in found.notes) == is_said
    _, found = described(tmp_path, dated(*closes[:99]))
    assert found.notes == []
