"""Prices as columns, in order of symbol and day: what a delivery comes down to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Prices:
    """n prices, in order of symbol and day, each symbol and day once.

    names: the symbols, sorted.  symbols: (n,) places in `names`.  days: (n,) since 1970-01-01.
    values: (n,) by column, NaN where one is missing; a volume is a whole number.
    """

    names: Sequence[str]
    symbols: Ints
    days: Ints
    values: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.days)

    @property
    def keys(self) -> Keys:
        """(n,) rising: one number for a symbol and a day."""
        return keys(self.symbols, self.days)

    def date(self, place: int) -> str:
        """One row's date, as in 2024-01-31."""
        return str(np.datetime64(int(self.days[place]), "D"))

    def symbol(self, place: int) -> str:
        """One row's symbol."""
        return self.names[int(self.symbols[place])]


def keys(symbols: Ints, days: Ints) -> Keys:
    """One number (n,) for a symbol and a day, in whose order both are."""
    return (symbols.astype(np.int64) << 32) + (days.astype(np.int64) + 2**31)


def with_used_names(prices: Prices) -> Prices:
    """The same prices, without the names of symbols that have none."""
    used = np.bincount(prices.symbols, minlength=len(prices.names)) > 0
    if used.all():
        return prices
    places = (np.cumsum(used) - 1).astype(np.int32)
    names = [name for name, is_used in zip(prices.names, used, strict=True) if is_used]
    return replace(prices, names=names, symbols=places[prices.symbols])


def recoded(names: Sequence[str], symbols: Ints, all_names: Sequence[str]) -> Ints:
    """Places in `names` as places in `all_names`, which holds them all."""
    if list(names) == list(all_names):
        return symbols
    place = {name: number for number, name in enumerate(all_names)}
    return np.array([place[name] for name in names], dtype=np.int32)[symbols]
