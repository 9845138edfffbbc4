"""The titles of columns: each once, and the names that vendors give to ours."""

import re
from collections.abc import Mapping, Sequence

from pricewright.tables.fields import VALUES

_USUAL_NAMES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "date": (
        ("date",),
        ("datetime", "timestamp", "time", "day", "trade_date", "trading_date", "observation_date"),
    ),
    "time": (("time",), ("time_of_day", "bar_time")),
    "symbol": (("symbol",), ("ticker", "sym", "ric", "instrument", "security", "tic")),
    "open": (("open",), ("open_price", "opening_price", "px_open", "o")),
    "high": (("high",), ("high_price", "px_high", "h")),
    "low": (("low",), ("low_price", "px_low", "l")),
    "close": (
        ("close",),
        (
            *("close_last", "close_price", "closing_price", "last", "px_last"),
            *("price", "prices", "settle", "value", "c"),
        ),
    ),
    "adj_close": (("adj_close", "adjclose", "adjusted_close", "close_adj"),),
    "volume": (
        ("volume",),
        ("vol", "total_volume", "total_volumes", "px_volume", "v"),
        ("tickvol", "tick_volume"),
    ),
}
"""Of each of our columns the names that vendors give it, the surest first."""
_UNNAMED = re.compile(r"column \d+")
_NO_SYMBOLS = {
    *("id", "index", "row", "no", "nr", "time", "year", "month", "day", "notes", "comment"),
    *(
        "bid",
        "ask",
        "mid",
        "spread",
        "nav",
        "aum",
        "ltp",
        "vwap",
        "oi",
        "yield",
        "change",
        "return",
    ),
}


def distinct(titles: Sequence[str]) -> list[str]:
    """Titles, each once: without a name it is `column 3`, and if it comes again `Close (2)`."""
    found: list[str] = []
    for number, title in enumerate(titles, start=1):
        name = title.strip() or f"column {number}"
        again = 2
        while name in found:
            name, again = f"{title.strip()} ({again})", again + 1
        found.append(name)
    return found


def is_unnamed(title: str) -> bool:
    """Whether `distinct` gave a column its name."""
    return _UNNAMED.fullmatch(title) is not None


def usual_columns(ours: str, titles: Sequence[str]) -> list[str]:
    """The columns that may be one of ours, by the surest of the names that vendors give it."""
    for names in _USUAL_NAMES[ours]:
        if found := [title for title in titles if plain_title(title) in names]:
            return found
    return [title for title in titles[:1] if ours == "date" and title == "column 1"]


def value_named(title: str) -> str | None:
    """Which of our values a title names."""
    plain = plain_title(title)
    return next(
        (ours for ours in VALUES if any(plain in tier for tier in _USUAL_NAMES[ours])), None
    )


def plain_title(title: str) -> str:
    """A title without case, number and marks: `<Adj Close>` and `5. adjusted close` are plain."""
    return re.sub(r"^(\d+_)|[\W_]+", "_", re.sub(r"[\W_]+", "_", title.lower())).strip("_")


def is_code(title: str) -> bool:
    """Whether a title is written as exchanges call what is traded: in capital letters, with digits
    and marks or without."""
    return re.fullmatch(r"(?=.*[A-Z])[A-Z0-9^][A-Z0-9.:=^_-]*", title) is not None


def is_no_symbol(title: str) -> bool:
    """Whether a title is plainly another one than a symbol's."""
    others = {
        name
        for ours in ("open", "high", "low", "adj_close", "volume")
        for name in _USUAL_NAMES[ours][0]
    }
    return plain_title(title) in others | _NO_SYMBOLS
