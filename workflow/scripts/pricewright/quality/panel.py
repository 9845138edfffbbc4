"""A table of prices as arrays: rows in order of symbol and date, their keys as whole numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pricewright.fields import VALUES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Entry = dict[str, Any]

ENOUGH = 20
"""From how many changes on a symbol's median change says what is usual for it."""


@dataclass(frozen=True)
class Panel:
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

    def iso(self, rows: Ints) -> list[str | None]:
        """The dates of some rows (m,), None for a row below 0."""
        codes = self.date[np.maximum(rows, 0)].tolist() if len(self.date) else []
        return [
            self.dates[code] if row >= 0 else None
            for code, row in zip(codes, rows.tolist(), strict=True)
        ]


def panel(table: pd.DataFrame) -> Panel:
    """A table of prices, one row for a symbol and date, in any order, as a panel.

    `date` is ISO text or datetime64, `symbol` text or categorical; every column of values
    that is there is taken. Of a table without dates, as JSON's without records is, there is none.
    """
    if "date" not in table.columns:
        return Panel([], [], np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32), {})
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
    return Panel(symbols, dates, symbol, date, values)


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
