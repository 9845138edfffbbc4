"""A kept statement, opened: first its signature, then what it says."""

from dataclasses import dataclass
from datetime import datetime

from pricewright.decisions.covered import Gate
from pricewright.decisions.kept import Kept
from pricewright.decisions.policy import Policy
from pricewright.decisions.ssh import BadSignature, verified
from pricewright.decisions.statement import Statement, parsed
from pricewright.decisions.wording import printable
from pricewright.errors import Refusal
from pricewright.ledger import Seen


@dataclass(frozen=True)
class SignOff:
    """A statement as it is kept, and what it comes to.

    said, fingerprint: the statement and the key that signed it, if the signature is good.
    void: why it does not count, None if it does; a rejection that counts blocks.
    """

    kept: Kept
    said: Statement | None = None
    fingerprint: str = ""
    void: str | None = None

    @property
    def gate(self) -> Gate:
        """The gate that it is for."""
        return self.kept.gate

    @property
    def who(self) -> str:
        """The person."""
        return self.kept.who

    @property
    def name(self) -> str:
        """The statement's path; its signature's is the same with `.sig`."""
        return self.kept.name

    @property
    def statement(self) -> bytes:
        """The very bytes that were verified."""
        return self.kept.content

    @property
    def signature(self) -> bytes:
        """The signature of these bytes."""
        return self.kept.signature


def open_kept(kept: Kept, policy: Policy, now: datetime) -> SignOff:
    """What a kept statement says and which key signed it, or why it is not to be believed."""
    who, gate = kept.who, kept.gate
    if kept.trouble:
        return SignOff(kept, void=printable(kept.trouble))
    if who not in policy.may_sign(gate):
        return SignOff(kept, void=f"{printable(who)} is no signer for gate {gate}")
    try:
        fingerprint = verified(kept, policy, now)
    except BadSignature as bad:
        return SignOff(kept, void=str(bad))
    try:
        said = parsed(kept.content, kept.name)
    except Refusal as refusal:
        return SignOff(kept, void=f"it is no statement: {str(refusal).rstrip('.')}")
    if (said.gate, said.who) != (gate, who):
        return SignOff(kept, void=f"it is {said.who}'s for gate {said.gate}")
    return SignOff(kept, said, fingerprint)


def seen_by(signoff: SignOff) -> Seen | None:
    """What the signer saw of the ledger, if the signature is good."""
    said = signoff.said
    return Seen(signoff.name, said.ledger.lines, said.ledger.head) if said else None
