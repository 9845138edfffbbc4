"""What in `results/` is out of date, as far as the files alone tell."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pricewright.decisions.covered import CLEANING, MODEL, RECEIPT, REPORT
from pricewright.documents import parse_json
from pricewright.errors import Refusal
from pricewright.files import file_sha256, read_begin, read_whole
from pricewright.page import named_model

DEPLOYED = "results/deployed_model.json"

_HEAD = 4096
_DATA = re.compile(rb'"data": \{[^}]*"sha256": "([0-9a-f]{64})"')
"""Where a model, which may be large, says in its first lines what it was made from."""


def outdated(root: Path, inputs: Sequence[Path], began: datetime | None) -> list[str]:
    """What is not there, not of one piece, or older than what it was made from: a line each.

    inputs: what the first step reads, and the config.  began: when the last run did, if ever one
    did. What a change of code or of options means, only `snakemake -n` knows.
    """
    if began is None:
        return []
    found = [
        f"{path} was written after the last run began"
        for path in inputs
        if (root / path).exists() and _written(root / path) > began
    ]
    try:
        return [*found, *_links(root)]
    except Refusal as refusal:
        return [*found, str(refusal)]


def _links(root: Path) -> Iterator[str]:
    """Each step's result that is not of the one before it: a digest says so on both sides."""
    raw, clean = (_receipt(root, name) for name in (RECEIPT, CLEANING))
    if raw["records"]["sha256"] != clean["input"]["sha256"]:
        yield f"{CLEANING} is of other prices than {RECEIPT}"
    data = _DATA.search(read_begin(root / MODEL, _HEAD))
    if data is None or data[1].decode() != clean["records"]["sha256"]:
        yield f"{MODEL} was made from other prices than {CLEANING} is about"
    model = file_sha256(root / MODEL)
    page = read_whole(root / REPORT).decode(errors="replace")
    if named_model(page, REPORT)[1] != model:
        yield f"{REPORT} is about another model than {MODEL}"
    if not (root / DEPLOYED).exists():
        yield f"{DEPLOYED} is not there"
    elif file_sha256(root / DEPLOYED) != model:
        yield f"{DEPLOYED} is another model than {MODEL}"


def _receipt(root: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = parse_json(read_whole(root / name), name)
    return found


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
