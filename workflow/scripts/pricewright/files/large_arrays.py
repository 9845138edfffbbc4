"""Arrays that may be larger than memory: above a certain size they are kept in unnamed files.

The system writes pages of such a file out and reads them back as memory allows, so it never runs
short. The file is in `TMPDIR`, or in `/var/tmp` if `TMPDIR` is unset or itself in memory. It
disappears with the process that made it. If the disk has no room, the array stays in memory.
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
"""In bytes: the size from which an array is kept in a file, how much a shelf keeps in memory, and
the least size of a shelf's file."""

SMALL = 2**12
"""An array of fewer bytes stays in memory."""

Array = npt.NDArray[Any]
Value = TypeVar("Value")


def new_array(shape: int | Sequence[int], dtype: npt.DTypeLike = np.float64) -> Array:
    """An uninitialised array, like `np.empty`; kept in a file if it is large."""
    found = np.dtype(dtype)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    size = math.prod(shape) * found.itemsize
    if size >= LARGE:
        with suppress(OSError), _mapped_file(size) as (_, memory):
            return np.ndarray(shape, found, memory)
    return np.empty(shape, found)


def joined(parts: Iterable[Array], count: int, dtype: npt.DTypeLike = np.float64) -> Array:
    """Concatenate arrays (n,) with `count` numbers in all; kept in a file if it is large."""
    found, end = new_array(count, dtype), 0
    for part in parts:
        begin, end = end, end + len(part)
        found[begin:end] = part
    assert end == count
    return found


class Shelf:
    """Keep arrays; once they reach LARGE bytes in total, further arrays go into unnamed files."""

    def __init__(self) -> None:
        self._held = self._end = 0
        self._files = ExitStack()
        self._file: tuple[int, mmap.mmap] | None = None
        self._is_full = False

    def put(self, value: Value) -> Value:
        """An equal value, with its arrays in a file if the shelf holds LARGE bytes by now.

        Arrays are found in dataclasses, mappings, lists and tuples.
        """
        arrays = {id(each): each for each in _arrays(value)}
        self._held += sum(each.nbytes for each in arrays.values())
        if self._held < LARGE or self._is_full:
            return value
        try:
            stored = {key: self._stored(each) for key, each in arrays.items()}
        except OSError:  # further attempts would fail, too
            self._is_full = True
            return value
        found: Value = _replaced(value, stored)
        return found

    def new_array(self, count: int, dtype: npt.DTypeLike = np.float64) -> Array:
        """An uninitialised array (count,), in a file if the shelf holds LARGE bytes by now."""
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
        while len(content):  # not through the map, whose pages would all stay in memory
            written = os.pwrite(number, content.data, at)
            content, at = content[written:], at + written
        return np.ndarray(array.shape, array.dtype, memory, begin)

    def _room(self, size: int) -> tuple[int, mmap.mmap, int]:
        """A file's descriptor and map, and the offset in it with room for `size` bytes.

        Many arrays share a file, because a process may open only so many files.
        """
        if self._file is None or self._end + size > len(self._file[1]):
            self._files.close()
            self._file, self._end = self._files.enter_context(_mapped_file(max(size, LARGE))), 0
        begin, self._end = self._end, -(-(self._end + size) // _ALIGNED) * _ALIGNED
        return *self._file, begin


_ALIGNED = 64


@contextmanager
def _mapped_file(size: int) -> Iterator[tuple[int, mmap.mmap]]:
    """A new unnamed file of `size` bytes: its descriptor and its map, which stays valid in use.

    Raises OSError if there is no room. Such files take at most half of the disk space that was
    free at first, because others need the disk, too.
    """
    folder = _folder()
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        if _free(folder) - size < _at_first_free(folder) / 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), folder)
        if not hasattr(os, "posix_fallocate"):  # such as on macOS, which pages out by itself
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), folder)
        # reserve the space now: if the disk filled up on a later write, the process would be killed
        os.posix_fallocate(file.fileno(), 0, size)
        yield file.fileno(), mmap.mmap(file.fileno(), size)


def _folder() -> str:
    """A folder on a disk for temporary files; raises OSError if there is none."""
    for folder in (os.environ.get("TMPDIR"), "/var/tmp"):
        if folder and os.access(folder, os.W_OK | os.X_OK) and not _is_in_memory(folder):
            return folder
    raise OSError(errno.ENOENT, "no folder for temporary files is on a disk")


def _is_in_memory(folder: str) -> bool:
    """Whether a folder is on a file system in memory, according to Linux's list of mounts."""
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
    """Whether a list holds texts, such as names: it may be long and contains no arrays."""
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
