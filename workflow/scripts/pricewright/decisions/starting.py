"""The first step: the files that say who may sign, with the caller's own key."""

from pathlib import Path

from pricewright import ledger
from pricewright.clock import Clock, now
from pricewright.decisions import ssh
from pricewright.decisions.places import LEDGER, REVOKED, SIGNERS
from pricewright.decisions.signers import NAMESPACES, WHO, parse_signers
from pricewright.errors import Refusal
from pricewright.files import write_whole

_SIGNERS = """\
# Who may sign what: a line for each person and key, as OpenSSH's allowed signers. After the name
# come the decisions, then the first two words of the person's .pub file. See config/README.md.
"""

_REVOKED = """\
# Keys that no longer count: a whole public key a line, as in config/signers.
"""


def start(root: Path, key: Path, who: str, clock: Clock = now) -> list[str]:
    """Write config/signers, config/revoked and the ledger's first line; returns what was made.

    The person may sign for every gate with that key. What is there already stays as it is.
    Raises Refusal if it is all there, or for a name that cannot be one.
    """
    if not WHO.fullmatch(who):
        raise Refusal(
            f"--who: found {who!r}, allowed: letters, digits and . _ @ + -; give another name."
        )
    root = Path(root)
    line = f'{who} namespaces="{",".join(NAMESPACES)}" {ssh.public_key(key)}\n'
    parse_signers(line.encode(), str(key))
    contents = {SIGNERS: _SIGNERS + line, REVOKED: _REVOKED}
    made = [name for name in contents if not (root / name).exists()]
    if SIGNERS not in made:
        raise Refusal(f"{SIGNERS}: is there already; add a line to it: {line.strip()}")
    for name in made:
        write_whole(root / name, contents[name].encode())
    fingerprint = ssh.key_fingerprint(key)
    ledger.append(root / LEDGER, "init", who=who, clock=clock, signer=who, key=fingerprint)
    return [*made, f"{LEDGER}/ledger.jsonl"]
