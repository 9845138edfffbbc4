"""JSON files: read with care, written whole and the same way each time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from pricewright.files.disk import write_whole
from pricewright.files.errors import Refusal

_LAYOUT = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def parse_json(content: bytes, name: str) -> Any:
    """What some JSON says; raises Refusal, with the line, for bytes that are not JSON."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Refusal(
            f"{name}:{error.lineno}: not JSON ({error.msg}); "
            "mend it, or run the step that writes it again."
        ) from None


def write_columns(path: Path, columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Write columns of equal length as an array of JSON records; returns the bytes.

    Values are text, numbers and None, which is written as null.
    """
    names = list(columns)
    rows = zip(*columns.values(), strict=True)
    return write_json(path, [dict(zip(names, row, strict=True)) for row in rows])


def write_json(path: Path, document: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """Write JSON, indented by 2, keys in the order they have, whole; returns the bytes."""
    content = orjson.dumps(document, option=_LAYOUT)
    write_whole(path, content)
    return content
