"""Columns of prices that are not in memory: parts are read from a file on demand."""

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


class GroupedValues(Mapping[str, Floats]):
    """Columns of n values by name, whose rows are in groups that are read on demand.

    ends: 0, and then the row after each group.
    """

    def __init__(self, names: Sequence[str], ends: Sequence[int]) -> None:
        self.names, self.count = names, ends[-1]
        self._ends, self._key = np.array(ends), object()

    @abstractmethod
    def group(self, name: str, number: int) -> Floats:
        """The values of a column in one group."""

    @abstractmethod
    def is_whole(self, name: str) -> bool:
        """Whether all values of a column, except missing ones, are known to be whole numbers."""

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

    def part(self, name: str, begin: int, end: int) -> Floats:
        """The values of a column from row `begin` to before row `end`."""
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
        # parts are read in order and span two groups at most
        _recent.forget((self._key, name, number - 2))
        return _recent.of((self._key, name, number), partial(self.group, name, number))


class Recent:
    """A cache of the most recently used arrays, limited by their total bytes."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._held: dict[Hashable, Floats] = {}  # the most recently used comes last

    def of(self, key: Hashable, make: Callable[[], Floats]) -> Floats:
        """The array for a key, which is made now unless it is held; it is read-only."""
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
        """Drop the array for a key, if it is held."""
        found = self._held.pop(key, None)
        self._size -= 0 if found is None else found.nbytes


_recent = Recent(2**28)
"""Shared by all tables."""


class StoredValues(GroupedValues):
    """A Parquet file's columns other than date and symbol; `sha256` is of the file's bytes."""

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
