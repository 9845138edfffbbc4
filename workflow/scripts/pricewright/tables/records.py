"""Tables of prices as files, whole or in shards: exact numbers, ISO dates, the same bytes always.

Shards are groups of symbols, equally many in each, on which jobs work side by side. A shard reads
its rows of a table; those of all shards are joined again.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from pricewright.files.disk import file_sha256, read_begin, read_whole, sha256, whole_file
from pricewright.files.documents import parse_json, write_json
from pricewright.files.errors import Refusal
from pricewright.tables.arrays import Flags, Ints
from pricewright.tables.prices import PARQUET, ROW_GROUP, is_parquet

if TYPE_CHECKING:
    import pandas as pd  # where a step needs none, it is not loaded
    from pyarrow.parquet import ParquetFile

Others = frozenset[str | None]

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?")


@dataclass(frozen=True)
class Shard:
    """The number-th of some shards, from 1; as text `3-of-7`."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard of a text; raises Refusal for what is none."""
        found = re.fullmatch(r"(\d{1,9})-of-(\d{1,9})", text)
        if found and 1 <= int(found[1]) <= int(found[2]):
            return cls(int(found[1]), int(found[2]))
        raise Refusal(f"shard {text!r}: found that, where one as 3-of-7 is needed.")

    def own(self, symbols: Sequence[str]) -> Ints:
        """(n,): which of some symbols are this shard's."""
        return shares(symbols, self.of)[self.number - 1]


@dataclass(frozen=True)
class Share:
    """A shard's rows of a checkpoint, of which it has `whole` rows and a SHA-256 of all its bytes.

    others: the symbols that are not the shard's.
    """

    table: "pd.DataFrame"
    sha256: str
    whole: int
    others: Others


def read_table(path: Path) -> tuple["pd.DataFrame", str]:
    """A checkpoint as a table, as `parse_records` has it, and the SHA-256 of its bytes.

    Parquet and JSON are told apart by what they are. Raises Refusal for what is neither.
    """
    path = Path(path)
    if not _is_parquet_file(path):
        content = read_whole(path)
        return parse_records(content, str(path)), sha256(content)
    return _frame(_open_parquet(path).read()), file_sha256(path)


def read_columns(path: Path) -> tuple[dict[str, list[Any]], str]:
    """A checkpoint's columns as plain values, dates as text, and the SHA-256 of its bytes.

    Raises what `read_table` raises; pandas is not needed.
    """
    path = Path(path)
    if not _is_parquet_file(path):
        content = read_whole(path)
        return _columns(content, str(path)), sha256(content)
    return _with_dates(_open_parquet(path).read(), pa.string()).to_pydict(), file_sha256(path)


def write_table(path: Path, table: "pd.DataFrame") -> str:
    """Write a table as its name says, Parquet or JSON records; returns the SHA-256.

    The same content in the same order, and the same bytes each time.
    """
    if not is_parquet(path):
        return sha256(write_records(path, table))
    import pyarrow.parquet

    stored = pa.Table.from_pandas(table, preserve_index=False)
    with suppress(pa.ArrowInvalid):  # timestamps stay text, as they are in JSON
        stored = _with_dates(stored, pa.date32())
    with whole_file(path) as file:
        pyarrow.parquet.write_table(
            stored.replace_schema_metadata(None), file, row_group_size=ROW_GROUP, **PARQUET
        )
    return file_sha256(path)


def read_share(path: Path, shard: Shard, pairs: Sequence[tuple[str, str]] = ()) -> Share:
    """A shard's rows of a checkpoint; the symbols of a pair are in one shard.

    Rows keep their numbers in the whole, from 0, as their index. A record without a symbol is the
    first shard's, and so is all of a table without symbols. Raises what `read_table` raises.
    """
    if not _is_parquet_file(path):
        table, sha256 = read_table(path)
        symbols = pa.array(table["symbol"]) if "symbol" in table.columns else None
        mine, others = _rows_of(symbols, len(table), shard, pairs)
        return Share(table[mine], sha256, len(table), others)
    stored = _open_parquet(path)
    has_symbols = "symbol" in stored.schema_arrow.names
    symbols = stored.read(["symbol"])["symbol"] if has_symbols else None
    mine, others = _rows_of(symbols, stored.metadata.num_rows, shard, pairs)
    kept, begin = [stored.schema_arrow.empty_table()], 0
    for group in range(stored.num_row_groups):
        rows = stored.read_row_group(group)
        kept.append(rows.filter(pa.array(mine[begin : begin + len(rows)])))
        begin += len(rows)
    table = _frame(pa.concat_tables(kept)).set_index(np.flatnonzero(mine))
    return Share(table, file_sha256(path), len(mine), others)


def join_shards(paths: Sequence[Path]) -> "pd.DataFrame":
    """The rows of all shards' parts, each in order of symbol and date, in that order."""
    from pyarrow.compute import run_end_encode

    parts = [_with_dates(_open_parquet(path).read(), pa.string()) for path in paths]
    runs: list[tuple[str, pa.Table]] = []
    for part in filter(len, parts):
        if "symbol" not in part.column_names:
            runs.append(("", part))
            continue
        coded, begin = run_end_encode(part["symbol"].combine_chunks()), 0
        for name, end in zip(coded.values.to_pylist(), coded.run_ends.to_pylist(), strict=True):
            runs.append((name, part.slice(begin, end - begin)))
            begin = end
    runs.sort(key=lambda run: run[0])
    tables = [run for _, run in runs] or parts[:1]
    return _frame(pa.concat_tables(tables, promote_options="permissive"))


def shares(symbols: Sequence[str], count: int) -> list[Ints]:
    """Which of some symbols, which are sorted, are of each of so many shards, rising.

    They are dealt out in the order of their SHA-256: a shard has as many as any other, or one
    more, and like names, which may have like histories, are not together.
    """
    order = sorted(range(len(symbols)), key=lambda place: sha256(symbols[place].encode()))
    return [np.array(sorted(order[first::count]), dtype=np.intp) for first in range(count)]


def parse_records(content: bytes, name: str) -> "pd.DataFrame":
    """JSON records as a table: one row per record, columns in order of first appearance.

    Whole numbers become Int64, other numbers float64, the rest stays as it is; what a
    record lacks, or has as null, is missing. `name` is what errors call the file.

    Raises Refusal if the bytes are not an array of flat JSON objects, if a date is not in
    ISO 8601, or if a column mixes numbers and text.
    """
    import pandas as pd

    columns = _columns(content, name)
    return pd.DataFrame(
        {key: _series(key, values) for key, values in columns.items()}, columns=list(columns)
    )


def _columns(content: bytes, name: str) -> dict[str, list[Any]]:
    """The columns of JSON records, in which every value is one that its column can have."""
    records = parse_json(content, name)
    if not isinstance(records, list):
        raise Refusal(f"{name}:1: the JSON is no array, where an array of records is needed.")
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise Refusal(f"{name}: record {number} is {record!r}, where an object is needed.")
    names = list(dict.fromkeys(key for record in records for key in record))
    columns = {key: [record.get(key) for record in records] for key in names}
    for key, values in columns.items():
        if key == "date":
            _check_dates(values, name)
        else:
            _check_kinds(key, values, name)
    return columns


def write_records(path: Path, table: "pd.DataFrame") -> bytes:
    """Write a table as JSON records, what is missing as null; returns the bytes."""
    names = [str(name) for name in table.columns]
    rows = zip(*(_plain(table[name]) for name in table.columns), strict=True)
    return write_json(path, [dict(zip(names, row, strict=True)) for row in rows])


def _series(key: str, values: Sequence[Any]) -> "pd.Series":
    import pandas as pd

    kinds = {*map(type, values)} - {type(None)}
    if key == "date" or kinds == {str}:
        return pd.Series(values, dtype="str")
    if kinds <= {int}:
        try:
            return pd.Series(values, dtype="Int64")
        except OverflowError:
            values = [None if value is None else float(value) for value in values]
    return pd.Series(values, dtype="float64")


def _check_kinds(key: str, values: Sequence[Any], name: str) -> None:
    kinds = {*map(type, values)} - {type(None)}
    if kinds <= {int, float} or kinds == {str}:
        return
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


def _check_dates(values: Sequence[Any], name: str) -> None:
    for number, value in enumerate(values, start=1):
        if value is not None and not (isinstance(value, str) and _ISO_DATE.fullmatch(value)):
            raise Refusal(
                f"{name}: record {number} has date = {orjson.dumps(value).decode()}, "
                f"where a date as in 2024-01-31 is needed."
            )


def _plain(column: "pd.Series") -> list[Any]:
    if column.isna().any():
        return column.astype(object).where(column.notna(), None).tolist()
    return column.tolist()


def _is_parquet_file(path: Path) -> bool:
    """Whether a checkpoint is Parquet, by what it is."""
    return read_begin(path, 4) == b"PAR1"


def _open_parquet(path: Path) -> "ParquetFile":
    """A checkpoint that is Parquet; raises Refusal if it is not whole."""
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise Refusal(
            f"{path}: not a whole Parquet file ({error}); run the step that writes it again."
        ) from None


def _frame(stored: pa.Table) -> "pd.DataFrame":
    """What is stored as Parquet as a table: dates are ISO text, whole numbers may be missing."""
    import pandas as pd

    nullable = {pa.int64(): pd.Int64Dtype()}
    table: pd.DataFrame = _with_dates(stored, pa.string()).to_pandas(types_mapper=nullable.get)
    return table


def _with_dates(stored: pa.Table, kind: pa.DataType) -> pa.Table:
    """The same with its dates, if it has any, of another type."""
    if "date" not in stored.column_names:
        return stored
    place = stored.column_names.index("date")
    return stored.set_column(place, "date", stored["date"].cast(kind))


def _rows_of(
    symbols: pa.Array | pa.ChunkedArray | None,
    rows: int,
    shard: Shard,
    pairs: Sequence[tuple[str, str]],
) -> tuple[Flags, Others]:
    """Which of some rows (n,) are a shard's, and the symbols that are not, those of pairs too."""
    first = shard.number == 1
    if symbols is None:
        return np.full(rows, first), frozenset() if first else frozenset({None})
    coded = pa.chunked_array(symbols).dictionary_encode().combine_chunks()
    names = coded.dictionary.to_pylist()
    leaders = {name: name for name in names} | {name: name for pair in pairs for name in pair}
    for one, other in pairs:
        led, leader = leaders[one], leaders[other]
        leaders |= {name: leader for name, found in leaders.items() if found == led}
    dealt = sorted(set(leaders.values()))
    mine = {dealt[place] for place in shard.own(dealt)}
    own = np.array([leaders[name] in mine for name in names] + [first])
    codes = coded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    return own[codes], frozenset(name for name, leader in leaders.items() if leader not in mine)
