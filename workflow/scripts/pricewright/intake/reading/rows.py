"""Check blocks of rows as delivered: which are valid, and why the others are not.

Every reader provides a `Sheet`: blocks, and the text of each row.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pricewright.files.errors import Refusal
from pricewright.intake.reading.cells import MOST_ABOVE
from pricewright.intake.reading.dates import NO_DAY, Days, parse_days
from pricewright.intake.reading.dialect import Calendar, Dialect, Layout, is_symbol, joined_title
from pricewright.intake.reading.instants import instants
from pricewright.intake.reading.numbers import Floats, Mask, Numbers, parse_numbers
from pricewright.intake.reading.quarantine import Quarantine, code
from pricewright.intake.reading.titles import distinct
from pricewright.tables.fields import VALUES

Lines = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Unreadable:
    """A row that cannot be kept: its line, the reason's code and the field at fault."""

    line: int
    reason: str
    field: str | None


TEXT, NUMBER, VALUE, NESTED = range(4)
"""What a cell was in the file: text; a number; another value; an object or a list."""


@dataclass(frozen=True)
class Block:
    """Some rows of a delivery, in its order.

    columns: title -> values (n,), as text or in the types of the format; null means no value.
    lines: (n,) where each row begins: its line, row or record, counted from 1.
    bad: the rows of this block that could not be split into columns.
    kinds: title -> TEXT, NUMBER … (n,), for columns of text that also hold values. These values
    are spelled in one way: with a decimal point, in ISO 8601, as `true` or `false`.
    """

    columns: dict[str, pa.Array]
    lines: Lines
    bad: list[Unreadable] = field(default_factory=list)
    kinds: dict[str, npt.NDArray[np.int8]] = field(default_factory=dict)

    def typed(self, title: str) -> Mask | None:
        """Which cells (n,) of a column of text are values; None if none are."""
        return self.kinds[title] != TEXT if title in self.kinds else None

    def only(self, keep: Mask) -> "Block":
        """Some of its rows, and all of its bad ones."""
        return Block(
            {title: column.filter(pa.array(keep)) for title, column in self.columns.items()},
            self.lines[keep],
            self.bad,
            {title: kinds[keep] for title, kinds in self.kinds.items()},
        )


def joined(block: Block, parts: Sequence[str]) -> Block:
    """A block with one more column: the joined texts of some columns, null if one is missing."""
    texts = [pc.utf8_trim_whitespace(block.columns[title].cast(pa.string())) for title in parts]
    known = [pc.if_else(pc.equal(each, ""), None, each) for each in texts]
    column = pc.binary_join_element_wise(*known, "")
    return replace(block, columns={**block.columns, joined_title(parts): column})


def not_utf8(name: str, line: int) -> Refusal:
    """The refusal of text in another encoding than the declared one."""
    return Refusal(
        f"{name}:{line}: not UTF-8 text; save the file as UTF-8, or set source.encoding to its "
        "encoding."
    )


class Sheet(Protocol):
    """A delivery as a reader sees it."""

    @property
    def titles(self) -> Sequence[str]:
        """The names of the columns, in order and each unique."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """How the delivery is written: values of the keys of `source` that its format knows."""

    def blocks(self, titles: Collection[str] = ()) -> Iterator[Callable[[], Block]]:
        """The blocks in order, each as a call that reads it; calls may run in parallel.

        titles: the columns that are needed; all of them if empty.
        """

    def texts(self, lines: Sequence[int]) -> dict[int, str]:
        """The delivered text of the rows that begin on these lines."""


def header_place(
    numbers: Sequence[int], lines: Sequence[Sequence[str]], dialect: Dialect
) -> int | None:
    """The place of the header among a file's first lines, which have these numbers.

    If the dialect declares the line: its place, -1 for no header, None if the line is missing.
    Else the first line that names the needed columns; but the first line of all, if none does, or
    if a line above it has a date and a number and therefore is a row.
    """
    if dialect.header_line is not None:
        return (
            [0, *numbers].index(dialect.header_line) - 1
            if dialect.header_line in (0, *numbers)
            else None
        )
    for layout in get_args(Layout):  # a line above a long header may look like a wide header
        for place, line in enumerate(lines):
            titles = distinct(line)
            if dialect.layout_of(titles) == layout:
                return 0 if any(_is_row(above, dialect) for above in lines[:place]) else place
    return 0


@dataclass(frozen=True)
class CrossedHeader:
    """A header of two lines, one of fields and one of symbols.

    place, end: where it begins and ends among the first lines.  columns: each symbol's date and
    values, and their titles.
    """

    place: int
    end: int
    titles: list[str]
    columns: dict[str, dict[str, str]]


def crossed_columns(sheet: Sheet, dialect: Dialect) -> dict[str, dict[str, str]]:
    """Each symbol's date and values with their columns, if a column holds one field of one
    symbol."""
    found: dict[str, dict[str, str]] = getattr(sheet, "crossed", {})
    return found or dialect.combined(sheet.titles)


def crossed_header(lines: Sequence[Sequence[str]], dialect: Dialect) -> CrossedHeader | None:
    """The header of two lines, or of three if the date's name has its own line, as in yfinance."""
    if dialect.header_line is not None:
        return None
    for place, (one, other) in enumerate(pairwise(lines)):
        if places := dialect.crossed(one, other):
            below = lines[place + 2] if place + 2 < len(lines) else []
            named = any(below[:1]) and not any(below[1:])
            dates = {names["date"] for names in places.values()}
            titles = [f"{a} {b}".strip() for a, b in zip(one, other, strict=True)]
            for symbol, names in places.items():
                for ours, column in names.items():
                    titles[column] = f"{ours} {symbol}"
            if len(dates) == 1:
                titles[0] = below[0] if named else "Date"
            titles = distinct(titles)
            columns = {
                symbol: {ours: titles[column] for ours, column in names.items()}
                for symbol, names in places.items()
            }
            return CrossedHeader(place, place + 2 + named, titles, columns)
    return None


def _is_row(line: Sequence[str], dialect: Dialect) -> bool:
    """Whether a line has a date and, in another field, a number."""
    cells = pa.array(line, pa.string())
    dated = parse_days(cells, dialect.calendar).reasons == ""
    numbers = ~np.isnan(parse_numbers(cells, dialect.marks).values)
    return bool(dated.any() and (numbers & ~dated).any())


WHOLE = 2.0**53
"""Above this, not every whole number has its own float."""


@dataclass(frozen=True)
class CheckedRows:
    """Valid rows in the order of the delivery, (n,) each.

    days: since 1970-01-01.  symbols: places in `names`.  values: by our column name, NaN if
    missing.  lines: where each row was delivered.  times: microseconds since midnight, None if all
    are at midnight.
    """

    names: Sequence[str]
    days: npt.NDArray[np.int32]
    symbols: npt.NDArray[np.int32]
    values: Mapping[str, Floats]
    lines: Lines
    times: npt.NDArray[np.int64] | None = None

    def times_of_day(self) -> npt.NDArray[np.int64]:
        """The times (n,), also if all are at midnight."""
        return np.zeros(len(self.days), np.int64) if self.times is None else self.times

    def only(self, keep: Mask) -> "CheckedRows":
        """Some of the rows."""
        if keep.all():
            return self
        return CheckedRows(
            self.names,
            self.days[keep],
            self.symbols[keep],
            {ours: values[keep] for ours, values in self.values.items()},
            self.lines[keep],
            None if self.times is None else self.times[keep],
        )


def left_out(block: Block, where: Mapping[str, Sequence[str]]) -> tuple[Block, int]:
    """Leave out the rows whose text in a column is not allowed; returns the rest and the count.

    Blanks around a text do not count, and a missing value is an empty text.
    """
    keep = np.ones(len(block.lines), dtype=bool)
    for title, allowed in where.items():
        texts = pc.fill_null(block.columns[title].cast(pa.string()), "")
        found = pc.is_in(pc.utf8_trim(texts, " \t"), pa.array(allowed, pa.string()))
        keep &= found.to_numpy(zero_copy_only=False)
    return block.only(keep), int((~keep).sum())


def check_long(
    block: Block, names: Mapping[str, str], titles: Sequence[str], dialect: Dialect
) -> tuple[CheckedRows, Quarantine]:
    """Check a block with one row per symbol and date; `names` maps our names to the file's.

    In a strict column, an invalid value costs the whole row. In the others, the value is missing,
    and the quarantine has an entry that stands for no row. A row that has words but no value, such
    as a dividend, is lost.
    """
    usual = [ours for ours in ("adj_close", "close") if ours in names][:1]
    strict = dialect.strict or usual
    faults = _Faults(len(block.lines), titles, strict)
    days = _check_days(faults, block, names, dialect)
    if "symbol" in names:
        symbols, known = _symbols(block, names["symbol"], dialect)
        faults.add(symbols < 0, "bad-symbol", names["symbol"])
    else:
        symbols, known = np.zeros(len(block.lines), dtype=np.int32), [dialect.symbol or ""]
    values: dict[str, Floats] = {}
    unread = np.ones(len(block.lines), dtype=bool)
    worded: list[tuple[Mask, str]] = []
    for ours in VALUES:
        if ours in names:
            title = names[ours]
            numbers = parse_numbers(
                block.columns[title],
                dialect.marks,
                block.typed(title),
                multiples=ours == "volume",
            )
            values[ours] = numbers.values
            unread &= numbers.unreadable
            for reason, mask in _value_faults(ours, numbers, dialect):
                faults.add_to(values, ours, mask, reason, title)
            if numbers.unreadable.any():  # perhaps words without a value: a dividend, or a split
                worded.append((numbers.unreadable, title))
    for mask, title in worded:
        empty = np.all([np.isnan(column) for column in values.values()], axis=0)
        faults.add(mask & empty, "unreadable-number", title)
    others = _other_headers(block, days, unread, names.values(), dialect.header_line)
    faults.add(others, "another-header", names["date"], above_all=True)
    _check_range(faults, names, values)
    keep = faults.none()
    rows = CheckedRows(known, days.days, symbols, values, block.lines, days.times)
    told = ~keep & (symbols >= 0) & (days.days != NO_DAY)
    faulty = _with_latest(faults.of(block), rows, told, dialect.calendar)
    lost = [_unread(block, titles), faulty, *faults.cells(block, keep)]
    return rows.only(keep), Quarantine.joined(titles, lost)


def check_wide(
    block: Block,
    names: Mapping[str, str],
    symbols: Sequence[str],
    titles: Sequence[str],
    dialect: Dialect,
) -> tuple[CheckedRows, Quarantine]:
    """Check a block with one row per date; each cell of a symbol's column is a row.

    names: our names of the date, and of a time beside it, with the file's.
    """
    date = names["date"]
    dated = _Faults(len(block.lines), titles)
    days = _check_days(dated, block, names, dialect)
    matrix = np.empty((len(block.lines), len(symbols)))
    believed = np.zeros(matrix.shape, dtype=bool)
    unread = np.ones(len(block.lines), dtype=bool)
    keep, lost, nothing = dated.none(), [], np.zeros(len(block.lines), dtype=np.int32)
    for place, symbol in enumerate(symbols):
        numbers = parse_numbers(block.columns[symbol], dialect.marks, block.typed(symbol))
        unread &= numbers.unreadable
        faults = _Faults(len(block.lines), titles)
        for reason, mask in _value_faults("close", numbers, dialect):
            faults.add(mask, reason, symbol)
        faults.ignore(~keep)
        matrix[:, place], believed[:, place] = numbers.values, faults.none() & keep
        own = CheckedRows([symbol], days.days, nothing, {}, block.lines, days.times)
        told = ~faults.none() & keep
        lost.append(_with_latest(faults.of(block), own, told, dialect.calendar))
    others = _other_headers(block, days, unread, [date, *symbols], dialect.header_line)
    dated.add(others, "another-header", date, above_all=True)
    lost += [_unread(block, titles, len(symbols)), dated.of(block, len(symbols))]
    row, column = np.nonzero(believed)
    rows = CheckedRows(
        symbols,
        days.days[row],
        column.astype(np.int32),
        {"close": matrix[row, column]},
        block.lines[row],
        None if days.times is None else days.times[row],
    )
    return rows, Quarantine.joined(titles, lost)


def _with_latest(lost: Quarantine, rows: CheckedRows, told: Mask, calendar: Calendar) -> Quarantine:
    """A quarantine that knows when its rows were; told: which rows (n,) have a symbol and a day."""
    if not told.any():
        return lost
    by_day = calendar.bars == "intraday"
    times = 0 if rows.times is None or not by_day else rows.times[told]
    when = instants(rows.days[told], times)
    return lost.with_latest(rows.names, rows.symbols[told], when, by_day=by_day)


def check_crossed(
    block: Block,
    columns: Mapping[str, Mapping[str, str]],
    titles: Sequence[str],
    dialect: Dialect,
) -> tuple[CheckedRows, Quarantine]:
    """Check a block with a column for each field of each symbol; `columns` names them.

    If a symbol has no value at all on a date, there is no row.
    """
    parts, lost = [], []
    for symbol, names in columns.items():
        here = _filled(block, names.values())
        found = check_long(here, names, titles, replace(dialect, symbol=symbol))
        empty = np.all([np.isnan(values) for values in found[0].values.values()], axis=0)
        parts.append(found[0].only(~empty))
        lost.append(found[1])
    fields = [ours for ours in VALUES if any(ours in names for names in columns.values())]
    counts = [len(part.days) for part in parts]
    rows = CheckedRows(
        list(columns),
        np.concatenate([part.days for part in parts]),
        np.repeat(np.arange(len(parts), dtype=np.int32), counts),
        {
            ours: np.concatenate(
                [part.values.get(ours, np.full(len(part.days), np.nan)) for part in parts]
            )
            for ours in fields
        },
        np.concatenate([part.lines for part in parts]),
        joined_times(parts),
    )
    return rows, Quarantine.joined(titles, lost)


def _filled(block: Block, titles: Iterable[str]) -> Block:
    """The rows that have anything in these columns; shorter tables end above longer ones."""
    filled: Mask = np.zeros(len(block.lines), dtype=bool)
    for title in titles:
        column = block.columns[title]
        if pa.types.is_string(column.type):
            column = pc.utf8_length(pc.utf8_trim(column, " \t"))
            column = pc.if_else(pc.equal(column, 0), None, column)
        filled |= column.is_valid().to_numpy(zero_copy_only=False)
        if filled.all():
            return block
    return block.only(filled)


class _Faults:
    """The first fault of each of n rows, and the values that become missing instead."""

    def __init__(self, count: int, titles: Sequence[str], strict: Collection[str] = ()) -> None:
        self._titles = titles
        self._strict = strict
        self._reasons = np.full(count, -1, dtype=np.int8)
        self._fields = np.full(count, -1, dtype=np.int32)
        self._cells: list[tuple[Mask, np.int8, int]] = []

    def add(self, mask: Mask, reason: str, title: str, *, above_all: bool = False) -> None:
        if mask.any():
            new = mask if above_all else mask & (self._reasons < 0)
            self._reasons[new] = code(reason)
            self._fields[new] = self._titles.index(title)

    def add_to(
        self,
        values: dict[str, Floats],
        ours: str,
        mask: Mask,
        reason: str,
        title: str,
    ) -> None:
        """Add a fault of a value: in a strict column it costs the row, otherwise the value."""
        if ours in self._strict:
            self.add(mask, reason, title)
        elif mask.any():
            values[ours] = np.where(mask, np.nan, values[ours])
            self._cells.append((mask, code(reason), self._titles.index(title)))

    def cells(self, block: Block, keep: Mask) -> Iterator[Quarantine]:
        """The values that are missing in kept rows."""
        for mask, reason, place in self._cells:
            yield Quarantine.of(self._titles, block.lines[mask & keep], reason, place, rows=0)

    def ignore(self, mask: Mask) -> None:
        self._reasons[mask] = -1

    def none(self) -> Mask:
        mask: Mask = self._reasons < 0
        return mask

    def of(self, block: Block, rows: int = 1) -> Quarantine:
        at = np.flatnonzero(self._reasons >= 0)
        return Quarantine.of(
            self._titles, block.lines[at], self._reasons[at], self._fields[at], rows
        )


def _unread(block: Block, titles: Sequence[str], rows: int = 1) -> Quarantine:
    """The rows that the reader itself could not split into columns."""
    return Quarantine.of(
        titles,
        [bad.line for bad in block.bad],
        [code(bad.reason) for bad in block.bad],
        [titles.index(bad.field) if bad.field in titles else -1 for bad in block.bad],
        rows,
    )


def cell_texts(
    sheet: Sheet, cells: Collection[tuple[int, str | None]]
) -> dict[tuple[int, str | None], str]:
    """The text of some cells, each given by line and title; reads their columns again."""
    if not cells:
        return {}
    titles = {title for _, title in cells if title}
    last = max(line for line, _ in cells)
    found: dict[tuple[int, str | None], str] = {}
    for read in sheet.blocks(titles):
        block = read()
        for line, title in cells:
            row = int(np.searchsorted(block.lines, line))
            if title and row < len(block.lines) and block.lines[row] == line:
                cell = block.columns[title][row].as_py()
                found[line, title] = "" if cell is None else str(cell)
        if len(block.lines) and block.lines[-1] >= last:
            break
    return found


def texts_in(column: pa.Array) -> list[str]:
    """The distinct texts of a column, as symbols are read."""
    texts = column.cast(pa.string()).unique().to_pylist()
    return [bare(text) for text in texts if text is not None]


_PADDING = " \t\u00a0"
"""The blanks that may surround a symbol, including the non-breaking one."""


def bare(text: str) -> str:
    """A symbol without blanks around it, and without the marks by which programs keep Excel from
    taking it for a number: `="0700"` or `'0700`."""
    text = text.strip(_PADDING).removeprefix("'")
    return text[2:-1] if len(text) > 3 and text[:2] == '="' and text[-1] == '"' else text


def _symbols(
    block: Block, title: str, dialect: Dialect
) -> tuple[npt.NDArray[np.int32], Sequence[str]]:
    """Each row's symbol as a place in the list of symbols, -1 if it is not a symbol.

    A whole number, such as a ticker from Tokyo in Excel, is the text of its digits. A date, a truth
    value or a fraction is not a symbol: a program converted the real one.
    """
    column, kinds = block.columns[title], block.kinds.get(title)
    if not pa.types.is_string(column.type):
        column, kinds = column.cast(pa.string()), np.full(len(column), NUMBER, np.int8)
    coded = pc.dictionary_encode(column, null_encoding="encode")
    order = pc.array_sort_indices(coded.dictionary)
    sorted_ = tuple(coded.dictionary.take(order).to_pylist())
    found, known = _places_of(sorted_, dialect.symbol_pattern)
    places = np.empty_like(found)
    places[order.to_numpy()] = found
    codes = coded.indices.to_numpy()
    symbols = places[codes]
    if kinds is not None:
        texts = coded.dictionary.to_pylist()
        whole = np.array([text is not None and text.strip(_PADDING).isdecimal() for text in texts])
        symbols[(kinds == VALUE) | ((kinds == NUMBER) & ~whole[codes])] = -1
    return symbols, known


@lru_cache(8)  # in a file sorted by date, all blocks have the same symbols
def _places_of(
    texts: tuple[str | None, ...], pattern: str
) -> tuple[npt.NDArray[np.int32], Sequence[str]]:
    """Each text's place among the symbols that the texts contain, -1 if it is none; and these.

    The texts are sorted, so that they are the same wherever a block begins.
    """
    stripped = [text and bare(text) for text in texts]
    different = [text for text in dict.fromkeys(stripped) if text is not None]
    known = [text for text in different if is_symbol(text, pattern)]
    place: dict[str | None, int] = {text: number for number, text in enumerate(known)}
    return np.array([place.get(text, -1) for text in stripped], dtype=np.int32), known


def _check_days(faults: _Faults, block: Block, names: Mapping[str, str], dialect: Dialect) -> Days:
    title = names["date"]
    times = block.columns[names["time"]] if "time" in names else None
    days = parse_days(block.columns[title], dialect.calendar, block.typed(title), times)
    if times is not None and "unreadable-date" in days.faults:  # is the date or the time wrong?
        alone = parse_days(block.columns[title], dialect.calendar, block.typed(title))
        mask = (days.reasons == "unreadable-date") & (alone.reasons == "")
        faults.add(mask, "unreadable-date", names["time"])
    rows = np.flatnonzero(days.reasons != "") if days.faults else np.array([], dtype=np.intp)
    for reason in days.faults:
        mask = np.zeros(len(days.reasons), dtype=bool)
        mask[rows[days.reasons[rows] == reason]] = True
        faults.add(mask, reason, title)
    return days


def _other_headers(
    block: Block, days: Days, unread: Mask, titles: Iterable[str], declared: int | None
) -> Mask:
    """Which rows (n,) are another header: other names, or the same in another order.

    That is a row whose date and values are all words, each different. If the header's line is
    declared, words between it and the first row with a date are not a header.
    """
    found: Mask = np.zeros(len(unread), dtype=bool)
    if "unreadable-date" not in days.faults:
        return found
    rows = np.flatnonzero(unread)
    found[rows] = days.reasons[rows] == "unreadable-date"
    titles = list(titles)
    if declared and block.lines[0] <= declared + MOST_ABOVE:
        found[: np.argmax(days.reasons == "")] = False
    for row in np.flatnonzero(found).tolist():
        texts = [str(block.columns[title][row].as_py()) for title in titles]
        # in files that were joined, each header may bring its byte order mark
        cells = [text.removeprefix("\ufeff").strip() for text in texts]
        found[row] = are_names(cells) and cells != titles
    return found


def are_names(cells: Sequence[str]) -> bool:
    """Whether cells may name columns: at least two, all of them words, and all different."""
    are_words = all(re.search(r"[^\W\d]", cell) for cell in cells)
    return are_words and len(set(cells)) == len(cells) > 1


def _value_faults(ours: str, numbers: Numbers, dialect: Dialect) -> Iterator[tuple[str, Mask]]:
    """The faults of the values of one column."""
    yield "unreadable-number", numbers.unreadable
    yield "infinite-number", numbers.infinite
    with np.errstate(invalid="ignore"):
        if ours == "volume":
            yield "sign", numbers.values < 0
            yield "overflowing-volume", np.abs(numbers.values) > WHOLE
        elif dialect.prices == "positive":
            yield "sign", numbers.values <= 0
        elif dialect.prices == "nonnegative":
            yield "sign", numbers.values < 0


def _check_range(faults: _Faults, names: Mapping[str, str], values: dict[str, Floats]) -> None:
    if "high" in values and "low" in values:
        crossed = _beyond(values["low"], values["high"])
        for ours in ("high", "low"):
            faults.add_to(values, ours, crossed, "high-below-low", names[ours])
    for ours in ("open", "close"):
        if ours in values:
            if "high" in values:
                above = _beyond(values[ours], values["high"])
                faults.add_to(values, ours, above, "outside-range", names[ours])
            if "low" in values:
                below = _beyond(values["low"], values[ours])
                faults.add_to(values, ours, below, "outside-range", names[ours])


def _beyond(one: Floats, other: Floats) -> Mask:
    """Which prices (n,) exceed others by more than four units in the last place, that is, by more
    than rounding.

    A missing price never does, because comparing with NaN is false.
    """
    found: Mask = one > other
    if found.any():
        rows = np.flatnonzero(found)
        found[rows] = one[rows] - other[rows] > 4 * np.spacing(np.abs(other[rows]))
    return found


def joined_times(parts: Sequence[CheckedRows]) -> npt.NDArray[np.int64] | None:
    """The times of the rows of all parts, None if all are at midnight."""
    if all(part.times is None for part in parts):
        return None
    return np.concatenate([part.times_of_day() for part in parts])
