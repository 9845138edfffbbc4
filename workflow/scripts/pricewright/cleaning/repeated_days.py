"""Days that repeat the day before, volume included: one day's delivery under two dates."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from pricewright.cleaning.days import Market
from pricewright.cleaning.options import FlagThresholds
from pricewright.cleaning.series import Entry, SeriesPanel

_SELDOM: Final = 0.02
"""With a larger share of such days, a symbol trades so little that they are no wonder."""


def flag_repeats(panel: SeriesPanel) -> list[Entry]:
    """The flag `repeat`: a day with trades whose values are all those of the day before.

    A bar must have a range, because a price that does not move can repeat by itself; so there are
    no entries without high, low and volume. Symbols with many such days have none.
    """
    values = panel.values
    if panel.main is None or not {"high", "low", "volume"} <= values.keys():
        return []
    before, after = panel.steps(panel.priced)
    volume, symbol = values["volume"], panel.symbol[after]
    moves = np.bincount(symbol, minlength=len(panel.symbols))
    same = (volume[after] > 0) & (volume[after] == volume[before])
    before, after = before[same], after[same]
    same = values["high"][after] > values["low"][after]
    for value in values.values():
        same &= (value[after] == value[before]) | (np.isnan(value[after]) & np.isnan(value[before]))
    before, after = before[same], after[same]
    repeats = np.bincount(panel.symbol[after], minlength=len(panel.symbols))
    seldom = (repeats <= 1 + _SELDOM * moves)[panel.symbol[after]]
    before, after = before[seldom], after[seldom]
    price = values[panel.main][after]
    return panel.entries("repeat", panel.main, after, previous_date=panel.iso(before), price=price)


def joined_repeats(found: Sequence[Entry], market: Market, limits: FlagThresholds) -> list[Entry]:
    """These entries, with one for all symbols, its symbol null, where many repeat.

    `Market.common` says how many.
    """
    counts = Counter(entry["date"] for entry in found)
    repeated = np.array([counts[date] for date in market.dates], dtype=np.int64)
    many = market.common(repeated, limits)
    common = {market.dates[code] for code in np.flatnonzero(many).tolist()}
    own = [entry for entry in found if entry["date"] not in common]
    main = found[0]["column"] if found else None
    return own + market.entries("repeat", main, many, repeated)
