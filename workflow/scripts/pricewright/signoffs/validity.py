"""Whether a sign-off is valid for these bytes, under this policy, at this time.

Anyone who can edit `config/signers` could add their own key and sign alone. Therefore, like The
Update Framework when it rotates its root, a release or rollback under a changed policy needs
consent: the signatures for gate `deploy` that the previous policy asked for, by keys that it named.
`authority` says which policy that is.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
"""The ledger's event for each decision."""

POLICY = "signoffs and accept.allow_unaccepted in config, config/signers, or config/revoked"

SKEW = timedelta(minutes=5)
"""The most that a signer's clock may be ahead of ours."""


@dataclass(frozen=True)
class Case:
    """What sign-offs are judged by.

    digests: the SHA-256 of the files to release, by name.  entries: the ledger's.  now: the time.
    before: the policies whose consent is needed, if `policy` is another.  revoked: lists of keys
    that were revoked before, besides those of the policy.
    trainers: who signed that they trained the model; None for an old release without such
    statements, whose author only the ledger names.  trainer_keys: the fingerprints of the keys with
    which they did, which may have another name, or none, by now.
    """

    policy: Policy
    digests: Mapping[str, str]
    entries: Sequence[Entry]
    now: datetime
    before: Sequence[Policy] = ()
    revoked: Sequence[bytes] = ()
    trainers: Sequence[str] | None = ()
    trainer_keys: Collection[str] = ()

    @property
    def state(self) -> ProductionState:
        """The state of production."""
        return state_of(self.entries)

    @property
    def author(self) -> Entry | None:
        """The run that made the model."""
        return author_of(self.entries, self.digests.get(MODEL, ""))

    def scored_from(self) -> Iterator[str]:
        """The digests of the model whose parameters the model has, if it was only scored, of that
        model's own, and so on, as far as the ledger knows."""
        seen, run = set[str](), self.author
        while run and (model := str(run.fields.get("scored", ""))) and model not in seen:
            yield model
            seen.add(model)
            run = author_of(self.entries, model)

    @property
    def is_in_production(self) -> bool:
        """Whether these files are the release in production."""
        since = self.state.since
        covered = self.entries[since - 1].fields.get("covered") if since else None
        return covered == identity(self.digests)

    @property
    def knows_who_trained(self) -> bool:
        """Whether somebody signed that they trained the model or, for old releases, the ledger
        names them."""
        return self.author is not None if self.trainers is None else bool(self.trainers)

    def trained(self, who: str, policy: Policy) -> bool:
        """Whether a signer of a policy trained the model, or the one from which it was scored: they
        signed so, or the ledger names them.

        Two names with the same key are the same person.
        """
        names, keys, runs = [*(self.trainers or ())], {*self.trainer_keys}, [self.author]
        for model in self.scored_from():
            runs.append(author_of(self.entries, model))
            covers = identity({MODEL: model})
            for entry in self.entries:
                said = entry.fields.get("gate"), entry.fields.get("covers")
                if entry.event == EVENTS["approved"] and said == ("author", covers):
                    names.append(entry.who)
                    keys.add(str(entry.fields.get("key")))
        keys.update(key for name in names for key in policy.keys_of(name))
        if policy.keys_of(who) & keys:
            return True
        return any(is_author(who, run, policy) for run in runs if run)


def judge_statement(kept: StoredStatement, case: Case) -> SignOff:
    """Judge whether a statement counts for these bytes, under this policy, at this time."""
    opened = open_statement(kept, case.policy, case.now)
    if opened.said is None:
        return opened
    for revoked in case.revoked:
        then = open_statement(kept, replace(case.policy, revoked=revoked), case.now)
        if then.said is None:
            return replace(then, void=f"{then.void}, by an earlier line of the ledger")
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
    """A statement judged as of the time it was given, None if there is no sign it was ever good.

    The signer may have left since, or have a new key. The ledger records the policy of each
    release; for a sign-off under another policy, it records the key. A statement that was sent from
    another machine has no line in the ledger. Only the statement itself says under which policy it
    was given, so it is not trusted if its key was revoked since.
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


def author_as_given(kept: StoredStatement, case: Case) -> SignOff | None:
    """A statement of who trained the model with these bytes, judged as of the time it was given.

    None if there is no sign that it was ever good, if it was withdrawn since, or if it is about
    another model.
    """
    found = open_as_given(kept, case.policy, case.entries)
    if not found or not found.said or _changed(found.said, case):
        return None
    said = found.said
    since = [
        entry.event
        for entry in decisions_of(case.entries, said.gate, said.who)
        if entry.fields.get("run") == said.run
    ]
    return None if since and since[-1] == EVENTS["withdrawn"] else found


def _policies_of(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Policy]]:
    """Each policy of a release or rollback, with the first line that records it."""
    seen = []
    for entry in entries:
        document = entry.fields.get("policy") if entry.event in BEGUN else None
        if document and document not in seen:
            seen.append(document)
            with suppress(Refusal):
                yield entry, parse_policy(document, "")


def with_trainers(
    case: Case, latest: Iterable[StoredStatement], released: Iterable[StoredStatement]
) -> tuple[Case, list[SignOff]]:
    """A case with those who signed that they trained the model, and their statements, one each.

    latest: statements that count if they are valid now.  released: those of a release or rollback,
    which were judged when they were given: who trained a released model may have left since.
    """
    judged = [judge_statement(kept, case) for kept in latest]
    trainers = {each.who: each for each in judged if each.said and not each.void}
    for kept in released:
        if given := author_as_given(kept, case):
            trainers.setdefault(given.who, given)
    found = list(trainers.values())
    keys = {signoff.fingerprint for signoff in found}
    return replace(case, trainers=[*trainers], trainer_keys=keys), found


def decisions_of(entries: Sequence[Entry], gate: str, who: str) -> list[Entry]:
    """The ledger's lines about what a person decided at a gate."""
    return [
        entry
        for entry in entries
        if entry.event in EVENTS.values() and entry.who == who and entry.fields.get("gate") == gate
    ]


def _changed(said: Statement, case: Case) -> str | None:
    """The file that changed since it was signed, if any, in words."""
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
        return f"the policy has changed since: {POLICY}"
    if made > case.now + SKEW:
        return f"it is dated in the future, {said.made}"
    if until > made + timedelta(days=terms.valid_days):
        return f"it claims to be valid for longer than signoffs.{said.gate}.valid_days"
    if case.now >= until:
        return f"it expired on {said.valid_until}"
    return None


def _replayed(said: Statement, case: Case) -> str | None:
    """Why a statement is a replay: given before the current release, or for another ledger.

    That files are valid may have been signed earlier; that they should now replace the current
    release may not. Files that are already in production pass.
    """
    if not fits(case.entries, Seen("", said.ledger.lines, said.ledger.head)):
        has, lines = len(case.entries), said.ledger.lines
        cut = f"it has only {has} of {lines} lines and was cut"
        how = cut if has < lines else f"line {lines} differs"
        return f"the ledger is not the one that the signer saw: {how}"
    if said.gate != "deploy":
        return None
    state = case.state
    if case.is_in_production:
        return None
    if said.replaces != state.release:
        return (
            f"it was given to replace {_release(said.replaces)}, but {_release(state.release)} is "
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
            "nobody has signed that they trained this model, and whoever did may not approve it: "
            "`pricewright sign author`"
        )
    if case.trained(said.who, case.policy):
        return f"{said.who} ran the training (signoffs.{said.gate}.exclude_author)"
    return None


def _overtaken(said: Statement, digest: str, case: Case) -> str | None:
    """Why a statement is superseded by the same person's later one; an old file can be put back."""
    since = decisions_of(case.entries, said.gate, said.who)
    if said.gate == "author":  # one person may have trained several models, and may say so again
        since = [entry for entry in since if entry.fields.get("run") == said.run]
        if since and since[-1].event == EVENTS["approved"]:
            return None
    *_, last = [None, *since]
    if last is None or last.fields.get("statement") == digest:
        return None
    if last.sequence > said.ledger.lines:
        return (
            f"{said.who} decided again: {last.event}, line {last.sequence} of the ledger; if that "
            "signing was interrupted, sign once more"
        )
    return None


def _release(digest: str | None) -> str:
    return f"release {digest[:12]}" if digest else "nothing"


@dataclass(frozen=True)
class Consent:
    """The consent that a changed policy needs.

    changes: the changes, in words.  needed: how many people must consent.  given: who did, by their
    names in the old policy.  could: who else can.
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
    """The consent that is needed, and what the counted sign-offs for `deploy` give; None if none
    is needed."""
    others = [before for before in case.before if before.digest != case.policy.digest]
    found = [_consent(counted, case, before) for before in others]
    return next((each for each in found if not each.satisfied), found[-1] if found else None)


def _consent(counted: Sequence[SignOff], case: Case, before: Policy) -> Consent:
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


def policy_changes(old: Policy, new: Policy) -> Iterator[str]:
    """The changes from one policy to another, in words."""
    for gate, terms in new.gates.items():
        for name, value in asdict(terms).items():
            if value != (was := getattr(old.gates[gate], name)):
                yield f"signoffs.{gate}.{name} is {_shown(value)}, was {_shown(was)}"
    before, after = ({each.line: each.who for each in policy.signers} for policy in (old, new))
    for word, lines in (("new", _less(after, before)), ("gone", _less(before, after))):
        if lines:
            yield f"{word} in config/signers: {', '.join(lines)}"
    if old.revoked != new.revoked:
        yield "config/revoked has changed"
    if old.allow_unaccepted != new.allow_unaccepted:
        yield f"accept.allow_unaccepted is {_shown(new.allow_unaccepted)}"


def _less(lines: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The people with a line in `lines` that is not in `other`."""
    return sorted({who for line, who in lines.items() if line not in other})


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
