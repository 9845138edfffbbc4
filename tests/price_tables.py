"""Small tables of prices, and their flags."""

from typing import Any

import pandas as pd
import pytest
from pyarrow.parquet import ParquetFile

from pricewright.cleaning.flags import Quality
from pricewright.cleaning.options import FlagThresholds
from pricewright.tables import records
from pricewright.tables.frames import as_frame, as_table
from pricewright.tables.records import OrderedTable, in_order_of_keys

WEEKDAYS = [str(day.date()) for day in pd.bdate_range("2024-01-02", "2024-12-24")]


def series(*closes, dates=WEEKDAYS, **columns) -> pd.DataFrame:
    """One series without a symbol, on weekdays from 2024-01-02 on; None is missing."""
    closes = pd.Series(closes, dtype="float64")
    return pd.DataFrame({"date": list(dates)[: len(closes)], "close": closes} | columns)


def market(**symbols: pd.DataFrame) -> pd.DataFrame:
    """Several symbols' tables as one, ordered by symbol and date."""
    return pd.concat(
        [table.assign(symbol=symbol) for symbol, table in sorted(symbols.items())],
        ignore_index=True,
    )


def walk(days: int, by: float = 1.01) -> list[float]:
    """Prices that alternately rise and fall by the same factor."""
    return [100.0 * (by if day % 2 else 1.0) for day in range(days)]


def quality(table: pd.DataFrame, limits=None, delisted=()):
    """The document of a table's flags, checked to be the same for all symbols at once and one by
    one."""
    whole = OrderedTable.held(in_order_of_keys(as_table(table)))
    documents = []

    def one_by_one(symbols):
        return [whole.part({symbol}).table() for symbol in whole.symbols if symbol in symbols]

    for groups in (lambda symbols: [whole.part(symbols).table()], one_by_one):
        found = Quality(limits or FlagThresholds(), delisted)
        for group in groups(set(whole.symbols)):
            found.add(group)
        documents.append(found.document(found.entries(groups)))
    assert documents[0] == documents[1]
    return documents[0]


def flags(table: pd.DataFrame, *codes: str, delisted=(), **thresholds):
    """The entries with these codes."""
    found = quality(table, FlagThresholds(**thresholds), delisted)["flagged"]
    return [entry for entry in found if entry["flag"] in codes]


def read_table(path):
    """A checkpoint as a DataFrame, and its SHA-256."""
    table, sha256 = records.read_table(path)
    return as_frame(table), sha256


def write_table(path, table: pd.DataFrame) -> str:
    """Write a DataFrame as a checkpoint; returns the SHA-256."""
    stored = as_table(table)
    return records.write_table(path, stored.schema, [stored])


def values(entries, *names):
    return [tuple(entry[name] for name in names) for entry in entries]


def entry(date, flag, *, symbol=None, column="close", **more):
    """A complete entry for a flag."""
    return {"symbol": symbol, "date": date, "flag": flag, "column": column} | more


def groups_read(patch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A list that records every Parquet row group read from now on, with the columns."""
    read: list[tuple[Any, ...]] = []
    original = ParquetFile.read_row_group

    def read_row_group(self: Any, group: int, columns: Any = None, **options: Any) -> Any:
        read.append((group, *columns))
        return original(self, group, columns, **options)

    patch.setattr(ParquetFile, "read_row_group", read_row_group)
    return read
