"""What `pricewright describe` says of a file, and that what it writes reads that file right."""

from datetime import date

import pytest
import yaml

from conftest import ROOT
from deliveries import rows
from descriptions import DAYS, as_written, described
from file_formats import book, excel, parquet
from pricewright.configuration.config import complete
from pricewright.files.errors import Refusal
from pricewright.intake.description import describe_file
from pricewright.intake.findings import Setting, as_yaml


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
        parquet({"Date": ["2024-01-15", "2024-01-16"], "Close": [1234.5, 1235.25]}),
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
        parquet({"('Close', 'AAPL')": [1234.5], "Date": ["2024-01-15"]}),
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


@pytest.mark.parametrize("other", ["0.885", "1085", "1.5", "1.0851"])
def test_one_number_that_has_one_reading_settles_all(tmp_path, other):
    text = f"Date,Close\n2024-02-01,1.085\n2024-02-02,{other}\n"
    _, found = described(tmp_path, text)
    assert not found.to_choose
    assert found.dialect.marks.thousands is None


def test_the_sheet_of_a_workbook_that_has_prices_is_named(tmp_path):
    prices = [["Day", "Spot"], [date(2024, 1, 15), 1234.5]]
    content = book({"Sheet": [["Workbook Contents"]], "Data": prices})
    path, found = described(tmp_path, content, "AAPL.xlsx")
    assert [row["close"] for row in as_written(path, found, columns={"close": 2})] == [1234.5]
    assert found.dialect.sheet == "Data"


def test_a_config_holds_what_is_said_of_the_file(tmp_path):
    _, found = described(tmp_path, "Date,Close (GBX)\n2024-01-15,1\n2024-01-16,2\n")
    assert as_yaml("AAPL.csv", found).startswith(f"# {found.notes[0]}\nsource:\n")


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


def test_what_a_cell_holds_never_leaves_its_comment(tmp_path):
    _, found = described(tmp_path, 'Date,"Clo\nse",N\n2024-01-15,"$1\n  evil: 1",a\n')
    found.settings.append(Setting("unit", "$\n", 'as "1\n  received: /etc"'))
    config = yaml.safe_load(as_yaml("AAPL.csv", found))["source"]
    assert "evil" not in config
    assert "received" not in config
    assert config["unit"] == "$\n"


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


@pytest.mark.parametrize("sample", ["stocks.csv.gz", "eurofxref-hist.zip", "wti.csv.gz"])
def test_what_is_written_of_a_sample_reads_every_row_of_it(sample):
    path = ROOT / "data" / "raw" / sample
    found = describe_file(path, sample)
    assert not found.to_choose
    assert found.reading is not None
    assert found.reading.quarantine.count == 0
    complete(yaml.safe_load(as_yaml(sample, found)))


def test_a_workbook_whose_closes_were_never_computed_is_not_read_and_says_why(tmp_path):
    table = [[date(2024, 1, day), day, f"=B{day}*2"] for day in range(2, 8)]
    _, found = described(tmp_path, excel(["Date", "Open", "Close"], *table), "AAPL.xlsx")
    (note,) = found.notes
    assert note.startswith(
        "not read yet: AAPL.xlsx: sheet 'Sheet', cell C2: the formula of 'Close'"
    )


def test_columns_parted_by_single_blanks_are_read_by_that_delimiter(tmp_path):
    for head in ("# date open close", "date open close", '"open" "close"'):
        rows = "".join(f"2024-01-{day} {day} {day + 1}\n" for day in range(10, 20))
        path, found = described(tmp_path, f"{head}\n{rows}", "AAPL.dat")
        assert found.dialect.delimiter == " "
        assert as_written(path, found)[0]["close"] == 11
