"""What a price record consists of, and how a symbol is spelled."""

import re

KEYS = ("date", "symbol")
"""The fields that say which price a record is of; every other field holds a value."""

VALUES = ("open", "high", "low", "close", "adj_close", "volume")
"""The values that a record can have (OHLCV), in their order."""

SYMBOL = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.:=^_-]{0,31}")
