"""Files as the interface between steps: read once, digested, written whole or not at all.

A sign-off is about the bytes at a path: there, a link, a pipe or a device in a file's place is
refused and not followed, for what it points to can be changed later.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pricewright.files.errors import Refusal

LARGEST = 2 * 10**9
"""Bytes; what is larger is no file of ours."""


def read_whole(path: Path) -> bytes:
    """The bytes of a file that must be there.

    Raises Refusal if there is no such file, or if it is a folder or closed to us; any
    other OSError, which may pass, is raised as it is.
    """
    with refuse_missing(path):
        return Path(path).read_bytes()


def read_begin(path: Path, count: int) -> bytes:
    """The first bytes of a file that must be there; raises what `read_whole` raises."""
    with refuse_missing(path), Path(path).open("rb") as file:
        return file.read(count)


def read_most(file: BinaryIO, size: int, largest: int) -> bytes:
    """What an open file has, or one byte more than the `largest` number allowed.

    `size` is what it had when it was opened. To read a number of bytes takes room for so many,
    however few there are: where a job's addresses are limited, there is none for the largest file.
    """
    content = file.read(min(size, largest) + 1)
    if size < len(content) <= largest:  # it has grown since
        content += file.read(largest + 1 - len(content))
    return content


def read_regular(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of a file, read once, through one descriptor.

    Raises FileNotFoundError if there is none, Refusal for what is no regular file, is closed to us
    or has more than `largest` bytes.
    """
    path = Path(path)
    try:
        # without O_NONBLOCK, opening a pipe would wait for its writer
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:
        raise Refusal(f"{str(path)!r}: a NUL in a file's name; name another.") from None
    except OSError as error:
        if path.is_symlink():
            raise Refusal(
                f"{path}: is a link, where the file itself is needed; put the file there."
            ) from None
        if isinstance(error, PermissionError | NotADirectoryError):
            raise Refusal(f"{path}: cannot be opened ({error.strerror}); see to it.") from None
        raise
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise Refusal(f"{path}: is no file, where a file is needed; remove it.")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = read_most(file, state.st_size, largest)
    finally:
        os.close(descriptor)
    if len(content) > largest:
        raise Refusal(f"{path}: more than {largest:,} bytes, the most that it may have; remove it.")
    return content


@contextmanager
def refuse_missing(path: Path | str) -> Iterator[None]:
    """Turn the trouble with a file that is not there, or not for us, into a Refusal."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise Refusal(f"{path}: no such file; check the path.") from None
    except IsADirectoryError:
        raise Refusal(f"{path}: is a folder, where a file is needed.") from None
    except PermissionError:
        raise Refusal(f"{path}: permission denied; make it readable for this user.") from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash at any instruction, sees the old one or the new.

    The bytes go to a temporary file in the same folder, reach the disk, and take the name
    by a rename; the folder is made if need be. A killed writer leaves at most a hidden
    `.<name>.*.tmp` beside the file, which the next writer of the file removes.
    """
    with whole_file(path) as file:
        file.write(content)


def copy_whole(source: Path, path: Path) -> None:
    """Write a file with the bytes of another, as `write_whole` does."""
    with source.open("rb") as content, whole_file(path) as file:
        shutil.copyfileobj(content, file, 1 << 20)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write into, which takes its name as `write_whole` says when the block ends.

    If the block raises, nothing is left of it.
    """
    with whole_files([path]) as (file,):
        yield file


@contextmanager
def whole_files(paths: Sequence[Path]) -> Iterator[list[BinaryIO]]:
    """Files to write into, none of which takes its name before all are whole and on the disk.

    If the block raises, or one of them cannot reach the disk, nothing is left of any.
    """
    paths = [Path(path) for path in paths]
    with _called(paths[0], only_full=True), ExitStack() as stack:
        opened = []
        for path in paths:
            clear_abandoned(path.parent, path.name)
            with _called(path):
                opened.append(stack.enter_context(_temporary(path.parent, path.name)))
        yield [file for file, _ in opened]
        for path, (file, _) in zip(paths, opened, strict=True):
            with _called(path):
                _settle(file)
        for path, (_, temporary) in zip(paths, opened, strict=True):
            with _called(path):
                os.replace(temporary, path)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def _called(path: Path, *, only_full: bool = False) -> Iterator[None]:
    """Have an error of the system name the file that is written, and not its temporary name.

    only_full: only that there is no room, which names no file.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or (only_full and (error.filename or error.errno not in _FULL)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def store_by_digest(folder: Path, chunks: Iterable[bytes]) -> tuple[str, int]:
    """Keep bytes in a folder under their SHA-256, read-only; returns it and their number.

    The folder's own list of names is left to `sync_folder`, once for many.
    """
    digest, size = hashlib.sha256(), 0
    with _temporary(Path(folder), ARRIVING, sync=False) as (file, temporary):
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        _settle(file)
        os.chmod(temporary, 0o444)
        os.replace(temporary, folder / digest.hexdigest())
    return digest.hexdigest(), size


ARRIVING = "arriving"
"""What bytes are called until `store_by_digest` knows their digest."""


def clear_abandoned(folder: Path, name: str) -> None:
    """Remove the temporary files for a name whose writers were killed: no process has their lock.

    Where there are no locks, or a file is not ours to remove, it stays.
    """
    ours = re.compile(rf"\.{re.escape(name)}\.\w{{8}}\.tmp", re.ASCII)
    with suppress(FileNotFoundError, NotADirectoryError):
        for each in filter(ours.fullmatch, os.listdir(folder)):
            with suppress(OSError):
                _remove_unless_locked(folder / each)


def _remove_unless_locked(path: Path) -> None:
    # without O_NONBLOCK, opening a pipe would wait for its reader
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, read piece by piece."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def open_lock(path: Path) -> int:
    """A descriptor for `flock`, of a file that is made if need be and is no link; to be closed.

    The system lets go of a lock when the last process is gone that has the descriptor.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def point_link(link: Path, target: str) -> None:
    """Point a link at another place, so that at every instant it points at one of the two."""
    following = link.with_name(f".{link.name}.next")
    following.unlink(missing_ok=True)
    following.symlink_to(target)
    os.replace(following, link)
    sync_folder(link.parent)


def sync_folder(folder: Path) -> None:
    """See that a folder's own list of names is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _temporary(folder: Path, name: str, *, sync: bool = True) -> Iterator[tuple[BinaryIO, str]]:
    """A file that the block renames; it is gone if the block raises."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = _locked_temporary(folder, name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file, temporary
    except BaseException:
        with suppress(FileNotFoundError):  # it has its name
            os.unlink(temporary)
        raise
    if sync:
        sync_folder(folder)


def _locked_temporary(folder: Path, name: str) -> tuple[int, str]:
    """A new file that is locked as long as its writer lives, where there are locks."""
    while True:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".tmp")
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # else `clear_abandoned` came before the lock
            return handle, temporary
        os.close(handle)


def drop_output() -> None:
    """Let what is left of standard output go: whoever reads it has stopped, and the process must
    not fail again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fchmod(file.fileno(), 0o666 & ~_UMASK)
    os.fsync(file.fileno())


def _read_umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


_UMASK = _read_umask()  # mkstemp makes private files; an artifact is as readable as any other
