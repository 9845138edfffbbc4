"""Deliveries in Excel: one sheet of a workbook, its columns with the types that they have."""

import json
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from signal import SIGKILL
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pricewright.files.errors import Refusal
from pricewright.intake.reading import cells
from pricewright.intake.reading.rows import TEXT, VALUE, Block
from pricewright.intake.reading.titles import distinct, is_unnamed

_ROWS: Final = 1 << 17  # of a block
_TYPES: Final = {
    "text": pa.string(),
    "mixed": pa.string(),
    "number": pa.float64(),
    "date": pa.date32(),
    "moment": pa.timestamp("us"),
}


class WorkbookSheet:
    """A sheet of a workbook (.xlsx, .xlsm, .xls); `lines` are the row numbers that Excel shows.

    sheet: its name; None takes the only one that is not empty.

    header: which of the first rows that are not blank, a hundred at the most, has the titles.

    What is above the titles is no row, and neither are blank rows below. Columns that are blank
    throughout are no columns. A column of numbers is float64, one of dates
    date32, one with times of day too a timestamp. Any other is text, with values among it: numbers
    as short as they are exact, dates in ISO 8601, the words true and false. An empty cell, and an
    error such as #N/A, is no value; a formula has the value that was stored with it. No row is bad.

    Raises Refusal for what cannot be opened, takes more memory than a sheet of prices should,
    or has no rows; for a sheet that is not there, or not the only one. Raises OSError or
    MemoryError for what may pass.
    """

    def __init__(
        self,
        content: bytes,
        name: str,
        sheet: str | None = None,
        header: Callable[[Sequence[Sequence[str]]], int] = lambda _: 0,
    ) -> None:
        found = _read_apart(content, name, sheet)
        if above := header(found.get("begin", [])):
            found = _read_apart(content, name, sheet, above)
        listed = ", ".join(map(repr, found["filled"] or found["sheets"]))
        if sheet is not None and sheet not in found["sheets"]:
            raise Refusal(f"{name}: no sheet {sheet!r}, but {listed}; correct source.sheet.")
        if len(found["filled"]) > 1:
            raise Refusal(f"{name}: {listed} all hold something; say one in source.sheet.")
        lines = found.get("lines", [])
        if len(lines) < 2:
            what = "has a header and no rows" if lines else "is empty"
            raise Refusal(f"{name}: the sheet {what}; deliver prices.")
        self._lines = np.array(lines[1:], np.int64)
        self.settings = {"sheet": found["filled"][0], "header_line": lines[0]}
        titles = distinct(found["titles"])
        self._columns: dict[str, pa.Array] = {}
        self._kinds: dict[str, npt.NDArray[np.int8]] = {}
        for title, (kind, values, typed) in zip(titles, found["columns"], strict=True):
            array = pa.array(values, pa.string() if kind in ("date", "moment") else _TYPES[kind])
            if is_unnamed(title) and array.null_count == len(array):
                continue
            self._columns[title] = array.cast(_TYPES[kind])
            if kind == "mixed":
                self._kinds[title] = np.where(typed, VALUE, TEXT).astype(np.int8)
        self.titles: Sequence[str] = tuple(self._columns)

    def blocks(self, titles: Collection[str] = ()) -> Iterator[Callable[[], Block]]:
        """The blocks, in order, each as a call; the sheet is in memory already."""
        return (partial(self._block, start) for start in range(0, len(self._lines), _ROWS))

    def texts(self, lines: Sequence[int]) -> dict[int, str]:
        """The cells of some rows as text, with tabs between them."""
        columns = self._columns.values()
        places = np.searchsorted(self._lines, lines).tolist()
        return {
            line: "\t".join(cells.text(column[place].as_py()) for column in columns)
            for line, place in zip(lines, places, strict=True)
        }

    def _block(self, start: int) -> Block:
        rows = slice(start, start + _ROWS)
        columns = {title: column.slice(start, _ROWS) for title, column in self._columns.items()}
        kinds = {title: kind[rows] for title, kind in self._kinds.items()}
        return Block(columns, self._lines[rows], kinds=kinds)


def _read_apart(content: bytes, name: str, sheet: str | None, above: int = 0) -> dict[str, Any]:
    """What `cells.read` says, in a process that may end as it likes."""
    # -P: modules in that folder, as `numbers`, must not hide those of the standard library.
    program = [sys.executable, "-P", cells.__file__]
    asked = json.dumps([sheet, above, cells.MEMORY, cells.SECONDS]).encode() + b"\n"
    done = subprocess.run(program, input=asked + content, capture_output=True, check=False)
    if done.returncode == -SIGKILL:
        raise MemoryError(f"{name}: the process that read the workbook was killed")
    if done.returncode != 0:
        raise Refusal(
            f"{name}: the workbook breaks its reader, or takes more than "
            f"{cells.MEMORY >> 30} GiB or {cells.SECONDS // 60} minutes; deliver it as CSV."
        )
    found: dict[str, Any] = json.loads(done.stdout)
    if "trouble" in found:
        reason = " ".join(found["trouble"].split()).rstrip(".")[:200]
        raise Refusal(
            f"{name}: no workbook that can be read ({reason}); save it as .xlsx with no password."
        )
    return found
