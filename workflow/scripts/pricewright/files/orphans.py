"""No orphans: a process ends when nothing waits for its work any more, even after a kill."""

import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def here() -> str:
    """Where the numbers of processes mean the same: the machine, and on Linux its namespace, which
    a container has of its own."""
    with suppress(OSError):
        return f"{platform.node()} {os.readlink('/proc/self/ns/pid')}"
    return platform.node()


def _is_running(process: int) -> bool:
    """Whether there is such a process here; one that has ended, but that nobody has waited for yet,
    does not count."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    with suppress(OSError):  # a system without /proc
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def end_with(process: int, last: Callable[[], None] = lambda: None) -> None:
    """End this process within a second of another one of this machine; `last` is called before."""
    end_when(lambda: not _is_running(process), last)


def end_when(
    needless: Callable[[], bool], last: Callable[[], None], *, seconds: float = 0.5
) -> None:
    """End this process once it is needless, which is asked every so many seconds; `last` is called
    before."""

    def watch() -> None:
        while not needless():
            time.sleep(seconds)
        try:
            last()
        finally:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
