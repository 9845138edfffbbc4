"""How a delivery is written, and what in it can be believed."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache, cached_property
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pricewright.files.errors import Refusal, some_of
from pricewright.intake.reading.titles import (
    is_code,
    is_no_symbol,
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
"""Date formats that count from 1970, and how many of their units are a second."""
EXCEL_SERIAL = "excel-serial"
"""The date format that counts days as Excel does."""
FROM_FILE = "{file}"
"""The `symbol` of files that are named by their symbol."""
UNDECIDED = "?"
"""What `describe` writes where two readings fit; config refuses it until somebody chooses."""
Layout = Literal["long", "wide"]
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
    """The texts that stand for no value."""
    unit: Annotated[str | None, Bounds(least=1, most=8)] = None
    """A sign that may stand beside a number and is left out, as $ or %."""


@dataclass(frozen=True)
class Calendar(Options):
    """How dates are written, and what they mean."""

    section = "source"

    date_formats: Sequence[str] = ()
    """How dates are written, as in strptime, any of them; none: ISO 8601. Numbers are
    `epoch-seconds`, `epoch-milliseconds`, `epoch-microseconds`, `epoch-nanoseconds` since 1970, or
    `excel-serial`."""
    time_zone: Annotated[str | None, Bounds(least=1)] = None
    """Whose calendar counts, and where timestamps without an offset were taken: an IANA name;
    none: UTC."""
    last_day: date | None = None
    """Later dates are from the future; none: the day of the reception."""
    bars: Literal["daily", "intraday"] = "daily"
    """`intraday`: a symbol has several rows a day, each at a time of its own, and daily bars are
    made of them."""
    session: str | None = None
    """When the day of intraday bars begins, as in 17:00: from noon on, on the evening before; none:
    at midnight."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.last_day is not None and not isinstance(self.last_day, date):
            self.refuse("last_day", "allowed: a date as in 2024-01-31")
        for form in self.date_formats:
            if fault := _fault_of_format(form):
                self.refuse("date_formats", fault)
        try:
            ZoneInfo(self.time_zone or "UTC")
        except (ValueError, OSError, LookupError):
            self.refuse("time_zone", "allowed: a name as in Europe/Zurich")
        if self.session is not None:
            if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", self.session):
                self.refuse("session", "allowed: a time of day, as in 17:00")
            if self.bars == "daily":
                self.refuse("session", "allowed: null, if not for source.bars: intraday")

    @cached_property
    def day_begins(self) -> timedelta:
        """How long after its midnight a day begins; below zero, it begins on the evening before."""
        hour, minute = map(int, (self.session or "00:00").split(":"))
        return timedelta(hours=hour - 24 if hour >= 12 else hour, minutes=minute)


def _fault_of_format(form: str) -> str | None:
    """Why a date format gives no day that is the same on every machine; None if it does."""
    if form in EPOCHS or form == EXCEL_SERIAL:
        return None
    found = set(re.findall(r"%(.?)", form))
    if unknown := found - set(_DIRECTIVES):
        return (
            f"where {form!r} has %{min(unknown)}, which is unknown or not the same everywhere, "
            f"allowed: {' '.join('%' + letter for letter in _DIRECTIVES)}, {', '.join(EPOCHS)}, "
            f"{EXCEL_SERIAL}"
        )
    of_year = {"Y", "y"} & found and ({"j"} & found or ({"m", "b", "B"} & found and "d" in found))
    of_week = {"G", "V"} <= found and {"u", "a", "A"} & found
    if not of_year and not of_week:
        return f"where {form!r} names no day of a year, allowed: a year, month and day"
    return None


@dataclass(frozen=True, kw_only=True)
class Dialect(Options):
    """How a delivery is written, and what can be believed; the defaults fit a plain CSV with the
    usual names."""

    section = "source"

    layout: Layout | None = None
    """`long`: a row per symbol and date. `wide`: a row per date, a column per symbol. None: the
    one that the names of each file's columns tell."""
    columns: dict[str, str | int | bool] = field(default_factory=dict)
    """Our name to the file's name, or to the column's number from 1, as in `--columns.date Day`.
    Ours are date, time, symbol, open, high, low, close, adj_close and volume; one that is left out
    is found by the names that vendors use, and one that is false is not read. A time beside the
    date is found where bars are intraday."""
    symbols: Sequence[str] = ()
    """Of a wide file the columns that are symbols; none: all but the date."""
    strict: Sequence[str] = ()
    """The columns in which a value that cannot be believed costs the row; in the others it is
    missing, and listed. None: adj_close, or close where the file has no such column."""
    header_line: Annotated[int | None, Bounds(least=0)] = None
    """The line of a text file, or the row of a sheet, that names the columns; 0: none does. None:
    the first that names what is needed, of the first hundred."""
    encoding: Annotated[str | None, Bounds(least=1)] = None
    """How text is encoded, as in cp1252; none: UTF-8, or what a byte order mark says."""
    symbol: str | None = None
    """The symbol of every row, for a long file that has no such column; `{file}` is the file's
    name. None: the one that a JSON file says beside its rows."""
    where: dict[str, Sequence[str]] = field(default_factory=dict)
    """A column's name and the texts that it may have, as in `--where.SERIES EQ`: rows with others
    are left out, and counted."""
    sheet: Annotated[str | None, Bounds(least=1)] = None
    """The sheet of an Excel file that has several."""
    delimiter: Annotated[str | None, Bounds(least=1, most=1)] = None
    """What stands between two fields of a text file; none: the comma, semicolon, tab or bar that
    parts its header as needed, each file's own."""
    marks: Marks = field(default_factory=Marks)
    calendar: Calendar = field(default_factory=Calendar)
    prices: Literal["positive", "nonnegative", "any"] = "positive"
    """The signs that a price may have."""
    symbol_pattern: Annotated[str, Bounds(least=1)] = SYMBOL.pattern
    """The regular expression that all of a symbol must match."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.symbols and self.layout is None:
            object.__setattr__(self, "layout", "wide")
        if self.delimiter and self.delimiter in '"\r\n':
            self.refuse("delimiter", "allowed: another, for it quotes a field or ends a line")
        if self.marks.decimal in (self.marks.thousands, self.delimiter):
            self.marks.refuse(
                "decimal",
                "which is the thousands mark or the delimiter as well, allowed: another, or no "
                "source.delimiter, if numbers stand in quotes",
            )
        if unknown := set(self.strict) - set(VALUES):
            self.refuse(
                "strict", f"where {min(unknown)!r} is no value, allowed: {', '.join(VALUES)}"
            )
        try:
            b"".decode(self.encoding or "utf-8")
        except LookupError:
            self.refuse("encoding", "allowed: the name of an encoding of text, as in cp1252")
        try:
            re.compile(self.symbol_pattern)
        except re.error as error:
            self.refuse("symbol_pattern", f"which is no regular expression ({error})")

    def is_symbol(self, text: str | None) -> bool:
        """Whether a text is a symbol: what cannot be seen is none, whatever the pattern says."""
        return text is not None and is_symbol(text, self.symbol_pattern)

    def names(self, titles: Sequence[str], name: str) -> dict[str, str]:
        """Our names and the file's, of the columns that are to be read.

        Raises Refusal, for the file `name`, if a column is not there, not told, or there twice.
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
        """The columns that say which rows are left out; raises Refusal if one is not there."""
        for title in self.where:
            if title not in titles:
                raise Refusal(
                    f"{name}:1: there is no column {title!r}, the file has {some_of(titles, 8)}; "
                    "correct source.where."
                )
        return list(self.where)

    def layout_of(self, titles: Sequence[str]) -> Layout | None:
        """The layout in which a file's columns have all that is needed; None if in neither.

        Not declared, it is wide only where that is plain: beside the date, five and more columns
        are named as exchanges write symbols, and none is named as anything else. Of fewer, as BID
        and ASK, nobody can tell.
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

    def crossed(self, first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str]] | None:
        """What each column but the first holds, if two lines name it: our column and the symbol.

        One line has the fields, as Close, and the other, which begins with Ticker or nothing, the
        symbols; a blank repeats what is to its left, as in cells that were merged. None if that is
        not so.
        """
        if not len(first) == len(second) > 1:
            return None
        for fields, symbols in ((first, second), (second, first)):
            if plain_title(symbols[0]) not in ("", "ticker", "tickers", "symbol", "symbols"):
                continue
            ours = [value_named(title) for title in _unmerged(fields)[1:]]
            theirs = _unmerged(symbols)[1:]
            pairs = list(zip(map(str, ours), theirs, strict=True))
            if (
                None not in ours
                and all(map(self.is_symbol, theirs))
                and len(set(pairs)) == len(pairs)
            ):
                return pairs
        return None

    def combined(self, titles: Sequence[str]) -> dict[str, dict[str, str]]:
        """Each symbol's fields and their columns, where all titles but the date's say both, as
        `('Close', 'AAPL')`, or `AAPL.Close` and `AAPL.Volume`; else none."""
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
        return found if len(others) == 1 and told and count == len(titles) - 1 else {}

    def symbol_columns(self, titles: Sequence[str], taken: Collection[str], name: str) -> list[str]:
        """The columns of a wide file that hold a symbol's prices; `taken` hold something else.

        Raises Refusal if one is not there, is no symbol, or is plainly something else.
        """
        for title in self.symbols:
            if title not in titles:
                raise Refusal(
                    f"{name}:1: there is no column {title!r}, the file has {some_of(titles, 8)}; "
                    "correct source.symbols."
                )
        others = {*taken, *self.where}
        found = list(self.symbols) or [title for title in titles if title not in others]
        for title in found:
            if not self.is_symbol(title):
                raise Refusal(
                    f"{name}:1: {title!r} is not a symbol; mend the column's name, list the "
                    "symbols in source.symbols, or see source.symbol_pattern."
                )
            if not self.symbols and is_no_symbol(title):
                raise Refusal(
                    f"{name}:1: the column {title!r} is plainly no symbol's price; list those that "
                    "are in source.symbols, or, of a row per symbol and date, set source.layout: "
                    "long."
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
                        f"say which in source.columns.{ours} (false if none is)."
                    )
                if found:
                    names[ours] = self._once(ours, found[0], titles, name)
        return names

    def _title(self, ours: str, theirs: str | int | bool, titles: Sequence[str], name: str) -> str:
        title = str(theirs)
        if title not in titles and title.isdecimal() and 0 < int(title) <= len(titles):
            title = titles[int(title) - 1]
        if not title:
            title = next(filter(is_unnamed, titles), title)
        if title not in titles:
            raise Refusal(
                f"{name}:1: there is no column {title!r}, the file has {some_of(titles, 8)}; "
                f"correct source.columns.{ours} (false if it has none) or {_delimiter(titles)}."
            )
        return title if isinstance(theirs, int) else self._once(ours, title, titles, name)

    @staticmethod
    def _once(ours: str, title: str, titles: Sequence[str], name: str) -> str:
        """A title that names one column alone."""
        if f"{title} (2)" in titles:
            raise Refusal(
                f"{name}:1: two columns are named {title!r}; name them apart, or say the "
                f"number of the right one in source.columns.{ours}."
            )
        return title

    def _remedy(self, ours: str, titles: Sequence[str]) -> str:
        """What to set, that the needed column is found."""
        if len(titles) == 1 and _delimiter(titles) != "source.delimiter":
            return f"set {_delimiter(titles)}"
        if any(re.fullmatch(r"-?[0-9]+[.,]?[0-9]*", title) for title in titles):
            return (
                "if its first line is a row, set source.header_line: 0, and say in source.columns "
                "the number of each column, from 1"
            )
        if ours == "date" and sum(map(bool, map(_DAY.fullmatch, titles))) > 1:
            return "say it in source.columns.date, or deliver a row for each date, not a column"
        if ours == "symbol":
            return (
                "say it in source.columns.symbol, or in source.symbol if the file is of one symbol "
                "('{file}' if it is the file's name)"
            )
        if ours == "close" and len(titles) > 3 and all(map(self.is_symbol, titles)):
            return "say it in source.columns.close, or set source.layout: wide if each is a symbol"
        is_parted = len(titles) > 1 and not any(re.search(r"[;\t|]", title) for title in titles)
        return f"say it in source.columns.{ours}" + (
            "" if is_parted else ", or correct source.delimiter"
        )


def _unmerged(cells: Sequence[str]) -> list[str]:
    """Cells with what is to the left of each blank one, the first two aside, in its place."""
    filled = list(cells[:2])
    for cell in cells[2:]:
        filled.append(cell or filled[-1])
    return filled


def _delimiter(titles: Sequence[str]) -> str:
    """The key that parts the fields, with the mark that seems to be meant, if one does."""
    for mark, spelled in ((";", "';'"), ("\t", '"\\t"'), ("|", "'|'"), (",", "','")):
        if len(titles) == 1 and titles[0].count(mark):
            return f"source.delimiter: {spelled}"
    return "source.delimiter"


CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?")
"""A time of day, as programs write it."""


@cache
def is_symbol(text: str, pattern: str) -> bool:
    """Remembered, for the same symbols come in every piece of a delivery. A time of day is none."""
    fits = text.isprintable() and re.fullmatch(pattern, text) is not None
    return fits and not CLOCK.fullmatch(text)


@dataclass(frozen=True)
class Limits(Options):
    """What a delivery may unpack to, so that a small file cannot fill the disk or the memory."""

    section = "source"

    max_unpacked_bytes: Annotated[int, Bounds(least=1)] = 20_000_000_000
    """The most bytes that a delivery may have when it is unpacked."""
    max_ratio: Annotated[float, Bounds(least=1)] = 500.0
    """The most unpacked bytes per packed byte, judged beyond the first 10 MB unpacked."""
