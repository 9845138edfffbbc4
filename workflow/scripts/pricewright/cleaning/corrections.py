"""Apply declared corrections to the prices as they were delivered.

A correction names a row and columns of the delivered table. The rows of a renamed symbol can be
named by its new name or by the delivered one.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from pricewright.cleaning.declarations import (
    Correction,
    Delisted,
    Drop,
    Rename,
    Requote,
    SetValue,
    Split,
)
from pricewright.cleaning.delivered_table import DeliveredTable, Rows, plain
from pricewright.files.errors import Refusal, some_of
from pricewright.tables.fields import BAR, PRICES, VALUES

Change = dict[str, Any]
_C = TypeVar("_C", bound=Correction)
_R = TypeVar("_R")

_MOST = 2**63 - 1
"""The largest volume that a column of whole numbers holds."""


def apply_corrections(
    table: pd.DataFrame, corrections: Sequence[Correction], name: str
) -> tuple[pd.DataFrame, list[Change]]:
    """Apply corrections to a copy of a table; returns it and what each correction changed.

    The table has one row for each symbol and date, in any order, as delivered. Every `was` is
    compared with the delivered value, and every `value` is in delivered units. Errors call the
    table `name`. Corrections are applied in this order:

    1. Symbols are renamed, in order of date; those without a date come first. If any are renamed,
       the result is ordered by symbol and date.
    2. Values are set and rows dropped.
    3. Rows that only repeat a delisted symbol's last price are dropped.
    4. Splits and requotes, in order of date, adjust all rows before them. A price is multiplied by
       old / new and not rounded. A volume is multiplied by new / old and, in a column of whole
       numbers, rounded half up.

    Raises Refusal, with the correction's file and line, if

    - its row or column is not in the table, or the delivered value is not `was`: the message has
      the first of these and the lines of the others;
    - another one changes the same value or drops the same row, even by the symbol's other name;
    - the column cannot hold the new value;
    - the row would have a price above its high or below its low;
    - a symbol would have two rows on a day;
    - a delisted symbol has another price later.
    """
    work = _Work(DeliveredTable(table, corrections, name))
    by_date = sorted(corrections, key=lambda each: each.date)
    renames = [each for each in by_date if isinstance(each, Rename)]
    done = _all_of(renames, lambda each: _rename(each, work))
    changed: dict[Correction, Change] = dict(zip(renames, done, strict=True))
    others = [each for each in corrections if not isinstance(each, Rename)]
    _all_of(others, lambda each: _compare(each, work.delivered))
    for each in corrections:
        if isinstance(each, SetValue):
            changed[each] = _set(each, work)
        elif isinstance(each, Drop):
            changed[each] = _drop(each, work)
    for each in corrections:
        if isinstance(each, SetValue):
            _refuse_impossible(each, work)
    for each in corrections:
        if isinstance(each, Delisted):
            changed[each] = _end(each, work)
    for each in by_date:
        if isinstance(each, Split):
            changed[each] = _adjust(each, work)
    return work.finished(), [changed[each] for each in corrections]


def _all_of(corrections: Sequence[_C], do: Callable[[_C], _R]) -> list[_R]:
    """The results for all corrections; the refusal of one also names the lines of the others."""
    done, refused = list[_R](), list[tuple[int, str]]()
    for each in corrections:
        try:
            done.append(do(each))
        except Refusal as refusal:
            refused.append((each.line, str(refusal)))
    if refused:
        (_, first), *others = sorted(refused)
        lines = some_of([str(line) for line, _ in others], most=20)
        more = f"; also look at line{'s' * (len(others) > 1)} {lines}, which cannot be applied."
        raise Refusal(first[:-1] + more if others else first)
    return done


class _Work:
    """The corrections so far: copies of corrected columns, dropped rows and renamed symbols."""

    def __init__(self, delivered: DeliveredTable) -> None:
        self.delivered = delivered
        self.gone: list[int] = []
        self.renamed: list[tuple[Rows, str]] = []
        self._columns: dict[str, pd.Series] = {}
        self._claims: dict[tuple[int | str | None, str], Correction] = {}

    def claim(self, each: Correction, of: int | str | None, *what: str) -> None:
        """Reserve parts of a row, or of a symbol, for a correction; refuse one that is taken."""
        for part in what:
            other = self._claims.setdefault((of, part), each)
            if other is not each:
                raise Refusal(
                    f"{each.place}: {each.subject} is already corrected in line {other.line}; "
                    "keep one of the two."
                )

    def read(self, column: str) -> pd.Series:
        return self._columns.get(column, self.delivered.table[column])

    def write(self, column: str, rows: int | Rows, values: Any, *, fractions: bool) -> None:
        """Put values into a copy of a column; `fractions` makes it float64."""
        if column not in self._columns:
            self._columns[column] = self.delivered.table[column].copy()
            if self._columns[column].dtype == "int64":
                self._columns[column] = self._columns[column].astype("Int64")  # it can be missing
        if fractions and not pd.api.types.is_float_dtype(self._columns[column]):
            self._columns[column] = self._columns[column].astype("float64")
        self._columns[column].iloc[rows] = values

    def values(self, row: int, columns: Sequence[str]) -> dict[str, Any]:
        present = [column for column in columns if column in self.delivered.table.columns]
        return {column: plain(self.read(column).iloc[row]) for column in present}

    def finished(self) -> pd.DataFrame:
        table = self.delivered.table.assign(**self._columns)
        if not self.gone and not self.renamed:
            return table
        kept = np.ones(len(table), dtype=bool)
        kept[self.gone] = False
        if self.renamed:
            symbols = table["symbol"].astype(object).to_numpy(copy=True)
            for rows, to in self.renamed:
                symbols[rows] = to
            kind = table["symbol"].dtype  # a category would allow only the delivered names
            table["symbol"] = pd.Series(symbols, index=table.index).astype(
                "category" if isinstance(kind, pd.CategoricalDtype) else kind
            )
        table = table[kept]
        if self.renamed:
            table = table.sort_values(["symbol", "date"], kind="stable")
        return table.reset_index(drop=True)


def _compare(each: Correction, delivered: DeliveredTable) -> None:
    """Raise Refusal if the row of a correction is not there, or its `was` is not what is there."""
    row = delivered.row(each)
    if isinstance(each, SetValue):
        delivered.compare(each, row, delivered.column(each, each.column), each.was)
    elif isinstance(each, Drop) and each.checked:
        delivered.compare(each, row, delivered.price(each), each.was)
    elif isinstance(each, Split):
        column, before = delivered.price(each), delivered.around(row)[1]
        priced = before[delivered.table[column].iloc[before].notna().to_numpy()]
        if not len(priced):
            raise _nothing_before(each)
        delivered.compare(each, int(priced[-1]), column, each.was)


def _nothing_before(each: Split) -> Refusal:
    return Refusal(
        f"{each.place}: there is no price before {each.subject} to adjust; "
        "correct the date, or remove the correction."
    )


def _rename(each: Rename, work: _Work) -> Change:
    work.claim(each, each.symbol, f"rename {each.date}")
    to, rows = work.delivered.rename(each)
    work.renamed.append((rows, to))
    return _change(
        each,
        "rename",
        to=to,
        rows=len(rows),
        first=work.delivered.day(int(rows[0])),
        last=work.delivered.day(int(rows[-1])),
    )


def _set(each: SetValue, work: _Work) -> Change:
    row = work.delivered.row(each)
    column = each.column
    work.claim(each, row, column)
    whole = each.value is None or float(each.value).is_integer()
    if column == "volume" and not whole:
        raise Refusal(f"{each.place}: a volume of {each.value}; give a whole number.")
    work.write(column, row, each.value, fractions=not whole)
    return _change(each, "set", column=column, was=each.was, value=each.value)


def _drop(each: Drop, work: _Work) -> Change:
    row = work.delivered.row(each)
    work.claim(each, row, *VALUES)
    work.gone.append(row)
    return _change(each, "drop", was=work.values(row, VALUES))


def _end(each: Delisted, work: _Work) -> Change:
    row, column = work.delivered.row(each), work.delivered.price(each)
    symbol, _, after = work.delivered.around(row)
    work.claim(each, symbol, "delisted")
    after = after[~np.isin(after, work.gone)]
    prices = work.read(column).iloc[after]
    others = after[(prices.notna() & (prices != work.read(column).iloc[row])).to_numpy(bool)]
    if len(others):
        raise Refusal(
            f"{each.place}: {symbol} has another price on {work.delivered.day(int(others[0]))}, "
            f"after its last day {each.date}; correct the date, or rename the earlier rows."
        )
    work.gone += after.tolist()
    return _change(each, "delisted", rows=len(after)) | {"symbol": symbol}


def _adjust(each: Split, work: _Work) -> Change:
    row = work.delivered.row(each)
    before = work.delivered.around(row)[1]
    rows = before[~np.isin(before, work.gone)]
    if not len(rows):
        raise _nothing_before(each)
    work.claim(each, row, type(each).__name__)
    columns = _to_adjust(each, work, rows)
    example = int(rows[-1])
    old = work.values(example, columns)
    for name in columns:
        if name == "volume":
            _adjust_volume(each, work, rows)
        else:
            prices = work.read(name).iloc[rows].astype("float64")
            work.write(name, rows, (prices * each.old / each.new).to_numpy(), fractions=True)
    action = "requote" if isinstance(each, Requote) else "split"
    return _change(
        each,
        action,
        **{action: f"{each.new}:{each.old}"},
        columns=columns,
        rows=len(rows),
        first=work.delivered.day(int(rows[0])),
        last=work.delivered.day(example),
        example={
            "date": work.delivered.day(example),
            "was": old,
            "value": work.values(example, columns),
        },
    )


def _to_adjust(each: Split, work: _Work, before: Rows) -> list[str]:
    delivered = work.delivered
    if each.columns is not None:
        return [delivered.column(each, column) for column in each.columns]
    usual: tuple[str, ...] = (*BAR, "volume")
    if isinstance(each, Requote):
        usual = PRICES
    elif _moves_adj_close(each, work, before):
        usual = VALUES
    columns = [column for column in usual if column in delivered.table.columns]
    if not set(columns) - {"volume"}:
        raise Refusal(
            f"{each.place}: there is no open, high, low or close to adjust; name the 'columns'."
        )
    return columns


def _moves_adj_close(each: Split, work: _Work, before: Rows) -> bool:
    """Whether adj_close moves with close at a split, so that it is not adjusted for it, either."""
    if not {"close", "adj_close"} <= set(work.delivered.table.columns):
        return False
    row = work.delivered.row(each)
    later = np.append(row, work.delivered.around(row)[2])
    adjusted, close = (work.read(name) for name in ("adj_close", "close"))
    old, new = (
        adjusted.iloc[rows].astype("float64") / close.iloc[rows].astype("float64")
        for rows in (before, later)
    )
    old, new = old[old > 0], new[new > 0]
    if old.empty or new.empty:
        return False
    factor = max(each.new / each.old, each.old / each.new)
    moved = (new.iloc[0] / old.iloc[-1]) ** 2  # squared: closer to no move than to the factor
    return bool(1 / factor < moved < factor)


def _adjust_volume(each: Split, work: _Work, rows: Rows) -> None:
    volumes = work.read("volume").iloc[rows]
    if pd.api.types.is_float_dtype(volumes):
        work.write("volume", rows, (volumes * each.new / each.old).to_numpy(), fractions=True)
        return
    most = volumes.max()
    if not pd.isna(most) and int(most) > (_MOST - each.old) // each.new:
        raise Refusal(
            f"{each.place}: a volume of {most} times {each.new} is too large to store; correct it."
        )
    adjusted = (volumes * each.new + each.old // 2) // each.old
    work.write("volume", rows, adjusted.array, fractions=False)


def _refuse_impossible(each: SetValue, work: _Work) -> None:
    row = work.delivered.row(each)
    prices = {name: price for name, price in work.values(row, BAR).items() if price is not None}
    high, low = prices.get("high", np.inf), prices.get("low", -np.inf)
    for column, price in prices.items():
        if not low <= price <= high:
            raise Refusal(
                f"{each.place}: {each.subject} would have {column} {price} with low {low} and "
                f"high {high}; correct all prices of the row that belong together."
            )


def _change(each: Correction, action: str, **changed: Any) -> Change:
    what = {"line": each.line, "action": action, "symbol": each.symbol, "date": each.date or None}
    return what | changed | {"reason": each.reason}
