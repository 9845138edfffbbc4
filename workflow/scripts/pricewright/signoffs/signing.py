"""Making a decision: the statement, its signature, the ledger's line, the two files.

`begin_signoffs` comes first: it writes the files that say who may sign, with the caller's own key.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from pricewright.files.clock import Clock, format_time, now
from pricewright.files.disk import sha256, write_whole
from pricewright.files.errors import Refusal
from pricewright.signoffs import ledger, statements
from pricewright.signoffs.ledger import LEDGER, REVOKED, SIGNERS, in_production
from pricewright.signoffs.policy import REVOKED_THEN, Policy, require_signers, revoked_before
from pricewright.signoffs.signed_files import COVERED, MODEL, Gate, identity
from pricewright.signoffs.signers import NAMESPACES, WHO, parse_signers
from pricewright.signoffs.statements import Choice, LedgerHead, Statement, encode_statement
from pricewright.signoffs.validity import EVENTS

LASTING = 3650
"""Days for which a statement of authorship is valid: longer than any decision."""


@dataclass(frozen=True, kw_only=True)
class Signing:
    """The person who is about to sign, and the key."""

    who: str
    key: Path
    fingerprint: str


def signer_of(policy: Policy, gate: Gate, key: Path, who: str | None) -> Signing:
    """The person whose key this is; `who` chooses if several people have it.

    Raises Refusal if the key may not sign for the gate.
    """
    require_signers(policy)
    fingerprint = statements.key_fingerprint(key)
    known = [each for each in policy.signers if each.fingerprint == fingerprint]
    names = sorted({each.who for each in known if gate in each.gates})
    if who is not None:
        names = [name for name in names if name == who]
    if len(names) == 1:
        return Signing(who=names[0], key=key, fingerprint=fingerprint)
    if names:
        raise Refusal(f"{SIGNERS}: {' and '.join(names)} have the same key; choose with --who.")
    if known:
        raise Refusal(
            f"{SIGNERS}: {who or known[0].who} may not sign for gate {gate} with {key}; "
            f"allowed: {', '.join(policy.may_sign(gate)) or 'nobody'}."
        )
    raise Refusal(
        f"{key}: {SIGNERS} does not name this key ({fingerprint}); have this line added to it: "
        f'{who or "your-name"} namespaces="{statements.namespace(gate)}" '
        f"{statements.public_key(key)}"
    )


def prepare_statement(
    root: Path,
    policy: Policy,
    digests: dict[str, str],
    *,
    gate: Gate,
    decision: Choice,
    who: str,
    comment: str,
    clock: Clock = now,
) -> Statement:
    """The statement to sign, about the files with these digests.

    Raises Refusal if the ledger is broken, because the statement could not rely on it.
    """
    folder = root / LEDGER
    if problems := ledger.verify(folder):
        raise Refusal(f"{problems[0]} Nothing can be signed until that is resolved.")
    entries = ledger.read(folder)
    made = clock()
    days = LASTING if gate == "author" else policy.gates[gate].valid_days
    return Statement(
        subject={name: digests[name] for name in COVERED[gate]},
        gate=gate,
        decision=decision,
        who=who,
        comment=comment,
        run=digests[MODEL],
        policy=policy.digest,
        replaces=in_production(entries),
        ledger=LedgerHead(len(entries), entries[-1].digest if entries else ledger.EMPTY),
        made=format_time(made),
        valid_until=format_time(made + timedelta(days=days)),
    )


def sign_and_record(
    root: Path, policy: Policy, statement: Statement, signing: Signing, clock: Clock = now
) -> str:
    """Sign a statement, record it in the ledger and store it; return its path.

    The bytes are kept beside the ledger first, then the ledger's line is written. So no line is
    without its statement, and every latest decision is on record, unless somebody signed on another
    machine and sent the two files. Raises Refusal if the signature is not good
    under the policy, OSError if the ledger or the files cannot be written.
    """
    content = encode_statement(statement)
    gate = statement.gate
    signature = statements.sign(content, signing.key, gate)
    made = statements.StoredStatement(
        gate, signing.who, statements.statement_name(gate, signing.who), content, signature
    )
    try:
        for revoked in (policy.revoked, *revoked_before(ledger.read(root / LEDGER))):
            fingerprint = statements.verify_signature(
                made, replace(policy, revoked=revoked), clock()
            )
    except statements.BadSignature as bad:
        raise Refusal(
            f"{signing.key}: its signature would not count, because {bad}; correct that first."
        ) from None
    statements.preserve_statement(root, made)
    ledger.append(
        root / LEDGER,
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
        **{REVOKED_THEN: policy.revoked_document()},
    )
    statements.keep_statement(root, made)
    return made.name


_SIGNERS = """\
# Who may sign what: a line for each person and key, in OpenSSH's allowed-signers format. After the
# name come the decisions, then the first two words of the person's .pub file: config/README.md.
"""

_REVOKED = """\
# Keys that no longer count: one whole public key per line, as in config/signers.
"""


def begin_signoffs(root: Path, key: Path, who: str, clock: Clock = now) -> list[str]:
    """Write config/signers, config/revoked and the ledger's first line; return the files made.

    The person may sign for every gate with that key. An existing config/revoked stays as it is.
    Raises Refusal if config/signers exists, or for an invalid name.
    """
    if not WHO.fullmatch(who):
        raise Refusal(
            f"--who: found {who!r}, allowed: letters, digits and . _ @ + -; give another name."
        )
    line = f'{who} namespaces="{",".join(NAMESPACES)}" {statements.public_key(key)}\n'
    parse_signers(line.encode(), str(key))
    contents = {SIGNERS: _SIGNERS + line, REVOKED: _REVOKED}
    made = [name for name in contents if not (root / name).exists()]
    if SIGNERS not in made:
        raise Refusal(f"{SIGNERS}: exists already; add this line to it: {line.strip()}")
    for name in made:
        write_whole(root / name, contents[name].encode())
    fingerprint = statements.key_fingerprint(key)
    ledger.append(root / LEDGER, "init", who=who, clock=clock, key=fingerprint)
    return [*made, f"{LEDGER}/ledger.jsonl"]
