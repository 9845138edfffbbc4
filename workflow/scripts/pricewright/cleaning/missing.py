"""Make delivered prices fit for modelling: ordered, no exact duplicates, nothing missing."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pricewright.cleaning.options import MissingRules
from pricewright.files.errors import Refusal
from pricewright.tables.fields import KEYS
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


def settle_missing(table: pa.Table, missing: MissingRules) -> tuple[pa.Table, dict[str, int]]:
    """Fill or drop missing values in ordered rows; returns the rows and counts of filled values.

    `MissingRules` describes the choices. The one for volume applies to the column `volume`, the
    one for price to every other column of numbers. Columns of text stay unchanged.
    """
    table, filled = table.combine_chunks(), dict[str, int]()
    keep = np.ones(len(table), dtype=bool)
    for place, column in enumerate(table.column_names):
        values = table.column(place)
        there = _there(values)
        if there is None:
            continue
        rows = np.arange(len(table))
        how = missing.missing_volume if column == "volume" else missing.missing_price
        if how == "zero":
            values = pc.fill_null(pc.if_else(pa.array(there), values, None), 0)
        elif how == "ffill":
            rows = np.maximum.accumulate(np.where(there, rows, -1))
            rows[rows < _begins(table)] = -1
            values = values.take(pa.array(rows, mask=rows < 0))
        settled = there | (rows >= 0 if how == "ffill" else how == "zero")
        if count := int(np.count_nonzero(settled & ~there)):
            filled[column] = count
            table = table.set_column(place, column, values)
        keep &= settled
    return (table if keep.all() else table.filter(pa.array(keep))), filled


def missing_values(table: pa.Table) -> dict[str, int]:
    """The number of missing values in each column of numbers that has any."""
    there = ((name, _there(table[name])) for name in table.column_names)
    return {name: int(np.count_nonzero(~each)) for name, each in there if each is not None}


def _there(values: pa.ChunkedArray) -> npt.NDArray[np.bool_] | None:
    """Which values (n,) of a column of numbers are present; None if all are, or for text."""
    floating = pa.types.is_floating(values.type)
    if not floating and not pa.types.is_integer(values.type):
        return None
    if not values.null_count and not (floating and np.isnan(values.to_numpy()).any()):
        return None
    there: npt.NDArray[np.bool_] = ~pc.is_null(values, nan_is_null=True).to_numpy()
    return there


def _begins(table: pa.Table) -> npt.NDArray[np.int64]:
    """For each row (n,), the first row of its symbol."""
    begins, _ = rows_of_symbols(table)
    return np.repeat(begins, np.diff(begins, append=len(table)))


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
