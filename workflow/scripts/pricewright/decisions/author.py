"""Who ran the training: as the ledger says, which each run tells who ran it."""

import getpass
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pricewright import ledger
from pricewright.clock import Clock, now
from pricewright.decisions.places import LEDGER
from pricewright.decisions.policy import Policy
from pricewright.decisions.signers import WHO
from pricewright.ledger import Entry

TRAINING = "train_or_score"


def login() -> str:
    """The name under which this process runs."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "unknown"


def oneself(configured: str | None = None) -> str:
    """What the person at work is called: as configured, else as git knows them, else the login."""
    return configured or _git_email() or login()


def record_run(
    root: Path, steps: Sequence[str], model: str, author: str | None, clock: Clock = now
) -> Entry:
    """Tell the ledger of a run: its steps, the SHA-256 of the model that is there now, and who.

    author: what config calls whoever runs the training, None to ask git. Raises what
    `ledger.append` raises.
    """
    return ledger.append(
        Path(root) / LEDGER,
        "run",
        who=oneself(author),
        clock=clock,
        run=model,
        steps=list(steps),
        login=login(),
    )


def author_of(entries: Sequence[Entry], model: str) -> Entry | None:
    """The run that made a model first, None if the ledger knows of none.

    Whoever makes the same bytes again, to see whether they come out, is not their author.
    """
    for entry in entries:
        if entry.event == "run" and entry.fields.get("run") == model:
            steps = entry.fields.get("steps")
            if isinstance(steps, list) and TRAINING in steps:
                return entry
    return None


def is_author(who: str, run: Entry, policy: Policy) -> bool:
    """Whether a signer is who ran the training: by name, by login, or by a key of theirs."""
    names = {run.who.casefold(), str(run.fields.get("login", "")).casefold()}
    known = {signer.who for signer in policy.signers if signer.who.casefold() in names}
    keys = {key for name in known for key in policy.keys_of(name)}
    return who.casefold() in names or bool(policy.keys_of(who) & keys)


def _git_email() -> str | None:
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            ["git", "config", "user.email"], capture_output=True, text=True, check=False, timeout=10
        )
        if WHO.fullmatch(done.stdout.strip()):
            return done.stdout.strip()
    return None
