"""The files that each decision covers, their bytes, and one digest for all of them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pricewright.files.disk import read_regular, refuse_missing, sha256
from pricewright.files.documents import parse_json
from pricewright.files.errors import Refusal

Gate = Literal["author", "source", "metrics", "report", "deploy"]
"""What a statement is for. All but `author` are decisions. Whoever trained a model signs as
`author`, so that gates which exclude the author know who that is."""

RECEIPT = "results/ingest.json"
CLEANING = "results/clean.json"
QUARANTINE = "results/quarantine.json"
RESTATEMENTS = "results/restatements.json"
QUALITY = "results/data_quality.json"
MODEL = "results/model.json"
REPORT = "results/report.txt"
PAGE = "results/report.html"
DEPLOYED = "results/deployed_model.json"
"""The model in staging: the step `deploy` puts it there, and a release takes it to production."""

_SOURCE = (RECEIPT, CLEANING, QUARANTINE, RESTATEMENTS, QUALITY)
_METRICS = (MODEL,)
_REPORT = (REPORT, PAGE)

GATES: Final[Mapping[Gate, tuple[str, ...]]] = {
    "source": _SOURCE,
    "metrics": _METRICS,
    "report": _REPORT,
    "deploy": (*_SOURCE, *_METRICS, *_REPORT),
}
"""The decisions and the files that each covers. A model's file says whether it is accepted."""

COVERED: Final[Mapping[Gate, tuple[str, ...]]] = {**GATES, "author": _METRICS}
"""The files of each kind of statement."""

MEANINGS: Final[Mapping[Gate, str]] = {
    "source": "the data source is valid",
    "metrics": "the metrics are good enough",
    "report": "the report is approved",
    "deploy": "production deployment is authorised",
}

AUTHORSHIP = "I trained this model"


IN_PRODUCTION = "production/current/model.json"
"""The model in production."""

CANDIDATE = "production/candidate"
"""The folder of the files that people sign in mode auto; see `candidate`."""


def covered_folder(mode: str) -> Path | None:
    """The folder of the files that decisions cover, None if that is `results/`."""
    return Path(CANDIDATE) if mode == "auto" else None


def require_covered(root: Path, folder: Path | None) -> None:
    """Raise Refusal if a file that decisions cover is missing."""
    lost = (
        f"; if {folder} is still missing then, train a model with "
        "`snakemake --cores 1 --forcerun train_or_score`"
    )
    for place in _places(folder).values():
        if not (root / place).exists():
            more = lost if folder == Path(CANDIDATE) else ""
            raise Refusal(f"{place}: no such file; run `snakemake --cores 1` first{more}.")


def read_covered(root: Path, folder: Path | None = None) -> dict[str, bytes]:
    """The files that decisions cover, by their names in `results/`, each read once.

    folder: where they are, if not in `results/`. Raises Refusal if one is missing or is not a
    regular file.
    """
    require_covered(root, folder)
    if folder:  # it is a link, which may change while the files are read
        folder = Path(os.path.realpath(root / folder))
    found = {}
    for name, place in _places(folder).items():
        with refuse_missing(place):  # it may have been deleted since
            found[name] = read_regular(root / place)
    return found


def _places(folder: Path | None) -> dict[str, Path]:
    return {name: folder / Path(name).name if folder else Path(name) for name in GATES["deploy"]}


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """The SHA-256 of each file."""
    return {name: sha256(content) for name, content in files.items()}


def identity(found: Mapping[str, str]) -> str:
    """One digest for files with these names and digests, whatever their order.

    It is the SHA-256 of the output of `sha256sum` on them, sorted by name, so that anyone can
    compute it.
    """
    lines = [f"{digest}  {name}\n" for name, digest in sorted(found.items())]
    return sha256("".join(lines).encode())


def discrepancies(files: Mapping[str, bytes]) -> list[str]:
    """Where the files of gate `deploy` do not come from one run: a sentence each."""
    from pricewright.forecasting.model_file import named_model

    found = []
    try:
        _, reported = named_model(files[REPORT].decode(errors="replace"), REPORT)
        if reported != sha256(files[MODEL]):
            found.append(f"{REPORT} is about a different model from {MODEL}")
        receipts = parse_json(files[MODEL], MODEL)["receipts"]
        for name, key in ((RECEIPT, "ingest"), (CLEANING, "clean")):
            if receipts[key] != parse_json(files[name], name):
                found.append(f"{MODEL} was made from other data than {name} describes")
        if not _adds_up(parse_json(files[RECEIPT], RECEIPT)):
            found.append(f"the rows that {RECEIPT} counts do not add up")
    except (Refusal, KeyError, TypeError, ValueError, AttributeError) as error:
        found.append(f"the files cannot be compared: {error}")
    return found


def _adds_up(receipt: Mapping[str, Any]) -> bool:
    """Whether the receipt accounts for every row, as ingest ensured when it wrote the receipt."""
    quarantined = sum(receipt["quarantined"].values())
    records = int(receipt["records"]["rows"]) + receipt["superseded"]
    seen = receipt["left_out"] + receipt["in_bars"] + quarantined
    return bool(receipt["rows"] == seen and receipt["kept"] == records)
