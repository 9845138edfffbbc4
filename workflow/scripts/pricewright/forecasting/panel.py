"""A panel in pieces, each small enough that its numbers fit a processor's cache.

The price histories of many symbols side by side, on the scale on which they are modelled.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from pricewright.tables.arrays import Days, Flags, Floats, Ints

NEVER = np.iinfo(np.int32).max
"""The day of what is past a history's end."""

MOST = 600.0
"""The most that a log price may be forecast as: its price is 1e260, and can be reckoned with."""


@dataclass(frozen=True)
class Panel:
    """S histories; row k of a column is that symbol's k-th observation, of whatever day.

    symbols: (S,) sorted.  days: (N, S) since 1970-01-01, rising, NEVER past a history's end.
    prices: (N, S), NaN past a history's end and nowhere else.  levels: (S,) whether a symbol is
    modelled in levels, for it has a price with no logarithm; else it is in log prices.
    """

    symbols: Sequence[str]
    days: Days
    prices: Floats
    levels: Flags

    @classmethod
    def of(cls, symbols: Sequence[str], days: Days, prices: Floats) -> Self:
        """The panel of some histories, its scales chosen by the signs of the prices."""
        return cls(symbols, days, prices, np.asarray((prices <= 0).any(axis=0)))

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def counts(self) -> Ints:
        """(S,) how many observations each symbol has."""
        return np.asarray((self.days < NEVER).sum(axis=0))

    @cached_property
    def values(self) -> Floats:
        """(N, S) log prices, or the prices of a symbol that is modelled in levels."""
        if not self.levels.any():
            return np.log(self.prices)
        return np.where(self.levels, self.prices, np.log(np.where(self.levels, 1.0, self.prices)))

    @cached_property
    def first(self) -> Ints:
        """(S,) the first row from which to forecast: with levels, the first that needs them."""
        return np.where(self.levels, (self.prices <= 0).argmax(axis=0), 0)

    @cached_property
    def calendar(self) -> Days:
        """All days on which any symbol has a price, rising."""
        days = np.unique(self.days)
        return days[days < NEVER]

    def upto(self, day: int) -> Ints:
        """(S,) how many observations each symbol has by the end of a day."""
        return np.asarray((self.days <= day).sum(axis=0))

    def until(self, day: int) -> Self:
        """What was known at the end of a day: nothing of later days is in it; a row at least."""
        rows = max(int(self.upto(day).max(initial=0)), 1)
        days = np.where(self.days[:rows] <= day, self.days[:rows], NEVER)
        prices = np.where(self.days[:rows] <= day, self.prices[:rows], np.nan)
        return replace(self, days=days, prices=prices)

    def since(self, day: int) -> Self:
        """The observations from a day on."""
        skipped = (self.days < day).sum(axis=0)
        rows = np.arange(max(int((self.counts - skipped).max(initial=0)), 1))[:, None] + skipped
        inside = rows < len(self.days)
        rows = np.minimum(rows, len(self.days) - 1)
        days = np.where(inside, np.take_along_axis(self.days, rows, axis=0), NEVER)
        prices = np.where(inside, np.take_along_axis(self.prices, rows, axis=0), np.nan)
        return replace(self, days=days, prices=prices)

    def columns(self, columns: slice | Ints) -> Self:
        """The panel of some of the symbols, no longer than they are."""
        rows = int(self.counts[columns].max(initial=0))
        symbols = np.array(self.symbols, dtype=object)[columns].tolist()
        return replace(
            self,
            symbols=symbols,
            days=np.ascontiguousarray(self.days[:rows, columns]),
            prices=np.ascontiguousarray(self.prices[:rows, columns]),
            levels=self.levels[columns],
        )


def panel_of(symbols: Sequence[str], histories: Sequence[tuple[Days, Floats]]) -> Panel:
    """The panel of one history each, days (n,) and prices (n,)."""
    longest = max((len(days) for days, _ in histories), default=0)
    all_days = np.full((longest, len(symbols)), NEVER, dtype=np.int32)
    all_prices = np.full((longest, len(symbols)), np.nan)
    for column, (days, prices) in enumerate(histories):
        all_days[: len(days), column], all_prices[: len(days), column] = days, prices
    return Panel.of(symbols, all_days, all_prices)


def squares(values: Floats) -> Floats:
    """(N-1, S): the squared changes of values (N, S)."""
    changes = np.diff(values, axis=0)
    changes *= changes
    return changes


def from_scale(values: Floats, levels: Flags) -> Floats:
    """Values (..., S, H) on the scale of the model as prices; none is more than a number can be."""
    prices = np.exp(np.minimum(values, MOST))
    return np.where(levels[:, None], values, prices) if levels.any() else prices


SLICE_WIDTH = 64
"""Symbols that are worked on at a time."""


@dataclass(frozen=True)
class PanelSlice:
    """The histories of some symbols, and where these are in the panel of all."""

    panel: Panel
    columns: Ints


def panel_slices(panel: Panel) -> Iterator[PanelSlice]:
    """The panel in parts, each cut out when it is asked for."""
    places = np.arange(len(panel))
    for begin in range(0, len(panel), SLICE_WIDTH):
        some = slice(begin, begin + SLICE_WIDTH)
        yield PanelSlice(panel.columns(some), places[some])
