"""Parquet files that a step wrote: what is damaged in one is refused, wherever it is read."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from pricewright.files.disk import refuse_missing
from pricewright.tables.damage import RUN_AGAIN, refuse_damaged


class StoredTable(ParquetFile):  # type: ignore[misc]  # it has no types
    """A Parquet file, opened, whose parts are read as they are asked for.

    remedy: what to do if it is damaged. Each reading raises Refusal for a file that is damaged, or
    not there, or not for us; other trouble with the disk, which may pass, is raised as it is.
    """

    def __init__(
        self, path: Path, read_dictionary: Sequence[str] = (), remedy: str = RUN_AGAIN
    ) -> None:
        self.refuse_damaged = partial(refuse_damaged, path, remedy=remedy)
        with refuse_missing(path), self.refuse_damaged():
            super().__init__(path, read_dictionary=list(read_dictionary), pre_buffer=False)
            _ = self.schema_arrow.names, self.metadata.created_by  # which are to be in UTF-8

    def read(self, *arguments: Any, **options: Any) -> pa.Table:
        with self.refuse_damaged():
            return _valid(super().read(*arguments, **options))

    def read_row_group(self, *arguments: Any, **options: Any) -> pa.Table:
        with self.refuse_damaged():
            return _valid(super().read_row_group(*arguments, **options))


def _valid(table: pa.Table) -> pa.Table:
    table.validate(full=True)  # else text that is not UTF-8 would be found where nobody expects it
    return table
