"""What is in production, by the ledger: the last switch that was begun and passed its test."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pricewright.ledger import Entry

BEGUN = ("release", "rollback")
"""The events with which a switch begins; their field `release` says to which release."""

PASSED, FAILED, UNDONE = "smoke-test-passed", "smoke-test-failed", "undone"
"""The events with which it ends."""


@dataclass(frozen=True)
class State:
    """Where production stands.

    release: the digest of the release in production, None before the first.
    since: the number of the line that began the switch to it, 0 before the first.
    unfinished: the line of a switch that was begun and not ended.
    """

    release: str | None = None
    since: int = 0
    unfinished: Entry | None = None


def state_of(entries: Iterable[Entry]) -> State:
    """Where production stands after some lines of the ledger."""
    release: str | None = None
    since = 0
    begun: Entry | None = None
    for entry in entries:
        if entry.event in BEGUN:
            begun = entry
        elif begun and entry.event in (PASSED, FAILED, UNDONE):
            if entry.event == PASSED:
                release, since = str(begun.fields["release"]), begun.sequence
            begun = None
    return State(release, since, begun)


def undone(entries: Iterable[Entry]) -> set[str]:
    """The digests of the releases that were begun, and never came as far as a smoke test."""
    last: dict[str, str] = {}
    for entry in entries:
        if entry.event in (*BEGUN, PASSED, FAILED, UNDONE):
            release = str(entry.fields["release"])
            if last.get(release) not in (PASSED, FAILED) or entry.event == PASSED:
                last[release] = entry.event
    return {release for release, event in last.items() if event == UNDONE}


def in_production(entries: Iterable[Entry]) -> str | None:
    """The digest of the release in production, None if there is none."""
    return state_of(entries).release


def before(entries: Sequence[Entry]) -> str | None:
    """The digest of the release that was in production before the one that is."""
    now = state_of(entries)
    return state_of(entries[: now.since - 1]).release if now.since else None
