"""Arrays that may be larger than the memory: beyond a size they lie in a file without a name.

The system writes pages of it out and reads them again as it has memory for them, so that it is
never short of it. The file is in `TMPDIR`, or, where that is in memory itself, as `/tmp` often is,
in `/var/tmp`, and is gone with who made it. Where there is no room for it, an array is in memory.
"""

import errno
import math
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

LARGE = 2**28
"""The bytes from which on an array lies in a file, those that a shelf holds without one, and those
of one of a shelf's files."""

SMALL = 2**12
"""An array of fewer bytes stays in memory, for it would take a page of the file."""

Array = npt.NDArray[Any]
Value = TypeVar("Value")


def new_array(shape: int | Sequence[int], dtype: npt.DTypeLike = np.float64) -> Array:
    """An array to be filled, as `np.empty` makes it; in a file, if it is large."""
    found = np.dtype(dtype)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    size = math.prod(shape) * found.itemsize
    if size >= LARGE:
        with suppress(OSError), _mapped_file(size) as (_, memory):
            return np.ndarray(shape, found, memory)
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
    """Keeps arrays; once they have LARGE bytes together, further ones go into unnamed files."""

    def __init__(self) -> None:
        self._held = self._end = 0
        self._files = ExitStack()
        self._file: tuple[int, mmap.mmap] | None = None
        self._is_full = False

    def put(self, value: Value) -> Value:
        """The same thing, whose arrays lie in a file if there are many by now.

        Arrays are found in dataclasses, mappings, lists and tuples.
        """
        arrays = {id(each): each for each in _arrays(value)}
        self._held += sum(each.nbytes for each in arrays.values())
        if self._held < LARGE or self._is_full:
            return value
        try:
            stored = {key: self._stored(each) for key, each in arrays.items()}
        except OSError:  # which would come again
            self._is_full = True
            return value
        found: Value = _replaced(value, stored)
        return found

    def new_array(self, count: int, dtype: npt.DTypeLike = np.float64) -> Array:
        """An array (count,) to be filled; in a file, if there are many by now."""
        found = np.empty(0, dtype)
        size = count * found.itemsize
        self._held += size
        if self._held >= LARGE and size >= SMALL and not self._is_full:
            try:
                _, memory, begin = self._room(size)
                return np.ndarray(count, found.dtype, memory, begin)
            except OSError:
                self._is_full = True
        return np.empty(count, found.dtype)

    def _stored(self, array: Array) -> Array:
        content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        number, memory, begin = self._room(len(content))
        at = begin
        while len(content):  # not by the map, whose pages would all stay in memory
            written = os.pwrite(number, content.data, at)
            content, at = content[written:], at + written
        return np.ndarray(array.shape, array.dtype, memory, begin)

    def _room(self, size: int) -> tuple[int, mmap.mmap, int]:
        """A file, and where in it there is room for so many bytes; few files have many arrays each,
        for each takes one of a process's numbers for files."""
        if self._file is None or self._end + size > len(self._file[1]):
            self._files.close()
            self._file, self._end = self._files.enter_context(_mapped_file(max(size, LARGE))), 0
        begin, self._end = self._end, -(-(self._end + size) // _ALIGNED) * _ALIGNED
        return *self._file, begin


_ALIGNED = 64


@contextmanager
def _mapped_file(size: int) -> Iterator[tuple[int, mmap.mmap]]:
    """A new file of so many bytes, without a name, by its number, and as memory that is there as
    long as somebody has it. Raises OSError if there is no room for it.

    All such files take no more than half of what was free, for others need the disk, too.
    """
    folder = _folder()
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        if _free(folder) - size < _at_first_free(folder) / 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), folder)
        if not hasattr(os, "posix_fallocate"):  # as in macOS, which pages memory out by itself
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), folder)
        # where room is found wanting as memory is written to, the process is killed
        os.posix_fallocate(file.fileno(), 0, size)
        yield file.fileno(), mmap.mmap(file.fileno(), size)


def _folder() -> str:
    """A folder for temporary files that is on a disk; raises OSError if there is none."""
    for folder in (os.environ.get("TMPDIR"), "/var/tmp"):
        if folder and os.access(folder, os.W_OK | os.X_OK) and not _is_in_memory(folder):
            return folder
    raise OSError(errno.ENOENT, "no folder for temporary files is on a disk")


def _is_in_memory(folder: str) -> bool:
    """Whether what a folder holds takes memory, as Linux says of what is mounted there."""
    device = os.stat(folder).st_dev
    with open("/proc/self/mountinfo") as mounted:
        for line in mounted:
            place, _, kind = line.partition(" - ")
            if place.split()[2] == f"{os.major(device)}:{os.minor(device)}":
                return kind.split()[0] in ("tmpfs", "ramfs")
    return False


def _free(folder: str) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


_at_first_free = cache(_free)


def _arrays(value: Any) -> Iterable[Array]:
    if isinstance(value, np.ndarray):
        if value.nbytes >= SMALL and not value.dtype.hasobject:
            yield value
        return
    for part in _parts(value):
        yield from _arrays(part)


def _parts(value: Any) -> Iterable[Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) and not _has_texts(value) else ()


def _has_texts(value: Sequence[Any]) -> bool:
    """Whether a list is one of texts, as names are, of which there may be many."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], str)


def _replaced(value: Any, stored: Mapping[int, Array]) -> Any:
    if isinstance(value, np.ndarray):
        return stored.get(id(value), value)
    if is_dataclass(value) and not isinstance(value, type):
        own = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        return replace(value, **{name: _replaced(part, stored) for name, part in own.items()})
    if isinstance(value, Mapping):
        return {name: _replaced(part, stored) for name, part in value.items()}
    if isinstance(value, list | tuple) and not _has_texts(value):
        return type(value)(_replaced(part, stored) for part in value)
    return value
