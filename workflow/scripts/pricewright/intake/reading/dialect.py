"""How a delivery is written, and what in it can be believed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pricewright.files.errors import Refusal
from pricewright.tables.fields import SYMBOL, VALUES
from pricewright.tables.options import Bounds, Options

_SAME_THING = {"ticker": "symbol", "adjclose": "adj_close", "adjusted_close": "adj_close"}


@dataclass(frozen=True)
class Marks(Options):
    """How numbers are written."""

    section = "source"

    decimal: Literal[".", ","] = "."
    """The decimal mark."""
    thousands: Literal[",", ".", " ", "'", "_"] | None = None
    """The mark between groups of three digits."""
    missing_markers: Sequence[str] = ("", ".", "NA", "N/A", "NULL", "null")
    """The texts that stand for no value."""


@dataclass(frozen=True)
class Calendar(Options):
    """How dates are written, and what they mean."""

    section = "source"

    date_formats: Sequence[str] = ()
    """How dates are written, as in strptime, any of them; none: ISO 8601."""
    time_zone: Annotated[str | None, Bounds(least=1)] = None
    """Whose calendar counts, and where timestamps without an offset were taken: an IANA name;
    none: UTC."""
    last_day: date | None = None
    """Later dates are from the future; none: the day of the reception."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.last_day is not None and not isinstance(self.last_day, date):
            self.refuse("last_day", "allowed: a date as in 2024-01-31")
        try:
            ZoneInfo(self.time_zone or "UTC")
        except (ValueError, OSError, LookupError):
            self.refuse("time_zone", "allowed: a name as in Europe/Zurich")


@dataclass(frozen=True, kw_only=True)
class Dialect(Options):
    """How a delivery is written, and what can be believed; the defaults fit a plain CSV with the
    usual names."""

    section = "source"

    layout: Literal["long", "wide"] = "long"
    """`long`: a row per symbol and date. `wide`: a row per date, a column per symbol."""
    columns: dict[str, str] = field(default_factory=dict)
    """Our name to the file's name, as in `--columns.date Day`. Ours are date, symbol, open, high,
    low, close, adj_close and volume. None: the file's own names, case and spaces aside."""
    symbol: str | None = None
    """The symbol of every row, for a long file that has no such column."""
    sheet: Annotated[str | None, Bounds(least=1)] = None
    """The sheet of an Excel file that has several."""
    delimiter: Annotated[str, Bounds(least=1, most=1)] = ","
    """What stands between two fields."""
    marks: Marks = field(default_factory=Marks)
    calendar: Calendar = field(default_factory=Calendar)
    prices: Literal["positive", "nonnegative", "any"] = "positive"
    """The signs that a price may have."""
    symbol_pattern: Annotated[str, Bounds(least=1)] = SYMBOL.pattern
    """The regular expression that all of a symbol must match."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.delimiter in '"\r\n':
            self.refuse("delimiter", "allowed: another, for it quotes a field or ends a line")
        if self.marks.decimal in (self.marks.thousands, self.delimiter):
            self.marks.refuse(
                "decimal", "which is the thousands mark or the delimiter as well, allowed: another"
            )
        try:
            re.compile(self.symbol_pattern)
        except re.error as error:
            self.refuse("symbol_pattern", f"which is no regular expression ({error})")

    def is_symbol(self, text: str | None) -> bool:
        """Whether a text is a symbol: what cannot be seen is none, whatever the pattern says."""
        return text is not None and _is_symbol(text, self.symbol_pattern)

    def names(self, titles: Sequence[str], name: str) -> dict[str, str]:
        """Our names and the file's, of the columns that are to be read.

        Raises Refusal, for the file `name`, if a column is not there or not told.
        """
        names = dict(self.columns) or _own_names(titles)
        needed = ["date"]
        if self.layout == "long":
            needed += ["close"] if self.symbol is not None else ["symbol", "close"]
        for ours in needed:
            if ours not in names:
                raise Refusal(
                    f"{name}:1: which column holds the {ours}? The file has {_listed(titles)}; "
                    f"say it in source.columns.{ours}, or correct source.delimiter."
                )
        for ours, title in names.items():
            if title not in titles:
                raise Refusal(
                    f"{name}:1: there is no column {title!r}, the file has {_listed(titles)}; "
                    f"correct source.columns.{ours} (null if it has none) or source.delimiter."
                )
        if self.layout == "wide":
            return {"date": names["date"]}
        return {ours: names[ours] for ours in ("date", "symbol", *VALUES) if ours in names}


@cache
def _is_symbol(text: str, pattern: str) -> bool:
    """Remembered, for the same symbols come in every piece of a delivery."""
    return text.isprintable() and re.fullmatch(pattern, text) is not None


def _own_names(titles: Sequence[str]) -> dict[str, str]:
    own = {title.lower().replace(" ", "_"): title for title in titles}
    return {_SAME_THING.get(ours, ours): title for ours, title in own.items()}


def _listed(titles: Sequence[str], most: int = 8) -> str:
    more = f" and {len(titles) - most} more" if len(titles) > most else ""
    return ", ".join(titles[:most]) + more


@dataclass(frozen=True)
class Limits(Options):
    """What a delivery may unpack to, so that a small file cannot fill the disk or the memory."""

    section = "source"

    max_unpacked_bytes: Annotated[int, Bounds(least=1)] = 20_000_000_000
    """The most bytes that a delivery may have when it is unpacked."""
    max_ratio: Annotated[float, Bounds(least=1)] = 500.0
    """The most unpacked bytes per packed byte, judged beyond the first 10 MB unpacked."""
