"""The policy: who must sign for which gate, how many people, and for how long it holds.

Whoever ran the training may be excluded; the ledger knows who that is, because each run records it.
"""

import subprocess
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from pricewright.files.clock import Clock, now
from pricewright.files.disk import sha256
from pricewright.files.errors import Refusal
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import LEDGER, SIGNERS, Entry, login
from pricewright.signoffs.signed_files import GATES, Gate
from pricewright.signoffs.signers import KRL, WHO, Signer, parse_signers, read_signers


@dataclass(frozen=True)
class GateTerms:
    """What a gate requires: signatures of `required` different people, each valid for
    `valid_days`; with `exclude_author`, whoever ran the training does not count."""

    required: int
    valid_days: int
    exclude_author: bool


@dataclass(frozen=True)
class Policy:
    """Who must sign what, according to config, config/signers and config/revoked.

    revoked: the list of revoked keys, as ssh-keygen reads it.  allow_unaccepted: whether a model
    that is not accepted may be released.
    """

    gates: Mapping[Gate, GateTerms]
    signers: tuple[Signer, ...]
    revoked: bytes
    allow_unaccepted: bool

    @property
    def digest(self) -> str:
        """The SHA-256 of `record`: any change except to comments makes another policy."""
        return sha256(self.record())

    def document(self) -> dict[str, Any]:
        """Everything that counts, fit for JSON; `parse_policy` reads it."""
        return {
            "gates": {gate: asdict(terms) for gate, terms in self.gates.items()},
            "signers": [signer.line for signer in self.signers],
            "revoked": self.revoked_document(),
            "allow_unaccepted": self.allow_unaccepted,
        }

    def revoked_document(self) -> dict[str, Any]:
        """The list of revoked keys, fit for JSON."""
        if self.revoked.startswith(KRL):
            return {"krl": b64encode(self.revoked).decode()}
        return {"keys": self.revoked.decode().splitlines()}

    def record(self) -> bytes:
        """The document as bytes."""
        layout = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps(self.document(), option=layout)

    def signers_file(self) -> bytes:
        """The signers in the format that ssh-keygen reads."""
        return "".join(signer.line + "\n" for signer in self.signers).encode()

    def may_sign(self, gate: Gate) -> list[str]:
        """Who may sign for a gate."""
        return sorted({signer.who for signer in self.signers if gate in signer.gates})

    def keys_of(self, who: str) -> set[str]:
        """The fingerprints of a person's keys."""
        return {signer.fingerprint for signer in self.signers if signer.who == who}


def load_policy(root: Path, signoffs: Mapping[str, Any], allow_unaccepted: bool) -> Policy:
    """The policy in force; `signoffs` is config's section of that name.

    Without config/signers there are no signers, and nobody can approve anything. Raises Refusal
    for a file that allows more, or revokes less, than it seems to.
    """
    signers, revoked = read_signers(root)
    gates = {gate: GateTerms(**signoffs[gate]) for gate in GATES}
    return Policy(gates, signers, revoked, allow_unaccepted)


def parse_policy(document: Mapping[str, Any], name: str) -> Policy:
    """The policy in a document, which errors call `name`; raises Refusal if it is none."""
    try:
        return Policy(
            {gate: GateTerms(**document["gates"][gate]) for gate in GATES},
            parse_signers("\n".join(document["signers"]).encode(), name),
            _parse_revoked(document["revoked"]),
            document["allow_unaccepted"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refusal(f"{name}: not a valid policy ({error}); restore the original.") from None


def _parse_revoked(document: Mapping[str, Any]) -> bytes:
    """The list of revoked keys in a `Policy.revoked_document`."""
    if "krl" in document:
        return b64decode(document["krl"])
    return "".join(f"{line}\n" for line in document.get("keys", ())).encode()


REVOKED_THEN = "revoked"
"""The field of a decision's, release's or rollback's line with the list of revoked keys. Earlier
versions did not write it."""


def revoked_before(entries: Sequence[Entry]) -> list[bytes]:
    """Lists of all keys that were revoked when a line of the ledger was written.

    Such a key stays revoked for new sign-offs: it may have signed while nobody trusted it.
    """
    lists, keys = set(), set()
    for entry in entries:
        policy = entry.fields.get("policy")
        recorded = policy.get("revoked") if isinstance(policy, dict) else None
        with suppress(AttributeError, TypeError, ValueError):  # a line without a list
            found = _parse_revoked(entry.fields.get(REVOKED_THEN, recorded))
            if found.startswith(KRL):
                lists.add(found)
            else:
                keys |= {*found.splitlines(keepends=True)}
    return [*sorted(lists), *([b"".join(sorted(keys))] if keys else [])]


def require_signers(policy: Policy) -> None:
    """Raise Refusal if no signers are configured."""
    if not policy.signers:
        raise Refusal(
            f"{SIGNERS}: names nobody, so nobody can approve anything; begin with "
            "`pricewright sign --init --key ~/.ssh/id_ed25519` and add a line for each person who "
            "may sign (config/README.md, Who decides), or restore it from a backup."
        )


TRAINING = "train_or_score"


def oneself(configured: str | None = None) -> str:
    """The name of the person at work: as configured, else their git email, else the login."""
    return configured or _git_email() or login()


def record_run(
    root: Path,
    steps: Sequence[str],
    model: str,
    author: str | None,
    *,
    configfile: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
    once: bool = False,
    clock: Clock = now,
) -> Entry:
    """Record a run in the ledger: its steps, the SHA-256 of the current model, and who ran it.

    author: the name that config gives to whoever runs the training, None to ask git.  configfile:
    the files laid over the config.  facts: further fields.  once: skip it if the last run recorded
    the same. Returns the entry of this run, or of that one. Raises what `ledger.append` raises.
    """
    last = _last_run(ledger.read(root / LEDGER)) if once else None
    if last and [last.fields.get(name, []) for name in ("run", "steps", "configfile")] == [
        model,
        list(steps),
        list(configfile),
    ]:
        return last
    more = ({"configfile": list(configfile)} if configfile else {}) | dict(facts or {})
    return ledger.append(
        root / LEDGER,
        "run",
        who=oneself(author),
        clock=clock,
        run=model,
        steps=list(steps),
        login=login(),
        **more,
    )


def last_config_files(entries: Sequence[Entry]) -> list[Path]:
    """The files that the last run laid over the config."""
    last = _last_run(entries)
    found = last.fields.get("configfile", []) if last else []
    return [Path(str(name)) for name in found] if isinstance(found, list) else []


def _last_run(entries: Sequence[Entry]) -> Entry | None:
    return next((entry for entry in reversed(entries) if entry.event == "run"), None)


def author_of(entries: Sequence[Entry], model: str) -> Entry | None:
    """The run that first made a model, None if the ledger knows none.

    Somebody who reproduces the same bytes later is not the author.
    """
    for entry in entries:
        if entry.event == "run" and entry.fields.get("run") == model:
            steps = entry.fields.get("steps")
            if isinstance(steps, list) and TRAINING in steps:
                return entry
    return None


def is_author(who: str, run: Entry, policy: Policy) -> bool:
    """Whether a signer is the person who ran the training: by name, login or key."""
    names = {run.who.casefold(), str(run.fields.get("login", "")).casefold()}
    own = {signer.fingerprint for signer in policy.signers if signer.who.casefold() in names}
    return bool(policy.keys_of(who) & own)


def _git_email() -> str | None:
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            ["git", "config", "user.email"], capture_output=True, text=True, check=False, timeout=10
        )
        if WHO.fullmatch(done.stdout.strip()):
            return done.stdout.strip()
    return None
