"""A table that is cleaned in groups of its symbols is cleaned as a whole."""

from functools import partial

import numpy as np
import orjson
import pandas as pd
import pytest
from pyarrow.parquet import ParquetFile

from corrections import DROP, SET, SPLIT, delivered
from price_tables import read_table, write_table
from pricewright.cleaning.corrected_table import correct
from pricewright.tables import records, table_files
from pricewright.tables.prices import Prices, write_prices
from pricewright.tables.records import Shard
from step_functions import clean


def small_groups(monkeypatch, rows):
    """Write row groups of at most so many rows, and know files that have them as one's own."""
    monkeypatch.setattr(table_files, "ROW_GROUP", rows)
    own = partial(table_files.ends_of_groups, most=rows)
    monkeypatch.setattr(records, "ends_of_groups", own)


OPTIONS = {"missing_price": "ffill", "missing_volume": "drop"}


def prices(symbols=6, days=40, missing=()):
    """Prices with twins, spikes, a symbol that ends and a hole, by symbol and day."""
    names = [f"S{number}" for number in range(symbols)]
    symbol = np.repeat(np.arange(symbols, dtype=np.int32), days)
    day = np.tile(np.arange(days, dtype=np.int32) + 19_723, symbols)
    close = 20 + symbol // 2 + np.tile(np.arange(days) * 0.37 % 5, symbols).round(2)
    close[50] *= 10
    close[list(missing)] = np.nan
    keep = ~((symbol == 3) & (day > 19_740)) & ~((symbol == 4) & (day % 40 > 20) & (day % 40 < 35))
    values = {"close": close[keep], "volume": np.full(keep.sum(), 1000.0)}
    return Prices(names, symbol[keep], day[keep], values)


def made(folder, raw, suffix, corrections=None):
    output = folder / f"clean{suffix}"
    receipt, quality = folder / "clean_receipt.json", folder / "quality.json"
    clean(raw, output, receipt=receipt, quality=quality, corrections=corrections, **OPTIONS)
    facts = orjson.loads(receipt.read_bytes())
    return output.read_bytes(), quality.read_bytes(), {**facts, "input": None, "records": None}


@pytest.mark.parametrize("missing", [(), (7, 60, 61)])
def test_in_groups_of_any_size_the_prices_the_flags_and_the_receipt_are_the_same(
    tmp_path, monkeypatch, missing
):
    found = []
    for rows in (1, 90, 10**6):
        small_groups(monkeypatch, rows)
        write_prices(tmp_path / "raw.parquet", prices(missing=missing))
        found.append(made(tmp_path, tmp_path / "raw.parquet", ".json"))
    write_prices(tmp_path / "raw.json", prices(missing=missing))
    assert found == [made(tmp_path, tmp_path / "raw.json", ".json")] * 3
    counts = orjson.loads(found[0][1])["flags"]
    assert {"unit-slip", "same-as", "gap", "ended"} <= {flag for flag in counts if counts[flag]}


@pytest.mark.parametrize(
    "text",
    [
        DROP + SPLIT + SET,
        "- {symbol: A, rename: Z, reason: r}\n",
        "- {symbol: C, date: 2024-01-04, rename: A, reason: r}\n",
        "- {symbol: B, rename: BB, reason: r}\n" + DROP,
    ],
)
def test_corrected_rows_stand_where_they_belong_among_those_that_are_read_in_groups(
    tmp_path, monkeypatch, text
):
    small_groups(monkeypatch, 4)
    table = delivered()
    extra = table[table["symbol"] == "B"].assign(close=table["close"].max() + 1)
    others = [extra.assign(symbol=name) for name in ("AB", "BA", "C", "D")]
    table = pd.concat([table, *others], ignore_index=True)
    if "rename: A" in text:
        table = table[~((table["symbol"] == "C") & (table["date"] >= "2024-01-04"))]
        table = table[~((table["symbol"] == "A") & (table["date"] < "2024-01-04"))]
    table = table.sort_values(["symbol", "date"])
    (tmp_path / "c.yaml").write_text(text)
    for suffix in (".json", ".parquet"):
        write_table(tmp_path / f"raw{suffix}", table)
    found = [
        made(tmp_path, tmp_path / f"raw{suffix}", ".json", tmp_path / "c.yaml")
        for suffix in (".parquet", ".json")
    ]
    assert found[0] == found[1]
    assert found[0][2]["corrected"] >= 1


def test_a_file_with_nothing_to_mend_is_passed_on_as_it_would_be_written(tmp_path, monkeypatch):
    small_groups(monkeypatch, 90)
    for suffix in (".json", ".parquet"):
        write_prices(tmp_path / f"raw{suffix}", prices())
    passed_on = made(tmp_path, tmp_path / "raw.parquet", ".parquet")[0]
    assert passed_on == (tmp_path / "raw.parquet").read_bytes()
    assert passed_on == made(tmp_path, tmp_path / "raw.json", ".parquet")[0]


@pytest.mark.parametrize("missing", [(7,), (100,), (7, 200), (200,)])
def test_what_is_filled_in_or_dropped_after_groups_that_stay_as_they_are_is_written_with_them(
    tmp_path, monkeypatch, missing
):
    small_groups(monkeypatch, 40)
    for suffix in (".json", ".parquet"):
        write_prices(tmp_path / f"raw{suffix}", prices(missing=missing))
    found = [
        made(tmp_path, tmp_path / f"raw{suffix}", ".parquet") for suffix in (".parquet", ".json")
    ]
    assert found[0] == found[1]
    facts = found[0][2]
    assert facts["filled"].get("close", 0) + facts["dropped"] == len(missing)


def test_nan_in_a_file_of_someone_elses_is_missing_though_no_value_is(tmp_path):
    write_prices(tmp_path / "raw.parquet", prices())
    stored = ParquetFile(tmp_path / "raw.parquet").read()
    close = stored["close"].to_numpy().copy()
    close[3] = np.nan
    stored = stored.set_column(2, "close", [close])
    table_files.write_groups(tmp_path / "raw.parquet", stored.schema, [stored])
    made(tmp_path, tmp_path / "raw.parquet", ".parquet")
    table, _ = read_table(tmp_path / "clean.parquet")
    assert table["close"].notna().all()
    assert orjson.loads((tmp_path / "clean_receipt.json").read_bytes())["filled"] == {"close": 1}


def test_a_shard_reads_only_the_row_groups_of_its_symbols(tmp_path, monkeypatch):
    small_groups(monkeypatch, 90)
    write_prices(tmp_path / "raw.parquet", prices(symbols=8))
    read = []
    original = ParquetFile.read_row_group

    def read_row_group(self, group, columns=None, **options):
        if columns is None:
            read.append(group)
        return original(self, group, columns, **options)

    monkeypatch.setattr(ParquetFile, "read_row_group", read_row_group)
    parts = [correct(tmp_path / "raw.parquet", None, Shard(number, 2)) for number in (1, 2)]
    groups = []
    for part in parts:
        rows = sum(map(len, part.groups()))
        assert rows == part.rows
        groups.append(read.copy())
        read.clear()
    assert len({*groups[0]} & {*groups[1]}) <= 1 < len({*groups[0], *groups[1]})
