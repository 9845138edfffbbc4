"""Parquet files that a step wrote, refused on reading if they are damaged."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.parquet import ColumnChunkMetaData, ParquetFile

from pricewright.files.clock import day_number
from pricewright.files.disk import refuse_missing
from pricewright.tables.damage import RUN_AGAIN, refuse_damaged
from pricewright.tables.fields import FIRST_DAY, LAST_DAY

# as days since 1970-01-01, because a stored day may be too late for Python's dates
_FIRST, _LAST = day_number(FIRST_DAY), day_number(LAST_DAY)


class StoredTable(ParquetFile):  # type: ignore[misc]  # it has no types
    """An open Parquet file whose parts are read on demand.

    remedy: what to do if the file is damaged, for the message. Each read raises Refusal for a file
    that is damaged, missing or unreadable for this user. Other disk trouble, which may pass, is
    raised unchanged.
    """

    def __init__(
        self, path: Path, read_dictionary: Sequence[str] = (), remedy: str = RUN_AGAIN
    ) -> None:
        self.refuse_damaged = partial(refuse_damaged, path, remedy=remedy)
        with refuse_missing(path), self.refuse_damaged():
            super().__init__(path, read_dictionary=list(read_dictionary), pre_buffer=False)
            _ = self.schema_arrow.names, self.metadata.created_by  # raises if these are not UTF-8
            groups = range(self.num_row_groups)
            rows = sum(self.metadata.row_group(group).num_rows for group in groups)
            _refuse_other_count(rows, self.metadata.num_rows)

    def read(self, *arguments: Any, **options: Any) -> pa.Table:
        with self.refuse_damaged():
            return _valid(super().read(*arguments, **options), self.metadata.num_rows)

    def read_row_group(self, group: int, *arguments: Any, **options: Any) -> pa.Table:
        with self.refuse_damaged():
            table = super().read_row_group(group, *arguments, **options)
            return _valid(table, self.metadata.row_group(group).num_rows)

    def chunks(self, group: int) -> list[ColumnChunkMetaData]:
        """The metadata of each column of a row group.

        One row is read first: if the metadata is damaged, the read raises an error, whereas
        accessing the metadata directly would crash the process. Do not use the statistics: no read
        verifies them.
        """
        with self.refuse_damaged():
            next(self.iter_batches(1, row_groups=[group]), None)
        described = self.metadata.row_group(group)
        return [described.column(place) for place in range(described.num_columns)]


def _valid(table: pa.Table, rows: int) -> pa.Table:
    _refuse_other_count(len(table), rows)
    table.validate(full=True)  # otherwise text that is not UTF-8 would fail much later
    if "date" in table.column_names and pa.types.is_date32(table["date"].type):
        for day in pc.min_max(table["date"]).values():
            stored = day.cast(pa.int32()).as_py() if day.is_valid else None
            if stored is not None and not _FIRST <= stored <= _LAST:
                raise ValueError(f"it has the impossible date {day.cast(pa.string())}")
    return table


def _refuse_other_count(found: int, described: int) -> None:
    if found != described:
        raise ValueError(f"it has {found:,} rows but declares {described:,}")
