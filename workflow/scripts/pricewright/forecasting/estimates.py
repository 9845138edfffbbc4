"""GARCH parameters of earlier runs, used again if a new estimate would give the same.

A GARCH is estimated from the prices of its symbol up to a day, which do not change when days are
added. So its parameters for past days are kept, with a digest of everything they depend on: the
prices and their days, the chain of days whose searches started from each other, the settings, and
the code. Estimating again gives the same bytes; the leak check does so.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from pricewright.forecasting.garch import Garch
from pricewright.forecasting.panel import BySymbol, Panel
from pricewright.tables.arrays import Days, Flags, Floats, Ints

Digests = npt.NDArray[np.uint64]

NUMBERS = ("variance", "alpha", "persistence", "fall", "rise", "converged", "steps")
"""The numbers kept of a GARCH, in order."""


@dataclass(frozen=True)
class Estimates(BySymbol):
    """The GARCHs of S symbols at the ends of E days.

    code: a text that identifies the code.
    days: (E,).
    digests: (S, E, 4), the SHA-256 of everything an estimate was made from, 0 for no estimate.
    numbers: (S, E, 7), in the order of NUMBERS.
    """

    common: ClassVar[Sequence[str]] = ("code", "days")

    code: str
    days: Days
    digests: Digests
    numbers: Floats

    @classmethod
    def none(cls, symbols: int, days: Sequence[int], code: str = "") -> Self:
        """Empty estimates for some symbols at the ends of some days."""
        shape = symbols, len(days)
        digests, numbers = np.zeros((*shape, 4), np.uint64), np.zeros((*shape, len(NUMBERS)))
        return cls(code, np.array(days, np.int32), digests, numbers)

    def until(self, day: int) -> Self:
        """The estimates up to a day."""
        count = int((self.days <= day).sum())
        return replace(
            self,
            days=self.days[:count],
            digests=self.digests[:, :count],
            numbers=self.numbers[:, :count],
        )

    def garch(self, place: int) -> Garch:
        """The GARCHs of the day with this index."""
        found = dict(zip(NUMBERS, self.numbers[:, place].T.copy(), strict=True))
        kinds = {"converged": found["converged"] > 0, "steps": found["steps"].astype(np.intp)}
        return Garch(**(found | kinds))

    def known(self, place: int, digests: Digests) -> tuple[Flags, Garch]:
        """Which symbols (S,) have a valid estimate on a day, that is, with the same digest as in
        `digests` (S, E, 4); and all GARCHs of that day."""
        there = (self.digests[:, place] == digests[:, place]).all(axis=1)
        return there, self.garch(place)

    def with_day(self, place: int, garch: Garch) -> None:
        """Store the GARCHs of the day with this index, in place."""
        for number, name in enumerate(NUMBERS):
            self.numbers[:, place, number] = getattr(garch, name)


_SYMBOLS = 64
"""So many histories are copied at once: few, for the memory, and side by side, for the speed."""


def digests(panel: Panel, ends: Ints, depend: Sequence[str]) -> Digests:
    """(S, E, 4): the SHA-256 of everything that estimates at E dates are made from.

    ends: (E, S), the number of known observations.  depend: for each date, a text of everything
    else that its estimates depend on.
    """
    found = np.empty((len(panel), len(ends), 32), np.uint8)
    # a row holds both, so that what is hashed does not depend on where earlier estimates ended
    rows = np.empty((_SYMBOLS, len(panel.days)), [("value", "<f8"), ("day", "<i4")])
    more = [text.encode() for text in depend]
    for symbol in range(len(panel)):
        if not (place := symbol % _SYMBOLS):
            some = slice(symbol, symbol + _SYMBOLS)
            rows["value"][: len(panel) - symbol] = panel.values[:, some].T
            rows["day"][: len(panel) - symbol] = panel.days[:, some].T
        so_far, begin = hashlib.sha256(), 0
        for date, text in enumerate(more):
            end = int(ends[date][symbol])
            so_far.update(rows[place, begin:end].data)
            whole, begin = so_far.copy(), end
            whole.update(text)
            found[symbol, date] = np.frombuffer(whole.digest(), np.uint8)
    return found.view("<u8").astype(np.uint64)
