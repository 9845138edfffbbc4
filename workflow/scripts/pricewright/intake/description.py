"""Describe a delivery: find the settings that read it, each with its reason, and open questions.

Nothing is guessed. Where two readings fit, the setting stays open with both, and a run refuses it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from pricewright.files.clock import now
from pricewright.files.errors import Refusal
from pricewright.intake.encodings import fitting_encodings
from pricewright.intake.findings import Description, Setting
from pricewright.intake.one_symbol import differing_names, symbol_of_file
from pricewright.intake.reading import proposals
from pricewright.intake.reading.content import Content, recognise
from pricewright.intake.reading.dates import day_after, parse_days
from pricewright.intake.reading.delivery import (
    Reading,
    better_symbol,
    open_sheet,
    read_delivery,
)
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
from pricewright.intake.reading.rows import (
    NUMBER,
    Block,
    Sheet,
    bare,
    crossed_columns,
    crossed_header,
    joined,
    texts_in,
)
from pricewright.intake.reading.rows_in_order import STRAYS
from pricewright.intake.reading.titles import (
    is_code,
    is_no_symbol,
    is_security,
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
_ANY_NAME: Final = r"(?=.*[^\W\d]).{1,64}"
_DOWNLOADED: Final = re.compile(r"download|retriev|export|fetch|load|updat|quer", re.IGNORECASE)
_ZONES: Final = ("UTC", "America/New_York", "Europe/Zurich")
_MOST_LOST: Final = 0.5
_MOST_BARS: Final = 0.95  # of rows whose high and low are so show which columns these are
_NEAR: Final = 0.75  # from a close to the next open it is at most this share of the way back
_FEW_ROWS: Final = 3  # fewer show nothing
_A_WAY: Final = 3  # at least this many texts written in a different way are no accident
_CODES: Final = (
    *("code", "stock", "security_code", "instrument_code", "sec_id", "security_id"),
    *("instrument_id", "instrument_symbol", "trading_symbol"),
)
_BASE: Final = re.compile("base|from")
_HEAD: Final = 4096  # bytes that show the zeros of UTF-16 or UTF-32
_SAME_SIZE: Final = 0.1
_USUAL_STEPS: Final = 8.0  # a step of more than so many usual ones is a jump
_TICKERS_TOO: Final = "the names of fields among its columns are names of symbols, too"
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
    dialect = Dialect(encoding=encoding, symbol="X")  # the symbol is asked for at the end
    by_sheet = False
    if content.kind == "excel":
        dialect, by_sheet = _workbook_sheet(content, dialect, found)
    sheet = open_sheet(content, dialect)
    if content.kind == "text" and len(sheet.titles) == 1 and _has_blanks(content, dialect):
        found.choose("delimiter", [" "], "single blanks separate its columns")
        dialect = replace(dialect, delimiter=" ")
        sheet = open_sheet(content, dialect)
    if pattern := _pattern_of_crossed(sheet, dialect, found):
        dialect = replace(dialect, symbol_pattern=pattern)
        sheet = open_sheet(content, dialect)
    if crossed := crossed_columns(sheet, dialect):
        found.notes.append(
            "each column holds one field of one symbol, as yfinance and Bloomberg write them"
        )
        sample = sample_of(sheet, content)
        names = [pair for columns in crossed.values() for pair in columns.items()]
        dialect = _dates(dialect, [names[0][1]], sample, found)
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
        own = symbol_of_file(name)
        if named and dialect.columns.get("close") == own:
            found.is_named_after_file = True
            found.numbers = {**found.numbers, own: titles.index(own) + 1}
        if by_sheet:
            dialect = replace(dialect, symbol=FROM_SHEET, sheet=None)
        else:
            dialect = _symbols(dialect, titles, sample, found, (name, named, sheet))
        if parts := dialect.parts_of_symbol(titles, name):
            sample = joined(sample, parts)
            titles = list(sample.columns)
        dialect = _bars(dialect, titles, sample, found)
        dialect = in_units(dialect, titles, sample, found)
    columns = {ours: found.numbers.get(str(said), said) for ours, said in dialect.columns.items()}
    _try(replace(dialect, columns=columns), content, found)
    return found


def _has_blanks(content: Content, dialect: Dialect) -> bool:
    """Whether single blanks part a text into columns of which one holds dates."""
    with suppress(Refusal):
        sample = sample_of(open_sheet(content, replace(dialect, delimiter=" ")), content)
        return any(formats_of(sample, title) is not None for title in list(sample.columns)[:-1])
    return False


def _pattern_of_crossed(sheet: Sheet, dialect: Dialect, found: Description) -> str | None:
    """The pattern of symbols in a line above or below that of the fields, such as Bloomberg's.

    None if the usual pattern allows them. One name may be the title of the whole table, and so may
    several over different fields, unless they are plainly securities.
    """
    lines = [cells for _, cells in getattr(sheet, "begin", ())]
    header = crossed_header(lines, replace(dialect, symbol_pattern=_ANY_NAME))
    symbols = list(header.columns) if header and not crossed_columns(sheet, dialect) else []
    fields = {tuple(sorted(header.columns[symbol])) for symbol in symbols} if header else set()
    if not all(map(is_security, symbols)) and (len(symbols) < 2 or len(fields) > 1):
        return None
    pattern = proposals.symbol_pattern(symbols) if symbols else None
    others = [symbol for symbol in symbols if not dialect.is_symbol(symbol)]
    return pattern and str(found.choose("symbol_pattern", [pattern], f"found {others[0]!r}"))


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
    said = {setting.key.removeprefix("columns.") for setting in first.settings}
    columns = {ours: title for ours, title in first.dialect.columns.items() if ours in said}
    symbol = first.dialect.symbol
    if symbol not in (None, FROM_SHEET):
        symbol = _own_symbol(name, first.dialect)
    try:
        content = recognise(path, name, encoding=first.dialect.encoding)
        reading = read_delivery(content, replace(first.dialect, symbol=symbol, columns=columns))
        reading.check_share(_MOST_LOST, name)
    except Refusal:
        return None
    if first.is_named_after_file and reading.settings["columns"]["close"] != symbol_of_file(name):
        return None
    return int(reading.prices.days.min()) if len(reading.prices) else None


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


def _own_symbol(name: str, dialect: Dialect) -> str:
    stem = symbol_of_file(name)
    return stem if dialect.is_symbol(stem) else "X"


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
    by_name = _with_twins(usual_columns("date", dated), found) or [
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
    dialect = replace(_dates(dialect, [date], sample, found), columns=named)
    numbers = [
        title
        for title in titles
        if title != date and is_number(sample, title) and not is_numbered(sample, title)
    ]
    dialect = _layout(dialect, titles, numbers, sample, found)
    read = set(dialect.symbols or titles)
    if dialect.layout != "wide" and dialect.layout_of(titles):
        read = set(dialect.names(titles, "").values())
    return replace(dialect, marks=_marks(sample, [each for each in numbers if each in read], found))


def _dates(dialect: Dialect, dates: list[str], sample: Block, found: Description) -> Dialect:
    """How the dates of the first of these columns are written, and which time zone counts."""
    column, typed = sample.columns[dates[0]], sample.typed(dates[0])
    formats = formats_of(sample, dates[0], short=True) or []
    choices = _mixed(sample, dates[0], formats[:1]) or [[each] for each in formats]
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
    if len(column) > 2 and same_day and (is_stamp or _DOWNLOADED.search(dates[0])):
        found.notes.append(
            f"{dates[0]} is {column[0]} in every row: if that is the time of the download, it is "
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


def _layout(
    dialect: Dialect, titles: list[str], numbers: list[str], sample: Block, found: Description
) -> Dialect:
    """Whether the columns are fields or symbols, and which are which."""
    fields = _fields(titles, found)
    are_tickers = _are_tickers_too(numbers)
    if any(fields.values()) and not (
        are_tickers and found.choose("layout", ["wide", "long"], _TICKERS_TOO, "long") == "wide"
    ):
        if not fields["close"] and not fields["adj_close"]:
            free = [title for title in numbers if value_named(title) is None]
            named = [title for title in free if value_named(title.rpartition(".")[2]) == "close"]
            fields["close"] = named or free
            if fields["close"]:
                found.is_named = bool(named)
                why = "no column is called close, but this one holds numbers"
                chosen = found.choose("columns.close", fields["close"], why)
                dialect = replace(dialect, columns={**dialect.columns, "close": chosen})
            return dialect
        for ours, choices in fields.items():
            if len(choices) > 1:
                chosen = found.choose(f"columns.{ours}", choices, f"any of them may be the {ours}")
                dialect = replace(dialect, columns={**dialect.columns, ours: chosen})
        if not fields["close"] and fields["adj_close"]:
            dialect = replace(dialect, columns={**dialect.columns, "close": fields["adj_close"][0]})
            found.choose("columns.close", fields["adj_close"], "the only close in the file")
        return dialect
    if wide := _wide(dialect, titles, sample, found, is_wide=any(fields.values())):
        return wide
    return _unnamed_prices(dialect, titles, numbers, sample, found)


def _unnamed_prices(
    dialect: Dialect, titles: list[str], numbers: list[str], sample: Block, found: Description
) -> Dialect:
    """Choose the close, and what else is plain, among columns that no name says to be prices."""
    found.is_named = False
    if bar := _unnamed_bar(titles, sample):
        return _bar(dialect, bar, sample, found)
    is_short = len(sample.lines) < _FEW_ROWS
    numbers = [title for title in numbers if is_short or len(texts_of(sample, title)) > 1]
    if prices := [title for title in numbers if "%" not in title] or numbers:
        close = found.choose("columns.close", prices, "its values are numbers")
        dialect = replace(dialect, columns={**dialect.columns, "close": close})
    return dialect


def _wide(
    dialect: Dialect, titles: list[str], sample: Block, found: Description, *, is_wide: bool
) -> Dialect | None:
    """Read each column that may be a symbol as one, if that is clear or `is_wide`; else None."""
    names = {"date": dialect.columns["date"]}
    others = [title for title in titles if title != names["date"]]
    symbols = [
        title
        for title in others
        if is_number(sample, title) is not False
        and not is_unnamed(title)
        and not is_numbered(sample, title)
    ]
    words = [title for title in symbols if is_no_symbol(title)]
    symbols = [title for title in symbols if title not in words]
    symbols = [title for title in symbols if texts_of(sample, title) not in (["0"], ["false"])]
    every = symbols
    if any(map(dialect.is_symbol, symbols)):
        symbols = [title for title in symbols if dialect.is_symbol(title)]
    are_codes = all(map(is_code, symbols))
    filled = [title for title in symbols if is_number(sample, title)]
    if not is_wide:
        if len(filled) < 2 or usual_columns("symbol", titles):
            return None
        why = f"{len(symbols)} columns of numbers are named like symbols or companies"
        layouts = ["wide"] if are_codes else ["wide", "long"]
        default = Dialect(columns=names).layout_of(titles)
        if found.choose("layout", layouts, why, default) != "wide":
            return None
    dialect = replace(dialect, layout="wide", columns=names)
    if len(symbols) < len(others):
        why, choices = "the other columns hold no prices", [list(symbols)]
        if symbols != every:
            why = "these are named like symbols; the other columns hold numbers, too"
            choices.append(every)
        if are_codes and (tickers := list(filter(is_code, words))):
            why = f"{', '.join(tickers)} may be a symbol like those beside it, or a field"
            choices.insert(0, [each for each in others if each in [*symbols, *tickers]])
        symbols = found.choose("symbols", choices, why)
        dialect = replace(dialect, symbols=tuple(symbols))
    return _pattern(dialect, symbols, found)


def _are_tickers_too(numbers: Sequence[str]) -> bool:
    """Whether columns of numbers that are named as fields, such as LOW or C, may be symbols like
    those beside them: all are in capitals, and at most half of them are named as fields."""
    named = [title for title in numbers if value_named(title)]
    others = [
        title
        for title in numbers
        if title not in named and not is_no_symbol(title) and not usual_columns("symbol", [title])
    ]
    return len(others) >= len(named) > 0 and all(map(is_code, [*named, *others]))


def _unnamed_bar(titles: Sequence[str], sample: Block) -> list[str]:
    """The first columns without names that hold open, high, low, close and, perhaps, volume.

    Of the first four, in no more than a few rows is the second not the highest and the third not
    the lowest. The volume follows, or follows a mean price of the bar.
    """
    values = {title: _numbers_of(sample, title) for title in titles if is_unnamed(title)}
    for place, bar in enumerate(zip(*(titles[n:] for n in range(4)), strict=False)):
        if not all(title in values for title in bar) or len(sample.lines) < _FEW_ROWS:
            continue
        first, high, low, last = (values[title] for title in bar)
        fits = (high >= np.maximum(first, last)) & (low <= np.minimum(first, last))
        if fits.mean() < _MOST_BARS or not (high > low).any():
            continue
        for title in titles[place + 4 : place + 6]:
            after = values.get(title, np.array([np.nan]))
            if not ((after >= low) & (after <= high)).mean() >= _MOST_BARS:
                return [*bar, title] if (after >= 0).all() else list(bar)
        return list(bar)
    return []


def _numbers_of(sample: Block, title: str) -> np.ndarray:
    column, typed = sample.columns[title], sample.typed(title)
    if pa.types.is_temporal(column.type):
        return np.full(len(column), np.nan)
    return parse_numbers(column, Marks(), typed, multiples=True).values


def _bar(dialect: Dialect, bar: Sequence[str], sample: Block, found: Description) -> Dialect:
    """Choose the columns of a bar; which is the close is clear if the next open is plainly near."""
    first, last = (_numbers_of(sample, bar[place]) for place in (0, 3))
    moments = moments_of(sample, dialect)
    step = 1 if moments[0] <= moments[-1] else -1
    first, last = first[::step], last[::step]
    near, far = (np.nanmean(np.abs(b[1:] - a[:-1])) for a, b in ((last, first), (first, last)))
    both = [bar[3], bar[0]]
    why = f"{bar[0]} to {bar[3]} hold values in the order of open, high, low and close"
    close = found.choose("columns.close", both[:1] if near < _NEAR * far else both, why)
    opens = [title for title in reversed(both) if title != close]
    if found.to_choose and found.to_choose[-1].key == "columns.close":
        opens = both[::-1]
    names = dict(zip(("high", "low", "close", "volume"), bar[1:], strict=False))
    names |= {"close": close, "open": found.choose("columns.open", opens, why)}
    for ours in ("high", "low", *(["volume"] if len(bar) > 4 else [])):
        found.choose(f"columns.{ours}", [names[ours]], why)
    return replace(dialect, columns={**dialect.columns, **names})


def _fields(titles: list[str], found: Description) -> dict[str, list[str]]:
    """The columns that may be each of our values, including those of the same name."""
    return {ours: _with_twins(usual_columns(ours, titles), found) for ours in VALUES}


def _with_twins(titles: Sequence[str], found: Description) -> list[str]:
    """Titles with the columns that have the same name."""
    begins = tuple(f"{title} (" for title in titles)
    return [*titles, *(title for title in found.numbers if title.startswith(begins))]


def _pattern(
    dialect: Dialect, symbols: Sequence[str], found: Description, *, most: float = 0.1
) -> Dialect:
    """Propose a symbol_pattern if the usual one refuses more than a share of the symbols."""
    others = [text for text in symbols if not dialect.is_symbol(text)]
    pattern = proposals.symbol_pattern(symbols) if len(others) > len(symbols) * most else None
    if pattern is None:
        return dialect
    found.choose("symbol_pattern", [pattern], f"found {others[0]!r}")
    return replace(dialect, symbol_pattern=pattern)


def _symbols(
    dialect: Dialect,
    titles: list[str],
    sample: Block,
    found: Description,
    source: tuple[str, Sequence[str], Sheet],
) -> Dialect:
    """Choose where the symbol comes from: a column, the file, or a name that people must give."""
    name, named_files, sheet = source
    dialect = replace(dialect, symbol=None)
    if dialect.layout == "wide":
        return dialect
    if named := usual_columns("symbol", titles):
        said = texts_of(sample, named[0])
        with suppress(Refusal):  # the trial says it again
            if better := better_symbol(named[0], said, titles, name):
                found.choose("columns.symbol", [better], f"{named[0]} holds only numbers")
                dialect = replace(dialect, columns={**dialect.columns, "symbol": better})
                said = texts_of(sample, better)
        _note_numbers(dialect.names(titles, "")["symbol"], sample, found)
        return _pattern(dialect, said, found)
    if inside := getattr(sheet, "symbol", None):
        found.notes.append(f"the file itself says that its prices are of {inside}")
        return _pattern(dialect, [inside], found)
    taken = set(map(str, dialect.columns.values()))
    moments = moments_of(sample, dialect)
    several = len(set(moments)) < len(moments)
    words = {
        title: [text and bare(text) for text in sample.columns[title].cast(pa.string()).to_pylist()]
        for title in titles
        if title not in taken
        and (
            plain_title(title) in _CODES
            or (
                pa.types.is_string(sample.columns[title].type)
                and sample.typed(title) is None
                and (not is_number(sample, title) or is_numbered(sample, title))
            )
        )
    }
    telling = [
        title
        for title, texts in words.items()
        if None not in texts and len(set(zip(moments, texts, strict=True))) == len(moments)
    ]
    symbols = [title for title in words if all(map(dialect.is_symbol, words[title]))]
    candidates: list[str | list[str]] = [
        *([title for title in symbols if title in telling] or telling),
        *_pairs({title: words[title] for title in symbols}, moments),
    ]
    candidates = candidates or [*symbols]
    codes = [title for title in symbols if is_unnamed(title) and all(map(is_code, words[title]))]
    codes = codes or [
        title
        for title in titles
        if plain_title(title) in _CODES
        and title not in taken
        and _is_of_one(sample, title, dialect)
    ]
    if (several and candidates) or len(codes) == 1:
        why = "there are several prices a day, each with another of these values"
        if not several:
            candidates, why = [*codes], "its values look like symbols"
        symbol = found.choose("columns.symbol", candidates, why)
        dialect = replace(dialect, columns={**dialect.columns, "symbol": symbol})
        texts = []
        if not isinstance(symbol, list):
            texts = texts_of(sample, symbol)
            _note_numbers(symbol, sample, found)
        return _pattern(dialect, texts, found)
    if named_files:
        return _from_names(dialect, named_files, found)
    return _from_name(dialect, symbol_of_file(name), found)


def _pairs(words: Mapping[str, Sequence[str]], moments: Sequence[object]) -> list[list[str]]:
    """The pairs of columns that tell the prices of each moment apart, as base and quote do.

    Both hold currencies, or other codes of capital letters, and neither just describes the other.
    The base comes first; if the titles do not say which it is, both orders are there.
    """
    found: list[list[str]] = []
    codes = {
        title: texts
        for title, texts in words.items()
        if len(set(texts)) > 1 and all(re.fullmatch("[A-Z]{3,5}", text) for text in texts)
    }
    for (one, its), (other, theirs) in combinations(codes.items(), 2):
        count = len(set(zip(its, theirs, strict=True)))
        are_bound = count <= max(len(set(its)), len(set(theirs))) and not set(its) & set(theirs)
        if not are_bound and len(set(zip(moments, its, theirs, strict=True))) == len(moments):
            bases = [each for each in (one, other) if _BASE.match(plain_title(each))]
            found += [[each, other if each == one else one] for each in bases or (one, other)]
    return found


def _from_names(dialect: Dialect, places: Sequence[str], found: Description) -> Dialect:
    """Take each file's name as its symbol; ask if the names may be those of one symbol."""
    why, choices = "no column holds a symbol; each file is named after its own", [FROM_FILE]
    stems = [symbol_of_file(place) for place in places]
    are_alike = len(set(stems)) > len(set(differing_names(places))) == 1
    if are_alike and not found.is_named_after_file:
        why = "the files begin on the same day, and their names differ only by numbers or dates"
        choices.append(stems[0])
    symbol = found.choose("symbol", choices, why)
    return replace(_pattern(dialect, stems, found, most=0), symbol=symbol)


def _from_name(dialect: Dialect, stem: str, found: Description) -> Dialect:
    """Propose the name of the only file, or a word that begins it, as its symbol."""
    why = "no column holds it; this is the file's name, so correct it"
    begins = "no column holds it; the file's name begins with it, so correct it"
    words = [stem, *(re.split(marks, stem)[0] for marks in (r"[\s,;()]+", "[_ ]+"))]
    if symbol := next(filter(dialect.is_symbol, words), None):
        found.choose("symbol", [symbol], why if symbol == stem else begins)
        return replace(dialect, symbol=symbol)
    if proposals.symbol_pattern([stem]):
        found.choose("symbol", [stem], why)
        return replace(_pattern(dialect, [stem], found), symbol=stem)
    why = "no column holds it, and the file's name is none; such as these"
    return replace(dialect, symbol=found.choose("symbol", ("AAPL", "EURUSD"), why, examples=True))


def _note_numbers(title: str, sample: Block, found: Description) -> None:
    """Note that symbols are stored as numbers, which have no leading zeros."""
    column, kinds = sample.columns[title], sample.kinds.get(title)
    numbers = not pa.types.is_string(column.type) if kinds is None else kinds == NUMBER
    first = column.filter(pa.array(np.broadcast_to(numbers, len(column))))[:1].cast(pa.string())
    if len(first):
        found.notes.append(
            f"column {title!r} holds symbols as numbers, such as {first[0]}: if they had leading "
            "zeros, as in 0700, the zeros are lost; then deliver the symbols as text"
        )


def _is_of_one(sample: Block, title: str, dialect: Dialect) -> bool:
    """Whether a column holds one text throughout, and it may be a symbol."""
    texts = texts_in(sample.columns[title])
    is_one = len(texts) == 1 and not sample.columns[title].null_count
    return is_one and dialect.is_symbol(texts[0]) and len(texts[0]) > 2


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
        dialect = replace(dialect, symbol=_own_symbol(content.name, dialect))
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
