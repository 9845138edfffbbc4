"""Arrays that may be larger than the memory: beyond a size they lie in a file without a name.

The system writes pages of it out and reads them again as it has memory for them, so that it is
never short of it. The file is in `TMPDIR`, else in `/var/tmp`, and is gone with who made it. Where
there is no room for it, an array is in memory.
"""

import errno
import mmap
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from io import FileIO
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

LARGE = 2**28
"""The bytes from which on an array lies in a file, and those that a shelf holds without one."""

SMALL = 2**12
"""An array of fewer bytes stays in memory, for it would take a page of the file."""

Array = npt.NDArray[Any]
Value = TypeVar("Value")


def new_array(shape: int | Sequence[int], dtype: npt.DTypeLike = np.float64) -> Array:
    """An array to be filled, as `np.empty` makes it; in a file, if it is large."""
    found = np.dtype(dtype)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    size = int(np.prod(shape, dtype=np.int64)) * found.itemsize
    if size >= LARGE:
        with suppress(OSError), _unnamed_file() as file:
            _reserve(file, 0, size)
            return np.frombuffer(mmap.mmap(file.fileno(), size), found).reshape(shape)
    return np.empty(shape, found)


def joined(parts: Iterable[Array], count: int, dtype: npt.DTypeLike = np.float64) -> Array:
    """Arrays (n,) one after the other, `count` numbers in all; in a file, if they are many."""
    found, end = new_array(count, dtype), 0
    for part in parts:
        begin, end = end, end + len(part)
        found[begin:end] = part
    assert end == count
    return found


class Shelf:
    """Puts the arrays of one thing after the other away, from some size on into a file."""

    def __init__(self) -> None:
        self._held = 0
        self._file: FileIO | None = None

    def put(self, value: Value) -> Value:
        """The same thing, whose arrays lie in the file if there are many by now.

        Arrays are found in dataclasses, mappings, lists and tuples.
        """
        arrays = {id(each): each for each in _arrays(value)}
        self._held += sum(each.nbytes for each in arrays.values())
        if self._held < LARGE:
            return value
        try:
            found: Value = _replaced(value, self._stored(arrays))
        except OSError:
            return value
        return found

    def _stored(self, arrays: Mapping[int, Array]) -> dict[int, Array]:
        self._file = self._file or _unnamed_file()
        places, end = {}, 0
        for key, each in arrays.items():
            places[key], end = end, _up_to(end + each.nbytes, _ALIGNED)
        if not end:
            return {}
        begin = _up_to(self._file.seek(0, os.SEEK_END), mmap.ALLOCATIONGRANULARITY)
        _reserve(self._file, begin, end)
        for key, each in arrays.items():  # not by the map, whose pages would all be in memory
            content = np.ascontiguousarray(each).data.cast("B")
            os.pwrite(self._file.fileno(), content, begin + places[key])
        held = mmap.mmap(self._file.fileno(), end, offset=begin)
        return {
            key: np.frombuffer(held, each.dtype, each.size, places[key]).reshape(each.shape)
            for key, each in arrays.items()
        }


_ALIGNED = 64


def _up_to(size: int, unit: int) -> int:
    return -(-size // unit) * unit


def _unnamed_file() -> FileIO:
    """A new file, open to be read and written, that is gone when it is closed."""
    folder = os.environ.get("TMPDIR") or "/var/tmp"
    number, path = tempfile.mkstemp(dir=folder)
    os.unlink(path)
    return FileIO(number, "r+")


def _reserve(file: FileIO, begin: int, size: int) -> None:
    """Have room on the disk for some of a file, or raise OSError: where that was found out by
    writing to memory, the process would be killed."""
    if not hasattr(os, "posix_fallocate"):  # as in macOS, whose memory grows into files by itself
        raise OSError(errno.ENOTSUP, "no room can be reserved")
    os.posix_fallocate(file.fileno(), begin, size)


def _arrays(value: Any) -> Iterable[Array]:
    if isinstance(value, np.ndarray):
        if value.nbytes >= SMALL:
            yield value
        return
    for part in _parts(value):
        yield from _arrays(part)


def _parts(value: Any) -> Iterable[Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _replaced(value: Any, stored: Mapping[int, Array]) -> Any:
    if isinstance(value, np.ndarray):
        return stored.get(id(value), value)
    if is_dataclass(value) and not isinstance(value, type):
        own = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        return replace(value, **{name: _replaced(part, stored) for name, part in own.items()})
    if isinstance(value, Mapping):
        return {name: _replaced(part, stored) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_replaced(part, stored) for part in value)
    return value
