"""Make delivered prices fit for modelling: ordered, no exact duplicates, nothing missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pricewright.cleaning.options import MissingRules
from pricewright.cleaning.series import Bools, Floats, Ints
from pricewright.files.errors import Refusal
from pricewright.tables.fields import BAR, KEYS
from pricewright.tables.table_files import rows_of_symbols

if TYPE_CHECKING:
    import pandas as pd


def in_order(table: "pd.DataFrame", name: str) -> "pd.DataFrame":
    """The rows ordered by symbol and date, without exact duplicates; errors call the table `name`.

    Raises Refusal if a record lacks its date or symbol, or if two records disagree about one
    symbol and date.
    """
    keys = [key for key in KEYS if key in table.columns]
    for key in keys:
        if table[key].isna().any():
            number = int(table.index[table[key].isna()][0]) + 1
            raise Refusal(f"{name}: record {number} has no {key}; complete it.")
    distinct = table.drop_duplicates()
    if set(keys) == set(KEYS):
        _refuse_disagreement(distinct, name)
    ordered = distinct.sort_values(keys[::-1], kind="stable") if keys else distinct
    return ordered.reset_index(drop=True)


@dataclass(frozen=True)
class Settled:
    """Rows without missing values, and what was done to them.

    filled: the number of filled values in these rows, by column.  lacking: the number of missing
    values of each column that costs rows.  newest_dropped: each symbol whose newest row is dropped,
    and its date.
    without_adj_close: the symbols that have closes, but no adj_close in any row.
    """

    table: pa.Table
    filled: dict[str, int] = field(default_factory=dict)
    lacking: dict[str, int] = field(default_factory=dict)
    newest_dropped: dict[str, str] = field(default_factory=dict)
    without_adj_close: list[str] = field(default_factory=list)


def settle_missing(table: pa.Table, missing: MissingRules, modelled: str = "auto") -> Settled:
    """Fill or drop missing values in ordered rows of whole symbols.

    `MissingRules` describes the choices. The one for volume applies to the column `volume`, the
    one for price to every other column of numbers, except that open, high and low, unless modelled,
    are completed from their own row's close and cost no row. Columns of text stay unchanged.

    Whatever the choice, a row before a symbol's first modelled price or after its last is dropped:
    there is nothing to fill between. No filled price of a bar contradicts a delivered one: it is
    moved to the row's low or high.
    """
    table = delivered = table.combine_chunks()
    known = {
        name: there for name in table.column_names if (there := _there(table[name])) is not None
    }
    if not known:
        return Settled(table)
    if modelled == "auto":
        modelled = "adj_close" if "adj_close" in table.column_names else "close"
    made, lacking, bare = dict[str, Bools](), dict[str, int](), list[str]()
    keep = np.ones(len(table), dtype=bool)
    begins, symbols = rows_of_symbols(table)
    first = np.repeat(begins, np.diff(begins, append=len(table)))
    close = next((name for name in ("close", "adj_close") if name in table.column_names), None)
    ranges = [name for name in BAR[:3] if close and name in known and name != modelled]
    ranges = [name for name in ranges if _is_float(table, name)]
    for column in [name for name in known if name not in ranges]:
        there = settled = known[column]
        values = table[column]
        how = missing.missing_volume if column == "volume" else missing.missing_price
        if how == "zero":
            values = pc.fill_null(pc.if_else(pa.array(there), values, None), 0)
            settled = np.ones(len(table), dtype=bool)
        elif how == "ffill":
            if column == "adj_close" and close == "close" and _is_float(table, column):
                values, lone = _as_close_moves(table, there, known.get(close), begins, first)
                there = ~np.isnan(values.to_numpy())
                bare = [str(symbols[place]) for place in np.flatnonzero(lone).tolist()]
            rows = np.maximum.accumulate(np.where(there, np.arange(len(table)), -1))
            settled = rows >= first
            values = values.take(pa.array(rows, mask=~settled))
        if column == modelled:
            settled = settled & _between(there, begins)
        made[column] = settled & ~known[column]
        if made[column].any():
            table = table.set_column(table.column_names.index(column), column, values)
        if not settled.all():
            lacking[column] = int(np.count_nonzero(~known[column]))
            keep &= settled
    for column, values in _within_bars(table, delivered, made).items():
        table = table.set_column(table.column_names.index(column), column, pa.array(values))
    for column, values in _whole_bars(table, str(close), ranges).items():
        made[column] = ~np.isnan(values) & ~known[column]
        table = table.set_column(table.column_names.index(column), column, pa.array(values))
    counts = {name: int(np.count_nonzero(made[name] & keep)) for name in known}
    filled = {name: count for name, count in counts.items() if count}
    if keep.all():
        return Settled(table, filled, without_adj_close=bare)
    ends = np.append(begins[1:], len(table)) - 1
    lost = np.flatnonzero(~keep[ends]).tolist() if "symbol" in table.column_names else []
    newest = {str(symbols[place]): str(table["date"][ends[place]]) for place in lost}
    return Settled(table.filter(pa.array(keep)), filled, lacking, newest, bare)


def _between(there: Bools, begins: Ints) -> Bools:
    """Which rows (n,) are neither before a symbol's first value nor after its last."""
    rows, ends = np.arange(len(there)), np.append(begins[1:], len(there))
    sizes = ends - begins
    before = np.maximum.accumulate(np.where(there, rows, -1))
    after = np.minimum.accumulate(np.where(there, rows, len(there))[::-1])[::-1]
    within: Bools = (before >= np.repeat(begins, sizes)) & (after < np.repeat(ends, sizes))
    return within


def _within_bars(
    table: pa.Table, delivered: pa.Table, made: Mapping[str, Bools]
) -> dict[str, Floats]:
    """The prices of bars (n,) that were filled, moved as far as their rows' delivered prices need.

    A high is at least the other prices, and a low at most. An open or a close beyond the low or the
    high is moved to it.
    """
    given = {name: delivered[name].to_numpy() for name in BAR if name in delivered.column_names}
    bar = {name: table[name].to_numpy() for name in given}
    filled = [name for name in ("high", "low", "open", "close") if name in made]
    filled = [name for name in filled if made[name].any() and _is_float(table, name)]
    for name in filled:
        if name in ("high", "low"):
            reduce = np.fmax.reduce if name == "high" else np.fmin.reduce
            moved = reduce([bar[name], *given.values()])
        else:
            moved = np.fmax(bar[name], bar["low"]) if "low" in bar else bar[name]
            moved = np.fmin(moved, bar["high"]) if "high" in bar else moved
        bar[name] = np.where(made[name], moved, bar[name])
    return {name: bar[name] for name in filled}


def _as_close_moves(
    table: pa.Table, there: Bools, close_there: Bools | None, begins: Ints, first: Ints
) -> tuple[pa.Array, Bools]:
    """adj_close (n,), continued by the moves of close; and which symbols (s,) have none at all.

    A value that is missing beside a close is the last adj_close that stood beside a close, times
    the move of close since. A symbol without any adj_close gets its closes: it has no dividends or
    splits to adjust for. There is no value before a symbol's first adj_close, or without a close.
    """
    adjusted, close = (table[name].to_numpy() for name in ("adj_close", "close"))
    priced = np.isfinite(close) if close_there is None else close_there
    last = np.maximum.accumulate(np.where(there & priced & (close != 0), np.arange(len(close)), -1))
    with np.errstate(all="ignore"):
        moved = adjusted[last] * (close / close[last])
    moved[last < first] = np.nan
    lone = ~np.logical_or.reduceat(there, begins) & np.logical_or.reduceat(priced, begins)
    moved = np.where(np.repeat(lone, np.diff(begins, append=len(table))), close, moved)
    return pa.array(np.where(there, adjusted, np.where(priced, moved, np.nan))), lone


def _whole_bars(table: pa.Table, close: str, columns: Sequence[str]) -> dict[str, Floats]:
    """These columns (n,) of open, high and low, completed from the close of the same row.

    A missing open is the close. A missing high is the greatest price of the row, a missing low the
    least. So the bar has no more range than was delivered, and nothing of another day.
    """
    if not columns:
        return {}
    found = {
        name: table[name].to_numpy() for name in (close, *BAR[:3]) if name in table.column_names
    }
    for name, reduce in (("open", None), ("high", np.fmax.reduce), ("low", np.fmin.reduce)):
        if name in columns:
            made = reduce(list(found.values())) if reduce else found[close]
            found[name] = np.where(np.isnan(found[name]), made, found[name])
    return {name: found[name] for name in columns}


def _is_float(table: pa.Table, column: str) -> bool:
    """Whether a column can hold a price that is made of others: one of whole numbers cannot."""
    return bool(pa.types.is_floating(table.schema.field(column).type))


def _there(values: pa.ChunkedArray) -> Bools | None:
    """Which values (n,) of a column of numbers are present; None if all are, or for text."""
    floating = pa.types.is_floating(values.type)
    if not floating and not pa.types.is_integer(values.type):
        return None
    if not values.null_count and not (floating and np.isnan(values.to_numpy()).any()):
        return None
    there: Bools = ~pc.is_null(values, nan_is_null=True).to_numpy()
    return there


def _refuse_disagreement(table: "pd.DataFrame", name: str) -> None:
    twice = table.duplicated(list(KEYS), keep=False)
    if not twice.any():
        return
    date, symbol = table.loc[twice, list(KEYS)].iloc[0]
    numbers = table.index[(table["date"] == date) & (table["symbol"] == symbol)] + 1
    raise Refusal(
        f"{name}: records {numbers[0]} and {numbers[1]} disagree about {symbol} on {date}; "
        "deliver one price for it."
    )
