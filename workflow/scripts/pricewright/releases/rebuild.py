"""The rebuild: from the raw bytes that are kept to the model in production, byte for byte.

Only the archive is asked, never the source, so that it works offline, and long after the source
has changed. It runs in a temporary folder, on the config that is in the release's evidence.

Another machine comes to the same bytes. Another version of a library, or another system's, may
round otherwise: then the numbers are the same within TOLERANCE, and everything that is no number
with a fraction, such as what was accepted, which criteria are met and who is modelled, is the same.
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
"""By how much of it a number may be off, one of a list by how much of the largest there.

What is a library's is rounded to ten digits, and all else is the same arithmetic on every
processor, so that a search takes as many steps everywhere. People read six digits.
"""


@dataclass(frozen=True)
class Steps:
    """The steps that make a model, as functions, and the script whose code it is."""

    ingest: Callable[..., None]
    clean: Callable[..., None]
    train_or_score: Callable[..., None]
    script: Path


def rebuild(root: Path, steps: Steps, tell: Callable[[str], object] = say) -> list[str]:
    """Make the model in production again, and say what is not the same; nothing if all is.

    Its comparison with the model before it is taken over as it was, for that one may be gone;
    everything else is made anew.  tell: takes the sentence on a model that is the same, or nearly.
    """
    root = Path(root).resolve()
    try:
        entries = ledger.read(root / "ledger")
        digest = in_production(entries)
        if digest is None:
            return ["nothing is in production that could be built again."]
        require_kept(root, digest, entries)
        contents = store.open_release(releases_folder(root), digest)[1]
        made = _made(root, contents, steps)
    except (Refusal, OSError) as error:
        return [f"the model in production cannot be built again: {error}"]
    if made == contents[MODEL]:
        tell(f"The model of release {digest[:12]}, made again, is the same bytes.")
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
            f"{name}: the same within {TOLERANCE:g} of each number, and the same decisions; "
            f"{where}."
        )
        return []
    parts = [part for part, far in apart.items() if far > TOLERANCE]
    return [
        f"{name}: the kept raw bytes come to another model (sha256 {sha256(made)[:12]}…, released "
        f"{sha256(contents[MODEL])[:12]}…); they differ in {', '.join(parts) or 'layout alone'}; "
        f"{where}."
    ]


def _made(root: Path, contents: Mapping[str, bytes], steps: Steps) -> bytes:
    """The model that the kept bytes come to."""
    released = parse_model(contents[MODEL], MODEL)
    code, versions = code_digest(steps.script), released["code"]["libraries"]
    with zipfile.ZipFile(BytesIO(contents[evidence.NAME])) as archive:  # once it held everything
        held = {name: archive.read(name) for name in archive.namelist()} | dict(contents)
    kept = contents.get(evidence.CODE, contents[evidence.NAME])
    if code != released["code"]["sha256"] and code != _code_in(kept):
        raise Refusal(
            f"it was made by code of digest {released['code']['sha256'][:12]}…, and here is "
            f"{code[:12]}…; check out that version of the workflow."
        )
    config = parse_json(held[evidence.CONFIG], evidence.CONFIG)
    given = {name: held[name] for name in (evidence.CORRECTIONS, evidence.SCORED) if name in held}
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
        # as if it had been made with what is here, for then its own comparison is taken over
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
    """Copy the archive as it was when the model was made: all that came, in its order, and the
    bytes, checked, of what counted then; others are not read."""
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
        raise Refusal(f"{kept.history}: does not have the deliveries that the model was made from.")
    copy.accept(Acceptance(deliveries, restatements))
    for digest in sorted(counted):
        with kept.whole(came[digest]) as path:
            shutil.copyfile(path, copy.path(digest))


def _code_in(packed: bytes) -> str:
    """The digest that the code in a zip file has with this Python; "" if it has none.

    A digest is of one minor version of Python, and so the model's says nothing to another.
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
    """How far two models are apart, by part, of the parts that are not the same.

    Of other libraries it is no news that they are others, nor that their Parquet has other bytes.
    """
    if made["code"]["libraries"] != released["code"]["libraries"]:
        made, released = _without_versions(made), _without_versions(released)
    apart = {key: _apart(made.get(key), released[key]) for key in released}
    return {key: far for key, far in apart.items() if far}


def _without_versions(model: dict[str, Any]) -> dict[str, Any]:
    """A model without what the versions of libraries are seen by."""
    model = {key: part for key, part in model.items() if key != "code"}
    if not model["data"]["path"].endswith(".parquet"):
        return model
    tables = {"records": None, "input": None}
    receipts = {step: receipt | tables for step, receipt in model["receipts"].items()}
    return model | {"data": model["data"] | {"sha256": None}, "receipts": receipts}


def _apart(made: Any, released: Any, largest: float = 0.0) -> float:
    """How far two values are apart, relative to the larger or to the largest beside them.

    Infinitely, where what is no number with a fraction is not the same.
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
    """What a model was made with and on, and what is here."""
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
    """Work in a new folder, for an artifact's paths are relative to where it is made."""
    with tempfile.TemporaryDirectory(prefix="pricewright-") as folder, contextlib.chdir(folder):
        yield Path(folder)
