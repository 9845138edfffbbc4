"""Prices as columns ordered by symbol and day: the result of deliveries, and their file.

The file is Parquet if its name ends in .parquet, else JSON records. Content and order are the same.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pricewright.files.disk import copy_whole
from pricewright.files.large_arrays import new_array
from pricewright.tables.stored_values import GroupedValues, StoredValues
from pricewright.tables.table_files import (
    ROW_GROUP,
    SYMBOL_TYPE,
    ends_of_groups,
    is_parquet,
    rows_of_symbols,
    write_groups,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Prices:
    """n prices, ordered by symbol and day, with one row for each symbol and day.

    names: the symbols, sorted.  symbols: (n,) indices into `names`.  days: (n,) since 1970-01-01.
    values: (n,) by column, NaN where missing. Values may be in a file, and are then read on every
    access.
    """

    names: Sequence[str]
    symbols: Ints
    days: Ints
    values: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.days)

    @property
    def keys(self) -> Keys:
        """(n,) increasing: one number for each symbol and day."""
        return keys(self.symbols, self.days)

    @property
    def begins(self) -> Keys:
        """(S + 1,): the first row of each symbol, and the number of rows."""
        found = np.searchsorted(self.symbols, np.arange(len(self.names) + 1, dtype=np.int32))
        return np.asarray(found, dtype=np.int64)

    def part(self, name: str, rows: slice) -> Floats:
        """Some rows of a column, from `start` to before `stop`; no other rows are read."""
        if isinstance(self.values, GroupedValues):
            return self.values.part(name, rows.start, rows.stop)
        return self.values[name][rows]

    def part_or_nan(self, name: str, rows: slice) -> Floats:
        """The same as `part`, or NaN if there is no such column."""
        if name in self.values:
            return self.part(name, rows)
        return np.full(rows.stop - rows.start, np.nan)

    def blocks(self, more: int = 0) -> Iterator[slice]:
        """All rows in blocks of a row group's size, each with `more` rows of the next block."""
        for begin in range(0, len(self), ROW_GROUP):
            yield slice(begin, min(begin + ROW_GROUP + more, len(self)))

    def lacks(self, name: str) -> bool:
        """Whether a column has no value in any row."""
        return all(np.isnan(self.part(name, rows)).all() for rows in self.blocks())

    def is_surely_whole(self, name: str) -> bool:
        """Whether a column is known, without reading it, to have only whole numbers."""
        return isinstance(self.values, GroupedValues) and self.values.is_whole(name)

    def date(self, place: int) -> str:
        """A row's date as ISO text, such as 2024-01-31."""
        return str(np.datetime64(int(self.days[place]), "D"))

    def symbol(self, place: int) -> str:
        """A row's symbol."""
        return self.names[int(self.symbols[place])]


def keys(symbols: Ints, days: Ints) -> Keys:
    """One number (n,) for each symbol and day; the numbers sort by symbol, then by day."""
    found = symbols.astype(np.int64)
    found <<= 32
    found += days
    found += 2**31
    return found


def of_keys(keys: Keys) -> tuple[Ints, Ints]:
    """The symbols and days (n,) from which `keys` made these numbers."""
    return (keys >> 32).astype(np.int32), ((keys & (2**32 - 1)) - 2**31).astype(np.int32)


def drop_unused_names(prices: Prices) -> Prices:
    """The same prices, without the names of symbols that have no rows."""
    used = np.diff(prices.begins) > 0
    if used.all():
        return prices
    places = (np.cumsum(used) - 1).astype(np.int32)
    names = [name for name, is_used in zip(prices.names, used, strict=True) if is_used]
    return replace(prices, names=names, symbols=places[prices.symbols])


def recode(names: Sequence[str], symbols: Ints, all_names: Sequence[str]) -> Ints:
    """Convert indices into `names` to indices into `all_names`, which is sorted and contains all of
    them; thousands of tables may each have one of thousands of names."""
    if list(names) == list(all_names):
        return symbols
    return np.array([bisect_left(all_names, name) for name in names], dtype=np.int32)[symbols]


def write_prices(path: Path, prices: Prices) -> str:
    """Write prices atomically, with the same bytes each time; returns their SHA-256."""
    stored = prices.values
    if is_parquet(path) and isinstance(stored, StoredValues) and stored.is_this_writers:
        copy_whole(stored.path, path)
        return stored.sha256
    types = _types(prices)
    schema = pa.schema([("date", pa.date32()), ("symbol", SYMBOL_TYPE), *types.items()])
    return write_groups(path, schema, _tables(drop_unused_names(prices), schema))


def read_prices(path: Path, sha256: str = "") -> Prices:
    """The prices in a Parquet file that `write_prices` wrote, with values read on demand.

    sha256: the digest of the file's bytes.
    """
    from pricewright.tables.parquet_files import StoredTable

    stored = StoredTable(path, ["symbol"])
    values, names = StoredValues(path, sha256, stored), list[str]()
    symbols, days = (new_array(values.count, np.int32) for _ in range(2))
    begin = 0
    for group in range(stored.num_row_groups):
        keys = stored.read_row_group(group, ["date", "symbol"])
        begins, found = rows_of_symbols(keys)
        end = begin + len(keys)
        places = np.arange(len(names), len(names) + len(found), dtype=np.int32)
        symbols[begin:end] = np.repeat(places, np.diff(begins, append=len(keys)))
        days[begin:end] = keys["date"].combine_chunks().view(pa.int32()).to_numpy()
        names += map(str, found)
        begin = end
    return Prices(names, symbols, days, values)


def _tables(prices: Prices, schema: pa.Schema) -> Iterator[pa.Table]:
    """The prices as tables of whole symbols."""
    until = prices.begins
    types = dict(zip(schema.names, schema.types, strict=True))
    for first, last in pairwise([0, *ends_of_groups(np.diff(until).tolist())]):
        rows = slice(int(until[first]), int(until[last]))
        names = pa.array(prices.names[first:last], pa.string())
        codes = pa.array(prices.symbols[rows] - np.int32(first))
        columns = [
            pa.array(prices.days[rows]).view(pa.date32()),
            pa.DictionaryArray.from_arrays(codes, names),
            *(_nullable(prices.part(name, rows), types[name]) for name in prices.values),
        ]
        yield pa.Table.from_arrays(columns, schema=schema)


def _types(prices: Prices) -> dict[str, pa.DataType]:
    """The type of each value: float64, except that a volume of whole numbers only is int64."""
    types = dict.fromkeys(prices.values, pa.float64())
    if "volume" in types and _is_whole(prices):
        types["volume"] = pa.int64()
    return types


def _is_whole(prices: Prices) -> bool:
    if prices.is_surely_whole("volume"):
        return True
    volumes = (prices.part("volume", rows) for rows in prices.blocks())
    return all(((np.floor(each) == each) | np.isnan(each)).all() for each in volumes)


def _nullable(column: Floats, kind: pa.DataType) -> pa.Array:
    missing = np.isnan(column)
    mask = missing if missing.any() else None
    if pa.types.is_integer(kind):
        column = column if mask is None else np.nan_to_num(column)
        return pa.array(column.astype(np.int64), mask=mask)
    return pa.array(column, mask=mask)
