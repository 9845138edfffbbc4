"""The switch: on record first, then the link, then a test; if that fails, back to what was."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pricewright import ledger
from pricewright.clock import Clock
from pricewright.journal import say
from pricewright.production import store
from pricewright.production.link import swapped
from pricewright.production.smoke import MODEL, SmokeFailure, smoke_test
from pricewright.production.state import FAILED, PASSED, UNDONE


def switch(
    root: Path,
    event: str,
    to: str,
    *,
    who: str,
    fields: Mapping[str, Any],
    head: str,
    confirm: Callable[[], object],
    clock: Clock,
    incoming: Path | None = None,
) -> None:
    """Put a release in production, with the lock of `one_at_a_time` held.

    event: `release` or `rollback`, which is added to the ledger with the `fields` before anything
    else happens.  who: whoever does it.  head: of the ledger that people's agreement was read
    from.  confirm: raises if they agree no more, and is asked if the ledger has gone on since.
    incoming: the folder of a release that is not in the store yet.

    Raises SmokeFailure if the smoke test fails. Whatever raises, the link is what it was, and the
    ledger says so if it can be written; if not, the next command finds it out.
    """
    folder, production = root / "ledger", root / "production"
    try:
        begun = ledger.append(folder, event, who=who, clock=clock, release=to, **fields)
    except BaseException:
        if incoming:
            store.discard(incoming)
        raise
    try:
        if begun.previous != head:
            confirm()
        if incoming:
            store.settle(incoming, to)
        manifest, _ = store.opened(production / "releases", to)
        with swapped(production, to):
            scored = smoke_test(production, manifest.files[MODEL])
            ledger.append(folder, PASSED, who=who, clock=clock, release=to, symbols=scored)
    except BaseException as error:
        ended = FAILED if isinstance(error, SmokeFailure) else UNDONE
        why = " ".join(str(error).split()) or type(error).__name__
        with suppress(Exception):  # the first error is the one to tell of
            ledger.append(folder, ended, who=who, clock=clock, release=to, why=why)
        raise
    say(event, release=to, scored=scored)
