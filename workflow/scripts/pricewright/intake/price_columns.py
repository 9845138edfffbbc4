"""The columns of a described delivery that hold prices: by name, as symbols, or by their values."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa

from pricewright.intake.findings import Description
from pricewright.intake.reading.dialect import Dialect, Marks
from pricewright.intake.reading.numbers import parse_numbers
from pricewright.intake.reading.rows import Block
from pricewright.intake.reading.titles import (
    is_code,
    is_no_symbol,
    is_unnamed,
    usual_columns,
    value_named,
)
from pricewright.intake.sample import is_number, is_numbered, moments_of, texts_of
from pricewright.intake.symbols import choose_pattern
from pricewright.tables.fields import VALUES

_MOST_BARS: Final = 0.95  # of rows whose high and low are so show which columns these are
_NEAR: Final = 0.75  # from a close to the next open it is at most this share of the way back
_FEW_ROWS: Final = 3  # fewer show nothing
_TICKERS_TOO: Final = "the names of fields among its columns are names of symbols, too"


def choose_prices(
    dialect: Dialect, titles: list[str], numbers: list[str], sample: Block, found: Description
) -> Dialect:
    """Whether the columns are fields or symbols, and which are which."""
    fields = {ours: with_twins(usual_columns(ours, titles), found) for ours in VALUES}
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
            close = found.choose("columns.close", fields["adj_close"], "the only close in the file")
            dialect = replace(dialect, columns={**dialect.columns, "close": close})
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
    return choose_pattern(dialect, symbols, found)


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


def with_twins(titles: Sequence[str], found: Description) -> list[str]:
    """Titles with the columns that have the same name."""
    begins = tuple(f"{title} (" for title in titles)
    return [*titles, *(title for title in found.numbers if title.startswith(begins))]
