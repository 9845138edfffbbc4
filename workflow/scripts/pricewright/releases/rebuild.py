"""The rebuild: from the raw bytes that are kept to the model in production, byte for byte.

Only the archive is asked, never the source, so that it works offline, and long after the source
has changed. It runs in a temporary folder, on the config that is in the release's evidence.
"""

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from pricewright.configuration.config import (
    clean_options,
    ingest_options,
    source_of,
    training_options,
)
from pricewright.files.disk import file_sha256, sha256, write_whole
from pricewright.files.documents import parse_json
from pricewright.files.errors import Refusal
from pricewright.forecasting.model_file import parse_model
from pricewright.intake.archive import Archive
from pricewright.releases import evidence, store
from pricewright.releases.history import folder_of
from pricewright.releases.switch import MODEL
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import in_production
from pricewright.steplog.log import say
from pricewright.tables.options import by_name


@dataclass(frozen=True)
class Steps:
    """The steps that make a model, as functions, and the digest of the code that does."""

    ingest: Callable[..., None]
    clean: Callable[..., None]
    train_or_score: Callable[..., None]
    code: str


def rebuild(root: Path, steps: Steps) -> list[str]:
    """Make the model in production again, and say what is not the same; nothing if all is.

    Its comparison with the model before it is taken over as it was, for that one may be gone;
    everything else is made anew.
    """
    root = Path(root).resolve()
    try:
        digest = in_production(ledger.read(root / "ledger"))
        if digest is None:
            return ["nothing is in production that could be built again."]
        contents = store.opened(folder_of(root), digest)[1]
        made = _made(root, contents, steps)
    except (Refusal, OSError) as error:
        return [f"the model in production cannot be built again: {error}"]
    if made != contents[MODEL]:
        return [
            f"{folder_of(root) / digest / MODEL}: the kept raw bytes come to another model "
            f"(sha256 {sha256(made)[:12]}…, released {sha256(contents[MODEL])[:12]}…); "
            f"{_difference(made, contents[MODEL])}."
        ]
    say("built again", release=digest, model=sha256(made))
    return []


def _made(root: Path, contents: Mapping[str, bytes], steps: Steps) -> bytes:
    """The model that the kept bytes come to."""
    released = parse_model(contents[MODEL], MODEL)
    if released["code"]["sha256"] != steps.code:
        raise Refusal(
            f"it was made by code of digest {released['code']['sha256'][:12]}…, and here is "
            f"{steps.code[:12]}…; check out that version of the workflow."
        )
    with zipfile.ZipFile(BytesIO(contents[evidence.NAME])) as archive:
        config = parse_json(archive.read(evidence.CONFIG), evidence.CONFIG)
        names = {evidence.CORRECTIONS, evidence.SCORED} & set(archive.namelist())
        given = {name: archive.read(name) for name in names}
    with _in_temporary_folder() as folder:
        _lay_out(root, folder, config, released)
        for name, content in given.items():
            write_whole(folder / name, content)
        write_whole(folder / "champion.json", contents[MODEL])
        table = Path(released["data"]["path"])
        raw = table.with_stem(table.stem.replace("clean", "raw"))
        results = table.parent
        options = ingest_options(config) | {"received": folder / "received", "ask": False}
        by_name(steps.ingest)(output=raw, receipt=results / "ingest.json", **options)
        by_name(steps.clean)(
            raw,
            table,
            receipt=results / "clean.json",
            corrections=folder / evidence.CORRECTIONS if evidence.CORRECTIONS in given else None,
            **clean_options(config),
        )
        by_name(steps.train_or_score)(
            table,
            results / MODEL,
            model=folder / evidence.SCORED if evidence.SCORED in given else None,
            receipts=[results / "ingest.json", results / "clean.json"],
            **(training_options(config) | {"champion": folder / "champion.json"}),
        )
        return (results / MODEL).read_bytes()


def _lay_out(
    root: Path, folder: Path, config: Mapping[str, Any], released: Mapping[str, Any]
) -> None:
    """Copy the archive as it was when the model was made: its bytes, checked, and their order."""
    name = source_of(config).name
    kept = Archive(root / config["source"]["received"], name)
    copy = Archive(folder / "received", name)
    receipt = released["receipts"]["ingest"]
    wanted = len(receipt["deliveries"]) + len(receipt["earlier"])
    for acceptance in kept.acceptances():
        if wanted <= 0:
            break
        for delivery in acceptance.deliveries:
            path = kept.path(delivery.sha256)
            if not path.is_file() or file_sha256(path) != delivery.sha256:
                raise Refusal(f"{path}: is not there, or not the bytes that were received.")
            copy.folder.mkdir(exist_ok=True)
            shutil.copyfile(path, copy.path(delivery.sha256))
        wanted -= len(acceptance.deliveries)
        copy.accept(acceptance)
    if wanted:
        raise Refusal(f"{kept.history}: does not have the deliveries that the model was made from.")


def _difference(made: bytes, released: bytes) -> str:
    """Which parts of two models differ."""
    ours, theirs = parse_json(made, "made"), parse_json(released, "released")
    parts = [key for key in theirs if ours.get(key) != theirs[key]]
    return f"they differ in {', '.join(parts)}" if parts else "they differ in layout alone"


@contextlib.contextmanager
def _in_temporary_folder() -> Iterator[Path]:
    """Work in a new folder, for an artifact's paths are relative to where it is made."""
    with tempfile.TemporaryDirectory(prefix="pricewright-") as folder, contextlib.chdir(folder):
        yield Path(folder)
