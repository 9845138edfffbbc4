"""How a delivery is written, and what in it can be believed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from pricewright.files.errors import Refusal
from pricewright.intake.reading.dates import Calendar
from pricewright.intake.reading.numbers import Marks
from pricewright.tables.fields import SYMBOL, VALUES

_SAME_THING = {"ticker": "symbol", "adjclose": "adj_close", "adjusted_close": "adj_close"}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a delivery is written; the defaults fit a plain CSV with the usual names.

    layout: `long` has a row per symbol and date, `wide` a row per date and a column per symbol.
    columns: our name -> the file's name; empty takes the file's own names (case, spaces aside).
    symbol: the symbol of every row, for a long file that has no such column.
    symbol_pattern: what all of a symbol must match.  prices: the signs that a price may have.
    """

    layout: Literal["long", "wide"] = "long"
    columns: Mapping[str, str] = field(default_factory=dict)
    symbol: str | None = None
    delimiter: str = ","
    sheet: str | None = None
    marks: Marks = field(default_factory=Marks)
    calendar: Calendar = field(default_factory=Calendar)
    prices: Literal["positive", "nonnegative", "any"] = "positive"
    symbol_pattern: str = SYMBOL.pattern

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
