"""Read the cells of a workbook in a separate process, because a damaged one crashes its reader.

A wrong byte in an .xls, or a lone cell in the last corner of an .xlsx, makes the reader ask for
hundreds of gigabytes. It then kills its own process, which must not be ours.
"""

import io
import json
import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from types import NoneType
from typing import Any, Final
from xml.etree import ElementTree

Cell = str | float | int | bool | date | datetime | time | timedelta

MEMORY: Final = 1 << 32  # bytes; enough for thirty million cells
SECONDS: Final = 900
_KINDS: Final = {str: 0, int: 1, float: 1}
MOST_ABOVE: Final = 100  # rows among which the titles are looked for

Hidden = Mapping[tuple[int, int], str]
"""Cells that the reader takes for empty, by row and column from 0: the text of an error, or ""
for a formula without a value."""

_CELL: Final = re.compile(rb"<(?:\w+:)?c\s([^>]*[^/>])>(.*?)</(?:\w+:)?c>", re.DOTALL)
_PLACE: Final = re.compile(rb"\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[\s/>]")
_VALUE: Final = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>([^<]+)<")
_ERROR: Final = re.compile(rb"\bt=[\"']e[\"']")
_TEXT: Final = re.compile(rb"\bt=[\"']str[\"']")  # a formula may have the empty text as its value


def main() -> None:
    """Read a workbook from stdin; write the result of `read` as JSON.

    A line of JSON comes first: the sheet's name or null, the number of rows above the titles, the
    bytes of memory and the seconds of computing that this program may take. It needs only the
    standard library and the reader, and so starts quickly.
    """
    sheet, above, memory, seconds = json.loads(sys.stdin.buffer.readline())
    _limit(memory, seconds)
    sys.stdout.write(json.dumps(read(sys.stdin.buffer.read(), sheet, above)))


def read(content: bytes, sheet: str | None, above: int = 0) -> dict[str, Any]:
    """The content of a workbook, as far as JSON can hold it.

    sheets: the names of all sheets.  filled: of these, or of the one asked for, those that are not
    empty.  If that is exactly one sheet, the result also has:
    begin: its first rows that are not blank, as their numbers and texts.
    lines: the numbers of the rows from the titles on; there are `above` rows before, -1 for no
    titles.
    titles: the titles as text.
    columns: the kind and the values of each column below: text, number, or date or moment in ISO
    8601; None for an empty cell. A `mixed` column is text, and a third entry says what each cell
    was: 0 for text or nothing, 1 for a number, 2 for another value.
    formulas: for each column, the first cell below the titles, such as B2, whose formula has no
    stored value; None if there is none.
    trouble: why a workbook cannot be opened.
    """
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = [each.name for each in book.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]
        asked = [name for name in names if sheet in (None, name)]
        filled = [each for each in map(book.get_sheet_by_name, asked) if each.start is not None]
    except CalamineError as error:
        return {"trouble": str(error)}
    found = {"sheets": names, "filled": [each.name for each in filled]}
    if len(filled) != 1:
        return found
    first, left = filled[0].start or (0, 0)
    hidden = {
        (row - first, column - left): text
        for (row, column), text in _hidden(content, filled[0].name).items()
    }
    rows = filled[0].to_python()
    for (row, column), text in hidden.items():
        if text and 0 <= row < len(rows) and 0 <= column < len(rows[row]):
            rows[row][column] = text
    table = _table(rows, first + 1, above)
    begin = table["lines"][0] - first if table["lines"] and above >= 0 else 0
    formulas: list[str | None] = [None] * len(table["titles"])
    for row, column in sorted(hidden, reverse=True):
        if not hidden[row, column] and row >= begin and 0 <= column < len(formulas):
            formulas[column] = f"{_letters(left + column)}{first + row + 1}"
    return found | table | {"formulas": formulas}


def text(cell: Cell | None) -> str:
    """A cell as text: a number as short as it is exact, dates and times in ISO 8601."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return repr(cell).removesuffix(".0")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)


def _hidden(content: bytes, sheet: str) -> Hidden:
    """The errors, and the formulas without a value, in a sheet of an .xlsx.

    Workbooks of other kinds give none: the reader does not tell such cells from empty ones.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            tree = ElementTree.fromstring(parts.read("xl/workbook.xml"))
            ids = {
                each.get("name"): value
                for each in tree.iter()
                for key, value in each.attrib.items()
                if each.tag.endswith("}sheet") and key.endswith("}id")
            }
            links = ElementTree.fromstring(parts.read("xl/_rels/workbook.xml.rels"))
            targets = {each.get("Id"): str(each.get("Target")) for each in links}
            target = targets[ids[sheet]]
            xml = parts.read(target[1:] if target.startswith("/") else f"xl/{target}")
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError):
        return {}
    found = dict[tuple[int, int], str]()
    for cell in _CELL.finditer(xml) if _ERROR.search(xml) or _FORMULA.search(xml) else ():
        about, inner = cell.groups()
        is_error, place, value = _ERROR.search(about), _PLACE.search(about), _VALUE.search(inner)
        is_bare = not value and _FORMULA.search(inner) and not _TEXT.search(about)
        if place and (is_bare or (is_error and value)):
            column = 0
            for letter in place[1]:
                column = column * 26 + letter - 64
            text = value[1].decode(errors="replace") if value else ""
            found[int(place[2]) - 1, column - 1] = text
    return found


def _letters(column: int) -> str:
    """The letters of a column, from 0: A, B, …, Z, AA, …"""
    high, low = divmod(column, 26)
    return (_letters(high - 1) if high else "") + chr(65 + low)


def _table(rows: Sequence[Sequence[Cell]], first: int, above: int) -> dict[str, Any]:
    said = [number for number, row in enumerate(rows) if any(map(_is_said, row))]
    begin = [
        (first + number, [text(cell).strip() for cell in rows[number]])
        for number in said[:MOST_ABOVE]
    ]
    said = said[max(above, 0) :]
    kept = [rows[number] for number in said] or [[]]
    titles, *body = kept if above >= 0 else [[""] * len(kept[0]), *kept]
    return {
        "begin": begin,
        "lines": [first + number for number in said],
        "titles": [text(cell).strip() for cell in titles],
        "columns": [_column(cells) for cells in zip(*body, strict=True)],
    }


def _column(cells: Sequence[Cell]) -> tuple[str, list[Any], list[int]]:
    values = [None if cell == "" else cell for cell in cells]
    kinds = set(map(type, values)) - {NoneType}
    if kinds <= {str}:
        return "text", values, []
    if kinds <= {int, float}:
        return "number", values, []
    if kinds <= {date, datetime}:
        kind = "date" if kinds == {date} else "moment"
        return kind, [value and text(value) for value in values], []
    was = [0 if value is None else _KINDS.get(type(value), 2) for value in values]
    return "mixed", [None if value is None else text(value) for value in values], was


def _is_said(cell: Cell) -> bool:
    return not isinstance(cell, str) or not (cell == "" or cell.isspace())


def _limit(memory: int, seconds: int) -> None:
    try:
        import resource
    except ImportError:  # missing on some systems
        return
    for what, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds)):
        with suppress(ValueError, OSError):  # the limit may be lower already, or not be supported
            resource.setrlimit(what, (most, resource.getrlimit(what)[1]))


if __name__ == "__main__":
    main()
