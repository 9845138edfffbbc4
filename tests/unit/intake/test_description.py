"""What `pricewright describe` says of a file, and that what it writes reads that file right."""

import io
from datetime import date

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml

from conftest import ROOT
from deliveries import rows
from pricewright.configuration.config import complete, ingest_options
from pricewright.files.errors import Refusal
from pricewright.intake.description import describe_file, first_day
from pricewright.intake.findings import Setting, as_yaml
from pricewright.intake.one_symbol import symbol_of_file
from pricewright.intake.reading.content import recognise
from pricewright.intake.reading.delivery import read_delivery
from pricewright.intake.reading.dialect import Dialect
from pricewright.tables.options import make


def excel(*table):
    book = openpyxl.Workbook()
    for row in table:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def parquet(**columns):
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def described(folder, content, name="AAPL.csv"):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path, describe_file(path, name)


def as_written(path, found, **changes):
    """The prices that a run reads with the config that was written, and with what people choose."""
    config = yaml.safe_load(as_yaml(path.name, found))
    config["source"].update(changes)
    complete(config)
    dialect = make(Dialect, ingest_options(config))
    content = recognise(path, path.name, encoding=dialect.encoding)
    return rows(read_delivery(content, dialect).prices)


DAYS = [("2024-01-15", 1234.5), ("2024-01-16", 1235.25)]


@pytest.mark.parametrize(
    "content",
    [
        "Date,Close\n2024-01-15,1234.5\n2024-01-16,1235.25\n",
        "Date;Schluss\n15.01.2024;1.234,5\n16.01.2024;1.235,25\n",
        "Date\tLast\n15/01/2024\t1234.5\n16/01/2024\t1235.25\n",
        'Date,Close/Last\n01/15/2024,"$1,234.50"\n01/16/2024,"$1,235.25"\n',
        "Day,Close\n20240115,1234.5\n20240116,1235.25\n",
        ",Open,Close\n2024-01-15,1,1234.5\n2024-01-16,1,1235.25\n",
        "Symbol: X\n# exported\n\nDate,Close\n2024-01-15,1234.5\n2024-01-16,1235.25\n",
        "<TICKER>,<DATE>,<CLOSE>\nAAPL,20240115,1234.5\nAAPL,20240116,1235.25\n",
        "TradDt,TckrSymb,OpnPric,HghPric,LwPric,ClsPric,LastPric,TtlTradgVol\n"
        "2024-01-15,AAPL,1,,,1234.5,7,7\n2024-01-16,AAPL,1,,,1235.25,7,7\n",
        "date,code,close\n2024-01-15,AAPL,1234.5\n2024-01-16,AAPL,1235.25\n",
        "Day,Due,px\n2024-01-15,2024-03-15,1234.5\n2024-01-16,2024-03-15,1235.25\n",
        "Hour,Price [EUR],Zone B\n2024-01-15,1234.5,\n2024-01-16,1235.25,\n",
        "Datum;Preis;Umsatz\n15.01.2024;1.234,5;7\n16.01.2024;1.235,25;3,10-\n",
        "Date,Close\n20240115.0,1234.5\n20240116.0,1235.25\n",
        "Date,Close\n15JAN2024:00:00:00,1234.5\n16JAN2024:00:00:00,1235.25\n",
        "20240115 170000;1234.5\n20240116 170000;1235.25\n",
        "Date,Close\n20240115170000,1234.5\n20240116170000,1235.25\n",
        '"날짜","종가","거래량"\n"2024- 01- 15","1,234.5",""\n"2024- 01- 16","1,235.25",""\n',
        "MTU,Price\n15.01.2024 00:00 - 15.01.2024 01:00,1234.5\n"
        "16.01.2024 00:00 - 16.01.2024 01:00,1235.25\n",
        "Datum;Schluss;Währung\n2024-01-15;1234,5;€\n2024-01-16;1235,25;€\n".encode("cp1252"),
        "Datum;Kurs\n2024-01-15;1\u00a0234,5\n2024-01-16;1\u202f235,25\n",
        "Date;Close\n2024-01-15;1,2345E+03\n2024-01-16;1,23525E+03\n",
        "Day,Ticker,Close\nJan 15 2024 12:00AM,AAPL,1234.5\nJan 16 2024 12:00AM,AAPL,1235.25\n",
        "TRADE_DT,SEC_ID,CLOSE_PX\n2024-01-15,AAPL,1234.5\n2024-01-16,AAPL,1235.25\n",
        'Date,Code,Close\n2024-01-15,"=""AAPL""",1234.5\n2024-01-16,"=""AAPL""",1235.25\n',
        "Date,Close\n2024-01-15,1234.5\n2024-01-16,1235.25\n".encode("utf-16"),
        "Date,Close\n2024-01-15,1234.5\n2024-01-16,1235.25\n".encode("utf-16-le"),
        '[{"t":1705276800000,"c":1234.5},{"t":1705363200000,"c":1235.25}]',
        '{"Daily":{"2024-01-15":{"4. close":"1234.5"},"2024-01-16":{"4. close":"1235.25"}}}',
        '{"t":[1705276800,1705363200],"c":[1234.5,1235.25],"s":"ok"}',
        "Date,Close\n2024-01-15 00:00:00-05:00,1234.5\n2024-01-16 00:00:00-05:00,1235.25\n",
        "Price,Close,High\nTicker,AAPL,AAPL\nDate,,\n2024-01-15,1234.5,\n2024-01-16,1235.25,\n",
        excel(["Back to Contents"], [], ["Date", "Close"], ["2024-01-15", 1234.5], ["x", None]),
        excel(["date", "close"], [45306, 1234.5], [45307, 1235.25]),
        parquet(Date=["2024-01-15", "2024-01-16"], Close=[1234.5, 1235.25]),
        "sym,when,px\nAAPL,2024-01-15,1234.5\nAAPL,2024-01-16,1235.25\n",
        "Date,Close,Adj Close\n2024-01-15,1234.5,-1\n2024-01-16,1235.25,2\n",
        "Datum;Schluss;Volumen\n2024-01-15;1.234,5;1.000\n2024-01-16;1.235,25;2.000\n",
        "Datum;Erster;Hoch;Tief;Schlusskurs\n15.01.2024;1;;;1.234,5\n16.01.2024;1;;;1.235,25\n",
        '"Datum","Zuletzt","Vol."\n"15.01.2024","1.234,50","6,38M"\n"16.01.2024","1.235,25",""\n',
        "date\touv\thaut\tbas\tclot\n15/01/2024\t\t\t\t1234.5\n16/01/2024\t\t\t\t1235.25\n",
        "Date;Dernier;Clôture\n15/01/2024;7;1234,5\n16/01/2024;7;1235,25\n",
        "Fecha;Último;Apertura\n15/01/2024;1234,5;1\n16/01/2024;1235,25;1\n",
        "Data,Ultimo,Massimo\n15/01/2024,1234.5,9999\n16/01/2024,1235.25,9999\n",
        "Datum;Laatste;Hoog\n15-01-2024;1234,5;9999\n16-01-2024;1235,25;9999\n",
        "Date,Close,Chg%,ISIN\n2024-01-15,1234.5,1%,AAPL\n2024-01-16,1235.25,2%,AAPL\n",
        "Price list\nNotes: x, y\nDay,Cushing WTI\n01/15/2024,1234.5\n01/16/2024,1235.25\n",
        "Back\tCushing, OK\nSourcekey\tRWTC\nDate\tCushing, OK\n"
        '"Jan 15, 2024"\t1234.5\n"Jan 16, 2024"\t1235.25\nSource: x\n',
        "Title,Rate\nUnits,USD\nSeries ID,FXUSD\n15-Jan-2024,1234.5\n16-Jan-2024,1235.25\n",
        '"";BBEX3.D.USD;BBEX3.D.USD_FLAGS\n"";Euro-Kurs;\nEinheit;USD;\n'
        "2024-01-15;1234,5;\n2024-01-16;1235,25;x\n2024-02-30;1,5;\n",
        excel(["date", "close"], [date(2024, 1, 15), 1234.5], ["16.01.2024", 1235.25]),
        excel(["date", "close"], ["15/01/2024", 1234.5], [date(2024, 1, 16), 1235.25]),
        excel([date(2024, 1, 15), 1234.5], [date(2024, 1, 16), 1235.25]),
        excel(["Contents"], ["Day", "Spot price"], [date(2024, 1, 15), 1234.5]),
        "Date,Close,Volume\n2024-01-15,1234.5,7\n2024-01-15,0.24 Dividend,\n2024-01-16,1235.25,7\n",
        "KEY,FREQ,TIME_PERIOD,OBS_VALUE,CONF\nAAPL,D,2024-01-15,1234.5,SP00\n",
        "TRADEDATE;SECID;CLOSE\n2024-01-15;AAPL;1234.5\n2024-01-16;AAPL;1235.25\n",
        '"","AAPL.Open","AAPL.Close"\n"2024-01-15",1,1234.5\n"2024-01-16",1,1235.25\n',
        "Date,AAPL_Close,AAPL_Adj_Close\n15.01.2024,1234.5,1\n16.01.2024,1235.25,2\n",
        excel(["x"], ["", "AAPL", ""], ["Date", "Close", "Volume"], [date(2024, 1, 15), 1234.5, 7]),
        excel(["Price", "Close"], ["Ticker", "AAPL"], ["Date"], [date(2024, 1, 15), 1234.5]),
        parquet(**{"('Close', 'AAPL')": [1234.5], "Date": ["2024-01-15"]}),
        "Date;Close\n2024-01-15;1 234,50 kr\n2024-01-16;1 235,25 kr\n",
        'Date,Close\nMon Jan 15 2024,"Rs. 1,234.50"\nTue Jan 16 2024,"Rs. 1,235.25"\n',
        "Date;Kurs;Volumen\n15JAN2024;1234,5;1,2 Mio\n16JAN2024;1235,25;1,3 Mrd\n",
        '{"next":null,"bars":{"AAPL":[{"date":"2024-01-15","c":1234.5}],"AA":[]}}',
        '{"columns":["Open","Close"],"index":["2024-01-15"],"data":[[1,1234.5]]}',
        '{"dataset":{"limit":null,"column_names":["Date","Close"],"data":[["2024-01-15",1234.5]]}}',
        '{"meta":{"2. Symbol":"AAPL"},"Daily":{"2024-01-15":{"4. close":"1234.5"}}}',
        '{"symbol":"AAPL","instrument":"X","values":[{"date":"2024-01-15","close":1234.5}]}',
        '[{"date":"2024-01-15","close":1234.5,"instrument":{"symbol":"AAPL","id":7}}]',
        '{"date":{"$date":"2024-01-15T00:00:00Z"},"close":{"$numberDecimal":"1234.5"}}\n',
        '{"instrument":"AAPL","candles":[{"time":"2024-01-15","volume":7,"mid":{"c":"1234.5"}}]}',
        '{"AAPL":{"meta":{"n":1},"values":[{"datetime":"2024-01-15","close":"1234.5"}]}}',
        "snapped_at,price\n2024-01-15 00:00:00 UTC,1234.5\n2024-01-16 00:00:00 UTC,1235.25\n",
        '[{"symbol":"AAPL","prices":[{"date":"2024-01-15","close":1234.5}]}]',
        '{"n":1,"data":[{"ticker":"AAPL","prices":[{"date":"2024-01-15","close":1234.5}]},'
        '{"ticker":"AAPL","prices":[{"date":"2024-01-16","close":1235.25}]}]}',
        '{"error":[],"result":{"AAPL":[[1705276800,"1234.5"],[1705363200,"1235.25"]],"last":7}}',
        "2024-01-15,AAPL,1234.5\n2024-01-16,AAPL,1235.25\n",
        "Day,Symbol,Close\n2024-W03-1,AAPL,1234.5\n2024-W03-2,AAPL,1235.25\n",
        "Date,Code,Close\n15Jan24,AAPL,1234.5\n16Jan24,AAPL,1235.25\n",
        "Date,Symbol,Close,Volume\n2024-01-15,AAPL,1234.5,\\N\n2024-01-16,AAPL,1235.25,7\n",
        excel(
            ["NAV Date", "NAV per Share", "Total Net Assets"],
            [date(2024, 1, 15), 1234.5, 1000000001],
            [date(2024, 1, 16), 1235.25, 1000000002],
        ),
        '{"took":3,"hits":{"hits":[{"_id":"1","_source":{"date":"2024-01-15","close":1234.5}},'
        '{"_id":"2","_source":{"date":"2024-01-16","close":1235.25}}]}}',
        '{"data":{"prices":{"edges":[{"cursor":"x","node":{"date":"2024-01-15","c":1234.5}}]}}}',
        '{"2024-01-15":1234.5,"2024-01-16":1235.25}',
        '{"bpi":{"2024-01-15":1234.5,"2024-01-16":1235.25},"disclaimer":"x","time":{"to":"2025"}}',
        '{"chart":{"meta":{"symbol":"AAPL"},"t":[1705276800,1705363200],"c":[1234.5,1235.25]}}',
    ],
)
def test_what_is_written_of_a_file_reads_it_right(tmp_path, content):
    path, found = described(tmp_path, content)
    assert not found.to_choose
    read = as_written(path, found)
    assert [(row["date"], row["close"]) for row in read] == DAYS[: len(read)]
    assert {row["symbol"] for row in read} == {"AAPL"}


@pytest.mark.parametrize(
    ("content", "key", "choices", "chosen"),
    [
        (
            "Date,Close\n01/02/2024,1\n02/02/2024,2\n",
            "date_formats",
            [["%d/%m/%Y"], ["%m/%d/%Y"]],
            {"date_formats": ["%d/%m/%Y"]},
        ),
        (
            "Date,Close\n24-02-01,1\n24-02-02,2\n",
            "date_formats",
            [["%d-%m-%y"], ["%y-%m-%d"]],
            {"date_formats": ["%y-%m-%d"]},
        ),
        (
            "Date,Close\n240201,1\n240202,2\n",
            "date_formats",
            [["%y%m%d"], ["%d%m%y"]],
            {"date_formats": ["%y%m%d"]},
        ),
        ("Date;Close\n2024-02-01;1,107\n2024-02-02;2,105\n", "", [], {"decimal": ","}),
        (
            "Date;Close\n2024-02-01;1.085\n2024-02-02;1.000\n",
            "",
            ['decimal: "."', 'decimal: "," with thousands: "."'],
            {"decimal": ",", "thousands": "."},
        ),
        (
            "Date,Apple Inc.,Microsoft Corp\n2024-02-01,1,\n2024-02-02,,2\n",
            "layout",
            ["wide", "long"],
            {"layout": "wide"},
        ),
        (
            "Date,Close,close\n2024-02-01,1.17,9\n2024-02-02,2.15,9\n",
            "columns.close",
            ["Close", "close"],
            {"columns": {"close": "Close"}},
        ),
        (
            "Date,Close\n2024-02-01T16:00:00-05:00,1\n2024-02-02T16:00:00-05:00,2\n",
            "time_zone",
            [],
            {"time_zone": "America/New_York"},
        ),
    ],
)
def test_where_two_readings_fit_the_key_is_left_open_with_both(
    tmp_path, content, key, choices, chosen
):
    path, found = described(tmp_path, content)
    (setting,) = [each for each in found.settings if each.others]
    assert setting.key == key
    assert not choices or [setting.value, *setting.others] == choices
    assert found.reading is None
    with pytest.raises(Refusal, match=rf"'source.{key or 'decimal'}': found '\?', because two"):
        as_written(path, found)
    dates = [row["date"] for row in as_written(path, found, **chosen)]
    assert sorted(set(dates)) == ["2024-02-01", "2024-02-02"]


@pytest.mark.parametrize(
    ("content", "answers", "dates"),
    [
        (
            "Date,Close\n01/02/2024,1.5\n02/03/2024,2\n",
            {"date_formats": ["%m/%d/%Y"]},
            ["2024-01-02", "2024-02-03"],
        ),
        (
            "Date;Close\n2024-02-01;1,107\n2024-02-02;2,105\n",
            {"": 'thousands: ","'},
            ["2024-02-01", "2024-02-02"],
        ),
        (
            "Date,Close,close\n2024-02-01,1.17,9\n2024-02-02,2.15,9\n",
            {"columns.close": "close"},
            ["2024-02-01", "2024-02-02"],
        ),
        (
            "Date,Close\n2024-02-01T23:00:00-05:00,1\n2024-02-02T23:00:00-05:00,2\n",
            {"time_zone": "Asia/Tokyo"},
            ["2024-02-02", "2024-02-03"],
        ),
    ],
)
def test_what_people_choose_is_written_and_closes_the_question(tmp_path, content, answers, dates):
    path, found = described(tmp_path, content)
    found = describe_file(path, path.name, answers=answers)
    assert not found.to_choose
    assert [row["date"] for row in as_written(path, found)] == dates
    closes = [row["close"] for row in as_written(path, found)]
    assert closes == [row["close"] for row in rows(found.reading.prices)]
    if "" in answers:
        assert closes == [1107, 2105]
    if "columns.close" in answers:
        assert closes == [9, 9]


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


@pytest.mark.parametrize("other", ["0.885", "1085", "1.5", "1.0851"])
def test_one_number_that_has_one_reading_settles_all(tmp_path, other):
    text = f"Date,Close\n2024-02-01,1.085\n2024-02-02,{other}\n"
    _, found = described(tmp_path, text)
    assert not found.to_choose
    assert found.dialect.marks.thousands is None


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


@pytest.mark.parametrize("other", ["%d/%m/%Y", "%d.%m.%Y", "%m/%d/%Y", "%d %b %Y"])
def test_dates_written_in_two_ways_that_no_text_can_be_both_of_are_read_in_both(tmp_path, other):
    days = [date(2024, 1, day) for day in range(2, 28)]
    texts = [f"{day:{other if n % 3 == 0 else '%Y-%m-%d'}}" for n, day in enumerate(days)]
    text = "Date,Close\n" + "".join(f"{day},1\n" for day in texts)
    path, found = described(tmp_path, text)
    assert not found.to_choose
    assert [row["date"] for row in as_written(path, found)] == [day.isoformat() for day in days]


def test_the_sheet_of_a_workbook_that_has_prices_is_named(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Workbook Contents"])
    for row in (["Day", "Spot"], [date(2024, 1, 15), 1234.5]):
        (book["Data"] if "Data" in book.sheetnames else book.create_sheet("Data")).append(row)
    file = io.BytesIO()
    book.save(file)
    path, found = described(tmp_path, file.getvalue(), "AAPL.xlsx")
    assert [row["close"] for row in as_written(path, found, columns={"close": 2})] == [1234.5]
    assert found.dialect.sheet == "Data"


def test_a_time_beside_the_date_tells_that_bars_are_intraday(tmp_path):
    lines = [f"2024.01.{day}\t{hour}:00:00\t{hour}\t7\n" for day in (15, 16) for hour in (10, 11)]
    path, found = described(tmp_path, "<DATE>\t<TIME>\t<CLOSE>\t<TICKVOL>\n" + "".join(lines))
    assert {setting.key: setting.value for setting in found.settings}["bars"] == "intraday"
    assert [(row["close"], row["volume"]) for row in as_written(path, found)] == [(11, 14)] * 2


def dated(*closes):
    days = np.datetime64("2024-01-01") + np.arange(len(closes))
    return "Date,Close\n" + "".join(
        f"{day},{close}\n" for day, close in zip(days, closes, strict=True)
    )


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


def test_files_whose_column_of_prices_is_named_after_the_file_are_read_by_its_number(tmp_path):
    path, _ = described(tmp_path, "Date,DGS2\n2024-01-15,4.5\n2024-01-16,4.25\n", "DGS2.csv")
    first = describe_file(path, "DGS2.csv", named=["DGS2.csv", "DGS10.csv"])
    source = yaml.safe_load(as_yaml("in", first))["source"]
    assert (source["symbol"], source["columns"]) == ("{file}", {"close": 2})
    other, _ = described(tmp_path, "Date,DGS10\n2024-01-15,5.5\n", "DGS10.csv")
    assert first_day(other, "DGS10.csv", first) is not None
    other, _ = described(tmp_path, "Date,Dividend\n2024-01-15,5.5\n", "DIV.csv")
    assert first_day(other, "DIV.csv", first) is None


def test_a_config_holds_what_is_said_of_the_file(tmp_path):
    _, found = described(tmp_path, "Date,Close (GBX)\n2024-01-15,1\n2024-01-16,2\n")
    assert as_yaml("AAPL.csv", found).startswith(f"# {found.notes[0]}\nsource:\n")


def test_columns_named_as_symbols_are_wide_and_the_others_are_left_out(tmp_path):
    path, found = described(tmp_path, "Date,USD,JPY,Notes\n2024-01-15,1,170,a\n2024-01-16,,171,b\n")
    config = yaml.safe_load(as_yaml("AAPL.csv", found))["source"]
    assert (config["layout"], config["symbols"]) == ("wide", ["USD", "JPY"])
    assert len(as_written(path, found)) == 4


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


def test_a_text_beside_each_of_several_times_a_day_is_no_symbol(tmp_path):
    text = "Time,Venue,Close\n2024-01-15 10:00,X,1\n2024-01-15 11:00,Y,2\n"
    path, found = described(tmp_path, text)
    assert [(row["symbol"], row["close"]) for row in as_written(path, found)] == [("AAPL", 2)]


def test_times_at_an_offset_are_bars_too_when_a_time_zone_is_chosen(tmp_path):
    text = "Time,Close\n" + "".join(f"2024-01-15T{hour}:00:00Z,{hour}\n" for hour in (10, 11))
    path, found = described(tmp_path, text)
    assert [each.key for each in found.settings if each.others] == ["time_zone"]
    assert [row["close"] for row in as_written(path, found, time_zone="UTC")] == [11]


def test_a_column_that_tells_rows_of_a_day_apart_is_named_as_a_filter(tmp_path):
    text = "Date,Symbol,SERIES,Kind,Close\n" + "".join(
        f"2024-01-{day},{name},{series},x,1\n"
        for day in (15, 16, 17)
        for name, series in (("A", "EQ"), ("A", "BE"), ("B", "EQ"))
    )
    path, found = described(tmp_path, text)
    (where,) = found.to_choose
    kinds = [{"SERIES": ["EQ"]}, {"SERIES": ["BE"]}, {}]
    assert [where.key, where.value, *where.others] == ["where", *kinds]
    assert len(as_written(path, found, where=where.value)) == 6
    with pytest.raises(Refusal, match=r"'source\.where': found '\?', because two"):
        as_written(path, found)
    _, found = described(tmp_path, text + "2024-01-15,B,EQ,x,1\n")
    assert not found.to_choose
    _, found = described(tmp_path, text.replace("A,BE", "C,BE"))
    assert not found.to_choose


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("Date,Close\n2024-01-15,0.01\n2024-01-16,-0.02\n2024-01-17,-0.01\n", "look like returns"),
        ("Date,Close\n" + "2024-01-15,N/D\n" * 3 + "2024-01-16,1\n", "too many rows are lost"),
        ("Date,Close\n2024-01-15,x\n", "not read yet"),
        ("Last,Symbol,Time\n" + "7,{},2024-01-15 16:31\n" * 3, "the time of the download"),
        ("Close,Symbol,Updated\n" + "7,{},2024-01-15\n" * 3, "the time of the download"),
        ("Date,PRC\n2024-01-15,183.5\n2024-01-16,-184.25\n2024-01-17,184\n", "minus seems"),
    ],
)
def test_what_is_odd_about_a_file_is_said(tmp_path, content, note):
    _, found = described(tmp_path, content.replace("{}", "A", 1).replace("{}", "B", 1))
    assert any(note in said for said in found.notes)


def test_files_of_a_folder_are_named_by_their_symbol_and_fit_the_first_or_not(tmp_path):
    path, _ = described(tmp_path, "Date,Close\n2024-01-15,1\n")
    first = describe_file(path, "in/AAPL.csv", named=["in/AAPL.csv", "in/MSFT.csv"])
    assert yaml.safe_load(as_yaml("in", first))["source"]["symbol"] == "{file}"
    assert first_day(path, "in/MSFT.csv", first) is not None
    other, _ = described(tmp_path, "Date;Close\n15.01.2024;1\n", "b.csv")
    assert first_day(other, "in/b.csv", first) is None


def test_what_a_cell_holds_never_leaves_its_comment(tmp_path):
    _, found = described(tmp_path, 'Date,"Clo\nse",N\n2024-01-15,"$1\n  evil: 1",a\n')
    found.settings.append(Setting("unit", "$\n", 'as "1\n  received: /etc"'))
    config = yaml.safe_load(as_yaml("AAPL.csv", found))["source"]
    assert "evil" not in config
    assert "received" not in config
    assert config["unit"] == "$\n"


def test_columns_that_hold_no_prices_do_not_keep_a_file_from_being_described(tmp_path):
    table = parquet(Date=["2024-01-15"], Close=[1234.5], Splits=[[1, 2]])
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


def test_where_a_file_shows_days_first_and_months_first_neither_is_chosen(tmp_path):
    dates = ("15/01/2018", "02/13/2018", "02/14/2018", "01/02/2018")
    _, found = described(tmp_path, "Date,Close\n" + "".join(f"{day},1\n" for day in dates))
    (open_key,) = found.to_choose
    assert [open_key.value, *open_key.others] == [["%m/%d/%Y"], ["%d/%m/%Y"]]


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("gbk", "日期,代码,名称,收盘"),
        ("big5", "日期,證券代號,證券名稱,收盤價"),
        ("shift_jis", "日付,コード,銘柄名,終値"),
        ("euc_kr", "날짜,종목코드,종목명,종가"),
        ("cp1251", "Дата,Тикер,Компания,Цена"),
        ("cp1250", "Data,Symbol,Spółka,Zamknięcie"),
        ("cp1252", "Date,Symbol,Société,Clôture"),
        ("mac_roman", "Date,Symbol,Société,Clôture"),
        ("cp1253", "Ημερομηνία,Symbol,Όνομα,Κλείσιμο"),
    ],
)
def test_the_encoding_is_that_in_which_vendors_names_of_columns_are_read(tmp_path, encoding, head):
    name = head.split(",")[2]
    text = f"{head}\n2024-01-15,AAPL,{name},1234.5\n2024-01-16,AAPL,{name},1235.25\n"
    path, found = described(tmp_path, text.encode(encoding))
    assert not found.to_choose
    assert [(row["symbol"], row["date"], row["close"]) for row in as_written(path, found)] == [
        ("AAPL", *day) for day in DAYS
    ]


def test_an_encoding_whose_words_no_vendor_uses_is_left_open_with_what_each_reads(tmp_path):
    text = "Day,Symbol,Όνομα,Close\n2024-01-15,AAPL,Άλφα,1234.5\n"
    path, found = described(tmp_path, text.encode("cp1253"))
    (setting,) = found.to_choose
    assert setting.key == "encoding"
    assert "Όνομα in cp1253" in setting.why
    assert len(as_written(path, found, encoding="cp1253")) == 1


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


def test_a_code_that_only_some_columns_have_for_each_price_is_offered_as_symbol(tmp_path):
    rows = ["AB.C,D,2024-01-15,1", "EF.G,D,2024-01-15,2", "AB.C,D,2024-01-16,1"]
    path, found = described(tmp_path, "\n".join(["KEY,FREQ,TIME_PERIOD,OBS_VALUE", *rows]))
    assert found.dialect.columns["symbol"] == "KEY"
    assert {row["symbol"] for row in as_written(path, found)} == {"AB.C", "EF.G"}


@pytest.mark.parametrize("sample", ["stocks.csv.gz", "eurofxref-hist.zip", "wti.csv.gz"])
def test_what_is_written_of_a_sample_reads_every_row_of_it(sample):
    path = ROOT / "data" / "raw" / sample
    found = describe_file(path, sample)
    assert not found.to_choose
    assert found.reading is not None
    assert found.reading.quarantine.count == 0
    complete(yaml.safe_load(as_yaml(sample, found)))


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


def test_a_workbook_whose_closes_were_never_computed_is_not_read_and_says_why(tmp_path):
    table = [[date(2024, 1, day), day, f"=B{day}*2"] for day in range(2, 8)]
    _, found = described(tmp_path, excel(["Date", "Open", "Close"], *table), "AAPL.xlsx")
    (note,) = found.notes
    assert note.startswith(
        "not read yet: AAPL.xlsx: sheet 'Sheet', cell C2: the formula of 'Close'"
    )


def test_of_tables_side_by_side_the_columns_that_are_offered_can_be_read(tmp_path):
    rows = "".join(f"2024-01-{day},{day},,2024-02-{day},{day + 50}\n" for day in (15, 16, 17))
    path, found = described(tmp_path, f"Dates,PX_LAST,,Dates,PX_LAST\n{rows}")
    offered = {setting.key: [setting.value, *setting.others] for setting in found.to_choose}
    assert offered["columns.close"] == ["PX_LAST", "PX_LAST (2)"]
    assert "choose date: 1 or date: 4" in as_yaml("AAPL.csv", found)
    assert any("several tables stand side by side" in note for note in found.notes)
    columns = {"date": 4, "close": 5}
    assert [row["close"] for row in as_written(path, found, columns=columns)] == [65, 66, 67]


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


def test_a_code_of_each_row_that_tells_no_prices_of_a_day_apart_is_no_symbol(tmp_path):
    rows = "".join(f"2024-01-{day},{day}.5,{'AB'[day % 2]}\n" for day in range(10, 20))
    path, found = described(tmp_path, f"Date,Close,Code\n{rows}")
    assert {row["symbol"] for row in as_written(path, found)} == {"AAPL"}


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


def book_of(**sheets):
    book = openpyxl.Workbook()
    for name, table in sheets.items():
        sheet = book.create_sheet(name)
        for row in table:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


TABLE = [["Date", "Close"], [date(2024, 1, 15), 5], [date(2024, 1, 16), "x"]]


def test_a_sheet_for_each_symbol_is_read_under_its_name(tmp_path):
    path, found = described(tmp_path, book_of(AAPL=TABLE, MSFT=[*TABLE, *TABLE[1:2]]), "book.xlsx")
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
    path, found = described(tmp_path, book_of(**dict.fromkeys(names, TABLE)), "book.xlsx")
    assert [setting.key for setting in found.to_choose] == ["sheet"]
    assert any('set source.symbol: "{sheet}"' in note for note in found.notes)
    found.settings.clear()
    symbols = [row["symbol"] for row in as_written(path, found, symbol="{sheet}")]
    assert symbols == sorted(names)


def test_sheets_of_symbols_need_the_same_columns_and_a_workbook(tmp_path):
    book = book_of(AAPL=TABLE, MSFT=[["Date", "Last"], *TABLE[1:]])
    path, found = described(tmp_path, book, "book.xlsx")
    assert [setting.key for setting in found.to_choose] == ["sheet"]
    found.settings.clear()
    with pytest.raises(Refusal, match="'AAPL' and 'MSFT' have different columns"):
        as_written(path, found, symbol="{sheet}")
    path.write_text("Date,Close\n2024-01-15,5\n")
    with pytest.raises(Refusal, match=r"not a workbook, but config key 'source\.symbol'"):
        as_written(path, found, symbol="{sheet}")
    with pytest.raises(Refusal, match=r"source\.sheet.*allowed: null"):
        Dialect(symbol="{sheet}", sheet="AAPL")


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


def test_numbers_that_are_no_bar_are_left_to_people(tmp_path):
    rows = [[row[0], row[3], row[2], row[1], row[4]] for row in klines(20, gap=0)]
    _, found = described(tmp_path, "\n".join(",".join(map(str, row)) for row in rows))
    assert [setting.value for setting in found.to_choose] == ["column 2"]


def test_columns_parted_by_single_blanks_are_read_by_that_delimiter(tmp_path):
    for head in ("# date open close", "date open close", '"open" "close"'):
        rows = "".join(f"2024-01-{day} {day} {day + 1}\n" for day in range(10, 20))
        path, found = described(tmp_path, f"{head}\n{rows}", "AAPL.dat")
        assert found.dialect.delimiter == " "
        assert as_written(path, found)[0]["close"] == 11


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
    content = parquet(
        Date=[date(2024, 1, 15)] * 4, Ticker=[7203.0, 6758.0, None, 1.5], Close=[1.5, 2, 3, 4]
    )
    path, found = described(tmp_path, content, "tokyo.parquet")
    assert {row["symbol"] for row in as_written(path, found)} == {"6758", "7203"}
    assert found.reading.quarantine.by_reason() == {"bad-symbol": 2}


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
