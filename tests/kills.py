"""Processes that die: at a chosen look at the file system, or when somebody kills them."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

CALLS = (
    *("open", "write", "fsync", "fchmod", "chmod", "ftruncate"),
    *("rename", "replace", "mkdir", "rmdir", "symlink", "link", "unlink"),
)

DONE, RAISED = 0, 3


def killed_at(step: int, folder: Path, work: Callable[[], object]) -> bool:
    """Do some work in a process that is killed at its `step`-th call that changes `folder`, before
    the call is made, for a write half-way through, for a replacement also after it; returns whether
    it was.

    A process that ends by itself must not raise.
    """
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (DONE, -signal.SIGKILL), "the work failed by itself"
        return code != DONE
    left = [step]
    for name in CALLS:
        _make_deadly(name, left, f"{folder}/")
    _do(work)
    return False


def begun(work: Callable[[], object]) -> int:
    """Do some work in a process of its own; returns its number."""
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


def _make_deadly(name: str, left: list[int], folder: str) -> None:
    real = getattr(os, name)

    def call(first, *arguments, **options):
        place = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else str(first)
        if name == "symlink":
            place = str(arguments[0])
        reads = name == "open" and not arguments[0] & (os.O_WRONLY | os.O_RDWR)
        changes = place.startswith(folder) and not reads
        if changes and is_last():
            if name == "write":
                real(first, bytes(arguments[0])[: len(arguments[0]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        done = real(first, *arguments, **options)
        if changes and name == "replace" and is_last():  # before a buffer is emptied into it
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    def is_last():
        left[0] -= 1
        return left[0] == 0

    setattr(os, name, call)
