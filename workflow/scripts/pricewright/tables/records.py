"""Tables of prices as files: exact numbers, ISO dates, the same bytes each time."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd
import pyarrow as pa

from pricewright.files.disk import file_sha256, read_begin, read_whole, sha256, whole_file
from pricewright.files.documents import parse_json, write_json
from pricewright.files.errors import Refusal
from pricewright.tables.prices import PARQUET, ROW_GROUP, is_parquet

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile


_NULLABLE = {pa.int64(): pd.Int64Dtype()}

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?")


def read_table(path: Path) -> tuple[pd.DataFrame, str]:
    """A checkpoint as a table, as `parse_records` has it, and the SHA-256 of its bytes.

    Parquet and JSON are told apart by what they are. Raises Refusal for what is neither.
    """
    path = Path(path)
    if not is_stored(path):
        content = read_whole(path)
        return parse_records(content, str(path)), sha256(content)
    return frame(open_stored(path).read()), file_sha256(path)


def is_stored(path: Path) -> bool:
    """Whether a checkpoint is Parquet, by what it is."""
    return read_begin(path, 4) == b"PAR1"


def open_stored(path: Path) -> "ParquetFile":
    """A checkpoint that is Parquet; raises Refusal if it is not whole."""
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise Refusal(
            f"{path}: not a whole Parquet file ({error}); run the step that writes it again."
        ) from None


def frame(stored: pa.Table) -> pd.DataFrame:
    """What is stored as Parquet as a table: dates are ISO text, whole numbers may be missing."""
    table: pd.DataFrame = with_dates(stored, pa.string()).to_pandas(types_mapper=_NULLABLE.get)
    return table


def with_dates(stored: pa.Table, kind: pa.DataType) -> pa.Table:
    """The same with its dates, if it has any, of another type."""
    if "date" not in stored.column_names:
        return stored
    place = stored.column_names.index("date")
    return stored.set_column(place, "date", stored["date"].cast(kind))


def write_table(path: Path, table: pd.DataFrame) -> str:
    """Write a table as its name says, Parquet or JSON records; returns the SHA-256.

    The same content in the same order, and the same bytes each time.
    """
    if not is_parquet(path):
        return sha256(write_records(path, table))
    import pyarrow.parquet

    stored = pa.Table.from_pandas(table, preserve_index=False)
    with suppress(pa.ArrowInvalid):  # timestamps stay text, as they are in JSON
        stored = with_dates(stored, pa.date32())
    with whole_file(path) as file:
        pyarrow.parquet.write_table(
            stored.replace_schema_metadata(None), file, row_group_size=ROW_GROUP, **PARQUET
        )
    return file_sha256(path)


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
    names = [str(name) for name in table.columns]
    rows = zip(*(_plain(table[name]) for name in table.columns), strict=True)
    return write_json(path, [dict(zip(names, row, strict=True)) for row in rows])


def _column(key: str, values: Sequence[Any], name: str) -> pd.Series:
    if key == "date":
        return pd.Series(_iso_dates(values, name), dtype="str")
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int}:
        return _whole_numbers(values)
    if kinds <= {int, float}:
        return pd.Series(values, dtype="float64")
    if kinds == {str}:
        return pd.Series(values, dtype="str")
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
