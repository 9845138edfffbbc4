"""Make delivered prices fit to model: no exact duplicates, nothing missing, in order."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pricewright.cleaning.options import MissingRules
from pricewright.files.errors import Refusal
from pricewright.tables.fields import KEYS


def in_order(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows in order of symbol and date, each once; `name` is what errors call the table.

    Raises Refusal if a record lacks its date or symbol, or if two records disagree about one
    symbol and date.
    """
    keys = [key for key in KEYS if key in table.columns]
    for key in keys:
        if table[key].isna().any():
            number = int(table.index[table[key].isna()][0]) + 1
            raise Refusal(f"{name}: record {number} has no {key}; complete it.")
    if keys and _rises(table, keys):  # as mostly: nothing to order, and nothing twice
        return table.reset_index(drop=True)
    distinct = table.drop_duplicates()
    if set(keys) == set(KEYS):
        _refuse_disagreement(distinct, name)
    ordered = distinct.sort_values(keys[::-1], kind="stable") if keys else distinct
    return ordered.reset_index(drop=True)


def settle_missing(
    table: pd.DataFrame, name: str, missing: MissingRules
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows in order, without missing values; and how many values of each column were filled in.

    `zero` writes 0; `ffill` carries the symbol's last value forward (never across symbols,
    never backwards in time), and drops the rows before its first; `drop` drops the row.
    The choice for volume holds for the column `volume`, that for price for every other
    column of numbers; columns of text stay as they are.

    Raises Refusal if no row is left of a table that had some.
    """
    filled = _fill(table, missing)
    settled = filled.dropna(subset=_numeric(filled)).reset_index(drop=True)
    if len(table) and not len(settled):
        raise Refusal(
            f"{name}: no record is complete, so none is left; see missing.price and missing.volume."
        )
    return settled, {
        column: int(count)
        for column in _numeric(filled)
        if (count := table[column].isna().sum() - filled[column].isna().sum())
    }


def _numeric(table: pd.DataFrame) -> list[str]:
    return [column for column in table.columns if pd.api.types.is_numeric_dtype(table[column])]


def _fill(table: pd.DataFrame, missing: MissingRules) -> pd.DataFrame:
    filled = table.copy()
    for column in _numeric(table):
        how = missing.missing_volume if column == "volume" else missing.missing_price
        if how == "zero":
            filled[column] = table[column].fillna(0)
        elif how == "ffill" and "symbol" in table.columns:
            filled[column] = table.groupby("symbol", sort=False)[column].ffill()
        elif how == "ffill":
            filled[column] = table[column].ffill()
    return filled


def _rises(table: pd.DataFrame, keys: Sequence[str]) -> bool:
    """Whether each row comes after the one before it, by symbol and then date."""
    place = np.zeros(len(table), dtype=np.int64)
    for key in keys[::-1]:
        codes, distinct = pd.factorize(table[key], sort=True)
        place = place * len(distinct) + codes
    return bool((np.diff(place) > 0).all())


def _refuse_disagreement(table: pd.DataFrame, name: str) -> None:
    twice = table.duplicated(list(KEYS), keep=False)
    if not twice.any():
        return
    date, symbol = table.loc[twice, list(KEYS)].iloc[0]
    numbers = table.index[(table["date"] == date) & (table["symbol"] == symbol)] + 1
    raise Refusal(
        f"{name}: records {numbers[0]} and {numbers[1]} disagree about {symbol} on {date}; "
        "deliver one price for it."
    )
