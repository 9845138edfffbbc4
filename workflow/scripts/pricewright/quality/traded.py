"""Which symbols matter most to whoever trades: those with the most traded lately."""

from typing import Any

import pandas as pd

from pricewright.fields import VALUES

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
