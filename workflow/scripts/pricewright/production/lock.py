"""One at a time: whoever releases, rolls back or tidies up has production to itself."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pricewright.errors import Refusal

NAME = ".lock"


@contextmanager
def one_at_a_time(production: Path) -> Iterator[None]:
    """Keep every other release and rollback out while the block runs.

    A process that dies lets go by itself. Raises Refusal, at once, if another has it: that one
    may change what is in production, and this one would have been asked for on what was before.
    """
    production.mkdir(parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    lock = os.open(production / NAME, flags, 0o666)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(
                f"{production}: another release or rollback is under way, and this one did "
                "nothing; look at status.py when that one has ended."
            ) from None
        yield
    finally:
        os.close(lock)
