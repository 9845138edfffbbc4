"""Whether a ledger is what it was: each line after the one before, and what others saw of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pricewright.errors import Refusal
from pricewright.ledger.entries import EMPTY, NAME, Entry, lines, parsed


@dataclass(frozen=True)
class Seen:
    """What someone saw of the ledger and wrote down elsewhere.

    whose: where that stands, as `signoffs/report/ann.json`.  count: how many lines there were.
    head: the digest of the last of them, EMPTY if there were none.
    """

    whose: str
    count: int
    head: str


def verify(folder: Path, seen: Iterable[Seen] = ()) -> list[str]:
    """What is wrong with a ledger, in sentences that say from which line on; none if nothing is.

    seen: what others saw of it. The lines alone show what was edited, moved or taken out between
    them; that the last ones were cut, or all rewritten from some line on with digests that fit
    again, only those show who saw what was there.
    """
    path = Path(folder) / NAME
    try:
        found = lines(path)
    except Refusal as refusal:
        return [str(refusal)]
    entries: list[Entry] = []
    broken: list[str] = []
    for number, line in enumerate(found, 1):
        try:
            entry = parsed(line, path, number)
        except Refusal as refusal:
            broken = [f"{refusal} From line {number} on it shows nothing."]
            break
        if wrong := _misplaced(entry, number, entries[-1].digest if entries else EMPTY):
            broken = [f"{path}:{number}: {wrong}"]
            break
        entries.append(entry)
    return [*broken, *_unseen(path, entries, list(seen), len(found))]


def fits(entries: Sequence[Entry], seen: Seen) -> bool:
    """Whether the ledger still has, at the line that someone saw last, what they saw."""
    if seen.count == 0:
        return seen.head == EMPTY
    return 0 < seen.count <= len(entries) and entries[seen.count - 1].digest == seen.head


def _misplaced(entry: Entry, number: int, previous: str) -> str | None:
    if entry.sequence != number:
        return (
            f"has the number {entry.sequence}: lines were taken out, put in or moved; "
            f"from line {min(number, max(entry.sequence, 1))} on it shows nothing."
        )
    if entry.previous != previous:
        return (
            f"does not fit line {number - 1}: one of the two was changed; "
            f"from line {max(number - 1, 1)} on it shows nothing."
        )
    return None


def _unseen(path: Path, entries: Sequence[Entry], seen: Sequence[Seen], count: int) -> list[str]:
    """What no longer is as somebody saw it, the earliest line first."""
    known = max((each.count for each in seen if fits(entries, each)), default=0)
    found = []
    for each in sorted(seen, key=lambda one: (one.count, one.whose)):
        if fits(entries, each) or each.count > len(entries) != count:
            continue  # as it was, or behind a break that was told of already
        sure = known if known < each.count else 0
        if each.count > len(entries):
            found.append(
                f"{path}: has {len(entries)} lines, where {each.whose} saw {each.count}: it was "
                f"cut; from line {len(entries) + 1} on it is lost, and from line {sure + 1} on "
                "nothing shows that it is as it was."
            )
        else:
            found.append(
                f"{path}:{each.count}: is not what {each.whose} saw: it was rewritten; "
                f"from line {sure + 1} on it shows nothing."
            )
    return found
