"""Blocks of rows as they stand in the delivery: which can be believed, and why the others cannot.

Every reader gives a `Sheet`: blocks, and the text of each row.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pricewright.intake.reading.dates import parse_days
from pricewright.intake.reading.dialect import Dialect
from pricewright.intake.reading.numbers import Floats, Mask, parse_numbers
from pricewright.intake.reading.quarantine import Quarantine, code
from pricewright.tables.fields import VALUES

Lines = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Unreadable:
    """A row that cannot be kept: its line, the reason's code, the field at fault, its own text."""

    line: int
    reason: str
    field: str | None
    text: str


@dataclass(frozen=True)
class Block:
    """Some rows of a delivery, in its order.

    columns: title -> values (n,): text, or the types that the format has; null is no value.
    lines: (n,) the line, row or record, counted from 1, that each begins on.
    bad: the rows of this block that could not be put into columns.
    """

    columns: dict[str, pa.Array]
    lines: Lines
    bad: list[Unreadable] = field(default_factory=list)


class Sheet(Protocol):
    """A delivery as a reader sees it."""

    @property
    def titles(self) -> Sequence[str]:
        """The names of the columns, in order, each once."""

    def blocks(self, titles: Collection[str] = ()) -> Iterator[Callable[[], Block]]:
        """The blocks, in order, each as a call that reads it; calls may run side by side.

        Of the columns, those in `titles` are needed, or all if none are named.
        """

    def texts(self, lines: Sequence[int]) -> dict[int, str]:
        """The delivered text of the rows that begin on some lines."""


WHOLE = 2.0**53
"""Beyond it, not every whole number has a float of its own."""


@dataclass(frozen=True)
class Rows:
    """Believable rows in the order of the delivery: (n,) each.

    days: since 1970-01-01.  symbols: places in `names`.  values: by our column, NaN is missing.
    lines: where each was delivered.
    """

    names: Sequence[str]
    days: npt.NDArray[np.int32]
    symbols: npt.NDArray[np.int32]
    values: Mapping[str, Floats]
    lines: Lines


def check_long(
    block: Block, names: Mapping[str, str], titles: Sequence[str], dialect: Dialect
) -> tuple[Rows, Quarantine]:
    """The rows of a block with a row per symbol and date; `names` has ours and the file's."""
    faults = _Faults(len(block.lines), titles)
    days = parse_days(block.columns[names["date"]], dialect.calendar)
    for reason in set(days.reasons) - {""}:
        faults.add(days.reasons == reason, reason, names["date"])
    if "symbol" in names:
        symbols, known = _symbols(block.columns[names["symbol"]], dialect)
        faults.add(symbols < 0, "bad-symbol", names["symbol"])
    else:
        symbols, known = np.zeros(len(block.lines), dtype=np.int32), [dialect.symbol or ""]
    values: dict[str, Floats] = {}
    for ours in VALUES:
        if ours in names:
            numbers = parse_numbers(block.columns[names[ours]], dialect.marks)
            faults.add(numbers.unreadable, "unreadable-number", names[ours])
            faults.add(numbers.infinite, "infinite-number", names[ours])
            _check_value(faults, ours, names[ours], numbers.values, dialect)
            values[ours] = numbers.values
    _check_range(faults, names, values)
    keep = faults.none()
    rows = Rows(known, days.days, symbols, values, block.lines)
    return _only(rows, keep), Quarantine.joined(titles, [_unread(block, titles), faults.of(block)])


def check_wide(
    block: Block, date: str, titles: Sequence[str], dialect: Dialect
) -> tuple[Rows, Quarantine]:
    """The rows of a block with a row per date: one for each of its other columns, a symbol's."""
    symbols = [title for title in titles if title != date]
    days = parse_days(block.columns[date], dialect.calendar)
    dated = _Faults(len(block.lines), titles)
    for reason in set(days.reasons) - {""}:
        dated.add(days.reasons == reason, reason, date)
    keep = dated.none()
    lost = [_unread(block, titles, len(symbols)), dated.of(block, len(symbols))]
    matrix = np.empty((len(block.lines), len(symbols)))
    believed = np.zeros(matrix.shape, dtype=bool)
    for place, symbol in enumerate(symbols):
        numbers = parse_numbers(block.columns[symbol], dialect.marks)
        faults = _Faults(len(block.lines), titles)
        faults.add(numbers.unreadable, "unreadable-number", symbol)
        faults.add(numbers.infinite, "infinite-number", symbol)
        _check_value(faults, "close", symbol, numbers.values, dialect)
        faults.ignore(~keep)
        matrix[:, place], believed[:, place] = numbers.values, faults.none() & keep
        lost.append(faults.of(block))
    row, column = np.nonzero(believed)
    rows = Rows(
        symbols,
        days.days[row],
        column.astype(np.int32),
        {"close": matrix[row, column]},
        block.lines[row],
    )
    return rows, Quarantine.joined(titles, lost)


class _Faults:
    """The first fault of each of n rows."""

    def __init__(self, count: int, titles: Sequence[str]) -> None:
        self._titles = titles
        self._reasons = np.full(count, -1, dtype=np.int8)
        self._fields = np.full(count, -1, dtype=np.int32)

    def add(self, mask: Mask, reason: str, title: str) -> None:
        if mask.any():
            new = mask & (self._reasons < 0)
            self._reasons[new] = code(reason)
            self._fields[new] = self._titles.index(title)

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
    """What the reader itself could not put into columns."""
    return Quarantine.of(
        titles,
        [bad.line for bad in block.bad],
        [code(bad.reason) for bad in block.bad],
        [titles.index(bad.field) if bad.field in titles else -1 for bad in block.bad],
        rows,
    )


def _symbols(column: pa.Array, dialect: Dialect) -> tuple[npt.NDArray[np.int32], Sequence[str]]:
    """Each row's symbol as a place in the symbols, -1 for what is none."""
    if not pa.types.is_string(column.type):
        column = column.cast(pa.string(), safe=False)
    coded = pc.dictionary_encode(column, null_encoding="encode")
    texts = coded.dictionary.to_pylist()
    known = [text for text in texts if dialect.is_symbol(text)]
    place = {text: number for number, text in enumerate(known)}
    places = np.array([place.get(text, -1) for text in texts], dtype=np.int32)
    return places[coded.indices.to_numpy()], known


def _check_value(faults: _Faults, ours: str, title: str, values: Floats, dialect: Dialect) -> None:
    with np.errstate(invalid="ignore"):
        if ours == "volume":
            faults.add(values < 0, "sign", title)
            faults.add(np.abs(values) > WHOLE, "overflowing-volume", title)
            faults.add((values % 1 != 0) & ~np.isnan(values), "fractional-volume", title)
        elif dialect.prices == "positive":
            faults.add(values <= 0, "sign", title)
        elif dialect.prices == "nonnegative":
            faults.add(values < 0, "sign", title)


def _check_range(faults: _Faults, names: Mapping[str, str], values: Mapping[str, Floats]) -> None:
    """A missing price is never outside: comparing with NaN is false."""
    high, low = values.get("high"), values.get("low")
    if high is not None and low is not None:
        faults.add(high < low, "high-below-low", names["high"])
    for ours in ("open", "close"):
        if ours in values:
            if high is not None:
                faults.add(values[ours] > high, "outside-range", names[ours])
            if low is not None:
                faults.add(values[ours] < low, "outside-range", names[ours])


def _only(rows: Rows, keep: Mask) -> Rows:
    if keep.all():
        return rows
    return Rows(
        rows.names,
        rows.days[keep],
        rows.symbols[keep],
        {ours: values[keep] for ours, values in rows.values.items()},
        rows.lines[keep],
    )
