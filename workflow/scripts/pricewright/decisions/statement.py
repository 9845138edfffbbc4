"""What is signed: an in-toto Statement v1 about the bytes of files.

Standard: in-toto Attestation Framework, Statement v1, with a predicate of our own type; its schema
is `workflow/schemas/signoff.schema.yaml`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from pricewright.clock import moment
from pricewright.decisions.covered import Gate
from pricewright.errors import Refusal
from pricewright.forecasting.strict import parse_strict
from pricewright.schema import check

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:pricewright:signoff:v1"

Choice = Literal["approved", "rejected", "withdrawn"]


@dataclass(frozen=True)
class Head:
    """How many lines of the ledger the signer saw, and the digest of the last."""

    lines: int
    head: str


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A decision.

    subject: the files, name to SHA-256.  run: the model's SHA-256, which names data and code.
    policy: the SHA-256 of the policy.  replaces: the release then in production, None if there
    was none.  made, valid_until: in UTC, as in 2026-11-24T20:20:16Z.
    """

    subject: Mapping[str, str]
    gate: Gate
    decision: Choice
    who: str
    comment: str
    run: str
    policy: str
    replaces: str | None
    ledger: Head
    made: str
    valid_until: str


def written(statement: Statement) -> bytes:
    """The bytes to sign; raises Refusal for a comment that is too long, or no text."""
    predicate = asdict(statement)
    subject = predicate.pop("subject")
    document = {
        "_type": TYPE,
        "subject": [{"name": name, "digest": {"sha256": sha}} for name, sha in subject.items()],
        "predicateType": PREDICATE,
        "predicate": predicate,
    }
    check(document, "signoff", "statement:")
    try:
        return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        raise Refusal("the comment: not text that can be written; write it in UTF-8.") from None


def parsed(content: bytes, name: str) -> Statement:
    """The statement that some bytes are, to be called only after their signature was found good.

    Raises Refusal for what is not a statement of ours, down to a key that is there twice.
    """
    document = parse_strict(content, name)
    if not isinstance(document, dict):
        raise Refusal(f"{name}: not a statement; sign again.")
    check(document, "signoff", f"{name}:")
    subjects = [(each["name"], each["digest"]["sha256"]) for each in document["subject"]]
    if len(dict(subjects)) < len(subjects):
        raise Refusal(f"{name}: names a file twice; sign again.")
    said: dict[str, Any] = document["predicate"]
    try:
        moment(said["made"]), moment(said["valid_until"])
    except ValueError:
        raise Refusal(f"{name}: has a time that no calendar has; sign again.") from None
    ledger = said.pop("ledger")
    return Statement(
        subject=dict(subjects),
        gate=cast(Gate, said.pop("gate")),
        decision=cast(Choice, said.pop("decision")),
        ledger=Head(ledger["lines"], ledger["head"]),
        **said,
    )
