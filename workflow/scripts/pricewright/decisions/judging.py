"""Whether one sign-off holds, for these bytes, under this policy, at this time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pricewright.clock import moment
from pricewright.decisions.author import TRAINING, author_of, is_author
from pricewright.decisions.covered import GATES, MODEL, identity
from pricewright.decisions.kept import Kept
from pricewright.decisions.opening import SignOff, open_kept
from pricewright.decisions.policy import Policy
from pricewright.decisions.statement import Choice, Statement
from pricewright.decisions.wording import printable
from pricewright.files import sha256
from pricewright.ledger import Entry, Seen, fits
from pricewright.production.state import State, state_of

EVENTS: Final[Mapping[Choice, str]] = {
    "approved": "signoff",
    "rejected": "rejection",
    "withdrawn": "withdrawal",
}
"""What the ledger calls each decision."""

POLICY = "signoffs and accept.allow_unaccepted in config, config/signers, or config/revoked"

SKEW = timedelta(minutes=5)
"""By how much a signer's clock may be ahead of ours."""


@dataclass(frozen=True)
class Case:
    """What sign-offs are judged by.

    digests: the SHA-256 of the files that are to be released, by name.  entries: the ledger's.
    now: the time.
    """

    policy: Policy
    digests: Mapping[str, str]
    entries: Sequence[Entry]
    now: datetime

    @property
    def state(self) -> State:
        """Where production stands."""
        return state_of(self.entries)

    @property
    def author(self) -> Entry | None:
        """The run that made the model."""
        return author_of(self.entries, self.digests.get(MODEL, ""))


def judge(kept: Kept, case: Case) -> SignOff:
    """What a statement comes to, for these bytes, under this policy, at this time."""
    opened = open_kept(kept, case.policy, case.now)
    if opened.said is None:
        return opened
    said = opened.said
    reasons = [_changed(said, case)]
    if said.decision == "approved":
        reasons += [_outdated(said, case), _replayed(said, case), _by_author(said, case)]
    reasons.append(_overtaken(said, sha256(kept.content), case))
    if said.decision == "withdrawn":
        reasons = [f"withdrawn on {said.made[:10]}"]
    return replace(opened, void=next(filter(None, reasons), None))


def decided(entries: Sequence[Entry], gate: str, who: str) -> list[Entry]:
    """The ledger's lines about what a person decided at a gate."""
    return [
        entry
        for entry in entries
        if entry.event in EVENTS.values() and entry.who == who and entry.fields.get("gate") == gate
    ]


def _changed(said: Statement, case: Case) -> str | None:
    """Which file is not as it was when it was signed."""
    now = {name: case.digests.get(name) for name in GATES[said.gate]}
    for name in sorted(now.keys() | said.subject.keys()):
        signed = said.subject.get(name)
        if name not in now:
            return f"it is about {printable(name)}, which gate {said.gate} does not cover"
        if signed is None:
            return f"it is not about {name}, which gate {said.gate} covers"
        if signed != now[name]:
            return f"{name} was changed after it was signed on {said.made[:10]}"
    return None


def _outdated(said: Statement, case: Case) -> str | None:
    terms = case.policy.gates[said.gate]
    made, until = moment(said.made), moment(said.valid_until)
    if said.policy != case.policy.digest:
        return f"the policy was changed since: {POLICY}"
    if made > case.now + SKEW:
        return f"it is dated in the future, {said.made}"
    if until > made + timedelta(days=terms.valid_days):
        return f"it claims to be valid for longer than signoffs.{said.gate}.valid_days"
    if case.now >= until:
        return f"it expired on {said.valid_until}"
    return None


def _replayed(said: Statement, case: Case) -> str | None:
    """Whether it was given before what is in production now, or for another ledger.

    That the files themselves are valid may have been signed earlier; that they are deployed now,
    in place of what is there, may not. Of what is in production already, nothing more is asked.
    """
    if not fits(case.entries, Seen("", said.ledger.lines, said.ledger.head)):
        return f"the ledger is not the one that was seen: line {said.ledger.lines} differs"
    if said.gate != "deploy":
        return None
    state = case.state
    if state.since and case.entries[state.since - 1].fields.get("covered") == identity(
        case.digests
    ):
        return None
    if said.replaces != state.release:
        return (
            f"it was given to replace {_release(said.replaces)}, and {_release(state.release)} is "
            "in production"
        )
    if said.ledger.lines < state.since:
        return f"it was given before the last release or rollback, line {state.since} of the ledger"
    return None


def _by_author(said: Statement, case: Case) -> str | None:
    terms = case.policy.gates[said.gate]
    if not terms.exclude_author:
        return None
    run = case.author
    if run is None:
        return (
            "the ledger does not say who trained this model, and who did may not approve it; "
            f"run `snakemake --cores 1 --forcerun {TRAINING}`"
        )
    if is_author(said.who, run, case.policy):
        return f"{said.who} ran the training (signoffs.{said.gate}.exclude_author)"
    return None


def _overtaken(said: Statement, digest: str, case: Case) -> str | None:
    """Whether the same person decided again: a statement from before can be put back."""
    *_, last = [None, *decided(case.entries, said.gate, said.who)]
    if last is None or last.fields.get("statement") == digest:
        return None
    if last.sequence > said.ledger.lines:
        return f"{said.who} decided again: {last.event}, line {last.sequence} of the ledger"
    return None


def _release(digest: str | None) -> str:
    return f"release {digest[:12]}" if digest else "nothing"
