"""Parquet that is not whole: each reader of a checkpoint says so, with the file and what to do."""

import errno
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from conftest import SCRIPTS
from pricewright.evaluation.backtest_file import read_backtest
from pricewright.files.errors import Refusal
from pricewright.forecasting.histories import read_new_prices, read_panel, usual_price
from pricewright.tables import records
from pricewright.tables.damage import RUN_AGAIN, refuse_damaged
from pricewright.tables.parquet_files import StoredTable
from pricewright.tables.prices import Prices, read_prices, write_prices


def read_day_by_day(path):
    return read_new_prices(path, None, [])


def read_all_prices(path):
    return list(read_prices(path).values.values())


def read_in_groups(path):
    table = records.ordered_file(path)
    return table and list(table.groups())


def read_one_backtest(path):
    return read_backtest(path, "0" * 64)


READERS = {
    records.read_table: RUN_AGAIN,
    records.read_columns: RUN_AGAIN,
    read_in_groups: RUN_AGAIN,
    lambda path: records.join_shards([path]).table(): RUN_AGAIN,
    read_all_prices: RUN_AGAIN,
    lambda path: read_panel(path, "close"): RUN_AGAIN,
    usual_price: RUN_AGAIN,
    read_day_by_day: "make it again",
    read_one_backtest: "train again",
}
UNREAD = {  # or taken for JSON, and refused as that
    usual_price: ("its symbols", "its dates", "its prices"),
    read_all_prices: ("its beginning",),
    read_one_backtest: ("its beginning",),
    read_day_by_day: ("its beginning", "empty", "zeros"),
}


@pytest.fixture
def stored(tmp_path):
    """A checkpoint of prices, whole."""
    path = tmp_path / "prices.parquet"
    days = np.tile(np.arange(400, dtype=np.int32), 2)
    symbols = np.repeat(np.arange(2, dtype=np.int32), 400)
    values = np.random.default_rng(1).normal(50, 1, (2, 800))
    values[1] = np.round(values[1])
    write_prices(path, Prices(["A", "B"], symbols, days, dict(zip(NAMES, values, strict=True))))
    return path


NAMES = ("close", "volume")


def overwrite(path, place, count=24):
    content = bytearray(path.read_bytes())
    content[place : place + count] = bytes([0xFF]) * count
    path.write_bytes(content)


def damage_column(path, name):
    """Overwrite the headers of a column's pages."""
    described = pyarrow.parquet.read_metadata(path)
    for group in range(described.num_row_groups):
        for place in range(described.num_columns):
            chunk = described.row_group(group).column(place)
            if chunk.path_in_schema == name:
                overwrite(path, chunk.dictionary_page_offset or chunk.data_page_offset)


DAMAGES = {
    "its symbols": lambda path: damage_column(path, "symbol"),
    "its dates": lambda path: damage_column(path, "date"),
    "its prices": lambda path: damage_column(path, "close"),
    "its end": lambda path: overwrite(path, path.stat().st_size - 60, 40),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "cut in the middle": lambda path: path.write_bytes(path.read_bytes()[:1000]),
    "its beginning": lambda path: overwrite(path, 0, 4),
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}


@pytest.mark.parametrize(
    ("read", "damage"),
    [
        (read, damage)
        for read in READERS
        for damage in DAMAGES
        if damage not in UNREAD.get(read, ())
    ],
)
def test_what_is_damaged_is_refused_with_the_file_and_what_to_do(stored, read, damage):
    DAMAGES[damage](stored)
    with pytest.raises(Refusal) as refused:
        read(stored)
    sentence = str(refused.value)
    assert sentence.startswith(f"{stored}: not a whole Parquet file (")
    assert sentence.endswith(f"); {READERS[read]}.")
    assert "\n" not in sentence


@pytest.mark.parametrize("read", [read for read in READERS if read is not usual_price])
def test_a_bit_that_flips_in_a_page_ends_in_no_other_way(stored, read):
    whole, random = stored.read_bytes(), np.random.default_rng(3)
    refused = list[str]()
    end = pyarrow.parquet.read_metadata(stored).serialized_size + 8
    for place in random.integers(4, len(whole) - end, 80):
        content = bytearray(whole)
        content[place] ^= 1 << random.integers(8)
        stored.write_bytes(content)
        try:
            read(stored)
        except Refusal as refusal:
            refused.append(str(refusal))
        except AttributeError:
            assert read is read_day_by_day, "for there is no model"
    assert refused
    assert all(sentence.startswith(f"{stored}: ") for sentence in refused)


WITH_A_WRONG_BYTE_AT_ITS_END = """
import sys
from pathlib import Path
from pricewright.files.errors import Refusal
from pricewright.tables.parquet_files import StoredTable
from pricewright.tables.records import groups_sha256, ordered_file, read_table

whole = Path(sys.argv[1]).read_bytes()
end = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
path = Path(sys.argv[2])
for value in (1, 69, 255):
    for place in range(end, len(whole)):
        content = bytearray(whole)
        content[place] = value
        path.write_bytes(content)
        for read in (ordered_file, lambda path: groups_sha256(path, [0]), read_table):
            try:
                read(path)
            except Refusal as refusal:
                assert str(refusal).startswith(f"{path}: not a whole Parquet file ("), refusal
"""


def test_a_wrong_byte_in_the_description_at_its_end_does_not_end_the_process(stored, tmp_path):
    program = [sys.executable, "-c", WITH_A_WRONG_BYTE_AT_ITS_END, stored, tmp_path / "damaged"]
    done = subprocess.run(
        program, env={"PYTHONPATH": str(SCRIPTS)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_columns_of_a_group_that_are_not_equally_long_are_refused(stored, monkeypatch):
    file = StoredTable(stored)
    shorter = file.read_row_group(0).slice(1)
    for name in ("read", "read_row_group"):
        monkeypatch.setattr(pyarrow.parquet.ParquetFile, name, lambda *_, **__: shorter)
    for read in (file.read, lambda: file.read_row_group(0), lambda: records.ordered_file(stored)):
        with pytest.raises(Refusal, match=r"\(it has 799 rows but declares 800\); run the step"):
            read()


@pytest.mark.parametrize("day", [-(10**6), 110_000, 10**7, 2**31 - 1])
@pytest.mark.parametrize("rising", [True, False])
@pytest.mark.parametrize(
    "read", [read for read in READERS if read not in (usual_price, read_one_backtest)]
)
def test_a_date_that_no_price_can_be_of_is_damage(stored, read, day, rising):
    table = pyarrow.parquet.read_table(stored)
    days = table["date"].cast(pa.int32()).to_numpy().copy()
    days[-1 if (day > 0) == rising else 0] = day
    table = table.set_column(0, "date", pa.array(days).view(pa.date32()))
    pyarrow.parquet.write_table(table, stored, store_schema=False)
    said = rf"prices\.parquet: not a whole .*\(it has the impossible date .*\); {READERS[read]}"
    with pytest.raises(Refusal, match=said):
        read(stored)


@pytest.mark.parametrize(
    "column",
    [
        ("date", pa.array([19_000], pa.int32())),
        ("date", pa.array(["2023-02-30"])),
        ("date", pa.array(["soon"])),
        ("symbol", pa.array([b"A"])),
        ("close", pa.array([[1.0]])),
    ],
)
def test_a_column_of_a_kind_that_no_checkpoint_has_is_damage(tmp_path, column):
    columns = {"date": ["2023-01-31"], "symbol": ["A"], "close": [1.0]} | dict([column])
    path = tmp_path / "prices.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path)
    for read in (records.read_table, records.read_columns):
        with pytest.raises(Refusal, match=r"prices\.parquet: not a whole Parquet file \(it"):
            read(path)


def test_groups_that_a_file_does_not_have_are_those_of_another_file(stored):
    none = records.groups_sha256(stored, [])
    assert records.groups_sha256(stored, [7]) == none != records.groups_sha256(stored, [0])


def test_trouble_of_the_disk_that_may_pass_is_no_fault_of_the_file(stored):
    with pytest.raises(OSError, match="Input/output"), refuse_damaged(stored):
        raise OSError(errno.EIO, "Input/output error")
    for said in ("malloc of size 8000000000 failed", "out of memory"):
        with pytest.raises(pa.ArrowMemoryError), refuse_damaged(stored):
            raise pa.ArrowMemoryError(said)
    with pytest.raises(Refusal, match="not a whole"), refuse_damaged(stored):
        raise pa.ArrowMemoryError("malloc of size 1000000000000 failed")


def test_what_is_whole_is_read_and_what_is_not_there_is_said(stored):
    with StoredTable(stored) as file:
        assert file.read()["close"].to_numpy().tolist() == read_all_prices(stored)[0].tolist()
        assert len(file.read_row_group(0)) == 800
    with pytest.raises(Refusal, match="no such file"):
        StoredTable(stored.with_name("other.parquet"))
