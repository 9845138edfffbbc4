"""The models that were trained: their results, in the ledger, and their bytes, by digest.

    <folder>/<sha256>.json.zst    a model, packed

Models that were signed or are in a kept release stay for ever. Of the others, only the newest stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pricewright.files.clock import Clock, now
from pricewright.files.disk import read_whole, sha256, write_whole
from pricewright.files.errors import Refusal
from pricewright.files.machine import machine
from pricewright.files.zstandard import zstd
from pricewright.forecasting.model_file import parse_model
from pricewright.releases import history
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import BEGUN, LEDGER, PASSED, Entry, dropped_releases
from pricewright.signoffs.policy import TRAINING, record_run
from pricewright.signoffs.signed_files import MODEL
from pricewright.signoffs.validity import EVENTS

FOLDER = "data/models"
_ENDING = ".json.zst"


@dataclass(frozen=True)
class Training:
    """A training that the ledger records.

    run: its line.  release: whether its model is in production or when it was last released; "" if
    it never was.
    """

    run: Entry
    release: str = ""

    @property
    def model(self) -> str:
        """The SHA-256 of the model."""
        return str(self.run.fields["run"])


def record_training(
    root: Path,
    output: Path,
    document: dict[str, Any],
    *,
    author: str | None,
    configfile: Sequence[str] = (),
    keep_models: int,
    clock: Clock = now,
) -> None:
    """Record a trained or scored model in the ledger, and keep its bytes.

    keep_models: the number of models to keep that nobody signed or released. Raises what
    `ledger.append` raises, and OSError if the model cannot be written.
    """
    content = read_whole(output)
    criteria = document["acceptance"]["criteria"]
    record_run(
        root,
        [TRAINING],
        sha256(content),
        author,
        configfile=configfile,
        once=True,
        clock=clock,
        facts={
            "machine": machine(),
            "mode": document["mode"],
            **({"scored": scored["sha256"]} if (scored := document["scored_model"]) else {}),
            **({"why": document["why"]} if "why" in document else {}),
            "cutoff": document["cutoff"],
            "symbols": len(document["symbols"]),
            "accepted": document["acceptance"]["accepted"],
            "criteria": {name: found["value"] for name, found in criteria.items()},
        },
    )
    folder = root / FOLDER
    write_whole(packed_model(root, sha256(content)), zstd.compress(content))
    entries = ledger.read(root / LEDGER)
    if not history.lost_lines(root, entries):  # they may record that somebody signed a model
        _drop_old(folder, entries, keep_models)


def packed_model(root: Path, digest: str) -> Path:
    """The path at which a trained model is kept, packed, if it is kept."""
    return Path(root, FOLDER, f"{digest}{_ENDING}")


def _drop_old(folder: Path, entries: Sequence[Entry], most: int) -> None:
    """Drop the oldest models that nobody signed or released, or whose releases were dropped,
    except the newest `most`."""
    signed = {entry.fields.get("run") for entry in entries if entry.event in EVENTS.values()}
    dropped = {told.fields["model"] for told in dropped_releases(entries).values()}
    for_good = signed - dropped | _released(entries)
    kept = sorted(folder.glob(f"*{_ENDING}"), key=lambda path: path.stat().st_mtime, reverse=True)
    others = [path for path in kept if path.name.removesuffix(_ENDING) not in for_good]
    for path in others[most:]:
        path.unlink(missing_ok=True)


def _released(entries: Sequence[Entry]) -> set[Any]:
    """The models of releases that were not dropped."""
    dropped = dropped_releases(entries)
    return {
        entry.fields.get("model")
        for entry in entries
        if entry.event in BEGUN and entry.fields["release"] not in dropped
    }


def trainings(root: Path) -> list[Training]:
    """Every training in the ledger, newest first."""
    entries = ledger.read(root / LEDGER)
    released: dict[Any, str] = {}
    for begun, end in ledger.switches(entries):
        if end and end.event == PASSED:
            released[begun.fields.get("model")] = f"released {begun.time[:10]}"
    kept = _released(entries)
    for told in dropped_releases(entries).values():
        if (model := told.fields["model"]) in released and model not in kept:
            released[model] += f", dropped {told.time[:10]}"
    if since := ledger.state_of(entries).since:
        released[entries[since - 1].fields.get("model")] = "in production"
    return [
        Training(entry, released.get(entry.fields.get("run"), ""))
        for entry in reversed(entries)
        if entry.event == "run" and TRAINING in entry.fields.get("steps", ())
    ]


PRODUCTION, LAST = "production", "last"


def find_model(root: Path, text: str) -> tuple[dict[str, Any], str]:
    """The model that `text` names, and its SHA-256.

    text: a digest or its first digits; `last`, the one in `results/`; `production` or `previous`,
    the current release's or the one before; or a file's path. Raises Refusal unless it names
    exactly one model that is kept.
    """
    if text == LAST or Path(root, text).is_file():
        path = Path(root, MODEL if text == LAST else text)
        content = read_whole(path)
        return parse_model(content, str(path)), sha256(content)
    if text in (PRODUCTION, history.PREVIOUS):
        release = _release(root, text)
        content = history.signed_files(root, release)[MODEL]
        return parse_model(content, f"release {release[:12]}"), sha256(content)
    known = dict.fromkeys(each.model for each in trainings(root))
    instead = (
        f"name a digest from `pricewright history`, {LAST}, {PRODUCTION}, {history.PREVIOUS}, or a "
        "path"
    )
    return _kept(root, history.find_digest(text, known, "model", instead))


def _release(root: Path, text: str) -> str:
    if text == history.PREVIOUS:
        return history.find_release(root, text)
    entries = ledger.read(root / LEDGER)
    release = ledger.in_production(entries)
    if release is None:
        raise Refusal(f"{PRODUCTION}: nothing has been released yet.")
    history.require_kept(root, release, entries)
    return release


def _kept(root: Path, digest: str) -> tuple[dict[str, Any], str]:
    path = packed_model(root, digest)
    try:
        content = zstd.decompress(path.read_bytes())
    except FileNotFoundError:
        raise Refusal(
            f"{digest[:12]}: this model is no longer kept (history.keep_models and "
            "history.keep_releases_days); name a newer one."
        ) from None
    except zstd.ZstdError:
        content = b""
    if sha256(content) != digest:
        raise Refusal(f"{path}: was changed or damaged; restore it from a backup.")
    return parse_model(content, str(path)), digest
