"""From delivered text to a table of prices: every field read as text, then parsed exactly."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any, Literal

from pricewright.errors import Refusal
from pricewright.fields import SYMBOL, VALUES

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SAME_THING = {"ticker": "symbol", "adjclose": "adj_close", "adjusted_close": "adj_close"}


@dataclass(frozen=True)
class Dialect:
    """How a delivery is written; the defaults fit a plain CSV with the usual names.

    layout: `long` has a row per symbol and date, `wide` a row per date and a column per symbol.
    columns: our name -> the file's name; empty takes the file's own names (case, spaces aside).
    symbol: the symbol of every row, for a long file that has no such column.
    date_format: as in strptime.  missing_markers: field texts that stand for no value.
    """

    layout: Literal["long", "wide"] = "long"
    columns: Mapping[str, str] = field(default_factory=dict)
    symbol: str | None = None
    delimiter: str = ","
    date_format: str = "%Y-%m-%d"
    missing_markers: Sequence[str] = ("",)


@dataclass(frozen=True)
class _Sheet:
    """The fields of a delivery as text, column by column, with the line that each row is on."""

    name: str
    columns: dict[str, list[str]]
    lines: list[int]

    def refuse(self, row: int, found: str, remedy: str) -> Refusal:
        return Refusal(f"{self.name}:{self.lines[row]}: {found}; {remedy}.")


def read_prices(content: bytes, name: str, dialect: Dialect) -> dict[str, list[Any]]:
    """A delivery in CSV as columns: date (ISO text), symbol and the values it has, None if missing.

    Rows keep the order of the delivery; a wide row becomes one row a symbol, named `close`.
    `name` is what errors call the file.

    Raises Refusal, with file and line, at the first thing that is not what `dialect` says:
    nothing is guessed and no row is left out.
    """
    sheet = _read_sheet(content, name, dialect.delimiter)
    names = _names(sheet, dialect)
    dates = _dates(sheet, names["date"], dialect.date_format)
    if dialect.layout == "wide":
        return _unpivot(sheet, names, dates, dialect)
    table: dict[str, list[Any]] = {"date": dates, "symbol": _symbols(sheet, names, dialect)}
    for value in VALUES:
        if value in names:
            numbers = _numbers(sheet, names[value], dialect.missing_markers)
            table[value] = numbers if value != "volume" else _whole_if_all_are(numbers)
    return table


def _read_sheet(content: bytes, name: str, delimiter: str) -> _Sheet:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refusal(f"{name}:{line}: not UTF-8 text; save the file as UTF-8.") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, lines = [], []
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise Refusal(f"{name}:{reader.line_num}: not CSV ({error}); mend the file.") from None
    if len(rows) < 2:
        found = "has a header and no rows" if rows else "is empty"
        raise Refusal(f"{name}:1: the file {found}; deliver prices.")
    header = [title.strip() for title in rows[0]]
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise Refusal(
                f"{name}:{line}: {len(row)} fields, where the header has {len(header)}; "
                "mend the row, or check source.delimiter."
            )
    if header[-1] == "" and all(row[-1] == "" for row in rows):  # each line ends in a delimiter
        header, rows = header[:-1], [row[:-1] for row in rows]
    for title in header:
        if title == "" or header.count(title) > 1:
            raise Refusal(f"{name}:1: the column name {title!r} is empty or there twice; mend it.")
    columns = zip(*rows[1:], strict=True)
    return _Sheet(name, dict(zip(header, map(list, columns), strict=True)), lines[1:])


def _names(sheet: _Sheet, dialect: Dialect) -> dict[str, str]:
    names = dict(dialect.columns)
    if not names:
        own = {title.lower().replace(" ", "_"): title for title in sheet.columns}
        names = {_SAME_THING.get(ours, ours): title for ours, title in own.items()}
    needed = ["date"]
    if dialect.layout == "long":
        needed += ["close"] if dialect.symbol is not None else ["symbol", "close"]
    for ours in needed:
        if ours not in names:
            raise Refusal(
                f"{sheet.name}:1: which column holds the {ours}? The file has "
                f"{_listed(sheet)}; say it in source.columns.{ours}."
            )
    for ours, title in names.items():
        if title not in sheet.columns:
            raise Refusal(
                f"{sheet.name}:1: there is no column {title!r}, the file has {_listed(sheet)}; "
                f"correct source.columns.{ours}, or set it to null if the file has none."
            )
    return names


def _listed(sheet: _Sheet, most: int = 8) -> str:
    names = list(sheet.columns)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _dates(sheet: _Sheet, title: str, date_format: str) -> list[str]:
    texts = sheet.columns[title]
    iso = {text: _iso_date(text, date_format) for text in dict.fromkeys(texts)}
    if None in iso.values():
        row = next(row for row, text in enumerate(texts) if iso[text] is None)
        raise sheet.refuse(
            row, f"{title} is {texts[row]!r}, not a date as {date_format}", "see source.date_format"
        )
    return [str(iso[text]) for text in texts]


def _iso_date(text: str, date_format: str) -> str | None:
    try:
        return datetime.strptime(text.strip(), date_format).date().isoformat()
    except ValueError:
        return None


def _symbols(sheet: _Sheet, names: Mapping[str, str], dialect: Dialect) -> list[str]:
    if dialect.symbol is not None:
        return [dialect.symbol] * len(sheet.lines)
    symbols = sheet.columns[names["symbol"]]
    for row, symbol in enumerate(symbols):
        if not SYMBOL.fullmatch(symbol):
            raise sheet.refuse(
                row,
                f"{symbol!r} is not a symbol",
                "a symbol has up to 32 letters, digits and . : = ^ _ -",
            )
    return symbols


def _numbers(sheet: _Sheet, title: str, missing_markers: Sequence[str]) -> list[float | None]:
    """A column as numbers, None where a marker stands; every digit counts, nothing overflows."""
    numbers: list[float | None] = []
    for row, text in enumerate(map(str.strip, sheet.columns[title])):
        if text in missing_markers:
            numbers.append(None)
        elif not _NUMBER.fullmatch(text) or math.isinf(number := float(text)):
            raise sheet.refuse(
                row,
                f"{title} is {text!r}, not a number that can be stored",
                "mend it, or see source.missing_markers",
            )
        else:
            numbers.append(number)
    return numbers


def _whole_if_all_are(numbers: Sequence[float | None]) -> list[Any]:
    if all(number is None or (number.is_integer() and abs(number) < 2**53) for number in numbers):
        return [None if number is None else int(number) for number in numbers]
    return list(numbers)


def _unpivot(
    sheet: _Sheet, names: Mapping[str, str], dates: Sequence[str], dialect: Dialect
) -> dict[str, list[Any]]:
    titles = [title for title in sheet.columns if title != names["date"]]
    for title in titles:
        if not SYMBOL.fullmatch(title):
            raise Refusal(f"{sheet.name}:1: {title!r} is not a symbol; mend the column's name.")
    closes = [_numbers(sheet, title, dialect.missing_markers) for title in titles]
    return {
        "date": [date for date in dates for _ in titles],
        "symbol": titles * len(dates),
        "close": list(chain.from_iterable(zip(*closes, strict=True))),
    }
