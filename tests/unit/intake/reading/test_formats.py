"""The same prices, whatever a delivery is written in, packed by and called."""

import io
import json
from datetime import date

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from conftest import as_csv, market
from deliveries import WIDE, lost, read, rows
from file_formats import PACKERS, excel, parquet
from pricewright.files.errors import Refusal
from pricewright.intake.reading.dialect import Dialect

RECORDS = market(days=4)
DIALECT = Dialect()


def feather():
    buffer = io.BytesIO()
    pyarrow.feather.write_feather(pa.Table.from_pylist(RECORDS), buffer)
    return buffer.getvalue()


FORMATS = {
    "csv": lambda: as_csv(RECORDS).encode(),
    "json": lambda: json.dumps(RECORDS).encode(),
    "json lines": lambda: "\n".join(map(json.dumps, RECORDS)).encode(),
    "parquet": lambda: parquet(pa.Table.from_pylist(RECORDS)),
    "feather": feather,
    "excel": lambda: excel(list(RECORDS[0]), *(list(record.values()) for record in RECORDS)),
}
PACKINGS = {"plain": bytes} | PACKERS


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_in_every_packing_comes_to_the_same_prices(tmp_path, form, packing):
    found = read(tmp_path, PACKINGS[packing](FORMATS[form]()), DIALECT)
    assert rows(found.prices) == RECORDS
    assert (found.rows, lost(found)) == (8, [])


@pytest.mark.parametrize(
    ("record", "reason", "field"),
    [
        ('{"date": "2024-01-02", "symbol": "B", "close": 1e999}', "infinite-number", "close"),
        ('{"date": "2024-01-02", "symbol": "B", "close": Infinity}', "unreadable-number", "close"),
        ('{"date": "2024-01-02", "symbol": "B", "close": "1_0"}', "unreadable-number", "close"),
        ('{"date": "2024-01-02", "symbol": "B", "close": true}', "unreadable-number", "close"),
        ('{"date": "2024-01-02", "symbol": "B", "close": [1]}', "not-flat", "close"),
        ('{"date": "2024-01-02", "symbol": "B", "close": 1, "close": 2}', "duplicate-key", "close"),
        ('{"date": "2024-01-02", "symbol": null, "close": 1}', "bad-symbol", "symbol"),
        ('{"symbol": "B", "close": 1}', "unreadable-date", "date"),
        ('{"date": "2024-01-02", "symbol": "B", "close": 1', "unreadable", None),
        ('{"date": "2024-01-02", "symbol": "\\ud800", "close": 1}', "lone-surrogate", "symbol"),
        ("[1]", "not-an-object", None),
    ],
)
def test_a_bad_record_of_json_is_quarantined_with_its_own_text(tmp_path, record, reason, field):
    good = '{"date": "2024-01-01", "symbol": "700", "close": 1.50}\n'
    found = read(tmp_path, good + record + "\n" + good.replace("-01", "-03"), DIALECT)
    assert lost(found) == [(2, reason, field, record)]
    assert (found.rows, len(found.prices)) == (3, 2)


def test_a_bad_row_of_parquet_is_quarantined_as_json_with_its_number(tmp_path):
    table = {"date": ["2024-01-01", "2024-01-02"], "symbol": ["A", "B"], "close": [1.5, -2.0]}
    assert lost(read(tmp_path, parquet(table), DIALECT)) == [
        (2, "sign", "close", '{"date":"2024-01-02","symbol":"B","close":-2.0}')
    ]


def test_a_bad_row_of_excel_is_quarantined_with_the_number_that_excel_shows(tmp_path):
    table = [[], ["date", "symbol", "close"], ["2024-01-01", "NA", 1.5], ["x", "B", 2]]
    found = read(tmp_path, excel(*table), DIALECT)
    assert found.prices.names == ["NA"]
    assert lost(found) == [(4, "unreadable-date", "date", "x\tB\t2")]


def test_a_wide_delivery_may_be_parquet(tmp_path):
    table = {"Date": ["2024-01-01", "2024-01-02"], "USD": [1.5, None], "JPY": [170.0, -1.0]}
    found = read(tmp_path, parquet(table), WIDE)
    assert lost(found) == [(2, "sign", "JPY", "-1.0")]
    assert len(found.prices) == 3


def test_a_date_is_no_symbol(tmp_path):
    days = [date(2024, 1, 1), date(2024, 1, 2)]
    with pytest.raises(Refusal, match=r"prices\.csv:1: Ticker is not a symbol"):
        read(tmp_path, parquet({"Date": days, "Ticker": days, "Close": [1, 2]}), Dialect())


def test_a_symbol_that_is_said_or_in_a_column_comes_before_the_one_inside_the_file(tmp_path):
    text = '{"symbol":"A","rows":[{"date":"2024-01-02","close":1,"name":"B"}]}'
    for dialect, names in (
        (Dialect(), ["A"]),
        (Dialect(symbol="C"), ["C"]),
        (Dialect(columns={"symbol": "name"}), ["B"]),
    ):
        assert read(tmp_path, text, dialect).prices.names == names
