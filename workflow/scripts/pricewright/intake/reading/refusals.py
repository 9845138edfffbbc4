"""Why a delivery is refused as a whole, and what to do, in one sentence made from its rows."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pricewright.files.errors import Refusal, shortened
from pricewright.files.secrets import redact
from pricewright.intake.reading.content import Content
from pricewright.intake.reading.dates import are_of_last_century, parse_days
from pricewright.intake.reading.dialect import Dialect
from pricewright.intake.reading.numbers import parse_numbers
from pricewright.intake.reading.proposals import remedy, symbol_pattern
from pricewright.intake.reading.quarantine import REASONS, Quarantine, code
from pricewright.intake.reading.rows import (
    Lines,
    Sheet,
    cell_texts,
    crossed_columns,
    texts_in,
)
from pricewright.tables.fields import VALUES
from pricewright.tables.prices import Ints

_REMEDIES = {
    "another-header": "deliver the rows below it as a separate file",
    "unzoned-time": "set source.time_zone to the zone whose calendar counts, such as UTC",
}
_OF_THE_WHOLE = [code(reason) for reason in _REMEDIES]
"""Faults of a row that show that the whole file is not as described."""

_KEYS = {
    "field-count": "delimiter",
    "unreadable-date": "date_formats",
    "ambiguous-date": "date_formats",
    "future-date": "last_day",
    "bad-symbol": "symbol_pattern",
    "unreadable-number": "decimal, source.thousands and source.unit",
    "sign": "prices",
    "conflict": "columns.symbol, or source.bars if their times differ",
}
"""The config keys to check for each reason, if it cost many rows."""

_SYSTEMATIC = 3  # from this many rows with one fault that one setting would fix: no accident
_SAMPLE = 2_000  # rows whose texts show how the others are written
_LOOKED_AT = 10  # texts per fault; a few show what to declare, and reading them takes a second pass
_MOST_SYMBOLS = 100_000  # with more texts, the column holds something else
_TIMES_FEWER = 10  # so many times fewer steps back are no accident
_TIMES_NEARER = 2  # and as many times nearer dates
_ABOUT_A_YEAR = 400  # days
_IN_A_BLOCK = 5  # rows in order, on average; with fewer, the file is in no order at all


class NothingYet(Refusal):
    """Refuses a delivery all of whose rows have dates that are yet to come."""


class NoRows(Refusal):
    """Refuses a delivery with a table that has no rows."""


_LONGEST_MESSAGE = 4_000  # bytes
_MESSAGE_KEY = re.compile(r"error|message|msg|note|info|detail|description", re.I)
_OF_A_TABLE = re.compile(r"[;\t|]|,\S|^\s*\d", re.M)
"""What a table in text has, and a sentence has not."""


@contextmanager
def message_shown(content: Content) -> Iterator[None]:
    """Let the refusal of a short text show that text, if it is a message instead of prices.

    Some servers send their errors as if they were a delivery.
    """
    try:
        yield
    except NothingYet:
        raise
    except Refusal as refusal:
        text = ""
        if content.kind == "json" or (content.kind == "text" and not isinstance(refusal, NoRows)):
            head = next(content.chunks(), b"")
            text = head.decode("utf-8-sig", "replace") if len(head) <= _LONGEST_MESSAGE else ""
        is_table = not _is_message(text) if content.kind == "json" else _OF_A_TABLE.search(text)
        if is_table or not text.strip():
            raise
        raise Refusal(
            f"{content.name}: holds a message instead of prices "
            f"({shortened(' '.join(redact(text).split()), 300)!r}); do what it asks, and deliver "
            "prices."
        ) from None


def _is_message(text: str) -> bool:
    """Whether a JSON document has a message, and no list that could hold prices."""
    keys, lists = set[str](), list[Any]()
    try:
        waiting = [json.loads(text)]
    except (ValueError, RecursionError):
        return False
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            keys |= found.keys()
            waiting += found.values()
        elif isinstance(found, list):
            lists += found
    has_rows = any(not isinstance(each, str) for each in lists)
    return not has_rows and any(map(_MESSAGE_KEY.search, keys))


def nothing_kept(
    rows: tuple[int, int], quarantine: Quarantine, sheet: Sheet, dialect: Dialect, name: str
) -> Refusal:
    """Why a delivery has no price; rows: how many it has, and how many source.where leaves out."""
    delivered, out = rows
    if not delivered:
        return NoRows(f"{name}:1: the file has a header but no rows; deliver prices.")
    if out == delivered:
        return Refusal(f"{name}: source.where leaves out all {out} rows; correct it.")
    line = int(quarantine.lines[0])
    kind = NothingYet if set(quarantine.by_reason()) == {"future-date"} else Refusal
    return kind(
        f"{name}:{line}: {fault(quarantine, 0)} ({sheet.texts([line])[line][:80]!r}), "
        f"and none of the {delivered - out} rows can be kept; "
        f"{what_to_do(quarantine, 0, sheet, dialect)}."
    )


def refuse_undeclared(
    quarantine: Quarantine, sheet: Sheet, dialect: Dialect, names: Mapping[str, str], name: str
) -> None:
    """Raise Refusal if rows show that the whole file is not as described.

    They do if one setting would read three or more of a column's texts, including each of the first
    ten that could not be read.
    """
    for entry in np.flatnonzero(np.isin(quarantine.reasons, _OF_THE_WHOLE))[:1].tolist():
        line, reason = int(quarantine.lines[entry]), quarantine.reason(entry)
        raise Refusal(
            f"{name}:{line}: {fault(quarantine, entry)} "
            f"({sheet.texts([line])[line][:80]!r}); {_REMEDIES[reason]}."
        )
    asked = {
        (reason, quarantine.titles[place]): lines
        for reason in ("unreadable-number", "unreadable-date", "future-date", "ancient-date")
        for place in np.unique(quarantine.fields[quarantine.reasons == code(reason)]).tolist()
        if len(lines := _lines_of(quarantine, reason, quarantine.titles[place])) >= _SYSTEMATIC
    }
    texts_of = _texts_of(asked, sheet)
    for (reason, field), lines in asked.items():
        texts = texts_of[reason, field]
        found = remedy(reason, texts, dialect, _others(reason, field, sheet, dialect))
        if reason == "future-date" and are_of_last_century(texts, dialect.calendar):
            found = "write its years with four digits, because %y reads 00 to 68 as 2000 to 2068"
        for ours in ("open", "high", "low", "volume"):
            if found.startswith("deliver") and names.get(ours) == field:
                found += f", or set source.columns.{ours}: false"
        if found:
            raise Refusal(
                f"{name}:{lines[0]}: {field} is {REASONS[reason]} ({texts[0][:80]!r}), as in "
                f"{len(lines) - 1} more rows; {found}."
            )


def refuse_exchanged(symbols: Ints, days: Ints, lines: Lines, dialect: Dialect, name: str) -> None:
    """Raise Refusal if the days of symbols jump about, but run on, and closer together, with days
    and months exchanged.

    symbols, days, lines: of rows (n,), in delivered order.
    """
    order = np.argsort(symbols, kind="stable")
    same = np.diff(symbols[order]) == 0
    jumps, far = _jumps(days[order], same)
    if jumps:
        other = _exchanged(days)
        fewer, near = _jumps(other[order], same)
        if fewer * _TIMES_FEWER <= jumps and near * _TIMES_NEARER <= far:
            _refuse_if_several(days, other, lines, dialect, name)


def refuse_scattered(blocks: Sequence[tuple[Ints, Lines]], dialect: Dialect, name: str) -> None:
    """Raise Refusal if days up to the 12th are strewn over months in which there is no later day,
    and all fall into the months of the later days if days and months are exchanged.

    blocks: the days (n,) and lines (n,) of some rows. More than about a year has every month.
    """
    blocks = [block for block in blocks if len(block[0])]
    begin = min((int(days.min()) for days, _ in blocks), default=0)
    if not blocks or max(int(days.max()) for days, _ in blocks) - begin > _ABOUT_A_YEAR:
        return
    counts = sum(np.bincount(days - begin, minlength=_ABOUT_A_YEAR + 1) for days, _ in blocks)
    days = (np.flatnonzero(counts) + begin).astype(np.int32)
    months, other = days.astype("datetime64[D]").astype("datetime64[M]"), _exchanged(days)
    late = days == other
    late &= days.astype("datetime64[D]") - months >= np.timedelta64(12, "D")
    alone = ~late & ~np.isin(months, months[late])
    moved = other.astype("datetime64[D]").astype("datetime64[M]")
    if min(late.sum(), alone.sum()) < _SYSTEMATIC or np.setdiff1d(moved[~late], months[late]).size:
        return
    for some, lines in blocks:
        _refuse_if_several(some, _exchanged(some), lines, dialect, name)


def _exchanged(days: Ints) -> Ints:
    """Days (n,) with day and month exchanged, where that is a day: up to the 12th of a month."""
    dates = days.astype("datetime64[D]")
    months, years = dates.astype("datetime64[M]"), dates.astype("datetime64[Y]")
    day = (dates - months).astype(np.int64)
    there = (years.astype("datetime64[M]") + day).astype("datetime64[D]")
    there += (months - years).astype(np.int64)
    return np.where(day < 12, there.astype(np.int64), days).astype(np.int32)


def _jumps(days: Ints, same: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """How many steps of days (n,) go the other way than most, and how many days all steps cover,
    where both days are of the same symbol."""
    steps = np.diff(days)[same]
    return int(min((steps > 0).sum(), (steps < 0).sum())), int(np.abs(steps).sum())


def _refuse_if_several(days: Ints, other: Ints, lines: Lines, dialect: Dialect, name: str) -> None:
    """Raise Refusal if several days (n,) are others with day and month exchanged."""
    moved = np.flatnonzero(days != other)
    if len(np.unique(days[moved])) < _SYSTEMATIC:
        return
    first = moved[np.argmin(lines[moved])]
    day, true = (np.datetime64(int(each[first]), "D") for each in (days, other))
    remedy = "get the dates from their source again; sorting the rows would only hide the fault"
    early = days.astype("datetime64[D]") - days.astype("datetime64[D]").astype("datetime64[M]")
    formats = dialect.calendar.date_formats
    if (early < np.timedelta64(12, "D")).all() and any("%d" in form for form in formats):
        remedy = (
            "exchange %d and %m in source.date_formats, or, if the dates are right, sort the rows"
        )
    raise Refusal(
        f"{name}:{lines[first]}: days and months seem to be exchanged, because dates such as {day} "
        f"fit the other dates only as {true}; {remedy}."
    )


def refuse_blocks(days: Ints, lines: npt.NDArray[np.int64], symbol: str, name: str) -> None:
    """Raise Refusal if rows (n,), in delivered order, form overlapping blocks in order of date.

    Another symbol's prices then begin where the dates begin again.
    """
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
            f"{np.datetime64(int(days[begin]), 'D')}, as if another symbol's prices followed, but "
            f"the whole file is declared to be of {symbol}; deliver a column of symbols or a file "
            "per symbol, or, if all prices are of one symbol, sort the rows by date."
        )


def what_to_do(quarantine: Quarantine, entry: int, sheet: Sheet, dialect: Dialect) -> str:
    """How to fix a fault that cost many rows, proposed from their texts if possible."""
    reason = quarantine.reason(entry)
    field = quarantine.field_of(entry)
    if reason == "bad-symbol" and field is not None and (of_all := _pattern_of(field, sheet)):
        return of_all
    asked = {} if field is None else {(reason, field): _lines_of(quarantine, reason, field)}
    texts = [text for found in _texts_of(asked, sheet).values() for text in found]
    others = _others(reason, field, sheet, dialect)
    if texts and (found := remedy(reason, texts, dialect, others)):
        return found
    if reason in ("unreadable-date", "bad-symbol") and not any(map(str.strip, texts)):
        return "fill in the blank cells with the value above; every row needs its own"
    if sound := [text for text in texts if remedy(reason, [text], dialect, others)]:
        apart = f"deliver all of them written like {sound[-1]!r}"
        return remedy(reason, sound, dialect, others) or apart
    key = _KEYS.get(reason)
    return "correct the file" + (f", or see source.{key}" if key else "")


def _pattern_of(title: str, sheet: Sheet) -> str:
    """What to set so that every text of a column is a symbol; empty if no pattern does."""
    texts = {text for read in sheet.blocks([title]) for text in texts_in(read().columns[title])}
    texts.discard("")
    pattern = symbol_pattern(texts) if len(texts) <= _MOST_SYMBOLS else None
    return f"set source.symbol_pattern: '{pattern}'" if pattern else ""


def _texts_of(
    asked: Mapping[tuple[str, str], npt.NDArray[np.int64]], sheet: Sheet
) -> dict[tuple[str, str], list[str]]:
    """The first texts at fault, for each reason and column, from the given lines; in one pass."""
    first = {what: lines[:_LOOKED_AT].tolist() for what, lines in asked.items()}
    found = cell_texts(sheet, {(line, what[1]) for what, lines in first.items() for line in lines})
    return {
        what: [found[line, what[1]] for line in lines if (line, what[1]) in found]
        for what, lines in first.items()
    }


def _others(reason: str, field: str | None, sheet: Sheet, dialect: Dialect) -> list[str]:
    """The texts of the first rows that can be read: dates, or all numbers."""
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
    titles = sheet.titles
    if crossed := crossed_columns(sheet, dialect):
        pairs = [pair for columns in crossed.values() for pair in columns.items()]
        return [title for ours, title in pairs if ours in VALUES]
    names = dialect.names(titles, "")
    if dialect.layout == "wide":
        return dialect.symbol_columns(titles, names.values(), "")
    return [title for ours, title in names.items() if ours in VALUES]


def _lines_of(quarantine: Quarantine, reason: str, field: str) -> npt.NDArray[np.int64]:
    """The lines of the rows or values lost for a reason in a column."""
    here = (quarantine.reasons == code(reason)) & (
        quarantine.fields == quarantine.titles.index(field)
    )
    lines: npt.NDArray[np.int64] = quarantine.lines[here]
    return lines


def fault(quarantine: Quarantine, entry: int) -> str:
    field = quarantine.field_of(entry)
    return (f"{field} is " if field else "") + REASONS[quarantine.reason(entry)]
