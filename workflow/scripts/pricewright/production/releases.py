"""The releases that there are: which one is meant, what became of each, what each saw."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pricewright import ledger
from pricewright.errors import Refusal
from pricewright.ledger import Entry, Seen
from pricewright.production import store
from pricewright.production.examining import examined
from pricewright.production.link import CURRENT, pointed_at
from pricewright.production.manifest import NAME
from pricewright.production.state import (
    BEGUN,
    FAILED,
    PASSED,
    UNDONE,
    before,
    in_production,
    state_of,
)

PREVIOUS = "previous"

_OUTCOMES = {PASSED: "passed its smoke test", FAILED: "failed its smoke test", UNDONE: "undone"}


def folder_of(root: Path) -> Path:
    """Where the releases are."""
    return Path(root) / "production" / "releases"


def resolve(root: Path, text: str) -> str:
    """The digest of the release that is meant: by its digest, the beginning of it, or `previous`,
    the one before the one in production.

    Raises Refusal unless exactly one is meant.
    """
    if text == PREVIOUS:
        earlier = before(ledger.read(Path(root) / "ledger"))
        if earlier is None:
            raise Refusal("previous: there was no release before the one in production.")
        return earlier
    known = store.digests(folder_of(root))
    found = [digest for digest in known if digest.startswith(text)] if len(text) >= 4 else []
    if len(found) != 1:
        there = f"there are {', '.join(known)}" if known else "there are no releases yet"
        raise Refusal(f"{text}: means {len(found)} releases, where one is needed; {there}.")
    return found[0]


def files(root: Path, digest: str) -> dict[str, bytes]:
    """The files of a release that people sign, by the names that they have under `results/`."""
    manifest, contents = store.opened(folder_of(root), digest)
    return {name: contents[kept] for name, kept in manifest.covered.items()}


def seen(root: Path) -> list[Seen]:
    """What each release that took effect saw of the ledger, for that to be checked against."""
    found = []
    for digest in store.digests(folder_of(root)):
        try:
            manifest, _ = store.opened(folder_of(root), digest)
        except Refusal:
            continue  # `verify` says so
        whose = f"production/releases/{digest}/{NAME}"
        found.append(Seen(whose, manifest.lines, manifest.head))
    return found


def history(root: Path) -> str:
    """Every release and rollback, the newest first, a line each."""
    entries = ledger.read(Path(root) / "ledger")
    now = state_of(entries)
    lines = []
    for begun, end in reversed(list(_switches(entries))):
        what = _OUTCOMES[end.event] if end else "begun, and not ended"
        mark = "in production" if begun.sequence == now.since else what
        lines.append(
            f"  {begun.time}  {begun.event:<8} {str(begun.fields['release'])[:12]}  {begun.who}: "
            f"{mark}"
        )
    return "\n".join(lines) or "  nothing was released yet"


def verify(root: Path) -> list[str]:
    """What is wrong with production, in sentences; none if nothing is.

    Every release is whole, was signed for as its own policy asks, and is on record; the link
    points where the ledger says.
    """
    try:
        entries = ledger.read(Path(root) / "ledger")
    except Refusal as refusal:
        return [f"{refusal} Without it the releases cannot be checked."]
    there = store.digests(folder_of(root))
    problems = [problem for digest in there for problem in examined(root, digest, entries)]
    for begun, end in _switches(entries):
        digest = str(begun.fields["release"])
        if end and end.event == PASSED and digest not in there:
            problems.append(
                f"{folder_of(root) / digest}: is not there, but line {begun.sequence} of the "
                "ledger tells of it."
            )
        if end is None:
            problems.append(
                f"line {begun.sequence} of the ledger: a {begun.event} was begun and not ended; "
                "the next release or rollback ends it."
            )
    return problems + _link_problems(root, entries)


def _link_problems(root: Path, entries: Sequence[Entry]) -> list[str]:
    link, expected = Path(root) / "production" / CURRENT, in_production(entries)
    try:
        found = pointed_at(link.parent)
    except Refusal as refusal:
        return [str(refusal)]
    unfinished = state_of(entries).unfinished
    if found == expected or (unfinished and found == unfinished.fields["release"]):
        return []
    return [
        f"{link}: points at {found or 'nothing'}, where the ledger says {expected or 'nothing'}."
    ]


def _switches(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Entry | None]]:
    """Each line that begins a switch, with the one that ends it, None if it was not ended."""
    begun: Entry | None = None
    for entry in entries:
        if entry.event in BEGUN:
            if begun:
                yield begun, None
            begun = entry
        elif begun and entry.event in _OUTCOMES:
            yield begun, entry
            begun = None
    if begun:
        yield begun, None
