"""The model document: JSON that people can read, any language can score, and a schema checks."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pricewright.files.disk import read_whole, sha256
from pricewright.files.documents import parse_json, write_json, writing_again
from pricewright.files.errors import Refusal
from pricewright.tables.schema import check
from pricewright.tables.symbol_columns import (
    MOST_BY_SYMBOL,
    SymbolColumns,
    column_of,
    columns_in_json,
    symbol_records,
)

SCHEMA_VERSION = 4
"""The schema version of models that are written and read."""

_NAMED = re.compile(r"^  model +(?P<path>\S.*)\n  sha256 +(?P<sha256>[0-9a-f]{64})$", re.MULTILINE)
"""The lines by which a text report names its model."""


_OF_SYMBOLS: Final[Mapping[tuple[str, ...], str]] = {
    ("symbols",): "symbol",
    ("metrics", "by_symbol"): "scores",
    ("champion", "metrics", "by_symbol"): "both",
}
"""The paths of a model's parts by symbol, and the schema's name for one symbol's record."""


ModelDocument = tuple[dict[str, Any], str]
"""A model document and the SHA-256 of its bytes."""


def read_model(path: Path) -> ModelDocument:
    """The model in a file.

    Raises Refusal unless the file is a complete and valid model of this schema version.
    """
    content = read_whole(path)
    return parse_model(content, str(path)), sha256(content)


def parse_model(content: bytes, path: str) -> dict[str, Any]:
    """The model document in some bytes; raises what `read_model` raises."""
    document = with_records(parse_json(content, path))
    if not isinstance(document, dict) or "schema_version" not in document:
        raise Refusal(f"{path}:1: not a model: it has no schema_version; train again.")
    if document["schema_version"] != SCHEMA_VERSION:
        raise Refusal(
            f"{path}:1: a model of schema version {document['schema_version']}, but this code "
            f"reads version {SCHEMA_VERSION}; train again."
        )
    document = _checked(document, path)
    _check_symbols(document, path)
    return document


def unreadable(refusal: Refusal) -> str:
    """A clause about a model, "it", from the error of reading it, such as one of an older version
    of the workflow."""
    why = str(refusal).removesuffix(".").removesuffix("; train again")
    return f"this version of the workflow cannot read it ({why})"


def with_records(document: Any) -> Any:
    """A model's JSON with mappings by symbol, whether the file stores rows or columns."""
    return _with_parts(document, lambda part, _: symbol_records(part) or part)


def by_symbol(document: dict[str, Any]) -> dict[str, Any]:
    """A model's document as plain JSON, with a dict for each symbol."""
    return _with_columns(document, lambda part, _: part.by_symbol())


def _with_parts(
    document: Any, change: Callable[[Any, Sequence[str]], Any], within: tuple[str, ...] = ()
) -> Any:
    """A document in which `change` is applied to each part by symbol that is there."""
    if not isinstance(document, dict):
        return document
    found = dict(document)
    for path in _OF_SYMBOLS:
        if path[: len(within)] == within and (key := path[len(within)]) in document:
            inner, part = (*within, key), document[key]
            found[key] = change(part, path) if inner == path else _with_parts(part, change, inner)
    return found


def _checked(document: dict[str, Any], path: str) -> dict[str, Any]:
    """A model document checked against its schema, with numeric columns as arrays."""
    where = f"{path}:"

    def checked(part: SymbolColumns, at: Sequence[str]) -> SymbolColumns:
        from pricewright.tables.column_schema import check_columns  # imports numpy: only if needed

        return check_columns(part, "model", _OF_SYMBOLS[tuple(at)], where, at)

    pooled = _with_columns(document, lambda part, _: {"names": list(part.names), "columns": {}})
    check(pooled, "model", where)
    return _with_columns(document, checked)


def _with_columns(
    document: dict[str, Any], change: Callable[[SymbolColumns, Sequence[str]], Any]
) -> dict[str, Any]:
    """A document in which `change` is applied to each part by symbol that is in columns."""
    found: dict[str, Any] = _with_parts(
        document,
        lambda part, path: change(part, path) if isinstance(part, SymbolColumns) else part,
    )
    return found


def _check_symbols(document: dict[str, Any], path: str) -> None:
    """Refuse a model whose parts differ in their symbols, the order of these, or the horizon."""
    states, scores = document["symbols"], document["metrics"]["by_symbol"]
    for symbol in sorted(states.keys() ^ scores.keys())[:1]:
        part = "symbols" if symbol in scores else "metrics.by_symbol"
        raise Refusal(f"{path}: {part!r}: there is no {symbol!r}; train again.")
    for symbol, other in zip(states, scores, strict=True):
        if symbol != other:
            raise Refusal(
                f"{path}: 'metrics.by_symbol': found {other!r} where 'symbols' has {symbol!r}; "
                "train again."
            )
    horizon = document["parameters"]["horizon"]
    for key in ("point", "lower", "upper", "volatility", "var", "es"):
        for symbol, prices in zip(states, column_of(states, "forecast", key), strict=True):
            if len(prices) != horizon:
                raise Refusal(
                    f"{path}: 'symbols.{symbol}.forecast.{key}': found {len(prices)} prices, "
                    f"allowed: {horizon}; train again."
                )


def write_model(path: Path, document: dict[str, Any]) -> str:
    """Write a model document, checked against its schema; returns the SHA-256 of its bytes."""
    whole = {"schema_version": SCHEMA_VERSION, **document}
    if len(document["symbols"]) <= MOST_BY_SYMBOL:
        whole = by_symbol(whole)
    whole = _checked(whole, str(path))
    in_json = _with_columns(whole, lambda part, _: columns_in_json(part))
    return sha256(write_json(path, in_json))


def named_model(page: str, name: str) -> tuple[str, str]:
    """The path and the SHA-256 of the model that a page is about.

    name: the page's name in errors. Raises Refusal unless the page names exactly one model.
    """
    found = list(_NAMED.finditer(page))
    if len(found) != 1:
        raise Refusal(
            f"{name}: names {len(found)} models with their sha256, but must name one; "
            f"run the report again{writing_again(name)}."
        )
    return found[0]["path"], found[0]["sha256"]
