"""Delimited text, each field as the text it is."""

import csv
import io
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.csv

from pricewright.errors import Refusal
from pricewright.reading.content import Content
from pricewright.reading.pieces import Piece, Records, blank, find_records, pieces, stray_quotes
from pricewright.reading.sheet import Bad, Block


class DelimitedSheet:
    """A delivery in CSV: one record a line, unless a quoted field holds line ends (RFC 4180).

    Blank lines are no rows. Making one raises Refusal if the header does not consist of
    distinct names; its blocks raise it for text that is not UTF-8 and for an unclosed quote.
    reached: told, as blocks are read, which share of the file that was.
    """

    def __init__(
        self,
        content: Content,
        delimiter: str = ",",
        reached: Callable[[float], object] | None = None,
    ) -> None:
        self.name = content.name
        self._content = content
        self._delimiter = delimiter
        self._reached = reached
        self._header, self._skip = self._read_header()

    @property
    def titles(self) -> Sequence[str]:
        """The columns' names; an empty last one, of a line that ends in a delimiter, aside."""
        return self._header[:-1] if self._header[-1] == "" else self._header

    def blocks(self, titles: Collection[str] = ()) -> Iterator[Callable[[], Block]]:
        """The blocks, each as a call that parses it and makes the columns `titles`, or all."""
        titles = titles or self.titles
        for piece in self._pieces(self._reached):
            yield partial(self._parse, piece, titles)

    def texts(self, lines: Sequence[int]) -> dict[int, str]:
        """The records that begin on some lines, without their line ends."""
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
        """The names, and how many bytes (a byte order mark aside) come before the first row."""
        for piece in pieces(self._content.chunks(), self.name):
            _check_encoding(piece, self.name)
            records = find_records(piece)
            record = int(np.argmin(blank(piece, records)))
            text = records.text(piece, record)
            fields = next(csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter), [])
            header = [title.strip() for title in fields]
            for place, title in enumerate(header):
                if header.count(title) > 1 or (title == "" and place < len(header) - 1):
                    raise Refusal(
                        f"{self.name}:{records.lines[record]}: the column name {title!r} is empty "
                        "or there twice; mend the header."
                    )
            if any(header):
                return header, int(records.starts[record + 1])
            break
        raise Refusal(f"{self.name}:1: there is no header; deliver prices under column names.")

    def _pieces(self, reached: Callable[[float], object] | None = None) -> Iterator[Piece]:
        skip = self._skip
        for piece in pieces(self._content.chunks(reached), self.name):
            if len(piece.raw) > skip:
                yield Piece(piece.raw[skip:], piece.line + piece.raw.count(b"\n", 0, skip))
            skip = 0

    def _parse(self, piece: Piece, titles: Collection[str]) -> Block:
        _check_encoding(piece, self.name)
        records = find_records(piece)
        spoiled = self._spoiled(piece, records)
        table, odd = self._table(_without(piece, records, spoiled), titles)
        present = np.ones(len(records.lines), dtype=bool)
        present[odd] = False
        if table.num_rows != present.sum():
            raise Refusal(
                f"{self.name}:{piece.line}: the records from here on cannot be told apart; "
                "mend the quotes and line ends."
            )
        overlong = self._overlong(table, present)
        bad = dict.fromkeys([*odd, *overlong], "field-count") | spoiled
        keep = present & ~blank(piece, records)
        keep[list(bad)] = False
        kept = table.filter(pa.array(keep[present])) if keep.sum() < table.num_rows else table
        return Block(
            {title: kept[title].combine_chunks() for title in titles},
            records.lines[keep],
            [
                Bad(int(records.lines[record]), reason, None, records.text(piece, record))
                for record, reason in sorted(bad.items())
            ],
        )

    def _spoiled(self, piece: Piece, records: Records) -> dict[int, str]:
        """The records that no parser should see, with the reason."""
        spoiled: dict[int, str] = {}
        if b'"' in piece.raw:
            stray = stray_quotes(piece, records, self._delimiter, self.name)
            spoiled = dict.fromkeys(stray.tolist(), "stray-quote")
        if b"\0" in piece.raw:
            nul = np.flatnonzero(np.frombuffer(piece.raw, dtype=np.uint8) == 0)
            found = np.searchsorted(records.starts, nul, side="right") - 1
            spoiled |= dict.fromkeys(np.unique(found).tolist(), "nul")
        return spoiled

    def _table(self, raw: bytes, titles: Collection[str]) -> tuple[pa.Table, list[int]]:
        """The fields as text, and the records that have not as many as the header."""
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
        """The records with something behind the delimiter that ends the header."""
        if self._header[-1] != "":
            return []
        behind = pa.compute.not_equal(table[""], "").to_numpy()
        found: list[int] = np.flatnonzero(present)[behind].tolist()
        return found


def _check_encoding(piece: Piece, name: str) -> None:
    if piece.raw.isascii():
        return
    try:
        piece.raw.decode()
    except UnicodeDecodeError as error:
        line = piece.line + piece.raw.count(b"\n", 0, error.start)
        raise Refusal(f"{name}:{line}: not UTF-8 text; save the file as UTF-8.") from None


def _without(piece: Piece, records: Records, spoiled: dict[int, str]) -> bytes:
    """The piece with spaces in the place of some records."""
    if not spoiled:
        return piece.raw
    raw = bytearray(piece.raw)
    for record in spoiled:
        begin, end = records.starts[record : record + 2].tolist()
        while end > begin and raw[end - 1] in b"\r\n":
            end -= 1
        raw[begin:end] = b" " * (end - begin)
    return bytes(raw)
