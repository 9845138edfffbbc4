"""Small tables of prices, and what is flagged in them."""

import pandas as pd

from pricewright.cleaning.flags import flag_prices
from pricewright.cleaning.options import FlagThresholds

WEEKDAYS = [str(day.date()) for day in pd.bdate_range("2024-01-02", "2024-12-24")]


def series(*closes, dates=WEEKDAYS, **columns) -> pd.DataFrame:
    """One series without a symbol, on weekdays from 2024-01-02 on; None is missing."""
    closes = pd.Series(closes, dtype="float64")
    return pd.DataFrame({"date": list(dates)[: len(closes)], "close": closes} | columns)


def market(**symbols: pd.DataFrame) -> pd.DataFrame:
    """The tables of several symbols as one, in order of symbol and date."""
    return pd.concat(
        [table.assign(symbol=symbol) for symbol, table in sorted(symbols.items())],
        ignore_index=True,
    )


def walk(days: int, by: float = 1.01) -> list[float]:
    """Prices that rise and fall by turns, each time by as much."""
    return [100.0 * (by if day % 2 else 1.0) for day in range(days)]


def flags(table: pd.DataFrame, *codes: str, delisted=(), **thresholds):
    """The entries with these codes, once it is seen that the table stays as it was."""
    before = table.copy(deep=True)
    found = flag_prices(table, FlagThresholds(**thresholds), delisted)
    pd.testing.assert_frame_equal(table, before)
    return [entry for entry in found if entry["flag"] in codes]


def values(entries, *names):
    return [tuple(entry[name] for name in names) for entry in entries]


def entry(date, flag, *, symbol=None, column="close", **more):
    """What is flagged, whole."""
    return {"symbol": symbol, "date": date, "flag": flag, "column": column} | more
