"""Tables as bytes in formats other than text, and bytes as programs pack them."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet

from pricewright.files.zstandard import zstd


def excel(*rows: Sequence[Any]) -> bytes:
    """A workbook with one sheet of these rows."""
    return book({"Sheet": rows})


def book(sheets: Mapping[str, Sequence[Sequence[Any]] | Mapping[str, Any]]) -> bytes:
    """A workbook with some sheets, each its rows from A1 or its cells by their references."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for title, said in sheets.items():
        sheet = made.create_sheet(title)
        if isinstance(said, Mapping):
            for place, value in said.items():
                sheet[place] = value
        else:
            for row in said:
                sheet.append(row)
    return saved(made)


def saved(made: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def parquet(table: pa.Table | Mapping[str, Any], **options: Any) -> bytes:
    """A table, or its columns, as Parquet."""
    file = io.BytesIO()
    whole = table if isinstance(table, pa.Table) else pa.table(dict(table))
    pyarrow.parquet.write_table(whole, file, **options)
    return file.getvalue()


def arrow_stream(table: pa.Table) -> bytes:
    """A table as an Arrow stream, three rows at a time."""
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return file.getvalue()


def zipped(members: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


CHECKED = {zstd.CompressionParameter.checksum_flag: 1}
STREAMS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: gzip.compress(content, mtime=1_700_000_000),
    "bzip2": bz2.compress,
    "xz": lambda content: lzma.compress(content, preset=0),
    "zstd": lambda content: zstd.compress(content, options=CHECKED),
}
"""The packings of one stream of bytes."""
PACKERS = STREAMS | {"zip": lambda content: zipped({"prices.csv": content})}
"""All packings in which a delivery may come."""
