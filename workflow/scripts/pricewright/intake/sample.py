"""The first rows of a delivery, and what their columns may hold: dates, numbers or texts."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from pricewright.files.errors import Refusal
from pricewright.intake.reading import proposals
from pricewright.intake.reading.content import Content
from pricewright.intake.reading.dates import parse_days
from pricewright.intake.reading.dialect import Calendar, Dialect, Marks
from pricewright.intake.reading.numbers import parse_numbers
from pricewright.intake.reading.rows import Block, Sheet, bare
from pricewright.intake.reading.titles import is_code, usual_columns, value_named

_SAMPLE: Final = 2_000  # rows to look at
_NUMBER: Final = re.compile(
    r"\W{0,2}(?:(?:[A-Z]{1,3}|Rs|Fr|kr)[^\w:]{1,2}|EUR|USD|GBP|GBX|CHF|JPY)?\W{0,2}"
    r"\d(?:\d|[^\w:])*(?:[eE][-+]?\d{1,3})?(?:[KMBT%€$£¥₹]|[A-Z]{3}|Mio|Mrd|Tsd|GBp|ZAc|kr|zł|Kč|Ft|Fr|p|c)?\W{0,2}"
)
_MARKED_DATE: Final = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?!\d)")
_SIX_DIGITS: Final = re.compile(r"\d{6}", re.ASCII)
_IN_NAME: Final = re.compile(r"(?<!\d)(19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?!\d)")


def sample_of(sheet: Sheet, content: Content) -> Block:
    """The first rows of the columns that may hold dates, symbols and numbers."""
    # these formats may have columns that cannot be read, which count only if named
    any_kind = content.kind in ("parquet", "feather", "excel")
    for read in sheet.blocks([] if any_kind else sheet.titles):
        block = read()
        if len(block.lines):
            rows = slice(0, _SAMPLE)
            return Block(
                {title: column.slice(0, _SAMPLE) for title, column in block.columns.items()},
                block.lines[rows],
                kinds={title: kinds[rows] for title, kinds in block.kinds.items()},
            )
    raise Refusal(f"{content.name}:1: the file has no readable rows; deliver prices.")


def header_line(sheet: Sheet, dialect: Dialect) -> int | None:
    """The line that names the columns, 0 for none; None if the reader finds it by itself.

    Of the lines above the first row, it is the last that names the date; else, of the lines whose
    titles look like symbols, the last with the most columns; else the last with several words.
    """
    if dialect.layout_of(list(sheet.titles)):
        return None
    lines = getattr(sheet, "begin", ())
    first = next((place for place, (_, cells) in enumerate(lines) if are_values(cells)), None)
    if first is None:
        columns = zip(*(cells for _, cells in lines), strict=False)
        return 0 if len(lines) > 1 and any(map(_are_short_dates, columns)) else None
    if first == 0:
        return 0
    begin = [cells for _, cells in lines[:first]]
    date = next(place for place, cell in enumerate(lines[first][1]) if is_date(cell))
    named = [bool(usual_columns("date", cells[date : date + 1])) for cells in begin]
    others = [[cell for cell in cells[:date] + cells[date + 1 :] if cell] for cells in begin]
    codes = [len(cells) if all(map(is_code, cells)) else 0 for cells in others]
    several = [sum(map(bool, cells)) > 1 for cells in begin]
    for marks in (named, codes, several):
        if best := max(marks):
            place = max(place for place, mark in enumerate(marks) if mark == best)
            line = int(lines[place][0])
            is_found = line == getattr(sheet, "header_line", None) and place + 1 == first
            return None if is_found else line
    return None


def _are_short_dates(texts: Sequence[str]) -> bool:
    """Whether all texts are six digits that read as a date, such as 240131."""
    return all(map(_SIX_DIGITS.fullmatch, texts)) and bool(
        proposals.date_formats(texts, formats=proposals.SHORT)
    )


def are_values(titles: Sequence[str]) -> bool:
    """Whether the line that should name the columns has a date and a number."""
    if not any(map(is_date, titles)):
        return False
    return any(like_number(title) and not is_date(title) for title in titles)


def is_date(text: str) -> bool:
    is_iso = not parse_days(pa.array([text]), Calendar()).reasons.any()
    return is_iso or bool(proposals.date_formats([text]))


def formats_of(sample: Block, title: str, *, short: bool = False) -> list[str] | None:
    """The formats that read most of a column as dates; empty if it needs none, None if none do.

    short: whether formats that many plain numbers fit count for any column, and not only for one
    that is called a date.
    """
    column, typed = sample.columns[title], sample.typed(title)
    if pa.types.is_temporal(column.type):
        return []
    reasons = parse_days(column, Calendar(), typed).reasons
    read = np.isin(reasons.astype(str), ["", "unzoned-time"])
    has_dates = typed is not None and bool((read & typed).any())
    if typed is not None and has_dates:  # typed dates need no format; texts beside them may
        column, read = column.filter(pa.array(~typed)), read[~typed]
    if read.sum() > len(read) / 2 or not len(read):
        return []
    texts = [str(value).removesuffix(".0") for value in column.to_pylist() if value is not None]
    formats = proposals.date_formats(texts[:500], most=True)
    if not formats and (short or usual_columns("date", [title])):
        formats = proposals.date_formats(texts[:500], most=True, formats=proposals.SHORT)
    if "%Y-%m-%d" in formats and read.any():
        return []
    return formats or ([] if has_dates else None)


def is_number(sample: Block, title: str) -> bool | None:
    """Whether a column holds numbers, however they are written; None if it is empty."""
    column = sample.columns[title]
    if not pa.types.is_string(column.type):
        return not pa.types.is_temporal(column.type)
    read = parse_numbers(column, Marks(), sample.typed(title), multiples=True)
    texts = [str(text) for text in column.filter(pa.array(read.unreadable)).to_pylist()]
    if not texts and np.isnan(read.values).all():
        return None
    if _are_codes(texts):
        return False
    numbers = (~np.isnan(read.values)).sum() + sum(like_number(text) for text in texts)
    return bool(numbers > (len(texts) + (~np.isnan(read.values)).sum()) / 2)


def _are_codes(texts: Sequence[str]) -> bool:
    """Whether texts that look like amounts are names of what is traded, such as 100 JPY and 1 USD:
    each currency has only one amount, repeated."""
    words = {re.sub(r"[^A-Z]", "", text) for text in set(texts)}
    return "" not in words and 1 < len(words) == len(set(texts)) < len(texts)


def is_numbered(sample: Block, title: str) -> bool:
    """Whether a column holds numeric codes such as 600000 and 000001: all of the same length, and
    at most half as many as there are rows."""
    column = sample.columns[title]
    if not pa.types.is_string(column.type) or sample.typed(title) is not None:
        return False
    codes = texts_of(sample, title)
    is_fixed = all(code.isdecimal() and len(code) == len(codes[0]) > 3 for code in codes)
    return is_fixed and 1 < len(codes) <= len(column) / 2


def like_number(text: str) -> bool:
    text = text.strip()
    return _NUMBER.fullmatch(text) is not None and not _MARKED_DATE.match(text)


def texts_of(sample: Block, title: str) -> list[str]:
    """The distinct texts of a column."""
    texts, missing = sample.columns[title].cast(pa.string()).unique(), Marks().missing_markers
    return [bare(text) for text in texts.to_pylist() if text not in (None, *missing)]


def moments_of(sample: Block, dialect: Dialect) -> list[tuple[int, int]]:
    """Each row's day and time; the time may stand in its own column."""
    title = str(dialect.columns["date"])
    dates, kinds = sample.columns[title], sample.typed(title)
    read = parse_days(dates, dialect.calendar, kinds)
    clocks = usual_columns("time", [each for each in sample.columns if each != title])
    for clock in [str(dialect.columns["time"])] if "time" in dialect.columns else clocks:
        timed = parse_days(dates, dialect.calendar, kinds, sample.columns[clock])
        if not timed.reasons.any():
            read = timed
    times = np.zeros(len(read.days), np.int64) if read.times is None else read.times
    return list(zip(read.days.tolist(), times.tolist(), strict=True))


def why_no_dates(titles: Sequence[str], sample: Block, name: str) -> str:
    if sum(map(is_date, titles)) > len(titles) / 2:
        return (
            "its dates are the names of columns (a transposed sheet); deliver one row for each "
            "date."
        )
    if len(titles) == 1 and "  " in titles[0]:
        return "its columns are separated by blanks alone; deliver it as CSV."
    for title in titles:
        texts = texts_of(sample, title)
        if value_named(title):
            continue
        if texts and all(map(proposals.NO_DAY.fullmatch, texts)):
            return (
                f"column {title!r} names no day: found {texts[0]}; deliver days, such as the last "
                "one of each month or week."
            )
    found = f"no column holds dates; the file has {', '.join(titles)}"
    if _IN_NAME.search(name):
        return f"{found}; if the date is the one in the file's name, add it as a column."
    return f"{found}."
