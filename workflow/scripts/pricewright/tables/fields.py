"""What a price record consists of, and how a symbol is spelled."""

import re
from datetime import date

KEYS = ("date", "symbol")
"""The fields that say which price a record is of; every other field holds a value."""

VALUES = ("open", "high", "low", "close", "adj_close", "volume")
"""The values that a record can have (OHLCV), in their order."""

BAR, PRICES = VALUES[:4], VALUES[:5]
"""A day's first, highest, lowest and last price; and every value that is a price."""

PREFERRED = ("close", "adj_close", "open", "high", "low")
"""The prices in the order in which the first that is there is taken for the day's."""

FIRST_DAY, LAST_DAY = date(1600, 1, 1), date(2261, 12, 31)
"""Between which days prices must be: the oldest exchange is of 1602, and nanoseconds end in 2262.
Who has no date writes 0001-01-01; ingest, which knows what day it is, quarantines the future."""

SYMBOL = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.:=^_-]{0,31}")


def no_formula(cell: str) -> str:
    """A cell of CSV that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
