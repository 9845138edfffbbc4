import gzip
import io
import zipfile

import pytest

from pricewright.errors import Refusal
from pricewright.reading import Dialect, read_prices
from pricewright.sources import fetch, local_path, unpack

NAMES = {"date": "Date", "symbol": "Ticker", "close": "Close", "volume": "Volume"}
HEAD = "Date,Ticker,Close,Volume\n"
WIDE = Dialect(layout="wide", columns={"date": "Date"}, missing_markers=("N/A",))


def read(text, dialect=None):
    content = text if isinstance(text, bytes) else text.encode()
    return read_prices(content, "prices.csv", dialect or Dialect(columns=NAMES))


def test_a_long_delivery_becomes_columns_in_its_order():
    assert read(HEAD + "2024-01-02,B,2.50,8\n2024-01-01,A,1e1,7\n") == {
        "date": ["2024-01-02", "2024-01-01"],
        "symbol": ["B", "A"],
        "close": [2.5, 10.0],
        "volume": [8, 7],
    }


def test_a_wide_delivery_becomes_a_row_per_date_and_symbol():
    assert read("Date,USD,JPY,\n2024-07-05,1.08,N/A,\n2024-07-04,1.07,173,\n", WIDE) == {
        "date": ["2024-07-05", "2024-07-05", "2024-07-04", "2024-07-04"],
        "symbol": ["USD", "JPY", "USD", "JPY"],
        "close": [1.08, None, 1.07, 173.0],
    }


@pytest.mark.parametrize("symbol", ["NA", "TRUE", "NULL", "0700", "1e5", "nan", "BRK.B", "^GSPC"])
def test_a_symbol_is_the_text_it_is(symbol):
    assert read(HEAD + f"2024-01-01,{symbol},1,1\n")["symbol"] == [symbol]


def test_a_file_without_symbols_has_the_one_that_config_names():
    dialect = Dialect(columns={"date": "Date", "close": "P"}, symbol="WTI", date_format="%m/%d/%Y")
    found = read("Date,P\n1/2/1986,25.56\n", dialect)
    assert found == {"date": ["1986-01-02"], "symbol": ["WTI"], "close": [25.56]}


def test_with_no_columns_named_the_files_own_names_are_taken():
    text = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\nA,2024-01-01,1,3,1,2,9,2.5\n"
    found = read(text, Dialect())
    assert list(found) == ["date", "symbol", "open", "high", "low", "close", "adj_close", "volume"]
    assert found["adj_close"] == [2.5]


@pytest.mark.parametrize(
    "text",
    ["\ufeff" + HEAD + "2024-01-01,A,1,1\n", HEAD.replace("\n", "\r\n") + "2024-01-01,A,1,1\r\n"],
)
def test_a_byte_order_mark_and_windows_line_ends_are_accepted(text):
    assert read(text)["close"] == [1.0]


def test_a_quoted_field_may_hold_the_delimiter():
    assert read('Date,Ticker,Close,Volume\n"2024-01-01",A,"1.5",1\n')["close"] == [1.5]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"prices\.csv:1: the file is empty"),
        (HEAD, r"prices\.csv:1: the file has a header and no rows"),
        (HEAD + "2024-01-01,A,1\n", r"prices\.csv:2: 3 fields, where the header has 4"),
        (HEAD + "2024-01-01,A,1,1\n2024-01-02,A,1,1,1\n", r"prices\.csv:3: 5 fields"),
        (HEAD + '2024-01-01,A,"1,1\n', r"prices\.csv:2: not CSV"),
        (b"Date,Ticker,Close,Volume\n2024-01-01,\xff,1,1\n", r"prices\.csv:2: not UTF-8"),
        ("Date,Close,Close\n2024-01-01,1,1\n", r"column name 'Close' is empty or there twice"),
        (
            "Date,Ticker,Price,Volume\n2024-01-01,A,1,1\n",
            r"no column 'Close'.*source\.columns\.close",
        ),
        (
            HEAD + "01/02/2024,A,1,1\n",
            r"prices\.csv:2: Date is '01/02/2024', not a date as %Y-%m-%d",
        ),
        (HEAD + "2024-02-30,A,1,1\n", r"prices\.csv:2: Date is '2024-02-30'"),
        (HEAD + "today,A,1,1\n", r"Date is 'today'"),
    ],
)
def test_a_file_that_is_not_as_described_is_refused_by_line(text, sentence):
    with pytest.raises(Refusal, match=sentence):
        read(text)


@pytest.mark.parametrize(
    "number", ["1e999", "nan", "inf", "0x10", "1_000", "١٢", "1,5", "1 000", "$1", "--1", "1e", "."]
)
def test_what_is_not_plainly_a_number_is_refused(number):
    with pytest.raises(Refusal, match=r"prices\.csv:2: Close is .*, not a number"):
        read(f'{HEAD}2024-01-01,A,"{number}",1\n')


@pytest.mark.parametrize(
    "symbol", ["<script>", "=cmd()", "../etc", "A B", "\u0410APL", "", "A" * 33]
)
def test_what_is_not_a_symbol_is_refused(symbol):
    with pytest.raises(Refusal, match=r"prices\.csv:2: .* is not a symbol"):
        read(f"{HEAD}2024-01-01,{symbol},1,1\n")


def test_a_wide_column_that_is_not_a_symbol_is_refused():
    with pytest.raises(Refusal, match="'<b>' is not a symbol"):
        read("Date,<b>\n2024-01-01,1\n", WIDE)


def test_a_fractional_volume_makes_the_column_fractional():
    assert read(HEAD + "2024-01-01,A,1,1.5\n2024-01-02,A,1,2\n")["volume"] == [1.5, 2.0]


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "prices")
    return buffer.getvalue()


def changed_in_both_headers(packed, local, central, value):
    """A zip with one byte changed in its local and in its central header."""
    changed = bytearray(packed)
    changed[changed.index(b"PK\x03\x04") + local] = value
    changed[changed.index(b"PK\x01\x02") + central] = value
    return bytes(changed)


@pytest.mark.parametrize("packed", [b"prices", gzip.compress(b"prices"), zipped("a.csv")])
def test_the_content_decides_how_a_file_is_unpacked(packed):
    assert unpack(packed, "prices.csv") == b"prices"


@pytest.mark.parametrize(
    ("packed", "sentence"),
    [
        (gzip.compress(b"prices" * 99)[:-9], "damaged gzip"),
        (zipped("a.csv")[:-30], "unreadable zip"),
        (zipped("a.csv", "b.csv"), "holds 2 files"),
        (changed_in_both_headers(zipped("a.csv"), 6, 8, 1), "unreadable zip .*password"),
        (changed_in_both_headers(zipped("a.csv"), 8, 10, 99), "unreadable zip .*compression"),
    ],
)
def test_a_damaged_or_crowded_archive_is_refused(packed, sentence):
    with pytest.raises(Refusal, match=sentence):
        unpack(packed, "prices.zip")


def test_a_source_is_a_path_or_a_file_uri(tmp_path):
    path = tmp_path / "my prices.csv"
    path.write_bytes(b"x")
    assert fetch(str(path)) == fetch(path.as_uri()) == b"x"
    with pytest.raises(Refusal, match=r"source\.uri: 's3://bucket/a' has the scheme 's3'"):
        local_path("s3://bucket/a")
