"""Who authorised what is in production, judged again from the evidence that is kept.

Anyone who can write to the ledger can add a line that says that people released something. So each
line that changed what is in production is judged again, as of its time, by the sign-offs that it
names. A policy is in force only if such a line holds, which takes the consent of the people of the
policy before it: strangers cannot become signers by a line of their own.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pricewright.files.clock import parse_time
from pricewright.files.errors import Refusal, printable
from pricewright.signoffs.ledger import PASSED, SIGNOFFS, Entry, state_of, switches
from pricewright.signoffs.policy import REVOKED_THEN, Policy, parse_policy, revoked_before
from pricewright.signoffs.signed_files import COVERED, GATES, Gate, identity
from pricewright.signoffs.signers import WHO
from pricewright.signoffs.statements import StoredStatement, open_statement, recorded_statement
from pricewright.signoffs.validity import (
    Case,
    judge_statement,
    needed_consent,
    with_trainers,
)

RELEASES = "production/releases"
"""The folder of the releases; each holds the sign-offs on which it rests."""

_NAME = re.compile(rf"{SIGNOFFS}/({'|'.join(COVERED)})/({WHO.pattern})\.json")


@dataclass(frozen=True)
class Authority:
    """What the lines that changed production prove.

    policies: those whose consent another policy needs: the one in force and, after it, any that a
    line of an earlier version names without proof.  problems: the lines that nobody authorised.
    unproven: the lines of earlier versions that kept too little to tell. A sentence each.
    """

    policies: Sequence[Policy]
    problems: Sequence[str]
    unproven: Sequence[str]


def authority(root: Path, entries: Sequence[Entry], *, every: bool = False) -> Authority:
    """Judge again what put a release into production.

    every: judge each line; otherwise only the one that is in force and those with another policy.
    A line that does not hold gives no policy; the first policy is the first, whatever its line.
    """
    policies: list[Policy] = []
    problems, unproven = [], []
    in_force = state_of(entries).since
    for begun, end in switches(entries):
        if end is None or end.event != PASSED:
            continue
        policy = _policy(begun)
        if [policy] == policies and not every and begun.sequence != in_force:
            continue
        wrong = unauthorised(root, begun, entries, policies)
        if not wrong and policy:
            policies = [policy]
            continue
        if not is_kept(entries, begun) and (
            policy is None
            or _lost(root, begun)
            or not unauthorised(root, begun, entries, policies[-1:])
        ):
            if every or begun.sequence == in_force:
                unproven.append(
                    f"line {begun.sequence} of the ledger: it cannot be proved that people "
                    f"authorised this {begun.event}, which an earlier version recorded: {wrong[0]}"
                )
            if policy:
                policies = [*(each for each in policies if each != policy), policy]
        else:
            problems.append(
                f"line {begun.sequence} of the ledger: the sign-offs on record do not authorise "
                f"this {begun.event}: {wrong[0].rstrip('.')}; restore ledger/, signoffs/ and "
                "production/ from a backup that `pricewright verify` finds intact."
            )
            policies = policies or ([policy] if policy else [])
    return Authority(policies, problems, unproven)


def is_kept(entries: Sequence[Entry], line: Entry) -> bool:
    """Whether a line is from a version that keeps every statement; earlier ones did not."""
    return any(REVOKED_THEN in entry.fields for entry in entries[: line.sequence])


def unauthorised(
    root: Path, begun: Entry, entries: Sequence[Entry], before: Sequence[Policy]
) -> list[str]:
    """Why the sign-offs that a release or rollback names do not authorise it, in sentences.

    before: the policies whose consent is needed if it has another.
    """
    policy, then = _policy(begun), entries[: begun.sequence - 1]
    if policy is None:
        return ["it names no policy."]
    if lost := _lost(root, begun):
        return [f"{printable(name)} is not kept in ledger/statements/." for name in lost]
    if begun.event == "rollback" and begun.fields["release"] not in _tested(then):
        return ["its release was never tested and in production before."]
    kept = [each for each in _named(root, begun).values() if each]
    moment = parse_time(begun.time)
    deploy = [open_statement(each, policy, moment) for each in kept if each.gate == "deploy"]
    covered = {begun.fields.get("covered"), _covered_when_released(begun, entries)}
    about = [each.said.subject for each in deploy if each.said]
    signed = next((subject for subject in about if {identity(subject)} == covered), None)
    if signed is None:
        return ["nobody signed deploy for its files."]
    revoked = revoked_before(then) if is_kept(entries, begun) else ()
    return shortfalls(begun, kept, Case(policy, signed, then, moment, before, revoked))


def shortfalls(begun: Entry, kept: Sequence[StoredStatement], case: Case) -> list[str]:
    """Why the statements on which a release or rollback rests do not authorise it, in sentences."""
    authors = [each for each in kept if each.gate == "author"]
    case, _ = with_trainers(case, authors, authors)
    nobody_signed = begun.event == "release" and "trained_by" not in begun.fields
    if nobody_signed and not is_kept(case.entries, begun):  # by a version that did not ask
        case = replace(case, trainers=None)
    gates: Sequence[Gate] = tuple(GATES) if begun.event == "release" else ("deploy",)
    return [why for gate in gates for why in _shortfalls(gate, kept, case)]


def _shortfalls(gate: Gate, kept: Sequence[StoredStatement], case: Case) -> Iterator[str]:
    good = {}
    for signoff in (judge_statement(each, case) for each in kept if each.gate == gate):
        if signoff.void or not signoff.said or signoff.said.decision != "approved":
            void = signoff.void or "it is not an approval"
            yield f"{printable(signoff.name)} does not count: {void}."
        else:
            good[signoff.fingerprint] = signoff
    if len(good) < (required := case.policy.gates[gate].required):
        yield f"gate {gate} has {len(good)} good signatures, but its policy required {required}."
    consent = needed_consent(list(good.values()), case) if gate == "deploy" else None
    if consent and not consent.satisfied:
        yield (
            f"the policy was changed ({'; '.join(consent.changes)}), and {len(consent.given)} of "
            f"those who could sign before consented, but {consent.needed} had to."
        )


def _tested(entries: Sequence[Entry]) -> set[object]:
    """The releases that passed their test."""
    ended = ((begun, end) for begun, end in switches(entries) if begun.event == "release")
    return {begun.fields.get("release") for begun, end in ended if end and end.event == PASSED}


def _covered_when_released(begun: Entry, entries: Sequence[Entry]) -> object:
    """What a release covered by the line that first recorded it."""
    of = [each for each in entries if each.fields.get("release") == begun.fields["release"]]
    return next((each.fields.get("covered") for each in of if each.event == "release"), None)


def _policy(begun: Entry) -> Policy | None:
    with suppress(Refusal):
        return parse_policy(begun.fields.get("policy") or {}, "")
    return None


def _lost(root: Path, begun: Entry) -> list[str]:
    return [name for name, kept in _named(root, begun).items() if kept is None]


def _named(root: Path, begun: Entry) -> dict[str, StoredStatement | None]:
    """The statements that a line names, by path; None for one that is lost."""
    digests = begun.fields.get("signoffs")
    if not isinstance(digests, dict):
        return {}
    folder = root / RELEASES / str(begun.fields["release"])
    found = {}
    for name, digest in digests.items():
        if not name.endswith(".sig"):
            part = _NAME.fullmatch(name)
            found[name] = part and recorded_statement(
                root,
                cast(Gate, part[1]),
                part[2],
                str(digest),
                signature=str(digests.get(f"{name}.sig")),
                release=folder,
            )
    return found
