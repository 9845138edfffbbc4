"""Describe a delivery: find the settings that read it, each with its reason, and open questions.

Nothing is guessed. Where two readings fit, the setting stays open with both, and a run refuses it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from pricewright.files.clock import now
from pricewright.files.errors import Refusal
from pricewright.intake.bar_times import choose_times
from pricewright.intake.encodings import fitting_encodings
from pricewright.intake.findings import Description, Setting
from pricewright.intake.one_symbol import differing_names, symbol_of_file
from pricewright.intake.price_columns import choose_prices, with_twins
from pricewright.intake.reading import proposals
from pricewright.intake.reading.content import Content, recognise
from pricewright.intake.reading.dates import day_after, parse_days
from pricewright.intake.reading.delivery import Reading, open_sheet, read_delivery
from pricewright.intake.reading.dialect import (
    CLOCK,
    DAY_COUNTS,
    FROM_FILE,
    FROM_SHEET,
    Calendar,
    Column,
    Dialect,
    Marks,
)
from pricewright.intake.reading.kinds import wide_encoding
from pricewright.intake.reading.numbers import parse_numbers
from pricewright.intake.reading.refusals import message_shown
from pricewright.intake.reading.rows import Block, crossed_columns, joined, texts_in
from pricewright.intake.reading.rows_in_order import STRAYS
from pricewright.intake.reading.titles import (
    is_code,
    is_unnamed,
    plain_title,
    usual_columns,
    value_named,
)
from pricewright.intake.reading.workbook import filled_sheets
from pricewright.intake.sample import (
    are_values,
    formats_of,
    header_line,
    is_number,
    is_numbered,
    like_number,
    moments_of,
    sample_of,
    texts_of,
    why_no_dates,
)
from pricewright.intake.symbols import (
    choose_pattern,
    choose_symbols,
    own_symbol,
    pattern_of_crossed,
)
from pricewright.intake.units import in_units
from pricewright.tables.fields import PREFERRED, VALUES
from pricewright.tables.prices import Floats

_EITHER_MARK: Final = re.compile(r"[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})+|\d{1,3})")
_TRIALS: Final[tuple[tuple[Literal["positive", "nonnegative", "any"], tuple[str, ...]], ...]] = (
    ("positive", ()),
    ("positive", ("close",)),
    ("nonnegative", ()),
    ("any", ()),
)
"""The signs that prices may have, and the columns that must have them; the strictest come first."""
_DOWNLOADED: Final = re.compile(r"download|retriev|export|fetch|load|updat|quer", re.IGNORECASE)
_ZONES: Final = ("UTC", "America/New_York", "Europe/Zurich")
_MOST_LOST: Final = 0.5
_A_WAY: Final = 3  # at least this many texts written in a different way are no accident
_HEAD: Final = 4096  # bytes that show the zeros of UTF-16 or UTF-32
_SAME_SIZE: Final = 0.1
_USUAL_STEPS: Final = 8.0  # a step of more than so many usual ones is a jump
_POINTS: Final = re.compile(r"(\d{2,3})\.([0-2]\d|3[01])", re.ASCII)
_HUNDREDS: Final = 200  # prices that are all as few as this are no accident
_MANY_32NDS: Final = 12
_MOST_KINDS: Final = 100  # distinct texts of a column that source.where may choose from


def describe_file(
    path: Path,
    name: str,
    *,
    named: Sequence[str] = (),
    answers: Mapping[str, Any] | None = None,
) -> Description:
    """Describe the file at `path`, which people know as `name`.

    named: the files of the source, this one among them, if each is named after its own symbol.
    answers: the values of open keys that people have chosen. Raises Refusal for a file that no
    settings read as a table of prices.
    """
    found = Description(answers or {})
    encoding = _encoding(path, name, found)
    content = recognise(path, name, encoding=encoding)
    with message_shown(content):
        return _described(content, encoding, found, named)


def _described(
    content: Content, encoding: str | None, found: Description, named: Sequence[str]
) -> Description:
    name = content.name
    dialect = Dialect(encoding=encoding, symbol="X")  # the symbol is asked for at the end
    by_sheet = False
    if content.kind == "excel":
        dialect, by_sheet = _workbook_sheet(content, dialect, found)
    sheet = open_sheet(content, dialect)
    if content.kind == "text" and len(sheet.titles) == 1 and _has_blanks(content, dialect):
        found.choose("delimiter", [" "], "single blanks separate its columns")
        dialect = replace(dialect, delimiter=" ")
        sheet = open_sheet(content, dialect)
    if pattern := pattern_of_crossed(sheet, dialect, found):
        dialect = replace(dialect, symbol_pattern=pattern)
        sheet = open_sheet(content, dialect)
    if crossed := crossed_columns(sheet, dialect):
        found.notes.append(
            "each column holds one field of one symbol, as yfinance and Bloomberg write them"
        )
        sample = sample_of(sheet, content)
        names = [pair for columns in crossed.values() for pair in columns.items()]
        dialect = _dates(dialect, names[0][1], sample, found)
        numbers = [title for ours, title in names if ours in VALUES and is_number(sample, title)]
        dialect = replace(dialect, marks=_marks(sample, numbers, found))
    else:
        line = header_line(sheet, dialect)
        if line is not None:
            why = "this line is above the first row" if line else "its first line is a row"
            found.choose("header_line", [line], why)
            dialect = replace(dialect, header_line=line)
            sheet = open_sheet(content, dialect)
        sample = sample_of(sheet, content)
        titles = list(sample.columns)
        found.numbers = _twins(titles)
        dialect = _columns(dialect, titles, sample, found, content)
        sample = _with_days(sample, dialect)
        own = symbol_of_file(name)
        if named and dialect.columns.get("close") == own:
            found.is_named_after_file = True
            found.numbers = {**found.numbers, own: titles.index(own) + 1}
        if by_sheet:
            dialect = replace(dialect, symbol=FROM_SHEET, sheet=None)
        else:
            dialect = choose_symbols(dialect, titles, sample, found, (name, named, sheet))
        if parts := dialect.parts_of_symbol(titles, name):
            sample = joined(sample, parts)
            titles = list(sample.columns)
        dialect = _bars(dialect, titles, sample, found)
        dialect = in_units(dialect, titles, sample, found)
    columns = {ours: found.numbers.get(str(said), said) for ours, said in dialect.columns.items()}
    _try(replace(dialect, columns=columns), content, found)
    return found


def _with_days(sample: Block, dialect: Dialect) -> Block:
    """The rows that have a day; notes below a table say nothing about its symbols and bars."""
    title = str(dialect.columns["date"])
    have_days = (
        parse_days(sample.columns[title], dialect.calendar, sample.typed(title)).reasons == ""
    )
    return sample.only(have_days) if have_days.any() else sample


def _has_blanks(content: Content, dialect: Dialect) -> bool:
    """Whether single blanks part a text into columns of which one holds dates."""
    with suppress(Refusal):
        sample = sample_of(open_sheet(content, replace(dialect, delimiter=" ")), content)
        return any(formats_of(sample, title) is not None for title in list(sample.columns)[:-1])
    return False


def _twins(titles: Sequence[str]) -> dict[str, int]:
    """The columns whose names occur more than once, each with its number."""
    again = {title for title in titles if f"{title} (2)" in titles}
    return {
        title: number
        for number, title in enumerate(titles, 1)
        if re.sub(r" \(\d+\)$", "", title) in again
    }


def first_day(path: Path, name: str, first: Description) -> int | None:
    """The first day of a file, read with the settings that were found for another file; None if
    these do not read it."""
    reading = read_as(path, name, first)
    return int(reading.prices.days.min()) if reading and len(reading.prices) else None


def read_as(path: Path, name: str, first: Description) -> Reading | None:
    """A file, read with the settings that were found for another one; None if these do not fit."""
    said = {setting.key.removeprefix("columns.") for setting in first.settings}
    columns = {ours: title for ours, title in first.dialect.columns.items() if ours in said}
    symbol = first.dialect.symbol
    if symbol not in (None, FROM_SHEET):
        symbol = own_symbol(name, first.dialect)
    try:
        content = recognise(path, name, encoding=first.dialect.encoding)
        reading = read_delivery(content, replace(first.dialect, symbol=symbol, columns=columns))
        reading.check_share(_MOST_LOST, name)
    except Refusal:
        return None
    if first.is_named_after_file and reading.settings["columns"]["close"] != symbol_of_file(name):
        return None
    return reading


def _workbook_sheet(content: Content, dialect: Dialect, found: Description) -> tuple[Dialect, bool]:
    """The sheet of a workbook that has dates and numbers, and whether each sheet is of a symbol."""
    names = filled_sheets(content.whole(), content.name)
    if len(names) < 2:
        return dialect, False
    dated = [name for name in names if _has_rows(content, name)]
    if len(dated) == len(names) and _are_of_symbols(content, names, dialect):
        why = "each sheet is named after its symbol, and all have the same columns"
        found.choose("symbol", [FROM_SHEET], why)
        return replace(dialect, sheet=names[0]), True
    if len(dated) > 1:
        found.notes.append(
            "several sheets hold dates and numbers: if each is named after its symbol and all have "
            f'the same columns, set source.symbol: "{FROM_SHEET}" and no source.sheet'
        )
    sheet = str(found.choose("sheet", dated or names, "it holds dates and numbers"))
    return replace(dialect, sheet=sheet), False


def _are_of_symbols(content: Content, names: Sequence[str], dialect: Dialect) -> bool:
    """Whether sheets are named like symbols and have the same columns, and these are prices."""
    if not all(map(is_code, names)) or len(set(differing_names(names)) - {""}) < len(names):
        return False
    titles = [open_sheet(content, replace(dialect, sheet=name)).titles for name in names]
    are_equal = all(set(each) == set(titles[0]) for each in titles)
    is_long = dialect.layout_of(titles[0]) == "long" and not usual_columns("symbol", titles[0])
    return are_equal and is_long


def _has_rows(content: Content, sheet: str) -> bool:
    try:
        begin = getattr(open_sheet(content, Dialect(sheet=sheet, symbol="X")), "begin", ())
    except Refusal:
        return False
    return any(are_values(cells) for _, cells in begin)


def _encoding(path: Path, name: str, found: Description) -> str | None:
    try:
        content = recognise(path, name)
    except Refusal:
        with path.open("rb") as file:
            wide = wide_encoding(file.read(_HEAD))
        if wide is None:
            raise
        return str(found.choose("encoding", [wide], "every letter has zero bytes beside it"))
    if content.kind not in ("text", "json") or content.encoding:
        return None
    raw = content.whole()
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        fitting = fitting_encodings(raw)
        why = f"line {line} is not UTF-8; other encodings may fit as well, so check the letters"
        if len(fitting) > 1:
            read = ", ".join(f"{word} in {encoding}" for encoding, word in fitting.items())
            why = f"line {line} is not UTF-8: it reads {read}; save it as UTF-8 and start again"
        return str(found.choose("encoding", list(fitting), why))
    return None


def _columns(
    dialect: Dialect, titles: list[str], sample: Block, found: Description, content: Content
) -> Dialect:
    """Choose the date column, and how dates and numbers are written."""
    dated = [title for title in titles if formats_of(sample, title) is not None]
    by_name = with_twins(usual_columns("date", dated), found) or [
        title for title in usual_columns("date", titles) if not is_unnamed(title)
    ]
    dates = by_name or [
        title for title in dated if not any(usual_columns(ours, [title]) for ours in VALUES)
    ]
    dates = [title for title in dates if not is_number(sample, title)] or dates
    dates = dates or [
        title
        for title in titles
        if (is_unnamed(title) or plain_title(title) == "index")  # else it may number the rows
        and formats_of(sample, title, short=True)
    ]
    if not dates:
        raise Refusal(f"{content.name}:1: {why_no_dates(titles, sample, content.name)}")
    date = str(found.choose("columns.date", dates, "its values are dates", by_name and dates[0]))
    if date in found.numbers:
        found.notes.append(
            "several tables stand side by side, each with its own dates, and a config reads one of "
            "them: choose the columns of one table, or deliver each table as a file"
        )
    clocks = [
        title
        for title in titles
        if is_unnamed(title)
        and title != date
        and all(map(CLOCK.fullmatch, texts_of(sample, title)))
    ]
    named: dict[str, Column] = {"date": date}
    if len(clocks) == 1 and texts_of(sample, clocks[0]):  # from a file without a header
        named["time"] = str(found.choose("columns.time", clocks, "its values are times of day"))
    dialect = replace(_dates(dialect, date, sample, found), columns=named)
    numbers = [
        title
        for title in titles
        if title != date and is_number(sample, title) and not is_numbered(sample, title)
    ]
    dialect = choose_prices(dialect, titles, numbers, sample, found)
    read = set(dialect.symbols or titles)
    if dialect.layout != "wide" and dialect.layout_of(titles):
        read = set(dialect.names(titles, "").values())
    return replace(dialect, marks=_marks(sample, [each for each in numbers if each in read], found))


def _dates(dialect: Dialect, title: str, sample: Block, found: Description) -> Dialect:
    """How the dates of a column are written, and which time zone counts."""
    column, typed = sample.columns[title], sample.typed(title)
    formats = formats_of(sample, title, short=True) or []
    choices = _mixed(sample, title, formats[:1]) or [[each] for each in formats]
    tomorrow = day_after(now())
    past = [
        some
        for some in choices
        if "future-date"
        not in parse_days(column, Calendar(tuple(some), "UTC", tomorrow), typed).faults
    ]
    choices = past or choices
    by_itself, then = (
        parse_days(column, Calendar(tuple(some)), typed).reasons == ""
        for some in ([], *(choices[:1] or [[]]))
    )
    row = int(np.argmax(then & ~by_itself))
    why = f"line {sample.lines[row]} has {column[row]}"
    if len(choices) > 1 and any(form in DAY_COUNTS for (form, *_) in choices):
        each = (parse_days(column, Calendar(tuple(some)), typed).days[row] for some in choices)
        why += f": {' or '.join(str(np.datetime64(int(day), 'D')) for day in each)}"
    form = found.choose("date_formats", choices, why, [])
    calendar = Calendar(tuple(form or ()), last_day=tomorrow)
    days = parse_days(column, calendar, typed)
    if (days.reasons == "unzoned-time").any():
        row = int(np.argmax(days.reasons == "unzoned-time"))
        why = f"line {sample.lines[row]} has {column[row]}: whose calendar counts?"
        zone = found.choose("time_zone", _ZONES, why, examples=True)
        calendar = replace(calendar, time_zone=zone)
    days = parse_days(column, calendar, typed)
    is_stamp = days.times is not None and len(days.times) > 2 and len(set(days.times.tolist())) == 1
    same_day = len(set(days.days.tolist())) == 1
    if len(column) > 2 and same_day and (is_stamp or _DOWNLOADED.search(title)):
        found.notes.append(
            f"{title} is {column[0]} in every row: if that is the time of the download, it is "
            "not the date of the prices"
        )
    return replace(dialect, calendar=calendar)


def _mixed(sample: Block, title: str, formats: Sequence[str]) -> list[list[str]]:
    """Combinations of formats that together read all of a column, one of which may be ISO 8601."""
    column, typed = sample.columns[title], sample.typed(title)
    if not pa.types.is_string(column.type) or typed is not None:
        return []
    reasons = parse_days(column, Calendar(tuple(formats)), typed).reasons
    read, unread = (
        column.filter(pa.array(np.isin(reasons.astype(str), some))).unique().to_pylist()[:500]
        for some in (["", "ambiguous-date"], ["unreadable-date"])
    )
    if not read or len(unread) < _A_WAY:
        return []
    ways = (proposals.among(each, formats, unread, read) for each in proposals.date_formats(unread))
    return [way for way in ways if way]


def _marks(sample: Block, numbers: Sequence[str], found: Description) -> Marks:
    """How all columns of numbers are written."""
    usual = Marks()
    found.notes += map(_said_of_32nds, [each for each in numbers if _may_be_32nds(sample, each)])
    odd: list[tuple[str, str]] = []
    plain: list[tuple[str, str]] = []
    for title in numbers:
        column, typed = sample.columns[title], sample.typed(title)
        if pa.types.is_string(column.type):
            read = parse_numbers(column, usual, typed, multiples=True)
            is_text = np.ones(len(column), bool) if typed is None else ~typed
            for found_here, mask in ((odd, read.unreadable), (plain, ~np.isnan(read.values))):
                texts = map(str, column.filter(pa.array(mask & is_text)).unique().to_pylist())
                found_here.extend([(title, each) for each in texts if like_number(each)][:200])
    everything = [text for _, text in odd + plain]
    ways = proposals.marks(everything, usual, multiples=True) if odd else []
    marked = [(title, text) for title, text in plain if "." in text]
    if marked and not odd and all(_EITHER_MARK.fullmatch(text.strip()) for _, text in plain):
        ways = [usual, replace(usual, decimal=",", thousands=".")]
    if not ways:
        return usual
    title, text = (odd or marked)[0]
    why = f"column {title!r} has {text!r}"
    said = [proposals.changed(way, usual) or ['decimal: "."'] for way in ways]
    lines = [" with ".join(each) for each in said]
    place = lines.index(found.answers.get("", lines[0]))
    if len(ways) > 1 and "" not in found.answers:
        found.settings.append(Setting("", lines[0], why, lines[1:]))
    else:
        found.settings += [Setting("", line, why) for line in said[place]]
    return ways[place]


def _may_be_32nds(sample: Block, title: str) -> bool:
    """Whether prices that move by several points have two digits after the point, and never more
    than .31."""
    texts = sample.columns[title].drop_null().to_pylist() if sample.typed(title) is None else []
    parts = [_POINTS.fullmatch(text.strip()) for text in texts if isinstance(text, str)]
    if len(parts) < _HUNDREDS or not all(parts):
        return False
    points, rest = ({each[group] for each in parts if each} for group in (1, 2))
    return len(points) > 1 and len(rest) > _MANY_32NDS


def _said_of_32nds(title: str) -> str:
    return (
        f"column {title!r} has two digits after the point in every price, and none above .31: are "
        "these points and 32nds? Then deliver decimals (110.5 for 110.16)"
    )


def _bars(dialect: Dialect, titles: list[str], sample: Block, found: Description) -> Dialect:
    """Find out whether a symbol has several rows a day, told apart by time or by a column."""
    if dialect.layout_of(titles) is None:
        return dialect
    names = dialect.names(titles, "")
    moments = moments_of(sample, dialect)
    symbols = [""] * len(moments)
    if "symbol" in names:
        symbols = sample.columns[names["symbol"]].to_pylist()
    rows = [(*moment, symbol) for moment, symbol in zip(moments, symbols, strict=True)]
    days = [(day, symbol) for day, _, symbol in rows]
    if len(set(rows)) - len(set(days)) > STRAYS * len(rows):
        again = next(n for n, day in enumerate(days) if day in days[:n] and rows[n] not in rows[:n])
        why = f"several times a day, as in line {sample.lines[again]}"
        found.choose("bars", ["intraday"], why, "daily")
        dialect = replace(dialect, calendar=replace(dialect.calendar, bars="intraday"))
        dialect = choose_times(dialect, moments, sample.lines.tolist(), found)
    telling: dict[str, list[str]] = {}
    for title in titles:
        column = sample.columns[title]
        if len(set(rows)) == len(rows) or title in names.values() or is_number(sample, title):
            continue
        texts = column.cast(pa.string()).to_pylist()
        kinds = [text or "" for text, _ in Counter(texts).most_common()]
        kinds.sort(key=lambda kind: value_named(kind) != "close")  # of several fields, the close
        if len(kinds) <= _MOST_KINDS and len(set(zip(texts, rows, strict=True))) == len(rows):
            telling[title] = kinds
    if telling:
        choices: list[dict[str, list[str]]] = [
            {title: [kind]} for title, kinds in telling.items() for kind in kinds[:5]
        ]
        apart = " or ".join(telling)
        why = f"a symbol has several rows a day, one for each {apart}; {{}} reads all rows"
        where = found.choose("where", [*choices, {}], why, {})
        dialect = replace(dialect, where=where)
    return dialect


def _try(dialect: Dialect, content: Content, found: Description) -> None:
    """Read the file as described, and note what is odd about its values."""
    if dialect.symbol == FROM_FILE:
        dialect = replace(dialect, symbol=own_symbol(content.name, dialect))
    for prices, strict in _TRIALS:
        found.dialect = replace(dialect, prices=prices, strict=strict)
        try:
            reading = read_delivery(content, found.dialect)
        except Refusal as refusal:
            if prices == "any":
                found.notes.append(f"not read yet: {refusal}")
            continue
        if reading.quarantine.by_reason().get("sign", 0) <= reading.rows / 100:
            break
    else:
        return
    if (wider := _with_every_symbol(reading, content, found)) != found.dialect:
        found.dialect = wider
        reading = read_delivery(content, wider)
    if prices != "positive" and _signs(reading, found) == "positive":
        reading = read_delivery(content, replace(found.dialect, prices="positive"))
    if strict:
        found.choose("model.price", ["close"], "adj_close has values of 0 or below")
    try:
        reading.check_share(_MOST_LOST, content.name)
    except Refusal as refusal:
        found.notes.append(f"too many rows are lost: {refusal}")
    if not found.to_choose:
        found.reading = reading


def _with_every_symbol(reading: Reading, content: Content, found: Description) -> Dialect:
    """The dialect with a pattern that fits the symbols behind the sample, too."""
    title = reading.settings["columns"].get("symbol")
    is_open = all(setting.key != "symbol_pattern" for setting in found.settings)
    if title is None or not is_open or "bad-symbol" not in reading.quarantine.by_reason():
        return found.dialect
    symbols = set[str]()
    for read in open_sheet(content, found.dialect).blocks([title]):
        symbols.update(texts_in(read().columns[title]))
    return choose_pattern(found.dialect, sorted(symbols), found, ask=True)


def _signs(reading: Reading, found: Description) -> Any:
    """Ask which signs prices may have, unless they plainly are of rates or spreads."""
    prices, signs = reading.prices, found.dialect.prices
    values = next(prices.values[name] for name in PREFERRED if name in prices.values)
    known = values[~np.isnan(values)]
    series = [
        each[~np.isnan(each)] for each in np.split(values, prices.begins[1:-1]) if (each <= 0).any()
    ]
    if series and all(map(_goes_through_zero, series)):
        return found.choose("prices", [signs], "its prices go through 0 in small steps", "positive")
    if (known < 0).mean() > 0.2 and np.abs(known).max() < 100:
        found.notes.append("these look like returns or per cent changes, but prices are needed")
    elif (known < 0).any():
        flips = np.flatnonzero(np.sign(known[1:]) * np.sign(known[:-1]) < 0)
        same = np.abs(np.abs(known[flips + 1]) / np.abs(known[flips]) - 1) < _SAME_SIZE
        if same.size and same.mean() > _MOST_LOST:
            found.notes.append(
                "a minus seems to mark prices here (CRSP puts one before the mean of bid and ask) "
                "and not to be their sign; deliver them without it"
            )
    row = int(np.argmax(values <= 0))
    why = (
        f"{(known <= 0).sum():,} of {len(known):,} prices are 0 or below, such as "
        f"{values[row]:.10g} of {prices.symbol(row)} on {prices.date(row)}; positive quarantines "
        "such rows"
    )
    return found.choose("prices", [signs, "positive"], why)


def _goes_through_zero(values: Floats) -> bool:
    """Whether a series (n,) plainly is one of rates or spreads: a tenth of its values or more are
    below zero, and it moves through zero in steps of its usual size.

    Returns do not: their steps are as large as they are. Nor do prices with a minus as a mark.
    """
    steps = np.abs(np.diff(values))
    through = steps[np.sign(values[1:]) != np.sign(values[:-1])]
    usual = np.median(steps[steps > 0]) if steps.any() else 0.0
    spread = np.median(np.abs(values - np.median(values)))
    is_small = bool(through.size) and through.max() <= _USUAL_STEPS * usual and usual < spread / 2
    return is_small and bool((values < 0).mean() >= 0.1)
