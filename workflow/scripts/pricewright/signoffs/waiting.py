"""What waits for people: the decisions that production needs, and the commands for them.

Whether they have been made is no part of a report, which is a function of the run's bytes alone.
"""

from collections.abc import Mapping

from pricewright.reporting.text import Pending, PendingDecision
from pricewright.signoffs.coverage import MEANINGS


def pending(required: Mapping[str, int] | None) -> Pending:
    """The decisions, each with the signatures that `required` asks for: 1, if it says none."""
    decisions = [
        PendingDecision(
            gate,
            says,
            (required or {}).get(gate, 1),
            f"pricewright sign {gate} --key ~/.ssh/id_ed25519",
        )
        for gate, says in MEANINGS.items()
    ]
    commands = {
        "who signed": "pricewright status",
        "to release": "snakemake --cores 1 production",
    }
    return Pending(decisions, commands)
