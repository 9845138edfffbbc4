"""Where a command runs: in the project's folder, with the caller's paths as they meant them."""

import os
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

MARKS = ("config/config.yaml", "workflow/Snakefile", "results", "ledger", "production")
"""What a project's folder has one of."""

_start = [Path()]


def enter() -> None:
    """Change to the nearest folder, from this one upwards, that is a project's, if there is one."""
    _start[0] = Path.cwd()
    for folder in (_start[0], *_start[0].parents):
        if any((folder / mark).exists() for mark in MARKS):
            os.chdir(folder)
            return


def _from_there(kind: Any, tokens: Any) -> Path:
    return _start[0] / Path(tokens[0].value).expanduser()


GivenPath = Annotated[Path, Parameter(converter=_from_there)]
"""A path as the caller gave it, from where they were."""
