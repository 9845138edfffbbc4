"""Work in several processes; numpy's calls here are too short for threads in one process.

Workers import what a function needs, but nothing of the running script, and stay for the next call.
They end by themselves when idle, and soon after the process that started them dies.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from pricewright.files.orphans import end_with

IDLE = 10
"""The seconds after which an idle worker ends."""

AHEAD = 2
"""The number of pieces per worker that are submitted ahead of the results."""

One = TypeVar("One")
Result = TypeVar("Result")


def map_in_processes(
    function: Callable[[One], Result],
    pieces: Iterable[One],
    processes: int,
) -> Iterator[Result]:
    """Yield the results for all pieces, in order, as they are ready; pieces are taken as needed.

    Unless `processes` is 1, the function, the pieces and the results must be picklable. Raises what
    the function raises, and MemoryError if a process is killed, for example for lack of memory.
    """
    if processes <= 1:
        yield from map(function, pieces)
        return
    from loky import get_reusable_executor
    from loky.process_executor import TerminatedWorkerError

    pool = get_reusable_executor(
        max_workers=processes, timeout=IDLE, initializer=end_with, initargs=(os.getpid(),)
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
        raise MemoryError(f"a process was killed, probably for lack of memory ({error})") from None
    finally:
        for result in waiting:
            result.cancel()
