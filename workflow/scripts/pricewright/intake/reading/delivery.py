"""A delivery, read: the prices that can be believed, and the rows that cannot."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pricewright.files.errors import Refusal
from pricewright.intake.reading.bars import daily_bars
from pricewright.intake.reading.content import Content
from pricewright.intake.reading.dates import are_of_last_century, parse_days
from pricewright.intake.reading.delimited import DelimitedSheet
from pricewright.intake.reading.dialect import Dialect
from pricewright.intake.reading.numbers import parse_numbers
from pricewright.intake.reading.proposals import remedy
from pricewright.intake.reading.quarantine import REASONS, Quarantine, code
from pricewright.intake.reading.rows import (
    Block,
    CheckedRows,
    Sheet,
    check_crossed,
    check_long,
    check_wide,
    crossed_header,
    header_place,
    joined_times,
    left_out,
    texts_in,
)
from pricewright.intake.reading.titles import plain_title, usual_columns
from pricewright.steplog.log import Progress
from pricewright.tables.fields import VALUES
from pricewright.tables.prices import Floats, Ints, Prices, drop_unused_names, keys, recode

T = TypeVar("T")

_REMEDIES = {
    "another-header": "deliver what is below it as a file of its own",
    "unzoned-time": "say in source.time_zone whose calendar counts, as in America/New_York or UTC",
}
STRAYS = 0.01  # share of rows with a second time on their day that may be an accident
_SYSTEMATIC = 3  # rows with one fault that one declaration would mend: no accident
_SAMPLE = 2_000  # rows whose texts tell how the others are written
_LOOKED_AT = 10  # texts, for what to declare is seen in a few, and they are read once more
_OF_THE_WHOLE = [code(reason) for reason in _REMEDIES]
"""Faults of a row that mean that the file as a whole is not as described."""


@dataclass(frozen=True)
class Reading:
    """What became of a delivery: rows = left_out + in_bars + quarantine.count.

    in_bars: the rows that the prices are made of, as many as these unless bars are intraday.
    settings: how the delivery was read, declared or found.  symbols: the columns that are a
    symbol's, of a wide delivery.
    """

    rows: int
    left_out: int
    in_bars: int
    prices: Prices
    quarantine: Quarantine
    sheet: Sheet
    dialect: Dialect
    settings: Mapping[str, Any]
    symbols: Collection[str] = ()

    def entries(self, file: str, sha256: str) -> list[dict[str, Any]]:
        """Each quarantined row in plain words, with its own text.

        A row of a wide delivery is a cell, and so is its text, unless the whole line is lost.
        """
        lost = self.quarantine
        lines, rows = lost.lines.tolist(), lost.rows.tolist()
        fields = [lost.field_of(entry) for entry in range(len(lines))]
        places = list(zip(lines, fields, strict=True))
        cells = {place for place in places if place[1] in self.symbols}
        of_cells = _cell_texts(self.sheet, cells)
        of_lines = self.sheet.texts([line for line, field in places if (line, field) not in cells])
        return [
            {
                "file": file,
                "sha256": sha256,
                "line": line,
                "reason": lost.reason(entry),
                "field": field,
                "rows": rows[entry],
                "text": of_cells[line, field] if (line, field) in cells else of_lines[line],
            }
            for entry, (line, field) in enumerate(places)
        ]

    def newest_lost(self) -> dict[str, str]:
        """Each symbol whose newest row, of those whose day is known, is quarantined: that day."""
        prices = self.prices
        ends = np.append(np.flatnonzero(np.diff(prices.symbols)), len(prices) - 1)
        last = dict(zip(prices.names, prices.days[ends].tolist(), strict=True))
        return {
            symbol: str(np.datetime64(day, "D"))
            for symbol, day in sorted(self.quarantine.newest.items())
            if symbol in last and day > last[symbol]
        }

    def check_share(self, most: float, name: str, *, as_of: bool = False) -> None:
        """Raise Refusal if more than a share of the rows are lost, or none of them has a price.

        One that repeats another is not lost, nor, in a reading `as_of` a declared day, is one of a
        later day. The sentence says what would mend most of them.
        """
        closes = [column for ours, column in self.prices.values.items() if "close" in ours]
        if len(self.prices) and all(np.isnan(column).all() for column in closes):
            raise Refusal(
                f"{name}: none of its {self.rows} rows has a close; deliver it with these. If "
                "cells are formulas, save it with the program that computes them, so that it has "
                "the values."
            )
        reasons = self.quarantine.by_reason()
        reasons.pop("duplicate", None)
        if as_of:
            reasons.pop("future-date", None)
        lost, rows = sum(reasons.values()), self.rows - self.left_out
        if lost <= most * rows:
            return
        worst = max(reasons, key=lambda reason: reasons[reason])
        entry = int(np.argmax(self.quarantine.reasons == code(worst)))
        line = int(self.quarantine.lines[entry])
        text = self.sheet.texts([line])[line][:80]
        raise Refusal(
            f"{name}:{line}: {_fault(self.quarantine, entry)} ({text!r}), and {lost} of the "
            f"{rows} rows cannot be kept; "
            f"{_remedy(self.quarantine, entry, self.sheet, self.dialect)}, or raise "
            "source.max_quarantined."
        )


class NothingYet(Refusal):
    """A delivery of whose rows all are of days that have not come yet."""


def read_delivery(content: Content, dialect: Dialect, threads: int = 1) -> Reading:
    """Read a delivery and check each row of it.

    Raises Refusal for a file that is wrong as a whole, and if no row of it can be kept; then
    NothingYet if that is because all are of later days.
    """
    progress = Progress("rows", doing="reading")
    sheet = open_sheet(content, dialect, progress.reached)
    titles = list(sheet.titles)
    declared = dialect.symbol
    if dialect.symbol is None and "symbol" not in dialect.columns:
        dialect = replace(dialect, symbol=getattr(sheet, "symbol", None))
    dialect = dialect.laid_out(titles)
    filters = dialect.filters(titles, content.name)
    names, symbols, check = _checks(sheet, dialect, content.name)
    crossed = names is None
    wanted = titles if names is None else [*names.values(), *symbols]
    each = 0 if crossed else len(symbols) or 1

    tellers = []
    if dialect.layout != "wide" and declared is not None and "symbol" not in dialect.columns:
        tellers = usual_columns("symbol", titles)[:1]
    said = set[str]()

    def examined(read: Callable[[], Block]) -> tuple[int, int, CheckedRows, Quarantine]:
        block, out = read(), 0
        if filters:
            block, out = left_out(block, dialect.where)
        for title in tellers:
            said.update(filter(dialect.is_symbol, texts_in(block.columns[title])))
        rows, lost = check(block)
        count, out = (len(block.lines) + len(block.bad) + out) * each, out * each
        if crossed:  # where a symbol has no value at all, it has no row
            count = len(rows.days) + lost.count
        progress.advance(count)
        return count, out, rows, lost

    needed = dict.fromkeys([*wanted, *filters, *tellers])
    parts = list(_side_by_side(examined, sheet.blocks(needed), threads))
    delivered = sum(count for count, _, _, _ in parts)
    out = sum(count for _, count, _, _ in parts)
    lost = [quarantine for _, _, _, quarantine in parts]
    prices, repeated = in_order([rows for _, _, rows, _ in parts], titles, dialect, content.name)
    in_bars = len(prices)
    quarantine = Quarantine.joined(titles, [*lost, repeated])
    if delivered != out + in_bars + quarantine.count:
        raise AssertionError(
            f"{content.name}: {delivered} rows were delivered, {in_bars} kept and "
            f"{quarantine.count} quarantined; this is a defect of the reader."
        )
    _refuse_undeclared(quarantine, sheet, dialect, names or {}, content.name)
    if len(said) > 1:
        raise Refusal(
            f"{content.name}:1: column {tellers[0]!r} has {' and '.join(sorted(said)[:2])}, where "
            f"source.symbol says that all prices are of {declared}; leave source.symbol out, or "
            "set source.columns.symbol: false if that column says something else."
        )
    if names and "symbol" in names and "symbol" not in dialect.columns:
        ticker = better_symbol(names["symbol"], prices.names, titles, content.name)
        if ticker:
            columns = {**dialect.columns, "symbol": ticker}
            return read_delivery(content, replace(dialect, columns=columns), threads)
    if not in_bars:
        raise _nothing_kept((delivered, out), quarantine, sheet, dialect, content.name)
    if dialect.calendar.bars == "intraday":
        with_open = dialect.columns.get("open") is not False
        prices = daily_bars(prices, content.name, with_open=with_open)
    settings = {
        "kind": content.kind,
        **({"encoding": content.encoding} if content.encoding else {}),
        **sheet.settings,
        "layout": "wide" if crossed else dialect.layout,
        "columns": names or {},
    }
    return Reading(delivered, out, in_bars, prices, quarantine, sheet, dialect, settings, symbols)


def _nothing_kept(
    rows: tuple[int, int], quarantine: Quarantine, sheet: Sheet, dialect: Dialect, name: str
) -> Refusal:
    """Why a delivery has no price; rows: how many it has, and source.where leaves out."""
    delivered, out = rows
    if not delivered:
        return Refusal(f"{name}:1: the file has a header and no rows; deliver prices.")
    if out == delivered:
        return Refusal(
            f"{name}: all {out} rows have other values than source.where allows; correct it."
        )
    line = int(quarantine.lines[0])
    kind = NothingYet if set(quarantine.by_reason()) == {"future-date"} else Refusal
    return kind(
        f"{name}:{line}: {_fault(quarantine, 0)} ({sheet.texts([line])[line][:80]!r}), "
        f"and none of the {delivered - out} rows can be kept; "
        f"{_remedy(quarantine, 0, sheet, dialect)}."
    )


def better_symbol(
    title: str, symbols: Sequence[str], titles: Sequence[str], name: str
) -> str | None:
    """The column of tickers, where the one that was taken for the symbol holds only numbers.

    Raises Refusal, for the file `name`, if there is none, and the numbers are those of a list.
    """
    if not symbols or not all(text.isdecimal() and str(int(text)) == text for text in symbols):
        return None
    tickers = [each for each in titles if plain_title(each) in ("ticker", "tic", "ric")]
    if tickers and title not in tickers:
        return tickers[0]
    if max(map(int, symbols)) <= 1.1 * len(symbols) + 1:
        raise Refusal(
            f"{name}: the column {title!r} only counts, as {symbols[0]}; say in "
            "source.columns.symbol which column holds the symbols, or that it is this one."
        )
    return None


def _checks(
    sheet: Sheet, dialect: Dialect, name: str
) -> tuple[dict[str, str] | None, list[str], Callable[[Block], tuple[CheckedRows, Quarantine]]]:
    """What checks the blocks of a sheet; our names of its columns and the file's, None if two
    lines name them; and the columns that are a symbol's prices, of a wide one."""
    titles = list(sheet.titles)
    if crossed := crossed_columns(sheet, dialect):
        taken = {title for columns in crossed.values() for title in columns.values()}
        date = next(title for title in titles if title not in taken)
        columns = partial(check_crossed, columns=crossed, date=date)
        return None, [], partial(columns, titles=titles, dialect=dialect)
    names = dialect.names(titles, name)
    if dialect.layout != "wide":
        return names, [], partial(check_long, names=names, titles=titles, dialect=dialect)
    symbols = dialect.symbol_columns(titles, names.values(), name)
    cells = partial(check_wide, names=names, symbols=symbols)
    return names, symbols, partial(cells, titles=titles, dialect=dialect)


def crossed_columns(sheet: Sheet, dialect: Dialect) -> dict[str, dict[str, str]]:
    """Each symbol's fields and their columns, where these are of one field and one symbol each."""
    found: dict[str, dict[str, str]] = getattr(sheet, "crossed", {})
    return found or dialect.combined(sheet.titles)


def open_sheet(
    content: Content, dialect: Dialect, reached: Callable[[float], object] | None = None
) -> Sheet:
    """The reader for what a delivery holds.

    `reached` is told which share of the file has been read, if it is read piece by piece.
    """
    if content.kind == "json":
        from pricewright.intake.reading.json_objects import JsonSheet

        return JsonSheet(content.whole(), content.name)
    if content.kind in ("parquet", "feather"):
        from pricewright.intake.reading.columnar import ColumnarSheet

        return ColumnarSheet(content.whole(), content.name, content.kind)
    if content.kind == "excel":
        from pricewright.intake.reading.workbook import WorkbookSheet

        return WorkbookSheet(
            content.whole(),
            content.name,
            dialect.sheet,
            partial(header_place, dialect=dialect),
            partial(crossed_header, dialect=dialect),
        )
    return DelimitedSheet(content, dialect, reached)


def in_order(
    parts: list[CheckedRows], titles: list[str], dialect: Dialect, name: str
) -> tuple[Prices, Quarantine]:
    """Rows in order of symbol and day, and those that are there more than once.

    Of rows that are the same in every value the first stays; if two differ, neither can be
    believed. Intraday bars are in order of time, too, and each time of a day is there once.
    Takes `parts` apart as it goes, so that no column is held twice. Raises Refusal, for the file
    `name`, if bars are intraday and not said to be.
    """
    names = sorted({name for part in parts for name in part.names})
    symbols = _concatenated([recode(part.names, part.symbols, names) for part in parts])
    days = _concatenated([part.days for part in parts])
    lines = np.concatenate([part.lines for part in parts] or [np.array([], np.int64)])
    times = joined_times(parts)
    columns = list(parts[0].values) if parts else []
    values = {ours: [part.values[ours] for part in parts] for ours in columns}
    parts.clear()
    key = keys(symbols, days)
    if (np.diff(key) > 0).all():
        joined = {ours: np.concatenate(values.pop(ours)) for ours in columns}
        return drop_unused_names(Prices(names, symbols, days, joined)), Quarantine.of(
            titles, [], []
        )
    is_intraday = dialect.calendar.bars == "intraday"
    if times is not None and is_intraday:
        order = np.lexsort((times, key))
    else:
        order = np.argsort(key, kind="stable")
    key, symbols, days, lines = key[order], symbols[order], days[order], lines[order]
    joined = {ours: np.concatenate(values.pop(ours))[order] for ours in columns}
    again = np.concatenate(([False], key[1:] == key[:-1]))
    if times is not None:
        other = again & (np.diff(times[order], prepend=0) != 0)
        if is_intraday:
            again &= ~other
        elif other.sum() > STRAYS * len(key):
            first = int(np.flatnonzero(other)[np.argmin(lines[other])])
            day = np.datetime64(int(days[first]), "D")
            raise Refusal(
                f"{name}:{lines[first]}: there are several times a day, as for "
                f"{names[symbols[first]]} on {day}; set source.bars: intraday, which makes daily "
                "bars of them."
            )
    duplicate, conflict = _repeated(again, joined)
    if dialect.symbol is not None and len(names) == 1:
        as_delivered = np.argsort(order)[np.sort(order[~duplicate])]
        _refuse_blocks(days[as_delivered], lines[as_delivered], dialect.symbol, name)
    fields = np.full(len(key), -1)
    if dialect.layout == "wide":  # where a symbol is a column, and a row one of its cells
        fields = np.array([titles.index(name) for name in names], dtype=int)[symbols]
    lost = Quarantine.joined(
        titles,
        [
            Quarantine.of(titles, lines[mask], code(reason), fields[mask])
            for mask, reason in ((duplicate, "duplicate"), (conflict, "conflict"))
        ],
    )
    if lost.count:
        lost = lost.with_newest(names, symbols[conflict], days[conflict])
        keep = ~(duplicate | conflict)
        symbols, days = symbols[keep], days[keep]
        joined = {ours: column[keep] for ours, column in joined.items()}
    return drop_unused_names(Prices(names, symbols, days, joined)), lost


_IN_A_BLOCK = 5  # rows in order, on average: fewer are a file in no order at all


def _refuse_blocks(days: Ints, lines: npt.NDArray[np.int64], symbol: str, name: str) -> None:
    """Raise Refusal if rows (n,), as they were delivered, are blocks in order of their dates that
    reach into each other: then another symbol's prices begin where the dates begin again."""
    steps = np.diff(days)
    forward = days if (steps > 0).sum() >= (steps < 0).sum() else -days
    starts = np.flatnonzero(np.diff(forward) < 0) + 1
    if not len(starts) or len(days) < _IN_A_BLOCK * (len(starts) + 1):
        return
    block = np.searchsorted(starts, np.arange(len(days)), side="right")
    first, last = (
        np.concatenate(([bound], of.accumulate(forward)[starts - 1]))[block]
        for of, bound in ((np.minimum, 1), (np.maximum, 0))
    )
    within = (first <= forward) & (forward <= last) & (block > 0)
    counts = np.bincount(block[within], minlength=len(starts) + 1)
    if counts.max() >= _SYSTEMATIC:
        begin = int(starts[np.argmax(counts >= _SYSTEMATIC) - 1])
        raise Refusal(
            f"{name}:{lines[begin]}: the dates begin again here, at "
            f"{np.datetime64(int(days[begin]), 'D')}, as where another symbol's prices follow, and "
            f"all of the file is said to be of {symbol}; deliver a column of symbols, or a file "
            "for each, and if all are of one, sort the rows by date."
        )


def _cell_texts(
    sheet: Sheet, cells: Collection[tuple[int, str | None]]
) -> dict[tuple[int, str | None], str]:
    """The text of some cells, each a line and a title; a second look at their columns."""
    if not cells:
        return {}
    titles = {title for _, title in cells if title}
    last = max(line for line, _ in cells)
    found: dict[tuple[int, str | None], str] = {}
    for read in sheet.blocks(titles):
        block = read()
        place = {line: row for row, line in enumerate(block.lines.tolist())}
        for line, title in cells:
            if title and line in place:
                cell = block.columns[title][place[line]].as_py()
                found[line, title] = "" if cell is None else str(cell)
        if len(block.lines) and block.lines[-1] >= last:
            break
    return found


def _repeated(
    again: npt.NDArray[np.bool_], values: dict[str, Floats]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which rows (n,) repeat the one before in all, and which belong to a disagreement.

    again: which are of the same symbol and day, or time, as the one before.
    """
    differs = np.zeros(len(again), dtype=bool)
    rows = np.flatnonzero(again)
    for column in values.values():
        one, other = column[rows], column[rows - 1]
        differs[rows] |= (one != other) & ~(np.isnan(one) & np.isnan(other))
    group = np.cumsum(~again) - 1
    disagree = np.zeros(group[-1] + 1 if len(group) else 0, dtype=bool)
    disagree[group[differs]] = True
    conflict = disagree[group]
    return again & ~conflict, conflict


def _concatenated(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.array([], dtype=np.int32)


_KEYS = {
    "field-count": "delimiter",
    "unreadable-date": "date_formats",
    "ambiguous-date": "date_formats",
    "future-date": "last_day",
    "bad-symbol": "symbol_pattern",
    "unreadable-number": "decimal, source.thousands and source.unit",
    "sign": "prices",
    "conflict": "columns.symbol, or source.bars where they are of different times",
}
"""Of a reason that took many rows, the keys of config to look at."""


def _remedy(quarantine: Quarantine, entry: int, sheet: Sheet, dialect: Dialect) -> str:
    """What to do about a reason that took many rows: proposed from the texts, where it can be."""
    reason = quarantine.reason(entry)
    texts = _texts_of(quarantine, reason, quarantine.field_of(entry), sheet)
    others = _others(reason, quarantine.field_of(entry), sheet, dialect)
    if texts and (found := remedy(reason, texts, dialect, others)):
        return found
    if reason in ("unreadable-date", "bad-symbol") and not any(map(str.strip, texts)):
        return "fill in what is left blank as it is the same as above, for each row needs its own"
    if sound := [text for text in texts if remedy(reason, [text], dialect, others)]:
        apart = f"deliver all written in one way, for others are as {sound[-1]!r}"
        return remedy(reason, sound, dialect, others) or apart
    key = _KEYS.get(reason)
    return "correct the file" + (f", or see source.{key}" if key else "")


def _texts_of(quarantine: Quarantine, reason: str, field: str | None, sheet: Sheet) -> list[str]:
    """The first texts that a reason took in a column."""
    if field is None:
        return []
    lines = _lines_of(quarantine, reason, field)[:_LOOKED_AT].tolist()
    found = _cell_texts(sheet, {(line, field) for line in lines})
    return [found[line, field] for line in lines if (line, field) in found]


def _others(reason: str, field: str | None, sheet: Sheet, dialect: Dialect) -> list[str]:
    """Of the first rows the texts that are read: of the dates, or of all numbers."""
    names = dict.fromkeys([field] if reason == "unreadable-date" else _numbers(sheet, dialect))
    found: list[str] = []
    if reason not in ("unreadable-date", "unreadable-number"):
        return found
    for read in islice(sheet.blocks([title for title in names if title]), 1):
        block = read()
        for title in filter(None, names):
            column, typed = block.columns[title].slice(0, _SAMPLE), block.typed(title)
            if not pa.types.is_string(column.type):
                continue
            if reason == "unreadable-date":
                reasons = parse_days(column, dialect.calendar).reasons
                is_read = np.isin(reasons.astype(str), ["", "ambiguous-date"])
            else:
                is_read = ~np.isnan(parse_numbers(column, dialect.marks, multiples=True).values)
            if typed is not None:
                is_read &= ~typed[:_SAMPLE]
            found += map(str, column.filter(pa.array(is_read)).unique().to_pylist())
    return found


def _numbers(sheet: Sheet, dialect: Dialect) -> list[str]:
    """The columns that hold numbers."""
    titles = list(sheet.titles)
    if crossed := crossed_columns(sheet, dialect):
        return [title for columns in crossed.values() for title in columns.values()]
    names = dialect.names(titles, "")
    if dialect.layout == "wide":
        return dialect.symbol_columns(titles, names.values(), "")
    return [title for ours, title in names.items() if ours in VALUES]


def _lines_of(quarantine: Quarantine, reason: str, field: str) -> npt.NDArray[np.int64]:
    """The lines of the rows, or of the values, that a reason took for a column."""
    here = (quarantine.reasons == code(reason)) & (
        quarantine.fields == quarantine.titles.index(field)
    )
    lines: npt.NDArray[np.int64] = quarantine.lines[here]
    return lines


def _refuse_undeclared(
    quarantine: Quarantine, sheet: Sheet, dialect: Dialect, names: Mapping[str, str], name: str
) -> None:
    """Raise Refusal if rows show that the file as a whole is not as described.

    That is so where one declaration would read three and more of a column's texts, and all of the
    first ten that could not be read.
    """
    for entry in np.flatnonzero(np.isin(quarantine.reasons, _OF_THE_WHOLE))[:1].tolist():
        line, reason = int(quarantine.lines[entry]), quarantine.reason(entry)
        raise Refusal(
            f"{name}:{line}: {_fault(quarantine, entry)} "
            f"({sheet.texts([line])[line][:80]!r}); {_REMEDIES[reason]}."
        )
    for reason in ("unreadable-number", "unreadable-date", "future-date", "ancient-date"):
        lost = quarantine.reasons == code(reason)
        for place in np.unique(quarantine.fields[lost]).tolist():
            field = quarantine.titles[place]
            lines = _lines_of(quarantine, reason, field)
            if len(lines) < _SYSTEMATIC:
                continue
            texts = _texts_of(quarantine, reason, field, sheet)
            found = remedy(reason, texts, dialect, _others(reason, field, sheet, dialect))
            if reason == "future-date" and are_of_last_century(texts, dialect.calendar):
                found = "write its years with four digits, for %y reads 00 to 68 as 2000 to 2068"
            for ours in ("open", "high", "low", "volume"):
                if found.startswith("deliver") and names.get(ours) == field:
                    found += f", or set source.columns.{ours}: false"
            if found:
                raise Refusal(
                    f"{name}:{lines[0]}: {field} is {REASONS[reason]} ({texts[0][:80]!r}), as in "
                    f"{len(lines) - 1} more rows; {found}."
                )


def _fault(quarantine: Quarantine, entry: int) -> str:
    field = quarantine.field_of(entry)
    return (f"{field} is " if field else "") + REASONS[quarantine.reason(entry)]


def _side_by_side(
    function: Callable[[Callable[[], Block]], T],
    items: Iterable[Callable[[], Block]],
    threads: int,
) -> Iterator[T]:
    """A function's results in order, a few calls ahead, so that little is in memory."""
    if threads <= 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[T]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
