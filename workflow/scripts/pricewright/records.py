"""Tables of prices as JSON records: exact numbers, ISO dates, the same bytes each time."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from pricewright.documents import parse_json, write_columns
from pricewright.errors import Refusal

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?")


def parse_records(content: bytes, name: str) -> pd.DataFrame:
    """JSON records as a table: one row per record, columns in order of first appearance.

    Whole numbers become Int64, other numbers float64, the rest stays as it is; what a
    record lacks, or has as null, is missing. `name` is what errors call the file.

    Raises Refusal if the bytes are not an array of flat JSON objects, if a date is not in
    ISO 8601, or if a column mixes numbers and text.
    """
    records = parse_json(content, name)
    if not isinstance(records, list):
        raise Refusal(f"{name}:1: the JSON is no array, where an array of records is needed.")
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise Refusal(f"{name}: record {number} is {record!r}, where an object is needed.")
    names = list(dict.fromkeys(key for record in records for key in record))
    columns = {key: [record.get(key) for record in records] for key in names}
    return pd.DataFrame(
        {key: _column(key, values, name) for key, values in columns.items()}, columns=names
    )


def write_records(path: Path, table: pd.DataFrame) -> bytes:
    """Write a table as JSON records, what is missing as null; returns the bytes."""
    return write_columns(path, {str(name): _plain(table[name]) for name in table.columns})


def _column(key: str, values: Sequence[Any], name: str) -> pd.Series:
    if key == "date":
        return pd.Series(_iso_dates(values, name), dtype=object)
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int}:
        return _whole_numbers(values)
    if kinds <= {int, float}:
        return pd.Series(values, dtype="float64")
    if kinds == {str}:
        return pd.Series(values, dtype=object)
    number, value = _first_misfit(values)
    raise Refusal(
        f"{name}: record {number} has {key} = {orjson.dumps(value).decode()}, "
        f"unlike the records before it; a column holds numbers or text, not both."
    )


def _first_misfit(values: Sequence[Any]) -> tuple[int, Any]:
    expected = None
    for number, value in enumerate(values, start=1):
        if value is None:
            continue
        kind = "number" if type(value) in (int, float) else type(value).__name__
        if kind not in ("number", "str") or kind != (expected := expected or kind):
            return number, value
    raise AssertionError("every value is of one kind")


def _whole_numbers(values: Sequence[int | None]) -> pd.Series:
    try:
        return pd.Series(values, dtype="Int64")
    except OverflowError:
        return pd.Series([None if v is None else float(v) for v in values], dtype="float64")


def _iso_dates(values: Sequence[Any], name: str) -> list[str | None]:
    for number, value in enumerate(values, start=1):
        if value is not None and not (isinstance(value, str) and _ISO_DATE.fullmatch(value)):
            raise Refusal(
                f"{name}: record {number} has date = {orjson.dumps(value).decode()}, "
                f"where a date as in 2024-01-31 is needed."
            )
    return list(values)


def _plain(column: pd.Series) -> list[Any]:
    if column.isna().any():
        return column.astype(object).where(column.notna(), None).tolist()
    return column.tolist()
