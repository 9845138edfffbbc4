"""Option types that several commands share, as cyclopts parses and explains them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from pricewright.commands.project import path_from_caller


def _read_path(_: Any, tokens: Any) -> Path:
    return path_from_caller(tokens[0].value)


GivenPath = Annotated[Path, Parameter(converter=_read_path, metavar="FILE")]
"""A path relative to the caller's folder."""


def _read_source(_: Any, tokens: Any) -> str:
    text: str = tokens[0].value
    return text if "://" in text else str(path_from_caller(text))


GivenSource = Annotated[str, Parameter(converter=_read_source, metavar="SOURCE")]
"""A path relative to the caller's folder, or a URI."""

ConfigFiles = Annotated[
    Sequence[GivenPath],
    Parameter(
        help="A config file that overrides config/config.yaml, as in Snakemake; may be repeated."
    ),
]

Release = Annotated[str, Parameter(metavar="RELEASE")]
"""The digest of a release, its first digits, or `previous`."""


def _read_model(_: Any, tokens: Any) -> str:
    text: str = tokens[0].value
    return str(path_from_caller(text)) if Path(text).expanduser().is_file() else text


GivenModel = Annotated[str, Parameter(converter=_read_model, metavar="MODEL")]
"""A name that `find_model` knows, or a path relative to the caller's folder."""

Text = Annotated[str, Parameter(metavar="TEXT")]

Name = Annotated[str, Parameter(metavar="NAME")]
