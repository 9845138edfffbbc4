"""No orphans: a process ends with the one that it works for, even if that one is killed."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def is_running(process: int) -> bool:
    """Whether this machine has such a process; one that has ended, but that nobody has waited for
    yet, does not count."""
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
    """End this process within a second of another one; `last` is called before."""

    def watch() -> None:
        while is_running(process):
            time.sleep(0.5)
        last()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
