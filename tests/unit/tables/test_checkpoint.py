"""The same prices as JSON and as Parquet, the same bytes each time."""

import subprocess
import sys

import numpy as np
import orjson
import pandas as pd
import pyarrow.compute as pc
import pytest

from conftest import SCRIPTS
from price_tables import read_table, write_table
from pricewright.files.disk import sha256
from pricewright.tables.prices import Prices, read_prices, write_prices
from pricewright.tables.table_files import BATCH, write_groups

NAN = float("nan")


@pytest.fixture
def prices():
    return Prices(
        ["0700", "NA"],
        np.array([0, 0, 1], np.int32),
        np.array([-1, 19723, 19723], np.int32),
        {"close": np.array([0.1 + 0.2, NAN, 5.0]), "volume": np.array([2.0**53, NAN, 0.0])},
    )


def test_json_has_a_record_a_row_with_iso_dates_and_whole_volumes(tmp_path, prices):
    digest = write_prices(tmp_path / "a.json", prices)
    content = (tmp_path / "a.json").read_bytes()
    assert digest == sha256(content)
    assert orjson.loads(content) == [
        {"date": "1969-12-31", "symbol": "0700", "close": 0.1 + 0.2, "volume": 2**53},
        {"date": "2024-01-01", "symbol": "0700", "close": None, "volume": None},
        {"date": "2024-01-01", "symbol": "NA", "close": 5.0, "volume": 0},
    ]
    assert content.startswith(b'[\n  {\n    "date": "1969-12-31",\n')
    assert content.endswith(b"\n]\n")


def test_parquet_holds_the_same_content_in_the_same_order(tmp_path, prices):
    tables = []
    for name in ("a.json", "a.parquet"):
        digest = write_prices(tmp_path / name, prices)
        table, read = read_table(tmp_path / name)
        assert read == digest == sha256((tmp_path / name).read_bytes())
        tables.append(table)
    pd.testing.assert_frame_equal(*tables)
    assert tables[0].columns.tolist() == ["date", "symbol", "close", "volume"]


def test_parquet_is_typed_for_other_readers(tmp_path, prices):
    import pyarrow.parquet

    write_prices(tmp_path / "a.parquet", prices)
    schema = pyarrow.parquet.read_schema(tmp_path / "a.parquet")
    assert list(map(str, schema.types)) == ["date32[day]", "string", "double", "int64"]
    assert schema.metadata is None


def test_prices_come_back_from_parquet_as_they_were(tmp_path, prices):
    write_prices(tmp_path / "a.parquet", prices)
    again = read_prices(tmp_path / "a.parquet")
    assert again.names == prices.names
    np.testing.assert_array_equal(again.keys, prices.keys)
    for name, column in prices.values.items():
        np.testing.assert_array_equal(again.values[name], column)


def test_a_table_of_several_row_groups_and_batches_is_one(tmp_path, monkeypatch):
    count = BATCH + 5
    days = np.tile(np.arange(count // 5, dtype=np.int32), 5)
    symbols = np.repeat(np.arange(5, dtype=np.int32), count // 5)
    many = Prices(list("ABCDE"), symbols, days, {"close": np.arange(float(count))})
    monkeypatch.setattr("pricewright.tables.table_files.ROW_GROUP", 50_000)
    for name in ("a.json", "a.parquet"):
        write_prices(tmp_path / name, many)
        table, _ = read_table(tmp_path / name)
        assert table["close"].tolist() == many.values["close"].tolist()
    np.testing.assert_array_equal(read_prices(tmp_path / "a.parquet").days, days)
    content = (tmp_path / "a.json").read_bytes()
    assert content == orjson.dumps(orjson.loads(content), option=orjson.OPT_INDENT_2) + b"\n"


def test_a_symbol_is_in_one_row_group_and_the_bytes_are_the_same_however_rows_come(
    tmp_path, monkeypatch
):
    import pyarrow as pa
    import pyarrow.parquet

    monkeypatch.setattr("pricewright.tables.table_files.ROW_GROUP", 50)
    counts = [30, 20, 1, 60, 10, 40, 1]
    symbols = np.repeat(np.arange(7, dtype=np.int32), counts)
    days = np.concatenate([np.arange(count, dtype=np.int32) for count in counts])
    prices = Prices(list("ABCDEFG"), symbols, days, {"close": days + 0.5})
    digest = write_prices(tmp_path / "a.parquet", prices)
    file = pyarrow.parquet.ParquetFile(tmp_path / "a.parquet")
    groups = [file.read_row_group(group) for group in range(file.num_row_groups)]
    assert [group["symbol"].unique().to_pylist() for group in groups] == [
        [*"AB"],
        ["C"],
        ["D"],
        [*"EF"],
        ["G"],
    ]
    one_each = [pa.concat_tables(groups).filter(pc.field("symbol") == name) for name in "ABCDEFG"]
    for pieces in ([pa.concat_tables(groups)], one_each):
        other = tmp_path / "b.parquet"
        assert write_groups(other, groups[0].schema, pieces) == digest


@pytest.mark.parametrize("suffix", ["json", "parquet"])
def test_what_is_read_and_written_again_is_the_same_to_the_byte(tmp_path, prices, suffix):
    one, other = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    write_prices(one, prices)
    write_table(one, read_table(one)[0])
    assert write_table(other, read_table(one)[0]) == sha256(one.read_bytes())
    assert one.read_bytes() == other.read_bytes()


def test_the_bytes_are_the_same_in_another_process(tmp_path, prices):
    write_prices(tmp_path / "a.parquet", prices)
    code = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from pricewright.tables.prices import read_prices, write_prices
write_prices(Path("b.parquet"), read_prices(Path("a.parquet")))
"""
    subprocess.run([sys.executable, "-c", code, str(SCRIPTS)], cwd=tmp_path, check=True)
    assert (tmp_path / "b.parquet").read_bytes() == (tmp_path / "a.parquet").read_bytes()


def test_timestamps_in_a_table_of_ones_own_stay_as_they_are_in_parquet(tmp_path):
    table = pd.DataFrame({"date": ["2024-01-01T10:00"], "close": [1.0]})
    write_table(tmp_path / "a.parquet", table)
    assert read_table(tmp_path / "a.parquet")[0]["date"].tolist() == ["2024-01-01T10:00"]
