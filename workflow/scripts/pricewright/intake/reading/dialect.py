"""How a delivery is written, and which of its values are accepted."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache, cached_property
from itertools import pairwise
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pricewright.files.errors import Refusal, some_of
from pricewright.intake.reading.titles import (
    is_code,
    is_no_symbol,
    is_security,
    is_tuple,
    is_unnamed,
    parts_of,
    plain_title,
    usual_columns,
    value_named,
)
from pricewright.tables.fields import SYMBOL, VALUES
from pricewright.tables.options import Bounds, Options

EPOCHS = {
    "epoch-seconds": 1,
    "epoch-milliseconds": 1_000,
    "epoch-microseconds": 1_000_000,
    "epoch-nanoseconds": 1_000_000_000,
}
"""Date formats that count from 1970, with the number of their units in a second."""
EXCEL_SERIAL = "excel-serial"
DAY_COUNTS = {EXCEL_SERIAL: 25_569, "epoch-days": 0, "sas-days": 3_653, "matlab-datenum": 719_529}
"""Date formats that count days, with the number that each gives to 1970-01-01. R and pandas count
from 1970, SAS and Stata from 1960."""
FROM_FILE = "{file}"
"""The `symbol` of files that are named after their symbol."""
FROM_SHEET = "{sheet}"
"""The `symbol` of a workbook whose sheets are each named after their symbol."""
UNDECIDED = "?"
"""What `describe` writes where two readings fit; a run refuses it until somebody chooses."""
Layout = Literal["long", "wide"]
Column = str | int | bool | list[str]
"""A column's name or number, false for none, or the names of columns whose texts are joined."""
_PLAINLY_MANY = 5
_DAY = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}")
_DIRECTIVES = "YyGmbBdjVuaAHIMSfpz%"
_NO_VALUE = (
    *("", ".", "-", "--", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "NaN", "nan", "NULL", "null"),
    *("None", "\\N"),
)


@dataclass(frozen=True)
class Marks(Options):
    """How numbers are written."""

    section = "source"

    decimal: Literal[".", ","] = "."
    """The decimal mark."""
    thousands: Literal[",", ".", " ", "'", "_"] | None = None
    """The mark between groups of three digits."""
    missing_markers: Sequence[str] = _NO_VALUE
    """The texts that stand for a missing value."""
    unit: Annotated[str | None, Bounds(least=1, most=8)] = None
    """A sign that may stand beside a number and is ignored, such as $ or %."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unit is not None and re.fullmatch(r"[\d.,+()\u2212-]+", self.unit):
            self.refuse("unit", "which may be part of a number, allowed: a sign such as $ or EUR")


@dataclass(frozen=True)
class Calendar(Options):
    """How dates are written, and what they mean."""

    section = "source"

    date_formats: Sequence[str] = ()
    """The formats of dates, as in strptime; any of them may occur. None: ISO 8601. For numbers:
    `epoch-seconds`, `epoch-milliseconds`, `epoch-microseconds`, `epoch-nanoseconds` or, in days,
    `epoch-days` since 1970; `excel-serial`, `sas-days` or `matlab-datenum`."""
    time_zone: Annotated[str | None, Bounds(least=1)] = None
    """The time zone whose calendar counts, and of timestamps without an offset: an IANA name.
    None: a timestamp counts if it is midnight at its own offset, and other times are refused."""
    last_day: date | None = None
    """Later dates count as future dates. None: the day of reception."""
    bars: Literal["daily", "intraday"] = "daily"
    """`intraday`: a symbol has several rows a day, each with its own time, and daily bars are made
    of them."""
    stamps: Literal["start", "end"] = "start"
    """Whether a timestamp marks the beginning or the end of its intraday bar. A bar that ends when
    the day begins belongs to the day before."""
    session: str | None = None
    """When the day of intraday bars begins, such as 17:00; a time from noon on is on the evening
    before. None: at midnight."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.last_day is not None and not isinstance(self.last_day, date):
            self.refuse("last_day", "allowed: a date such as 2024-01-31")
        for form in self.date_formats:
            if fault := _fault_of_format(form):
                self.refuse("date_formats", fault)
        try:
            ZoneInfo(self.time_zone or "UTC")
        except (ValueError, OSError, LookupError):
            self.refuse("time_zone", "allowed: a name such as Europe/Zurich")
        if self.stamps == "end" and self.bars == "daily":
            self.refuse("stamps", "allowed: start, unless source.bars is intraday")
        if self.session is not None:
            if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", self.session):
                self.refuse("session", "allowed: a time of day such as 17:00")
            if self.bars == "daily":
                self.refuse("session", "allowed: null, unless source.bars is intraday")

    @cached_property
    def day_begins(self) -> timedelta:
        """How long after its midnight a day begins; negative if on the evening before."""
        hour, minute = map(int, (self.session or "00:00").split(":"))
        return timedelta(hours=hour - 24 if hour >= 12 else hour, minutes=minute)


def _fault_of_format(form: str) -> str | None:
    """Why a date format gives no day, or not the same one on every machine; None if it is good."""
    if form in EPOCHS or form in DAY_COUNTS:
        return None
    found = set(re.findall(r"%(.?)", form))
    if unknown := found - set(_DIRECTIVES):
        return (
            f"where {form!r} has %{min(unknown)}, which is unknown or not the same everywhere, "
            f"allowed: {' '.join('%' + letter for letter in _DIRECTIVES)}, "
            f"{', '.join([*EPOCHS, *DAY_COUNTS])}"
        )
    of_year = {"Y", "y"} & found and ({"j"} & found or ({"m", "b", "B"} & found and "d" in found))
    of_week = {"G", "V"} <= found and {"u", "a", "A"} & found
    if not of_year and not of_week:
        return f"where {form!r} names no day of a year, allowed: a year, month and day"
    return None


@dataclass(frozen=True, kw_only=True)
class Dialect(Options):
    """How a delivery is written, and which values are accepted.

    The defaults fit a plain CSV with the usual names.
    """

    section = "source"

    layout: Layout | None = None
    """`long`: one row per symbol and date. `wide`: one row per date, one column per symbol. None:
    each file's column names decide."""
    columns: dict[str, Column] = field(default_factory=dict)
    """Our name -> the file's name, or the column's number from 1, as in `--columns.date Day`.
    Our names are date, time, symbol, open, high, low, close, adj_close and volume. A column left
    out is found by vendors' usual names; a column set to false is not read. A time beside the date
    is only looked for if bars are intraday. The symbol may be a list of columns: their texts are
    joined in that order."""
    symbols: Sequence[str] = ()
    """The columns of a wide file that are symbols. None: all but the date."""
    strict: Sequence[str] = ()
    """The columns in which an invalid value costs the whole row; in the others it becomes missing,
    and is listed. None: adj_close, or close if the file has no such column."""
    header_line: Annotated[int | None, Bounds(least=0)] = None
    """The line of a text file, or the row of a sheet, that names the columns; 0: there is none.
    None: the first of the first hundred that names the needed columns."""
    encoding: Annotated[str | None, Bounds(least=1)] = None
    """The encoding of text, such as cp1252. None: UTF-8, or what a byte order mark says."""
    symbol: Annotated[str | None, Bounds(least=1)] = None
    """The symbol of every row, for a long file without a symbol column. `{file}` is the file's
    name; `{sheet}` is each sheet's name, and all sheets are read. None: the symbol that a JSON file
    gives beside its rows."""
    where: dict[str, Sequence[str]] = field(default_factory=dict)
    """A column -> the texts that it may have, as in `--where.SERIES EQ`; rows with other texts are
    left out, and counted."""
    sheet: Annotated[str | None, Bounds(least=1)] = None
    """The sheet to read, of an Excel file that has several."""
    delimiter: Annotated[str | None, Bounds(least=1, most=1)] = None
    """The character between two fields of a text file. None: the comma, semicolon, tab or bar that
    splits its header as needed, for each file by itself."""
    marks: Marks = field(default_factory=Marks)
    calendar: Calendar = field(default_factory=Calendar)
    prices: Literal["positive", "nonnegative", "any"] = "positive"
    """The signs that a price may have."""
    symbol_pattern: Annotated[str, Bounds(least=1)] = SYMBOL.pattern
    """The regular expression that a whole symbol must match."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.symbols and self.layout is None:
            object.__setattr__(self, "layout", "wide")
        if self.delimiter and self.delimiter in '"\r\n':
            self.refuse("delimiter", "allowed: a character that does not quote fields or end lines")
        if self.symbol == FROM_SHEET and self.sheet is not None:
            self.refuse("sheet", f"allowed: null, because source.symbol {FROM_SHEET} reads all")
        if self.marks.decimal in (self.marks.thousands, self.delimiter):
            self.marks.refuse(
                "decimal",
                "which is also the thousands mark or the delimiter, allowed: another, or no "
                "source.delimiter if numbers stand in quotes",
            )
        if unknown := set(self.strict) - set(VALUES):
            self.refuse(
                "strict", f"where {min(unknown)!r} is not a value, allowed: {', '.join(VALUES)}"
            )
        try:
            "a".encode(self.encoding or "utf-8")
        except (LookupError, ValueError):
            self.refuse("encoding", "allowed: the name of a text encoding such as cp1252")
        try:
            re.compile(self.symbol_pattern)
        except re.error as error:
            self.refuse("symbol_pattern", f"which is not a regular expression ({error})")
        if self.symbol not in (None, FROM_FILE, FROM_SHEET) and not self.is_symbol(self.symbol):
            self.refuse(
                "symbol",
                f"allowed: a text that source.symbol_pattern matches, {FROM_FILE} or {FROM_SHEET}",
            )

    def is_symbol(self, text: str | None) -> bool:
        """Whether a text is a symbol; one with unprintable characters never is."""
        return text is not None and is_symbol(text, self.symbol_pattern)

    def names(self, titles: Sequence[str], name: str) -> dict[str, str]:
        """Map our names to the file's, for the columns to read.

        Raises Refusal, for the file `name`, if a column is missing, unclear or ambiguous.
        """
        names = self._found(titles, name)
        needed = ["date"]
        if self.layout != "wide":
            needed += ["close"] if self.symbol is not None else ["symbol", "close"]
        for ours in needed:
            if ours not in names:
                raise Refusal(
                    f"{name}:1: which column holds the {ours}? The file has {some_of(titles, 8)}; "
                    f"{self._remedy(ours, titles)}."
                )
        return names

    def filters(self, titles: Sequence[str], name: str) -> list[str]:
        """The columns that decide which rows are left out; raises Refusal if one is missing."""
        for title in self.where:
            if title not in titles:
                raise _no_column(title, titles, name, "source.where")
        return list(self.where)

    def layout_of(self, titles: Sequence[str]) -> Layout | None:
        """The layout in which a file's columns have all that is needed; None if neither does.

        Undeclared, it is wide only if that is clear: beside the date there are at least five
        columns, all named the way exchanges write symbols, and none named like anything else. With
        fewer columns, such as BID and ASK, it cannot be clear.
        """
        try:
            self.names(titles, "")
        except Refusal:
            return "wide" if self.layout is None and self._is_plainly_wide(titles) else None
        return self.layout or "long"

    def laid_out(self, titles: Sequence[str]) -> Self:
        """This dialect with the layout of a file that has these columns."""
        return replace(self, layout=self.layout_of(titles) or self.layout or "long")

    def _is_plainly_wide(self, titles: Sequence[str]) -> bool:
        if self.symbol is not None or any(self.columns.get(ours) for ours in ("symbol", *VALUES)):
            return False
        wide = replace(self, layout="wide")
        try:
            others = set(titles) - {*wide.names(titles, "").values(), *self.where}
        except Refusal:
            return False
        return len(others) >= _PLAINLY_MANY and all(
            is_code(title)
            and self.is_symbol(title)
            and not is_no_symbol(title)
            and not usual_columns("symbol", [title])
            and not value_named(title)
            for title in others
        )

    def crossed(self, first: Sequence[str], second: Sequence[str]) -> dict[str, dict[str, int]]:
        """The places of each symbol's date and values, if two lines name them; else empty.

        One line has the fields, such as Close; the other has the symbols, and begins with Ticker or
        nothing. A blank repeats the cell to its left, like merged cells. Fields that we do not
        read, such as Dividends, may stand beside values of several symbols. Where Bloomberg's
        tables stand side by side, each symbol has a date of its own.
        """
        if not len(first) == len(second) > 1:
            return {}
        for fields, symbols in ((first, second), (second, first)):
            places: dict[str, dict[str, int]] = {}
            for begin, place, title, symbol in _crossed_cells(fields, symbols):
                titles = places.setdefault(symbol, {"": begin})
                if title in titles or titles[""] != begin:
                    break
                titles[title] = place
            else:
                if found := self._crossed_values(places):
                    return found
        return {}

    def _crossed_values(self, places: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        """The places of our values; empty if a symbol is none, or has no value that we read."""
        known: dict[tuple[str, ...], dict[str, str]] = {}
        found: dict[str, dict[str, int]] = {}
        for symbol, titles in places.items():
            if (key := tuple(titles)) not in known:
                known[key] = self._values_among(key)
            names = known[key]
            is_sure = len(places) > 1 or len(names) == len(titles) - 1 or is_security(symbol)
            if not names or not is_sure or not self.is_symbol(symbol):
                return {}
            found[symbol] = {"date": titles[""]}
            found[symbol] |= {ours: titles[title] for ours, title in names.items()}
        return found

    def _values_among(self, titles: Sequence[str]) -> dict[str, str]:
        """Our values with the title of each; empty if two titles could be the same value."""
        names: dict[str, str] = {}
        for ours in VALUES:
            said = self.columns.get(ours)
            choices = [said] if isinstance(said, str) and said in titles else []
            if said is not False:
                choices = choices or usual_columns(ours, titles)
            if len(choices) > 1:
                return {}
            if choices:
                names[ours] = choices[0]
        return names

    def combined(self, titles: Sequence[str]) -> dict[str, dict[str, str]]:
        """Each symbol's date and values with their columns, if all other titles name both.

        Such titles are `('Close', 'AAPL')`, or `AAPL.Close` and `AAPL.Volume`. Otherwise empty.
        """
        if self.layout_of(titles) or self.columns or self.layout == "wide":
            return {}
        found: dict[str, dict[str, str]] = {}
        others, fields = [], set()
        for title in titles:
            pairs = [
                (field, symbol)
                for pair in parts_of(title)
                for field, symbol in (pair, pair[::-1])
                if value_named(field) and len(field) > 1 and self.is_symbol(symbol)
            ]
            field, symbol = max(pairs, key=lambda pair: len(pair[0]), default=("", ""))
            if field and (is_tuple(title) or is_code(symbol)):
                found.setdefault(symbol, {})[str(value_named(field))] = title
                fields.add(value_named(field))
            else:
                others.append(title)
        told = len(fields) > 1 or all(map(is_tuple, set(titles) - set(others)))
        count = sum(map(len, found.values()))
        if len(others) != 1 or not told or count < len(titles) - 1:
            return {}
        return {symbol: {"date": others[0], **names} for symbol, names in found.items()}

    def symbol_columns(self, titles: Sequence[str], taken: Collection[str], name: str) -> list[str]:
        """The columns of a wide file that hold a symbol's prices; `taken` hold something else.

        Raises Refusal if a column is missing, is not a symbol, or clearly holds something else.
        """
        for title in self.symbols:
            if title not in titles:
                raise _no_column(title, titles, name, "source.symbols")
        others = {*taken, *self.where}
        found = list(self.symbols) or [title for title in titles if title not in others]
        for title in found:
            if not self.is_symbol(title):
                raise Refusal(
                    f"{name}:1: {title!r} is not a symbol; correct the column's name, list the "
                    "symbols in source.symbols, or change source.symbol_pattern."
                )
            if not self.symbols and is_no_symbol(title):
                raise Refusal(
                    f"{name}:1: the column {title!r} clearly holds no symbol's prices; list those "
                    "that do in source.symbols, or, if the file has one row per symbol and date, "
                    "set source.layout: long."
                )
        return found

    def _found(self, titles: Sequence[str], name: str) -> dict[str, str]:
        wanted = ["date"] if self.layout == "wide" else ["date", "symbol", *VALUES]
        if self.calendar.bars == "intraday" or self.columns.get("time"):
            wanted.insert(1, "time")
        said = {
            ours: self._title(ours, theirs, titles, name)
            for ours, theirs in self.columns.items()
            if theirs is not False and ours in wanted
        }
        names: dict[str, str] = {}
        for ours in wanted:
            if ours in said:
                names[ours] = said[ours]
            elif ours not in self.columns and not (ours == "symbol" and self.symbol is not None):
                taken = {*said.values(), *names.values()}
                found = usual_columns(ours, [title for title in titles if title not in taken])
                if len(found) > 1:
                    raise Refusal(
                        f"{name}:1: {' and '.join(map(repr, found))} could both be the {ours}; "
                        f"set source.columns.{ours} to one of them (false if neither is)."
                    )
                if found:
                    names[ours] = self._once(ours, found[0], titles, name)
        return names

    def parts_of_symbol(self, titles: Sequence[str], name: str) -> list[str]:
        """The columns whose texts make the symbol when joined; empty if it has its own column."""
        said = self.columns.get("symbol")
        parts = said if isinstance(said, list | tuple) else []
        return [self._title("symbol", part, titles, name) for part in parts]

    def _title(self, ours: str, theirs: Column, titles: Sequence[str], name: str) -> str:
        if isinstance(theirs, list | tuple):
            return joined_title([self._title(ours, part, titles, name) for part in theirs])
        title = str(theirs)
        if title not in titles and title.isdecimal() and 0 < int(title) <= len(titles):
            title = titles[int(title) - 1]
        if not title:
            title = next(filter(is_unnamed, titles), title)
        if title not in titles:
            key = f"source.columns.{ours} (false if it has none)"
            others = "" if _are_parted(titles) else f" or {_delimiter(titles)}"
            raise _no_column(title, titles, name, key + others)
        return title if isinstance(theirs, int) else self._once(ours, title, titles, name)

    @staticmethod
    def _once(ours: str, title: str, titles: Sequence[str], name: str) -> str:
        """Check that a title names only one column."""
        if f"{title} (2)" in titles:
            raise Refusal(
                f"{name}:1: two columns are named {title!r}; rename one, or set "
                f"source.columns.{ours} to the number of the right one."
            )
        return title

    def _remedy(self, ours: str, titles: Sequence[str]) -> str:
        """What to set so that the needed column is found."""
        if len(titles) == 1 and _delimiter(titles) != "source.delimiter":
            return f"set {_delimiter(titles)}"
        if any(re.fullmatch(r"-?[0-9]+[.,]?[0-9]*", title) for title in titles):
            return (
                "if its first line is a row, set source.header_line: 0, and set source.columns to "
                "the number of each column, from 1"
            )
        if ours == "date" and sum(map(bool, map(_DAY.fullmatch, titles))) > 1:
            return "set source.columns.date, or deliver one row for each date, not one column"
        if ours == "symbol":
            return (
                "set source.columns.symbol, or source.symbol if the file is of one symbol "
                "('{file}' if that is the file's name)"
            )
        if ours == "close" and len(titles) > 3 and all(map(self.is_symbol, titles)):
            return "set source.columns.close, or source.layout: wide if each column is a symbol"
        otherwise = "" if _are_parted(titles) else ", or correct source.delimiter"
        return f"set source.columns.{ours}{otherwise}"


def _no_column(title: str, titles: Sequence[str], name: str, key: str) -> Refusal:
    found = some_of(titles, 8)
    return Refusal(f"{name}:1: there is no column {title!r}, the file has {found}; correct {key}.")


_ABOVE_DATES = ("", "ticker", "tickers", "symbol", "symbols", "security", "securities")
"""What may begin a line of symbols, above or below the title of the dates."""


def _crossed_cells(
    fields: Sequence[str], symbols: Sequence[str]
) -> list[tuple[int, int, str, str]]:
    """Each column's field and symbol, behind the places of its date and of itself.

    Empty if the lines cannot be such a header.
    """
    if fields.count(fields[0]) == 1 or not usual_columns("date", fields[:1]):
        if plain_title(symbols[0]) not in _ABOVE_DATES:
            return []
        cells = zip(_unmerged(fields), _unmerged(symbols), strict=True)
        return [(0, place, *cell) for place, cell in enumerate(cells)][1:]
    found: list[tuple[int, int, str, str]] = []
    dates = [place for place, title in enumerate(fields) if title == fields[0]]
    for begin, end in pairwise([*dates, len(fields)]):
        theirs = set(filter(None, symbols[begin:end]))
        if len(theirs) != 1:
            return []
        symbol = theirs.pop()
        found += [(begin, n, fields[n], symbol) for n in range(begin + 1, end) if fields[n]]
    return found


def joined_title(parts: Sequence[str]) -> str:
    """The name of the column that holds the joined texts of others."""
    return "+".join(parts)


def _unmerged(cells: Sequence[str]) -> list[str]:
    """Fill each blank cell, except the first two, with the cell to its left."""
    filled = list(cells[:2])
    for cell in cells[2:]:
        filled.append(cell or filled[-1])
    return filled


def _are_parted(titles: Sequence[str]) -> bool:
    """Whether no title looks like several that another delimiter would part."""
    marks = r"[;\t|]" if len(titles) > 1 else r"\W"
    return not any(re.search(marks, title) for title in titles)


def _delimiter(titles: Sequence[str]) -> str:
    """The config key of the delimiter, with the mark that seems to be meant, if one does."""
    for mark, spelled in ((";", "';'"), ("\t", '"\\t"'), ("|", "'|'"), (",", "','")):
        if len(titles) == 1 and titles[0].count(mark):
            return f"source.delimiter: {spelled}"
    return "source.delimiter"


CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?")
"""A time of day, as programs write it. The usual pattern of symbols would allow it."""


@cache
def is_symbol(text: str, pattern: str) -> bool:
    """Whether a text is a symbol; a time of day is one only with a declared pattern. Cached: blocks
    repeat the symbols."""
    fits = text.isprintable() and re.fullmatch(pattern, text) is not None
    return fits and (pattern != SYMBOL.pattern or not CLOCK.fullmatch(text))


@dataclass(frozen=True)
class Limits(Options):
    """Limits for unpacked deliveries, so that a small file cannot fill the disk or the memory."""

    section = "source"

    max_unpacked_bytes: Annotated[int, Bounds(least=1)] = 20_000_000_000
    """The most bytes that an unpacked delivery may have."""
    max_ratio: Annotated[float, Bounds(least=1)] = 500.0
    """The most unpacked bytes per packed byte, checked after the first 10 MB unpacked."""
