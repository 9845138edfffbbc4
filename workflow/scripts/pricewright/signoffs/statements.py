"""Where statements are kept: `signoffs/<gate>/<who>.json` and its signature beside it, `.sig`.

What is signed: an in-toto Statement v1 about the bytes of files.

Standard: in-toto Attestation Framework, Statement v1, with a predicate of our own type; its schema
is `workflow/schemas/signoff.schema.yaml`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pricewright.files.clock import moment
from pricewright.files.disk import read_regular, write_whole
from pricewright.files.errors import Refusal
from pricewright.files.strict_json import parse_strict
from pricewright.signoffs.coverage import GATES, Gate
from pricewright.signoffs.ledger import SIGNOFFS
from pricewright.tables.schema import check

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


_LARGEST = {".json": 10**6, ".sig": 10**5}


@dataclass(frozen=True)
class StoredStatement:
    """A statement and its signature, as they lie there: bytes that prove nothing yet.

    name: the statement's path under the root.  trouble: why there are no such bytes.
    """

    gate: Gate
    who: str
    name: str
    content: bytes = b""
    signature: bytes = b""
    trouble: str | None = None


def statement_name(gate: str, who: str) -> str:
    """The path of a person's statement for a gate, under the root."""
    return f"{SIGNOFFS}/{gate}/{who}.json"


def read_kept(root: Path, gate: Gate) -> list[StoredStatement]:
    """All that is kept for a gate, each file read once; none if there is no folder."""
    return [
        _read(Path(root), gate, path.stem) for path in _statements(Path(root) / SIGNOFFS / gate)
    ]


def read_all_kept(root: Path) -> list[StoredStatement]:
    """All that is kept."""
    return [kept for gate in GATES for kept in read_kept(root, gate)]


def keep(root: Path, kept: StoredStatement) -> None:
    """Write a statement and its signature, the signature first.

    Killed between the two, there is an old statement with a signature that is not its own, which
    counts for nothing.
    """
    path = Path(root) / kept.name
    write_whole(path.with_name(path.name + ".sig"), kept.signature)
    write_whole(path, kept.content)


def _statements(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.suffix == ".json" and not path.name.startswith("."):
            yield path


def _read(root: Path, gate: Gate, who: str) -> StoredStatement:
    name = statement_name(gate, who)
    found = {}
    for suffix, kind in ((".json", ".json"), (".json.sig", ".sig")):
        path = root / name.removesuffix(".json")
        try:
            found[kind] = read_regular(path.with_name(path.name + suffix), _LARGEST[kind])
        except FileNotFoundError:
            return StoredStatement(gate, who, name, trouble="it has no signature beside it")
        except (Refusal, OSError) as error:
            return StoredStatement(gate, who, name, trouble=str(error).rstrip("."))
    return StoredStatement(gate, who, name, found[".json"], found[".sig"])
