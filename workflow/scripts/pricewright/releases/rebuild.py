"""The rebuild: from the raw bytes that are kept to the model in production, byte for byte.

It reads only the archive, never the source, so it works offline and long after the source changed.
It runs in a temporary folder, with the config from the release's evidence.

Another machine produces the same bytes. Another version or build of a library may round
differently: then numbers agree within TOLERANCE, and everything that is not a fractional number,
such as acceptance, the criteria met and the symbols modelled, is the same.
"""

import contextlib
import math
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
from pricewright.files.errors import Refusal, printable
from pricewright.files.machine import machine
from pricewright.files.provenance import code_digest, libraries
from pricewright.forecasting.model_file import by_symbol, parse_model, with_records, write_model
from pricewright.intake.archive import Acceptance, Archive, Delivery
from pricewright.releases import evidence, store
from pricewright.releases.history import releases_folder, require_kept
from pricewright.releases.switch import MODEL
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import in_production
from pricewright.signoffs.policy import author_of
from pricewright.steplog.log import say
from pricewright.tables.options import by_name

TOLERANCE = 1e-9
"""The relative tolerance of a number; in a list, relative to the largest number of the list.

Results of libraries are rounded to ten digits, and all other arithmetic is the same on every
processor, so a search takes the same number of steps everywhere. People read six digits.
"""


@dataclass(frozen=True)
class Steps:
    """The steps that make a model, as functions, and the script that defines the code's digest."""

    ingest: Callable[..., None]
    clean: Callable[..., None]
    train_or_score: Callable[..., None]
    script: Path


def rebuild(root: Path, steps: Steps, tell: Callable[[str], object] = say) -> list[str]:
    """Rebuild the model in production and return what differs, in sentences; empty if nothing does.

    The comparison with the previous champion is copied, because that model may be gone; everything
    else is made again.  tell: receives the sentence on a model that is the same or nearly so.
    """
    root = root.resolve()
    try:
        entries = ledger.read(root / "ledger")
        digest = in_production(entries)
        if digest is None:
            return ["nothing is in production, so there is nothing to rebuild."]
        require_kept(root, digest, entries)
        contents = store.open_release(releases_folder(root), digest)[1]
        made = _made(root, contents, steps)
    except (Refusal, OSError) as error:
        return [f"the model in production cannot be rebuilt: {error}"]
    if made == contents[MODEL]:
        tell(f"The model of release {digest[:12]}, rebuilt, is the same bytes.")
        return []
    name = releases_folder(root) / digest / MODEL
    ours, theirs = (
        by_symbol(with_records(parse_json(content, str(name))))
        for content in (made, contents[MODEL])
    )
    run = author_of(entries, sha256(contents[MODEL]))
    where = _where(ours, theirs, run.fields.get("machine") if run else None)
    apart = _differences(ours, theirs)
    by_others = ours["code"]["libraries"] != theirs["code"]["libraries"]
    if (apart or by_others) and max(apart.values(), default=0.0) <= TOLERANCE:
        tell(
            f"{name}: rebuilt with each number within {TOLERANCE:g} and the same decisions; "
            f"{where}."
        )
        return []
    parts = [part for part, far in apart.items() if far > TOLERANCE]
    return [
        f"{name}: the kept raw bytes give another model (sha256 {sha256(made)[:12]}…, released "
        f"{sha256(contents[MODEL])[:12]}…); they differ in {', '.join(parts) or 'layout only'}; "
        f"{where}."
    ]


def _made(root: Path, contents: Mapping[str, bytes], steps: Steps) -> bytes:
    """The model that the kept bytes give."""
    code, made_by = code_digest(steps.script), parse_json(contents[MODEL], MODEL)["code"]["sha256"]
    packed = contents.get(evidence.CODE)  # a release of an early version has none
    if code == made_by and packed and _code_in(packed) != code:
        raise Refusal(
            f"production/current/{evidence.CODE}: is not the code that made the model, with digest "
            f"{made_by[:12]}…, so it was replaced; restore the release from a backup."
        )
    if code != made_by and not (packed and code == _code_in(packed)):
        raise Refusal(
            f"it was made by code with digest {made_by[:12]}…, but the code here has "
            f"{code[:12]}…; use that in production/current/{evidence.CODE}, as docs/daily.md says "
            "under A newer version."
        )
    released = parse_model(contents[MODEL], MODEL)
    versions = released["code"]["libraries"]
    with zipfile.ZipFile(BytesIO(contents[evidence.NAME])) as archive:
        config = parse_json(archive.read(evidence.CONFIG), evidence.CONFIG)
    inputs = (evidence.CORRECTIONS, evidence.SCORED)
    given = {name: contents[name] for name in inputs if name in contents}
    with _in_temporary_folder() as folder:
        _lay_out(root, folder, config, released)
        for name, content in given.items():
            write_whole(folder / name, content)
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
        # pretend that the champion was made with the present code and data, so that its own
        # comparison is copied
        champion = released | {
            "code": {"sha256": code, "libraries": libraries(steps.script, versions)},
            "data": released["data"] | {"sha256": file_sha256(table)},
        }
        write_model(folder / "champion.json", champion)
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
    """Copy the archive as it was when the model was made: the record of all deliveries, in order,
    and the bytes, checked, of those that counted then; others are not read."""
    name = source_of(config).name
    kept = Archive(root / config["source"]["received"], name)
    copy = Archive(folder / "received", name)
    receipt = released["receipts"]["ingest"]
    wanted = len(receipt["deliveries"]) + len(receipt["earlier"])
    deliveries, restatements = list[Delivery](), list[Mapping[str, Any]]()
    for acceptance in kept.acceptances():
        if len(deliveries) >= wanted:
            break
        deliveries += acceptance.deliveries
        restatements += acceptance.restatements
    came = {delivery.sha256: delivery for delivery in deliveries}
    counted = {delivery["sha256"] for delivery in receipt["deliveries"]}
    if len(deliveries) != wanted or not counted <= came.keys():
        raise Refusal(f"{kept.history}: lacks the deliveries that the model was made from.")
    copy.accept(Acceptance(deliveries, restatements))
    for digest in sorted(counted):
        with kept.whole(came[digest]) as path:
            shutil.copyfile(path, copy.path(digest))


def _code_in(packed: bytes) -> str:
    """The digest of the code in a zip file under this Python; "" if there is none.

    A digest depends on Python's minor version, so the one in the model may not be comparable.
    """
    with (
        tempfile.TemporaryDirectory(prefix="pricewright-") as folder,
        zipfile.ZipFile(BytesIO(packed)) as archive,
    ):
        scripts = [name for name in archive.namelist() if name.startswith("workflow/scripts/")]
        archive.extractall(folder, scripts)
        try:
            return code_digest(Path(folder) / "workflow/scripts/train_or_score.py")
        except (OSError, SyntaxError):
            return ""


def _differences(made: dict[str, Any], released: dict[str, Any]) -> dict[str, float]:
    """How far two models are apart, for each part that differs.

    If the libraries differ, their versions and the bytes of their Parquet files are ignored.
    """
    if made["code"]["libraries"] != released["code"]["libraries"]:
        made, released = _without_versions(made), _without_versions(released)
    apart = {key: _apart(made.get(key), released[key]) for key in released}
    return {key: far for key, far in apart.items() if far}


def _without_versions(model: dict[str, Any]) -> dict[str, Any]:
    """A model without the parts that reveal the versions of libraries."""
    model = {key: part for key, part in model.items() if key != "code"}
    if not model["data"]["path"].endswith(".parquet"):
        return model
    tables = {"records": None, "input": None}
    receipts = {step: receipt | tables for step, receipt in model["receipts"].items()}
    return model | {"data": model["data"] | {"sha256": None}, "receipts": receipts}


def _apart(made: Any, released: Any, largest: float = 0.0) -> float:
    """How far two values are apart, relative to the larger or to the largest in their list.

    Infinite if values differ that are not fractional numbers.
    """
    if made == released:
        return 0.0
    if isinstance(made, float) and isinstance(released, float):
        return abs(made - released) / max(abs(made), abs(released), largest)
    if isinstance(made, dict) and isinstance(released, dict) and made.keys() == released.keys():
        return max(_apart(made[key], released[key]) for key in made)
    if isinstance(made, list) and isinstance(released, list) and len(made) == len(released):
        largest = max((abs(value) for value in released if isinstance(value, float)), default=0.0)
        pairs = zip(made, released, strict=True)
        return max(_apart(one, other, largest) for one, other in pairs)
    return math.inf


def _where(made: Mapping[str, Any], released: Mapping[str, Any], machine_of_run: object) -> str:
    """The libraries and machine that a model was made with, and those here, where they differ."""
    here, then = (model["code"]["libraries"] for model in (made, released))
    others = [name for name in sorted({*here, *then}) if here.get(name) != then.get(name)]

    def named(versions: Mapping[str, str], on: str) -> str:
        with_these = [f"{name} {versions.get(name, 'not used')}" for name in others]
        return " on ".join(filter(None, [", ".join(with_these), on]))

    ran_on = printable(str(machine_of_run or "a machine that the ledger does not know"))
    word = "with" if others else "on"
    return f"made {word} {named(then, ran_on)}, here is {named(here, machine())}"


@contextlib.contextmanager
def _in_temporary_folder() -> Iterator[Path]:
    """Work in a new folder, because an artifact's paths are relative to where it is made."""
    with tempfile.TemporaryDirectory(prefix="pricewright-") as folder, contextlib.chdir(folder):
        yield Path(folder)
