"""The project of a command: the nearest project folder, from the caller's folder upwards.

It uses only the standard library, because it runs before the environment is known to exist.
"""

import os
from pathlib import Path

from pricewright.files.errors import Refusal

MARKS = ("config/config.yaml", "results/ingest.json", "ledger/ledger.jsonl")
"""A project's folder has at least one of these files."""


def find_project() -> Path | None:
    """The folder of the project that the caller is in, or None outside any project."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if any((folder / mark).is_file() for mark in MARKS):
            return folder
    return None


def enter_project() -> None:
    """Change to the project's folder; messages name files relative to it.

    Raises Refusal outside any project.
    """
    project = find_project()
    if project is None:
        raise Refusal(
            f"{Path.cwd()}: neither this folder nor any above it is a project with a "
            "config/config.yaml; change to a project's folder."
        )
    os.chdir(project)


def path_from_caller(text: str) -> Path:
    """The caller's path, relative to the project's folder; absolute if it lies outside."""
    path = Path(os.path.abspath(Path(text).expanduser()))
    project = find_project()
    return path.relative_to(project) if project and path.is_relative_to(project) else path
