"""Propose settings that let texts be read, from the texts themselves."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import product
from typing import Literal

import numpy as np
import pyarrow as pa

from pricewright.intake.reading.dates import parse_days, reader_of
from pricewright.intake.reading.dialect import (
    CLOCK,
    DAY_COUNTS,
    EPOCHS,
    EXCEL_SERIAL,
    Calendar,
    Dialect,
    Marks,
)
from pricewright.intake.reading.numbers import is_multiple, parse_numbers
from pricewright.tables.fields import SYMBOL

_DAYS = (
    *("%Y%m%d", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y"),
    *("%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y"),
    *("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y"),
    *("%a, %d %b %Y", "%A, %B %d, %Y", "%Y-%b-%d", "%Y%j", "%d%m%Y", "%m%d%Y", "%b-%d-%Y"),
    *("%d-%B-%Y", "%d %b %y", "%B %d %Y", "%d/%b/%Y", "%a %b %d %Y", "%d%b%Y", "%d%b%y"),
    *("%y-%m-%d", "%y/%m/%d", "%y.%m.%d", "%a %d %b %Y", "%G-W%V-%u", "%Y- %m- %d"),
)
_TIMES = (
    *("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p"),
    *(" %H%M%S", "%H%M%S", ":%H:%M:%S", " %I:%M%p"),
)
_ZONED = [time + zone for time in _TIMES for zone in ("", " %z") if time or not zone]
_FORMATS = (*EPOCHS, EXCEL_SERIAL, *(day + time for time in _ZONED for day in _DAYS))
SHORT = ("%y%m%d", "%d%m%y", "%m%d%y", *(form for form in DAY_COUNTS if form != EXCEL_SERIAL))
"""Formats that many plain numbers fit; tried only for a column that is clearly the date."""
_FIRST_DAY, _FIRST_COUNTED, _LAST_COUNTED, _LAST_DAY = (
    int(np.datetime64(day).astype(int))
    for day in ("1850-01-01", "1980-01-01", "2035-01-01", "2100-01-01")
)
NO_DAY = re.compile(
    r"\d{4}([-/ ]?([M-]?\d{1,2}|[QWH]\d{1,2}))?|[A-Za-z]{3,9}[-/ .]*(\d{4}|\d{2})|" + CLOCK.pattern
)
"""Texts that may be a time of day, a week, a month, a quarter or a year, but not a day."""
_DAY_ALONE = re.compile(r"0?[1-9]|[12]\d|3[01]")
_YEAR = re.compile(r"(\d{3,4})[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)|\d{1,2}[-/.]\d{1,2}[-/.](\d{4})")
_CALENDARS = (
    (range(90, 200), "those of Taiwan, 1911 less"),
    (range(1300, 1500), "those of the Persian or the Islamic calendar"),
    (range(2300, 2700), "those of the Buddhist calendar, 543 more"),
)
"""Years of other calendars, in the ranges where prices can be."""
_WORD = re.compile(r"\d\W+[^\W\d_]{3,}\W+\d{2}")
"""Finds a possible name of a month between a day and a year."""
_TRIED = 12
"""This many texts are tried with every format; one that reads none of them is not the commonest."""
_DECIMALS: tuple[Literal[".", ","], ...] = (".", ",")
_THOUSANDS: tuple[Literal[",", ".", " ", "'"] | None, ...] = (None, ",", ".", " ", "'")
_BONDS = re.compile(r"\d{2,3}['\u2019-](?:[0-2]\d|3[01])[0257+]?")
"""Possible points and 32nds, as bond futures are quoted: 121'16, or 121'165 with a half."""
_SIGN = r"[^\W\d]{0,2}[$€£¥₹]|%|[^\W\d]{1,3}\.?"
_FIRST_MARKS = "#$./@_"
_UNIT = re.compile(rf"^[(+-]? ?({_SIGN})(?![^\W\d])|({_SIGN})\)?$")


def date_formats(
    texts: Sequence[str], *, most: bool = False, formats: Sequence[str] = _FORMATS
) -> list[str]:
    """The formats that read all texts as days of prices, or with `most`, as many as any format.

    Several if the texts leave a choice.
    """
    column = pa.array(list(texts), pa.string())
    some = texts[:: max(len(texts) // _TRIED, 1)] if most else texts[:1]
    fitting = [form for form in formats if any(map(reader_of(form), map(str.strip, some)))]
    counts = {form: _read_by(column, form) for form in fitting}
    best = max(counts.values(), default=0) if most else len(column)
    found = [form for form, count in counts.items() if count == best > 0]
    # if some texts need one order of day and month, and some the other, return both
    others = {_exchanged(form): form for form in found}
    return found + [
        form for form in fitting if form in others and _adds(column, form, others[form])
    ]


def _exchanged(form: str) -> str:
    """The format with day and month swapped."""
    return form.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")


def _adds(column: pa.Array, form: str, other: str) -> bool:
    """Whether a format reads texts that another does not."""
    one, two = (parse_days(column, Calendar((each,), "UTC")).reasons for each in (form, other))
    return bool(((one == "") & (two != "")).any())


def _read_by(column: pa.Array, form: str) -> int:
    """How many of n texts a format reads as days that may have prices."""
    found = parse_days(column, Calendar((form,), "UTC"))
    earliest = _FIRST_COUNTED if form in EPOCHS or form in DAY_COUNTS else _FIRST_DAY
    latest = _LAST_COUNTED if form in DAY_COUNTS else _LAST_DAY
    return int((found.days >= earliest).sum() - (found.days > latest).sum())


def marks(texts: Sequence[str], declared: Marks, *, multiples: bool = False) -> list[Marks]:
    """The ways to write numbers that read all texts, with as few changes as possible.

    multiples: some numbers may end in K, M or B.
    """
    if _are_of_bonds(texts):
        return []
    column = pa.array(list(texts), pa.string())
    fewest: list[Marks] = []
    for candidate in _candidates(texts, declared):
        if fewest and _changes(candidate, declared) > _changes(fewest[0], declared):
            break
        if not parse_numbers(column, candidate, multiples=multiples).unreadable.any():
            fewest.append(candidate)
    return fewest


def _are_of_bonds(texts: Sequence[str]) -> bool:
    """Whether all texts with a mark in them may be points and 32nds."""
    marked = [text.strip() for text in texts if re.search(r"\d['\u2019-]", text)]
    return bool(marked) and all(map(_BONDS.fullmatch, marked))


def symbol_pattern(texts: Collection[str]) -> str | None:
    """A pattern that all texts match, extended by the marks that the usual one does not allow.

    A few marks may come first, as in .DJI, $SPX and /ES. None if the texts are not symbols, or if
    the usual pattern allows them all.
    """
    letters = "A-Za-z0-9" if "".join(texts).isascii() else r"\w"
    others = sorted({c for c in "".join(texts) if not re.match(r"[\w.:=^-]", c)})
    escaped = "".join(map(re.escape, others)).replace(r"\ ", " ")
    first = "".join(sorted({text[:1] for text in texts} & set(_FIRST_MARKS)))
    may_begin = f"[{first}]?" if first else ""
    pattern = rf"{may_begin}[{letters}^][{letters}.:=^_{escaped}-]{{0,63}}"
    if all(SYMBOL.fullmatch(text) for text in texts):
        return None  # marks are not the problem
    fitting = all(text.isprintable() and re.fullmatch(pattern, text) for text in texts)
    return pattern if fitting else None


def remedy(reason: str, texts: Sequence[str], dialect: Dialect, others: Sequence[str]) -> str:
    """How to have all texts with a fault read, and the others still; empty if no setting can.

    others: texts of the same kind that can be read already.
    """
    if reason == "bad-symbol":
        pattern = symbol_pattern([text.strip(" \t") for text in texts])
        return f"set source.symbol_pattern: '{pattern}'" if pattern else ""
    if why := _why_none(reason, texts):
        return why
    if reason == "unreadable-date":
        forms = (date_formats(texts) or date_formats(texts, formats=SHORT))[:3]
        every = [among(form, dialect.calendar.date_formats, texts, others) for form in forms]
        lines = [f"source.date_formats: {quoted(some)}" for some in every if some]
        is_known = bool(forms)
        if not forms and all(map(_WORD.search, texts)):
            return "deliver dates in digits such as 2024-01-31; names of months must be English"
    elif reason == "unreadable-number":
        ways = marks(texts, dialect.marks)[:3]
        column = pa.array(list(others), pa.string())
        lines = [
            " and ".join(f"source.{line}" for line in changed(way, dialect.marks))
            for way in ways
            if not parse_numbers(column, way, multiples=True).unreadable.any()
        ]
        is_known = bool(ways)
    else:
        return ""
    if lines:
        return f"set {' or '.join(lines)}"
    return f"deliver all of them written like {others[0]!r}" if is_known else ""


def _why_none(reason: str, texts: Sequence[str]) -> str:
    """What to deliver instead of texts that no setting reads correctly; empty if one may."""
    if reason == "unreadable-number" and _are_of_bonds(texts):
        ask = '; if they are thousands, set source.thousands: "\'"' if "'" in texts[0] else ""
        return f"deliver decimals (121.5 for 121'16); these texts seem to be points and 32nds{ask}"
    return _why_no_day(texts) if reason.endswith("-date") else ""


def _why_no_day(texts: Sequence[str]) -> str:
    """What to deliver instead of texts that are not days of our calendar; empty if some may be."""
    texts = [text.strip() for text in texts]
    if all(map(_DAY_ALONE.fullmatch, texts)):
        return "deliver the whole date in one column, such as 2024-01-31; this one has only the day"
    if all(map(NO_DAY.fullmatch, texts)) and not (
        date_formats(texts) or date_formats(texts, formats=SHORT)
    ):
        return "deliver days such as 2024-01-31; these texts name none"
    found = [_YEAR.match(text) for text in texts]
    years = [int(each[1] or each[2]) for each in found if each]
    said = [name for some, name in _CALENDARS if years and all(year in some for year in years)]
    if not said or len(years) < len(texts):
        return ""
    return f"deliver dates such as 2024-01-31; the years seem to be {said[0]}"


def among(
    form: str, declared: Sequence[str], texts: Sequence[str], others: Sequence[str]
) -> list[str]:
    """The formats that read both texts and others: the given one alone, or with those declared.

    If none are declared, ISO 8601 counts as declared. Empty if a text could be read in two ways.
    """
    column = pa.array([*texts, *others], pa.string())
    for forms in ([form], [*(declared or ["%Y-%m-%d"]), form]):
        if not parse_days(column, Calendar(tuple(forms), "UTC")).reasons.any():
            return forms
    return []


def quoted(forms: Sequence[str]) -> str:
    """Formats as a YAML list."""
    return "[" + ", ".join(f'"{form}"' for form in forms) + "]"


def changed(way: Marks, declared: Marks) -> list[str]:
    """The keys in which a way to write numbers differs from the declared one, as YAML."""
    return [
        f'{name}: "{getattr(way, name)}"'
        for name in ("decimal", "thousands", "unit")
        if getattr(way, name) != getattr(declared, name)
    ]


def _candidates(texts: Sequence[str], declared: Marks) -> list[Marks]:
    """Other ways to write numbers, those with the fewest changes first."""
    unit = _UNIT.search(texts[0].strip()) if texts else None
    said = [unit[1] or unit[2]] if unit else []
    units = [sign for sign in said if not is_multiple(sign)]
    ways = [
        replace(declared, decimal=decimal, thousands=thousands, unit=sign)
        for decimal, thousands, sign in product(_DECIMALS, _THOUSANDS, (declared.unit, *units))
        if decimal != thousands
    ]
    others = (way for way in ways if way != declared)
    return sorted(others, key=lambda way: _changes(way, declared))


def _changes(way: Marks, declared: Marks) -> int:
    return len(changed(way, declared))
