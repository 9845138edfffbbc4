"""The four decisions on given bytes: who has signed, who has not, and what is missing.

`audit` checks that the records are intact: the ledger, against what each signer saw of it, and
every signature.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pricewright.files.clock import Clock, now
from pricewright.files.errors import Refusal, printable
from pricewright.signoffs import ledger
from pricewright.signoffs.authority import authority, is_kept
from pricewright.signoffs.ledger import LEDGER, SIGNERS, SIGNOFFS, Entry, Seen
from pricewright.signoffs.policy import GateTerms, Policy, require_signers, revoked_before
from pricewright.signoffs.reported import changed_reports
from pricewright.signoffs.signed_files import COVERED, GATES, Gate, identity
from pricewright.signoffs.statements import (
    SignOff,
    open_signed,
    open_statement,
    preserved_name,
    read_all_statements,
    read_statements,
    recorded_statement,
    seen_by,
)
from pricewright.signoffs.validity import (
    EVENTS,
    Case,
    Consent,
    decisions_of,
    judge_statement,
    needed_consent,
    open_as_given,
    with_trainers,
)


@dataclass(frozen=True)
class GateDecision:
    """The decision at one gate.

    counted: the sign-offs that count, each by a different person with a different key.  void: those
    that do not, with the reason.  rejected: who rejects these bytes, and where that is recorded.
    may_sign: whose signature would count.  consent: for `deploy`, the consent needed because the
    policy changed since the last release; None if it did not.
    """

    gate: Gate
    terms: GateTerms
    counted: Sequence[SignOff]
    void: Sequence[SignOff]
    rejected: Mapping[str, str]
    may_sign: Sequence[str]
    consent: Consent | None = None

    @property
    def satisfied(self) -> bool:
        """Whether enough people approve, none rejects, and a changed policy has consent."""
        enough = len(self.counted) >= self.terms.required
        return enough and not self.rejected and (not self.consent or self.consent.satisfied)


@dataclass(frozen=True)
class Decision:
    """What people decided about given bytes.

    before: the policies whose consent another policy needs.  author: the run that made the model,
    if the ledger knows it.  trainers: the statements of those who trained it.  head: the digest of
    the ledger's last line when it was read.  problems: what is wrong with the ledger or the report,
    which rules out a release.  in_production: whether these bytes are already in production.
    """

    policy: Policy
    before: Sequence[Policy]
    gates: Sequence[GateDecision]
    author: Entry | None
    trainers: Sequence[SignOff]
    head: str
    problems: Sequence[str]
    in_production: bool = False

    @property
    def satisfied(self) -> bool:
        """Whether these bytes may be released."""
        return not self.problems and all(gate.satisfied for gate in self.gates)

    @property
    def asks_who_trained(self) -> bool:
        """Whether it matters who trained the model."""
        return any(gate.terms.exclude_author for gate in self.gates)

    @property
    def trained_by(self) -> list[str]:
        """Who trained the model: those who signed so, or else whom the ledger names."""
        signed = [signoff.who for signoff in self.trainers]
        return signed or ([self.author.who] if self.author else [])

    @property
    def counted(self) -> list[SignOff]:
        """The sign-offs on which the decision rests."""
        return [signoff for gate in self.gates for signoff in gate.counted]

    @property
    def rests_on(self) -> list[SignOff]:
        """The statements that permit a release: of who trained the model, and the approvals."""
        return [*self.trainers, *self.counted]

    def files(self) -> dict[str, bytes]:
        """The exact bytes of the statements and signatures that were verified, by path."""
        found = {}
        for signoff in self.rests_on:
            found[signoff.name] = signoff.statement
            found[f"{signoff.name}.sig"] = signoff.signature
        return found


def check_gates(
    root: Path,
    policy: Policy,
    digests: Mapping[str, str],
    clock: Clock = now,
    gates: Sequence[Gate] = tuple(GATES),
    *,
    release: Path | None = None,
) -> Decision:
    """What people decided about the bytes with these digests.

    digests: the SHA-256 of each file that gate `deploy` covers, by its name under `results/`; the
    files themselves are not read.  gates: those that must be satisfied; for a rollback only
    `deploy`.  release: for a rollback, the folder of the release, which says who trained its model.

    Raises Refusal if no signers are configured or the ledger cannot be read.
    """
    require_signers(policy)
    folder = root / LEDGER
    problems = ledger.verify(folder)
    entries = ledger.read(folder) if not problems else []
    if release is None:  # a release keeps the report that people signed, whatever came later
        problems += changed_reports(entries, digests)
    allowed = authority(root, entries)
    problems += allowed.problems
    case = Case(policy, digests, entries, clock(), allowed.policies, revoked_before(entries))
    released = read_statements(release, "author") if release else []
    case, trainers = with_trainers(case, read_statements(root, "author"), released)
    found = [_gate(root, gate, case) for gate in gates]
    head = entries[-1].digest if entries else ledger.EMPTY
    return Decision(
        policy,
        allowed.policies,
        found,
        case.author,
        trainers,
        head,
        problems,
        case.is_in_production,
    )


def _gate(root: Path, gate: Gate, case: Case) -> GateDecision:
    judged = [judge_statement(kept, case) for kept in read_statements(root, gate)]
    counted: dict[str, SignOff] = {}
    void = []
    for signoff in judged:
        if signoff.void or signoff.said is None:
            void.append(signoff)
        elif signoff.said.decision == "approved":
            if other := counted.get(signoff.fingerprint):
                void.append(
                    replace(signoff, void=f"{other.who}'s, with the same key, is counted already")
                )
            else:
                counted[signoff.fingerprint] = signoff
    allowed = case.policy.may_sign(gate)
    rejected = {who: where for who in allowed if (where := _rejection(who, gate, judged, case))}
    if case.policy.gates[gate].exclude_author:
        allowed = [who for who in allowed if not case.trained(who, case.policy)]
    good = list(counted.values())
    needed = needed_consent(good, case) if gate == "deploy" else None
    return GateDecision(gate, case.policy.gates[gate], good, void, rejected, allowed, needed)


def _rejection(who: str, gate: Gate, judged: Sequence[SignOff], case: Case) -> str | None:
    """Where a person's rejection of these bytes is recorded, None if there is none.

    If the statement was removed, the ledger still records it. Only a later signed statement of the
    same person lifts it: a withdrawal, or a decision on these exact bytes. A line in the ledger
    does not, because anyone can write one.
    """
    own = next((each for each in judged if each.who == who and each.said), None)
    said = own.said if own else None
    if own and said and said.decision == "rejected" and not own.void:
        return f"{own.name}{_because(said.comment)}"
    covers = identity({name: case.digests.get(name, "") for name in GATES[gate]})
    lines = [
        entry.sequence
        for entry in decisions_of(case.entries, gate, who)
        if entry.event == EVENTS["rejected"] and entry.fields.get("covers") == covers
    ]
    if not lines:
        return None
    about_these = said and (said.decision == "withdrawn" or identity(said.subject) == covers)
    if said and about_these and said.ledger.lines >= lines[-1]:
        return None
    return f"line {lines[-1]} of the ledger"


def _because(comment: str) -> str:
    return f": {printable(comment)}" if comment else ""


@dataclass(frozen=True)
class Audit:
    """What is wrong with the ledger and the sign-offs, a sentence each.

    notes: what is in order but worth knowing: sign-offs that no longer count, because the signer
    left or has a new key, and lines that a wrong clock dated.
    """

    problems: Sequence[str]
    notes: Sequence[str] = ()


def audit(root: Path, policy: Policy, seen: Iterable[Seen] = (), clock: Clock = now) -> Audit:
    """Check that the ledger and the sign-offs are intact.

    seen: what others, such as releases, recorded of the ledger. An outdated sign-off is no problem;
    one whose signature was never good, by today's signers or those of its time, is one. So is a
    decision on record whose signed statement is lost.
    """
    folder = root / LEDGER
    entries: list[Entry] = []
    with suppress(Refusal):  # `ledger.verify` reports it below
        entries = ledger.read(folder)
    opened = [open_statement(kept, policy, clock()) for kept in read_all_statements(root)]
    given = {each.name: open_as_given(each.kept, policy, entries) for each in opened if each.void}
    seen_then = [*seen, *filter(None, map(seen_by, filter(None, [*opened, *given.values()])))]
    problems = [*ledger.verify(folder, seen_then), *_lost_statements(root, entries)]
    if opened and not policy.signers:
        state = "names nobody" if (root / SIGNERS).exists() else "is missing"
        lost = (
            f"{SIGNERS}: {state}, so nothing in {SIGNOFFS}/ is checked ({len(opened)} sign-offs); "
            "restore it from a backup."
        )
        return Audit([*problems, lost])
    notes = ledger.backdated(entries)
    for each in opened:
        if given.get(each.name):
            notes.append(
                f"{printable(each.name)}: no longer counts, because {each.void}; it was valid when "
                "it was given and may stay."
            )
        elif each.void:
            problems.append(
                f"{printable(each.name)}: {each.void}, and no record shows that it was ever valid; "
                f"restore the original, or move it out of {SIGNOFFS}/."
            )
    return Audit(problems, notes)


def _lost_statements(root: Path, entries: Sequence[Entry]) -> Iterator[str]:
    """A sentence for each decision on record whose signed statement is lost or was changed.

    Earlier versions did not keep them, so nothing is said about the lines of these.
    """
    for entry in entries:
        gate, digest = entry.fields.get("gate"), str(entry.fields.get("statement"))
        if entry.event in EVENTS.values() and gate in COVERED and is_kept(entries, entry):
            kept = recorded_statement(root, cast(Gate, gate), entry.who, digest)
            if not kept or open_signed(kept, str(entry.fields.get("key"))).void:
                yield (
                    f"line {entry.sequence} of the ledger: the signed statement of this "
                    f"{entry.event} by {printable(entry.who)} is missing or was changed; restore "
                    f"{preserved_name(digest)} and its .sig from a backup."
                )
