"""Config for the commands beside Snakemake: the same files, laid over each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from pricewright.config import complete, config_file
from pricewright.errors import Refusal
from pricewright.files import read_whole

WORKFLOW = Path(__file__).resolve().parents[3]
"""The folder with `workflow/` and `config/`."""


def read_config(files: Sequence[Path] = ()) -> dict[str, Any]:
    """The config, complete and checked, as a run with `--configfile` and these files has it.

    Raises Refusal as `complete` does, and for a file that is not YAML.
    """
    config: dict[str, Any] = {}
    for path in [Path(config_file(WORKFLOW)), *files]:
        _lay_over(config, _read(path))
    complete(config)
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(read_whole(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise Refusal(f"{path}{line}: not YAML; mend it.") from None
    if not isinstance(document, dict):
        raise Refusal(f"{path}: has no keys, where config is needed; see config/config.yaml.")
    return document


def _lay_over(config: dict[str, Any], other: dict[str, Any]) -> None:
    """Put keys in the place of those that are there, section by section, as Snakemake does."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            _lay_over(config[key], value)
        else:
            config[key] = value
