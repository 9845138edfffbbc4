"""One release, examined as an auditor would: by its own bytes and the ledger until then."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pricewright.clock import moment
from pricewright.decisions.covered import GATES, Gate
from pricewright.decisions.judging import Case, judge
from pricewright.decisions.kept import Kept
from pricewright.decisions.places import SIGNOFFS
from pricewright.decisions.policy import Policy, recorded
from pricewright.errors import Refusal
from pricewright.forecasting.strict import parse_strict
from pricewright.ledger import Entry
from pricewright.production import store


def examined(root: Path, digest: str, entries: Sequence[Entry]) -> list[str]:
    """What is wrong with a release, in sentences; none if nothing is.

    It must be whole, on record, and signed for: each signature is verified again, as of the time
    of the release, under the policy that is kept with it.
    """
    folder = Path(root) / "production" / "releases"
    try:
        manifest, contents = store.opened(folder, digest)
        policy = kept_policy(contents)
    except Refusal as refusal:
        return [str(refusal)]
    begun = next(
        (
            entry
            for entry in entries
            if entry.event == "release" and entry.fields.get("release") == digest
        ),
        None,
    )
    where = folder / digest
    if begun is None:
        return [f"{where}: the ledger does not tell of it; it was not released by production."]
    problems = []
    if policy.digest != manifest.policy:
        problems.append(f"{where}: was not signed for under the policy that is kept with it.")
    if begun.fields.get("replaces") != manifest.replaces:
        problems.append(
            f"{where}: line {begun.sequence} of the ledger says otherwise what it replaced."
        )
    case = Case(policy, manifest.signed(), entries[: manifest.lines], moment(begun.time))
    for gate in GATES:
        problems += [f"{where}: {problem}" for problem in _unsigned(gate, contents, case)]
    return problems


def kept_policy(contents: Mapping[str, bytes]) -> Policy:
    """The policy under which a release was signed for, from its files."""
    name = "policy/policy.json"
    if name not in contents:
        raise Refusal(f"{name}: is not in the release; it is no release.")
    return recorded(parse_strict(contents[name], name), name)


def _unsigned(gate: Gate, contents: Mapping[str, bytes], case: Case) -> list[str]:
    """Why a gate of a release is not satisfied by the sign-offs that it holds."""
    begin = f"{SIGNOFFS}/{gate}/"
    keys, problems = set(), []
    for name, content in sorted(contents.items()):
        if name.startswith(begin) and name.endswith(".json"):
            who = name.removeprefix(begin).removesuffix(".json")
            kept = Kept(gate, who, name, content, contents.get(f"{name}.sig", b""))
            signoff = judge(kept, case)
            if signoff.void or not signoff.said or signoff.said.decision != "approved":
                problems.append(f"{name} does not count: {signoff.void or 'it is no approval'}.")
            else:
                keys.add(signoff.fingerprint)
    if len(keys) < case.policy.gates[gate].required:
        problems.append(
            f"gate {gate} has {len(keys)} good signatures, where its policy asked for "
            f"{case.policy.gates[gate].required}."
        )
    return problems
