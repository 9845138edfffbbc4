"""Consent to another policy, by those who could authorise a deployment under the one before.

Whoever may edit `config/signers` could add a key of their own and sign all by themselves. So, as
The Update Framework does when it rotates its root, a release or rollback under another policy than
the last one's needs the signatures of as many people, for gate `deploy`, as that policy asked for,
by keys that it named.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from pricewright.decisions.author import is_author
from pricewright.decisions.judging import Case
from pricewright.decisions.opening import SignOff
from pricewright.decisions.policy import Policy, recorded
from pricewright.ledger import Entry
from pricewright.production.state import state_of


@dataclass(frozen=True)
class Consent:
    """What a change of the policy still needs.

    changes: what is not as it was, in words.  needed: how many must consent.  given: who did, by
    the names that they had.  could: who else can.
    """

    changes: Sequence[str]
    needed: int
    given: Sequence[str]
    could: Sequence[str]

    @property
    def satisfied(self) -> bool:
        """Whether enough people consent."""
        return len(self.given) >= self.needed


def consent(counted: Sequence[SignOff], case: Case) -> Consent | None:
    """The consent that the sign-offs that count for `deploy` give; None if none is needed."""
    before, run = standing(case.entries), case.author
    if before is None or before.digest == case.policy.digest:
        return None
    terms = before.gates["deploy"]
    allowed = {
        signer.fingerprint: signer.who
        for signer in before.signers
        if "deploy" in signer.gates
        and not (terms.exclude_author and run and is_author(signer.who, run, before))
    }
    given = {allowed[each.fingerprint] for each in counted if each.fingerprint in allowed}
    could = {*allowed.values()} - given
    return Consent(list(changes(before, case.policy)), terms.required, sorted(given), sorted(could))


def standing(entries: Sequence[Entry]) -> Policy | None:
    """The policy under which the last release or rollback was signed for, as the ledger has it."""
    since = state_of(entries).since
    document = entries[since - 1].fields.get("policy") if since else None
    return recorded(document, f"ledger, line {since}") if document else None


def changes(old: Policy, new: Policy) -> Iterator[str]:
    """How one policy differs from another."""
    for gate, terms in new.gates.items():
        for name, value in asdict(terms).items():
            if value != (was := getattr(old.gates[gate], name)):
                yield f"signoffs.{gate}.{name} is {_shown(value)}, was {_shown(was)}"
    before, after = ({each.line: each.who for each in policy.signers} for policy in (old, new))
    for word, lines in (("new", _less(after, before)), ("gone", _less(before, after))):
        if lines:
            yield f"{word} in config/signers: {', '.join(lines)}"
    if old.revoked != new.revoked:
        yield "config/revoked is another list"
    if old.allow_unaccepted != new.allow_unaccepted:
        yield f"accept.allow_unaccepted is {_shown(new.allow_unaccepted)}"


def _less(lines: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Who has a line in the one that is not in the other."""
    return sorted({who for line, who in lines.items() if line not in other})


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
