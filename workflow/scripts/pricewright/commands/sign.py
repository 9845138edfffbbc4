"""Sign: a person's decision about the present bytes, signed with the SSH key that they have.

It is not a step of the workflow: a person runs it, reads, and answers.
"""

import sys
from pathlib import Path

from pricewright.commands.options import ConfigFiles, GivenPath, Name, Release, Text
from pricewright.configuration.config import config_of_run
from pricewright.files.errors import Refusal
from pricewright.releases.history import find_release, releases_folder, require_lines
from pricewright.releases.history import signed_files as released_files
from pricewright.releases.store import PACKED, one_at_a_time, unpack_release
from pricewright.signoffs import ledger
from pricewright.signoffs.candidate import read_signed
from pricewright.signoffs.gates import check_gates
from pricewright.signoffs.ledger import LEDGER
from pricewright.signoffs.policy import load_policy, oneself
from pricewright.signoffs.presentation import signing_summary
from pricewright.signoffs.signed_files import COVERED, Gate, covered_folder, digests
from pricewright.signoffs.signing import (
    begin_signoffs,
    prepare_statement,
    sign_and_record,
    signer_of,
)
from pricewright.signoffs.statements import Choice, Statement

KEYS = ("id_ed25519", "id_ed25519_sk", "id_ecdsa", "id_ecdsa_sk", "id_rsa")


def sign(
    gate: Gate | None = None,
    /,
    *,
    key: GivenPath | None = None,
    comment: Text = "",
    reject: bool = False,
    withdraw: bool = False,
    release: Release | None = None,
    who: Name | None = None,
    yes: bool = False,
    init: bool = False,
    configfile: ConfigFiles = (),
) -> None:
    """Sign a decision on a run's results, or as `author` that you trained the model.

    Shows the numbers that matter for the decision, asks you to confirm, and writes the signed
    decision to `signoffs/<gate>/<who>.json`.

    ```
    pricewright sign metrics --comment "as agreed"
    ```

    Parameters
    ----------
    gate
        The decision: the data source is valid (source), the metrics are good enough (metrics), the
        report is approved (report), production deployment is authorised (deploy). author is no
        decision: it says that you trained this model, so that your own approval does not count.
    key
        Your private key, or a public key whose private half is held by an agent or a security key;
        if not given, the first in ~/.ssh that ssh itself would use.
    comment
        A remark, which others can read.
    reject
        Reject instead of approving; this blocks a release until the bytes change or you withdraw.
    withdraw
        Withdraw your earlier approval or rejection.
    release
        For deploy and author: the earlier release to go back to, by its digest or as `previous`.
    who
        Your name in config/signers, if several people have your key; with --init, the name to
        write there.
    yes
        Sign without asking.
    init
        Set up sign-offs: write config/signers with your key, config/revoked and the ledger.
    """
    root = Path()
    if init:
        made = begin_signoffs(root, _key(key), who or oneself())
        print(f"Made {', '.join(made)}; add a line to config/signers for each other person.")
        return
    if gate is None:
        raise Refusal(f"no gate given; name one of {', '.join(COVERED)}.")
    if reject and gate == "author":
        raise Refusal(
            "--reject: found with author, allowed: only with a decision; to take your statement "
            "back, use --withdraw."
        )
    if reject and withdraw:
        raise Refusal("--reject and --withdraw exclude each other; give one of them.")
    if release is not None and gate not in ("author", "deploy"):
        raise Refusal(f"--release: found with gate {gate}, allowed: only with deploy and author.")
    require_lines(root, ledger.read(root / LEDGER))
    config, configfile = config_of_run(root, configfile)
    policy = load_policy(root, config["signoffs"], config["accept"]["allow_unaccepted"])
    signing = signer_of(policy, gate, _key(key), who)
    kept = releases_folder(root) / find_release(root, release) if release else None
    if kept and any(kept.glob(f"*{PACKED}")):  # so that people can read it
        with one_at_a_time(root / "production"):
            unpack_release(kept.parent, kept.name)
    place = kept or covered_folder(config["mode"])
    files = released_files(root, kept.name) if kept else read_signed(root, config["mode"])
    statement = prepare_statement(
        root,
        policy,
        digests(files),
        gate=gate,
        decision=_decision(reject, withdraw),
        who=signing.who,
        comment=comment,
    )
    gates = () if gate == "author" else (gate,)
    decision = check_gates(root, policy, digests(files), gates=gates, release=kept)
    print(signing_summary(statement, signing, files, decision, folder=place))
    if not yes and not _agreed(statement):
        raise Refusal("nothing was signed: the answer was not yes.")
    name = sign_and_record(root, policy, statement, signing)
    print(f"{statement.decision.capitalize()}: {name}, and a line in the ledger.")


def _decision(reject: bool, withdraw: bool) -> Choice:
    return "rejected" if reject else "withdrawn" if withdraw else "approved"


def _key(given: Path | None) -> Path:
    if given is not None:
        return given
    folder = Path.home() / ".ssh"
    for name in KEYS:
        if (folder / name).is_file():
            return folder / name
    raise Refusal(
        f"--key: not given, and {folder} has none of {', '.join(KEYS)}; name a key, or make one "
        "with ssh-keygen -t ed25519."
    )


def _agreed(statement: Statement) -> bool:
    print(f"Sign this, as {statement.decision}? yes or no: ", end="", flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print()
        raise Refusal("nothing was signed: nobody answered; answer yes, or give --yes.")
    return answer.strip().lower() in ("y", "yes")
