"""Tables written as files in groups of whole symbols: Parquet if so named, else JSON records.

The same content in the same order makes the same bytes, however it is grouped when it arrives.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pricewright.files.disk import file_sha256, read_begin, whole_file
from pricewright.files.documents import writing_again
from pricewright.files.errors import Refusal
from pricewright.tables.damage import DAMAGED, RUN_AGAIN

BATCH = 100_000
"""How many JSON records are made at a time: they take more memory than their numbers."""

ROW_GROUP = 250_000
"""The most rows of a Parquet row group, unless one symbol has more: a symbol is never split. So a
reader of some symbols can skip the other groups, and a group stays in the processor's cache."""

PARQUET: Final[dict[str, Any]] = {
    "compression": "snappy",
    "use_dictionary": ["symbol"],
    "store_schema": False,
}
"""How Parquet is written: fast, and with nothing but the prices in it."""

SYMBOL_TYPE: Final = pa.dictionary(pa.int32(), pa.string())


def is_parquet(path: Path) -> bool:
    """Whether a checkpoint of this name is written as Parquet."""
    return Path(path).suffix == ".parquet"


def holds_parquet(path: Path) -> bool:
    """Whether a checkpoint is Parquet, judged by its content.

    Raises Refusal for a file that is named .parquet but is neither Parquet nor JSON.
    """
    begin = read_begin(path, 4)
    if begin != b"PAR1" and is_parquet(path) and not begin.lstrip().startswith(b"["):
        again = f"{RUN_AGAIN}{writing_again(str(path))}"
        raise Refusal(f"{path}: {DAMAGED} (it does not begin like one); {again}.")
    return begin == b"PAR1"


def write_groups(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> str:
    """Write tables of whole symbols (or without symbols), in order, as one file; returns its
    SHA-256."""
    with whole_file(path) as file:
        if is_parquet(path):
            import pyarrow.parquet

            with pyarrow.parquet.ParquetWriter(file, _as_written(schema), **PARQUET) as writer:
                for group in row_groups(tables):
                    writer.write_table(group.cast(writer.schema))
        else:
            for piece in _json(tables):
                file.write(piece)
    return file_sha256(path)


def row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Regroup rows into tables of whole symbols with at most ROW_GROUP rows, or of one symbol."""
    held, rows = list[pa.Table](), 0
    for table in filter(len, tables):
        begins, _ = rows_of_symbols(table)
        if "symbol" not in table.column_names:
            begins = np.arange(0, len(table), ROW_GROUP)
        start = 0
        for begin, count in zip(
            begins.tolist(), np.diff(begins, append=len(table)).tolist(), strict=True
        ):
            if rows and rows + count > ROW_GROUP:
                yield _joined([*held, table.slice(start, begin - start)])
                held, rows, start = [], 0, begin
            rows += count
        held.append(table.slice(start))
    if rows:
        yield _joined(held)


def ends_of_groups(counts: Sequence[int], most: int = ROW_GROUP) -> list[int]:
    """Where groups end, as the number of symbols up to the end of each group.

    counts: each symbol's number of rows. A group has at most `most` rows, or one symbol. With the
    default `most`, the groups are Parquet row groups.
    """
    ends, rows = [], 0
    for place, count in enumerate(counts):
        if rows and rows + count > most:
            ends.append(place)
            rows = 0
        rows += count
    return [*ends, len(counts)] if rows else ends


def rows_of_symbols(table: pa.Table) -> tuple[npt.NDArray[np.int64], Sequence[str | None]]:
    """The first row of each symbol in a table ordered by symbol, and the symbols.

    A table without symbols has one symbol, None.
    """
    begins = np.zeros(min(len(table), 1), dtype=np.int64)
    if "symbol" not in table.column_names:
        return begins, [None] * len(begins)
    coded = table["symbol"].combine_chunks()
    if not pa.types.is_dictionary(coded.type):
        coded = coded.dictionary_encode("encode")
    if coded.indices.null_count:
        coded = coded.cast(pa.string()).dictionary_encode("encode")
    codes = coded.indices.to_numpy()
    begins = np.append(begins, np.flatnonzero(codes[1:] != codes[:-1]) + 1)
    return begins, coded.dictionary.take(pa.array(codes[begins])).to_pylist()


def _joined(tables: list[pa.Table]) -> pa.Table:
    """Concatenate tables; the dictionary of symbols holds just those in use, in order."""
    table = pa.concat_tables(tables)
    if "symbol" not in table.column_names:
        return table
    begins, names = rows_of_symbols(table)
    codes = np.repeat(np.arange(len(names), dtype=np.int32), np.diff(begins, append=len(table)))
    coded = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string()))
    if None in names:  # a dictionary may not hold None
        coded = coded.cast(pa.string()).dictionary_encode()
    return table.set_column(table.column_names.index("symbol"), "symbol", coded)


def _as_written(schema: pa.Schema) -> pa.Schema:
    if "symbol" not in schema.names:
        return schema
    return schema.set(schema.names.index("symbol"), pa.field("symbol", SYMBOL_TYPE))


def _json(tables: Iterable[pa.Table]) -> Iterator[bytes]:
    between = b"[\n"
    for table in tables:
        names = table.column_names  # a slow property, so not once per row
        for begin in range(0, len(table), BATCH):
            columns = [_listed(column) for column in table.slice(begin, BATCH).columns]
            records = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
            yield between + orjson.dumps(records, option=orjson.OPT_INDENT_2)[2:-2]
            between = b",\n"
    yield b"\n]\n" if between == b",\n" else b"[]\n"


def _listed(column: pa.ChunkedArray) -> list[Any]:
    """The values in their JSON form, dates as text; many times faster than `to_pylist`."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        listed: list[Any] = pc.fill_null(column, 0).to_numpy().tolist()
        if column.null_count:
            for row in np.flatnonzero(column.is_null().to_numpy()).tolist():
                listed[row] = None
        return listed
    coded = column.cast(pa.string()).combine_chunks().dictionary_encode("encode")
    texts = coded.dictionary.to_pylist()
    return [texts[code] for code in coded.indices.to_numpy().tolist()]
