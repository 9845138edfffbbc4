"""Where a model comes from: the clean table, the receipts of the steps before, and the code."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from pricewright.files.documents import read_json
from pricewright.files.errors import Refusal
from pricewright.files.provenance import code_digest, libraries
from pricewright.forecasting.panel import Panel


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from: the clean table, the receipts of earlier steps, and the code.

    name, sha256, rows: of the clean table.  script: the step's script, for the code digest.
    """

    name: str
    sha256: str
    rows: int
    receipts: Sequence[Path]
    script: Path

    @cached_property
    def step_receipts(self) -> dict[str, Any]:
        """The receipts of the earlier steps, by step."""
        return {path.stem: read_json(path) for path in map(Path, self.receipts)}

    def refuse_changed(self) -> None:
        """Raise Refusal if the table, or the one it was made from, differs from what the receipts
        of the earlier steps say was written: somebody, or a disk, changed it."""
        receipts = self.step_receipts
        came, cleaned = receipts.get("ingest"), receipts.get("clean")
        if cleaned and cleaned["records"]["sha256"] != self.sha256:
            self._refuse(self.name, cleaned["records"]["sha256"], self.sha256, "clean")
        if cleaned and came and came["records"]["sha256"] != cleaned["input"]["sha256"]:
            written, read = came["records"]["sha256"], cleaned["input"]["sha256"]
            self._refuse(cleaned["input"]["path"], written, read, "ingest")

    def _refuse(self, table: str, written: str, read: str, step: str) -> NoReturn:
        raise Refusal(
            f"{table}: is not as {step} wrote it (sha256 {read[:12]}…, not {written[:12]}…), so it "
            "was changed later; remove it, and run the workflow again to make it."
        )

    def made_by(self, asked_for: Sequence[str] = ()) -> dict[str, Any]:
        """The part `code` of a model document."""
        return {
            "sha256": code_digest(self.script),
            "libraries": libraries(self.script, asked_for),
        }

    def description(self, panel: Panel, asked_for: Sequence[str]) -> dict[str, Any]:
        """The parts `cutoff`, `data`, `receipts` and `code` of a model document.

        asked_for: words of the config, among them the optional libraries that were used.
        """
        calendar = panel.calendar.astype("datetime64[D]")
        return {
            "cutoff": str(calendar[-1]),
            "data": {
                "path": self.name,
                "sha256": self.sha256,
                "rows": self.rows,
                "symbols": len(panel),
                "first_date": str(calendar[0]),
                "last_date": str(calendar[-1]),
                **_sparse(panel),
            },
            "receipts": self.step_receipts,
            "code": self.made_by(asked_for),
        }


SPARSE = 3.0
"""Calendar days between a symbol's prices, on average, from which on they are not daily."""


def _sparse(panel: Panel) -> dict[str, Any]:
    """`sparse` of a model document's `data`: the symbols whose prices are not daily, and the
    median, the least and the most of their days between prices; nothing if all are."""
    columns, last = np.arange(len(panel)), np.maximum(panel.counts - 1, 0)
    apart = (panel.days[last, columns] - panel.days[0]) / np.maximum(last, 1)
    found = apart[apart > SPARSE]
    if not len(found):
        return {}
    days = {"days": np.median(found), "least": found.min(), "most": found.max()}
    return {"sparse": {"symbols": len(found), **{name: float(each) for name, each in days.items()}}}
