"""People with keys of their own, and an office where they decide, with a clock that a test sets."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pricewright.signoffs import ledger, signing, statements
from pricewright.signoffs import policy as author
from pricewright.signoffs.gates import check_gates
from pricewright.signoffs.policy import load_policy
from pricewright.signoffs.signed_files import COVERED, GATES, MODEL, digests, identity, read_covered

NAMES = ("author", "reviewer", "second", "outsider")
ALL = ",".join(statements.namespace(gate) for gate in COVERED)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def make_key(folder: Path, name: str) -> Path:
    """A new ed25519 key without a passphrase."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)],
        check=True,
    )
    return folder / name


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Private keys, by their owners' names."""
    folder = tmp_path_factory.mktemp("keys")
    return {name: make_key(folder, name) for name in NAMES}


def signers_line(who: str, key: Path, namespaces: str = ALL) -> str:
    """A line of config/signers."""
    return f'{who} namespaces="{namespaces}" {statements.public_key(key)}\n'


def terms(**changed: object) -> dict[str, object]:
    """The terms of a gate."""
    return {"required": 1, "valid_days": 30, "exclude_author": False} | changed


class Office:
    """A working directory with small files in place of results, and a clock that a test sets.

    signoffs: the section of config, with one entry per gate.
    """

    def __init__(self, root: Path, keys: dict[str, Path]) -> None:
        self.root, self.keys, self.now = root, keys, NOON
        self.signoffs: dict[str, object] = {gate: terms() for gate in GATES} | {"author": None}
        self.allow_unaccepted = False
        (root / "config").mkdir(parents=True)
        for name in GATES["deploy"]:
            self.write(name, f"{name} as the run wrote it\n")
        self.name_signers("author", "reviewer", "second")
        self.record_run("author")

    def covered(self) -> dict[str, bytes]:
        """The files that people sign."""
        return read_covered(self.root)

    def clock(self) -> datetime:
        return self.now

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def name_signers(self, *names: str) -> None:
        lines = [signers_line(name, self.keys[name]) for name in names]
        self.write("config/signers", "".join(lines))

    def name_also(self, alias: str, name: str) -> None:
        """List a person's key under another name as well."""
        path = self.root / "config/signers"
        path.write_text(path.read_text() + signers_line(alias, self.keys[name]))

    def revoke(self, name: str, *, listed: bool = False) -> None:
        """Revoke a key, as a plain line or in an OpenSSH revocation list."""
        path, key = self.root / "config/revoked", self.keys[name]
        if listed:
            subprocess.run(["ssh-keygen", "-q", "-k", "-f", path, f"{key}.pub"], check=True)
        else:
            path.write_text(statements.public_key(key) + "\n")

    def record_run(self, who: str, **facts: str) -> None:
        model = digests(self.covered())[MODEL]
        author.record_run(
            self.root,
            ["train_or_score"],
            model,
            who,
            facts={"machine": "a cluster's node"} | facts,
            clock=self.clock,
        )

    def make_newer(self, model: str = "a newer model\n") -> None:
        """Put another model in place, made by the author."""
        self.write(MODEL, model)
        self.record_run("author")

    @property
    def policy(self):
        return load_policy(self.root, self.signoffs, self.allow_unaccepted)

    def sign(self, who, gate, decision="approved", *, key=None, comment="", files=None):
        """Sign a decision; returns the statement's path. `files`: those signed, if not results."""
        policy, key = self.policy, self.keys[key or who]
        signer = signing.Signing(who=who, key=key, fingerprint=statements.key_fingerprint(key))
        statement = signing.prepare_statement(
            self.root,
            policy,
            digests(files or self.covered()),
            gate=gate,
            decision=decision,
            who=who,
            comment=comment,
            clock=self.clock,
        )
        return self.root / signing.sign_and_record(self.root, policy, statement, signer, self.clock)

    def sign_elsewhere(self, who, gate) -> None:
        """Sign on another machine: the two files are sent, and this ledger has no line of it."""
        path = self.root / "ledger/ledger.jsonl"
        ours = path.read_bytes()
        self.sign(who, gate)
        path.write_bytes(ours)

    def sign_all(self, who: str) -> None:
        for gate in GATES:
            self.sign(who, gate)

    def check(self, *gates):
        files = digests(self.covered())
        return check_gates(self.root, self.policy, files, self.clock, gates or tuple(GATES))

    def void(self, gate: str) -> dict[str, str]:
        """Why sign-offs for a gate do not count, by signer."""
        return {signoff.who: signoff.void for signoff in self.check(gate).gates[0].void}

    def release(self, digest: str, event: str = "release") -> None:
        """Record in the ledger what a release or a rollback records."""
        decision = self.check(*(["deploy"] if event == "rollback" else []))
        for signoff in decision.rests_on:
            statements.preserve_statement(self.root, signoff.kept)
        fields = {
            "release": digest,
            "covered": identity(digests(self.covered())),
            "policy": self.policy.document(),
            "trained_by": decision.trained_by,
            "signoffs": digests(decision.files()),
        }
        folder = self.root / "ledger"
        ledger.append(folder, event, clock=self.clock, **fields)
        ledger.append(folder, "smoke-test-passed", clock=self.clock, release=digest)


@pytest.fixture
def office(tmp_path: Path, keys: dict[str, Path]) -> Office:
    """An office in which nobody has signed yet."""
    return Office(tmp_path / "office", keys)
