"""Check columns of symbols' values against the schema of one symbol's record."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from pricewright.files.errors import Refusal
from pricewright.tables.arrays import as_numbers
from pricewright.tables.schema import allowed, find_errors, kinds_of, load, part_at, resolved
from pricewright.tables.symbol_columns import SymbolColumns, json_value


def check_columns(
    found: SymbolColumns, name: str, of: str, where: str, at: Sequence[str]
) -> SymbolColumns:
    """Check each symbol's values against the definition `of` in the schema `name`.

    Returns the columns with arrays in place of lists of numbers. at: the columns' place in their
    document. Raises Refusal, naming the first symbol that is wrong.
    """
    schema = load(name)

    def refuse(path: Sequence[str], sentence: str) -> NoReturn:
        raise Refusal(f"{where} {'.'.join((*at, 'columns', *path))!r}{sentence}")

    def checked(part: Any, rule: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        rule = resolved(schema, rule)
        kinds = kinds_of(rule.get("type", []))
        if part is None and "null" in kinds:
            return None  # no symbol has a value
        if "object" not in kinds:
            return column(part, rule, path)
        if not isinstance(part, Mapping):
            refuse(path, ": is not an object of columns; run the step that writes it again.")
        known, others = rule.get("properties", {}), rule.get("additionalProperties", {})
        for key in rule.get("required", ()):
            if key not in part:
                refuse((*path, key), " is missing; add it.")
        for key in sorted(part.keys() - known.keys()) if others is False else ():
            refuse((*path, key), f": there is no such key; allowed here: {', '.join(known)}.")
        return {key: checked(part[key], known.get(key, others), (*path, key)) for key in part}

    def column(part: Any, rule: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        count = len(found)
        if not isinstance(part, list | np.ndarray) or len(part) != count:
            refuse(path, f": is not a list of {count} values, one for each symbol.")
        if (numbers := _allowed_numbers(part, rule, schema)) is not None:
            return numbers
        every = {"type": "array", "items": rule, "$defs": schema["$defs"]}
        values = [json_value(value) for value in part]
        for error in find_errors(values, every, where):
            place, *rest = error.instance_path
            wanted = allowed(part_at(every, list(error.schema_path)[:-1]))
            said = json.dumps(error.instance)[:60]
            refuse(
                (*path, *map(str, rest)),
                f" of {found.names[int(place)]!r}: found {said}, allowed: {wanted}.",
            )
        return values

    return SymbolColumns(found.names, checked(found.columns, schema["$defs"][of], ()))


def _allowed_numbers(
    part: Any, rule: Mapping[str, Any], schema: Mapping[str, Any]
) -> npt.NDArray[Any] | None:
    """A column as an array, if it is all numbers and a quick check shows that they are allowed.

    JSON Schema checks values one by one, which takes fifty times as long.
    """
    shape, first = [len(part)], part
    while "array" in kinds_of(rule.get("type", [])):
        first = first[0]
        if not isinstance(first, list | np.ndarray):
            return None
        if not rule.get("minItems", 0) <= len(first) <= rule.get("maxItems", math.inf):
            return None
        shape.append(len(first))
        rule = resolved(schema, rule["items"])
    kinds = {*kinds_of(rule.get("type", []))} - {"null"}
    if not kinds or not kinds <= {"number", "integer"}:
        return None
    numbers = as_numbers(part, shape)
    if numbers is None or ("number" not in kinds and numbers.dtype.kind == "f"):
        return None
    limits = rule.get("minimum", -math.inf), rule.get("maximum", math.inf)
    return numbers if ((numbers >= limits[0]) & (numbers <= limits[1])).all() else None
