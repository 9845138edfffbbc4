"""The price histories of many symbols side by side, on the scale on which they are modelled.

Work on a panel is done in slices small enough to fit a processor's cache.
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
"""The day number of rows past a history's end."""

MOST = 600.0
"""The largest log price that may be forecast: a price of 1e260, with which one can compute."""


@dataclass(frozen=True)
class Panel:
    """S histories; row k of a column is that symbol's k-th observation, whatever its day.

    symbols: (S,), sorted.
    days: (N, S), days since 1970-01-01, rising, NEVER past a history's end.
    prices: (N, S), NaN past a history's end and nowhere else.
    levels: (S,), whether a symbol is modelled in levels; otherwise in log prices.
    bars: (2, N, S), what `ranges.parts_of` makes of each day's bar, NaN for no bar; None if no
    symbol has bars.
    declared: (S,), whether the config declares the symbol to be in levels; None if it declares
    nothing.
    floors: (2, S), for symbols in log prices with a price of 0 or below: the price below which the
    logarithm continues as a straight line, and the day from which it does; 0 and NEVER for other
    symbols; None if no symbol needs a floor.
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
        """The panel of some histories, with scales chosen from the prices: levels for a symbol of
        which, up to some day, more than one price in OFTEN was not above 0."""
        low = (prices <= 0).any(axis=0)
        levels = np.zeros(len(symbols), dtype=np.bool_)
        levels[low] = often_low(prices[:, low]).any(axis=0)
        return cls(symbols, days, prices, levels, bars).with_floors()

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def counts(self) -> Ints:
        """(S,): the number of observations of each symbol."""
        return np.asarray((self.days < NEVER).sum(axis=0))

    @cached_property
    def places(self) -> dict[str, int]:
        """The column of each symbol."""
        return {symbol: column for column, symbol in enumerate(self.symbols)}

    def price_on(self, symbol: str, day: int) -> float | None:
        """The price of a symbol on a day; None if it has none then, or is not in the panel."""
        if (column := self.places.get(symbol)) is None:
            return None
        row = int(np.searchsorted(self.days[:, column], day))
        there = row < len(self.days) and self.days[row, column] == day
        return float(self.prices[row, column]) if there else None

    def with_floors(self) -> Self:
        """The panel with the floors that its scales need. A floor is the last price before the
        first one that is not above 0, and applies from the day of the latter."""
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
        """(N, S): log prices, or the prices themselves of symbols modelled in levels."""
        return to_scale(self.prices, self.levels, self._floors_on(self.days))

    def as_prices(self, values: Floats, rows: Ints) -> Floats:
        """Values (K, S, H) on the scale of the model as prices, with the floors known at rows
        (K, S)."""
        if self.floors is None:
            return from_scale(values, self.levels)
        return from_scale(
            values, self.levels, self._floors_on(self.days[rows, np.arange(len(self))])
        )

    def _floors_on(self, days: Days) -> Floats | None:
        """(K, S): the floors known on days (K, S), 0 for none."""
        return None if self.floors is None else np.where(days >= self.floors[1], self.floors[0], 0)

    @cached_property
    def below(self) -> Flags | None:
        """(N, S): whether a price is below its floor, on the line; None if there are no floors."""
        floors = self._floors_on(self.days)
        return None if floors is None else self.prices < floors

    @cached_property
    def first(self) -> Ints:
        """(S,): the first row from which to forecast. For a symbol on levels that the config does
        not declare, this is the first row by which it needed them."""
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
        """(S,): the number of observations of each symbol by the end of a day."""
        return np.asarray((self.days <= day).sum(axis=0))

    def upto_each(self, days: Sequence[int] | Days) -> Ints:
        """(K, S): the same for the ends of K days."""
        return places_of(days, self.days)

    def until(self, day: int) -> Self:
        """The panel as known at the end of a day, without later days; at least one row."""
        rows = max(int(self.upto(day).max(initial=0)), 1)
        known = self.days[:rows] <= day
        days = np.where(known, self.days[:rows], NEVER)
        found = replace(
            self,
            days=days,
            prices=np.where(known, self.prices[:rows], np.nan),
            bars=None if self.bars is None else np.where(known, self.bars[:, :rows], np.nan),
        )
        vars(found)["values"] = np.where(known, self.values[:rows], np.nan)  # known already
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
        """The panel of some symbols, cut to their longest history."""
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
"""The number of symbols handled at a time where arrays of all would be large."""


def _blocks(count: int) -> Iterator[slice]:
    for begin in range(0, count, AT_ONCE):
        yield slice(begin, begin + AT_ONCE)


def _cut(values: Array, rows: int, columns: slice | Ints) -> Array:
    """The first rows of some columns of values (..., N, S), which may be large."""
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
    """The panel of one history per symbol: days (n,), prices (n,) and bar parts (2, n)."""
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
    """(K, S): how many entries of each rising column (N, S) are no larger than each of `values`,
    which are (K,) for all columns or (K, S)."""
    wanted = np.asarray(values)
    columns = np.broadcast_to(wanted.T, (rising.shape[1], len(wanted)))
    found = np.empty(columns.T.shape, dtype=np.intp)
    for place, one in enumerate(columns):
        found[:, place] = np.searchsorted(rising[:, place], one, side="right")
    return found


@dataclass(frozen=True)
class BySymbol:
    """Arrays whose first axis is S symbols, apart from the fields named in `common`."""

    common: ClassVar[Sequence[str]] = ()

    def of(self, columns: slice | Ints) -> Self:
        """The same for some of the symbols."""
        own = {
            name: part[columns] if isinstance(part, np.ndarray) else part.of(columns)
            for name, part in self._own().items()
        }
        return replace(self, **own)

    def joined(self, parts: Sequence[Self]) -> Self:
        """The groups of symbols in `parts` together; common fields are taken from this one."""
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
        """Empty arrays for `count` symbols, to be filled; common fields are taken from this one."""
        own = {
            name: new_array((count, *part.shape[1:]), part.dtype)
            if isinstance(part, np.ndarray)
            else part.blank(count)
            for name, part in self._own().items()
        }
        return replace(self, **own)

    def fill(self, begin: int, part: Self) -> None:
        """Write the symbols of `part` into the places from `begin` on."""
        for name, values in part._own().items():
            into = getattr(self, name)
            if isinstance(values, np.ndarray):
                into[begin : begin + len(values)] = values
            else:
                into.fill(begin, values)

    def _own(self) -> dict[str, Any]:
        """The fields that have a value per symbol, by name."""
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
"""A symbol is modelled on levels if more than one price in OFTEN is not above 0."""


def often_low(prices: Floats) -> Flags:
    """(N, S): whether more than one price in OFTEN up to a row was not above 0."""
    return np.cumsum(prices <= 0, axis=0) * OFTEN > np.arange(1, len(prices) + 1)[:, None]


def to_scale(prices: Floats, levels: Flags, floors: Floats | None) -> Floats:
    """Prices (..., S) on the scale of the model: unchanged for levels, else logarithms.

    floors: (..., S), below which the logarithm continues as a straight line; 0 for none.
    """
    if floors is None and not levels.any():
        return log(prices)
    floors = np.zeros(len(levels)) if floors is None else floors
    plain = levels | (prices < floors)
    floors = np.where(floors > 0, floors, 1.0)
    found = np.where(plain, log(floors) + (prices / floors - 1), log(np.where(plain, 1.0, prices)))
    return np.where(levels, prices, found)


def from_scale(values: Floats, levels: Flags, floors: Floats | None = None) -> Floats:
    """Values (..., S, H) on the scale of the model as prices, capped so that none overflows.

    floors: (..., S), as `to_scale` takes them.
    """
    prices = exp(np.minimum(values, MOST))
    if floors is not None and (floors > 0).any():
        low = np.where(floors > 0, floors, 1.0)[..., None]
        line = low * (1 + values - log(low))
        prices = np.where((floors[..., None] > 0) & (values < log(low)), line, prices)
    return np.where(levels[:, None], values, prices) if levels.any() else prices


SLICE_WIDTH = 64
"""The number of symbols worked on at a time."""


def panel_slices(panel: Panel) -> Iterator[tuple[Panel, Ints]]:
    """Yield the panel in parts, each cut out when asked for, with the columns of its symbols."""
    places = np.arange(len(panel))
    for begin in range(0, len(panel), SLICE_WIDTH):
        some = slice(begin, begin + SLICE_WIDTH)
        yield panel.columns(some), places[some]
