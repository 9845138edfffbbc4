"""Deliveries in Excel: one sheet of a workbook, with typed columns."""

import json
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from signal import SIGKILL
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pricewright.files.errors import Refusal
from pricewright.intake.reading import cells
from pricewright.intake.reading.refusals import NoRows
from pricewright.intake.reading.rows import Block, CrossedHeader
from pricewright.intake.reading.titles import distinct, is_unnamed

_ROWS: Final = 1 << 17  # of a block
_APART: Final = 10_000_000  # between the first lines of two sheets; Excel has 1,048,576 rows
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

    header: finds the row of titles among the first rows that are not blank, a hundred at most; -1
    if there is none. `begin` has these rows with their numbers.

    crossed: finds two lines of titles among them, fields and symbols.

    Rows above the titles and blank rows do not count, nor do columns that are blank throughout. A
    column of numbers is float64, one of dates date32, and one with times of day a timestamp. Any
    other column is text, and values in it are spelled out: numbers as short as they are exact,
    dates in ISO 8601, the words true and false. An empty cell is a missing value. In an .xlsx, an
    error such as #REF! is its text; in other kinds of workbooks it is a missing value. A formula
    has the value that was stored with it. No row is bad.

    Raises Refusal for a workbook that cannot be opened, takes more memory than a sheet of prices
    should, or has no rows; and for a sheet that is missing, or not the only one. Raises OSError or
    MemoryError for a failure that may pass.
    """

    def __init__(
        self,
        content: bytes,
        name: str,
        sheet: str | None = None,
        header: Callable[[Sequence[int], Sequence[Sequence[str]]], int | None] = lambda *_: 0,
        crossed: Callable[[Sequence[Sequence[str]]], CrossedHeader | None] = lambda _: None,
    ) -> None:
        found = _read_apart(content, name, sheet)
        self.begin: Sequence[tuple[int, Sequence[str]]] = found.get("begin", [])
        above = header(*zip(*self.begin, strict=True)) if self.begin else 0
        two_lines = crossed([cells for _, cells in self.begin])
        self.crossed = two_lines.columns if two_lines else {}
        if two_lines:
            above = two_lines.end - 1
        if above is None:
            raise Refusal(f"{name}: there is no such row of titles; correct source.header_line.")
        if above:
            found = _read_apart(content, name, sheet, above)
        listed = ", ".join(map(repr, found["filled"] or found["sheets"]))
        if sheet is not None and sheet not in found["sheets"]:
            raise Refusal(f"{name}: no sheet {sheet!r}, only {listed}; correct source.sheet.")
        if len(found["filled"]) > 1:
            raise Refusal(f"{name}: {listed} are all filled; set source.sheet to one of them.")
        lines = found.get("lines", [])
        if not lines:
            raise Refusal(f"{name}: the sheet is empty; deliver prices.")
        if len(lines) < 2:
            raise NoRows(f"{name}: the sheet has a header but no rows; deliver prices.")
        self._lines = np.array(lines[above >= 0 :], np.int64)
        self.header_line = lines[0] if above >= 0 else 0
        self.settings = {"sheet": found["filled"][0], "header_line": self.header_line}
        titles = two_lines.titles if two_lines else distinct(found["titles"])
        self._of = f"{name}: sheet {found['filled'][0]!r}"
        self._formulas = dict(zip(titles, found["formulas"], strict=True))
        self._columns: dict[str, pa.Array] = {}
        self._kinds: dict[str, npt.NDArray[np.int8]] = {}
        for title, (kind, values, was) in zip(titles, found["columns"], strict=True):
            array = pa.array(values, pa.string() if kind in ("date", "moment") else _TYPES[kind])
            if is_unnamed(title) and array.null_count == len(array):
                continue
            self._columns[title] = array.cast(_TYPES[kind])
            if kind == "mixed":
                self._kinds[title] = np.array(was, np.int8)  # TEXT, NUMBER or VALUE
        self.titles: Sequence[str] = tuple(self._columns)

    def blocks(self, titles: Collection[str] = ()) -> Iterator[Callable[[], Block]]:
        """The blocks in order, each as a call; the sheet is in memory already.

        Raises Refusal if a column of `titles` has a formula without a stored value.
        """
        for title in titles:
            if cell := self._formulas.get(title):
                raise Refusal(
                    f"{self._of}, cell {cell}: the formula of {title!r} has no stored value; open "
                    "the workbook in Excel or LibreOffice, and save it."
                )
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


class SheetsOfSymbols:
    """The filled sheets of a workbook as one, with the name of each in the column `title`.

    All must have the same columns. `lines` are the row numbers that Excel shows, plus 10,000,000
    for each sheet before.  read: reads the sheet of a name.
    """

    def __init__(
        self, content: bytes, name: str, title: str, read: Callable[[str], WorkbookSheet]
    ) -> None:
        self._sheets = {sheet: read(sheet) for sheet in filled_sheets(content, name)}
        if not self._sheets:
            raise Refusal(f"{name}: the workbook is empty; deliver prices.")
        (first_name, first), *others = self._sheets.items()
        for other_name, other in others:
            if set(other.titles) != set(first.titles):
                raise Refusal(
                    f"{name}: the sheets {first_name!r} and {other_name!r} have different columns, "
                    "but source.symbol says that each is of one symbol; give them the same "
                    "columns, or set source.sheet to one of them and source.symbol to its symbol."
                )
        self._title = title
        self.titles: Sequence[str] = (title, *first.titles)
        self.settings = first.settings | {"sheet": ", ".join(self._sheets)}

    def blocks(self, titles: Collection[str] = ()) -> Iterator[Callable[[], Block]]:
        """The blocks of each sheet in turn."""
        for number, (name, sheet) in enumerate(self._sheets.items()):
            for read in sheet.blocks(titles):
                yield partial(self._named, read, name, number * _APART)

    def texts(self, lines: Sequence[int]) -> dict[int, str]:
        """The cells of some rows as text, behind the name of their sheet, with tabs between."""
        found: dict[int, str] = {}
        for number, (name, sheet) in enumerate(self._sheets.items()):
            here = [line - number * _APART for line in lines if line // _APART == number]
            texts = sheet.texts(here) if here else {}
            found |= {line + number * _APART: f"{name}\t{text}" for line, text in texts.items()}
        return found

    def _named(self, read: Callable[[], Block], name: str, before: int) -> Block:
        block = read()
        names = pa.repeat(name, len(block.lines))
        columns = {self._title: names, **block.columns}
        return replace(block, columns=columns, lines=block.lines + before)


def filled_sheets(content: bytes, name: str) -> list[str]:
    """The names of the sheets that are not empty; raises Refusal if it cannot be opened."""
    return list(_read_apart(content, name, None)["filled"])


def _read_apart(content: bytes, name: str, sheet: str | None, above: int = 0) -> dict[str, Any]:
    """The result of `cells.read`, from a separate process that may crash."""
    # -P: modules in that folder, such as `numbers`, must not hide those of the standard library.
    program = [sys.executable, "-P", cells.__file__]
    asked = json.dumps([sheet, above, cells.MEMORY, cells.SECONDS]).encode() + b"\n"
    done = subprocess.run(program, input=asked + content, capture_output=True, check=False)
    if done.returncode == -SIGKILL:
        raise MemoryError(f"{name}: the process that read the workbook was killed")
    if done.returncode != 0:
        raise Refusal(
            f"{name}: the workbook crashes its reader, or takes more than "
            f"{cells.MEMORY >> 30} GiB or {cells.SECONDS // 60} minutes; deliver it as CSV."
        )
    found: dict[str, Any] = json.loads(done.stdout)
    if "trouble" in found:
        reason = " ".join(found["trouble"].split()).rstrip(".")[:200]
        raise Refusal(
            f"{name}: not a readable workbook ({reason}); save it as .xlsx without a password."
        )
    return found
