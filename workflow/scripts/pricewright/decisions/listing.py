"""A decision in plain text: who signed, what does not count and why, and what to do."""

from collections.abc import Sequence

from pricewright.decisions.covered import MEANINGS
from pricewright.decisions.gates import Decision, GateDecision
from pricewright.decisions.opening import SignOff
from pricewright.decisions.wording import printable

SIGN = "python workflow/scripts/sign.py"


def missing(decision: Decision, release: str | None = None) -> str:
    """What stands between these bytes and production, gate by gate, with the commands to run.

    release: the digest of the release, if it is one that is to be gone back to.
    """
    lines = [*decision.problems]
    for gate in decision.gates:
        lines.append(_headline(gate))
        lines += _details(gate)
        if not gate.satisfied:
            lines += [f"    {line}" for line in _to_do(decision, gate, release)]
    return "\n".join(lines)


def overview(decision: Decision) -> str:
    """Every sign-off: who, when, until when, or why it is void."""
    lines = [*decision.problems]
    for gate in decision.gates:
        lines.append(f"{_headline(gate)} ({MEANINGS[gate.gate]})")
        lines += _details(gate)
    return "\n".join(lines)


def _headline(gate: GateDecision) -> str:
    state = "ok" if gate.satisfied else "rejected" if gate.rejected else "missing"
    by = ", ".join(signoff.who for signoff in gate.counted) or "nobody"
    return f"  {gate.gate:<8} {state:<8} {len(gate.counted)} of {gate.terms.required}, by {by}"


def _details(gate: GateDecision) -> list[str]:
    lines = [f"    {_valid(signoff)}" for signoff in gate.counted]
    lines += [f"    {who} rejects it ({where})" for who, where in gate.rejected.items()]
    lines += [
        f"    void: {printable(signoff.who)}'s sign-off, because {signoff.void}"
        for signoff in gate.void
    ]
    return lines


def _valid(signoff: SignOff) -> str:
    assert signoff.said
    comment = f": {printable(signoff.said.comment)}" if signoff.said.comment else ""
    return (
        f"{signoff.who}, {signoff.said.made}, valid until {signoff.said.valid_until}, "
        f"{signoff.fingerprint}{comment}"
    )


def _to_do(decision: Decision, gate: GateDecision, release: str | None) -> Sequence[str]:
    target = f" --release {release[:12]}" if release else ""
    if gate.rejected:
        names = " or ".join(gate.rejected)
        return [f"{names} can withdraw: {SIGN} {gate.gate}{target} --withdraw"]
    signed = {signoff.who for signoff in gate.counted}
    others = [who for who in gate.may_sign if who not in signed]
    if (consent := gate.consent) and not consent.satisfied:
        return [
            f"the policy is not that of the release in production: {'; '.join(consent.changes)}",
            f"so {consent.needed} of those who could sign then must, by the keys that they had",
            f"to sign ({', '.join(consent.could)}): {SIGN} {gate.gate}{target}",
        ]
    need = gate.terms.required - len(gate.counted)
    if len(others) < need:
        excluded = decision.author if gate.terms.exclude_author else None
        why = f" ({excluded.who} ran the training)" if excluded else ""
        return [
            f"too few may sign{why}: {', '.join(others) or 'nobody'}; add a line to config/signers"
            + (f", or see signoffs.{gate.gate}.exclude_author" if excluded else "")
        ]
    return [f"to sign ({', '.join(others)}): {SIGN} {gate.gate}{target}"]
