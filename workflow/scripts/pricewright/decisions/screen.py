"""What a person reads before they sign: the decision, what it is about, and what it comes under."""

from collections.abc import Mapping, Sequence

from pricewright.decisions import shown
from pricewright.decisions.author import author_of, is_author
from pricewright.decisions.consent import changes, standing
from pricewright.decisions.covered import MEANINGS, Gate
from pricewright.decisions.policy import Policy
from pricewright.decisions.signing import Signing
from pricewright.decisions.statement import Statement
from pricewright.decisions.wording import folded
from pricewright.ledger import Entry

_VERBS = {"approved": "approve", "rejected": "REJECT", "withdrawn": "withdraw"}


def screen(
    statement: Statement,
    signing: Signing,
    files: Mapping[str, bytes],
    policy: Policy,
    entries: Sequence[Entry],
) -> str:
    """All of it as text, with what a signer should think twice about at the end.

    files: those of gate `deploy`, the very bytes that the statement is about.  entries: the
    ledger's.
    """
    gate, replaced = statement.gate, statement.replaces
    run = author_of(entries, statement.run)
    warnings = shown.warnings(gate, files, policy.allow_unaccepted)
    if run and policy.gates[gate].exclude_author and is_author(signing.who, run, policy):
        warnings.append("you ran the training, so your approval does not count here")
    if before := standing(entries):
        warnings += [f"the policy was changed: {change}" for change in changes(before, policy)]
    covers = [f"{name} ({sha256[:12]}…)" for name, sha256 in statement.subject.items()]
    facts = [
        ("decision", f"{_VERBS[statement.decision]}, gate {gate}: {MEANINGS[gate]}"),
        ("you", f"{signing.who}, {signing.fingerprint}, {signing.key}"),
        *shown.digest(gate, files),
        ("trained by", f"{run.who}, {run.time}" if run else "unknown to the ledger"),
        ("covers", ", ".join(covers)),
        ("policy", _asked(policy, gate)),
        ("replaces", f"release {replaced[:12]}…" if replaced else "nothing"),
        ("valid until", statement.valid_until),
    ]
    if statement.comment:
        facts.append(("comment", statement.comment))
    return folded([*facts, *(("WARNING", warning) for warning in warnings)])


def _asked(policy: Policy, gate: Gate) -> str:
    """What a gate asks for, in a line."""
    terms = policy.gates[gate]
    other = ", other than who ran the training" if terms.exclude_author else ""
    return f"{terms.required} of {', '.join(policy.may_sign(gate))}{other}"
