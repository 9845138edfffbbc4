"""What comes first while the Snakefile loads; a wrong config ends the run in one sentence."""

from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from lean import spare_pandas
from pricewright.config import complete, source_files
from pricewright.errors import Refusal
from terminal import watch


def begin(workflow: Any) -> None:
    """Spare the run what it can do without, and show how it goes."""
    spare_pandas()
    watch(workflow)


def checked(config: dict[str, Any], home: Path) -> list[str]:
    """Complete the config in place, and return the files of its source.

    home: where to look for a source that is not in the working directory. Raises WorkflowError.
    """
    try:
        return source_files(complete(config), home)
    except Refusal as refusal:
        raise WorkflowError(str(refusal)) from None
