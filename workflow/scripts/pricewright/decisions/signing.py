"""Giving a decision: what is to be signed, the signature, the ledger's line, the two files."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pricewright import ledger
from pricewright.clock import Clock, now, stamp
from pricewright.decisions import kept, ssh
from pricewright.decisions.covered import GATES, MODEL, Gate, identity
from pricewright.decisions.judging import EVENTS
from pricewright.decisions.places import LEDGER, SIGNERS
from pricewright.decisions.policy import Policy, require_signers
from pricewright.decisions.statement import Choice, Head, Statement, written
from pricewright.errors import Refusal
from pricewright.files import sha256
from pricewright.production.state import in_production


@dataclass(frozen=True, kw_only=True)
class Signing:
    """Who is about to sign, with which key."""

    who: str
    key: Path
    fingerprint: str


def signer_of(policy: Policy, gate: Gate, key: Path, who: str | None = None) -> Signing:
    """The person whose key this is; `who` chooses, where several have it.

    Raises Refusal if the key may not sign for the gate.
    """
    require_signers(policy)
    fingerprint = ssh.key_fingerprint(key)
    known = [each for each in policy.signers if each.fingerprint == fingerprint]
    names = sorted({each.who for each in known if gate in each.gates})
    if who is not None:
        names = [name for name in names if name == who]
    if len(names) == 1:
        return Signing(who=names[0], key=key, fingerprint=fingerprint)
    if names:
        raise Refusal(f"{SIGNERS}: the key is that of {' and '.join(names)}; choose by --who.")
    if known:
        raise Refusal(
            f"{SIGNERS}: {who or known[0].who} may not sign for gate {gate} with {key}; "
            f"who may is {', '.join(policy.may_sign(gate)) or 'nobody'}."
        )
    raise Refusal(
        f"{key}: {SIGNERS} does not name this key ({fingerprint}); have this line added to it: "
        f'{who or "your-name"} namespaces="{ssh.namespace(gate)}" {ssh.public_key(key)}'
    )


def prepared(
    root: Path,
    policy: Policy,
    digests: dict[str, str],
    *,
    gate: Gate,
    decision: Choice,
    who: str,
    comment: str = "",
    clock: Clock = now,
) -> Statement:
    """The statement to sign, about the files with these digests.

    Raises Refusal for a ledger that is broken: what is signed would rest on nothing.
    """
    folder = Path(root) / LEDGER
    if problems := ledger.verify(folder):
        raise Refusal(f"{problems[0]} Nothing can be signed before that is cleared up.")
    entries = ledger.read(folder)
    made = clock()
    return Statement(
        subject={name: digests[name] for name in GATES[gate]},
        gate=gate,
        decision=decision,
        who=who,
        comment=comment,
        run=digests[MODEL],
        policy=policy.digest,
        replaces=in_production(entries),
        ledger=Head(len(entries), entries[-1].digest if entries else ledger.EMPTY),
        made=stamp(made),
        valid_until=stamp(made + timedelta(days=policy.gates[gate].valid_days)),
    )


def give(
    root: Path, policy: Policy, statement: Statement, signing: Signing, clock: Clock = now
) -> str:
    """Sign a statement, put it on record and keep it; returns its path.

    The ledger's line comes first: a decision that is kept is on record, unless somebody signed on
    another machine and sent the two files. Raises Refusal if the signature is not good by the
    policy, OSError if the ledger or the files cannot be written.
    """
    content = written(statement)
    gate = statement.gate
    signature = ssh.sign(content, signing.key, gate)
    made = kept.Kept(gate, signing.who, kept.statement_name(gate, signing.who), content, signature)
    try:
        fingerprint = ssh.verified(made, policy, clock())
    except ssh.BadSignature as bad:
        raise Refusal(
            f"{signing.key}: its signature would not count, because {bad}; see to that."
        ) from None
    ledger.append(
        Path(root) / LEDGER,
        EVENTS[statement.decision],
        who=signing.who,
        clock=clock,
        gate=gate,
        run=statement.run,
        policy=statement.policy,
        covers=identity(statement.subject),
        statement=sha256(content),
        key=fingerprint,
        comment=statement.comment,
    )
    kept.keep(root, made)
    return made.name
