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
from pathlib import Path

from pricewright.files.disk import file_sha256, point_link, sync_folder, write_whole
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
    require_covered,
)

LINK = "candidate"
FOLDER = "candidates"


def write_candidate(production: Path, files: Mapping[str, bytes]) -> Path:
    """Keep the files that people sign in a folder, and point the link at it; return the folder.

    files: those of gate `deploy`. The same files again change nothing. If anything raises, the link
    stays as it was. The previous candidate is deleted, because nobody can sign it any more.
    """
    name = identity(digests(files))
    folder = production / FOLDER / name
    if not all((folder / Path(path).name).is_file() for path in files):
        incoming = folder.with_name(f".incoming-{name}")
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(parents=True)
        for path, content in files.items():
            write_whole(incoming / Path(path).name, content)
        shutil.rmtree(folder, ignore_errors=True)  # an incomplete folder, if there is one
        os.rename(incoming, folder)
        sync_folder(folder.parent)
    point_link(production / LINK, f"{FOLDER}/{name}")
    for other in folder.parent.iterdir():
        if other.name != name:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def restore_candidate(root: Path) -> Path | None:
    """Restore a lost candidate from the `results/` of the run that trained it.

    Returns its folder, or None if nothing was lost. Raises Refusal, with what to do, if `results/`
    do not hold a model that was trained and deployed.
    """
    try:
        require_covered(root, Path(CANDIDATE))
    except Refusal as lost:
        files = read_covered(root)
        trained = parse_json(files[MODEL], MODEL).get("mode") == "train"
        if not trained or discrepancies(files) or not _is_deployed(root, files):
            raise lost from None
        return write_candidate(root / "production", files)
    return None


def _is_deployed(root: Path, files: Mapping[str, bytes]) -> bool:
    deployed = root / DEPLOYED
    return deployed.is_file() and file_sha256(deployed) == digests(files)[MODEL]
