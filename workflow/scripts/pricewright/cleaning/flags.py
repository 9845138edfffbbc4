"""All flags of a table of prices, and the document that lists them."""

from collections import Counter
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from pricewright.cleaning.days import (
    Market,
    PricedDays,
    drop_usual_weekends,
    flag_days,
    flag_weekends,
)
from pricewright.cleaning.moves import flag_moves, flag_slips_of_a_day
from pricewright.cleaning.options import FLAGS, FlagThresholds
from pricewright.cleaning.repeated_days import flag_repeats, joined_repeats
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

MOST = 20
"""How many symbols are listed as having the most entries, and as being the most traded."""


class Quality:
    """Flag what is suspicious in a table, group by group of its symbols, for a person to judge.

    The function that finds a flag explains it. Some entries have a `proposal`: a correction to
    declare. Flags that compare all symbols need 14 bytes of each row, which are kept.
    delisted: the symbols that are declared to have ended.
    """

    def __init__(self, limits: FlagThresholds, delisted: Collection[str] = ()) -> None:
        self._limits, self._delisted = limits, delisted
        self._shelf = Shelf()
        self._found: list[Entry] = []
        self._repeats: list[Entry] = []
        self._weekends: list[Entry] = []
        self._days: list[PricedDays] = []
        self._filled: list[FilledRows] = []
        self._twins = TwinSearch(limits)
        self._traded: list[tuple[float, str]] = []
        self._rows = self._symbols = 0

    def add(self, table: pa.Table) -> None:
        """Check all rows of some symbols, which must sort after the symbols added before.

        The rows are ordered by symbol and date without repeats. Columns: `date` (a date or ISO
        text), `symbol` (absent for a single series) and any of the values.
        """
        limits, rows = self._limits, series_panel(table)
        with np.errstate(all="ignore"):  # each flag gives NaN and infinity its own meaning
            weekends, days = flag_weekends(rows)
            untraded, filled = flag_untraded(rows)
            self._found += [
                *flag_moves(rows, limits),
                *flag_slips_of_a_day(rows, limits),
                *flag_stale(rows, limits),
                *flag_signs(rows),
                *untraded,
            ]
            self._repeats += flag_repeats(rows)
            self._twins.add(rows)
            turnover = rows.turnover().tolist() if "symbol" in table.column_names else []
        self._weekends += weekends
        days, filled = self._shelf.put((days, filled))
        self._days.append(days)
        self._filled.append(filled)
        traded = zip(turnover, rows.symbols, strict=False)
        self._traded += [(-amount, str(name)) for amount, name in traded if amount > 0]
        self._traded = sorted(self._traded)[:MOST]
        self._rows += len(table)
        self._symbols += len(rows_of_symbols(table)[1])

    def entries(self, again: Again) -> list[Entry]:
        """All entries in plain JSON types, ordered by symbol, date, flag and column.

        An entry has symbol, date (the first of a run or gap), flag, column and the values that led
        to it. `again` returns the rows of some of the symbols once more, in the same order.
        """
        market = Market.of(self._days)
        with np.errstate(all="ignore"):
            found = [
                *self._found,
                *drop_usual_weekends(self._weekends, self._days, market),
                *flag_days(self._days, market, self._limits, self._delisted),
                *flag_fillers(self._filled, market, self._limits),
                *joined_repeats(self._repeats, market, self._limits),
            ]
            if suspects := self._twins.suspects(again):
                rows = pa.concat_tables(again(suspects))
                found += flag_twins(series_panel(rows), self._limits)
        return sorted(found, key=_place)

    def document(self, flags: list[Entry]) -> dict[str, Any]:
        """The document that lists the entries, with counts by flag and the worst symbols.

        `flags` counts every code, including those not found. `worst` has up to 20 symbols with
        their numbers of entries, most first. `traded` has up to 20 symbols with the largest
        turnover, most first; it is empty without symbols, prices or volumes.
        """
        counts = Counter(entry["flag"] for entry in flags)
        worst = Counter(entry["symbol"] for entry in flags).most_common(MOST)
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
