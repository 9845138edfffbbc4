"""All flags of a table of prices, in order, and the document that lists them."""

from collections import Counter
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from pricewright.cleaning.days import Market, PricedDays, flag_days, flag_weekends
from pricewright.cleaning.moves import flag_moves, flag_slips_of_a_day
from pricewright.cleaning.options import FlagThresholds
from pricewright.cleaning.repeats import (
    Again,
    FilledRows,
    TwinSearch,
    flag_fillers,
    flag_signs,
    flag_stale,
    flag_twins,
    flag_untraded,
)
from pricewright.cleaning.series import Entry, series_panel
from pricewright.files.large_arrays import Shelf
from pricewright.tables.table_files import rows_of_symbols

FLAGS = (
    "unit-slip",
    "split-like",
    "jump",
    "spike",
    "stale",
    "same-as",
    "weekend",
    "holiday",
    "gap",
    "ended",
    "zero",
    "negative",
    "zero-volume",
    "filler",
)
"""Every flag's code."""

MOST = 20
"""So many symbols with the most entries are listed, and so many of the most traded."""


class Quality:
    """What is suspicious in a table, for a person to judge: found group by group of its symbols.

    Each flag is explained at the function that finds it. `proposal` of some is a correction to
    declare. Of all rows there is kept what flags of all symbols need: 14 bytes each.
    delisted: the symbols that are declared to have ended.
    """

    def __init__(self, limits: FlagThresholds, delisted: Collection[str] = ()) -> None:
        self._limits, self._delisted = limits, delisted
        self._shelf = Shelf()
        self._found: list[Entry] = []
        self._days: list[PricedDays] = []
        self._filled: list[FilledRows] = []
        self._twins = TwinSearch(limits)
        self._traded: list[tuple[float, str]] = []
        self._rows = self._symbols = 0

    def add(self, table: pa.Table) -> None:
        """Look at all rows of some symbols, which come after those that were looked at.

        They are in order of symbol and date, each once: `date` (a date or ISO text), `symbol` (none
        for a single series) and any of the values.
        """
        limits, rows = self._limits, series_panel(table)
        with np.errstate(all="ignore"):  # NaN and infinity have their own meaning in each flag
            weekends, days = flag_weekends(rows)
            untraded, filled = flag_untraded(rows)
            self._found += [
                *flag_moves(rows, limits),
                *flag_slips_of_a_day(rows, limits),
                *flag_stale(rows, limits),
                *weekends,
                *flag_signs(rows),
                *untraded,
            ]
            self._twins.add(rows)
            turnover = rows.turnover().tolist() if "symbol" in table.column_names else []
        days, filled = self._shelf.put((days, filled))
        self._days.append(days)
        self._filled.append(filled)
        traded = zip(turnover, rows.symbols, strict=False)
        self._traded += [(-amount, str(name)) for amount, name in traded if amount > 0]
        self._traded = sorted(self._traded)[:MOST]
        self._rows += len(table)
        self._symbols += len(rows_of_symbols(table)[1])

    def entries(self, again: Again) -> list[Entry]:
        """All that was found, in plain JSON types, in order of symbol, date, flag and column.

        Each has symbol, date (of a run or a gap the first), flag, column and the values that made
        it. `again` gives the rows of some of the symbols once more, in the same order.
        """
        market = Market.of(self._days)
        with np.errstate(all="ignore"):
            found = [
                *self._found,
                *flag_days(self._days, market, self._limits, self._delisted),
                *flag_fillers(self._filled, market, self._limits),
            ]
            if suspects := self._twins.suspects(again):
                rows = pa.concat_tables(again(suspects))
                found += flag_twins(series_panel(rows), self._limits)
        return sorted(found, key=_place)

    def document(self, flags: list[Entry]) -> dict[str, Any]:
        """The document of the entries: how many of each flag, the worst symbols, every entry.

        `flags` has every code, also those that were not found; `worst` up to 20 symbols with the
        number of their entries, most first; `traded` up to 20 with the largest turnover, most
        first; there are none without symbols, prices or volumes.
        """
        counts = Counter(entry["flag"] for entry in flags)
        by_symbol = Counter(entry["symbol"] for entry in flags)
        worst = sorted(by_symbol.items(), key=lambda item: (-item[1], item[0] or ""))[:MOST]
        return {
            "rows": self._rows,
            "symbols": self._symbols,
            "thresholds": asdict(self._limits),
            "flags": {flag: counts[flag] for flag in FLAGS},
            "worst": [{"symbol": symbol, "entries": count} for symbol, count in worst],
            "traded": [{"symbol": symbol, "turnover": -less} for less, symbol in self._traded],
            "flagged": flags,
        }


def _place(entry: Entry) -> tuple[str, ...]:
    return (
        entry["symbol"] or "",
        entry["date"],
        entry["flag"],
        entry["column"] or "",
        entry.get("other", ""),
    )
