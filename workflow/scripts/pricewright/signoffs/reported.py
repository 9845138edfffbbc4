"""The reports that runs wrote, by the ledger: an edited one would be signed for what it says."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pricewright.files.disk import file_sha256
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import LEDGER, Entry
from pricewright.signoffs.policy import oneself
from pricewright.signoffs.signed_files import GATES, MODEL

EVENT = "report"
"""The ledger's event name for a report that was written."""


def record_report(root: Path, author: str | None) -> None:
    """Record the digests of the report in `results/`, once for each model and report.

    author: as `record_run` takes it. Raises what `ledger.append` raises.
    """
    folder = root / LEDGER
    written = {name: file_sha256(root / name) for name in GATES["report"]}
    model = file_sha256(root / MODEL)
    if written not in _written(ledger.read(folder), model):
        ledger.append(folder, EVENT, who=oneself(author), model=model, files=written)


def changed_reports(entries: Sequence[Entry], digests: Mapping[str, str]) -> list[str]:
    """A sentence if no run wrote the report with these digests for its model, although the ledger
    knows one that was; digests: as `check_gates` takes them."""
    written = _written(entries, digests.get(MODEL, ""))
    given = {name: digests.get(name) for name in GATES["report"]}
    if not written or given in written:
        return []
    changed = [name for name, digest in given.items() if digest != written[-1][name]]
    return [
        f"{' and '.join(changed)}: not as the run wrote it, so somebody changed it; `snakemake "
        "--cores 1 --forcerun report` writes it again."
    ]


def _written(entries: Sequence[Entry], model: str) -> list[dict[str, str]]:
    """The digests of each report on a model, by name."""
    return [
        entry.fields["files"]
        for entry in entries
        if entry.event == EVENT and entry.fields.get("model") == model
    ]
