"""Adding a line: under a lock, after the last whole one, on the disk before anyone relies on it."""

import fcntl
import getpass
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pricewright import clock as clocks
from pricewright.clock import Clock, stamp
from pricewright.files import reach_disk, sha256, write_whole
from pricewright.journal import say
from pricewright.ledger.entries import EMPTY, NAME, OWN, Entry, newest, parsed, whole_lines, written
from pricewright.regular import read_regular

PATIENCE = 30.0
"""Seconds to wait for whoever else is writing; a line takes milliseconds."""


def append(
    folder: Path,
    event: str,
    *,
    who: str | None = None,
    clock: Clock = clocks.now,
    **fields: object,
) -> Entry:
    """Add an event to the ledger; when this returns, it is on the disk.

    folder: where the ledger is; made if need be.  event: what happened, as `release`.  who: the
    person, by default the login name.  fields: whatever else there is to say, as JSON can.

    Raises Refusal for a ledger that cannot be gone on with, OSError if it cannot be written; then
    nothing was added. ValueError for fields that JSON cannot say.
    """
    if clash := sorted(fields.keys() & set(OWN)):
        raise ValueError(f"{clash[0]!r} is the ledger's own")
    path = Path(folder) / NAME
    with locked(Path(folder)):
        last = _after_recovery(path, clock)
        line = _line(last, event, who or getpass.getuser(), clock, fields)
        _add(path, line + b"\n")
    return parsed(line, path, (last.sequence if last else 0) + 1)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other writer out of the ledger; a writer that dies lets go by itself.

    Raises TimeoutError after PATIENCE.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{folder}: another process has kept the ledger") from None
                time.sleep(0.005)
        yield
    finally:
        os.close(lock)


def _after_recovery(path: Path, clock: Clock) -> Entry | None:
    """The last entry, after what a dead writer left of a line was set aside and put on record.

    The piece is kept first, then the ledger is replaced as a whole: killed between the two, the
    same is done again.
    """
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return None
    whole = content[: content.rfind(b"\n") + 1]
    last = newest(whole_lines(whole), path)
    if len(whole) == len(content):
        return last
    torn = content[len(whole) :]
    aside = path.with_name(f"torn-{sha256(torn)[:16]}")
    write_whole(aside, torn)
    fields = {"kept": aside.name, "bytes": len(torn), "sha256": sha256(torn)}
    line = _line(last, "torn", getpass.getuser(), clock, fields)
    write_whole(path, whole + line + b"\n")
    say("a torn line of the ledger was set aside", kept=aside, bytes=len(torn))
    return parsed(line, path, (last.sequence if last else 0) + 1)


def _line(
    last: Entry | None, event: str, who: str, clock: Clock, fields: Mapping[str, object]
) -> bytes:
    number, previous = (last.sequence + 1, last.digest) if last else (1, EMPTY)
    own = dict(zip(OWN, (number, stamp(clock()), event, who, previous), strict=True))
    return written(own | dict(fields))


def _add(path: Path, line: bytes) -> None:
    """Write a line at the end and see it reach the disk, or take back what was written of it."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    ledger = os.open(path, flags, 0o666)
    try:
        size = os.fstat(ledger).st_size
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(ledger, rest) :]
            os.fsync(ledger)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(ledger, size)
                os.fsync(ledger)
            raise
        if size == 0:
            reach_disk(path.parent)
    finally:
        os.close(ledger)
