"""Who may sign what: OpenSSH's allowed-signers format, read more strictly than by OpenSSH.

    ann@example.com namespaces="pricewright-source,pricewright-metrics" ssh-ed25519 AAAA…

A line says who may sign which decisions with which key. Lines that allow more than a reader sees
are refused: those for all namespaces, patterns instead of names, and certificate authorities.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pricewright.files.disk import read_regular
from pricewright.files.errors import Refusal, shortened
from pricewright.signoffs.ledger import REVOKED, SIGNERS
from pricewright.signoffs.signed_files import COVERED

_LARGEST = 10**6

WHO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
"""The names a person may have; they are used as file names."""

NAMESPACES = {f"pricewright-{gate}": gate for gate in COVERED}

KRL = b"SSHKRL\n\0"
"""The first bytes of a key revocation list."""

_OPTION = re.compile(r'([A-Za-z-]+)(?:="([^"]*)")?(?:,|$)')
_TIME = re.compile(r"[0-9]{8}([0-9]{4}([0-9]{2})?)?Z?")
_KEY_KINDS = re.compile(r"(ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-sha2-)[a-z0-9@.-]+")


@dataclass(frozen=True)
class Signer:
    """A person's key, and the gates for which it counts.

    fingerprint: the key's, as `ssh-keygen -l` shows it.  line: the line as it was read.
    """

    who: str
    gates: frozenset[str]
    fingerprint: str
    line: str


def read_signers(root: Path) -> tuple[tuple[Signer, ...], bytes]:
    """The signers, and the list of revoked keys without comments; a missing file gives none.

    Raises Refusal for a file that allows more, or revokes less, than it seems to.
    """
    signers, revoked = (_content(root, name) for name in (SIGNERS, REVOKED))
    return parse_signers(signers), parse_revoked(revoked)


def parse_signers(content: bytes, name: str = SIGNERS) -> tuple[Signer, ...]:
    """The signers in a file; raises Refusal, with the line, for one that would allow too much."""
    found: list[Signer] = []
    for where, line in _lines(content, name):
        signer = _signer(line, where)
        for other in found:
            if other.who != signer.who and other.who.casefold() == signer.who.casefold():
                raise Refusal(
                    f"{where}: {signer.who} and {other.who} differ only in capitals; "
                    "write the same person's name the same way."
                )
        found.append(signer)
    return tuple(found)


def parse_revoked(content: bytes) -> bytes:
    """A list of revoked keys without its comments: public keys, one per line, or a key revocation
    list from `ssh-keygen -k`, which is returned unchanged.

    Raises Refusal for a list that would revoke less than it seems to.
    """
    if content.startswith(KRL):
        return content
    found = []
    for where, line in _lines(content, REVOKED):
        if _fingerprint(line) is None:
            raise Refusal(
                f"{where}: found {shortened(line, 40)!r}, allowed: a whole public key, as in "
                "config/signers, or a key revocation list; give the key."
            )
        found.append(" ".join(line.split()[:2]) + "\n")
    return "".join(found).encode()


def fingerprint(key: bytes) -> str:
    """The fingerprint of a public key in binary form, as `ssh-keygen -l` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _content(root: Path, name: str) -> bytes:
    try:
        return read_regular(root / name, _LARGEST)
    except FileNotFoundError:
        return b""


def _lines(content: bytes, name: str) -> Iterator[tuple[str, str]]:
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise Refusal(
            f"{name}:{number}: found a character that is not ASCII; names could look alike and "
            "differ, so write them in plain letters."
        ) from None
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            if not stripped.replace("\t", " ").isprintable():
                raise Refusal(f"{name}:{number}: found an invisible character; remove it.")
            yield f"{name}:{number}", stripped


def _signer(line: str, where: str) -> Signer:
    who, _, rest = line.partition(" ")
    if not WHO.fullmatch(who):
        raise Refusal(
            f"{where}: found {shortened(who, 40)!r} as a name, allowed: one person's name of "
            "letters, digits and . _ @ + -, no pattern or list; write a line per person and key."
        )
    options, key = _options(rest.strip(), where)
    gates = _gates(options.pop("namespaces", None), who, where)
    for name, value in options.items():
        if name not in ("valid-after", "valid-before"):
            raise Refusal(
                f"{where}: found {name}, allowed: namespaces, valid-after, valid-before; "
                "name each person's own key."
            )
        if not _TIME.fullmatch(value or ""):
            raise Refusal(f'{where}: found no time after {name}, allowed: such as "20270131".')
    found = _fingerprint(key)
    if found is None:
        raise Refusal(
            f"{where}: found {shortened(key, 40)!r}, where a public key is needed; copy the first "
            "two words of the .pub file."
        )
    return Signer(who, gates, found, line)


def _options(rest: str, where: str) -> tuple[dict[str, str | None], str]:
    """The options in a line, and the rest of it: the key."""
    words = re.match(r'((?:[^\s"]|"[^"]*")+)(?:\s+(.*))?$', rest)
    if words is None or _KEY_KINDS.fullmatch(words[1]):
        return {}, rest
    options: dict[str, str | None] = {}
    place = 0
    while place < len(words[1]):
        found = _OPTION.match(words[1], place)
        if found is None or "\\" in found[0] or found[1].lower() in options:
            raise Refusal(
                f"{where}: found {shortened(words[1], 40)!r}, which are not valid options; fix it."
            )
        options[found[1].lower()] = found[2]
        place = found.end()
    return options, words[2] or ""


def _gates(namespaces: str | None, who: str, where: str) -> frozenset[str]:
    allowed = ",".join(NAMESPACES)
    if not namespaces:
        raise Refusal(
            f"{where}: {who}'s line has no namespaces=, so it would count for everything; "
            f'say what {who} may sign with some of namespaces="{allowed}".'
        )
    for name in namespaces.split(","):
        if name not in NAMESPACES:
            raise Refusal(
                f"{where}: found the namespace {shortened(name, 40)!r}, allowed: some of {allowed}"
                ", no patterns; fix it."
            )
    return frozenset(NAMESPACES[name] for name in namespaces.split(","))


def _fingerprint(line: str) -> str | None:
    """The fingerprint of the public key with which a line begins, None if it does not begin with
    one: its kind, and data that begin with the same kind."""
    try:
        kind, data = line.split()[:2]
        blob = base64.b64decode(data, validate=True)
    except ValueError:
        return None
    begin = len(kind).to_bytes(4, "big") + kind.encode()
    if (
        not _KEY_KINDS.fullmatch(kind)
        or "-cert-" in kind
        or not blob.startswith(begin)
        or len(blob) == len(begin)
    ):
        return None
    return fingerprint(blob)
