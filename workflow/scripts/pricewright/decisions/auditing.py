"""Whether what people signed is whole: the ledger by what each signer saw of it, each signature."""

from collections.abc import Iterable
from pathlib import Path

from pricewright import ledger
from pricewright.clock import Clock, now
from pricewright.decisions.kept import read_all_kept
from pricewright.decisions.opening import open_kept, seen_by
from pricewright.decisions.places import LEDGER
from pricewright.decisions.policy import Policy
from pricewright.decisions.wording import printable
from pricewright.ledger import Seen


def audit(root: Path, policy: Policy, seen: Iterable[Seen] = (), clock: Clock = now) -> list[str]:
    """What is wrong with the ledger and the sign-offs, a sentence each; none if nothing is.

    seen: what others, as releases, wrote down of the ledger. A sign-off that is only out of date
    is not wrong; one whose signature is not good by the lists of today is.
    """
    opened = [open_kept(kept, policy, clock()) for kept in read_all_kept(Path(root))]
    witnesses = [*seen, *filter(None, map(seen_by, opened))]
    broken = [
        f"{printable(each.name)}: {each.void}; find out why, and take it away."
        for each in opened
        if each.void
    ]
    return [*ledger.verify(Path(root) / LEDGER, witnesses), *broken]
