"""Parameters that were estimated before, to be taken again where they would be the same.

What a GARCH is estimated from, the prices of its symbol up to a day, does not change when days are
added. So its parameters of past days are kept, with a digest of all that they depend on: the
prices and their days, the days at which the search for them went on from the one before, the
settings and the code. Whoever estimates anew finds the same bytes; the check for leaks does so.
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
"""Those of a GARCH, in the order in which they are kept."""


@dataclass(frozen=True)
class Estimates(BySymbol):
    """The GARCHs of S symbols at the ends of days (E,).

    code: a text that is another where the code is.  digests: (S, E, 4), the SHA-256 of what each
    was made of, 0 where there is none.  numbers: (S, E, 7), as in NUMBERS.
    """

    common: ClassVar[Sequence[str]] = ("code", "days")

    code: str
    days: Days
    digests: Digests
    numbers: Floats

    @classmethod
    def none(cls, symbols: int, days: Sequence[int], code: str = "") -> Self:
        """Of so many symbols, at the ends of some days, nothing yet."""
        shape = symbols, len(days)
        digests, numbers = np.zeros((*shape, 4), np.uint64), np.zeros((*shape, len(NUMBERS)))
        return cls(code, np.array(days, np.int32), digests, numbers)

    def until(self, day: int) -> Self:
        """Those up to a day."""
        count = int((self.days <= day).sum())
        return replace(
            self,
            days=self.days[:count],
            digests=self.digests[:, :count],
            numbers=self.numbers[:, :count],
        )

    def garch(self, place: int) -> Garch:
        """The GARCHs of a day, by its place."""
        found = dict(zip(NUMBERS, self.numbers[:, place].T.copy(), strict=True))
        kinds = {"converged": found["converged"] > 0, "steps": found["steps"].astype(np.intp)}
        return Garch(**(found | kinds))

    def known(self, place: int, digests: Digests) -> tuple[Flags, Garch]:
        """Of which symbols (S,) those of a day are there and made of what has these digests
        (S, E, 4); and all of that day."""
        there = (self.digests[:, place] == digests[:, place]).all(axis=1)
        return there, self.garch(place)

    def with_day(self, place: int, garch: Garch) -> None:
        """Put the GARCHs of a day in their place."""
        for number, name in enumerate(NUMBERS):
            self.numbers[:, place, number] = getattr(garch, name)


def digests(panel: Panel, ends: Ints, depend: Sequence[str]) -> Digests:
    """(S, E, 4): the SHA-256 of what estimates at E dates are made of.

    ends: (E, S), how many observations were known.  depend: for each, all else that
    they depend on.
    """
    found = np.empty((len(panel), len(ends), 32), np.uint8)
    values, days = (np.ascontiguousarray(part.T) for part in (panel.values, panel.days))
    more = [text.encode() for text in depend]
    for symbol in range(len(panel)):
        so_far, begin = hashlib.sha256(), 0
        for date, text in enumerate(more):
            end = int(ends[date][symbol])
            so_far.update(values[symbol, begin:end].data)
            so_far.update(days[symbol, begin:end].data)
            whole, begin = so_far.copy(), end
            whole.update(text)
            found[symbol, date] = np.frombuffer(whole.digest(), np.uint8)
    return found.view("<u8").astype(np.uint64)
