"""The ledger: a tamper-evident record of what was run, decided and released, a line per event.

    <folder>/ledger.jsonl        one line of JSON per event, with the SHA-256 of the line before
    <folder>/torn-<digits>       the part of a line that a killed writer left

Anyone who keeps the digest of a line, as every sign-off does, can later tell whether any line up to
it was changed, cut or moved. A line is added under a lock, after the last whole line, and is on the
disk before anyone relies on it. The ledger decides what is in production: the last switch that was
begun and passed its test.
"""

import fcntl
import getpass
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from pricewright.files import clock as clocks
from pricewright.files.clock import Clock, format_time, parse_time
from pricewright.files.disk import open_lock, read_regular, sha256, sync_folder, write_whole
from pricewright.files.documents import parse_strict
from pricewright.files.errors import Refusal
from pricewright.steplog.log import say

LEDGER, SIGNOFFS = "ledger", "signoffs"
SIGNERS, REVOKED = "config/signers", "config/revoked"
"""Where a project keeps its ledger, its sign-offs, its signers and the revoked keys."""

NAME = "ledger.jsonl"

EMPTY = "0" * 64
"""The `previous` digest of the first line."""

OWN = ("sequence", "time", "event", "who", "previous")
"""The fields of every line; further fields depend on the event."""


@dataclass(frozen=True)
class Entry:
    """An event.

    sequence: its line's number, from 1.  time: in UTC, such as 2026-11-24T20:20:16Z.  who: the
    person.  fields: those of this kind of event.  previous: the SHA-256 of the line before, EMPTY
    for the first.  digest: the SHA-256 of this line, without its newline.
    """

    sequence: int
    time: str
    event: str
    who: str
    fields: Mapping[str, Any]
    previous: str
    digest: str


def read(folder: Path) -> list[Entry]:
    """Every entry, in order; none if there is no ledger.

    The part of a line that a killed writer left is ignored: it never was an entry. Raises Refusal
    for an invalid line; `verify` checks that the lines fit together.
    """
    path = folder / NAME
    lines = enumerate(read_lines(path), 1)
    return [parse_entry(line, f"{path}:{number}") for number, line in lines]


def read_lines(path: Path) -> list[bytes]:
    """The whole lines of a ledger's file, without newlines; none if there is no such file."""
    return _split(path)[:-1]


def describe_torn(folder: Path) -> str:
    """A sentence if a ledger ends with the part of a line, which counts as no entry; else ""."""
    path = folder / NAME
    *lines, part = _split(path)
    if not part:
        return ""
    return (
        f"{path}:{len(lines) + 1}: ends after {len(part)} bytes: its writer was killed, or it was "
        "cut off; the next line that is added sets this part aside."
    )


def _split(path: Path) -> list[bytes]:
    """The lines of a ledger's file, and last what follows the last newline, usually nothing."""
    try:
        return read_regular(path).split(b"\n")
    except FileNotFoundError:
        return [b""]


def parse_entry(line: bytes, where: str) -> Entry:
    """The entry on a line; raises Refusal, naming `where` it is, for an invalid line."""
    document: Any = None
    with suppress(Refusal):  # a line is never corrected, nor written again
        document = parse_strict(line, where)
    named = isinstance(document, dict) and list(document)[:5] == list(OWN)
    own = [document.pop(name) for name in OWN] if named else []
    if [type(value) for value in own] != [int, str, str, str, str] or not _is_time(own[1]):
        raise Refusal(f"{where}: not an entry of the ledger; restore the ledger from a backup.")
    sequence, time, event, who, previous = own
    return Entry(sequence, time, event, who, document, previous, sha256(line))


def _is_time(text: str) -> bool:
    with suppress(ValueError):
        return format_time(datetime.fromisoformat(text)) == text
    return False


@dataclass(frozen=True)
class Seen:
    """What someone saw of the ledger and recorded elsewhere.

    whose: the file with that record, such as `signoffs/report/ann.json`.  count: the number of
    lines then.  head: the digest of the last of them, EMPTY if there were none.
    """

    whose: str
    count: int
    head: str


def verify(folder: Path, seen: Iterable[Seen] = ()) -> list[str]:
    """What is wrong with a ledger, in sentences that say from which line on; empty if nothing is.

    seen: what others saw of it. The lines themselves reveal edits, moves and removals between them.
    Only `seen` reveals that the last lines were cut, or that all lines from one on were rewritten
    with fitting digests.
    """
    path = folder / NAME
    try:
        found = read_lines(path)
    except Refusal as refusal:
        return [str(refusal)]
    entries: list[Entry] = []
    broken: list[str] = []
    for number, line in enumerate(found, 1):
        try:
            entry = parse_entry(line, f"{path}:{number}")
        except Refusal as refusal:
            broken = [f"{refusal} From line {number} on it proves nothing."]
            break
        if wrong := _misplaced(entry, number, entries[-1].digest if entries else EMPTY):
            broken = [f"{path}:{number}: {wrong}"]
            break
        entries.append(entry)
    return [*broken, *_unseen(path, entries, list(seen), len(found))]


def fits(entries: Sequence[Entry], seen: Seen) -> bool:
    """Whether the ledger still has what someone saw, up to the last line that they saw."""
    if seen.count == 0:
        return seen.head == EMPTY
    return 0 < seen.count <= len(entries) and entries[seen.count - 1].digest == seen.head


def contradiction(path: Path, entries: Sequence[Entry], seen: Seen) -> str | None:
    """How a ledger contradicts what someone saw of it, in words; None if it fits."""
    if fits(entries, seen):
        return None
    if seen.count > len(entries):
        return f"{path}: has {len(entries)} lines, but {seen.whose} saw {seen.count}: it was cut"
    return f"{path}:{seen.count}: differs from what {seen.whose} saw: it was rewritten"


TOLERANCE = timedelta(minutes=10)
"""How far the clocks of the machines that write to a ledger may differ."""


def is_behind(last: Entry, moment: datetime) -> bool:
    """Whether a time is before that of the line before it, by more than TOLERANCE."""
    return format_time(moment + TOLERANCE) < last.time


def backdated(entries: Sequence[Entry]) -> list[str]:
    """A sentence for each line that is behind the one before it."""
    return [
        f"line {entry.sequence} of the ledger: is of {entry.time}, but the line before it is of "
        f"{before.time}: a clock was wrong, or was set back to backdate this line."
        for before, entry in pairwise(entries)
        if is_behind(before, parse_time(entry.time))
    ]


def _misplaced(entry: Entry, number: int, previous: str) -> str | None:
    if entry.sequence != number:
        return (
            f"has the number {entry.sequence}: lines were removed, added or moved; "
            f"from line {min(number, max(entry.sequence, 1))} on it proves nothing."
        )
    if entry.previous != previous:
        return (
            f"does not fit line {number - 1}: one of the two was changed; "
            f"from line {max(number - 1, 1)} on it proves nothing."
        )
    return None


def _unseen(path: Path, entries: Sequence[Entry], seen: Sequence[Seen], count: int) -> list[str]:
    """What differs from what somebody saw, earliest line first."""
    known = max((each.count for each in seen if fits(entries, each)), default=0)
    found = []
    for each in sorted(seen, key=lambda one: (one.count, one.whose)):
        if fits(entries, each) or each.count > len(entries) != count:
            continue  # intact, or behind a break that is reported already
        sure = known if known < each.count else 0
        proves = f"from line {sure + 1} on it proves nothing."
        if each.count > len(entries):
            proves = (
                f"from line {len(entries) + 1} on it is lost, and from line {sure + 1} on "
                "nothing proves that it is unchanged."
            )
        found.append(f"{contradiction(path, entries, each)}; {proves}")
    return found


PATIENCE = 30.0
"""Seconds to wait for another writer; writing a line takes milliseconds."""


def append(
    folder: Path,
    event: str,
    *,
    who: str | None = None,
    clock: Clock = clocks.now,
    **fields: object,
) -> Entry:
    """Add an event to the ledger; when this returns, it is on the disk.

    folder: the ledger's; created if need be.  event: what happened, such as `release`.  who: the
    person, by default the login name.  fields: further fields, fit for JSON.

    Raises Refusal for a ledger whose last line is invalid and OSError if it cannot be written; then
    nothing was added. Raises ValueError for fields that JSON cannot hold.
    """
    if clash := sorted(fields.keys() & set(OWN)):
        raise ValueError(f"{clash[0]!r} is a field that every line of the ledger has")
    path = folder / NAME
    with locked(folder):
        last = _after_recovery(path, clock)
        line = _line(last, event, who or login(), clock, fields)
        _add(path, line + b"\n")
    return parse_entry(line, str(path))


def login() -> str:
    """The login name of this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "unknown"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the ledger against other writers; the lock of a killed writer is released.

    Raises TimeoutError after PATIENCE.
    """
    lock = open_lock(folder / ".lock")
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{folder}: another process holds the ledger") from None
                time.sleep(0.005)
        yield
    finally:
        os.close(lock)


def _after_recovery(path: Path, clock: Clock) -> Entry | None:
    """The last entry, after setting aside and recording any part of a line by a killed writer.

    The part is saved first, then the ledger is replaced as a whole. If this is killed between the
    two, the next call does the same again.
    """
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return None
    *lines, torn = content.split(b"\n")
    last = parse_entry(lines[-1], f"{path}:{len(lines)}") if lines else None
    if not torn:
        return last
    aside = path.with_name(f"torn-{sha256(torn)[:16]}")
    write_whole(aside, torn)
    fields = {"kept": aside.name, "bytes": len(torn), "sha256": sha256(torn)}
    line = _line(last, "torn", login(), clock, fields)
    write_whole(path, content.removesuffix(torn) + line + b"\n")
    say("a torn line of the ledger was set aside", kept=aside, bytes=len(torn))
    return parse_entry(line, str(path))


def _line(
    last: Entry | None, event: str, who: str, clock: Clock, fields: Mapping[str, object]
) -> bytes:
    """The line after the last one, without newline; raises ValueError for fields JSON lacks."""
    number, previous = (last.sequence + 1, last.digest) if last else (1, EMPTY)
    own = dict(zip(OWN, (number, format_time(clock()), event, who, previous), strict=True))
    entry = own | dict(fields)
    return json.dumps(entry, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _add(path: Path, line: bytes) -> None:
    """Append a line and flush it to the disk; on failure, take back the part that was written."""
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
            sync_folder(path.parent)
    finally:
        os.close(ledger)


BEGUN = ("release", "rollback")
"""The events that begin a switch; their field `release` is the new release."""

PASSED, FAILED, UNDONE = "smoke-test-passed", "smoke-test-failed", "undone"
"""The events that end a switch."""


@dataclass(frozen=True)
class ProductionState:
    """The state of production.

    release: the digest of the release in production, None before the first.
    since: the number of the line that began the switch to it, 0 before the first.
    unfinished: the line of a switch that was begun but not ended.
    """

    release: str | None = None
    since: int = 0
    unfinished: Entry | None = None


def switches(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Entry | None]]:
    """Each line that begins a switch, with the line that ends it, None if it was not ended."""
    begun: Entry | None = None
    for entry in entries:
        if entry.event in BEGUN:
            if begun:
                yield begun, None
            begun = entry
        elif begun and entry.event in (PASSED, FAILED, UNDONE):
            yield begun, entry
            begun = None
    if begun:
        yield begun, None


def state_of(entries: Iterable[Entry]) -> ProductionState:
    """The state of production after these lines of the ledger."""
    state = ProductionState()
    for begun, end in switches(entries):
        if end and end.event == PASSED:
            state = ProductionState(str(begun.fields["release"]), begun.sequence)
        else:
            state = replace(state, unfinished=None if end else begun)
    return state


DROPPED = "dropped"
"""The event of removing a release's files, as `history.keep_releases_days` demands."""


def dropped_releases(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The ledger's line for each release that was dropped.

    It cannot be released again: a release's digest depends on the ledger before it.
    """
    return {str(entry.fields["release"]): entry for entry in entries if entry.event == DROPPED}


def undone_releases(entries: Iterable[Entry]) -> set[str]:
    """The digests of the releases that were begun but never reached a smoke test."""
    outcomes: dict[str, str | None] = {}
    for begun, end in switches(entries):
        release = str(begun.fields["release"])
        if outcomes.get(release) not in (PASSED, FAILED):
            outcomes[release] = end.event if end else None
    return {release for release, outcome in outcomes.items() if outcome == UNDONE}


def in_production(entries: Iterable[Entry]) -> str | None:
    """The digest of the release in production, None if there is none."""
    return state_of(entries).release


def release_before(entries: Sequence[Entry]) -> str | None:
    """The digest of the release that was in production before the current one."""
    now = state_of(entries)
    return state_of(entries[: now.since - 1]).release if now.since else None
