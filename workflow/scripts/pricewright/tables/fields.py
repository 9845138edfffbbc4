"""The fields of a price record, and how a symbol is spelled."""

import re
from datetime import date

KEYS = ("date", "symbol")
"""The fields that identify a record; every other field holds a value."""

VALUES = ("open", "high", "low", "close", "adj_close", "volume")
"""The values that a record can have (OHLCV), in order."""

BAR, PRICES = VALUES[:4], VALUES[:5]
"""A day's open, high, low and close; and every value that is a price."""

PREFERRED = ("close", "adj_close", "open", "high", "low")
"""The first of these that a record has is taken as the day's price."""

FIRST_DAY, LAST_DAY = date(1600, 1, 1), date(2261, 12, 31)
"""Prices must lie between these days: the oldest exchange dates from 1602, and timestamps in
nanoseconds end in 2262. Some sources write 0001-01-01 for a missing date. Ingest, which knows
today's date, also quarantines future prices."""

SYMBOL = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.:=^_-]{0,31}")


def no_formula(cell: str) -> str:
    """A CSV cell, quoted if a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
