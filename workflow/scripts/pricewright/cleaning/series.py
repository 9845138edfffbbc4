"""A table of prices as arrays for the flags, with rows ordered by symbol and date.

Symbols with equal prices are found by hashes of windows of rows, and then compared exactly.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pricewright.files.large_arrays import new_array
from pricewright.tables.fields import PREFERRED, VALUES
from pricewright.tables.table_files import rows_of_symbols

ROWS = 250
"""How many of each symbol's last rows count for turnover: about a year."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Entry = dict[str, Any]

ENOUGH = 20
"""From this many changes on, a symbol's median change shows what is usual for it."""


@dataclass(frozen=True)
class SeriesPanel:
    """The n rows of a table, ordered by symbol and date.

    symbols (s,): in order; `[None]` for a table without symbols.  dates (d,): in order, as ISO
    text.  symbol, date (n,): each row's index into them.  values: column -> (n,), NaN if missing.
    priced_by: the main column, if the panel has only rows with a price but not the column itself.
    """

    symbols: Sequence[str | None]
    dates: Sequence[str]
    symbol: Ints
    date: Ints
    values: Mapping[str, Floats]
    priced_by: str | None = None

    @cached_property
    def days(self) -> npt.NDArray[np.datetime64]:
        """The day of each date (d,)."""
        return np.array([date[:10] for date in self.dates], dtype="datetime64[D]")

    @property
    def main(self) -> str | None:
        """The column that is taken as the price: close, if there is one."""
        return next((column for column in PREFERRED if column in self.values), self.priced_by)

    @cached_property
    def priced(self) -> Bools:
        """Which rows have a price (n,)."""
        if self.main is None or self.priced_by:
            return np.ones(len(self.symbol), dtype=bool)
        return np.isfinite(self.values[self.main])

    @cached_property
    def rows(self) -> Ints:
        """The rows with a price (m,)."""
        return np.flatnonzero(self.priced)

    @cached_property
    def lifetimes(self) -> tuple[Ints, Ints]:
        """Each symbol's first and last row with a price (s,); -1 for none."""
        first = np.full(len(self.symbols), -1, dtype=np.int64)
        last = first.copy()
        if len(self.rows):
            symbols = self.symbol[self.rows]
            edges: Bools = symbols[1:] != symbols[:-1]
            begins, ends = self.rows[np.append(True, edges)], self.rows[np.append(edges, True)]
            first[self.symbol[begins]], last[self.symbol[ends]] = begins, ends
        return first, last

    def turnover(self) -> Floats:
        """The turnover (price times volume) of each symbol in its last rows (s,); 0 for none."""
        order = ("close", *(name for name in VALUES if name != "volume"))
        price = next((self.values[name] for name in order if name in self.values), None)
        if price is None or "volume" not in self.values:
            return np.zeros(len(self.symbols))
        ends = np.cumsum(np.bincount(self.symbol, minlength=len(self.symbols)))
        begins = np.maximum(np.concatenate([[0], ends[:-1]]), ends - ROWS)
        found = np.zeros(len(ends))
        for place, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
            traded = price[begin:end] * self.values["volume"][begin:end]
            found[place] = _exact_sum(traded[~np.isnan(traded)])
        return found

    def steps(self, observed: Bools) -> tuple[Ints, Ints]:
        """Pairs of successive observed rows of a symbol: the earlier (m,) and the later (m,)."""
        rows = self.rows if observed is self.priced else np.flatnonzero(observed)
        same = self.symbol[rows[1:]] == self.symbol[rows[:-1]]
        return rows[:-1][same], rows[1:][same]

    def entries(self, flag: str, column: str | None, rows: Ints, /, **details: Any) -> list[Entry]:
        """One entry per row (m,), in plain JSON types; each detail is an array or a list (m,)."""
        symbols = [self.symbols[code] for code in self.symbol[rows].tolist()]
        columns = [_plain(values) for values in details.values()]
        return [
            {"symbol": symbol, "date": date, "flag": flag, "column": column}
            | dict(zip(details, values, strict=True))
            for symbol, date, *values in zip(symbols, self.iso(rows), *columns, strict=True)
        ]

    def iso(self, rows: Ints) -> list[str | None]:
        """The dates of some rows (m,), None for a row below 0."""
        codes = self.date[np.maximum(rows, 0)].tolist() if len(self.date) else []
        return [
            self.dates[code] if row >= 0 else None
            for code, row in zip(codes, rows.tolist(), strict=True)
        ]


def series_panel(table: pa.Table) -> SeriesPanel:
    """A table of prices, ordered by symbol and date without repeats, as a panel.

    `date` is a date or ISO text, and `symbol` text or a dictionary of it. All columns of values
    that exist are included. A table without dates, such as empty JSON, makes an empty panel.
    """
    names = table.column_names
    if "date" not in names or not len(table):
        return SeriesPanel([], [], np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32), {})
    table = table.combine_chunks()
    begins, symbols = rows_of_symbols(table)
    counts = np.diff(begins, append=len(table))
    symbol = np.repeat(np.arange(len(begins), dtype=np.int32), counts)
    dates, date = _coded(table["date"])
    values = {column: _floats(table[column]) for column in VALUES if column in names}
    return SeriesPanel(symbols, dates, symbol, date, values)


def medians(values: Floats, symbol: Ints, count: int) -> Floats:
    """The median of each symbol's values (m,), for symbols 0..count-1; NaN for no values.

    Values are ordered by symbol, and NaN does not count.
    """
    there = ~np.isnan(values)
    values, number = values[there], np.bincount(symbol[there], minlength=count)
    ends = np.cumsum(number).tolist()
    found = np.full(count, np.nan)
    for place in np.flatnonzero(number).tolist():
        own = values[ends[place] - number[place] : ends[place]]
        low, high = (len(own) - 1) // 2, len(own) // 2
        own = np.partition(own, (low, high))
        found[place] = (own[high] + own[low]) / 2
    return found


def _coded(dates: pa.ChunkedArray) -> tuple[list[str], Ints]:
    """The distinct dates as text, in order, and each row's index into them."""
    if pa.types.is_date32(dates.type):
        days = dates.chunk(0).view(pa.int32()).to_numpy()
        first = int(days.min())
        there = np.zeros(int(days.max()) - first + 1, dtype=bool)
        there[days - first] = True
        rank = (np.cumsum(there) - 1).astype(np.int32)
        distinct = (np.flatnonzero(there) + first).astype("datetime64[D]")
        return distinct.astype(str).tolist(), rank[days - first]
    coded = dates.chunk(0).dictionary_encode()
    texts = np.array(coded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(texts)
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return texts[order].tolist(), rank[coded.indices.to_numpy()]


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.chunk(0).to_numpy(zero_copy_only=False), dtype=np.float64)


def _exact_sum(values: Floats) -> float:
    """The sum, rounded only once; infinite if it is too large or a value is infinite."""
    if not np.isfinite(values).all():
        return float(values.sum())
    try:
        return math.fsum(values)
    except OverflowError:
        return float(values.sum())


def _plain(values: Any) -> list[Any]:
    if not isinstance(values, np.ndarray):
        return list(values)
    if values.dtype.kind == "f":
        return [value if np.isfinite(value) else None for value in values.tolist()]
    listed: list[Any] = values.tolist()
    return listed


Hashes = npt.NDArray[np.uint64]

_MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_SHIFT: Final = np.uint64(32)
_AT_ONCE: Final = 1 << 20


@dataclass(frozen=True)
class SeriesRows:
    """The n rows of a panel, to be compared by some columns of prices, each (n,).

    hashes: of each row's date and prices.  low, high: the least and greatest of the row's prices,
    NaN if one is missing.
    """

    panel: SeriesPanel
    prices: Sequence[Floats]
    hashes: Hashes
    low: Floats
    high: Floats

    def equal(self, first: Ints, other: Ints) -> Bools:
        """Whether rows `first` and `other` (m,) have the same date and prices, pair by pair."""
        same: Bools = self.panel.date[first] == self.panel.date[other]
        for price in self.prices:
            same &= price[first] == price[other]
        return same

    def windows(self, length: int) -> tuple[Ints, Ints]:
        """Pairs of equal windows of `length` rows of one symbol, by their first rows: (m,), (m,).

        In each group of equal windows, the first is paired with every other one. Windows in which
        all prices are the same are left out.
        """
        moving = self.moving(length)
        hashes = windows_hashes(self.hashes, np.arange(len(moving)), length)
        first, other = repeated(hashes, np.flatnonzero(moving & perhaps_repeated(hashes)))
        for offset in range(length):  # different rows may have equal hashes
            true = self.equal(first + offset, other + offset)
            first, other = first[true], other[true]
        return first, other

    def moving(self, length: int) -> Bools:
        """Which windows of `length` rows (n - length + 1,) are of one symbol, lack no price and
        have more than one price."""
        count = max(len(self.hashes) - length + 1, 0)
        symbol = self.panel.symbol
        low, high = self.low[:count].copy(), self.high[:count].copy()
        for offset in range(1, length):
            np.minimum(low, self.low[offset : offset + count], out=low)
            np.maximum(high, self.high[offset : offset + count], out=high)
        within: Bools = symbol[:count] == symbol[length - 1 : length - 1 + count]
        return within & (high > low)  # false for NaN

    def beyond(self, first: Ints, other: Ints, step: int) -> Ints:
        """How many further rows (m,) after each pair of rows (before, if step is -1) are equal."""
        symbol = self.panel.symbol
        counted = np.zeros(len(first), dtype=np.int64)
        going = np.arange(len(first))
        while len(going):
            ahead = step * (counted[going] + 1)
            here, there = first[going] + ahead, other[going] + ahead
            inside = (np.minimum(here, there) >= 0) & (np.maximum(here, there) < len(symbol))
            going, here, there = going[inside], here[inside], there[inside]
            same = (symbol[here] == symbol[first[going]]) & (symbol[there] == symbol[other[going]])
            going = going[same & self.equal(here, there)]
            counted[going] += 1
        return counted


def rows_of(panel: SeriesPanel, columns: Sequence[str]) -> SeriesRows:
    """The rows of a panel, prepared for comparison by these columns."""
    prices = [panel.values[column] for column in columns]
    hashes = panel.days.astype(np.int64).astype(np.uint64)[panel.date]
    low, high = prices[0].copy(), prices[0].copy()
    for price in prices:
        hashes ^= (price + 0.0).view(np.uint64)  # + 0.0 turns -0.0 into 0.0
        hashes ^= hashes >> _SHIFT
        hashes *= _MIX
        hashes ^= hashes >> _SHIFT
        hashes *= _MIX
        np.minimum(low, price, out=low)
        np.maximum(high, price, out=high)
    return SeriesRows(panel, prices, hashes, low, high)


def windows_hashes(hashes: Hashes, begins: Ints, length: int) -> Hashes:
    """Hashes of the windows of `length` rows that start at `begins` (m,), from the row hashes."""
    found = hashes[begins]
    for offset in range(1, length):
        found *= _MIX
        found ^= hashes[begins + offset]
    return found


def perhaps_repeated(hashes: Hashes) -> Bools:
    """(n,): True for every hash that occurs more than once, and rarely for another."""
    ordered = new_array(len(hashes), np.uint32)  # the upper halves suffice and sort twice as fast
    for some in _blocks(len(hashes)):
        ordered[some] = hashes[some] >> _SHIFT
    ordered.sort()
    bits = min(max(len(hashes).bit_length(), 24), 28)  # enough that few hashes share a mark
    marked = np.zeros(1 << bits, dtype=bool)
    for some in _blocks(len(hashes)):
        again = ordered[some][1:] == ordered[some][:-1]
        marked[ordered[some][1:][again] >> np.uint32(32 - bits)] = True
    found = np.empty(len(hashes), dtype=bool)
    for some in _blocks(len(hashes)):
        found[some] = marked[hashes[some] >> np.uint64(64 - bits)]
    return found


def _blocks(count: int) -> Iterator[slice]:
    """Slices of about a million elements that cover 0..count.

    Each includes the first element of the next, so that neighbours can be compared across borders.
    """
    for begin in range(0, count, _AT_ONCE):
        yield slice(begin, begin + _AT_ONCE + 1)


def repeated(hashes: Hashes, rows: Ints) -> tuple[Ints, Ints]:
    """Pairs of rows with equal hashes among `rows` (in order): a group's first with each other."""
    rows = rows[np.argsort(hashes[rows], kind="stable")]
    as_before: Bools = np.append(False, np.diff(hashes[rows]) == 0)[: len(rows)]
    leaders = np.maximum.accumulate(np.where(as_before, 0, np.arange(len(rows))))
    return rows[leaders[as_before]], rows[as_before]
