"""Columns of prices that are not in memory: read from a file, and merged with newer rows, part by
part as they are asked for.
"""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

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
        self._ends, self._key = np.array(ends), object()

    @abstractmethod
    def group(self, name: str, number: int) -> Floats:
        """The values of a column in a group."""

    def part(self, name: str, begin: int, end: int) -> Floats:
        first = int(np.searchsorted(self._ends, begin, side="right")) - 1
        if [begin, end] == self._ends[first : first + 2].tolist():
            return self._made(name, first)
        found = new_array(end - begin)
        for number in range(first, len(self._ends) - 1):
            start, stop = self._ends[number : number + 2].tolist()
            if start >= end:
                break
            low, high = max(begin, start), min(end, stop)
            values = self._made(name, number)[low - start : high - start]
            found[low - begin : high - begin] = values
        return found

    def _made(self, name: str, number: int) -> Floats:
        _recent.forget((self._key, name, number - 2))  # parts come in order, each of two at most
        return _recent.of((self._key, name, number), partial(self.group, name, number))


class Recent:
    """What was made last, up to so many bytes, so that who goes on makes nothing twice."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._held: dict[Hashable, Floats] = {}  # the last that was asked for comes last

    def of(self, key: Hashable, make: Callable[[], Floats]) -> Floats:
        """What was made for a key, or is now; it is not to be written to."""
        found = self._held.pop(key, None)
        if found is None:
            found = make().view()
            found.flags.writeable = False
            self._size += found.nbytes
        self._held[key] = found
        while self._size > self._most and len(self._held) > 1:
            self._size -= self._held.pop(next(iter(self._held))).nbytes
        return found

    def forget(self, key: Hashable) -> None:
        """Give up what was made for a key, if it is there."""
        found = self._held.pop(key, None)
        self._size -= 0 if found is None else found.nbytes


_recent = Recent(2**28)
"""Groups of all tables."""


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
