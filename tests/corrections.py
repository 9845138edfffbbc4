"""A small delivery, and corrections for it."""

import pandas as pd

from pricewright.cleaning.corrections import apply_corrections
from pricewright.cleaning.declarations import read_corrections

DATES = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]


def delivered() -> pd.DataFrame:
    """Two symbols with four days each, ordered; A has a 2:1 split on the third day."""
    return pd.DataFrame(
        {
            "date": DATES * 2,
            "symbol": ["A"] * 4 + ["B"] * 4,
            "high": [10.0, 12.0, 6.5, 7.0, 3.0, 3.0, 3.0, 3.0],
            "low": [8.0, 10.0, 5.5, 6.0, 1.0, 1.0, 1.0, 1.0],
            "close": [9.0, 11.0, 6.0, None, 2.0, 2.0, 2.0, 2.0],
            "adj_close": [4.5, 5.5, 6.0, 6.5, 2.0, 2.0, 2.0, 2.0],
            "volume": pd.array([100, 201, 300, 400, 1, None, 3, 4], dtype="Int64"),
        }
    )


def corrected(text: str, table: pd.DataFrame | None = None):
    """The table and the list of changes that a corrections file makes."""
    table = delivered() if table is None else table
    before = table.copy(deep=True)
    outcome = apply_corrections(table, read_corrections(text.encode(), "c.yaml"), "raw.json")
    pd.testing.assert_frame_equal(table, before)
    return outcome


def column(table: pd.DataFrame, name: str, symbol: str = "A") -> list[object]:
    values = table.loc[table["symbol"] == symbol, name]
    return [None if pd.isna(value) else value for value in values]


SET = "- {symbol: A, date: 2024-01-03, column: close, was: 11, value: 10.5, reason: a slip}\n"
SPLIT = '- {symbol: A, date: 2024-01-04, split: "2:1", was: 11.0, reason: a split}\n'
KEYS = "symbol: A, date: 2024-01-03, reason: r"
NUMBERS = f"- {{{KEYS}, column: close, was: %s, value: %s}}"
DROP = "- {symbol: B, date: 2024-01-03, drop: true, reason: a bank holiday}\n"
