"""The facts about a project that are worth a notification, each with the next command to type.

They name steps, models, criteria and signers, but never a price. Only the error of a failed step
may quote delivered data, and it is sent only if config says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pricewright.evaluation.acceptance import failed as missed_criteria
from pricewright.files.clock import Clock, now
from pricewright.files.disk import read_whole, sha256
from pricewright.files.documents import as_written_by_a_run, parse_json, read_json
from pricewright.files.errors import Refusal
from pricewright.notices.options import Event
from pricewright.scheduling.sessions import Schedule, late_data
from pricewright.signoffs import ledger
from pricewright.signoffs.candidate import read_signed
from pricewright.signoffs.gates import Decision, GateDecision, check_gates
from pricewright.signoffs.policy import load_policy
from pricewright.signoffs.presentation import RELEASE, SIGN, with_config
from pricewright.signoffs.signed_files import MODEL, RECEIPT, digests
from pricewright.tables.options import make

WATCH = Path("results/monitor.json")
"""What the watch found about the model in production: `colour` and `reasons`."""

STATUS = "pricewright status"


@dataclass(frozen=True)
class Notice:
    """One thing to tell: what happened, and the command to type next.

    more: details that the text leaves out; if they change, the notice is sent again.
    """

    event: Event
    text: str
    command: str
    more: str = ""


def step_failure(logs: Mapping[str, Sequence[str]], *, reasons: bool) -> Notice:
    """The notice of a failed run: which logs say why or, with `reasons`, the errors themselves.

    logs: for the log of each failed step, its sentences; the first begins with the step's name.
    """
    told = [
        " ".join(why) if reasons else f"{why[0].split()[0]} failed; {log} says why."
        for log, why in logs.items()
    ]
    text = " ".join(told) or "A run failed, but no step's log says why."
    return Notice("failed", text, STATUS, repr(dict(logs)))


def unaccepted_model(root: Path) -> Notice | None:
    """The notice of a model that misses criteria; None if it is accepted or there is none."""
    if not (root / MODEL).exists():
        return None
    content = read_whole(root / MODEL)
    acceptance = parse_json(content, MODEL)["acceptance"]
    if acceptance["accepted"]:
        return None
    return Notice(
        "not_accepted",
        f"Model {sha256(content)[:12]} is not accepted: {missed_criteria(acceptance)}.",
        STATUS,
    )


def awaited_people(
    root: Path,
    config: Mapping[str, Any],
    configfile: Sequence[Path],
    clock: Clock = now,
) -> Notice | None:
    """The notice of whose signatures the model in staging awaits, or that only its release is left.

    None if there is no model, if it is in production already, and if there are no signers. Raises
    Refusal if sign-offs or the ledger cannot be read.
    """
    policy = load_policy(root, config["signoffs"], config["accept"]["allow_unaccepted"])
    if not policy.signers:
        return None
    try:
        files = read_signed(root, config["mode"])
    except Refusal:  # there is nothing to sign yet
        return None
    decision = check_gates(root, policy, digests(files), clock)
    if decision.in_production:
        return None
    model = f"Model {sha256(files[MODEL])[:12]}"
    if decision.problems:
        return Notice("waiting", f"{model} cannot be released: {decision.problems[0]}", STATUS)
    if decision.satisfied:
        text = f"{model} has all signatures and is ready for release."
        return Notice("waiting", text, with_config(RELEASE, configfile))
    awaited = dict(_awaited(decision))
    who = "; ".join(f"{gate}: {names}" for gate, names in awaited.items())
    command = with_config(f"{SIGN} {next(iter(awaited))}", configfile)
    return Notice("waiting", f"{model} waits for people. {who}.", command)


def _awaited(decision: Decision) -> list[tuple[str, str]]:
    """Each missing kind of statement and who could give it, in the order of signing."""
    found = []
    if decision.asks_who_trained and not decision.trainers:
        found.append(("author", "whoever trained it"))
    return found + [(gate.gate, _names(gate)) for gate in decision.gates if not gate.satisfied]


def _names(gate: GateDecision) -> str:
    if gate.rejected:
        return f"rejected by {' and '.join(gate.rejected)}"
    consent = gate.consent
    if consent and not consent.satisfied:
        return f"{consent.needed} of {', '.join(consent.could)}, because the policy changed"
    signed = {signoff.who for signoff in gate.counted}
    others = [who for who in gate.may_sign if who not in signed]
    need = gate.terms.required - len(signed)
    if len(others) < need:
        return "too few may sign"
    return " or ".join(others) if need == 1 else f"{need} of {', '.join(others)}"


def newest_switch(root: Path) -> Notice | None:
    """The notice of the release or rollback that decides what is in production, if any.

    Its `more` is the digest of the switch's line in the ledger, so each switch is told once.
    """
    entries = ledger.read(root / ledger.LEDGER)
    state = ledger.state_of(entries)
    if not state.since or state.release is None:
        return None
    begun = entries[state.since - 1]
    release, day = state.release[:12], begun.time[:10]
    if begun.event == "rollback":
        text = f"{begun.who} put release {release} back into production on {day}."
        return Notice("rolled_back", text, "pricewright history", begun.digest)
    text = f"{begun.who} put release {release} into production on {day}."
    command = "pricewright predict --model production/current/model.json"
    return Notice("released", text, command, begun.digest)


def watched(root: Path) -> Notice | None:
    """The notice of the watch; None if it is green or there is none.

    Raises Refusal for a file that no run wrote.
    """
    if not (root / WATCH).exists():
        return None
    found: Any = read_json(root / WATCH)
    with as_written_by_a_run(str(WATCH)):
        colour, why = found["colour"], "; ".join(map(str, found["reasons"]))
    events: Mapping[str, Event] = {"yellow": "watch_yellow", "red": "watch_red"}
    if colour not in events:
        return None
    return Notice(events[colour], f"The watch is {colour}: {why}.", STATUS)


def late(root: Path, config: Mapping[str, Any], clock: Clock = now) -> Notice | None:
    """The notice that the data are late, by the sessions of the declared exchange; None if they are
    not, or if no exchange is declared. A run as of config's `source.last_day`, such as one that
    catches up a missed session, awaits no later session.

    Raises Refusal if the exchange's sessions are unknown.
    """
    options = make(Schedule, config["schedule"])
    if options.exchange is None or not (root / RECEIPT).exists():
        return None
    newest = date.fromisoformat(read_json(root / RECEIPT)["last_date"])
    last_day = config["source"]["last_day"]
    as_of = date.fromisoformat(last_day) if last_day else None
    said = late_data(options, newest, clock(), as_of)
    return Notice("late", f"The data are late. {said}", options.command) if said else None
