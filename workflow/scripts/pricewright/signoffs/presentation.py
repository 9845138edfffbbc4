"""Decisions in plain text: what a person reads before signing, and what is missing afterwards.

A signer sees about ten lines on a gate, with the numbers that matter, taken from the exact bytes
that are signed. A report lists the decisions that are needed, but not whether they were made: it
depends only on the run's bytes.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pricewright.evaluation.acceptance import failed
from pricewright.files.documents import as_written_by_a_run, parse_json
from pricewright.files.errors import printable
from pricewright.forecasting.model_file import with_records
from pricewright.reporting.data import counts_of_kinds, history_changes, rows_left_out, span
from pricewright.reporting.text import Pending, PendingDecision, labelled
from pricewright.reporting.verdict import champion, verdict
from pricewright.signoffs import signed_files
from pricewright.signoffs.gates import Decision, GateDecision
from pricewright.signoffs.policy import Policy
from pricewright.signoffs.signed_files import AUTHORSHIP, MEANINGS, Gate, discrepancies
from pricewright.signoffs.signing import Signing
from pricewright.signoffs.statements import SignOff, Statement
from pricewright.signoffs.validity import policy_changes

SIGN = "pricewright sign"
RELEASE = "snakemake --cores 1 production"


def with_config(command: str, configfile: Sequence[Path]) -> str:
    """A command with the config files of its run; without them it would mean another run."""
    names = [shlex.quote(str(path)) for path in configfile]
    if names and command == RELEASE:  # Snakemake uses the last --configfile alone
        names = [" ".join(names)]
    return command + "".join(f" --configfile {name}" for name in names)


def pending_decisions(model: Mapping[str, Any], required: Mapping[str, int] | None) -> Pending:
    """The decisions needed on a model; none if mode auto only scored a day with it.

    required: signatures by gate, 1 where a gate is missing; under `author`, whether whoever trained
    the model must sign that.
    """
    if (scored := model["scored_model"]) and model.get("why"):
        nothing = (
            f"None: this run scored the day with the model that was trained on prices up to "
            f"{scored['cutoff']}. People sign models, not days; the files to sign are in "
            f"{signed_files.CANDIDATE}/."
        )
        return Pending([], {"who signed it": "pricewright status"}, nothing)
    decisions = [
        PendingDecision(
            gate,
            says,
            (required or {}).get(gate, 1),
            f"{SIGN} {gate} --key ~/.ssh/id_ed25519",
        )
        for gate, says in MEANINGS.items()
    ]
    author = {"who trained it": f"{SIGN} author"} if (required or {}).get("author") else {}
    commands = author | {
        "who signed": "pricewright status",
        "to release": RELEASE,
    }
    return Pending(decisions, commands)


Facts = list[tuple[str, str]]


def gate_summary(gate: Gate, files: Mapping[str, bytes], folder: Path | None = None) -> Facts:
    """What a gate's files say: pairs of label and text. Raises Refusal for files no run wrote.

    folder: where the files are, if not in `results/`.
    """
    with as_written_by_a_run("results/: a file"):
        return [(label, printable(text)) for label, text in _DIGESTS[gate](_Read(files, folder))]


def signer_warnings(gate: Gate, files: Mapping[str, bytes], allow_unaccepted: bool) -> list[str]:
    """What a signer should think twice about; raises Refusal for files no run wrote."""
    read, found = _Read(files), discrepancies(files)
    with as_written_by_a_run("results/: a file"):
        if gate not in ("author", "source"):
            found = [*_doubts_about_the_model(read, allow_unaccepted), *found]
        if gate in ("source", "deploy"):
            found = [*_doubts_about_the_data(read), *found]
    return [printable(text) for text in found]


def _doubts_about_the_data(read: "_Read") -> Iterator[str]:
    receipt, flags = read.json(signed_files.RECEIPT), read.json(signed_files.QUALITY)["flags"]
    if quarantined := sum(receipt["quarantined"].values()):
        yield f"{_rows(quarantined)} quarantined: {counts_of_kinds(receipt['quarantined'])}"
    if any(flags.values()):
        yield f"the data has flags: {counts_of_kinds(flags)}"
    if changes := history_changes(receipt):
        yield f"history was changed: {changes}"


def _doubts_about_the_model(read: "_Read", allow_unaccepted: bool) -> Iterator[str]:
    model = read.json(signed_files.MODEL)
    if not model["acceptance"]["accepted"]:
        yield f"the model is NOT ACCEPTED: {failed(model['acceptance'])}"
        if allow_unaccepted:
            yield "accept.allow_unaccepted is true: it would be released anyway"
    if model["metrics"]["origins_the_model_knew"]:
        yield "the metrics flatter the model: it was trained on some of the dates"


class _Read:
    """Files, read as documents."""

    def __init__(self, files: Mapping[str, bytes], folder: Path | None = None) -> None:
        self.files, self._folder = files, folder

    def place(self, name: str) -> str:
        """The path at which people can read a file."""
        return str(self._folder / Path(name).name) if self._folder else name

    def json(self, name: str) -> Any:
        """A file's JSON; that of a model with records by symbol."""
        return with_records(parse_json(self.files[name], name))


def _rows_in(receipt: Mapping[str, Any]) -> str:
    words = [f"{receipt['rows']:,} delivered"]
    if left_out := receipt["left_out"]:
        words.append(f"{left_out:,} left out by source.where")
    if receipt["in_bars"] != receipt["kept"]:
        words.append(f"{receipt['in_bars']:,} in daily bars")
    kept = receipt["kept"] - receipt["superseded"]
    return ", ".join([*words, f"{kept:,} kept"])


def _source(read: _Read) -> Facts:
    receipt, cleaning = read.json(signed_files.RECEIPT), read.json(signed_files.CLEANING)
    return [
        ("source", f"{receipt['source']}, sha256 {receipt['sha256'][:12]}…"),
        ("rows", _rows_in(receipt)),
        ("prices", span(receipt)),
        ("quarantine", counts_of_kinds(receipt["quarantined"]) or "none"),
        ("changed", history_changes(receipt) or "nothing"),
        ("flags", counts_of_kinds(read.json(signed_files.QUALITY)["flags"]) or "none"),
        (
            "cleaning",
            f"{cleaning['rows_out']:,} rows, {sum(cleaning['filled'].values()):,} values filled, "
            f"{rows_left_out(cleaning)}, {cleaning['corrected']:,} corrected",
        ),
    ]


_DONE = {"train": "trained", "score": "scored"}


def _metrics(read: _Read) -> Facts:
    model = read.json(signed_files.MODEL)
    pooled = model["metrics"]["pooled"]
    return [
        ("model", f"{_DONE[model['mode']]} on prices up to {model['cutoff']}, {_symbols(model)}"),
        ("acceptance", _acceptance(model)),
        *(("", sentence) for sentence in verdict(model)[1:]),
        ("errors", f"{_beside(pooled, 'mase')} MASE, {_beside(pooled, 'rmsse')} RMSSE"),
        ("champion", " ".join(champion(model))),
        ("leak check", "passed" if model["leak_check"] else "not done: the model was only scored"),
    ]


def _report(read: _Read) -> Facts:
    page = read.files[signed_files.REPORT].decode(errors="replace").splitlines()
    text, html = map(read.place, (signed_files.REPORT, signed_files.PAGE))
    model = read.json(signed_files.MODEL)
    return [
        ("title", page[0] if page else ""),
        ("to read", f"{text}, {len(page)} lines, and {html}, in a browser"),
        ("acceptance", _acceptance(model)),
        *(("", sentence) for sentence in verdict(model)[1:]),
    ]


def _deploy(read: _Read) -> Facts:
    return [*_source(read)[:4], *_metrics(read)[:2], *_report(read)[:2]]


_DIGESTS: Mapping[Gate, Callable[[_Read], Facts]] = {
    "author": lambda read: _metrics(read)[:2],
    "source": _source,
    "metrics": _metrics,
    "report": _report,
    "deploy": _deploy,
}


def _beside(pooled: Mapping[str, Any], score: str) -> str:
    ours, plain = pooled["model"][score], pooled["random_walk"][score]
    return "unknown" if ours is None or plain is None else f"{ours:.3f} (random walk {plain:.3f})"


def _acceptance(model: Mapping[str, Any]) -> str:
    met = [criterion["met"] for criterion in model["acceptance"]["criteria"].values()]
    unjudged = met.count(None)
    more = f", {unjudged} not judged" if unjudged else ""
    return f"{met.count(True)} of {len(met) - unjudged} criteria met{more}"


def _symbols(model: Mapping[str, Any]) -> str:
    count = len(model["symbols"])
    return f"{count:,} symbol{'s' * (count != 1)}, {len(model['left_out']):,} left out"


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count:,} rows are"


def missing_signatures(
    decision: Decision, release: str | None = None, configfile: Sequence[Path] = ()
) -> str:
    """What these bytes still need before production, gate by gate, with the commands to run.

    release: the digest of the release, for a rollback.  configfile: the config files that the run
    laid over config/config.yaml, for the commands.
    """
    target = with_config(f" --release {release[:12]}" if release else "", configfile)
    return "\n".join(_gates(decision, target))


def signoff_overview(decision: Decision, configfile: Sequence[Path] = ()) -> str:
    """Every sign-off, with its signer and expiry or why it is void, and who may still sign."""
    lines = _gates(decision, with_config("", configfile), meanings=True)
    if decision.in_production:
        lines.append("  These files are in production, according to the ledger.")
    elif decision.satisfied:
        lines.append(f"  to release: {with_config(RELEASE, configfile)}")
    return "\n".join(lines)


def _gates(decision: Decision, target: str, *, meanings: bool = False) -> list[str]:
    """What is wrong with the records, who trained the model, and the state of each gate.

    target: the options of the commands to run.  meanings: whether to say what each gate is for.
    """
    lines = [*decision.problems, *_trainers(decision, target)]
    for gate in decision.gates:
        lines.append(_headline(gate) + (f" ({MEANINGS[gate.gate]})" if meanings else ""))
        lines += _details(gate)
        if not gate.satisfied:
            lines += [f"    {line}" for line in _to_do(decision, gate, target)]
    return lines


def _trainers(decision: Decision, target: str) -> list[str]:
    """Who signed that they trained the model, if the policy asks for it."""
    if not decision.asks_who_trained:
        return []
    if decision.trainers:
        return [f"  author   ok       trained by {', '.join(decision.trained_by)}"]
    return [
        "  author   missing  nobody has signed that they trained this model",
        f"    to sign (who trained it): {SIGN} author{target}",
    ]


def _headline(gate: GateDecision) -> str:
    state = "ok" if gate.satisfied else "rejected" if gate.rejected else "missing"
    by = ", ".join(signoff.who for signoff in gate.counted) or "nobody"
    signed = f"{len(gate.counted)} of {gate.terms.required}, by {by}"
    if gate.rejected:
        signed = f"by {' and '.join(gate.rejected)}; signed: {signed}"
    return f"  {gate.gate:<8} {state:<8} {signed}"


def _details(gate: GateDecision) -> list[str]:
    lines = [f"    {_valid(signoff)}" for signoff in gate.counted]
    lines += [f"    {who} rejects it ({where})" for who, where in gate.rejected.items()]
    lines += [
        f"    void: {printable(signoff.who)}'s sign-off, because {signoff.void}"
        for signoff in gate.void
    ]
    return lines


def _valid(signoff: SignOff) -> str:
    assert signoff.said
    comment = f": {printable(signoff.said.comment)}" if signoff.said.comment else ""
    return (
        f"{signoff.who}, {signoff.said.made}, valid until {signoff.said.valid_until}, "
        f"{signoff.fingerprint}{comment}"
    )


def _to_do(decision: Decision, gate: GateDecision, target: str) -> Sequence[str]:
    if gate.rejected:
        names = " or ".join(gate.rejected)
        return [f"{names} can withdraw: {SIGN} {gate.gate}{target} --withdraw"]
    signed = {signoff.who for signoff in gate.counted}
    others = [who for who in gate.may_sign if who not in signed]
    if (consent := gate.consent) and not consent.satisfied:
        return [
            f"the policy changed since the release in production: {'; '.join(consent.changes)}",
            f"so {consent.needed} of those who could sign then must sign, with the keys they had",
            f"to sign ({', '.join(consent.could)}): {SIGN} {gate.gate}{target}",
        ]
    need = gate.terms.required - len(gate.counted)
    if len(others) < need:
        excluded = gate.terms.exclude_author and ", ".join(decision.trained_by)
        why = f" ({excluded} ran the training)" if excluded else ""
        return [
            f"too few may sign{why}: {', '.join(others) or 'nobody'}; add a line to config/signers"
            + (f", or set signoffs.{gate.gate}.exclude_author" if excluded else "")
        ]
    return [f"to sign ({', '.join(others)}): {SIGN} {gate.gate}{target}"]


_VERBS = {"approved": "approve", "rejected": "REJECT", "withdrawn": "withdraw"}


def signing_summary(
    statement: Statement,
    signing: Signing,
    files: Mapping[str, bytes],
    decision: Decision,
    *,
    folder: Path | None,
) -> str:
    """What a person reads before signing, with warnings at the end.

    files: those of gate `deploy`, with the exact bytes that the statement is about.  decision: the
    state of the decision on these files.  folder: where the files are, if not in `results/`.
    """
    gate, replaced = statement.gate, statement.replaces
    policy = decision.policy
    doubts = [*decision.problems, *signer_warnings(gate, files, policy.allow_unaccepted)]
    if statement.decision == "approved" and decision.asks_who_trained:
        if not decision.trainers:
            doubts.append(f"it counts only after whoever trained the model signs: {SIGN} author")
        if signing.who not in decision.gates[0].may_sign:
            doubts.append("you ran the training, so your approval does not count here")
    for before in decision.before:
        doubts += [f"the policy was changed: {change}" for change in policy_changes(before, policy)]
    covers = [f"{name} ({sha256[:12]}…)" for name, sha256 in statement.subject.items()]
    facts = [
        ("decision", _decision(statement)),
        ("you", f"{signing.who}, {signing.fingerprint}, {signing.key}"),
        *gate_summary(gate, files, folder),
        ("trained by", _trained_by(decision)),
        ("covers", ", ".join(covers)),
        ("policy", _asked(policy, gate)),
        ("replaces", f"release {replaced[:12]}…" if replaced else "nothing"),
        ("valid until", statement.valid_until),
    ]
    if statement.comment:
        facts.append(("comment", statement.comment))
    facts += [("WARNING", doubt) for doubt in doubts]
    return "\n".join(labelled([(label, printable(text)) for label, text in facts], 100, ""))


def _trained_by(decision: Decision) -> str:
    """Who trained the model, by signature, else according to the ledger."""
    if decision.trainers:
        return f"{', '.join(decision.trained_by)}, by signature"
    run = decision.author
    return f"{run.who}, {run.time}, unsigned" if run else "unknown to the ledger"


def _decision(statement: Statement) -> str:
    if statement.gate == "author":
        return f"{'withdraw: ' * (statement.decision == 'withdrawn')}{AUTHORSHIP}"
    return f"{_VERBS[statement.decision]}, gate {statement.gate}: {MEANINGS[statement.gate]}"


def _asked(policy: Policy, gate: Gate) -> str:
    """What a gate requires, in one line."""
    if gate == "author":
        return "whoever trained a model signs so; gates with exclude_author then exclude them"
    terms = policy.gates[gate]
    other = ", except whoever ran the training" if terms.exclude_author else ""
    return f"{terms.required} of {', '.join(policy.may_sign(gate))}{other}"
