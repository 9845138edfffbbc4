"""Columns of prices that are not in memory: read from a file, and merged with newer rows, part by
part as they are asked for.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pricewright.files.large_arrays import new_array

if TYPE_CHECKING:
    from pricewright.tables.parquet_files import StoredTable

Floats = npt.NDArray[np.float64]


class PartedValues(Mapping[str, Floats]):
    """Columns of n values by name, each made anew when it is asked for, whole or a part of it."""

    def __init__(self, names: Sequence[str], count: int) -> None:
        self.names, self.count = names, count

    @abstractmethod
    def part(self, name: str, begin: int, end: int) -> Floats:
        """The values of a column from one row to before another."""

    @abstractmethod
    def is_whole(self, name: str) -> bool:
        """Whether all values of a column that are there are surely whole numbers."""

    def __getitem__(self, name: str) -> Floats:
        if name not in self.names:
            raise KeyError(name)
        return self.part(name, 0, self.count)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class GroupedValues(PartedValues):
    """Columns whose rows are in groups, which are read as they are asked for.

    ends: the row after each group, with a 0 before them.
    """

    def __init__(self, names: Sequence[str], ends: Sequence[int]) -> None:
        super().__init__(names, ends[-1])
        self._ends = np.array(ends)
        self._read = lru_cache(2 * len(names))(self.group)  # who goes on reads none twice

    @abstractmethod
    def group(self, name: str, number: int) -> Floats:
        """The values of a column in a group."""

    def part(self, name: str, begin: int, end: int) -> Floats:
        found = new_array(end - begin)
        first = int(np.searchsorted(self._ends, begin, side="right")) - 1
        for number in range(first, len(self._ends) - 1):
            start, stop = self._ends[number : number + 2].tolist()
            if start >= end:
                break
            low, high = max(begin, start), min(end, stop)
            values = self._read(name, number)[low - start : high - start]
            found[low - begin : high - begin] = values
        return found


class StoredValues(GroupedValues):
    """The columns of a Parquet file but its dates and symbols; `sha256` is that of its bytes."""

    def __init__(self, path: Path, sha256: str, stored: "StoredTable") -> None:
        described = stored.metadata
        names = [name for name in stored.schema_arrow.names if name not in ("date", "symbol")]
        groups = range(described.num_row_groups)
        counts = [described.row_group(group).num_rows for group in groups]
        super().__init__(names, [0, *accumulate(counts)])
        self.path, self.sha256, self._stored = path, sha256, stored
        self.is_this_writers = pa.__version__ in described.created_by.split()

    def is_whole(self, name: str) -> bool:
        return bool(pa.types.is_integer(self._stored.schema_arrow.field(name).type))

    def group(self, name: str, number: int) -> Floats:
        column = self._stored.read_row_group(number, [name])[name].combine_chunks()
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


MANY = 100
"""Where more than one row in so many is added, rows are copied one by one, not piece by piece."""


class Merge:
    """Where newer rows (k,) come to stand among others: n of these and newer ones together.

    places: (k,) rising, among the n.  added: (k,) which of them take no older one's place.
    """

    def __init__(
        self, places: npt.NDArray[np.intp], added: npt.NDArray[np.bool_], old: int
    ) -> None:
        self.places, self.added = places, added
        self._before = np.concatenate([[0], np.cumsum(added)])
        self.count = old + int(self._before[-1])

    def merged(self, old: npt.NDArray[Any], newer: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A column of the others and one of the newer rows, as one of all rows."""
        return self._filled(old, newer, 0, self.count, slice(0, len(self.places)))

    def part(self, old: "PartedValues", name: str, newer: Floats, begin: int, end: int) -> Floats:
        """The same of the rows from one to before another."""
        low, high = np.searchsorted(self.places, (begin, end)).tolist()
        first, last = begin - int(self._before[low]), end - int(self._before[high])
        values = old.part(name, first, last) if name in old else np.full(last - first, np.nan)
        return self._filled(values, newer, begin, end, slice(low, high))

    def _filled(
        self, old: npt.NDArray[Any], newer: npt.NDArray[Any], begin: int, end: int, rows: slice
    ) -> npt.NDArray[Any]:
        found = new_array(end - begin, old.dtype)
        places = self.places[rows] - begin
        added = places[self.added[rows]]
        if len(added) * MANY > len(found):
            is_old = np.ones(end - begin, dtype=bool)
            is_old[added] = False
            found[is_old] = old
        else:  # a few pieces, which are copied as they are
            begins, ends = [0, *(added + 1).tolist()], [*added.tolist(), len(found)]
            for before, (start, stop) in enumerate(zip(begins, ends, strict=True)):
                found[start:stop] = old[start - before : stop - before]
        found[places] = newer[rows]
        return found


class MergedValues(PartedValues):
    """Columns that are stored, and those of newer rows, merged; the last that was asked for whole
    is kept."""

    def __init__(self, old: PartedValues, newer: Mapping[str, Floats], merge: Merge) -> None:
        super().__init__(list(newer), merge.count)
        self._old, self._newer, self._merge = old, newer, merge
        self._whole: dict[str, Floats] = {}

    def __getitem__(self, name: str) -> Floats:
        if name not in self._whole:
            self._whole = {name: super().__getitem__(name)}
        return self._whole[name]

    def part(self, name: str, begin: int, end: int) -> Floats:
        if name in self._whole:
            return self._whole[name][begin:end]
        return self._merge.part(self._old, name, self._newer[name], begin, end)

    def is_whole(self, name: str) -> bool:
        newer = self._newer[name]
        fractions = newer[np.isfinite(newer) & (np.floor(newer) != newer)]
        return not len(fractions) and (name not in self._old or self._old.is_whole(name))
