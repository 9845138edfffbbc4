"""The model as a document: JSON that a person can read, any language can score, a schema checks."""

import re
from pathlib import Path
from typing import Any

from pricewright.files.disk import read_whole, sha256
from pricewright.files.documents import parse_json, write_json
from pricewright.files.errors import Refusal
from pricewright.tables.schema import check

SCHEMA_VERSION = 4
"""Of models that are written, and read; `document` has it, too, for that stands on numpy alone."""

_NAMED = re.compile(r"^  model +(?P<path>\S.*)\n  sha256 +(?P<sha256>[0-9a-f]{64})$", re.MULTILINE)
"""How a report in text names the model that it is about."""


def read_model(path: Path) -> tuple[dict[str, Any], str]:
    """A model document and the SHA-256 of its bytes.

    Raises Refusal if the file is not a model of this schema version, whole and well-formed.
    """
    content = read_whole(path)
    return parse_model(content, str(path)), sha256(content)


def parse_model(content: bytes, path: str) -> dict[str, Any]:
    """The model document that some bytes are; raises what `read_model` raises."""
    document = parse_json(content, path)
    if not isinstance(document, dict) or "schema_version" not in document:
        raise Refusal(f"{path}:1: not a model: it has no schema_version; train again.")
    if document["schema_version"] != SCHEMA_VERSION:
        raise Refusal(
            f"{path}:1: a model of schema version {document['schema_version']}, where this "
            f"code reads version {SCHEMA_VERSION}; train again."
        )
    check(document, "model", f"{path}:")
    _check_symbols(document, path)
    return document


def _check_symbols(document: dict[str, Any], path: str) -> None:
    """Refuse a model whose parts are not about the same symbols and horizon."""
    states, scores = document["symbols"], document["metrics"]["by_symbol"]
    for symbol in sorted(states.keys() ^ scores.keys())[:1]:
        part = "symbols" if symbol in scores else "metrics.by_symbol"
        raise Refusal(f"{path}: {part!r}: there is no {symbol!r}; train again.")
    horizon = document["parameters"]["horizon"]
    for symbol, state in states.items():
        for key, prices in state["forecast"].items():
            if len(prices) != horizon:
                raise Refusal(
                    f"{path}: 'symbols.{symbol}.forecast.{key}': found {len(prices)} prices, "
                    f"allowed: {horizon}; train again."
                )


def write_model(path: Path, document: dict[str, Any]) -> str:
    """Write a model document, checked against its schema; returns the SHA-256 of its bytes."""
    whole = {"schema_version": SCHEMA_VERSION, **document}
    check(whole, "model", f"{path}:")
    return sha256(write_json(path, whole))


def named_model(page: str, name: str) -> tuple[str, str]:
    """The path and the SHA-256 of the model that a page is about.

    Raises Refusal unless the page names exactly one; `name` is what errors call the page.
    """
    found = list(_NAMED.finditer(page))
    if len(found) != 1:
        raise Refusal(
            f"{name}: names {len(found)} models with their sha256, where one is needed; "
            "run the report again."
        )
    return found[0]["path"], found[0]["sha256"]
