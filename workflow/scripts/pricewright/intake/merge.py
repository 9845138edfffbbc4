"""Merge prices with newer ones, one group of symbols at a time.

Each table is in order of symbol and day. The merge only decides which rows stay, and where. The
values stay where they are, and are put together when they are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pricewright.intake.restatements import Changed, Entries, Places, restated
from pricewright.tables.arrays import Flags
from pricewright.tables.prices import Floats, Ints, Keys, Prices, keys, of_keys, recode
from pricewright.tables.stored_values import GroupedValues
from pricewright.tables.table_files import ends_of_groups

MANY = 100
"""If more than one row in this many is added, rows are copied one by one, else piece by piece."""


@dataclass(frozen=True)
class MergedTable:
    """Prices to merge with others, in groups of the same symbols.

    origins: (n,) the delivery of each row.  places: (S,) the place of each of its names among all
    names.  bounds: (G + 1,) the first row of each group, and the end of the last group.
    """

    prices: Prices
    origins: Ints
    places: Ints
    bounds: Sequence[int]

    def rows(self, group: int) -> slice:
        """The table's rows in a group."""
        return slice(self.bounds[group], self.bounds[group + 1])

    def keys(self, group: int) -> Keys:
        """The keys of its rows in a group, by the names of all tables."""
        rows = self.rows(group)
        return keys(self.places[self.prices.symbols[rows]], self.prices.days[rows])

    def column(self, name: str, group: int) -> Floats:
        """The values of its rows in a column, NaN if it lacks the column."""
        return self.prices.part_or_nan(name, self.rows(group))


def in_groups(
    tables: Sequence[Prices], origins: Sequence[Ints], names: Sequence[str]
) -> list[MergedTable]:
    """Prepare prices for merging in groups of as many symbols as fill a row group.

    names: the names of all tables.
    """
    places = [
        recode(each.names, np.arange(len(each.names), dtype=np.int32), names) for each in tables
    ]
    counts = np.zeros(len(names), dtype=np.int64)
    for prices, own in zip(tables, places, strict=True):
        counts[own] += np.diff(prices.begins)
    ends = [0, *ends_of_groups(counts.tolist())]
    return [
        MergedTable(prices, of, own, prices.begins[np.searchsorted(own, ends)].tolist())
        for prices, of, own in zip(tables, origins, places, strict=True)
    ]


def _in_group(tables: Sequence[MergedTable], group: int) -> list[MergedTable]:
    """The tables that have rows in a group."""
    return [each for each in tables if each.bounds[group] < each.bounds[group + 1]]


def _column_of(tables: Sequence[MergedTable], name: str, group: int) -> Floats:
    """A column of the rows in a group, one table after the other."""
    return np.concatenate([[], *(each.column(name, group) for each in _in_group(tables, group))])


@dataclass(frozen=True)
class Merge:
    """Which k newer rows of a group stay, and their places among the older ones.

    newest: (k,) their places among all newer rows.  places: (k,) their places in the merged table,
    ascending.  added: (k,) whether each is an additional row, not a replacement.  count: the number
    of merged rows.
    """

    newest: Ints
    places: Ints
    added: Flags
    count: int

    @classmethod
    def of(cls, known: Keys, wanted: Keys, newest: Places) -> Self:
        """Merge newer rows, whose keys (k,) ascend, with known ones (n,)."""
        at, is_there = find_keys(known, wanted)
        added = ~is_there
        places = at + np.cumsum(added) - added
        count = len(known) + int(np.count_nonzero(added))
        return cls(newest.astype(np.int32), places.astype(np.int32), added, count)

    def merged(self, old: npt.NDArray[Any], newer: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Merge a column of the older rows (n,) with that of the newer rows that stay (k,)."""
        if not len(old):
            return newer
        found = np.empty(self.count, old.dtype)
        added = self.places[self.added]
        if len(added) * MANY > self.count:
            is_old = np.ones(self.count, dtype=bool)
            is_old[added] = False
            found[is_old] = old
        else:  # a few pieces, copied as they are
            begins, ends = [0, *(added + 1).tolist()], [*added.tolist(), self.count]
            for before, (start, stop) in enumerate(zip(begins, ends, strict=True)):
                found[start:stop] = old[start - before : stop - before]
        found[self.places] = newer
        return found


def find_keys(known: Keys, wanted: Keys) -> tuple[Places, Flags]:
    """How many of the known keys, which ascend, come before each wanted key, and whether it is
    known."""
    at = np.searchsorted(known, wanted)
    return at, np.append(known, -1)[at] == wanted


@dataclass(frozen=True)
class Pile:
    """The rows of a group in newer tables, and the old rows that they repeat.

    known: (n,) the keys of all old rows.  touched: (t,) the old rows whose key is repeated.
    keys: (p,) the keys of all rows in the pile, ascending, the oldest of each key first.
    order: (p,) their places among the touched rows followed by those of the newer tables.
    origins: (p,) their deliveries.
    again: (q,) the places in the pile of the rows that the next row supersedes.
    """

    old: MergedTable
    newer: Sequence[MergedTable]
    group: int
    known: Keys
    touched: Places
    keys: Keys
    order: Places
    origins: Ints
    again: Places

    @classmethod
    def of(cls, old: MergedTable, newer: Sequence[MergedTable], group: int) -> Self:
        """The pile of a group, given by number."""
        newer, known = _in_group(newer, group), old.keys(group)
        wanted = np.concatenate([known[:0], *(each.keys(group) for each in newer)])
        at, is_there = find_keys(known, wanted)
        touched = np.unique(at[is_there])
        keys = np.concatenate([known[touched], wanted])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        came = old.origins[old.rows(group)][touched]
        origins = np.concatenate([came, *(each.origins[each.rows(group)] for each in newer)])[order]
        again = np.flatnonzero(keys[1:] == keys[:-1])
        return cls(old, newer, group, known, touched, keys, order, origins, again)

    def merge(self) -> Merge:
        """The merge that keeps the last row of each key."""
        last = self._last
        return Merge.of(self.known, self.keys[last], self.order[last] - len(self.touched))

    @property
    def _last(self) -> Places:
        return np.delete(np.arange(len(self.keys)), self.again)

    def merged(self, merge: Merge) -> tuple[Ints, Ints, Ints]:
        """The symbols, days and origins of all rows after the merge."""
        symbols, days = of_keys(merge.merged(self.known, self.keys[self._last]))
        old = self.old.origins[self.old.rows(self.group)]
        return symbols, days, merge.merged(old, self.origins[self._last])

    def entries(
        self, names: Sequence[str], columns: Sequence[str], digests: Sequence[str]
    ) -> Entries:
        """What later deliveries restate of earlier ones."""
        again, changed = self.again, dict[str, Changed]()
        for name in columns if len(again) else ():
            was = self.old.column(name, self.group)[self.touched]
            piled = np.concatenate([was, _column_of(self.newer, name, self.group)])[self.order]
            changed[name] = Changed.of((piled[again], again), (piled[again + 1], again + 1))
        rows = Prices(names, *of_keys(self.keys), {})
        return restated(rows, (self.origins, self.origins), changed, digests)


class MergedValues(GroupedValues):
    """The columns of all groups, one group after the other."""

    def __init__(
        self,
        old: MergedTable,
        newer: Sequence[MergedTable],
        columns: Sequence[str],
        merges: Sequence[Merge],
    ) -> None:
        super().__init__(columns, np.cumsum([0, *(merge.count for merge in merges)]).tolist())
        self._old, self._newer, self._merges = old, newer, merges

    def group(self, name: str, number: int) -> Floats:
        old = self._old.column(name, number)
        return self._merges[number].merged(old, self._newest(name, number))

    def _newest(self, name: str, number: int) -> Floats:
        """The values of the newer rows that stay."""
        return _column_of(self._newer, name, number)[self._merges[number].newest]

    def is_whole(self, name: str) -> bool:
        old = self._old.prices
        if name in old.values and not old.is_surely_whole(name):
            return False
        newest = (self._newest(name, number) for number in range(len(self._merges)))
        return all((np.isnan(each) | (np.floor(each) == each)).all() for each in newest)


class KeptValues(GroupedValues):
    """Some columns of prices, without the rows that are not kept; keep: (n,)."""

    def __init__(self, prices: Prices, keep: Flags, columns: Sequence[str]) -> None:
        self._prices, self._keep, self._blocks = prices, keep, list(prices.blocks())
        counts = [int(np.count_nonzero(keep[rows])) for rows in self._blocks]
        super().__init__(columns, np.cumsum([0, *counts]).tolist())

    def group(self, name: str, number: int) -> Floats:
        rows = self._blocks[number]
        return self._prices.part(name, rows)[self._keep[rows]]

    def is_whole(self, name: str) -> bool:
        return self._prices.is_surely_whole(name)
