"""All flags of a table of prices, in order, and the document that lists them."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from pricewright.cleaning.days import flag_ended, flag_gaps, flag_holidays, flag_weekends
from pricewright.cleaning.moves import flag_moves, flag_slips_of_a_day
from pricewright.cleaning.options import FlagThresholds
from pricewright.cleaning.repeats import flag_signs, flag_stale, flag_twins, flag_untraded
from pricewright.cleaning.series import Entry, most_traded, series_panel

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

_WORST = 20


def flag_prices(
    table: pd.DataFrame,
    thresholds: FlagThresholds | None = None,
    delisted: Collection[str] = (),
) -> list[Entry]:
    """What is suspicious in a table, for a person to judge; the table stays as it is.

    The table has one row for a symbol and date, in any order: `date` (ISO text or datetime64),
    `symbol` (text or categorical; none for a single series) and any of the values. Each entry
    has symbol, date (of a run or a gap the first), flag, column and the values that made it, in
    plain JSON types; entries are in order of symbol, date, flag and column. Each flag is
    explained at the function that finds it. `proposal` of some is a correction to declare.
    delisted: the symbols that are declared to have ended.
    """
    limits = thresholds or FlagThresholds()
    with np.errstate(all="ignore"):  # NaN and infinity have their own meaning in each flag
        rows = series_panel(table)
        found = [
            *flag_moves(rows, limits),
            *flag_slips_of_a_day(rows, limits),
            *flag_stale(rows, limits),
            *flag_twins(rows, limits),
            *flag_weekends(rows),
            *flag_holidays(rows, limits),
            *flag_gaps(rows, limits),
            *flag_ended(rows, limits, delisted),
            *flag_signs(rows),
            *flag_untraded(rows, limits),
        ]
    return sorted(found, key=_place)


def quality_document(
    flags: Sequence[Entry], table: pd.DataFrame, thresholds: FlagThresholds | None = None
) -> dict[str, Any]:
    """The document of some flags of a table: how many of each, the worst symbols, every entry.

    `flags` has every code, also those that were not found; `worst` up to 20 symbols with the
    number of their entries, most first; `traded` up to 20 with the most traded, see most_traded.
    """
    counts = Counter(entry["flag"] for entry in flags)
    by_symbol = Counter(entry["symbol"] for entry in flags)
    worst = sorted(by_symbol.items(), key=lambda item: (-item[1], item[0] or ""))[:_WORST]
    one_series = "symbol" not in table.columns
    return {
        "rows": len(table),
        "symbols": min(len(table), 1) if one_series else int(table["symbol"].nunique()),
        "thresholds": asdict(thresholds or FlagThresholds()),
        "flags": {flag: counts[flag] for flag in FLAGS},
        "worst": [{"symbol": symbol, "entries": count} for symbol, count in worst],
        "traded": most_traded(table),
        "flagged": list(flags),
    }


def _place(entry: Entry) -> tuple[str, ...]:
    return (
        entry["symbol"] or "",
        entry["date"],
        entry["flag"],
        entry["column"] or "",
        entry.get("other", ""),
    )
