"""What a delivery looks like: the settings that read it, each with why, and what remains open.

Nothing is guessed: where two readings fit, the setting stays open, with both.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import yaml

from pricewright.files.errors import Refusal, printable
from pricewright.intake.reading import proposals
from pricewright.intake.reading.content import Content, recognise
from pricewright.intake.reading.dates import day_after, parse_days
from pricewright.intake.reading.delivery import STRAYS, Reading, open_sheet, read_delivery
from pricewright.intake.reading.dialect import FROM_FILE, Calendar, Dialect, Marks
from pricewright.intake.reading.numbers import parse_numbers
from pricewright.intake.reading.rows import Block, Sheet
from pricewright.intake.reading.titles import is_code, is_unnamed, usual_columns
from pricewright.tables.fields import VALUES

_ENCODINGS: Final = ("cp1252", "cp1250", "latin-1")
_SAMPLE: Final = 2_000  # rows that are looked at
_NUMBER: Final = re.compile(r"\W{0,2}[A-Z]{0,3}\W{0,2}\d(?:\d|[^\w:])*[KMBT%€$]?\W{0,2}")
_TRIALS: Final[tuple[tuple[Literal["positive", "nonnegative", "any"], tuple[str, ...]], ...]] = (
    ("positive", ()),
    ("positive", ("close",)),
    ("nonnegative", ()),
    ("any", ()),
)
"""The signs that prices may have, and the columns that must have them: the strictest first."""
_ZONES: Final = ("UTC", "America/New_York", "Europe/Zurich")
_MOST_LOST: Final = 0.5
_MOST_KINDS: Final = 100  # texts of a column that rows may be chosen by


@dataclass(frozen=True)
class Setting:
    """A key of `source`, the value that reads the file, and why.

    key: empty if the value says it itself, as a line of YAML.
    others: values that would read it as well; then people must choose.  examples: whether these
    are only some of many.
    """

    key: str
    value: Any
    why: str
    others: Sequence[Any] = ()
    examples: bool = False


@dataclass
class Description:
    """What was found about a delivery.

    answers: what people have chosen, by key.
    settings: those that differ from the defaults.  notes: what people should know or decide.
    reading: what becomes of the delivery with these settings; None while something is open.
    dialect: these settings.
    """

    answers: Mapping[str, Any] = field(default_factory=dict)
    settings: list[Setting] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reading: Reading | None = None
    dialect: Dialect = field(default_factory=Dialect)

    def choose(
        self,
        key: str,
        values: Sequence[Any],
        why: str,
        default: Any = None,
        *,
        examples: bool = False,
    ) -> Any:
        """Note a setting of several values that fit; returns the chosen, the first, or the
        default."""
        if not values:
            return default
        if len(values) > 1 and key in self.answers:
            values, why = [self.answers[key]], f"chosen; {why}"
        if values[0] != default or len(values) > 1:
            self.settings.append(Setting(key, values[0], why, values[1:], examples))
        return values[0]

    @property
    def to_choose(self) -> list[Setting]:
        """What is left for people to choose."""
        return [setting for setting in self.settings if setting.others]


def describe_file(
    path: Path, name: str, *, alone: bool = True, answers: Mapping[str, Any] | None = None
) -> Description:
    """Describe the file at `path`, which people call `name`; alone: it is the whole source.

    answers: the values of open keys that people have chosen. Raises Refusal for what is no table
    of prices in any way.
    """
    found = Description(answers or {})
    encoding = _encoding(path, name, found)
    content = recognise(path, name, encoding=encoding)
    dialect = Dialect(encoding=encoding, symbol="X")  # whose prices they are is asked at the end
    sheet = open_sheet(content, dialect)
    if getattr(sheet, "crossed", {}):
        found.notes.append("two header lines: fields and symbols, as yfinance writes them")
    else:
        if content.kind == "text" and _are_values(sheet.titles):
            found.choose("header_line", [0], "its first line is a row, and names no column")
            dialect = replace(dialect, header_line=0)
            sheet = open_sheet(content, dialect)
        sample = _sample(sheet, content)
        titles = list(sample.columns)
        dialect = _columns(dialect, titles, sample, found, content)
        dialect = _symbols(dialect, titles, sample, found, (name, alone))
        dialect = _bars(dialect, titles, sample, found)
    _try(dialect, content, found)
    return found


def fits(path: Path, name: str, first: Description) -> bool:
    """Whether a file can be read by the settings that were found for another."""
    said = {setting.key.removeprefix("columns.") for setting in first.settings}
    columns = {ours: title for ours, title in first.dialect.columns.items() if ours in said}
    symbol = first.dialect.symbol and _own_symbol(name, first.dialect)
    try:
        content = recognise(path, name, encoding=first.dialect.encoding)
        reading = read_delivery(content, replace(first.dialect, symbol=symbol, columns=columns))
        reading.check_share(_MOST_LOST, name)
    except Refusal:
        return False
    return True


def _are_values(titles: Sequence[str]) -> bool:
    """Whether what should name the columns has a date and a number."""
    dates = {title for title in titles if _is_date(title)}
    return bool(dates) and any(_like_number(title) for title in titles if title not in dates)


def _is_date(text: str) -> bool:
    is_iso = not parse_days(pa.array([text]), Calendar()).reasons.any()
    return is_iso or bool(proposals.date_formats([text]))


def _own_symbol(name: str, dialect: Dialect) -> str:
    stem = Path(name).name.partition(".")[0]
    return stem if dialect.is_symbol(stem) else "X"


def _encoding(path: Path, name: str, found: Description) -> str | None:
    content = recognise(path, name)
    if content.kind not in ("text", "json") or content.encoding:
        return None
    raw = content.whole()
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        fitting = [encoding for encoding in _ENCODINGS if _decodes(raw, encoding)]
        why = f"line {line} is not UTF-8; others may fit as well, look at the letters"
        return str(found.choose("encoding", fitting[:1], why))
    return None


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _sample(sheet: Sheet, content: Content) -> Block:
    """The first rows of the columns that may hold dates, symbols and numbers."""
    is_columnar = content.kind in (
        "parquet",
        "feather",
    )  # may hold others, which count only if named
    for read in sheet.blocks([] if is_columnar else sheet.titles):
        block = read()
        if len(block.lines):
            rows = slice(0, _SAMPLE)
            return Block(
                {title: column.slice(0, _SAMPLE) for title, column in block.columns.items()},
                block.lines[rows],
                kinds={title: kinds[rows] for title, kinds in block.kinds.items()},
            )
    raise Refusal(f"{content.name}:1: the file has no rows that can be read; deliver prices.")


def _columns(
    dialect: Dialect, titles: list[str], sample: Block, found: Description, content: Content
) -> Dialect:
    """Which column is the date, and how dates and numbers are written."""
    names: dict[str, Any] = {}
    by_name = [
        title
        for title in usual_columns("date", titles)
        if not is_unnamed(title) or _formats(sample, title) is not None
    ]
    dates = by_name or [
        title
        for title in titles
        if not any(usual_columns(ours, [title]) for ours in VALUES)
        and _formats(sample, title) is not None
    ]
    if not dates:
        raise Refusal(f"{content.name}:1: no column holds dates; the file has {', '.join(titles)}.")
    date = str(found.choose("columns.date", dates, "its values are dates", by_name and dates[0]))
    names["date"] = date
    formats = _formats(sample, date) or []
    text = str(sample.columns[date][0].as_py())
    line = int(sample.lines[0])
    form = found.choose(
        "date_formats", [[each] for each in formats], f"as {text} in line {line}", []
    )
    calendar = Calendar(tuple(form or ()), last_day=day_after(datetime.now(UTC)))
    days = parse_days(sample.columns[date], calendar, sample.typed(date))
    if (days.reasons == "unzoned-time").any():
        row = int(np.argmax(days.reasons == "unzoned-time"))
        why = f"line {sample.lines[row]} has {sample.columns[date][row]}: whose calendar counts?"
        zone = found.choose("time_zone", _ZONES, why, examples=True)
        calendar = replace(calendar, time_zone=zone)
    numbers = [title for title in titles if title != date and _is_number(sample, title)]
    dialect = replace(dialect, columns=names, calendar=calendar)
    marks = _marks(sample, numbers, found)
    return _layout(replace(dialect, marks=marks), titles, numbers, sample, found)


def _formats(sample: Block, title: str) -> list[str] | None:
    """The formats that read most of a column as dates: an empty list if it needs none, None if
    none do."""
    column = sample.columns[title]
    if pa.types.is_temporal(column.type):
        return []
    reasons = parse_days(column, Calendar(), sample.typed(title)).reasons
    if sum(reason in ("", "unzoned-time") for reason in reasons) > len(reasons) / 2:
        return []
    texts = [str(value).removesuffix(".0") for value in column.to_pylist() if value is not None]
    return proposals.date_formats(texts[:500], most=True) or None


def _is_number(sample: Block, title: str) -> bool | None:
    """Whether a column holds numbers, however they are written; None if it holds nothing."""
    column = sample.columns[title]
    if not pa.types.is_string(column.type):
        return not pa.types.is_temporal(column.type)
    read = parse_numbers(column, Marks(), sample.typed(title), multiples=True)
    texts = [str(text) for text in column.filter(pa.array(read.unreadable)).to_pylist()]
    if not texts and np.isnan(read.values).all():
        return None
    numbers = (~np.isnan(read.values)).sum() + sum(_like_number(text) for text in texts)
    return bool(numbers > (len(texts) + (~np.isnan(read.values)).sum()) / 2)


def _like_number(text: str) -> bool:
    return _NUMBER.fullmatch(text.strip()) is not None


def _marks(sample: Block, numbers: Sequence[str], found: Description) -> Marks:
    """The way of writing that all columns of numbers share."""
    usual = Marks()
    texts: list[tuple[str, str]] = []
    for title in numbers:
        column = sample.columns[title]
        if pa.types.is_string(column.type):
            odd = parse_numbers(column, usual, sample.typed(title), multiples=True).unreadable
            odd_texts = map(str, column.filter(pa.array(odd)).to_pylist())
            texts += [(title, text) for text in odd_texts if _like_number(text)][:200]
    ways = proposals.marks([text for _, text in texts], usual) if texts else []
    if not ways:
        return usual
    title, text = texts[0]
    why = f"as {text!r} in column {title!r}"
    lines = [" with ".join(proposals.changed(way, usual)) for way in ways]
    way = ways[lines.index(found.answers.get("", lines[0]))]
    if len(ways) > 1 and "" not in found.answers:
        found.settings.append(Setting("", lines[0], why, lines[1:]))
    else:
        found.settings += [Setting("", line, why) for line in proposals.changed(way, usual)]
    return way


def _layout(
    dialect: Dialect, titles: list[str], numbers: list[str], sample: Block, found: Description
) -> Dialect:
    """Whether the columns are fields or symbols, and which are which."""
    date = str(dialect.columns["date"])
    names: dict[str, str | int | bool] = {"date": date}
    fields = {ours: usual_columns(ours, titles) for ours in VALUES}
    if any(fields.values()):
        for ours, choices in fields.items():
            if len(choices) > 1:
                chosen = found.choose(f"columns.{ours}", choices, f"either may be the {ours}")
                dialect = replace(dialect, columns={**dialect.columns, ours: chosen})
        if not fields["close"] and fields["adj_close"]:
            dialect = replace(dialect, columns={**dialect.columns, "close": fields["adj_close"][0]})
            found.choose("columns.close", fields["adj_close"], "the only close that there is")
        return dialect
    others = [title for title in titles if title != date]
    symbols = [
        title
        for title in others
        if dialect.is_symbol(title) and _is_number(sample, title) is not False
    ]
    why = f"{len(symbols)} columns of numbers, named as symbols are"
    layouts = ["wide"] if all(map(is_code, symbols)) else ["wide", "long"]
    default = Dialect(columns=names).layout_of(titles)
    is_wide = len(symbols) > 1 and not usual_columns("symbol", titles)
    if is_wide and found.choose("layout", layouts, why, default) == "wide":
        dialect = replace(dialect, layout="wide", columns=names)
        if len(symbols) < len(others):
            found.choose("symbols", [symbols], "the other columns hold no numbers")
            dialect = replace(dialect, symbols=tuple(symbols))
        return dialect
    if numbers:
        close = found.choose("columns.close", numbers, "its values are numbers")
        dialect = replace(dialect, columns={**dialect.columns, "close": close})
    return dialect


def _symbols(
    dialect: Dialect,
    titles: list[str],
    sample: Block,
    found: Description,
    source: tuple[str, bool],
) -> Dialect:
    """Whose prices these are: a column's, the file's, or one that people must name."""
    name, alone = source
    dialect = replace(dialect, symbol=None)
    if dialect.layout == "wide" or usual_columns("symbol", titles):
        return dialect
    taken = set(map(str, dialect.columns.values()))
    moments = _moments(sample, dialect)
    several = len(set(moments)) < len(moments)
    candidates = [
        title
        for title in titles
        if title not in taken
        and pa.types.is_string(sample.columns[title].type)
        and sample.typed(title) is None
        and all(map(dialect.is_symbol, sample.columns[title].to_pylist()))
        and not _is_number(sample, title)
    ]
    if several and candidates:
        why = "several prices a day, each with another of these"
        symbol = found.choose("columns.symbol", candidates, why)
        return replace(dialect, columns={**dialect.columns, "symbol": symbol})
    if not alone:
        found.choose(
            "symbol", [FROM_FILE], "no column holds a symbol: each file is named by its own"
        )
        return replace(dialect, symbol=FROM_FILE)
    symbol = _own_symbol(name, dialect)
    found.choose("symbol", [symbol], "no column holds it; this is the file's name: correct it")
    return replace(dialect, symbol=symbol)


def _moments(sample: Block, dialect: Dialect) -> list[tuple[int, int]]:
    """Each row's day, and the time on it, or in a column of its own."""
    title = str(dialect.columns["date"])
    dates, kinds = sample.columns[title], sample.typed(title)
    read = parse_days(dates, dialect.calendar, kinds)
    for clock in usual_columns("time", [each for each in sample.columns if each != title]):
        timed = parse_days(dates, dialect.calendar, kinds, sample.columns[clock])
        if not timed.reasons.any():
            read = timed
    times = np.zeros(len(read.days), np.int64) if read.times is None else read.times
    return list(zip(read.days.tolist(), times.tolist(), strict=True))


def _bars(dialect: Dialect, titles: list[str], sample: Block, found: Description) -> Dialect:
    """Whether a symbol has several rows a day: by their times, or by what a column says."""
    if dialect.layout_of(titles) is None:
        return dialect
    names = dialect.names(titles, "")
    moments = _moments(sample, dialect)
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
    for title in titles:
        column = sample.columns[title]
        if len(set(rows)) == len(rows) or title in names.values() or _is_number(sample, title):
            continue
        texts = column.cast(pa.string()).to_pylist()
        kinds = [str(text) for text, _ in Counter(texts).most_common()]
        if len(kinds) <= _MOST_KINDS and len(set(zip(texts, rows, strict=True))) == len(rows):
            found.notes.append(
                f"a symbol has several rows a day, and one with each {title} "
                f"({', '.join(kinds[:5])}{', …' if len(kinds) > 5 else ''}): to read only one of "
                f"these, set source.where: {{{_yaml(title)}: [{_yaml(kinds[0])}]}}"
            )
    return dialect


def _try(dialect: Dialect, content: Content, found: Description) -> None:
    """Read the file as it was described, and say what is odd about its values."""
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
    found.choose("prices", [found.dialect.prices], "its prices have such signs", "positive")
    if strict:
        found.choose("model.price", ["close"], "adj_close has values that are not above 0")
    try:
        reading.check_share(_MOST_LOST, content.name)
    except Refusal as refusal:
        found.notes.append(f"too much is lost: {refusal}")
    closes = reading.prices.values.get("close", next(iter(reading.prices.values.values())))
    known = closes[~np.isnan(closes)]
    if len(known) > 2 and (known < 0).mean() > 0.2 and np.abs(known).max() < 100:
        found.notes.append("these look like returns or per cent changes, where prices are needed")
    if not found.to_choose:
        found.reading = reading


def as_yaml(uri: str, found: Description) -> str:
    """The config that reads the source, with a comment on each setting."""
    uri_line = f"  uri: {_yaml(uri)}"
    sections: dict[str, list[str]] = {"source": [uri_line], "columns": [], "model": []}
    for setting in found.settings:
        name, _, key = setting.key.rpartition(".")
        indent = "    " if name == "columns" else "  "
        said, why = (setting.value, *setting.others), printable(" ".join(setting.why.split()))
        values = [f"{key}: {_yaml(value)}" if key else str(value) for value in said]
        if setting.others:
            line = f"{indent}# {values[0]}   # or {' or '.join(values[1:])}; choose: {why}"
        else:
            line = f"{indent}{values[0]}   # {why}"
        sections[name or "source"].append(line)
    lines = ["source:", *sections["source"]]
    if columns := sections["columns"]:
        is_live = any(not line.strip().startswith("#") for line in columns)
        lines += ["  columns:" if is_live else "  # columns:", *columns]
    if sections["model"]:
        lines += ["", "model:", *sections["model"]]
    return "\n".join(lines) + "\n"


def _yaml(value: Any) -> str:
    """A value on one line, as YAML has it."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=math.inf)
    return text.removesuffix("...\n").strip()


def first_rows(reading: Reading, most: int = 5) -> list[Mapping[str, Any]]:
    """The first prices as they would be read."""
    prices = reading.prices
    return [
        {"date": prices.date(row), "symbol": prices.symbol(row)}
        | {
            name: None if np.isnan(column[row]) else float(column[row])
            for name, column in prices.values.items()
        }
        for row in range(min(most, len(prices)))
    ]
