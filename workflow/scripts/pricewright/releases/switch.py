"""The switch to a release: the ledger first, then the link, then a smoke test; on failure, back.

The smoke test opens the model through the link, as its users do, and forecasts every symbol. A
switch that a killed process began is finished or undone before anything else happens.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from pricewright.files.clock import Clock, format_time
from pricewright.files.disk import read_whole, sha256
from pricewright.files.errors import Refusal
from pricewright.forecasting.document import open_model
from pricewright.releases import store
from pricewright.releases.history import check_link, examine_release, how_lost, require_lines
from pricewright.releases.link import (
    CURRENT,
    LinkAstray,
    pointing_at,
    read_link,
    remove_leftovers,
    set_link,
)
from pricewright.signoffs import ledger
from pricewright.signoffs.authority import authority, unauthorised
from pricewright.signoffs.ledger import (
    FAILED,
    PASSED,
    UNDONE,
    Entry,
    ProductionState,
    state_of,
    undone_releases,
)
from pricewright.signoffs.policy import oneself
from pricewright.steplog.log import say

MODEL = "model.json"
"""The name of the model's file in a release."""


class SmokeFailure(Refusal):
    """The model does not work in production."""


def smoke_test(production: Path, expected: str) -> int:
    """Forecast all symbols with the model in production; return their number.

    expected: the SHA-256 of the model that should be there. Raises SmokeFailure if another model is
    there, if it cannot be opened, or if it forecasts impossible prices.
    """
    path = production / CURRENT / MODEL
    try:
        return _scored(path, expected)
    except Exception as error:  # whatever it is, users would run into it
        why = " ".join(str(error).split()) or type(error).__name__
        raise SmokeFailure(
            f"{path}: failed its smoke test, so the switch was undone: {why}"
        ) from error


def _scored(path: Path, expected: str) -> int:
    content = read_whole(path)
    if sha256(content) != expected:
        raise Refusal(f"it is not the released model (sha256 {sha256(content)[:12]}…).")
    saved, _ = open_model(path)
    points, intervals = saved.points(), saved.quantiles(saved.bounds)
    if not (np.isfinite(points).all() and np.isfinite(intervals).all()):
        raise Refusal("a forecast is not a finite number.")
    if (np.diff(intervals, axis=-1) < 0).any():
        raise Refusal("an interval's lower bound is above its upper bound.")
    return len(saved.symbols)


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
    """Put a release into production, while the lock of `one_at_a_time` is held.

    event: `release` or `rollback`, which is added to the ledger with the `fields` before anything
    else happens.  who: the person.  head: the digest of the ledger's last line when the decision
    was checked.  confirm: raises if the decision no longer holds; it is called if the ledger has
    grown since.  incoming: the folder of a release that is not in the store yet.

    Raises SmokeFailure if the smoke test fails. If anything raises, the link is restored and the
    ledger records it; if the ledger cannot be written, the next command notices.
    """
    folder, production = root / "ledger", root / "production"
    _require_right_clock(ledger.read(folder), clock())
    try:
        begun = ledger.append(folder, event, who=who, clock=clock, release=to, **fields)
    except BaseException:
        if incoming:
            store.discard_release(incoming)
        raise
    try:
        if begun.previous != head:
            confirm()
        _require_authorised(root, begun)
        if incoming:
            store.place_release(incoming, to)
        manifest, _ = store.open_release(production / "releases", to)
        with pointing_at(production, to):
            scored = smoke_test(production, manifest.files[MODEL])
            ledger.append(folder, PASSED, who=who, clock=clock, release=to, symbols=scored)
    except BaseException as error:
        ended = FAILED if isinstance(error, SmokeFailure) else UNDONE
        why = " ".join(str(error).split()) or type(error).__name__
        with suppress(Exception):  # the first error is the one to report
            ledger.append(folder, ended, who=who, clock=clock, release=to, why=why)
        raise
    say(event, release=to, scored=scored)


def _require_right_clock(entries: Sequence[Entry], moment: datetime) -> None:
    """Raise Refusal if the clock was set back: an expired sign-off would count again."""
    if entries and ledger.is_behind(entries[-1], moment):
        raise Refusal(
            f"this machine's clock says {format_time(moment)}, but the newest line of the ledger "
            f"is of {entries[-1].time}; set the clock right."
        )


def _require_authorised(root: Path, begun: Entry) -> None:
    """Raise Refusal if the sign-offs that a line names do not authorise it as of its time, which is
    how it is judged ever after: one may have expired since the decision was checked."""
    entries = ledger.read(root / "ledger")
    if problems := unauthorised(root, begun, entries, authority(root, entries).policies):
        raise Refusal(f"production is unchanged: {problems[0]}")


def recover(root: Path, clock: Clock) -> ProductionState:
    """End any unfinished switch and return the state of production; the lock is held.

    A switch whose link was swapped is finished if the release is what people signed and passes its
    smoke test. Any other is undone, so recovery puts nothing new into production. Raises LinesLost
    before anything else if the ledger lost lines; Refusal if nobody authorised what is in
    production by the ledger; and LinkAstray if the link then contradicts the ledger, because
    somebody changed one of the two by hand, unless the release in production is lost, so that
    nothing can repair the link.
    """
    production = root / "production"
    entries = ledger.read(root / "ledger")
    require_lines(root, entries)
    store.clear_unfinished(production / "releases")
    remove_leftovers(production)
    if state_of(entries).unfinished:
        _end(root, entries, clock)
        entries = ledger.read(root / "ledger")
    for digest in undone_releases(entries) & set(store.stored_releases(production / "releases")):
        store.discard_release(production / "releases" / digest)
    for problem in authority(root, entries).problems:
        raise Refusal(problem)
    state = state_of(entries)
    try:
        check_link(root, entries)
    except LinkAstray:
        read_link(production)  # one that no release or rollback made is to be removed first
        if not (state.release and how_lost(root, state.release, entries)):
            raise
    return state


def _end(root: Path, entries: Sequence[Entry], clock: Clock) -> None:
    """End a switch that was begun, according to how far its link got."""
    state, production = state_of(entries), root / "production"
    assert state.unfinished
    to = str(state.unfinished.fields["release"])
    outcome = UNDONE
    more: dict[str, Any] = {"why": "the process that began it died"}
    if read_link(production) == to:
        try:
            if problems := examine_release(root, to, entries):
                raise Refusal(problems[0])
            _require_authorised(root, state.unfinished)
            manifest, _ = store.open_release(production / "releases", to)
            outcome, more = PASSED, {"symbols": smoke_test(production, manifest.files[MODEL])}
        except Refusal as refusal:
            set_link(production, state.release)
            outcome, more = FAILED, {"why": str(refusal)}
    ledger.append(root / "ledger", outcome, who=oneself(), clock=clock, release=to, **more)
    say("ended an unfinished switch", event=outcome, release=to)
