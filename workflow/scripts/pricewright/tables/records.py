"""Tables of prices as files, whole or in shards: exact numbers, ISO dates, always the same bytes.

A table ordered by symbol and date is read in groups of symbols, so it is never in memory as a
whole. Shards are groups of symbols that jobs process in parallel.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import accumulate, compress, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from pricewright.files.disk import file_sha256, read_whole, sha256
from pricewright.files.documents import parse_json
from pricewright.files.errors import Refusal
from pricewright.tables.fields import FIRST_DAY, LAST_DAY, PRICES
from pricewright.tables.table_files import (
    ends_of_groups,
    holds_parquet,
    is_parquet,
    rows_of_symbols,
    write_groups,
)

if TYPE_CHECKING:
    from pricewright.tables.parquet_files import StoredTable

Symbols = Set[str | None]
"""A set of symbols; None is the symbol of a table without a symbol column."""

_AFTER_FOOTER = 8
"""The number of bytes after a Parquet file's metadata: its length, and PAR1."""

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?")


@dataclass(frozen=True)
class Shard:
    """One of several shards, numbered from 1; `3-of-7` as text."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Parse a text such as `3-of-7`; raises Refusal for any other text."""
        found = re.fullmatch(r"(\d{1,9})-of-(\d{1,9})", text)
        if found and 1 <= int(found[1]) <= int(found[2]):
            return cls(int(found[1]), int(found[2]))
        raise Refusal(f"shard {text!r}: not a shard; give one such as 3-of-7.")

    def of_symbols(
        self, symbols: Iterable[str | None], pairs: Sequence[tuple[str, str]] = ()
    ) -> tuple[Symbols, Symbols]:
        """Split symbols, and those in `pairs`, into this shard's and the others.

        Sorted symbols are dealt out in consecutive runs, whose lengths differ by at most one. Both
        symbols of a pair go to the same shard and count as one.
        """
        leaders = {name: name for name in symbols if name is not None}
        leaders |= {name: name for pair in pairs for name in pair}
        for one, other in pairs:
            led, leader = leaders[one], leaders[other]
            leaders |= {name: leader for name, found in leaders.items() if found == led}
        dealt = sorted(set(leaders.values()))
        begin, end = (len(dealt) * number // self.of for number in (self.number - 1, self.number))
        mine = set(dealt[begin:end])
        own: set[str | None] = {name for name, leader in leaders.items() if leader in mine}
        others: set[str | None] = {name for name in leaders if name not in own}
        (own if self.number == 1 else others).update({None} & set(symbols))
        return own, others


@dataclass(frozen=True)
class _Piece:
    """Some rows of an ordered table: how to read them, their symbols, the rows of each symbol, and
    the row group they are in, if any."""

    read: Callable[[], pa.Table]
    names: Sequence[str | None]
    counts: Sequence[int]
    group: int = -1


class OrderedTable:
    """A table ordered by symbol and date without repeats, read in groups of whole symbols.

    symbols: in order.  rows: their number.  as_written: whether it is the whole of a Parquet file
    with exactly the bytes that `write_table` would write.
    """

    def __init__(
        self, schema: pa.Schema, pieces: Sequence[_Piece], *, as_written: bool = False
    ) -> None:
        self.schema, self.pieces, self.as_written = schema, pieces, as_written
        self.symbols = list(dict.fromkeys(name for piece in pieces for name in piece.names))
        self.rows = sum(sum(piece.counts) for piece in pieces)

    @classmethod
    def held(cls, table: pa.Table) -> "OrderedTable":
        """Wrap an ordered table that is in memory."""
        if not len(table):
            return cls(table.schema, [])
        begins, names = rows_of_symbols(table)
        counts = np.diff(begins, append=len(table)).tolist()
        return cls(table.schema, [_Piece(lambda: table, names, counts)])

    def part(self, of: Symbols) -> "OrderedTable":
        """The rows of those of the symbols that exist; pieces without any of them are not read."""
        pieces = []
        for piece in self.pieces:
            own = [name in of for name in piece.names]
            if all(own):
                pieces.append(piece)
            elif any(own):
                names, counts = compress(piece.names, own), compress(piece.counts, own)
                of_piece = partial(_only, piece, own)
                pieces.append(_Piece(of_piece, list(names), list(counts), piece.group))
        return OrderedTable(self.schema, pieces)

    @property
    def row_groups(self) -> list[int]:
        """The row groups of the file that the rows are from."""
        return sorted({piece.group for piece in self.pieces})

    def groups(self) -> Iterator[pa.Table]:
        """The rows in order, in tables of whole symbols."""
        held: pa.Table | None = None
        for piece, following in zip(self.pieces, [*self.pieces[1:], None], strict=False):
            table = piece.read()
            if held is not None:
                table, held = pa.concat_tables([held, table]), None
            if following and piece.names[-1] == following.names[0]:
                cut = int(rows_of_symbols(table)[0][-1])
                table, held = table.slice(0, cut), table.slice(cut)
            if len(table):
                yield table

    def table(self) -> pa.Table:
        """All rows as one table."""
        tables = [piece.read() for piece in self.pieces]
        return pa.concat_tables([self.schema.empty_table(), *tables])


def _only(piece: _Piece, own: Sequence[bool]) -> pa.Table:
    return piece.read().filter(pa.array(np.repeat(own, piece.counts)))


def ordered_file(
    path: Path, own: Callable[[Iterable[str | None]], Symbols] = frozenset
) -> OrderedTable | None:
    """Open a Parquet file of prices ordered by symbol and date without repeats; None for others.

    Reads the symbol column, and the dates of the symbols that `own` selects (by default all).
    Raises Refusal if the file is damaged.
    """
    if not holds_parquet(path) or not _is_of_prices(_open_parquet(path).schema_arrow):
        return None
    stored = _open_parquet(path, ["symbol"])
    pieces = [_piece(stored, group) for group in range(stored.num_row_groups)]
    pieces = [piece for piece in pieces if piece.names]
    rising = all(None not in piece.names and _each_after(piece.names) for piece in pieces)
    if not rising or any(str(one.names[-1]) > str(two.names[0]) for one, two in pairwise(pieces)):
        return None
    table = OrderedTable(stored.schema_arrow, pieces, as_written=_is_as_written(stored, pieces))
    read = set(table.part(own(table.symbols)).row_groups)
    return table if _days_rise(stored, [each for each in pieces if each.group in read]) else None


def _is_of_prices(schema: pa.Schema) -> bool:
    types = dict(zip(schema.names, schema.types, strict=True))
    is_keyed = types.get("date") == pa.date32() and types.get("symbol") == pa.string()
    return is_keyed and set(types.values()) <= {pa.date32(), pa.string(), pa.float64(), pa.int64()}


def _piece(stored: "StoredTable", group: int) -> _Piece:
    keys = stored.read_row_group(group, ["symbol"])
    begins, names = rows_of_symbols(keys)
    counts = np.diff(begins, append=len(keys)).tolist()
    return _Piece(partial(stored.read_row_group, group), names, counts, group)


def _days_rise(stored: "StoredTable", pieces: Sequence[_Piece]) -> bool:
    """Whether the days in some row groups increase within each symbol, with none missing."""
    last: tuple[str | None, int] = None, 0
    for piece in pieces:
        dates = stored.read_row_group(piece.group, ["date"])["date"].combine_chunks()
        if dates.null_count:
            return False
        days = dates.view(pa.int32()).to_numpy()
        rises = np.diff(days) > 0
        rises[np.cumsum(piece.counts)[:-1] - 1] = True
        if not rises.all() or (last[0] == piece.names[0] and days[0] <= last[1]):
            return False
        last = piece.names[-1], int(days[-1])
    return True


def groups_sha256(path: Path, groups: Sequence[int]) -> str:
    """The SHA-256 of some row groups of a Parquet file and of its footer, which describes all."""
    stored = _open_parquet(path)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for number in groups:
            if number >= stored.num_row_groups:  # the groups are of another file
                continue
            chunks = stored.chunks(number)
            begins = [chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks]
            file.seek(min(begins))
            digest.update(file.read(sum(chunk.total_compressed_size for chunk in chunks)))
        file.seek(-stored.metadata.serialized_size - _AFTER_FOOTER, os.SEEK_END)
        digest.update(file.read())
    return digest.hexdigest()


def _is_as_written(stored: "StoredTable", pieces: Sequence[_Piece]) -> bool:
    """Whether a file has the layout that this code would write.

    Only the symbol column's metadata is checked, because only that column has been read: see
    `StoredTable.chunks`.
    """
    described = stored.metadata
    groups = [described.row_group(group) for group in range(described.num_row_groups)]
    counts = [count for piece in pieces for count in piece.counts]
    if len(pieces) != len(groups) or ends_of_groups(counts) != [
        *accumulate(len(piece.names) for piece in pieces)
    ]:
        return False
    if described.metadata or pa.__version__ not in described.created_by.split():
        return False
    place = stored.schema_arrow.get_field_index("symbol")
    return all(group.column(place).compression == "SNAPPY" for group in groups)


def rises(table: pa.Table) -> bool:
    """Whether a table is ordered by symbol and date, with no repeats and none missing."""
    keys = [table[key].to_pylist() for key in ("symbol", "date") if key in table.column_names]
    rows = list(zip(*keys, strict=True))
    return bool(keys) and not any(None in row for row in rows) and _each_after(rows)


def _each_after(rows: Sequence[Any]) -> bool:
    return all(one < other for one, other in pairwise(rows))


def read_table(path: Path) -> tuple[pa.Table, str]:
    """A checkpoint as a table, dates as text, and the SHA-256 of its bytes.

    Parquet and JSON are told apart by their content. For JSON, `parse_records` describes the types.
    Raises Refusal for a file that is neither, and for what `parse_records` refuses.
    """
    path = Path(path)
    if not holds_parquet(path):
        content = read_whole(path)
        return parse_records(content, str(path)), sha256(content)
    return _stored_records(path), file_sha256(path)


def read_columns(path: Path) -> tuple[dict[str, list[Any]], str]:
    """A checkpoint's columns as plain values, dates as text, and the SHA-256 of its bytes.

    Raises what `read_table` raises. Does not load pandas.
    """
    path = Path(path)
    if not holds_parquet(path):
        content = read_whole(path)
        return _columns(content, str(path)), sha256(content)
    return _stored_records(path).to_pydict(), file_sha256(path)


def write_table(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> str:
    """Write tables of whole symbols, in order, as one file; returns its SHA-256.

    The file is Parquet if its name ends in .parquet, else JSON records. Content and order are the
    same, and the bytes are the same each time. In Parquet, dates given as text become dates, unless
    one has a time of day.
    """
    if is_parquet(path) and "date" in schema.names and schema.field("date").type != pa.date32():
        whole = pa.concat_tables([schema.empty_table(), *tables])
        with suppress(pa.ArrowInvalid):
            whole = with_dates(whole, pa.date32())
        return write_groups(path, whole.schema, [whole])
    return write_groups(path, schema, tables)


def join_shards(paths: Sequence[Path]) -> OrderedTable:
    """Join the parts of all shards, each ordered by symbol and date, into one ordered table."""
    parts = [ordered_file(path) for path in paths]
    found = [part for part in parts if part and part.pieces]
    rising = all(str(one.symbols[-1]) < str(two.symbols[0]) for one, two in pairwise(found))
    if found and rising and len(found) == len(parts):
        schema = pa.unify_schemas([part.schema for part in found], promote_options="permissive")
        pieces = [piece for part in found for piece in part.pieces]
        return OrderedTable(
            schema, [replace(piece, read=partial(_cast, piece.read, schema)) for piece in pieces]
        )
    tables = [_stored_records(path) for path in paths]
    tables = [table for table in tables if len(table)] or tables[:1]
    table = pa.concat_tables(tables, promote_options="permissive")
    return OrderedTable.held(in_order_of_keys(table))


def in_order_of_keys(table: pa.Table) -> pa.Table:
    """The rows sorted by symbol and date, or by the one of them that exists."""
    keys = [(key, "ascending") for key in ("symbol", "date") if key in table.column_names]
    return table.sort_by(keys) if keys and len(table) else table


def _cast(read: Callable[[], pa.Table], schema: pa.Schema) -> pa.Table:
    return read().cast(schema)


def parse_records(content: bytes, name: str) -> pa.Table:
    """JSON records as a table: one row per record, columns in order of first appearance.

    Columns of whole numbers become int64, of other numbers float64, and of texts strings; a column
    without any value is int64, of a price float64. Keys that a record lacks, or has as null, are
    missing values. Errors call the file `name`.

    Raises Refusal if the bytes are not an array of flat JSON objects, if a date is not in
    ISO 8601, or if a column mixes numbers and text.
    """
    columns = _columns(content, name)
    return pa.table({key: _array(key, values) for key, values in columns.items()})


def _columns(content: bytes, name: str) -> dict[str, list[Any]]:
    """The columns of JSON records, checked so that every value fits its column."""
    records = parse_json(content, name)
    if not isinstance(records, list):
        raise Refusal(f"{name}:1: the JSON is not an array; give an array of records.")
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise Refusal(f"{name}: record {number} is {record!r}; it must be an object.")
    names = list(dict.fromkeys(key for record in records for key in record))
    columns = {key: [record.get(key) for record in records] for key in names}
    for key, values in columns.items():
        if key == "date":
            _check_dates(values, name)
        else:
            _check_kinds(key, values, name)
    return columns


def _array(key: str, values: Sequence[Any]) -> pa.Array:
    kinds = {*map(type, values)} - {type(None)}
    if key == "date" or kinds == {str}:
        return pa.array(values, pa.string())
    if kinds <= {int} and (kinds or key not in PRICES):
        with suppress(OverflowError, pa.ArrowInvalid):
            return pa.array(values, pa.int64())
    return pa.array([None if value is None else float(value) for value in values], pa.float64())


def _check_kinds(key: str, values: Sequence[Any], name: str) -> None:
    kinds = {*map(type, values)} - {type(None)}
    if kinds <= {int, float} or kinds == {str}:
        return
    first = next(value for value in values if value is not None)
    fitting = (str,) if isinstance(first, str) else (int, float)
    number, value = next(
        (number, value)
        for number, value in enumerate(values, start=1)
        if value is not None and type(value) not in fitting
    )
    raise Refusal(
        f"{name}: record {number} has {key} = {orjson.dumps(value).decode()}, "
        f"unlike the records before it; a column holds numbers or text, not both."
    )


def _check_dates(values: Sequence[Any], name: str) -> None:
    known: set[Any] = {None}
    for number, value in enumerate(values, start=1):
        if not isinstance(value, str | None) or (value not in known and not _is_date(value)):
            raise Refusal(
                f"{name}: record {number} has date = {orjson.dumps(value).decode()}, "
                f"not a valid date; write it like 2024-01-31."
            )
        known.add(value)


def _is_date(value: str | None) -> bool:
    """Whether a text is a date on which prices are possible, with or without a time of day."""
    with suppress(ValueError):  # raised for February 30th
        if value and _ISO_DATE.fullmatch(value):
            return FIRST_DAY <= date.fromisoformat(value[:10]) <= LAST_DAY
    return False


def _stored_records(path: Path) -> pa.Table:
    """A whole Parquet file, dates as text; raises Refusal for content no checkpoint has."""
    stored = _open_parquet(path)
    table = with_dates(stored.read(), pa.string())
    with stored.refuse_damaged():
        for field in table.schema:
            if pa.types.is_binary(field.type) or pa.types.is_nested(field.type):
                raise ValueError(f"its column {field.name} is {field.type}")
        dates = table["date"].unique().to_pylist() if "date" in table.column_names else []
        for value in dates:
            if value is not None and not _is_date(value):
                raise ValueError(f"it has the impossible date {value}")
    return table


def _open_parquet(path: Path, read_dictionary: Sequence[str] = ()) -> "StoredTable":
    from pricewright.tables.parquet_files import StoredTable  # slow to import

    return StoredTable(path, read_dictionary)


def with_dates(stored: pa.Table, kind: pa.DataType) -> pa.Table:
    """The same table with its dates, if it has any, cast to another type."""
    if "date" not in stored.column_names:
        return stored
    place = stored.column_names.index("date")
    return stored.set_column(place, "date", stored["date"].cast(kind))
