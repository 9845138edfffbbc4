"""What a signer sees: what each gate covers in about ten lines, with the numbers that matter.

All is taken from the very bytes that are signed, read once.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pricewright.decisions import covered
from pricewright.decisions.covered import Gate, discrepancies
from pricewright.decisions.wording import printable
from pricewright.documents import parse_json
from pricewright.evaluation.acceptance import failed
from pricewright.verdict import champion, verdict

Facts = list[tuple[str, str]]


def digest(gate: Gate, files: Mapping[str, bytes]) -> Facts:
    """What a gate's files say, label by label.

    Raises Refusal for a file that is not JSON where it should be.
    """
    return [(label, printable(text)) for label, text in _DIGESTS[gate](_Read(files))]


def warnings(gate: Gate, files: Mapping[str, bytes], allow_unaccepted: bool) -> list[str]:
    """What a signer should think twice about."""
    read = _Read(files)
    found = []
    if gate in ("source", "deploy"):
        receipt, flags = read.json(covered.RECEIPT), read.json(covered.QUALITY)["flags"]
        if quarantined := sum(receipt["quarantined"].values()):
            found.append(f"{_rows(quarantined)} quarantined: {_counts(receipt['quarantined'])}")
        if any(flags.values()):
            found.append(f"data is flagged: {_counts(flags)}")
        if receipt["restated"] or receipt["withdrawn"]:
            found.append(
                f"history was changed: {receipt['restated']:,} values restated, "
                f"{receipt['withdrawn']:,} rows withdrawn"
            )
    if gate != "source":
        model = read.json(covered.MODEL)
        if not model["acceptance"]["accepted"]:
            found.append(f"the model is NOT ACCEPTED: {failed(model['acceptance'])}")
            if allow_unaccepted:
                found.append("accept.allow_unaccepted is true: it would be released all the same")
        if model["metrics"]["origins_the_model_knew"]:
            found.append("the metrics flatter the model: it knew some of the dates")
    found += discrepancies(files)
    return [printable(text) for text in found]


class _Read:
    """Files as the documents that they are."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files

    def json(self, name: str) -> Any:
        """A file's JSON."""
        return parse_json(self.files[name], name)


def _source(read: _Read) -> Facts:
    receipt, cleaning = read.json(covered.RECEIPT), read.json(covered.CLEANING)
    return [
        ("source", f"{receipt['source']}, sha256 {receipt['sha256'][:12]}…"),
        ("rows", f"{receipt['rows']:,} delivered, {receipt['kept']:,} kept"),
        ("prices", _span(receipt)),
        ("quarantine", _counts(receipt["quarantined"]) or "none"),
        ("changed", f"{receipt['restated']:,} restated, {receipt['withdrawn']:,} withdrawn"),
        ("flags", _counts(read.json(covered.QUALITY)["flags"]) or "none"),
        (
            "cleaning",
            f"{cleaning['rows_out']:,} rows, {sum(cleaning['filled'].values()):,} values filled, "
            f"{cleaning['dropped']:,} rows dropped, {cleaning['corrected']:,} corrected",
        ),
    ]


def _metrics(read: _Read) -> Facts:
    model = read.json(covered.MODEL)
    pooled = model["metrics"]["pooled"]
    return [
        ("model", f"{model['mode']}ed on prices up to {model['cutoff']}, {_symbols(model)}"),
        ("acceptance", _acceptance(model)),
        *(("", sentence) for sentence in verdict(model)[1:]),
        ("errors", f"{_beside(pooled, 'mase')} MASE, {_beside(pooled, 'rmsse')} RMSSE"),
        ("champion", " ".join(champion(model))),
        ("leak check", "passed" if model["leak_check"] else "none: a scored model"),
    ]


def _report(read: _Read) -> Facts:
    page = read.files[covered.REPORT].decode(errors="replace").splitlines()
    model = read.json(covered.MODEL)
    return [
        ("title", page[0] if page else ""),
        ("to read", f"{covered.REPORT}, {len(page)} lines, and {covered.RUN_REPORT}, in a browser"),
        ("acceptance", _acceptance(model)),
        *(("", sentence) for sentence in verdict(model)[1:]),
    ]


def _deploy(read: _Read) -> Facts:
    return [*_source(read)[:4], *_metrics(read)[:2], *_report(read)[:2]]


_DIGESTS: Mapping[Gate, Callable[[_Read], Facts]] = {
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
    return f"{sum(met)} of {len(met)} criteria met"


def _symbols(model: Mapping[str, Any]) -> str:
    return f"{len(model['symbols']):,} symbols, {len(model['left_out']):,} left out"


def _span(receipt: Mapping[str, Any]) -> str:
    return f"{receipt['symbols']:,} symbols, {receipt['first_date']} to {receipt['last_date']}"


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count:,} rows are"


def _counts(counts: Mapping[str, int]) -> str:
    found = sorted(((count, kind) for kind, count in counts.items() if count), reverse=True)
    return ", ".join(f"{count:,} {kind}" for count, kind in found)
