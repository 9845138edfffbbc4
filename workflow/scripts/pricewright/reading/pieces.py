"""Delimited text cut into pieces that end where a record ends (RFC 4180)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pricewright.errors import Refusal
from pricewright.reading.sheet import Lines

PIECE = 8_000_000
"""Bytes at a time: enough to keep the calls few, little enough to keep several in memory."""

LONGEST_RECORD = 64_000_000

_BOM = b"\xef\xbb\xbf"
_LONE_CR = re.compile(rb"\r(?!\n)")
_LF, _CR, _QUOTE = b'\n\r"'


@dataclass(frozen=True)
class Piece:
    """Whole records: their bytes, and the line on which the first begins, counted from 1."""

    raw: bytes
    line: int

    @property
    def next_line(self) -> int:
        """The line on which what follows begins."""
        return self.line + line_ends(self.raw) + (not self.raw.endswith(b"\n"))


@dataclass(frozen=True)
class Records:
    """Where the n records of a piece begin: offsets (n + 1,), the last its end, and lines (n,)."""

    starts: Lines
    lines: Lines

    def text(self, piece: Piece, record: int) -> str:
        """A record as it was delivered, without its line end."""
        raw = piece.raw[self.starts[record] : self.starts[record + 1]]
        return raw.rstrip(b"\r\n").decode(errors="replace")


def pieces(chunks: Iterable[bytes], name: str, size: int = PIECE) -> Iterator[Piece]:
    """A delivery's bytes as pieces of at least `size` bytes and whole records, in order.

    A byte order mark is left out; a carriage return by itself ends a line like a line feed,
    which takes its place. Raises Refusal for a quote that is never closed.
    """
    held: list[bytes] = []
    length, line = 0, 1
    for number, chunk in enumerate(chunks):
        held.append(chunk.removeprefix(_BOM) if number == 0 else chunk)
        length += len(held[-1])
        if length < size:
            continue
        whole = _ends_in_lf(b"".join(held), last=False)
        cut = _last_end(whole)
        if not cut and length > LONGEST_RECORD:
            raise Refusal(
                f"{name}:{line}: the record that begins here is longer than "
                f"{LONGEST_RECORD // 1_000_000} MB; close its quote, or mend its line end."
            )
        if cut:
            piece = Piece(whole[:cut], line)
            yield piece
            line = piece.next_line
        held = [whole[cut:]]
        length = len(held[0])
    rest = _ends_in_lf(b"".join(held), last=True)
    if rest.count(b'"') % 2:
        raise _unclosed(name, line + rest.count(b"\n", 0, rest.rindex(b'"')))
    if rest:
        yield Piece(rest, line)


def line_ends(raw: bytes) -> int:
    """How many lines end in some bytes; many times faster than `bytes.count`."""
    return int(np.count_nonzero(np.frombuffer(raw, dtype=np.uint8) == _LF))


def find_records(piece: Piece) -> Records:
    """The records of a piece; a blank line is one too."""
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


def blank(piece: Piece, records: Records) -> npt.NDArray[np.bool_]:
    """Which records (n,) are blank lines."""
    lengths = np.diff(records.starts)
    first = np.frombuffer(piece.raw, dtype=np.uint8)[records.starts[:-1]]
    found: npt.NDArray[np.bool_] = (lengths <= 2) & ((first == _LF) | (first == _CR))
    return found


def stray_quotes(piece: Piece, records: Records, delimiter: str, name: str) -> Lines:
    """The records (k,) with a quote that neither begins nor ends a field, each once.

    Raises Refusal if such a quote leaves its line with an odd number of them: from there on
    nothing says which line ends are inside a field.
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
            raise _unclosed(name, piece.line + line)
    return np.unique(np.searchsorted(records.starts, stray, side="right") - 1)


def _unclosed(name: str, line: int) -> Refusal:
    return Refusal(f"{name}:{line}: a quote on this line is never closed; close it, or remove it.")


def _last_end(whole: bytes) -> int:
    """How many bytes are whole records: up to the last line end that no quotes enclose."""
    cut = whole.rfind(b"\n") + 1
    inside = whole.count(b'"', 0, cut) % 2
    while inside and cut:
        before = whole.rfind(b"\n", 0, cut - 1) + 1
        inside ^= whole.count(b'"', before, cut) % 2
        cut = before
    return cut


def _ends_in_lf(whole: bytes, *, last: bool) -> bytes:
    """Text whose lines end in LF or CRLF; a CR at the very end may wait for its LF."""
    if whole.count(b"\r") == whole.count(b"\r\n"):
        return whole
    if last or not whole.endswith(b"\r"):
        return _LONE_CR.sub(b"\n", whole)
    return _LONE_CR.sub(b"\n", whole[:-1]) + b"\r"
