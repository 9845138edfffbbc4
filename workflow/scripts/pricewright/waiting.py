"""What waits for people: the decisions that production needs, and the commands for them.

Whether they have been made is no part of a report, which is a function of the run's bytes alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pricewright.decisions.covered import MEANINGS

COMMANDS = {
    "who signed": "python workflow/scripts/status.py",
    "to release": "snakemake --cores 1 production",
}
"""What to ask, and what to do then."""


@dataclass(frozen=True)
class Waiting:
    """One decision: its name, what it says, how many must sign, and how."""

    name: str
    says: str
    required: int
    command: str


def waiting(required: Mapping[str, int] | None) -> list[Waiting]:
    """The decisions, each with the signatures that `required` asks for: 1, if it says none."""
    return [
        Waiting(
            gate,
            says,
            (required or {}).get(gate, 1),
            f"python workflow/scripts/sign.py {gate} --key ~/.ssh/id_ed25519",
        )
        for gate, says in MEANINGS.items()
    ]
