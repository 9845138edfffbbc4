"""Processes that are killed at a chosen change to the file system."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CALLS = (
    *("open", "write", "fsync", "fchmod", "chmod", "ftruncate"),
    *("rename", "replace", "mkdir", "rmdir", "symlink", "link", "unlink"),
)

DONE, RAISED = 0, 3


@contextmanager
def full_at_second_sync() -> Iterator[None]:
    """Make the disk full for the block's second sync of a file."""
    synced: list[int] = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        yield


def killed_at(step: int, folder: Path, work: Callable[[], object]) -> bool:
    """Do work in a process that is killed at its `step`-th change to `folder`; returns whether it
    was killed.

    The kill comes before the call, or halfway through a write; for a replacement there is one more
    step after the call. A process that ends without a kill must not raise.
    """
    left = [step]

    def die_at_last() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return _ended(begun(lambda: _interrupted(work, folder, die_at_last))) != DONE


def killed_at_each_step(folder: Path, work: Callable[[], object], copies: Path) -> list[Path]:
    """Copies of `folder` as it would be left by a kill at each step of `killed_at`, and at the end.

    One process does the work and copies the folder at each step. Steps at which the folder is the
    same share one copy.
    """
    copies.mkdir()
    last: list[object] = []

    def copy_if_new() -> None:
        found = [(path, *_kind(path)) for path in sorted(folder.rglob("*"))]
        if found != last:
            last[:] = found
            shutil.copytree(folder, copies / f"{len(os.listdir(copies)):04}", symlinks=True)

    def work_to_the_end() -> None:
        _interrupted(work, folder, copy_if_new)
        copy_if_new()

    assert _ended(begun(work_to_the_end)) == DONE
    return sorted(copies.iterdir())


def _kind(path: Path) -> tuple[int, ...]:
    """The attributes of a file that change when the file does."""
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns


def begun(work: Callable[[], object]) -> int:
    """Do work in a new process; returns its number."""
    return os.fork() or _do(work)


def _do(work: Callable[[], object]) -> int:
    code = RAISED
    try:
        work()
        code = DONE
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.__stderr__)
    finally:
        os._exit(code)


def _ended(child: int) -> int:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (DONE, -signal.SIGKILL), "the work failed by itself"
    return code


def _interrupted(work: Callable[[], object], folder: Path, at_step: Callable[[], None]) -> None:
    """Do work in this process, calling `at_step` at each change to the folder."""
    for name in CALLS:
        _interrupt(name, f"{folder}/", at_step)
    work()


def _interrupt(name: str, folder: str, at_step: Callable[[], None]) -> None:
    real = getattr(os, name)

    def call(first, *arguments, **options):
        place = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else str(first)
        if name == "symlink":
            place = str(arguments[0])
        reads = name == "open" and not arguments[0] & (os.O_WRONLY | os.O_RDWR)
        if reads or not place.startswith(folder):
            return real(first, *arguments, **options)
        if name == "write":
            content = bytes(arguments[0])
            written = real(first, content[: len(content) // 2])
            at_step()
            return written + real(first, content[written:])
        at_step()
        done = real(first, *arguments, **options)
        if name == "replace":  # before a buffer is emptied into it
            at_step()
        return done

    setattr(os, name, call)
