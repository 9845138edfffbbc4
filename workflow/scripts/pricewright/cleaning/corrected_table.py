"""A file of prices, ordered and corrected, in groups of its symbols.

It covers all symbols or those of a shard; `join_parts` joins what the shards made.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from pricewright.cleaning.declarations import Rename, read_corrections
from pricewright.cleaning.missing import Settled, in_order
from pricewright.files.disk import copy_whole, file_sha256, read_whole
from pricewright.files.documents import read_json, write_json
from pricewright.files.errors import Refusal
from pricewright.tables.records import (
    OrderedTable,
    Shard,
    Symbols,
    groups_sha256,
    in_order_of_keys,
    join_shards,
    ordered_file,
    read_table,
    rises,
    write_table,
)
from pricewright.tables.table_files import is_parquet, rows_of_symbols


@dataclass(frozen=True)
class CorrectedTable:
    """A table ordered by symbol and date, corrected, with what happened to its rows.

    plain: the rows of symbols without corrections.  mended: the corrected rows of the others; their
    column types are those of the whole result.
    sha256: of the delivered file, or of only `row_groups` and the footer if these are not None.
    whole: the number of rows in the file.  rows: how many of them are covered, all or a shard's.
    distinct: how many without exact duplicates.
    changes: what each correction did, in the corrections' order.
    """

    plain: OrderedTable
    mended: OrderedTable
    sha256: str
    row_groups: list[int] | None
    whole: int
    rows: int
    distinct: int
    changes: list[dict[str, Any]]

    @property
    def left(self) -> int:
        """The number of distinct rows that are left after the corrections."""
        return self.plain.rows + self.mended.rows

    @property
    def schema(self) -> pa.Schema:
        """The columns and their types."""
        return self.mended.schema

    def part(self, of: Symbols) -> "CorrectedTable":
        """The rows of some symbols."""
        return replace(self, plain=self.plain.part(of), mended=self.mended.part(of))

    def groups(self) -> Iterator[pa.Table]:
        """All rows in order, in tables of whole symbols."""
        mended = self.mended.table()
        begins, symbols = rows_of_symbols(mended)
        names = [str(name) for name in symbols]
        ends, start = [*begins[1:], len(mended)], 0
        for plain in self.plain.groups():
            table = plain.cast(self.schema)
            due = bisect_right(names, table["symbol"][-1].as_py()) if len(mended) else 0
            end = ends[due - 1] if due else 0
            if end > start:
                between = pa.concat_tables([table, mended.slice(start, end - start)])
                yield in_order_of_keys(between)
                start = end
            else:
                yield table
        if start < len(mended):
            yield mended.slice(start)


def correct(path: Path, corrections: Path | None, shard: Shard | None = None) -> CorrectedTable:
    """Order the prices of a file, or a shard of them, and apply the declared corrections.

    For an ordered Parquet file, as `ingest` writes it, only the rows of corrected symbols are in
    memory. Every shard checks the corrections of symbols that do not exist. Raises Refusal for what
    `in_order`, `read_corrections` and `apply_corrections` refuse.
    """
    declared = (
        read_corrections(read_whole(corrections), str(corrections))
        if corrections is not None
        else []
    )
    renames = [(str(each.symbol), each.to) for each in declared if isinstance(each, Rename)]
    others: Symbols = frozenset()
    groups: list[int] | None = None

    def own(symbols: Iterable[str | None]) -> Symbols:
        return shard.of_symbols(symbols, renames)[0] if shard else frozenset(symbols)

    if table := ordered_file(path, own):
        whole = table.rows
        if shard:
            others = shard.of_symbols(table.symbols, renames)[1]
            table = table.part(own(table.symbols))
            groups = table.row_groups
        rows = table.rows
        sha256 = file_sha256(path) if groups is None else groups_sha256(path, groups)
    else:
        delivered, sha256 = read_table(path)
        table, rows, others = _in_memory(delivered, str(path), shard, renames)
        whole = len(delivered)
    declared = [each for each in declared if each.symbol not in others]
    plain, mended, changes = table, OrderedTable(table.schema, []), list[dict[str, Any]]()
    if declared:
        from pricewright.cleaning.corrections import apply_corrections  # this loads pandas
        from pricewright.tables.frames import as_frame, as_table

        of = {each.symbol for each in declared}
        of |= {each.to for each in declared if isinstance(each, Rename)}
        named = as_frame(table.part(of).table())
        corrected, changes = apply_corrections(named, declared, str(path))
        dates = table.schema.field("date").type if "date" in table.schema.names else None
        plain = table.part(set(table.symbols) - of)
        mended = OrderedTable.held(as_table(corrected, dates))
    return CorrectedTable(plain, mended, sha256, groups, whole, rows, table.rows, changes)


def _in_memory(
    table: pa.Table, name: str, shard: Shard | None, renames: Sequence[tuple[str, str]]
) -> tuple[OrderedTable, int, Symbols]:
    """A table or a shard of it, ordered; its number of rows before; and other shards' symbols."""
    has_symbols = "symbol" in table.column_names
    symbols = set(table["symbol"].unique().to_pylist()) if has_symbols else {None}
    own, others = shard.of_symbols(symbols, renames) if shard else (symbols, frozenset())
    if rises(table):
        ordered = OrderedTable.held(table).part(own)
        return ordered, ordered.rows, others
    from pricewright.tables.frames import as_frame, as_table

    frame = as_frame(table)  # of all shards, because errors name records by their number in it
    if shard and has_symbols:
        none = frame["symbol"].isna() & (None in own)
        frame = frame[frame["symbol"].isin([name for name in own if name]) | none]
    elif shard and None not in own:
        frame = frame[:0]
    return OrderedTable.held(as_table(in_order(frame, name))), len(frame), others


@dataclass(frozen=True)
class WrittenTable:
    """What `write_settled` wrote; `Settled` explains the fields that are not these.

    sha256: of the file.  rows: the number of its rows.
    """

    sha256: str
    rows: int
    filled: dict[str, int]
    newest_dropped: dict[str, str]
    without_adj_close: list[str]


def write_settled(
    output: Path,
    path: Path,
    made: CorrectedTable,
    settle: Callable[[pa.Table], Settled],
    look: Callable[[pa.Table], None],
) -> WrittenTable:
    """Settle missing values in what `correct` made of a file, and write it.

    settle: settles a group of symbols' rows.  look: called once with each group before. A Parquet
    file in which nothing changes is copied. Raises Refusal if fewer than half of the rows that the
    corrections left would remain, or if no row has an adj_close though there is such a column.
    """
    filled, lacking = Counter[str](), Counter[str]()
    newest, bare = dict[str, str](), list[str]()
    rows = symbols = 0
    as_it_is = made.plain.as_written and is_parquet(output)

    def settled() -> Iterator[pa.Table]:
        """All groups, or none at all if the file can be copied unchanged."""
        nonlocal rows, symbols, as_it_is
        passed = 0
        for group in made.groups():
            look(group)
            done = settle(group)
            table = done.table
            filled.update(done.filled)
            lacking.update(done.lacking)
            newest.update(done.newest_dropped)
            bare.extend(done.without_adj_close)
            symbols += len(rows_of_symbols(group)[1])
            rows += len(table)
            if as_it_is and len(table) == len(group) and not done.filled:
                passed += 1
                continue
            if as_it_is:
                as_it_is = False
                yield from islice(made.groups(), passed)
            yield table
        if made.distinct and not made.left:
            raise Refusal(
                f"{path}: the declared corrections leave none of its {made.distinct} records; "
                "check corrections.file."
            )
        if made.left and not rows:
            raise Refusal(
                f"{path}: no record is complete, so none is left; check missing.price and "
                "missing.volume."
            )
        if rows < made.left / 2:
            column = max(lacking, key=lambda name: lacking[name])
            raise Refusal(
                f"{path}: {made.left - rows} of its {made.left} records would be dropped, because "
                f"{lacking[column]} have no {column}; deliver it for all records, or exclude the "
                f"column with source.columns.{column}: false."
            )
        if bare and len(bare) == symbols:
            raise Refusal(
                f"{path}: none of its {made.left} records has an adj_close; deliver it, or exclude "
                "the column with source.columns.adj_close: false."
            )

    tables = settled()
    first = list(islice(tables, 1))
    if as_it_is:
        copy_whole(path, output)
        sha256 = made.sha256
    else:
        sha256 = write_table(output, made.schema, chain(first, tables))
    counts = {name: filled[name] for name in made.schema.names if filled[name]}
    return WrittenTable(sha256, rows, counts, newest, bare)


def keep_part(path: Path, receipt: Path, part: CorrectedTable) -> None:
    """Write a shard's table as Parquet, and everything else about it as JSON, for `join_parts`."""
    write_table(path, part.schema, part.groups())
    write_json(
        receipt,
        {
            "sha256": part.sha256,
            "row_groups": part.row_groups,
            "whole": part.whole,
            "rows": part.rows,
            "distinct": part.distinct,
            "changes": part.changes,
        },
    )


def join_parts(path: Path, parts: Sequence[Path], receipts: Sequence[Path]) -> CorrectedTable:
    """Join the shards' parts into what `correct` makes of the whole file.

    Raises Refusal if the parts are of another file, or do not cover all of its rows.
    """
    sha256 = file_sha256(path)
    found = [read_json(receipt) for receipt in receipts]
    for receipt, part in zip(receipts, found, strict=True):
        groups = part["row_groups"]
        if part["sha256"] != (sha256 if groups is None else groups_sha256(path, groups)):
            raise Refusal(f"{receipt}: was not made from {path}; run its shard again.")
    rows, whole = sum(part["rows"] for part in found), found[0]["whole"]
    if rows != whole:
        raise Refusal(
            f"{path}: has {whole:,} rows, but the shards' parts were made from {rows:,}; run all "
            "shards of the step again."
        )
    changes = [change for part in found for change in part["changes"]]
    table = join_shards(parts)
    return CorrectedTable(
        table,
        OrderedTable(table.schema, []),
        sha256,
        None,
        whole,
        rows,
        sum(part["distinct"] for part in found),
        sorted(changes, key=lambda change: change["line"]),
    )
