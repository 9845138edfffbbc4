"""Whether one sign-off holds, for these bytes, under this policy, at this time.

Whoever may edit `config/signers` could add a key of their own and sign all by themselves. So, as
The Update Framework does when it rotates its root, a release or rollback under another policy than
the last one's needs consent: the signatures of as many people, for gate `deploy`, as that policy
asked for, by keys that it named.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pricewright.files.clock import parse_time
from pricewright.files.disk import sha256
from pricewright.files.errors import Refusal, printable
from pricewright.signoffs.ledger import BEGUN, Entry, ProductionState, Seen, fits, state_of
from pricewright.signoffs.policy import Policy, author_of, is_author, parse_policy
from pricewright.signoffs.signed_files import COVERED, MODEL, identity
from pricewright.signoffs.statements import (
    Choice,
    SignOff,
    Statement,
    StoredStatement,
    open_signed,
    open_statement,
)

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
    now: the time.  trainers: who has signed that they trained the model; None for a release from
    before people did, of whose author the ledger alone tells.
    """

    policy: Policy
    digests: Mapping[str, str]
    entries: Sequence[Entry]
    now: datetime
    trainers: Sequence[str] | None = ()

    @property
    def state(self) -> ProductionState:
        """Where production stands."""
        return state_of(self.entries)

    @property
    def author(self) -> Entry | None:
        """The run that made the model."""
        return author_of(self.entries, self.digests.get(MODEL, ""))

    @property
    def is_in_production(self) -> bool:
        """Whether these files are what was released last."""
        since = self.state.since
        covered = self.entries[since - 1].fields.get("covered") if since else None
        return covered == identity(self.digests)

    @property
    def knows_who_trained(self) -> bool:
        """Whether somebody signed that they trained the model, or of old the ledger names them."""
        return self.author is not None if self.trainers is None else bool(self.trainers)

    def trained(self, who: str, policy: Policy) -> bool:
        """Whether a signer is who trained the model: who signed that, or whom the ledger names.

        Another name for the same key is the same person.
        """
        names = {*(self.trainers or ())}
        keys = {key for name in names for key in policy.keys_of(name)}
        if who in names or policy.keys_of(who) & keys:
            return True
        return self.author is not None and is_author(who, self.author, policy)


def judge_statement(kept: StoredStatement, case: Case) -> SignOff:
    """What a statement comes to, for these bytes, under this policy, at this time."""
    opened = open_statement(kept, case.policy, case.now)
    if opened.said is None:
        return opened
    said = opened.said
    reasons = [_changed(said, case)]
    if said.decision == "approved" and said.gate == "author":
        reasons.append(_replayed(said, case))
    elif said.decision == "approved":
        reasons += [_outdated(said, case), _replayed(said, case), _by_author(said, case)]
    reasons.append(_overtaken(said, sha256(kept.content), case))
    if said.decision == "withdrawn":
        reasons = [f"withdrawn on {said.made[:10]}"]
    return replace(opened, void=next(filter(None, reasons), None))


def open_as_given(
    kept: StoredStatement, policy: Policy, entries: Sequence[Entry]
) -> SignOff | None:
    """A statement as it was when it was given, None if by all that is known it never was good.

    Somebody may have left since, or have another key. The ledger has the policies under which was
    released; of a sign-off under another one, it has which key it was. One that was sent from
    another machine has no line of the ledger: it says itself under which of these policies it was
    given, so a key that was revoked since is not believed of it.
    """
    known = [*_policies_of(entries)]
    policies = {then.digest: then for _, then in known} | {policy.digest: policy}
    for line in decisions_of(entries, kept.gate, kept.who):
        if line.fields.get("statement") == sha256(kept.content):
            then = policies.get(str(line.fields.get("policy")))
            found = (
                open_statement(kept, then, parse_time(line.time))
                if then
                else open_signed(kept, str(line.fields.get("key")))
            )
            if not found.void:
                return found
    for line, then in known:
        with_revoked_of_now = replace(then, revoked=policy.revoked)
        found = open_statement(kept, with_revoked_of_now, parse_time(line.time))
        if found.said and found.said.policy == then.digest:
            return found
    return None


def _policies_of(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Policy]]:
    """Each policy under which was released or rolled back, with the line that has it first."""
    seen = []
    for entry in entries:
        document = entry.fields.get("policy") if entry.event in BEGUN else None
        if document and document not in seen:
            seen.append(document)
            with suppress(Refusal):
                yield entry, parse_policy(document, "")


def decisions_of(entries: Sequence[Entry], gate: str, who: str) -> list[Entry]:
    """The ledger's lines about what a person decided at a gate."""
    return [
        entry
        for entry in entries
        if entry.event in EVENTS.values() and entry.who == who and entry.fields.get("gate") == gate
    ]


def _changed(said: Statement, case: Case) -> str | None:
    """Which file is not as it was when it was signed."""
    now = {name: case.digests.get(name) for name in COVERED[said.gate]}
    for name in sorted(now.keys() | said.subject.keys()):
        signed = said.subject.get(name)
        if name not in now:
            return f"it is about {printable(name)}, which gate {said.gate} does not cover"
        if signed is None:
            return f"it is not about {name}, which gate {said.gate} covers"
        if signed != now[name]:
            return f"{name} is not the one that was signed on {said.made[:10]}"
    return None


def _outdated(said: Statement, case: Case) -> str | None:
    terms = case.policy.gates[said.gate]
    made, until = parse_time(said.made), parse_time(said.valid_until)
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
    if case.is_in_production:
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
    if not case.knows_who_trained:
        return (
            "nobody has signed that they trained this model, and who did may not approve it: "
            "`pricewright sign author`"
        )
    if case.trained(said.who, case.policy):
        return f"{said.who} ran the training (signoffs.{said.gate}.exclude_author)"
    return None


def _overtaken(said: Statement, digest: str, case: Case) -> str | None:
    """Whether the same person decided again: a statement from before can be put back."""
    since = decisions_of(case.entries, said.gate, said.who)
    if said.gate == "author":  # of several models
        since = [entry for entry in since if entry.fields.get("run") == said.run]
    *_, last = [None, *since]
    if last is None or last.fields.get("statement") == digest:
        return None
    if last.sequence > said.ledger.lines:
        return f"{said.who} decided again: {last.event}, line {last.sequence} of the ledger"
    return None


def _release(digest: str | None) -> str:
    return f"release {digest[:12]}" if digest else "nothing"


@dataclass(frozen=True)
class Consent:
    """What a change of the policy still needs.

    changes: what is not as it was, in words.  needed: how many must consent.  given: who did, by
    the names that they had.  could: who else can.
    """

    changes: Sequence[str]
    needed: int
    given: Sequence[str]
    could: Sequence[str]

    @property
    def satisfied(self) -> bool:
        """Whether enough people consent."""
        return len(self.given) >= self.needed


def needed_consent(counted: Sequence[SignOff], case: Case) -> Consent | None:
    """The consent that the sign-offs that count for `deploy` give; None if none is needed."""
    before = policy_in_force(case.entries)
    if before is None or before.digest == case.policy.digest:
        return None
    terms = before.gates["deploy"]
    allowed = {
        signer.fingerprint: signer.who
        for signer in before.signers
        if "deploy" in signer.gates
        and not (terms.exclude_author and case.trained(signer.who, before))
    }
    given = {allowed[each.fingerprint] for each in counted if each.fingerprint in allowed}
    could = {*allowed.values()} - given
    return Consent(
        list(policy_changes(before, case.policy)), terms.required, sorted(given), sorted(could)
    )


def policy_in_force(entries: Sequence[Entry]) -> Policy | None:
    """The policy under which the last release or rollback was signed for, as the ledger has it."""
    since = state_of(entries).since
    document = entries[since - 1].fields.get("policy") if since else None
    return parse_policy(document, f"ledger, line {since}") if document else None


def policy_changes(old: Policy, new: Policy) -> Iterator[str]:
    """How one policy differs from another."""
    for gate, terms in new.gates.items():
        for name, value in asdict(terms).items():
            if value != (was := getattr(old.gates[gate], name)):
                yield f"signoffs.{gate}.{name} is {_shown(value)}, was {_shown(was)}"
    before, after = ({each.line: each.who for each in policy.signers} for policy in (old, new))
    for word, lines in (("new", _less(after, before)), ("gone", _less(before, after))):
        if lines:
            yield f"{word} in config/signers: {', '.join(lines)}"
    if old.revoked != new.revoked:
        yield "config/revoked is another list"
    if old.allow_unaccepted != new.allow_unaccepted:
        yield f"accept.allow_unaccepted is {_shown(new.allow_unaccepted)}"


def _less(lines: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Who has a line in the one that is not in the other."""
    return sorted({who for line, who in lines.items() if line not in other})


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
