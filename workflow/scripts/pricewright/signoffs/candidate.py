"""The candidate: what people sign in mode auto, where `results/` are of another day each day.

    <production>/candidates/<identity>/    the files of gate `deploy` as they were when a model was
                                           trained; identity: the digest of all of them
    <production>/candidate                 a link to the newest of these folders

People sign models, not days: a run that only scores leaves the candidate as it is, and so it leaves
what people signed.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pricewright.files.disk import point_link, sync_folder, write_whole
from pricewright.signoffs.coverage import digests, identity

LINK = "candidate"
FOLDER = "candidates"


def write_candidate(production: Path, files: Mapping[str, bytes]) -> Path:
    """Lay the files that people sign aside, and point the link at them; returns their folder.

    files: those of gate `deploy`. The same files again change nothing. Whatever raises, the link
    is what it was. The candidate before it is dropped: nobody can sign it any more.
    """
    name = identity(digests(files))
    folder = production / FOLDER / name
    if not folder.is_dir():
        incoming = folder.with_name(f".incoming-{name}")
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(parents=True)
        for path, content in files.items():
            write_whole(incoming / Path(path).name, content)
        os.rename(incoming, folder)
        sync_folder(folder.parent)
    point_link(production / LINK, f"{FOLDER}/{name}")
    for other in folder.parent.iterdir():
        if other.name != name:
            shutil.rmtree(other, ignore_errors=True)
    return folder
