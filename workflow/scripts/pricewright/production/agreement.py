"""People's agreement: what is not signed for is not released, and the refusal comes with a list."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pricewright.clock import Clock
from pricewright.decisions.covered import GATES, Gate
from pricewright.decisions.gates import Decision, check_gates
from pricewright.decisions.listing import missing
from pricewright.decisions.policy import Policy
from pricewright.errors import Refusal


class Unsigned(Refusal):
    """People have not signed for some bytes, or not all who must; `listing` says who and what."""

    def __init__(self, listing: str) -> None:
        super().__init__("production is as it was: people have not signed for all of this.")
        self.listing = listing


def agreed(
    root: Path,
    policy: Policy,
    digests: Mapping[str, str],
    clock: Clock,
    *,
    gates: Sequence[Gate] = tuple(GATES),
    release: str | None = None,
) -> Decision:
    """The decision on which a switch to files with these digests rests.

    release: the digest of the release, if it is one that is to be gone back to. Raises Unsigned,
    with what is missing, unless all that the gates ask for is there.
    """
    decision = check_gates(root, policy, digests, clock, gates)
    if not decision.satisfied:
        raise Unsigned(missing(decision, release))
    return decision
