"""Read delimited text (RFC 4180) in pieces of whole records, with each field as text."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from pricewright.files.errors import Refusal
from pricewright.intake.reading.cells import MOST_ABOVE
from pricewright.intake.reading.content import Content
from pricewright.intake.reading.dialect import Dialect, Layout
from pricewright.intake.reading.rows import (
    Block,
    Lines,
    Unreadable,
    are_names,
    crossed_header,
    header_place,
    not_utf8,
)
from pricewright.intake.reading.titles import distinct, usual_columns

PIECE = 8_000_000
"""Bytes at a time: enough to need few calls, few enough to keep several pieces in memory."""

LONGEST_RECORD = 64_000_000

_BOM = b"\xef\xbb\xbf"
_LONE_CR = re.compile(rb"\r(?!\n)")
_LF, _CR, _QUOTE = b'\n\r"'


@dataclass(frozen=True)
class TextPiece:
    """Whole records: their bytes, and the line on which the first begins, counted from 1."""

    raw: bytes
    line: int

    @property
    def next_line(self) -> int:
        """The line on which the next piece begins."""
        return self.line + _count(self.raw, _LF) + (not self.raw.endswith(b"\n"))


@dataclass(frozen=True)
class Records:
    """The n records of a piece: offsets (n + 1,), the last of them the end, and lines (n,)."""

    starts: Lines
    lines: Lines

    def text(self, piece: TextPiece, record: int) -> str:
        """A record as it was delivered, without its line end."""
        raw = piece.raw[self.starts[record] : self.starts[record + 1]]
        return raw.rstrip(b"\r\n").decode(errors="replace")


def text_pieces(chunks: Iterable[bytes], name: str) -> Iterator[TextPiece]:
    """Split a delivery's bytes into pieces of whole records, each of at least PIECE bytes.

    Drops a byte order mark. A carriage return by itself ends a line, and becomes a line feed.
    Raises Refusal for a quote that is never closed.
    """
    held: list[bytes] = []
    length, line = 0, 1
    for number, chunk in enumerate(chunks):
        held.append(chunk.removeprefix(_BOM) if number == 0 else chunk)
        length += len(held[-1])
        if length < PIECE:
            continue
        whole = _ends_in_lf(b"".join(held), last=False)
        cut = _last_end(whole)
        if not cut and length > LONGEST_RECORD:
            raise Refusal(
                f"{name}:{line}: the record that begins here is longer than "
                f"{LONGEST_RECORD // 1_000_000} MB; close its quote, or correct its line end."
            )
        if cut:
            piece = TextPiece(whole[:cut], line)
            yield piece
            line = piece.next_line
        held = [whole[cut:]]
        length = len(held[0])
    rest = _ends_in_lf(b"".join(held), last=True)
    if rest.count(b'"') % 2:
        raise _unclosed(name, line + rest.count(b"\n", 0, rest.rindex(b'"')), rest)
    if rest:
        yield TextPiece(rest, line)


def _count(raw: bytes, byte: int, end: int | None = None) -> int:
    """How often a byte occurs, up to an end; many times faster than `bytes.count`."""
    return int(np.count_nonzero(np.frombuffer(raw, dtype=np.uint8)[:end] == byte))


def find_records(piece: TextPiece) -> Records:
    """The records of a piece; a blank line is one, too."""
    content = np.frombuffer(piece.raw, dtype=np.uint8)
    ends = np.flatnonzero(content == _LF) + 1
    lines = np.arange(piece.line, piece.line + len(ends) + 1, dtype=np.int64)
    if b'"' in piece.raw:
        quotes = np.flatnonzero(content == _QUOTE)
        outside = np.searchsorted(quotes, ends) % 2 == 0
        ends, lines = ends[outside], lines[np.concatenate(([True], outside))]
    starts = np.concatenate(([0], ends)).astype(np.int64)
    if starts[-1] == len(content):
        return Records(starts, lines[: len(starts) - 1])
    return Records(np.append(starts, len(content)), lines)


def blank(piece: TextPiece, records: Records) -> npt.NDArray[np.bool_]:
    """Which records (n,) are blank lines."""
    lengths = np.diff(records.starts)
    first = np.frombuffer(piece.raw, dtype=np.uint8)[records.starts[:-1]]
    found: npt.NDArray[np.bool_] = (lengths <= 2) & ((first == _LF) | (first == _CR))
    return found


def with_blanks_quoted(piece: TextPiece, delimiter: str) -> TextPiece:
    """Move blanks before a quoted field to behind its first quote.

    So `, "1.5"` is read as `," 1.5"`, where blanks do not count. Every byte stays on its line.
    """
    if b'"' not in piece.raw:
        return piece
    content = np.frombuffer(piece.raw, dtype=np.uint8)
    opening = np.flatnonzero(content == _QUOTE)[0::2]
    if not ((opening > 0) & (content[opening - 1] == ord(" "))).any():
        return piece
    content = content.copy()
    begin = opening.copy()
    while (blank := (begin > 0) & (content[begin - 1] == ord(" "))).any():
        begin[blank] -= 1
    border = np.isin(content[begin - 1], [_LF, ord(delimiter)]) | (begin == 0)
    moved = border & (begin < opening)
    content[opening[moved]] = ord(" ")
    content[begin[moved]] = _QUOTE
    return TextPiece(content.tobytes(), piece.line)


def stray_quotes(piece: TextPiece, records: Records, delimiter: str, name: str) -> Lines:
    """The records (k,) with a quote that neither begins nor ends a field, each once.

    Raises Refusal if such a quote leaves its line with an odd number of quotes: nothing after it
    shows which line ends are inside a field.
    """
    content = np.frombuffer(piece.raw, dtype=np.uint8)
    quotes = np.flatnonzero(content == _QUOTE)
    opening, closing = quotes[0::2], quotes[1::2]
    border = np.zeros(256, dtype=bool)
    border[[_LF, _CR, ord(delimiter)]] = True
    begins = (opening == 0) | border[content[opening - 1]]
    ends = (closing == len(content) - 1) | border[content[(closing + 1) % len(content)]]
    doubled = opening[1:] == closing[:-1] + 1  # two quotes inside a quoted field mean one
    begins[1:] |= doubled
    ends[:-1] |= doubled
    stray = np.sort(np.concatenate((opening[~begins], closing[~ends])))
    line_ends = np.flatnonzero(content == _LF)
    for position in stray.tolist():
        line = int(np.searchsorted(line_ends, position))
        begin = int(line_ends[line - 1]) if line else 0
        end = int(line_ends[line]) if line < len(line_ends) else len(content)
        if piece.raw.count(b'"', begin, end) % 2:
            raise _unclosed(name, piece.line + line, piece.raw[begin:end])
    return np.unique(np.searchsorted(records.starts, stray, side="right") - 1)


def _unclosed(name: str, line: int, raw: bytes) -> Refusal:
    remedy = "close it, or remove it"
    if b'\\"' in raw:  # as written by MySQL
        remedy = "export it with two quotes instead of a backslash and a quote"
    return Refusal(f"{name}:{line}: a quote on this line is never closed; {remedy}.")


def _last_end(whole: bytes) -> int:
    """The length of the whole records: up to the last line end that no quotes enclose."""
    cut = whole.rfind(b"\n") + 1
    inside = _count(whole, _QUOTE, cut) % 2
    while inside:
        before = whole.rfind(b"\n", 0, cut - 1) + 1
        inside ^= whole.count(b'"', before, cut) % 2
        cut = before
    return cut


def _ends_in_lf(whole: bytes, *, last: bool) -> bytes:
    """Text whose lines end in LF or CRLF; a CR at the very end may wait for its LF."""
    if b"\r" not in whole or whole.count(b"\r") == whole.count(b"\r\n"):
        return whole
    if last or not whole.endswith(b"\r"):
        return _LONE_CR.sub(b"\n", whole)
    return _LONE_CR.sub(b"\n", whole[:-1]) + b"\r"


_DELIMITERS = (",", ";", "\t", "|")


def delimiter_of(lines: Sequence[str], dialect: Dialect) -> str:
    """The mark between fields.

    The mark that makes a line name the needed columns, or two lines name them together; else the
    mark with which most lines have the same number of fields, more than one. The decimal mark only
    counts if lines have quotes.
    """
    is_quoted = all('"' in line for line in lines[-5:])
    marks = [mark for mark in _DELIMITERS if mark != dialect.marks.decimal]
    marks += [mark for mark in _DELIMITERS if is_quoted and mark == dialect.marks.decimal]
    split = {mark: [_fields(line, mark) for line in lines] for mark in marks}
    for layout in get_args(Layout):
        for mark, rows in split.items():
            if any(dialect.layout_of(distinct(row)) == layout for row in rows) or any(
                dialect.crossed(one, other) for one, other in pairwise(rows)
            ):
                return mark
    widths = {mark: Counter(len(row) for row in split[mark] if len(row) > 1) for mark in marks}
    return max(marks, key=lambda mark: max(widths[mark].values(), default=0))


_REMARKS = ("#", "%", "//", ";")
_PARTED_OTHERWISE = re.compile(r'["\r\n]')


def _fields(line: str, delimiter: str) -> list[str]:
    if line and not _PARTED_OTHERWISE.search(line):
        return [field.strip() for field in line.split(delimiter)]
    rows = csv.reader(io.StringIO(line, newline=""), delimiter=delimiter, skipinitialspace=True)
    return [field.strip() for field in next(rows, [])]


class DelimitedSheet:
    """A delivery in CSV: one record per line, unless a quoted field holds line ends (RFC 4180).

    The header is the first line that names the needed columns, or the line that the dialect
    declares. Lines above it, and blank lines, are not rows. If two lines name the columns, one by
    field and one by symbol, `crossed` has each symbol's fields and their columns. `begin` has the
    first lines with their numbers. The constructor raises Refusal if there is no header; blocks
    raise it for text that is not UTF-8 and for an unclosed quote.
    reached: called with the share of the file read so far, as blocks are read.
    """

    def __init__(
        self,
        content: Content,
        dialect: Dialect,
        reached: Callable[[float], object] | None = None,
    ) -> None:
        self.name = content.name
        self._content = content
        self._dialect = dialect
        self._reached = reached
        self.begin: Sequence[tuple[int, Sequence[str]]] = ()
        self.crossed: dict[str, dict[str, str]] = {}
        self.header_line = 0
        self._header, self._skip = self._read_header()

    @property
    def titles(self) -> Sequence[str]:
        """The columns' names, without an empty last one from a delimiter at the line's end."""
        return self._header[:-1] if self._header[-1] == "" else self._header

    @property
    def settings(self) -> dict[str, Any]:
        """How the text is written."""
        return {"delimiter": self._delimiter, "header_line": self.header_line}

    def blocks(self, titles: Collection[str] = ()) -> Iterator[Callable[[], Block]]:
        """The blocks, each as a call that parses it into the columns `titles`, or all columns."""
        titles = titles or self.titles
        for piece in self._pieces(self._reached):
            yield partial(self._parse, piece, titles)

    def texts(self, lines: Sequence[int]) -> dict[int, str]:
        """The records that begin on these lines, without their line ends."""
        wanted = np.unique(np.asarray(lines, dtype=np.int64))
        found: dict[int, str] = {}
        for piece in self._pieces():
            begin, end = np.searchsorted(wanted, (piece.line, piece.next_line))
            if begin < end:
                records = find_records(piece)
                for line in wanted[begin:end].tolist():
                    record = int(np.searchsorted(records.lines, line))
                    found[line] = records.text(piece, record)
        return found

    def _read_header(self) -> tuple[list[str], int]:
        """The names, and the number of bytes before the first row, without a byte order mark."""
        for piece in text_pieces(self._content.chunks(), self.name):
            _check_encoding(piece, self.name)
            records = find_records(piece)
            first = np.flatnonzero(~blank(piece, records))[:MOST_ABOVE].tolist()
            texts = [records.text(piece, record) for record in first]
            self._delimiter = self._dialect.delimiter or delimiter_of(texts, self._dialect)
            lines = [_fields(text, self._delimiter) for text in texts]
            numbers = records.lines[first].tolist()
            self.begin = list(zip(numbers, lines, strict=True))
            if self._dialect.header_line == 0 and lines:
                return distinct([""] * len(lines[0])), 0
            if crossed := crossed_header(lines, self._dialect):
                self.header_line, self.crossed = numbers[crossed.place], crossed.columns
                return crossed.titles, int(records.starts[first[crossed.end - 1] + 1])
            place = header_place(numbers, lines, self._dialect) if lines else None
            if place is None or not any(lines[place]):
                break
            self.header_line = numbers[place]
            header = lines[place]
            below = lines[place + 1 :]
            if header[0] in _REMARKS and below and all(len(row) < len(header) for row in below):
                header = header[1:]  # np.savetxt marks its header as a remark
            if below and all(len(row) == len(header) + 1 for row in below):
                if all(row[-1] == "" for row in below):
                    header = [*header, ""]  # a delimiter ends the rows, but not the header
                elif _are_row_names([row[0] for row in below], header):
                    header = distinct(["", *header])
            named = header[:-1] if header[-1] == "" else header
            return [*distinct(named), *header[len(named) :]], int(records.starts[first[place] + 1])
        raise Refusal(
            f"{self.name}:{self._dialect.header_line or 1}: there is no header; deliver prices "
            "under column names, or set source.header_line: 0."
        )

    def _pieces(self, reached: Callable[[float], object] | None = None) -> Iterator[TextPiece]:
        skip = self._skip
        for piece in text_pieces(self._content.chunks(reached), self.name):
            if len(piece.raw) > skip:
                yield TextPiece(piece.raw[skip:], piece.line + piece.raw.count(b"\n", 0, skip))
            skip = 0

    def _parse(self, piece: TextPiece, titles: Collection[str]) -> Block:
        _check_encoding(piece, self.name)
        records = find_records(piece)
        piece = with_blanks_quoted(piece, self._delimiter)
        spoiled = self._spoiled(piece, records)
        table, odd = self._table(_without(piece, records, spoiled), titles)
        present = np.ones(len(records.lines), dtype=bool)
        present[odd] = False
        if table.num_rows != present.sum():
            raise Refusal(
                f"{self.name}:{piece.line}: the records from here on cannot be separated; "
                "correct the quotes and line ends."
            )
        overlong = self._overlong(table, present)
        bad = {
            record: self._why_odd(records.text(piece, record)) for record in [*odd, *overlong]
        } | spoiled
        keep = present & ~blank(piece, records)
        keep[list(bad)] = False
        kept = table.filter(pa.array(keep[present])) if keep.sum() < table.num_rows else table
        return Block(
            {title: kept[title].combine_chunks() for title in titles},
            records.lines[keep],
            [
                Unreadable(int(records.lines[record]), reason, None)
                for record, reason in sorted(bad.items())
            ],
        )

    def _why_odd(self, text: str) -> str:
        """The reason for a record with another number of fields than the header."""
        cells = _fields(text, self._delimiter)
        is_header = are_names(cells) and self._dialect.layout_of(cells) is not None
        return "another-header" if is_header else "field-count"

    def _spoiled(self, piece: TextPiece, records: Records) -> dict[int, str]:
        """The records to hide from the parser, each with its reason."""
        spoiled: dict[int, str] = {}
        if b'"' in piece.raw:
            stray = stray_quotes(piece, records, self._delimiter, self.name)
            spoiled = dict.fromkeys(stray.tolist(), "stray-quote")
        if b"\0" in piece.raw:
            nul = np.flatnonzero(np.frombuffer(piece.raw, dtype=np.uint8) == 0)
            found = np.searchsorted(records.starts, nul, side="right") - 1
            spoiled |= dict.fromkeys(np.unique(found).tolist(), "nul")
        return spoiled

    def _table(self, raw: bytes | bytearray, titles: Collection[str]) -> tuple[pa.Table, list[int]]:
        """The fields as text, and the records with another number of fields than the header."""
        odd: list[int] = []

        def skip(row: pa.csv.InvalidRow) -> str:
            odd.append(row.number - 1)
            return "skip"

        wanted = [*titles, ""] if self._header[-1] == "" else list(titles)
        table = pa.csv.read_csv(
            pa.BufferReader(raw),
            pa.csv.ReadOptions(
                column_names=self._header, use_threads=False, block_size=len(raw) + 1
            ),
            pa.csv.ParseOptions(
                delimiter=self._delimiter,
                newlines_in_values=b'"' in raw,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            pa.csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()),
                include_columns=wanted,
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        return table, odd

    def _overlong(self, table: pa.Table, present: np.ndarray) -> list[int]:
        """The records with text after the delimiter that ends the header."""
        if self._header[-1] != "":
            return []
        behind = pa.compute.not_equal(pa.compute.utf8_trim(table[""], " \t"), "").to_numpy()
        found: list[int] = np.flatnonzero(present)[behind].tolist()
        return found


def _are_row_names(cells: Sequence[str], header: Sequence[str]) -> bool:
    """Whether cells before the named ones are names of rows, as R writes them without a title.

    They are all different; and if the header names the date, they count the rows.
    """
    if not usual_columns("date", header):
        return "" not in cells and len(set(cells)) == len(cells)
    first = int(cells[0]) if cells[0].isdecimal() else 0
    return list(cells) == [str(number) for number in range(first, first + len(cells))]


def _check_encoding(piece: TextPiece, name: str) -> None:
    bounds = np.array([0, len(piece.raw)], dtype=np.int32)
    text = pa.StringArray.from_buffers(1, pa.py_buffer(bounds), pa.py_buffer(piece.raw))
    with suppress(pa.ArrowInvalid):  # many times faster than decoding
        text.validate(full=True)
        return
    try:
        piece.raw.decode()
    except UnicodeDecodeError as error:
        line = piece.line + piece.raw.count(b"\n", 0, error.start)
        raise not_utf8(name, line) from None


def _without(piece: TextPiece, records: Records, spoiled: dict[int, str]) -> bytes | bytearray:
    """The piece with some records replaced by spaces."""
    if not spoiled:
        return piece.raw
    raw = bytearray(piece.raw)
    for record in spoiled:
        begin, end = records.starts[record : record + 2].tolist()
        while end > begin and raw[end - 1] in b"\r\n":
            end -= 1
        raw[begin:end] = b" " * (end - begin)
    return raw
