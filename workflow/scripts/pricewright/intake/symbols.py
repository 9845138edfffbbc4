"""The source of a described delivery's symbols: a column, two, a header line, or names of files."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations
from typing import Final

import numpy as np
import pyarrow as pa

from pricewright.files.errors import Refusal, some_of
from pricewright.intake.findings import Description
from pricewright.intake.one_symbol import differing_names, symbol_of_file
from pricewright.intake.reading import proposals
from pricewright.intake.reading.delivery import better_symbol
from pricewright.intake.reading.dialect import FROM_FILE, Dialect
from pricewright.intake.reading.rows import (
    NUMBER,
    Block,
    Sheet,
    bare,
    crossed_columns,
    crossed_header,
    texts_in,
)
from pricewright.intake.reading.titles import (
    is_code,
    is_security,
    is_unnamed,
    plain_title,
    usual_columns,
)
from pricewright.intake.sample import is_number, is_numbered, moments_of, texts_of

_ANY_NAME: Final = r"(?=.*[^\W\d]).{1,64}"
_CODES: Final = (
    *("code", "stock", "security_code", "instrument_code", "sec_id", "security_id"),
    *("instrument_id", "instrument_symbol", "trading_symbol"),
)
_BASE: Final = re.compile("base|from")


def choose_pattern(
    dialect: Dialect,
    symbols: Sequence[str],
    found: Description,
    *,
    most: float = 0.1,
    ask: bool = False,
) -> Dialect:
    """Propose a symbol_pattern if the usual one refuses more than a share of the symbols.

    ask: whether to ask if it refuses fewer.
    """
    others = [text for text in symbols if not dialect.is_symbol(text)]
    are_many = len(others) > len(symbols) * most
    pattern = proposals.symbol_pattern(symbols) if are_many or (ask and others) else None
    if pattern is None:
        return dialect
    choices = [pattern] if are_many else [pattern, dialect.symbol_pattern]
    why = f"found {some_of([repr(each) for each in others], 3)}"
    chosen = found.choose("symbol_pattern", choices, why, dialect.symbol_pattern)
    return replace(dialect, symbol_pattern=chosen)


def choose_symbols(
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
        return choose_pattern(dialect, said, found)
    if inside := getattr(sheet, "symbol", None):
        found.notes.append(f"the file itself says that its prices are of {inside}")
        return choose_pattern(dialect, [inside], found)
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
        return choose_pattern(dialect, texts, found)
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
    return replace(choose_pattern(dialect, stems, found, most=0), symbol=symbol)


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
        return replace(choose_pattern(dialect, [stem], found), symbol=stem)
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


def pattern_of_crossed(sheet: Sheet, dialect: Dialect, found: Description) -> str | None:
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


def own_symbol(name: str, dialect: Dialect) -> str:
    stem = symbol_of_file(name)
    return stem if dialect.is_symbol(stem) else "X"
