"""The stored releases: finding one, the history of each, and whether each is intact.

A release is examined as an auditor would: by its own bytes and the ledger up to then.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pricewright.files.clock import parse_time
from pricewright.files.documents import parse_strict
from pricewright.files.errors import Refusal
from pricewright.releases import store
from pricewright.releases.link import CURRENT, LinkAstray, read_link
from pricewright.releases.store import NAME_MANIFEST
from pricewright.signoffs import ledger
from pricewright.signoffs.authority import RELEASES, authority, shortfalls
from pricewright.signoffs.ledger import (
    BEGUN,
    FAILED,
    LEDGER,
    NAME,
    PASSED,
    SIGNOFFS,
    UNDONE,
    Entry,
    Seen,
    contradiction,
    dropped_releases,
    in_production,
    release_before,
    state_of,
    switches,
)
from pricewright.signoffs.policy import Policy, parse_policy
from pricewright.signoffs.signed_files import COVERED, identity
from pricewright.signoffs.statements import StoredStatement
from pricewright.signoffs.validity import Case


def examine_release(root: Path, digest: str, entries: Sequence[Entry]) -> list[str]:
    """What is wrong with a release, in sentences; empty if nothing is.

    It must be complete, on record and signed for. Each signature is verified again as of the time
    of the release, under the policy that is stored with it.
    """
    folder = releases_folder(root)
    try:
        manifest, contents = store.open_release(folder, digest)
        policy = kept_policy(contents)
    except Refusal as refusal:
        return [str(refusal)]
    begun = next(
        (
            entry
            for entry in entries
            if entry.event == "release" and entry.fields.get("release") == digest
        ),
        None,
    )
    where = folder / digest
    if begun is None:
        return [f"{where}: the ledger does not record it; it was not released by production."]
    problems = []
    if policy.digest != manifest.policy:
        problems.append(f"{where}: was signed for under a different policy from the one it holds.")
    if begun.fields.get("replaces") != manifest.replaces:
        problems.append(
            f"{where}: line {begun.sequence} of the ledger names a different replaced release."
        )
    case = Case(policy, manifest.signed(), entries[: manifest.lines], parse_time(begun.time))
    problems += [f"{where}: {why}" for why in shortfalls(begun, [*_kept(contents)], case)]
    if begun.fields.get("covered") != identity(manifest.signed()):
        problems.append(f"{where}: line {begun.sequence} of the ledger is about other files.")
    return problems


def kept_policy(contents: Mapping[str, bytes]) -> Policy:
    """The policy under which a release was signed for, from the release's files."""
    name = "policy/policy.json"
    if name not in contents:
        raise Refusal(f"{name}: is missing from the release; it is not a valid release.")
    return parse_policy(parse_strict(contents[name], name), name)


def _kept(contents: Mapping[str, bytes]) -> Iterator[StoredStatement]:
    """The statements among a release's files."""
    for gate in COVERED:
        begin = f"{SIGNOFFS}/{gate}/"
        for name, content in sorted(contents.items()):
            if name.startswith(begin) and name.endswith(".json"):
                who = name.removeprefix(begin).removesuffix(".json")
                yield StoredStatement(gate, who, name, content, contents.get(f"{name}.sig", b""))


PREVIOUS = "previous"

_ANOTHER = "name one that `pricewright history --releases` lists"

_NOW = "in production"
_OUTCOMES = {PASSED: "replaced since", FAILED: "failed its smoke test", UNDONE: "undone"}


def releases_folder(root: Path) -> Path:
    """The folder of the releases."""
    return root / RELEASES


LEAST = 4
"""The fewest first digits that may stand for a digest, if only one begins with them."""


def find_digest(text: str, known: Iterable[str], what: str, instead: str) -> str:
    """The one known digest that begins with a text.

    what: the kind of thing that has the digests.  instead: what the user can do instead, for the
    message. Raises Refusal unless exactly one digest begins so.
    """
    if len(text) < LEAST:
        raise Refusal(
            f"found {text!r}, but a {what}'s digest needs at least {LEAST} digits; {instead}."
        )
    found = [digest for digest in known if digest.startswith(text)]
    if not found:
        raise Refusal(f"{text}: no {what}'s digest begins with that; {instead}.")
    if len(found) > 1:
        raise Refusal(f"{text}: the digests of {len(found)} {what}s begin so; give more digits.")
    return found[0]


def find_release(root: Path, text: str) -> str:
    """The digest of the release that `text` names: a digest, its first digits, or `previous`, the
    one before the release in production.

    Raises Refusal unless it names exactly one release that is kept.
    """
    entries = ledger.read(root / "ledger")
    if text == PREVIOUS:
        found = release_before(entries)
        if found is None:
            raise Refusal("previous: there is no release before the one in production.")
    else:
        known = {
            *store.stored_releases(releases_folder(root)),
            *dropped_releases(entries),
            *lost_releases(root, entries),
        }
        instead = _ANOTHER if known else "nothing has been released yet"
        found = find_digest(text, known, "release", instead)
    require_kept(root, found, entries)
    return found


def require_kept(root: Path, digest: str, entries: Sequence[Entry]) -> None:
    """Raise Refusal, with the reason, for a release that was dropped or is missing."""
    if dropped := dropped_releases(entries).get(digest):
        raise Refusal(
            f"release {digest[:12]}… was dropped on {dropped.time[:10]} under "
            "history.keep_releases_days: its files are gone, as line "
            f"{dropped.sequence} of the ledger records; {_ANOTHER}."
        )
    if lost := lost_releases(root, entries).get(digest):
        raise Refusal(lost)


def lost_releases(root: Path, entries: Sequence[Entry]) -> dict[str, str]:
    """The releases that were in production and are missing although nobody dropped them: for the
    digest of each, a sentence that says so."""
    there = {*store.stored_releases(releases_folder(root)), *dropped_releases(entries)}
    return {
        digest: f"{releases_folder(root) / digest}: is missing, but line {begun.sequence} of "
        "the ledger records it; restore it from a backup."
        for begun, end in switches(entries)
        if end and end.event == PASSED and (digest := str(begun.fields["release"])) not in there
    }


def how_lost(root: Path, digest: str, entries: Sequence[Entry]) -> str | None:
    """How a release that was in production is lost: missing or damaged; None if it is intact."""
    if digest in lost_releases(root, entries):
        return "missing"
    try:
        store.open_release(releases_folder(root), digest)
    except Refusal:
        return "damaged"
    return None


class LinesLost(Refusal):
    """The ledger lacks lines that were written: it was cut, or an older copy was put back."""


def lost_lines(root: Path, entries: Sequence[Entry]) -> str | None:
    """A sentence if a stored release proves that the ledger lost lines, with what to do; else None.
    Releases that the ledger records are not read again.

    A signed statement proves nothing here: one that was made on another machine has seen the lines
    of that machine's ledger, and does not count by itself.
    """
    path = root / LEDGER / NAME
    known = {entry.fields["release"] for entry in entries if entry.event in BEGUN}
    unknown = seen_by_releases(root, known)
    if not unknown:
        return None
    found = contradiction(path, entries, unknown[0]) or (
        f"{path}: does not record the release of {unknown[0].whose}: it was cut"
    )
    return (
        f"{found}, or an older copy was put back; restore {root / LEDGER}/ from a backup "
        "(docs/signoffs.md says what to do if none has these lines)."
    )


def require_lines(root: Path, entries: Sequence[Entry]) -> None:
    """Raise LinesLost, with what to do, if it is proved that the ledger lost lines."""
    if lost := lost_lines(root, entries):
        raise LinesLost(lost)


def astray(root: Path, entries: Sequence[Entry]) -> str | None:
    """A sentence if `production/current` contradicts the ledger, or the ledger lost lines, with
    what to do; else None."""
    try:
        check_link(root, entries)
    except (LinkAstray, LinesLost) as refusal:
        return str(refusal)
    return None


def check_link(root: Path, entries: Sequence[Entry]) -> str | None:
    """The release that `production/current` points at, None if there is none: the one in the
    ledger, or one to which a switch was begun but not ended.

    Raises LinkAstray, with what to do, for any other: somebody changed the link or the ledger.
    Raises LinesLost first, because a ledger that lost lines does not say what is in production.
    """
    require_lines(root, entries)
    link, state = root / "production" / CURRENT, state_of(entries)
    found = read_link(link.parent)
    begun = state.unfinished.fields["release"] if state.unfinished else None
    if found == state.release or (begun and found == begun):
        return found
    points = f"points at release {found[:12]}…" if found else "is missing"
    if state.release is None:
        raise LinkAstray(
            f"{link}: {points}, but the ledger records no release; restore the ledger from a "
            "backup, or remove the link."
        )
    back = f"`pricewright rollback --to {state.release[:12]}` repairs it"
    if how := how_lost(root, state.release, entries):
        back = (
            f"restore {releases_folder(root) / state.release}, which is {how} too, from a backup; "
            f"then {back}; if no backup has it, release another model or roll back to another "
            "release, with signatures (docs/signoffs.md)"
        )
    raise LinkAstray(
        f"{link}: {points}, but by the ledger release {state.release[:12]}… is in "
        f"production; {back}."
    )


def describe_dropped(root: Path) -> str:
    """A sentence about the releases that were dropped; "" if there are none or it is unknown."""
    dropped: dict[str, Entry] = {}
    with suppress(Refusal):
        dropped = dropped_releases(ledger.read(root / "ledger"))
    named = ", ".join(f"{digest[:12]}… on {told.time[:10]}" for digest, told in dropped.items())
    return named and (
        f"Not checked, because history.keep_releases_days dropped them: release {named}."
    )


def unproven_switches(root: Path) -> list[str]:
    """The releases and rollbacks of earlier versions that cannot be proved, in sentences."""
    with suppress(Refusal):  # `verify_releases` reports it
        return list(authority(root, ledger.read(root / "ledger"), every=True).unproven)
    return []


def signed_files(root: Path, digest: str) -> dict[str, bytes]:
    """The files of a release that people sign, by their names under `results/`."""
    manifest, contents = store.open_release(releases_folder(root), digest)
    return {name: contents[kept] for name, kept in manifest.covered.items()}


def seen_by_releases(root: Path, without: Collection[str] = ()) -> list[Seen]:
    """What each stored release recorded of the ledger, to check the ledger against.

    without: the digests of releases to leave out.
    """
    found = []
    for digest in store.stored_releases(releases_folder(root)):
        if digest in without:
            continue
        try:
            manifest = store.read_manifest(releases_folder(root), digest)
        except Refusal:
            continue  # `verify` reports it
        whose = f"production/releases/{digest}/{NAME_MANIFEST}"
        found.append(Seen(whose, manifest.lines, manifest.head))
    return found


def described_switches(entries: Sequence[Entry]) -> list[tuple[Entry, str]]:
    """Every release and rollback, newest first: its line in the ledger, and its outcome."""
    now, dropped = state_of(entries), dropped_releases(entries)
    found = []
    for begun, end in reversed(list(switches(entries))):
        what = _OUTCOMES[end.event] if end else "begun but not ended"
        if gone := dropped.get(str(begun.fields["release"])):
            what += f", dropped {gone.time[:10]}"
        found.append((begun, _NOW if begun.sequence == now.since else what))
    return found


def describe_switches(root: Path, most: int = 10) -> str:
    """The latest releases and rollbacks, newest first, a line each, and the number of earlier ones.

    Above them is what is wrong: the first of a wrong link, a missing release and a change of the
    release in production; and the lines of `authority` that do not hold or cannot be proved.
    """
    entries = ledger.read(root / "ledger")
    found = described_switches(entries)
    now, allowed = in_production(entries), authority(root, entries)
    lost = lost_releases(root, entries)
    troubles = [
        astray(root, entries),
        lost.pop(now or "", None),
        *(examine_release(root, now, entries) if now else []),
        *lost.values(),
    ]
    trouble = next(filter(None, troubles), None)
    shown = [*([trouble] if trouble else []), *allowed.problems, *allowed.unproven]
    lines = [f"  {each}" for each in shown]
    for begun, what in found[:most]:
        release = str(begun.fields["release"])[:12]
        by = " by the ledger" if shown and what == _NOW else ""
        lines.append(f"  {begun.time}  {begun.event:<8} {release}  {begun.who}: {what}{by}")
    if (more := len(found) - most) > 0:
        command = f"pricewright history --releases --limit {len(found)}"
        lines.append(f"  {more} earlier: `{command}` lists all")
    return "\n".join(lines) or "  nothing has been released yet"


def verify_releases(root: Path) -> list[str]:
    """What is wrong with production, in sentences; empty if nothing is.

    Every release that was not dropped must be complete, signed for as its own policy requires, and
    on record; every line of the ledger that put one into production must be authorised by sign-offs
    that are kept; the link must point where the ledger says.
    """
    try:
        entries = ledger.read(root / "ledger")
    except Refusal as refusal:
        return [f"{refusal} Without it the releases cannot be checked."]
    there = store.stored_releases(releases_folder(root))
    there += {*dropped_releases(entries)} & {state_of(entries).release or ""}  # it never is dropped
    problems = [problem for digest in there for problem in examine_release(root, digest, entries)]
    problems += lost_releases(root, entries).values()
    problems += authority(root, entries, every=True).problems
    problems += [
        f"line {begun.sequence} of the ledger: a {begun.event} was begun but not ended; "
        "the next release or rollback ends it."
        for begun, end in switches(entries)
        if end is None
    ]
    return problems + list(filter(None, [astray(root, entries)]))
