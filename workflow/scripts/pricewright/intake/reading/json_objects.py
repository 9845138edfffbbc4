"""Deliveries in JSON: an array of flat records, an object that holds one, or JSON Lines."""

import re
from collections import Counter
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import replace
from functools import partial
from itertools import chain
from json import JSONDecodeError
from types import NoneType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pricewright.files.errors import Refusal
from pricewright.intake.reading.json_shapes import (
    BLANK,
    MARK,
    Ambiguous,
    Twice,
    as_lines,
    decode,
    held_rows,
    unwrapped,
)
from pricewright.intake.reading.refusals import NoRows
from pricewright.intake.reading.rows import (
    NESTED,
    NUMBER,
    TEXT,
    VALUE,
    Block,
    Lines,
    Unreadable,
    not_utf8,
)
from pricewright.intake.reading.titles import usual_columns

Kinds = npt.NDArray[np.int8]
_Found = tuple[int, int, int, Any]  # a record's number, its beginning, its end, its value

_MOST_RECORDS: Final = 16_384  # in a block; as objects they take ten times as much as their text
_MOST_TEXT: Final = 1 << 24
_BEGIN: Final = 1 << 16  # an array of objects begins within so many characters
_MOST_TITLES: Final = 16_384
_MOST_INNER: Final = 16  # values of an object with a few facts on a record; larger ones are lists
_UNREADABLE: Final = object()
_NESTED: Final[dict[str, Any]] = {"": []}  # stands for any value that is not flat
_OTHERS: Final = {bool: VALUE, dict: NESTED, list: NESTED, Twice: NESTED}
"""The kind of a cell that is not text, a number or null."""
_NOT_FLAT: Final = frozenset((dict, list, Twice))
_NUL: Final = "\\u0000"
_WORDS: Final = {True: "true", False: "false"}

_blanks = re.compile(r"[ \t\r\n]*").match
_comma = re.compile(r"[ \t\r\n]*,[ \t\r\n]*").match
_holds_records = re.compile(r"\[[ \t\r\n]*\{").search
_records_begin = re.compile(r"\[[ \t\r\n]*\{").match
_pairs = re.compile(r'"([^"\\]{1,24})"\s*:\s*"([^"\\]{1,40})"').findall
_lone_surrogate = re.compile("[\ud800-\udfff]").search


class JsonSheet:
    """A delivery in JSON as a sheet; each value keeps its exact text and its kind.

    The file is one of these: an array of flat objects; an object with exactly one array of objects,
    which is then read; a flat object; JSON Lines; or one of the shapes of `as_lines`, whose rows
    are then read as objects. Numbers keep their digits, strings their text, and true and false are
    these words. Null and an absent key are missing values. The values of a small object in a record
    are read, too, under names such as `instrument.symbol`; a `{"v": value}` is that value, and the
    numbers of a short list are also columns, such as `v.1`.
    `titles` are the keys in order of first appearance.

    `symbol` is the one that the file gives beside the rows, as Alpha Vantage and Yahoo do, if the
    rows have no column for it.

    `lines` counts the lines of JSON Lines; in the other shapes, where several records may share a
    line, it counts the records. A bad record is `not-an-object` or `not-flat`, or has a
    `duplicate-key` or a `lone-surrogate` (half of a pair); a bad line is `unreadable`.

    Raises Refusal if the file is not UTF-8, or neither JSON as a whole nor JSON Lines; if two
    arrays could be the records; if a key is empty; and if there are no rows to read.
    """

    def __init__(self, content: bytes, name: str) -> None:
        text = _decoded(content, name)
        try:
            self._read_any(text, name)
        except Ambiguous as found:
            raise Refusal(f"{name}: {found}; deliver one array.") from None
        self._refuse_unusable(name)
        has_column = usual_columns("symbol", self.titles)
        self.symbol = None if has_column else _said_symbol(text)
        self.settings: Mapping[str, Any] = {"symbol": self.symbol} if self.symbol else {}

    def _read_any(self, text: str, name: str) -> None:
        """Read an array of objects, or another shape as if it were one."""
        lines = None if _holds_records(text, 0, _BEGIN) else as_lines(text)
        if lines is None:
            try:
                self._read(text, name)
            except Ambiguous:
                if (lines := as_lines(text)) is None:
                    raise
            else:  # without a date, the rows may lie deeper
                if usual_columns("date", self.titles):
                    return
                if self._spans.shape[1] == 1 or not self.titles:
                    lines = as_lines(text)
                if lines is None:
                    lines = held_rows(text)
        if lines is not None:
            self._read(lines, name)

    def _read(self, text: str, name: str) -> None:
        try:
            parts = _parts(text, _document(text), f"{name}: record ")
        except (JSONDecodeError, RecursionError) as error:
            if not _looks_like_lines(text):
                raise _no_json(error, name) from None
            parts = _parts(text, _lines(text), f"{name}:")
        self._text = text
        self._blocks = [block for block, _ in parts]
        self._spans = np.hstack([spans for _, spans in parts] or [np.empty((3, 0), np.int64)])
        self.titles: Sequence[str] = tuple(_union(block.columns for block in self._blocks))

    def blocks(self, titles: Collection[str] = ()) -> Iterator[Callable[[], Block]]:
        """The blocks in order, each as a call; every block has every title.

        An object or a list makes a row bad only in a column that is needed.
        """
        return (partial(self._complete, block, titles) for block in self._blocks)

    def texts(self, lines: Sequence[int]) -> dict[int, str]:
        """The parts of the file that are the records, or lines, with these numbers."""
        numbers, begins, ends = self._spans
        places = np.searchsorted(numbers, lines).tolist()
        return {
            line: self._text[begins[place] : ends[place]].strip(BLANK)
            for line, place in zip(lines, places, strict=True)
        }

    def _complete(self, block: Block, titles: Collection[str]) -> Block:
        absent = pa.nulls(len(block.lines), pa.string())
        columns = {title: block.columns.get(title, absent) for title in self.titles}
        block = replace(block, columns=columns)
        nested: dict[int, str] = {}
        for title, kinds in block.kinds.items():
            if title in titles or not titles:
                nested = dict.fromkeys(np.flatnonzero(kinds == NESTED).tolist(), title) | nested
        if not nested:
            return block
        bad = [
            Unreadable(int(block.lines[row]), "not-flat", title) for row, title in nested.items()
        ]
        keep = np.ones(len(block.lines), dtype=bool)
        keep[list(nested)] = False
        every = sorted([*block.bad, *bad], key=lambda row: row.line)
        return replace(block.only(keep), bad=every)

    def _refuse_unusable(self, name: str) -> None:
        if not self._spans.size:
            raise NoRows(f"{name}: the file has no rows; deliver prices.")
        if not self.titles:
            raise Refusal(
                f"{name}: none of its {self._spans.shape[1]} records is a flat object with values; "
                "deliver an array of such objects, or one per line."
            )
        if len(self.titles) > _MOST_TITLES:
            raise Refusal(
                f"{name}: its records have {len(self.titles)} different keys, more than "
                f"{_MOST_TITLES}; deliver records with the same keys."
            )


def _said_symbol(text: str) -> str | None:
    """The one symbol that a text gives under a key that means it."""
    pairs = _pairs(text)
    keys = usual_columns("symbol", list(dict.fromkeys(key for key, _ in pairs)))
    said = {symbol for key, symbol in pairs if key in keys}
    return said.pop() if len(said) == 1 else None


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise not_utf8(name, line) from None


def _no_json(error: JSONDecodeError | RecursionError, name: str) -> Refusal:
    remedy = "deliver a complete array of flat objects, or one object per line."
    if isinstance(error, RecursionError):
        return Refusal(f"{name}: the JSON is nested too deeply; {remedy}")
    return Refusal(f"{name}:{error.lineno}: not JSON ({error.msg}); {remedy}")


def _document(text: str) -> Iterator[_Found]:
    """The records of a file that is one array or one object."""
    begin = _skip(text, 0)
    shape = _elements if text.startswith("[", begin) else _members
    end = yield from shape(text, begin)
    if end < len(text):
        raise JSONDecodeError("Extra data", text, end)


def _elements(text: str, begin: int) -> Generator[_Found, None, int]:
    at, number = _after(text, begin, "["), 0
    if text.startswith("]", at):
        return _after(text, at, "]")
    while True:
        value, end = decode(text, at)
        number += 1
        yield number, at, end, value
        comma = _comma(text, end)
        if comma is None:
            return _after(text, end, "]")
        at = comma.end()


def _members(text: str, begin: int) -> Generator[_Found, None, int]:
    holders: list[str] = []
    at = _after(text, begin, "{")
    more = not text.startswith("}", at)
    while more:
        if not text.startswith('"', at):
            raise JSONDecodeError("Expecting a key in double quotes", text, at)
        key, at = decode(text, at)
        at = _after(text, at, ":")
        if _records_begin(text, at):
            holders.append(key)
            at = yield from _elements(text, at)
        else:
            _, at = decode(text, at)
        comma = _comma(text, at)
        more = comma is not None
        at = comma.end() if comma else at
    end = _after(text, at, "}")
    if len(holders) > 1 and end == len(text):
        raise Ambiguous(f"{holders[0]!r} and {holders[1]!r} are both arrays of objects")
    if not holders:
        value, own_end = decode(text, begin)
        yield 1, begin, own_end, value
    return end


def _skip(text: str, at: int) -> int:
    blanks = _blanks(text, at)
    assert blanks is not None
    return blanks.end()


def _after(text: str, at: int, mark: str) -> int:
    """The place after a mark and the blanks around it."""
    at = _skip(text, at)
    if not text.startswith(mark, at):
        raise JSONDecodeError(f"Expecting {mark!r}", text, at)
    return _skip(text, at + 1)


def _looks_like_lines(text: str) -> bool:
    """Whether some line is an object by itself, and the first line opens nothing for the rest."""
    first = re.split(r"[\r\n]", text.lstrip(BLANK), maxsplit=1)[0].rstrip(BLANK)
    if first.startswith("[") or first.endswith(("{", "[", ",", ":")):
        return False
    return any(isinstance(value, dict) for _, _, _, value in _lines(text))


def _lines(text: str) -> Iterator[_Found]:
    mark = "\n" if "\n" in text else "\r"
    begin = number = 0
    while begin < len(text):
        end = text.find(mark, begin)
        end = len(text) if end < 0 else end
        line = text[begin:end].strip(BLANK)
        number += 1
        if line:
            yield number, begin, end, _alone(line)
        begin = end + 1


def _alone(line: str) -> Any:
    try:
        value, end = decode(line)
    except JSONDecodeError:
        return _UNREADABLE
    except RecursionError:
        return _NESTED
    return value if end == len(line) else _UNREADABLE


def _parts(text: str, found: Iterable[_Found], place: str) -> list[tuple[Block, Lines]]:
    """The records as blocks, each with the records' numbers, beginnings and ends: (3, n)."""
    parts, some = [], []
    for record in found:
        some.append(record)
        if len(some) == _MOST_RECORDS or record[2] - some[0][1] > _MOST_TEXT:
            parts.append(_part(text, some, place))
            some = []
    return [*parts, _part(text, some, place)] if some else parts


def _part(text: str, some: Sequence[_Found], place: str) -> tuple[Block, Lines]:
    numbers, begins, ends, values = zip(*some, strict=True)
    lines, bad = np.array(numbers, np.int64), []
    is_plain = _all_plain(values, text[begins[0] : ends[-1]])
    if not is_plain:
        faults = [
            ("nul", None) if _NUL in text[begin:end] else _fault(value)
            for _, begin, end, value in some
        ]
        bad = [
            Unreadable(number, *fault)
            for number, fault in zip(numbers, faults, strict=True)
            if fault
        ]
        lines = lines[[fault is None for fault in faults]]
        values = tuple(value for value, fault in zip(values, faults, strict=True) if not fault)
    if {dict, list} & set(map(type, chain.from_iterable(map(dict.values, values)))):
        values = tuple(map(_opened, values))
    titles = _union(values)
    for title in titles:
        if not title.strip():
            row = next(row for row, value in enumerate(values) if title in value)
            raise Refusal(f"{place}{lines[row]}: a key is empty; name every value.")
    columns: dict[str, pa.Array] = {}
    kinds: dict[str, Kinds] = {}
    for title in titles:
        cells = [value.get(title) for value in values]
        if not is_plain:
            other = np.array([_OTHERS.get(type(cell), TEXT) for cell in cells], np.int8)
            if (other == NESTED).sum() == sum(title in value for value in values):
                kinds[title] = other
                continue  # never a value, so not a column
            if other.any():
                kinds[title] = other
                cells = [_WORDS[cell] if isinstance(cell, bool) else _flat(cell) for cell in cells]
        _add_column(columns, kinds, title, pa.array(cells, pa.string()))
    return Block(columns, lines, bad, kinds), np.array([numbers, begins, ends], np.int64)


def _add_column(
    columns: dict[str, pa.Array], kinds: dict[str, Kinds], title: str, column: pa.Array
) -> None:
    """Add a column without the marks of its numbers, and note which cells are numbers."""
    marked = pc.starts_with(column, MARK)
    if pc.any(marked).as_py():
        digits = pc.utf8_slice_codeunits(column, 1)
        column = digits if pc.all(marked).as_py() else pc.if_else(marked, digits, column)
        numbers = pc.fill_null(marked, False).to_numpy(zero_copy_only=False)
        kinds[title] = np.where(numbers, np.int8(NUMBER), kinds.get(title, np.int8(TEXT)))
    columns[title] = column


def _all_plain(values: Sequence[Any], text: str) -> bool:
    """Whether a quick look shows that records hold only text, numbers and null, and no escapes."""
    if set(map(type, values)) != {dict} or "\\u" in text:
        return False
    cells = chain.from_iterable(map(dict.values, values))
    return set(map(type, cells)) <= {str, NoneType}


def _fault(value: Any) -> tuple[str, str | None] | None:
    if value is _UNREADABLE:
        return "unreadable", None
    if not isinstance(value, dict | Twice):
        return "not-an-object", None
    keys = value.keys if isinstance(value, Twice) else list(value)
    if any(map(_lone_surrogate, keys)):
        return "lone-surrogate", None
    if isinstance(value, Twice):
        return "duplicate-key", next(key for key, n in Counter(keys).items() if n > 1)
    if value is _NESTED:
        return "not-flat", None
    broken = (key for key, cell in value.items() if isinstance(cell, str) and _lone_surrogate(cell))
    return next((("lone-surrogate", key) for key in broken), None)


def _opened(record: dict[str, Any]) -> dict[str, Any]:
    """Add the values of small objects in a record, under names such as `instrument.symbol`."""
    record = unwrapped(record)
    inner = {
        f"{key}.{name}": cell
        for key, part in record.items()
        if type(part) is dict and len(part) <= _MOST_INNER
        for name, cell in part.items()
        if type(cell) not in _NOT_FLAT
        and not (type(cell) is str and _lone_surrogate(cell))
        and not _lone_surrogate(name)
    }
    return record | inner | record


def _flat(cell: Any) -> str | None:
    return cell if isinstance(cell, str) else None


def _union(records: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(chain.from_iterable(records)))
