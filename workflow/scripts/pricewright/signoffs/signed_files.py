"""What each decision is about: the files, their bytes, and one digest for all of them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pricewright.files.disk import read_regular, refuse_missing, sha256
from pricewright.files.documents import parse_json
from pricewright.files.errors import Refusal

Gate = Literal["author", "source", "metrics", "report", "deploy"]
"""What a statement is for. All but `author` are decisions; as `author` signs who trained a model,
so that where its author may not decide, it is known who that is."""

RECEIPT = "results/ingest.json"
CLEANING = "results/clean.json"
QUARANTINE = "results/quarantine.json"
RESTATEMENTS = "results/restatements.json"
QUALITY = "results/data_quality.json"
MODEL = "results/model.json"
REPORT = "results/report.txt"
PAGE = "results/report.html"
DEPLOYED = "results/deployed_model.json"
"""The model in staging, which `deploy` puts there, and which a release takes to production."""

_SOURCE = (RECEIPT, CLEANING, QUARANTINE, RESTATEMENTS, QUALITY)
_METRICS = (MODEL,)
_REPORT = (REPORT, PAGE)

GATES: Final[Mapping[Gate, tuple[str, ...]]] = {
    "source": _SOURCE,
    "metrics": _METRICS,
    "report": _REPORT,
    "deploy": (*_SOURCE, *_METRICS, *_REPORT),
}
"""The decisions, and the files that each covers. The model's acceptance is in the model."""

COVERED: Final[Mapping[Gate, tuple[str, ...]]] = {**GATES, "author": _METRICS}
"""The files of each kind of statement."""

MEANINGS: Final[Mapping[Gate, str]] = {
    "source": "the data source is valid",
    "metrics": "the metrics are good enough",
    "report": "the report is approved",
    "deploy": "production deployment is authorised",
}

AUTHORSHIP = "I trained this model"


CANDIDATE = "production/candidate"
"""Where, in mode auto, the files lie that people sign; see `candidate`."""


def covered_folder(mode: str) -> Path | None:
    """The folder in which the files that decisions are about lie, if not in `results/`."""
    return Path(CANDIDATE) if mode == "auto" else None


def require_covered(root: Path, folder: Path | None = None) -> None:
    """Raise Refusal if a file that decisions are about is not there."""
    lost = (
        f"; if {folder} is still missing then, `snakemake --cores 1 --forcerun train_or_score` "
        "trains a model"
    )
    for place in _places(folder).values():
        if not (Path(root) / place).exists():
            more = lost if folder == Path(CANDIDATE) else ""
            raise Refusal(f"{place}: no such file; run `snakemake --cores 1` first{more}.")


def read_covered(root: Path, folder: Path | None = None) -> dict[str, bytes]:
    """The files that decisions are about, by their names in `results/`, each read once.

    folder: in which they lie, if not there. Raises Refusal for one that is not there, or is no
    regular file.
    """
    require_covered(root, folder)
    if folder:  # a link, that may move on while they are read
        folder = Path(os.path.realpath(Path(root) / folder))
    found = {}
    for name, place in _places(folder).items():
        with refuse_missing(place):  # it may be gone by now
            found[name] = read_regular(Path(root) / place)
    return found


def _places(folder: Path | None) -> dict[str, Path]:
    return {name: folder / Path(name).name if folder else Path(name) for name in GATES["deploy"]}


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """The SHA-256 of each file."""
    return {name: sha256(content) for name, content in files.items()}


def identity(found: Mapping[str, str]) -> str:
    """One digest for files with these names and digests, in whatever order they come.

    It is the SHA-256 of what `sha256sum` prints of them, sorted by name, so that anyone can
    compute it.
    """
    lines = [f"{digest}  {name}\n" for name, digest in sorted(found.items())]
    return sha256("".join(lines).encode())


def discrepancies(files: Mapping[str, bytes]) -> list[str]:
    """Where the files, of gate `deploy`, are not of one run: a sentence each, as a rule none."""
    from pricewright.forecasting.model_file import named_model

    found = []
    try:
        _, reported = named_model(files[REPORT].decode(errors="replace"), REPORT)
        if reported != sha256(files[MODEL]):
            found.append(f"{REPORT} is about another model than {MODEL}")
        receipts = parse_json(files[MODEL], MODEL)["receipts"]
        for name, key in ((RECEIPT, "ingest"), (CLEANING, "clean")):
            if receipts[key] != parse_json(files[name], name):
                found.append(f"{MODEL} was made from other data than {name} is about")
        if not _adds_up(parse_json(files[RECEIPT], RECEIPT)):
            found.append(f"the rows that {RECEIPT} counts do not add up")
    except (Refusal, KeyError, TypeError, ValueError, AttributeError) as error:
        found.append(f"the files cannot be compared: {error}")
    return found


def _adds_up(receipt: Mapping[str, Any]) -> bool:
    """Whether every row is accounted for, as ingest saw to when it wrote the receipt."""
    if "in_bars" not in receipt:  # of a version before
        return True
    quarantined = sum(receipt["quarantined"].values())
    records = int(receipt["records"]["rows"]) + receipt["superseded"]
    seen = receipt["left_out"] + receipt["in_bars"] + quarantined
    return bool(receipt["rows"] == seen and receipt["kept"] == records)
