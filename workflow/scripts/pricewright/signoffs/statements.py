"""What people signed: statements, their signatures, and where both are kept.

A statement is an in-toto Statement v1 about the bytes of files, with a predicate of our own type
(workflow/schemas/signoff.schema.yaml).

    signoffs/<gate>/<who>.json          a person's latest statement; its signature as .json.sig
    ledger/statements/<sha256>.json     every statement, so that none is lost; with its .json.sig

Signatures are OpenSSH's (PROTOCOL.sshsig), made by `ssh-keygen -Y`, so that people can use the keys
and agents that they have. Raw bytes are signed and verified; no statement is parsed before its
signature is found good.
"""

import base64
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

from pricewright.files.clock import parse_time
from pricewright.files.disk import read_regular, refuse_missing, sha256, write_whole
from pricewright.files.documents import parse_strict
from pricewright.files.errors import Refusal, printable
from pricewright.signoffs.ledger import LEDGER, SIGNOFFS, Seen
from pricewright.signoffs.policy import Policy
from pricewright.signoffs.signed_files import COVERED, Gate
from pricewright.signoffs.signers import fingerprint
from pricewright.tables.schema import check

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:pricewright:signoff:v1"

Choice = Literal["approved", "rejected", "withdrawn"]


@dataclass(frozen=True)
class LedgerHead:
    """The number of ledger lines that the signer saw, and the digest of the last one."""

    lines: int
    head: str


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A decision.

    subject: the SHA-256 of each file by name.  run: the SHA-256 of the model, whose file names its
    data and code.  policy: the SHA-256 of the policy.  replaces: the release then in production,
    None if there was none.  made, valid_until: in UTC, such as 2026-11-24T20:20:16Z.
    """

    subject: Mapping[str, str]
    gate: Gate
    decision: Choice
    who: str
    comment: str
    run: str
    policy: str
    replaces: str | None
    ledger: LedgerHead
    made: str
    valid_until: str


def encode_statement(statement: Statement) -> bytes:
    """The bytes to sign; raises Refusal for a comment that is too long or not text."""
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
        raise Refusal("--comment: not valid UTF-8; write it in UTF-8.") from None


def parse_statement(content: bytes, name: str) -> Statement:
    """Parse a statement; call this only after its signature was found good.

    Raises Refusal for anything that is not exactly our statement, even for a duplicate key.
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
        parse_time(said["made"]), parse_time(said["valid_until"])
    except ValueError:
        raise Refusal(f"{name}: has an impossible time; sign again.") from None
    ledger = said.pop("ledger")
    return Statement(
        subject=dict(subjects),
        gate=cast(Gate, said.pop("gate")),
        decision=cast(Choice, said.pop("decision")),
        ledger=LedgerHead(ledger["lines"], ledger["head"]),
        **said,
    )


_LARGEST, _LARGEST_SIGNATURE = 10**6, 10**5


@dataclass(frozen=True)
class StoredStatement:
    """A statement and its signature as stored: bytes that prove nothing yet.

    name: the statement's path under the root.  trouble: why the bytes could not be read, if so.
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


def read_statements(root: Path, gate: Gate) -> list[StoredStatement]:
    """All statements stored for a gate, each file read once; none if there is no folder."""
    return [
        _read(root, gate, path.stem, statement_name(gate, path.stem))
        for path in _statements(root / SIGNOFFS / gate)
    ]


def read_all_statements(root: Path) -> list[StoredStatement]:
    """All statements stored for any gate."""
    return [kept for gate in COVERED for kept in read_statements(root, gate)]


def keep_statement(root: Path, kept: StoredStatement) -> None:
    """Write a statement and its signature as a person's latest, the signature first.

    The one that it replaces is preserved. If this is killed between the two, an old statement with
    the wrong signature remains, which does not count.
    """
    preserve_statement(root, _read(root, kept.gate, kept.who, kept.name))
    write_whole(root / f"{kept.name}.sig", kept.signature)
    write_whole(root / kept.name, kept.content)


def preserve_statement(root: Path, kept: StoredStatement) -> None:
    """Keep a statement and its signature beside the ledger, if they are not kept already."""
    path = root / preserved_name(sha256(kept.content))
    if not kept.trouble and not path.exists():
        write_whole(path.with_name(f"{path.name}.sig"), kept.signature)
        write_whole(path, kept.content)


def preserved_name(digest: str) -> str:
    """The path under the root at which the statement with this SHA-256 is kept for good."""
    return f"{LEDGER}/statements/{digest}.json"


def recorded_statement(
    root: Path,
    gate: Gate,
    who: str,
    digest: str,
    *,
    signature: str | None = None,
    release: Path | None = None,
) -> StoredStatement | None:
    """The statement with this SHA-256, from wherever it is kept; None if it is lost.

    signature: the SHA-256 of its signature, if known.  release: the folder of a release that may
    hold it; earlier versions kept no statements beside the ledger.
    """
    name = statement_name(gate, who)
    places = [(root, preserved_name(digest)), (root, name), *([(release, name)] if release else [])]
    for folder, path in places:
        found = _read(folder, gate, who, path)
        if (
            not found.trouble
            and sha256(found.content) == digest
            and signature in (None, sha256(found.signature))
        ):
            return replace(found, name=name)
    return None


def _statements(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.suffix == ".json" and not path.name.startswith("."):
            yield path


def _read(root: Path, gate: Gate, who: str, name: str) -> StoredStatement:
    try:
        content = read_regular(root / name, _LARGEST)
        signature = read_regular(root / f"{name}.sig", _LARGEST_SIGNATURE)
    except FileNotFoundError:
        return StoredStatement(gate, who, name, trouble="it has no signature beside it")
    except (Refusal, OSError) as error:
        return StoredStatement(gate, who, name, trouble=str(error).rstrip("."))
    return StoredStatement(gate, who, name, content, signature)


PROGRAM = "ssh-keygen"

_ARMOUR = re.compile(
    rb"\s*-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)-----END SSH SIGNATURE-----\s*"
)


class BadSignature(Exception):
    """A signature is not good; the message says why."""


@dataclass(frozen=True)
class Signature:
    """The key and namespace that a signature claims, before it is verified."""

    fingerprint: str
    namespace: str


def namespace(gate: str) -> str:
    """The namespace of a gate's signatures; a signature counts only for its own gate."""
    return f"pricewright-{gate}"


def sign(content: bytes, key: Path, gate: str) -> bytes:
    """The signature of some bytes; raises Refusal with ssh-keygen's words if it fails."""
    done = _run(["-Y", "sign", "-f", str(key), "-n", namespace(gate)], content, waits=True)
    if done.returncode:
        raise Refusal(f"{key}: {PROGRAM} did not sign ({_words(done)}); check the key.")
    return done.stdout


def verify_signature(kept: StoredStatement, policy: Policy, now: datetime) -> str:
    """Verify that the right person signed a statement; return the fingerprint of the key.

    ssh-keygen decides; the signature's own fields serve only to word the reason. Raises
    BadSignature with the reason.
    """
    try:
        claimed = parse_signature(kept.signature)
    except ValueError as error:
        raise BadSignature(f"the signature is not valid: {error}") from None
    words = _checked(kept, policy.signers_file(), policy.revoked, now)
    if words is None:
        return claimed.fingerprint
    wanted = namespace(kept.gate)
    if claimed.namespace != wanted:
        why = f"it was signed for {printable(claimed.namespace)}, not for {wanted}"
    elif claimed.fingerprint not in policy.keys_of(kept.who):
        why = f"it was signed with {claimed.fingerprint}, which is not a key of {kept.who}"
    elif _checked(kept, policy.signers_file(), b"", now) is None:
        why = f"the key {claimed.fingerprint} is revoked"
    elif _is_of(kept):
        why = f"the key {claimed.fingerprint} does not count now: {words}"
    else:
        why = "the signature does not fit this file: the file was changed after it was signed"
    raise BadSignature(why)


@lru_cache(4096)  # the same sign-off is judged for a release and for its line in the ledger
def _checked(kept: StoredStatement, signers: bytes, revoked: bytes, now: datetime) -> str | None:
    """None if ssh-keygen finds the signature good, else what it says."""
    with tempfile.TemporaryDirectory(prefix="pricewright-") as folder:
        lists = {"s": kept.signature, "f": signers, "r": revoked}
        for name, given in lists.items():
            (Path(folder) / name).write_bytes(given)
        files = [word for name in lists for word in (f"-{name}", f"{folder}/{name}")]
        moment = f"verify-time={now.astimezone(UTC):%Y%m%d%H%M%SZ}"
        whose = ["-I", kept.who, "-n", namespace(kept.gate)]
        done = _run(["-Y", "verify", *whose, *files, "-O", moment], kept.content)
    return _words(done) if done.returncode else None


def _is_of(kept: StoredStatement) -> bool:
    """Whether a signature fits these bytes, whoever made it."""
    with tempfile.TemporaryDirectory(prefix="pricewright-") as folder:
        (Path(folder) / "s").write_bytes(kept.signature)
        check = ["-Y", "check-novalidate", "-n", namespace(kept.gate), "-s", f"{folder}/s"]
        return _run(check, kept.content).returncode == 0


def parse_signature(signature: bytes) -> Signature:
    """The fields of a signature; raises ValueError for bytes that are not one."""
    armour = _ARMOUR.fullmatch(signature)
    if armour is None:
        raise ValueError("it does not have the format of an SSH signature")
    blob = base64.b64decode(armour[1].replace(b"\n", b""), validate=True)
    if blob[:6] != b"SSHSIG" or blob[6:10] != b"\0\0\0\1":
        raise ValueError("it is another kind of signature")
    key, rest = _string(blob[10:])
    name, _ = _string(rest)
    return Signature(fingerprint(key), name.decode("ascii"))


def key_fingerprint(key: Path) -> str:
    """The fingerprint of a key's file, private or public; no passphrase is asked for."""
    done = _run(["-l", "-f", str(key)], b"")
    found = re.search(r"SHA256:[A-Za-z0-9+/]+", done.stdout.decode(errors="replace"))
    if done.returncode or found is None:
        raise Refusal(f"{key}: {PROGRAM} cannot read this key ({_words(done)}); name another.")
    return found[0]


def public_key(key: Path) -> str:
    """The public half of a key, as in `config/signers`: its kind and its data."""
    path = key if key.suffix == ".pub" else key.with_name(key.name + ".pub")
    if path == key or path.is_file():
        with refuse_missing(path):
            text = path.read_text(errors="replace")
    else:
        done = _run(["-y", "-f", str(key)], b"")
        if done.returncode:
            raise Refusal(f"{key}: {PROGRAM} cannot read this key ({_words(done)}); name another.")
        text = done.stdout.decode(errors="replace")
    return " ".join(text.split()[:2])


def _run(
    arguments: list[str], given: bytes, *, waits: bool = False
) -> "subprocess.CompletedProcess[bytes]":
    """Run ssh-keygen; if it may have to wait for a person, its messages go to the terminal."""
    told = None if waits and sys.stderr.isatty() else subprocess.PIPE
    try:
        return subprocess.run(
            [PROGRAM, *arguments],
            input=given,
            stdout=subprocess.PIPE,
            stderr=told,
            check=False,
            timeout=None if waits else 60,
        )
    except FileNotFoundError:
        raise Refusal(
            f"{PROGRAM}: is not installed, but signatures need it; install OpenSSH "
            "(Debian: apt-get install openssh-client)."
        ) from None


def _words(done: "subprocess.CompletedProcess[bytes]") -> str:
    """The message of ssh-keygen, without its frames of @, on one line and safe for a terminal."""
    if done.stderr is None:
        return "see above"
    lines = [" ".join(line.split()) for line in done.stderr.decode(errors="replace").splitlines()]
    noise = ("@", "Signing data on standard input")
    said = "; ".join(line.rstrip(".") for line in lines if line and not line.startswith(noise))
    return printable(said) or "no message"


def _string(blob: bytes) -> tuple[bytes, bytes]:
    """A string of SSH's wire format, and the bytes after it."""
    size = int.from_bytes(blob[:4], "big")
    if len(blob) < 4 + size:
        raise ValueError("it is truncated")
    return blob[4 : 4 + size], blob[4 + size :]


@dataclass(frozen=True)
class SignOff:
    """A stored statement with its verdict.

    said, fingerprint: the statement and the key that signed it, if the signature is good.
    void: why it does not count, None if it does; a rejection that counts blocks the release.
    """

    kept: StoredStatement
    said: Statement | None = None
    fingerprint: str = ""
    void: str | None = None

    @property
    def gate(self) -> Gate:
        """The gate of the statement."""
        return self.kept.gate

    @property
    def who(self) -> str:
        """The person who signed."""
        return self.kept.who

    @property
    def name(self) -> str:
        """The statement's path; its signature has the same path plus `.sig`."""
        return self.kept.name

    @property
    def statement(self) -> bytes:
        """The exact bytes that were verified."""
        return self.kept.content

    @property
    def signature(self) -> bytes:
        """The signature of these bytes."""
        return self.kept.signature


def open_statement(kept: StoredStatement, policy: Policy, now: datetime) -> SignOff:
    """Open a stored statement: what it says and which key signed it, or why it is void."""
    who, gate = kept.who, kept.gate
    if kept.trouble:
        return SignOff(kept, void=printable(kept.trouble))
    if who not in policy.may_sign(gate):
        return SignOff(kept, void=f"{printable(who)} is not a signer for gate {gate}")
    try:
        return _read_signed(kept, verify_signature(kept, policy, now))
    except BadSignature as bad:
        return SignOff(kept, void=str(bad))


def open_signed(kept: StoredStatement, fingerprint: str) -> SignOff:
    """Open a stored statement if exactly this key signed it, whoever owns the key."""
    with suppress(ValueError):
        if parse_signature(kept.signature).fingerprint == fingerprint and _is_of(kept):
            return _read_signed(kept, fingerprint)
    return SignOff(kept, void=f"it is not signed with {printable(fingerprint)}")


def _read_signed(kept: StoredStatement, fingerprint: str) -> SignOff:
    """Open a statement whose signature is good."""
    who, gate = kept.who, kept.gate
    try:
        said = parse_statement(kept.content, kept.name)
    except Refusal as refusal:
        return SignOff(kept, void=f"it is not a statement: {str(refusal).rstrip('.')}")
    if (said.gate, said.who) != (gate, who):
        return SignOff(kept, void=f"it is {said.who}'s for gate {said.gate}")
    return SignOff(kept, said, fingerprint)


def seen_by(signoff: SignOff) -> Seen | None:
    """What the signer saw of the ledger, if the signature is good."""
    said = signoff.said
    return Seen(signoff.name, said.ledger.lines, said.ledger.head) if said else None
