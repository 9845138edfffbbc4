"""A table of prices as arrays, for the flags: rows in order of symbol and date.

Two symbols with the same prices are found by a hash of each window of rows, and proved by digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pricewright.tables.fields import VALUES

ROWS = 250
"""The last rows of each symbol that count: about a year."""

MOST = 20


def most_traded(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Up to 20 symbols and their turnover, price times volume of their last rows, most first.

    The table's rows are in order of date within each symbol. There are none without symbols,
    prices or volumes.
    """
    order = ("close", *(name for name in VALUES if name != "volume"))
    price = next((name for name in order if name in table.columns), None)
    if price is None or not {"symbol", "volume"} <= set(table.columns):
        return []
    grouped = table[["symbol", price, "volume"]].groupby("symbol", sort=False, observed=True)
    last = grouped.tail(ROWS)
    turnover = last[price].astype("float64") * last["volume"].astype("float64")
    sums = turnover.groupby(last["symbol"], sort=True, observed=True).sum()
    found = sums[sums > 0].sort_values(ascending=False, kind="stable")[:MOST]
    return [
        {"symbol": str(symbol), "turnover": float(value)}
        for symbol, value in zip(found.index, found.to_numpy(), strict=True)
    ]


Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Entry = dict[str, Any]

ENOUGH = 20
"""From how many changes on a symbol's median change says what is usual for it."""


@dataclass(frozen=True)
class SeriesPanel:
    """The n rows of a table, symbol by symbol, each symbol's by date.

    symbols (s,): rising; `[None]` for a table without such a column.  dates (d,): rising, as
    ISO text.  symbol, date (n,): which of them each row has.  values: column -> (n,), NaN for
    what is missing.
    """

    symbols: Sequence[str | None]
    dates: Sequence[str]
    symbol: Ints
    date: Ints
    values: dict[str, Floats]

    @cached_property
    def days(self) -> npt.NDArray[np.datetime64]:
        """The day of each date (d,)."""
        return np.array([date[:10] for date in self.dates], dtype="datetime64[D]")

    @property
    def main(self) -> str | None:
        """The column that stands for the price: close, where there is one."""
        order = ("close", "adj_close", "open", "high", "low")
        return next((column for column in order if column in self.values), None)

    @cached_property
    def priced(self) -> Bools:
        """Which rows have a price (n,)."""
        if self.main is None:
            return np.ones(len(self.symbol), dtype=bool)
        return np.isfinite(self.values[self.main])

    def steps(self, observed: Bools) -> tuple[Ints, Ints]:
        """Rows (m,), (m,): each observed row but a symbol's first, after the one before it."""
        rows = np.flatnonzero(observed)
        same = self.symbol[rows[1:]] == self.symbol[rows[:-1]]
        return rows[:-1][same], rows[1:][same]

    def entries(self, flag: str, column: str | None, rows: Ints, /, **details: Any) -> list[Entry]:
        """One entry a row (m,), in plain JSON types; each detail is an array or a list (m,)."""
        symbols = [self.symbols[code] for code in self.symbol[rows].tolist()]
        columns = [_plain(values) for values in details.values()]
        return [
            {"symbol": symbol, "date": date, "flag": flag, "column": column}
            | dict(zip(details, values, strict=True))
            for symbol, date, *values in zip(symbols, self.iso(rows), *columns, strict=True)
        ]

    def for_all(self, flag: str, dates: Ints, prices: Ints, active: Ints) -> list[Entry]:
        """One entry for each of some dates (m,), of all symbols together.

        prices, active: (d,) how many symbols it is about on each date, and how many are active.
        """
        return [
            {
                "symbol": None,
                "date": self.dates[code],
                "flag": flag,
                "column": self.main,
                "prices": int(prices[code]),
                "active": int(active[code]),
            }
            for code in dates.tolist()
        ]

    def iso(self, rows: Ints) -> list[str | None]:
        """The dates of some rows (m,), None for a row below 0."""
        codes = self.date[np.maximum(rows, 0)].tolist() if len(self.date) else []
        return [
            self.dates[code] if row >= 0 else None
            for code, row in zip(codes, rows.tolist(), strict=True)
        ]


def series_panel(table: pd.DataFrame) -> SeriesPanel:
    """A table of prices, one row for a symbol and date, in any order, as a panel.

    `date` is ISO text or datetime64, `symbol` text or categorical; every column of values
    that is there is taken. Of a table without dates, as JSON's without records is, there is none.
    """
    if "date" not in table.columns:
        return SeriesPanel([], [], np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32), {})
    count = len(table)
    dates, date = _coded(table["date"])
    symbols: Sequence[str | None] = [None] if count else []
    symbol: Ints = np.zeros(count, dtype=np.int32)
    if "symbol" in table.columns:
        symbols, symbol = _coded(table["symbol"])
    values = {
        column: table[column].to_numpy(dtype="float64", na_value=np.nan)
        for column in VALUES
        if column in table.columns
    }
    key = symbol.astype(np.int64) * len(dates) + date
    if not (key[1:] > key[:-1]).all():
        order = np.argsort(key, kind="stable")
        symbol, date = symbol[order], date[order]
        values = {column: numbers[order] for column, numbers in values.items()}
    return SeriesPanel(symbols, dates, symbol, date, values)


def medians(values: Floats, symbol: Ints, count: int) -> Floats:
    """The median of each symbol's values (m,), for symbols 0..count-1; NaN where it has none."""
    found = np.full(count, np.nan)
    grouped = pd.Series(values).groupby(symbol, sort=False).median()
    found[grouped.index.to_numpy()] = grouped.to_numpy()
    return found


def _coded(keys: pd.Series) -> tuple[list[str], Ints]:
    """The distinct keys as text, rising, and which of them each row has."""
    codes, distinct = pd.factorize(keys)
    if isinstance(distinct, pd.DatetimeIndex):
        times = distinct.to_numpy()
        whole = bool((times == times.astype("datetime64[D]")).all())
        texts = np.datetime_as_string(times, unit="D" if whole else "s").astype(object)
    else:
        texts = np.array([str(key) for key in distinct], dtype=object)
    order = np.argsort(texts)
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return texts[order].tolist(), rank[codes]


def _plain(values: Any) -> list[Any]:
    if not isinstance(values, np.ndarray):
        return list(values)
    if values.dtype.kind == "f":
        return [value if np.isfinite(value) else None for value in values.tolist()]
    listed: list[Any] = values.tolist()
    return listed


_Hashes = npt.NDArray[np.uint64]

_MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_SHIFT: Final = np.uint64(32)


@dataclass(frozen=True)
class SeriesRows:
    """The n rows of a panel, to be compared by some of their prices, each (n,).

    hashes: a number for each row's date and prices.  low, high: of these prices, NaN if one is
    missing.
    """

    panel: SeriesPanel
    prices: Sequence[Floats]
    hashes: _Hashes
    low: Floats
    high: Floats

    def equal(self, first: Ints, other: Ints) -> Bools:
        """Which of some rows (m,) have the date and the prices of the others (m,)."""
        same: Bools = self.panel.date[first] == self.panel.date[other]
        for price in self.prices:
            same &= price[first] == price[other]
        return same

    def windows(self, length: int) -> tuple[Ints, Ints]:
        """Where equal windows of `length` rows of one symbol begin, (m,) and (m,), never before.

        Of each group of equal windows the first is given beside each other one; those in which
        all prices are one price are left out.
        """
        count = max(len(self.hashes) - length + 1, 0)
        symbol = self.panel.symbol
        within = symbol[:count] == symbol[length - 1 : length - 1 + count]
        hashes = self.hashes[:count].copy()
        low, high = self.low[:count].copy(), self.high[:count].copy()
        for offset in range(1, length):
            hashes *= _MIX
            hashes ^= self.hashes[offset : offset + count]
            np.minimum(low, self.low[offset : offset + count], out=low)
            np.maximum(high, self.high[offset : offset + count], out=high)
        first, other = _repeated(hashes, np.flatnonzero(within & (high > low)))  # not so for NaN
        for offset in range(length):  # a hash may lie
            true = self.equal(first + offset, other + offset)
            first, other = first[true], other[true]
        return first, other

    def beyond(self, first: Ints, other: Ints, step: int) -> Ints:
        """How many more rows (m,) are equal from each pair of rows on, by steps of 1 or -1."""
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
    """The rows of a panel, to be compared by these columns."""
    prices = [panel.values[column] for column in columns]
    hashes = panel.date.astype(np.uint64)
    low, high = prices[0].copy(), prices[0].copy()
    for price in prices:
        hashes ^= (price + 0.0).view(np.uint64)  # -0.0 is 0.0
        hashes ^= hashes >> _SHIFT
        hashes *= _MIX
        hashes ^= hashes >> _SHIFT
        hashes *= _MIX
        np.minimum(low, price, out=low)
        np.maximum(high, price, out=high)
    return SeriesRows(panel, prices, hashes, low, high)


def _repeated(hashes: _Hashes, rows: Ints) -> tuple[Ints, Ints]:
    """Among some rows the first of each group that has one hash, and each other of the group."""
    bits = np.uint64(len(hashes).bit_length())
    keys = hashes[rows] >> bits << bits | rows.astype(np.uint64)  # one sort, no second array
    keys.sort()
    alike: Bools = np.diff(keys >> bits) == 0
    member = (np.append(False, alike) | np.append(alike, False))[: len(keys)]
    rows = (keys[member] & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    rows = rows[np.lexsort((rows, hashes[rows]))]
    as_before: Bools = np.append(False, np.diff(hashes[rows]) == 0)[: len(rows)]
    leaders = np.maximum.accumulate(np.where(as_before, 0, np.arange(len(rows))))
    return rows[leaders[as_before]], rows[as_before]
