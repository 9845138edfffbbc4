"""Files as the interface between steps: read once, digested, and written whole or not at all.

A sign-off covers the bytes at a path. So a link, a pipe or a device in place of a file is refused
there and not followed: what it points to could change later.
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
"""In bytes; Pricewright writes no larger file."""


def read_whole(path: Path) -> bytes:
    """The bytes of a file that must exist.

    Raises Refusal if the file is missing, is a folder or may not be read. Any other OSError may
    pass and is raised unchanged.
    """
    with refuse_missing(path):
        return Path(path).read_bytes()


def read_begin(path: Path, count: int) -> bytes:
    """The first bytes of a file that must exist; raises what `read_whole` raises."""
    with refuse_missing(path), Path(path).open("rb") as file:
        return file.read(count)


def read_most(file: BinaryIO, size: int, largest: int) -> bytes:
    """The content of an open file, cut to one byte more than the `largest` size allowed.

    `size` is the file's size when it was opened. A read reserves memory for the number of bytes
    requested, and a job with limited address space cannot reserve `largest` bytes.
    """
    content = file.read(min(size, largest) + 1)
    if size < len(content) <= largest:  # the file has grown since
        content += file.read(largest + 1 - len(content))
    return content


def read_regular(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of a file, read once, through one descriptor.

    Raises FileNotFoundError if the file is missing. Raises Refusal if it is not a regular file, may
    not be read or has more than `largest` bytes.
    """
    path = Path(path)
    try:
        # without O_NONBLOCK, opening a pipe would wait for its writer
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:
        raise Refusal(f"{str(path)!r}: the file name contains a NUL; remove it.") from None
    except OSError as error:
        if path.is_symlink():
            raise Refusal(f"{path}: is a link; replace it with the file itself.") from None
        if isinstance(error, PermissionError | NotADirectoryError):
            raise Refusal(
                f"{path}: cannot be opened ({error.strerror}); make it readable for this user."
            ) from None
        raise
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise Refusal(f"{path}: is not a regular file; remove it.")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = read_most(file, state.st_size, largest)
    finally:
        os.close(descriptor)
    if len(content) > largest:
        raise Refusal(
            f"{path}: has more than {largest:,} bytes, the largest size allowed; remove it."
        )
    return content


@contextmanager
def refuse_missing(path: Path | str) -> Iterator[None]:
    """Raise Refusal in place of the OSError for a missing file, a folder or a denied permission."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise Refusal(f"{path}: no such file; check the path.") from None
    except IsADirectoryError:
        raise Refusal(f"{path}: is a folder; name a file.") from None
    except PermissionError:
        raise Refusal(f"{path}: permission denied; make it readable for this user.") from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: readers, and crashes at any point, see the old file or the new one.

    The bytes go to a temporary file in the same folder, are synced to disk, and get the name by a
    rename. Missing folders are created. A killed writer leaves at most a hidden `.<name>.*.tmp`
    beside the file, which the next writer of the file removes.
    """
    with whole_file(path) as file:
        file.write(content)


def copy_whole(source: Path, path: Path) -> None:
    """Copy a file, writing the copy as `write_whole` does."""
    with source.open("rb") as content, whole_file(path) as file:
        shutil.copyfileobj(content, file, 1 << 20)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that gets its name, as `write_whole` describes, when the block ends.

    If the block raises, nothing is left behind.
    """
    with whole_files([path]) as (file,):
        yield file


@contextmanager
def whole_files(paths: Sequence[Path]) -> Iterator[list[BinaryIO]]:
    """Open several files, none of which gets its name before all are complete and synced to disk.

    If the block raises, or a file cannot be synced, nothing is left behind.
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
    """Make OSErrors name the file that is written instead of its temporary file.

    only_full: change only errors for a full disk that name no file.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or (only_full and (error.filename or error.errno not in _FULL)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def store_by_digest(folder: Path, chunks: Iterable[bytes]) -> tuple[str, int]:
    """Keep bytes read-only in a folder, with their SHA-256 as the name; returns it and the size.

    The folder itself is not synced: call `sync_folder` once after storing several.
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
"""The name of a file until `store_by_digest` knows its digest."""


def clear_abandoned(folder: Path, name: str) -> None:
    """Remove a name's temporary files whose writers were killed, so that no process locks them.

    A file stays if the file system has no locks or this user may not remove it.
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
    """The SHA-256 of a file, which is read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def open_lock(path: Path) -> int:
    """A descriptor for `flock`, for the caller to close; the file is created but links are refused.

    The system releases the lock when the last process that holds the descriptor ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def point_link(link: Path, target: str) -> None:
    """Point a link at another target atomically: it never points anywhere but to old or new."""
    following = link.with_name(f".{link.name}.next")
    following.unlink(missing_ok=True)
    following.symlink_to(target)
    os.replace(following, link)
    sync_folder(link.parent)


def sync_folder(folder: Path) -> None:
    """Sync a folder's list of names to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _temporary(folder: Path, name: str, *, sync: bool = True) -> Iterator[tuple[BinaryIO, str]]:
    """A temporary file that the block renames; it is removed if the block raises."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = _locked_temporary(folder, name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file, temporary
    except BaseException:
        with suppress(FileNotFoundError):  # already renamed
            os.unlink(temporary)
        raise
    if sync:
        sync_folder(folder)


def _locked_temporary(folder: Path, name: str) -> tuple[int, str]:
    """A new file that is locked while its writer lives, if the file system has locks."""
    while True:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".tmp")
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # else `clear_abandoned` removed it before it was locked
            return handle, temporary
        os.close(handle)


def drop_output() -> None:
    """Discard the rest of standard output.

    Its reader has stopped reading, and the process must not fail again when it flushes at exit.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fchmod(file.fileno(), 0o666 & ~_UMASK)
    os.fsync(file.fileno())


def _read_umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


_UMASK = _read_umask()  # mkstemp makes private files, but artifacts get the usual permissions
