"""Work that is done in several processes, for numpy's calls here are too short to share one.

The workers import what a function needs and nothing of the script that runs, and are kept for the
next call. Left alone they end by themselves, and at once if whoever started them dies.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

IDLE = 10
"""Seconds after which a worker that has nothing to do ends."""

AHEAD = 2
"""Pieces for each worker that are made ready before a result is taken."""

One = TypeVar("One")
Result = TypeVar("Result")


def map_in_processes(
    function: Callable[[One], Result],
    pieces: Iterable[One],
    processes: int,
) -> Iterator[Result]:
    """The results for all pieces, in their order, each when it is there; pieces are taken as they
    are needed.

    The function, the pieces and the results can be pickled, or `processes` is 1. Raises what the
    function raises, and MemoryError if a process is killed, as for want of memory.
    """
    if processes <= 1:
        yield from map(function, pieces)
        return
    from loky import get_reusable_executor
    from loky.process_executor import TerminatedWorkerError

    pool = get_reusable_executor(
        max_workers=processes, timeout=IDLE, initializer=_end_with, initargs=(os.getpid(),)
    )
    waiting: deque[Any] = deque()
    try:
        for piece in pieces:
            waiting.append(pool.submit(function, piece))
            if len(waiting) > AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except TerminatedWorkerError as error:
        raise MemoryError(f"a process was killed, as for want of memory ({error})") from None
    finally:
        for result in waiting:
            result.cancel()


def _end_with(parent: int) -> None:
    """End this process soon after another, even if that is killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
