"""Find the rows of symbols, including renamed ones, by date in a table as it was delivered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pricewright.cleaning.declarations import Correction, Number, Rename
from pricewright.files.errors import Refusal
from pricewright.tables.fields import PREFERRED

Rows = npt.NDArray[np.int64]
"""Indices of rows in a table, from 0."""

_EXACT = 2**53
"""Up to this number, floats represent every whole number exactly."""


@dataclass(frozen=True)
class _History:
    """The rows of one symbol in a table, ordered by date."""

    rows: Rows
    dates: npt.NDArray[np.str_]


_NONE = _History(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.str_))


class DeliveredTable:
    """A table with an index of the rows of the corrections' symbols.

    Errors call the table `name`. Methods raise Refusal, with the correction's file and line, if
    the table does not have what the correction names.
    """

    def __init__(self, table: pd.DataFrame, corrections: Sequence[Correction], name: str) -> None:
        self.table = table
        self._name = name
        renames = {each.to for each in corrections if isinstance(each, Rename)}
        self._histories = _histories(table, {each.symbol for each in corrections} | renames)
        self._renamed = dict(self._histories)
        self._symbol_of = np.full(len(table), None, dtype=object)  # the current one, by row
        for symbol, history in self._histories.items():
            self._symbol_of[history.rows] = symbol

    def row(self, each: Correction) -> int:
        """The index of the row that a correction names."""
        return self._row(each, each.symbol)

    def _row(self, each: Correction, symbol: str | None) -> int:
        found = np.zeros(0, dtype=np.int64)
        for histories in (self._renamed, self._histories):
            if not len(found):
                history = self._history(each, symbol, histories)
                found = history.rows[history.dates == each.date]
        if len(found) != 1:
            count = f"{len(found)} times" if len(found) else "not"
            subject = " on ".join(filter(None, (symbol, each.date)))
            raise Refusal(
                f"{each.place}: {subject} is {count} in {self._name}; name a row that exists "
                "once, or remove the correction."
            )
        return int(found[0])

    def around(self, row: int) -> tuple[str | None, Rows, Rows]:
        """The current symbol of a row, and that symbol's rows before and after it, by date."""
        symbol = self._symbol_of[row]
        history = self._renamed[symbol]
        place = int(np.flatnonzero(history.rows == row)[0])
        return symbol, history.rows[:place], history.rows[place + 1 :]

    def rename(self, each: Rename) -> tuple[str, Rows]:
        """Assign a symbol's rows to another symbol; returns that symbol's name, and the rows."""
        old = self._history(each, each.symbol, self._renamed)
        moves = (old.dates < each.date) if each.date else np.ones(len(old.dates), dtype=bool)
        if not moves.any():
            before = f" before {each.date}" if each.date else ""
            raise Refusal(
                f"{each.place}: {self._name} has no row of {each.symbol}{before}; correct the "
                "symbol or the date, or remove the correction."
            )
        to = str(self.around(self._row(each, each.to))[0]) if each.date else each.to
        new = self._renamed.get(to, _NONE)
        both = np.intersect1d(old.dates[moves], new.dates)
        if len(both):
            raise Refusal(
                f"{each.place}: both {to} and {each.symbol} have a row on {both[0]}; correct the "
                "date, or remove the correction."
            )
        dates = np.append(old.dates[moves], new.dates)
        order = np.argsort(dates, kind="stable")
        rows = np.append(old.rows[moves], new.rows)[order]
        self._renamed[each.symbol] = _History(old.rows[~moves], old.dates[~moves])
        self._renamed[to] = _History(rows, dates[order])
        self._symbol_of[old.rows[moves]] = to
        return to, old.rows[moves]

    def column(self, each: Correction, column: str) -> str:
        """Check that the table has a column that a correction names."""
        if column not in self.table.columns:
            raise Refusal(
                f"{each.place}: {self._name} has no column {column}; name one of "
                f"{', '.join(map(str, self.table.columns))}."
            )
        return column

    def price(self, each: Correction) -> str:
        """The column of `was` if a correction names none: close, or else the first price column."""
        for column in PREFERRED:
            if column in self.table.columns:
                return column
        return self.column(each, "close")

    def compare(self, each: Correction, row: int, column: str, was: Number | None) -> None:
        """Raise Refusal if the delivered value differs from a correction's `was`."""
        found = plain(self.table[column].iloc[row])
        if found != was:
            raise Refusal(
                f"{each.place}: {column} was delivered as {_said(found)} on {self.day(row)}, but "
                f"the correction says {_said(was)}; check whether it is still needed, and correct "
                "or remove it."
            )

    def day(self, row: int) -> str:
        """The date of a row."""
        return str(self.table["date"].iloc[row])[:10]

    def _history(
        self, each: Correction, symbol: str | None, histories: dict[str | None, _History]
    ) -> _History:
        has_symbols = "symbol" in self.table.columns
        if has_symbols != (each.symbol is not None):
            raise Refusal(
                f"{each.place}: {self._name} has symbols; add 'symbol' to the correction."
                if has_symbols
                else f"{each.place}: {self._name} has no symbols; remove {each.symbol!r}."
            )
        return histories.get(symbol, _NONE)


def plain(value: Any) -> Any:
    """A cell in its JSON form; None if it is missing.

    Whole numbers become int even in a float column, because a column's type can depend on other
    rows.
    """
    if pd.isna(value):
        return None
    value = value.item() if isinstance(value, np.generic) else value
    whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
    return int(value) if whole else value


def _said(value: Number | None) -> str:
    return "missing" if value is None else str(value)


def _histories(table: pd.DataFrame, symbols: set[str | None]) -> dict[str | None, _History]:
    rows = np.arange(len(table))
    if "symbol" not in table.columns:
        return {None: _history(table, rows)}
    rows = rows[table["symbol"].isin([symbol for symbol in symbols if symbol]).to_numpy()]
    found = pd.Series(rows).groupby(table["symbol"].iloc[rows].astype(object).to_numpy())
    return {str(symbol): _history(table, group.to_numpy()) for symbol, group in found}


def _history(table: pd.DataFrame, rows: Rows) -> _History:
    dates = np.array([str(date)[:10] for date in table["date"].iloc[rows]], dtype=np.str_)
    order = np.argsort(dates, kind="stable")
    return _History(rows[order], dates[order])
