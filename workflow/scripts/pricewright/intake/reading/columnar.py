"""Deliveries stored in columns: Parquet, and Arrow files, including Feather."""

import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from pricewright.files.errors import Refusal
from pricewright.intake.reading.refusals import NoRows
from pricewright.intake.reading.rows import NUMBER, TEXT, VALUE, Block, Lines
from pricewright.intake.reading.titles import distinct
from pricewright.tables.damage import refuse_damaged

_ROWS: Final = 1 << 17  # in a block
_PAGES: Final = 1 << 20  # bytes read at once
_OFFSET = re.compile(r"[+-]\d{2}:?\d{2}", re.ASCII)


class ColumnarSheet:
    """A Parquet, Feather or Arrow file as a sheet; `lines` are its rows, counted from 1.

    source: the file's path, or its bytes.  kind: `parquet`, or `feather` for any Arrow file,
    compressed or not.

    Columns are text, int64, float64, date32, or timestamps in their own unit and zone. Booleans
    become the words true and false; numbers beyond these types (uint64, decimals) and times of day
    become text with all their digits. One batch is in memory at a time; in an Arrow file, its
    writer decided how large that is. No row is ever bad.

    Raises Refusal, here or as blocks are read, for a file that is damaged or has no rows, and for
    a needed column with another type or an unknown time zone.
    """

    def __init__(
        self, source: Path | bytes, name: str, kind: Literal["parquet", "feather"]
    ) -> None:
        self._name = name
        self.settings: Mapping[str, Any] = {}
        self._open: Callable[[], _File] = partial(_Parquet if kind == "parquet" else _Arrow, source)
        with _damage_refused(name):
            schema = self._open().schema
            if not schema.names:
                raise Refusal(f"{name}: the file has no columns; deliver prices.")
            self.titles: Sequence[str] = tuple(distinct(schema.names))
            self._types = dict(zip(self.titles, schema.types, strict=True))
        if not any(batch.num_rows for _, batch in self._batches()):
            raise NoRows(f"{name}: the file has no rows; deliver prices.")

    def blocks(self, titles: Collection[str] = ()) -> Iterator[Callable[[], Block]]:
        """The blocks in order: a batch is read when its block is asked for, converted by its call.

        Without `titles`, all columns but those of a type that cannot hold prices. Raises Refusal if
        `titles` names a column of such a type.
        """
        needed = titles or [title for title in self.titles if _target(self._types[title])]
        for title in needed:
            _check(title, self._types[title], self._name)
        return (partial(self._block, *found, needed) for found in self._batches())

    def texts(self, lines: Sequence[int]) -> dict[int, str]:
        """Rows as compact JSON: dates in ISO 8601, instants in UTC, NaN and infinity as text."""
        wanted = np.unique(np.array(lines, np.int64))
        texts: dict[int, str] = {}
        for first, batch in self._batches(wanted):
            rows = wanted[(wanted >= first) & (wanted < first + batch.num_rows)]
            if rows.size:
                columns = (column.take(rows - first) for column in batch.columns)
                cells = zip(*map(_spelled, columns), strict=True)
                texts |= dict(zip(rows.tolist(), map(self._as_json, cells), strict=True))
        return texts

    def _batches(self, rows: Lines | None = None) -> Iterator[tuple[int, pa.RecordBatch]]:
        with _damage_refused(self._name):
            yield from self._open().batches(rows)

    def _block(self, first: int, batch: pa.RecordBatch, titles: Collection[str]) -> Block:
        with _damage_refused(self._name):
            columns, values = {}, {}
            for title, column in zip(self.titles, batch.columns, strict=True):
                column.validate(full=True)  # without it, offsets beyond the buffer are followed
                if title in titles:
                    columns[title] = _plain(column)
                    if kind := _kind(column.type):
                        values[title] = np.full(len(column), kind, np.int8)
            lines = np.arange(first, first + batch.num_rows)
            return Block(columns, lines, kinds=values)

    def _as_json(self, cells: Sequence[Any]) -> str:
        row = dict(zip(self.titles, cells, strict=True))
        return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


class _File(Protocol):
    schema: pa.Schema

    def batches(self, rows: Lines | None) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches, each with its first row's number; rows: skip batches without any of these."""


class _Parquet:
    def __init__(self, source: Path | bytes) -> None:
        import pyarrow.parquet as pq

        is_here = isinstance(source, bytes)
        self._file = pq.ParquetFile(
            pa.BufferReader(source) if is_here else str(source),
            buffer_size=0 if is_here else _PAGES,  # otherwise whole row groups are loaded
            pre_buffer=False,
            page_checksum_verification=True,
            coerce_int96_timestamp_unit="us",  # nanoseconds wrap around in the year 2262
        )
        self.schema = self._file.schema_arrow
        described = self._file.metadata
        groups = range(described.num_row_groups)
        self._firsts = np.cumsum([1, *(described.row_group(group).num_rows for group in groups)])
        if self._firsts[-1] != described.num_rows + 1:
            raise pa.ArrowInvalid(f"it does not have the {described.num_rows} rows it declares")

    def batches(self, rows: Lines | None) -> Iterator[tuple[int, pa.RecordBatch]]:
        runs = [(0, len(self._firsts) - 1)]
        if rows is not None:
            held = np.diff(np.searchsorted(rows, self._firsts))
            runs = [(group, group + 1) for group in np.flatnonzero(held).tolist()]
        for start, end in runs:
            first, last = self._firsts[[start, end]].tolist()
            for batch in self._file.iter_batches(_ROWS, row_groups=range(start, end)):
                yield first, batch
                first += batch.num_rows
            if first != last:
                raise pa.ArrowInvalid(f"it breaks off before its row {first}")


class _Arrow:
    def __init__(self, source: Path | bytes) -> None:
        file = pa.BufferReader(source) if isinstance(source, bytes) else pa.memory_map(str(source))
        self._reader = pa.ipc.open_file(file)
        self.schema = self._reader.schema

    def batches(self, rows: Lines | None) -> Iterator[tuple[int, pa.RecordBatch]]:
        first = 1
        for batch in map(self._reader.get_batch, range(self._reader.num_record_batches)):
            for start in range(0, batch.num_rows, _ROWS):
                yield first + start, batch.slice(start, _ROWS)
            first += batch.num_rows
            if rows is not None and first > rows.max(initial=0):
                return


_damage_refused = partial(refuse_damaged, what="the file cannot be read", remedy="deliver it again")


def _check(title: str, kind: pa.DataType, name: str) -> None:
    if _target(kind) is None:
        raise Refusal(
            f"{name}: the column {title!r} is of type {str(kind)[:80]}, but text, "
            "numbers or dates are needed; deliver it as one of these, or leave it out."
        )
    if kinds.is_timestamp(kind) and not _is_zone(kind.tz):
        raise Refusal(
            f"{name}: the column {title!r} has the time zone {kind.tz!r}, which is "
            "unknown; use a name such as Europe/London."
        )


def _kind(kind: pa.DataType) -> int:
    """What the cells of a column were in the file, if they come as text."""
    if kinds.is_dictionary(kind):
        return _kind(kind.value_type)
    if kinds.is_uint64(kind):
        return NUMBER
    return (
        VALUE if kinds.is_boolean(kind) or kinds.is_decimal(kind) or kinds.is_time(kind) else TEXT
    )


def _target(kind: pa.DataType) -> pa.DataType | None:
    if kinds.is_dictionary(kind):
        return _target(kind.value_type)
    for is_so, target in _TARGETS:
        if is_so(kind):
            return target or kind
    return None


_TARGETS: Final[tuple[tuple[Callable[[pa.DataType], bool], pa.DataType | None], ...]] = (
    (kinds.is_uint64, pa.string()),
    (kinds.is_integer, pa.int64()),
    (kinds.is_floating, pa.float64()),
    (kinds.is_date, pa.date32()),
    (kinds.is_timestamp, None),
    *(
        (is_so, pa.string())
        for is_so in (
            kinds.is_string,
            kinds.is_large_string,
            kinds.is_string_view,
            kinds.is_binary,
            kinds.is_large_binary,
            kinds.is_null,
            kinds.is_boolean,
            kinds.is_decimal,
            kinds.is_time,
        )
    ),
)


def _is_zone(name: str | None) -> bool:
    if name is None or _OFFSET.fullmatch(name):
        return True
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def _plain(values: pa.Array) -> pa.Array:
    if kinds.is_dictionary(values.type):
        return _plain(values.dictionary_decode())
    return values.cast(_target(values.type))


def _spelled(values: pa.Array) -> Iterator[Any]:
    """Values that JSON has; any other value as Python's text."""
    values = values if _target(values.type) is None else _plain(values)
    if kinds.is_timestamp(values.type):
        if values.type.tz is not None:
            values = values.cast(pa.timestamp(values.type.unit, "UTC"))
        texts = pc.replace_substring_regex(values.cast(pa.string()), r"\.0+(Z?)$", r"\1")
        values = pc.replace_substring(texts, " ", "T")
    elif kinds.is_date(values.type):
        values = values.cast(pa.string())
    for value in values.to_pylist():
        is_odd = isinstance(value, float) and not math.isfinite(value)
        is_nested = _target(values.type) is None and value is not None
        yield str(value) if is_nested else json.dumps(value) if is_odd else value
