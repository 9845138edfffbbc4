"""The candidate: what people sign in mode auto, where `results/` change every day.

    <production>/candidates/<identity>/    the files of gate `deploy` as they were when a model was
                                           trained; identity: the digest of all of them
    <production>/candidate                 a link to the newest of these folders

People sign models, not days: a run that only scores leaves the candidate, and so the sign-offs, as
they are.
"""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pricewright.files.disk import file_sha256, point_link, read_regular, sync_folder, write_whole
from pricewright.files.documents import parse_json
from pricewright.files.errors import Refusal
from pricewright.signoffs.signed_files import (
    CANDIDATE,
    DEPLOYED,
    MODEL,
    digests,
    discrepancies,
    identity,
    read_covered,
)

LINK = "candidate"
FOLDER = "candidates"


def write_candidate(production: Path, files: Mapping[str, bytes]) -> Path:
    """Keep the files that people sign in a folder, and point the link at it; return the folder.

    files: those of gate `deploy`. The same files again change nothing but damaged ones. If anything
    raises, the link stays as it was. The previous candidate is deleted, because nobody can sign it
    any more.
    """
    name = identity(digests(files))
    folder = production / FOLDER / name
    if not _holds(folder, files):
        incoming = folder.with_name(f".incoming-{name}")
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(parents=True)
        for path, content in files.items():
            write_whole(incoming / Path(path).name, content)
        shutil.rmtree(folder, ignore_errors=True)  # one that is incomplete or damaged
        os.rename(incoming, folder)
        sync_folder(folder.parent)
    point_link(production / LINK, f"{FOLDER}/{name}")
    for other in folder.parent.iterdir():
        if other.name != name:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def _holds(folder: Path, files: Mapping[str, bytes]) -> bool:
    with suppress(OSError, Refusal):
        return all(read_regular(folder / Path(path).name) == files[path] for path in files)
    return False


def read_signed(root: Path, mode: str) -> dict[str, bytes]:
    """The files that people sign, by their names in `results/`: in mode auto those of the
    candidate, which is restored if it was lost or damaged.

    Raises Refusal, with what to do, if there are none or the candidate cannot be restored.
    """
    if mode != "auto":
        return read_covered(root)
    try:
        return _read_intact(root)
    except Refusal:
        restore_candidate(root)
        return _read_intact(root)


def restore_candidate(root: Path) -> Path | None:
    """Restore a lost or damaged candidate from the `results/` of the run that trained it.

    Returns its folder, or None if it is intact. Raises Refusal, with what to do, if `results/` hold
    neither its bytes nor a model that was trained and deployed.
    """
    try:
        _read_intact(root)
    except Refusal as lost:
        files = read_covered(root)
        if identity(digests(files)) != _name(root) and not _is_trained_and_deployed(root, files):
            raise lost from None
        return write_candidate(root / "production", files)
    return None


def _read_intact(root: Path) -> dict[str, bytes]:
    """The candidate's files; raises Refusal if it is lost or damaged."""
    files, name = read_covered(root, Path(CANDIDATE)), _name(root)
    if identity(digests(files)) != name:
        raise Refusal(
            f"{Path(CANDIDATE).parent / FOLDER / name}: its files are not those that were to be "
            "signed, so one was changed or damaged, and results/ no longer have them; restore the "
            "folder from a backup, or train another model with "
            "`snakemake --cores 1 --forcerun train_or_score`."
        )
    return files


def _name(root: Path) -> str:
    """The name of the candidate's folder, which is the digest of what was written to it."""
    return os.path.basename(os.path.realpath(root / CANDIDATE))


def _is_trained_and_deployed(root: Path, files: Mapping[str, bytes]) -> bool:
    if discrepancies(files) or parse_json(files[MODEL], MODEL).get("mode") != "train":
        return False
    deployed = root / DEPLOYED
    return deployed.is_file() and file_sha256(deployed) == digests(files)[MODEL]
