"""What a signer sees: what each gate covers in about ten lines, with the numbers that matter.

All is taken from the very bytes that are signed, read once.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pricewright.decisions import covered
from pricewright.decisions.covered import Gate, discrepancies
from pricewright.decisions.wording import printable
from pricewright.documents import parse_json
from pricewright.errors import Refusal
from pricewright.evaluation.acceptance import failed
from pricewright.verdict import champion, verdict

Facts = list[tuple[str, str]]


def digest(gate: Gate, files: Mapping[str, bytes]) -> Facts:
    """What a gate's files say, label by label; raises Refusal for what no run writes."""
    with _as_a_run_writes_them():
        return [(label, printable(text)) for label, text in _DIGESTS[gate](_Read(files))]


def warnings(gate: Gate, files: Mapping[str, bytes], allow_unaccepted: bool) -> list[str]:
    """What a signer should think twice about; raises Refusal for what no run writes."""
    read, found = _Read(files), discrepancies(files)
    with _as_a_run_writes_them():
        if gate != "source":
            found = [*_doubts_about_the_model(read, allow_unaccepted), *found]
        if gate in ("source", "deploy"):
            found = [*_doubts_about_the_data(read), *found]
    return [printable(text) for text in found]


def _doubts_about_the_data(read: "_Read") -> Iterator[str]:
    receipt, flags = read.json(covered.RECEIPT), read.json(covered.QUALITY)["flags"]
    if quarantined := sum(receipt["quarantined"].values()):
        yield f"{_rows(quarantined)} quarantined: {_counts(receipt['quarantined'])}"
    if any(flags.values()):
        yield f"data is flagged: {_counts(flags)}"
    if receipt["restated"] or receipt["withdrawn"]:
        yield (
            f"history was changed: {receipt['restated']:,} values restated, "
            f"{receipt['withdrawn']:,} rows withdrawn"
        )


def _doubts_about_the_model(read: "_Read", allow_unaccepted: bool) -> Iterator[str]:
    model = read.json(covered.MODEL)
    if not model["acceptance"]["accepted"]:
        yield f"the model is NOT ACCEPTED: {failed(model['acceptance'])}"
        if allow_unaccepted:
            yield "accept.allow_unaccepted is true: it would be released all the same"
    if model["metrics"]["origins_the_model_knew"]:
        yield "the metrics flatter the model: it knew some of the dates"


@contextmanager
def _as_a_run_writes_them() -> Iterator[None]:
    """Files made by hand have not the keys that a run writes."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise Refusal(
            f"results/: a file is not as a run writes it ({type(error).__name__}: {error}); run "
            "`snakemake --cores 1` and look at it again."
        ) from None


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
        ("to read", f"{covered.REPORT}, {len(page)} lines, and {covered.PAGE}, in a browser"),
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
