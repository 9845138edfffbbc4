"""The price histories of many symbols side by side, on the scale on which they are modelled.

A panel is worked on in slices, each small enough that its numbers fit a processor's cache.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from pricewright.files.large_arrays import LARGE, Array, new_array
from pricewright.tables.arrays import Days, Flags, Floats, Ints, exp, log

NEVER = np.iinfo(np.int32).max
"""The day of what is past a history's end."""

MOST = 600.0
"""The most that a log price may be forecast as: its price is 1e260, and can be reckoned with."""


@dataclass(frozen=True)
class Panel:
    """S histories; row k of a column is that symbol's k-th observation, of whatever day.

    symbols: (S,) sorted.  days: (N, S) since 1970-01-01, rising, NEVER past a history's end.
    prices: (N, S), NaN past a history's end and nowhere else.  levels: (S,) whether a symbol is
    modelled in levels; else it is in log prices.  bars: (2, N, S), what `ranges.parts_of` makes of
    each day's bar, NaN for none; None if there are none.  declared: (S,), whether somebody said
    that it is in levels; None if nobody said so of any.  floors: (2, S), of a symbol in log prices
    that has a price with no logarithm, below which price the logarithms go on as a line and from
    which day on, 0 and NEVER for others; None if there are none.
    """

    symbols: Sequence[str]
    days: Days
    prices: Floats
    levels: Flags
    bars: Floats | None = None
    declared: Flags | None = None
    floors: Floats | None = None

    @classmethod
    def of(
        cls, symbols: Sequence[str], days: Days, prices: Floats, bars: Floats | None = None
    ) -> Self:
        """The panel of some histories, its scales chosen by the signs of the prices: levels from
        the day on by which more than one price in OFTEN was not above 0."""
        low = (prices <= 0).any(axis=0)
        levels = np.zeros(len(symbols), dtype=np.bool_)
        levels[low] = often_low(prices[:, low]).any(axis=0)
        return cls(symbols, days, prices, levels, bars).with_floors()

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def counts(self) -> Ints:
        """(S,) how many observations each symbol has."""
        return np.asarray((self.days < NEVER).sum(axis=0))

    def with_floors(self) -> Self:
        """The panel with the floors that its scales need: the last price before the first that is
        not above 0, from that one's day on."""
        low = self.prices <= 0
        need = np.flatnonzero(low.any(axis=0) & ~self.levels)
        if not len(need):
            return replace(self, floors=None)
        rows = low.argmax(axis=0)[need]
        floors = np.repeat([[0.0], [float(NEVER)]], len(self), axis=1)
        floors[:, need] = self.prices[rows - 1, need], self.days[rows, need]
        return replace(self, floors=floors)

    @cached_property
    def values(self) -> Floats:
        """(N, S) log prices, or the prices of a symbol that is modelled in levels."""
        return to_scale(self.prices, self.levels, self._floors_on(self.days))

    def as_prices(self, values: Floats, rows: Ints) -> Floats:
        """Values (K, S, H) on the scale as prices, as was known at rows (K, S)."""
        if self.floors is None:
            return from_scale(values, self.levels)
        return from_scale(
            values, self.levels, self._floors_on(self.days[rows, np.arange(len(self))])
        )

    def _floors_on(self, days: Days) -> Floats | None:
        """(K, S): the floors that were known on days (K, S), 0 for none."""
        return None if self.floors is None else np.where(days >= self.floors[1], self.floors[0], 0)

    @cached_property
    def below(self) -> Flags | None:
        """(N, S): the prices that are on the line below a floor; None if there are no floors."""
        floors = self._floors_on(self.days)
        return None if floors is None else self.prices < floors

    @cached_property
    def first(self) -> Ints:
        """(S,) the first row from which to forecast: with levels that nobody said, the first by
        which they were needed."""
        found = self.levels if self.declared is None else self.levels & ~self.declared
        if not found.any():
            return np.zeros(len(self), dtype=np.intp)
        return np.where(found, often_low(self.prices).argmax(axis=0), 0)

    @cached_property
    def calendar(self) -> Days:
        """All days on which any symbol has a price, rising."""
        first = int(self.days.min(initial=NEVER))
        if first == NEVER:
            return np.array([], dtype=np.int32)
        end = int(self.days.max(initial=first, where=self.days < NEVER)) + 1
        there = np.zeros(end - first + 1, dtype=bool)
        for some in _blocks(len(self)):
            there[np.minimum(self.days[:, some], end) - first] = True
        return np.asarray(np.flatnonzero(there[:-1]) + first, dtype=np.int32)

    def upto(self, day: int) -> Ints:
        """(S,) how many observations each symbol has by the end of a day."""
        return np.asarray((self.days <= day).sum(axis=0))

    def upto_each(self, days: Sequence[int] | Days) -> Ints:
        """(K, S): the same of the ends of K days."""
        return places_of(days, self.days)

    def until(self, day: int) -> Self:
        """What was known at the end of a day: nothing of later days is in it; a row at least."""
        rows = max(int(self.upto(day).max(initial=0)), 1)
        known = self.days[:rows] <= day
        days = np.where(known, self.days[:rows], NEVER)
        found = replace(
            self,
            days=days,
            prices=np.where(known, self.prices[:rows], np.nan),
            bars=None if self.bars is None else np.where(known, self.bars[:, :rows], np.nan),
        )
        vars(found)["values"] = np.where(known, self.values[:rows], np.nan)  # as they would be
        return found

    def since(self, day: int) -> Self:
        """The observations from a day on."""
        skipped = (self.days < day).sum(axis=0)
        rows = np.arange(max(int((self.counts - skipped).max(initial=0)), 1))[:, None] + skipped
        inside = rows < len(self.days)
        rows = np.minimum(rows, len(self.days) - 1)
        days = np.where(inside, np.take_along_axis(self.days, rows, axis=0), NEVER)
        prices = np.where(inside, np.take_along_axis(self.prices, rows, axis=0), np.nan)
        bars = None
        if self.bars is not None:
            bars = np.where(inside, np.take_along_axis(self.bars, rows[None], axis=1), np.nan)
        return replace(self, days=days, prices=prices, bars=bars)

    def columns(self, columns: slice | Ints) -> Self:
        """The panel of some of the symbols, no longer than they are."""
        rows = int(self.counts[columns].max(initial=0))
        symbols = np.array(self.symbols, dtype=object)[columns].tolist()
        return replace(
            self,
            symbols=symbols,
            days=_cut(self.days, rows, columns),
            prices=_cut(self.prices, rows, columns),
            levels=self.levels[columns],
            bars=None if self.bars is None else _cut(self.bars, rows, columns),
            declared=None if self.declared is None else self.declared[columns],
            floors=None if self.floors is None else self.floors[:, columns],
        )


AT_ONCE = 1024
"""Of so many symbols something is made at a time, where that of all would be large."""


def _blocks(count: int) -> Iterator[slice]:
    for begin in range(0, count, AT_ONCE):
        yield slice(begin, begin + AT_ONCE)


def _cut(values: Array, rows: int, columns: slice | Ints) -> Array:
    """The first rows of some columns of values (..., N, S), large or not."""
    wanted = np.arange(values.shape[-1])[columns]
    shape = (*values.shape[:-2], len(wanted), rows)
    if math.prod(shape) * values.itemsize < LARGE:
        return np.ascontiguousarray(values[..., :rows, columns])
    found = np.swapaxes(new_array(shape, values.dtype), -1, -2)
    for some in _blocks(len(wanted)):
        found[..., some] = values[..., :rows, wanted[some]]
    return found


def panel_of(
    symbols: Sequence[str],
    histories: Sequence[tuple[Days, Floats]],
    bars: Sequence[Floats] | None = None,
) -> Panel:
    """The panel of one history each: days (n,), prices (n,), and (2, n) of their bars, as in it."""
    longest = max((len(days) for days, _ in histories), default=0)
    all_days = np.full((longest, len(symbols)), NEVER, dtype=np.int32)
    all_prices = np.full((longest, len(symbols)), np.nan)
    for column, (days, prices) in enumerate(histories):
        all_days[: len(days), column], all_prices[: len(days), column] = days, prices
    if bars is None:
        return Panel.of(symbols, all_days, all_prices)
    all_bars = np.full((2, *all_prices.shape), np.nan)
    for column, parts in enumerate(bars):
        all_bars[:, : parts.shape[1], column] = parts
    return Panel.of(symbols, all_days, all_prices, all_bars)


def places_of(values: Any, rising: Days | Ints) -> Ints:
    """(K, S): how many of S columns that rise (N, S) are no larger than each of values, (K,) for
    all columns or (K, S)."""
    wanted = np.asarray(values)
    columns = np.broadcast_to(wanted.T, (rising.shape[1], len(wanted)))
    found = np.empty(columns.T.shape, dtype=np.intp)
    for place, one in enumerate(columns):
        found[:, place] = np.searchsorted(rising[:, place], one, side="right")
    return found


@dataclass(frozen=True)
class BySymbol:
    """Something of S symbols, one after the other in all of its arrays but those in `common`."""

    common: ClassVar[Sequence[str]] = ()

    def of(self, columns: slice | Ints) -> Self:
        """The same of some of the symbols."""
        own = {
            name: part[columns] if isinstance(part, np.ndarray) else part.of(columns)
            for name, part in self._own().items()
        }
        return replace(self, **own)

    def joined(self, parts: Sequence[Self]) -> Self:
        """The same of several groups of symbols together; what is common is as it is here."""
        own = {name: [getattr(part, name) for part in parts] for name in self._own()}
        return replace(
            self,
            **{
                name: np.concatenate(found)
                if isinstance(found[0], np.ndarray)
                else found[0].joined(found)
                for name, found in own.items()
            },
        )

    def blank(self, count: int) -> Self:
        """The like of so many symbols, to be filled; what is common is as it is here."""
        own = {
            name: new_array((count, *part.shape[1:]), part.dtype)
            if isinstance(part, np.ndarray)
            else part.blank(count)
            for name, part in self._own().items()
        }
        return replace(self, **own)

    def fill(self, begin: int, part: Self) -> None:
        """Write what is of some symbols into the places from one on."""
        for name, values in part._own().items():
            into = getattr(self, name)
            if isinstance(values, np.ndarray):
                into[begin : begin + len(values)] = values
            else:
                into.fill(begin, values)

    def _own(self) -> dict[str, Any]:
        """What is by symbol, by name."""
        names = [field.name for field in fields(self) if field.name not in self.common]
        every = {name: getattr(self, name) for name in names}
        return {
            name: part for name, part in every.items() if isinstance(part, np.ndarray | BySymbol)
        }


def squares(values: Floats) -> Floats:
    """(N-1, S): the squared changes of values (N, S)."""
    changes = np.diff(values, axis=0)
    changes *= changes
    return changes


OFTEN = 100
"""More than one price in so many that is not above 0 puts a symbol on levels."""


def often_low(prices: Floats) -> Flags:
    """(N, S): whether, up to a row, more than one price in OFTEN was not above 0."""
    return np.cumsum(prices <= 0, axis=0) * OFTEN > np.arange(1, len(prices) + 1)[:, None]


def to_scale(prices: Floats, levels: Flags, floors: Floats | None = None) -> Floats:
    """Prices (..., S) on the scale of the model: as they are for levels, else logarithms, which
    below the floors (..., S), where these are above 0, go on as a line."""
    if floors is None and not levels.any():
        return log(prices)
    floors = np.zeros(len(levels)) if floors is None else floors
    plain = levels | (prices < floors)
    floors = np.where(floors > 0, floors, 1.0)
    found = np.where(plain, log(floors) + (prices / floors - 1), log(np.where(plain, 1.0, prices)))
    return np.where(levels, prices, found)


def from_scale(values: Floats, levels: Flags, floors: Floats | None = None) -> Floats:
    """Values (..., S, H) on the scale of the model as prices; none is more than a number can be.

    floors: (..., S), as `to_scale` takes them.
    """
    prices = exp(np.minimum(values, MOST))
    if floors is not None and (floors > 0).any():
        low = np.where(floors > 0, floors, 1.0)[..., None]
        line = low * (1 + values - log(low))
        prices = np.where((floors[..., None] > 0) & (values < log(low)), line, prices)
    return np.where(levels[:, None], values, prices) if levels.any() else prices


SLICE_WIDTH = 64
"""Symbols that are worked on at a time."""


def panel_slices(panel: Panel) -> Iterator[tuple[Panel, Ints]]:
    """The panel in parts, each cut out when it is asked for, and where its symbols are in all."""
    places = np.arange(len(panel))
    for begin in range(0, len(panel), SLICE_WIDTH):
        some = slice(begin, begin + SLICE_WIDTH)
        yield panel.columns(some), places[some]
