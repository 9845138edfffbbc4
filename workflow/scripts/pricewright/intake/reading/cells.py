"""The cells of a workbook, read by a program of its own: a damaged one takes its reader down.

A wrong byte in an .xls, or a lone cell in the last corner of an .xlsx, has the reader ask for
hundreds of gigabytes; it then ends the process it runs in, which must not be ours.
"""

import io
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from types import NoneType
from typing import Any, Final

Cell = str | float | int | bool | date | datetime | time | timedelta

MEMORY: Final = 1 << 32  # bytes; thirty million cells fit
SECONDS: Final = 900
MOST_ABOVE: Final = 100  # rows among which the titles are looked for


def main() -> None:
    """Read a workbook from stdin; write, as JSON, what `read` says.

    A line before it, as JSON, has the sheet's name or null, how many rows are above the titles,
    the bytes that this program may take and the seconds that it may compute. It needs the standard
    library and the reader only, and so starts quickly.
    """
    sheet, above, memory, seconds = json.loads(sys.stdin.buffer.readline())
    _limit(memory, seconds)
    sys.stdout.write(json.dumps(read(sys.stdin.buffer.read(), sheet, above)))


def read(content: bytes, sheet: str | None, above: int = 0) -> dict[str, Any]:
    """What a workbook holds, as far as JSON can say it.

    `sheets` are the names of all; `filled` of those that hold something, out of the one that is
    asked for or of all. If this is one: `begin` are the numbers of its first rows that are not
    blank, and these as text; `lines` are the numbers of these from the titles on, of which there
    are some `above`, or -1 for none; `titles` are those, as text, and `columns` are the kind and
    the values of each column below: text, number, date or moment, both in ISO 8601, None for an
    empty cell. A column that is `mixed` is text, too, and a third entry says of each cell whether
    it was no text.
    `trouble` says why a workbook cannot be opened.
    """
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum

    if "EncryptedPackage".encode("utf-16-le") in content:  # the reader sees no workbook there
        return {"trouble": "it is protected by a password"}
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
    first, _ = filled[0].start or (0, 0)
    return found | _table(filled[0].to_python(), first + 1, above)


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


def _column(cells: Sequence[Cell]) -> tuple[str, list[Any], list[bool]]:
    values = [None if cell == "" else cell for cell in cells]
    kinds = set(map(type, values)) - {NoneType}
    if kinds <= {str}:
        return "text", values, []
    if kinds <= {int, float}:
        return "number", values, []
    if kinds <= {date, datetime}:
        kind = "date" if kinds == {date} else "moment"
        return kind, [value and text(value) for value in values], []
    typed = [value is not None and not isinstance(value, str) for value in values]
    return "mixed", [None if value is None else text(value) for value in values], typed


def _is_said(cell: Cell) -> bool:
    return not isinstance(cell, str) or not (cell == "" or cell.isspace())


def _limit(memory: int, seconds: int) -> None:
    try:
        import resource
    except ImportError:  # not on every system
        return
    for what, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds)):
        with suppress(ValueError, OSError):  # a lower limit, or none, is what there can be
            resource.setrlimit(what, (most, resource.getrlimit(what)[1]))


if __name__ == "__main__":
    main()
