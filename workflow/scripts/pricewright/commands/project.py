"""The project that a command is about: the nearest folder that is one, from the caller's upwards.

Needs the standard library alone, for it is asked before the environment is known to be there.
"""

import os
from pathlib import Path

from pricewright.files.errors import Refusal

MARKS = ("config/config.yaml", "results/ingest.json", "ledger/ledger.jsonl")
"""A project's folder has one of these files."""


def find_project() -> Path | None:
    """The folder of the project that the caller stands in, or None outside of any."""
    here = Path.cwd()
    return next(
        (
            folder
            for folder in (here, *here.parents)
            if any((folder / mark).is_file() for mark in MARKS)
        ),
        None,
    )


def enter_project() -> None:
    """Change to the project's folder, from which every message names its files.

    Raises Refusal outside of any project.
    """
    project = find_project()
    if project is None:
        raise Refusal(
            f"{Path.cwd()}: neither this folder nor one above it is a project, which has "
            "config/config.yaml; change to one that is."
        )
    os.chdir(project)


def path_from_caller(text: str) -> Path:
    """A path as the caller gave it, as it is named from the project's folder.

    What lies outside of the project has its absolute path.
    """
    path = Path(os.path.abspath(Path(text).expanduser()))
    project = find_project()
    return path.relative_to(project) if project and path.is_relative_to(project) else path
