"""Recovery: what a process that died had begun is finished or undone, before anything else is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pricewright import ledger
from pricewright.clock import Clock
from pricewright.decisions.author import oneself
from pricewright.errors import Refusal
from pricewright.journal import say
from pricewright.ledger import Entry
from pricewright.production import store
from pricewright.production.examining import examined
from pricewright.production.link import CURRENT, Astray, pointed_at, put_back, tidy
from pricewright.production.smoke import MODEL, smoke_test
from pricewright.production.state import FAILED, PASSED, UNDONE, State, state_of, undone


def recover(root: Path, clock: Clock) -> State:
    """Where production stands, after whatever was begun is ended; the lock is held.

    A switch whose link was swapped is finished, if the release is what people signed and passes
    its smoke test; any other is undone, so that nothing gets into production here that was not
    there. Raises Astray if the link then is not what the ledger says: somebody changed one of the
    two by hand.
    """
    production = root / "production"
    store.clear(production / "releases")
    tidy(production)
    entries = ledger.read(root / "ledger")
    if state_of(entries).unfinished:
        _end(root, entries, clock)
        entries = ledger.read(root / "ledger")
    for digest in undone(entries) & set(store.digests(production / "releases")):
        store.discard(production / "releases" / digest)
    state = state_of(entries)
    if pointed_at(production) != state.release:
        raise Astray(f"{production / CURRENT}: {_astray(pointed_at(production), state.release)}")
    return state


def _end(root: Path, entries: Sequence[Entry], clock: Clock) -> None:
    """End a switch that was begun: with what its link says was reached."""
    state, production = state_of(entries), root / "production"
    assert state.unfinished
    to = str(state.unfinished.fields["release"])
    outcome = UNDONE
    more: dict[str, Any] = {"why": "the process that began it died"}
    if pointed_at(production) == to:
        try:
            if problems := examined(root, to, entries):
                raise Refusal(problems[0])
            manifest, _ = store.opened(production / "releases", to)
            outcome, more = PASSED, {"symbols": smoke_test(production, manifest.files[MODEL])}
        except Refusal as refusal:
            put_back(production, state.release)
            outcome, more = FAILED, {"why": str(refusal)}
    ledger.append(root / "ledger", outcome, who=oneself(), clock=clock, release=to, **more)
    say("a switch that was begun and not ended", event=outcome, release=to)


def _astray(found: str | None, expected: str | None) -> str:
    points = f"points at release {found[:12]}…" if found else "is not there"
    if expected is None:
        return (
            f"{points}, of which the ledger says nothing; put back the ledger as it was, or remove "
            "the link."
        )
    return (
        f"{points}, where the ledger says that release {expected[:12]}… is in production; "
        f"`rollback.py --to {expected}` puts it back."
    )
