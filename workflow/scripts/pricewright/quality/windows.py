"""Windows of rows in which two symbols have the same prices: found by hash, proved by digit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pricewright.quality.panel import Bools, Floats, Ints, Panel

_Hashes = npt.NDArray[np.uint64]

_MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_SHIFT: Final = np.uint64(32)


@dataclass(frozen=True)
class Rows:
    """The n rows of a panel, to be compared by some of their prices, each (n,).

    hashes: a number for each row's date and prices.  low, high: of these prices, NaN if one is
    missing.
    """

    panel: Panel
    prices: Sequence[Floats]
    hashes: _Hashes
    low: Floats
    high: Floats

    def equal(self, first: Ints, other: Ints) -> Bools:
        """Which of some rows (m,) have the date and the prices of the others (m,)."""
        same: Bools = self.panel.date[first] == self.panel.date[other]
        for price in self.prices:
            same &= price[first] == price[other]
        return same

    def windows(self, length: int) -> tuple[Ints, Ints]:
        """Where equal windows of `length` rows of one symbol begin, (m,) and (m,), never before.

        Of each group of equal windows the first is given beside each other one; those in which
        all prices are one price are left out.
        """
        count = max(len(self.hashes) - length + 1, 0)
        symbol = self.panel.symbol
        within = symbol[:count] == symbol[length - 1 : length - 1 + count]
        hashes = self.hashes[:count].copy()
        low, high = self.low[:count].copy(), self.high[:count].copy()
        for offset in range(1, length):
            hashes *= _MIX
            hashes ^= self.hashes[offset : offset + count]
            np.minimum(low, self.low[offset : offset + count], out=low)
            np.maximum(high, self.high[offset : offset + count], out=high)
        first, other = _repeated(hashes, np.flatnonzero(within & (high > low)))  # not so for NaN
        for offset in range(length):  # a hash may lie
            true = self.equal(first + offset, other + offset)
            first, other = first[true], other[true]
        return first, other

    def beyond(self, first: Ints, other: Ints, step: int) -> Ints:
        """How many more rows (m,) are equal from each pair of rows on, by steps of 1 or -1."""
        symbol = self.panel.symbol
        counted = np.zeros(len(first), dtype=np.int64)
        going = np.arange(len(first))
        while len(going):
            ahead = step * (counted[going] + 1)
            here, there = first[going] + ahead, other[going] + ahead
            inside = (np.minimum(here, there) >= 0) & (np.maximum(here, there) < len(symbol))
            going, here, there = going[inside], here[inside], there[inside]
            same = (symbol[here] == symbol[first[going]]) & (symbol[there] == symbol[other[going]])
            going = going[same & self.equal(here, there)]
            counted[going] += 1
        return counted


def rows_of(panel: Panel, columns: Sequence[str]) -> Rows:
    """The rows of a panel, to be compared by these columns."""
    prices = [panel.values[column] for column in columns]
    hashes = panel.date.astype(np.uint64)
    low, high = prices[0].copy(), prices[0].copy()
    for price in prices:
        hashes ^= (price + 0.0).view(np.uint64)  # -0.0 is 0.0
        hashes ^= hashes >> _SHIFT
        hashes *= _MIX
        hashes ^= hashes >> _SHIFT
        hashes *= _MIX
        np.minimum(low, price, out=low)
        np.maximum(high, price, out=high)
    return Rows(panel, prices, hashes, low, high)


def _repeated(hashes: _Hashes, rows: Ints) -> tuple[Ints, Ints]:
    """Among some rows the first of each group that has one hash, and each other of the group."""
    bits = np.uint64(len(hashes).bit_length())
    keys = hashes[rows] >> bits << bits | rows.astype(np.uint64)  # one sort, no second array
    keys.sort()
    alike: Bools = np.diff(keys >> bits) == 0
    member = (np.append(False, alike) | np.append(alike, False))[: len(keys)]
    rows = (keys[member] & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    rows = rows[np.lexsort((rows, hashes[rows]))]
    as_before: Bools = np.append(False, np.diff(hashes[rows]) == 0)[: len(rows)]
    leaders = np.maximum.accumulate(np.where(as_before, 0, np.arange(len(rows))))
    return rows[leaders[as_before]], rows[as_before]
