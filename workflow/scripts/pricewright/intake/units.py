"""The unit of prices, where a file states it: pence, cents, or two units of one symbol."""

import re
from dataclasses import replace
from typing import Final

import pyarrow as pa

from pricewright.intake.findings import Description
from pricewright.intake.reading.dialect import Dialect
from pricewright.intake.reading.rows import Block
from pricewright.intake.reading.titles import plain_title
from pricewright.intake.sample import texts_of

_HUNDREDTHS: Final = re.compile(
    r"\b(GB[Xxp]|ZA[Cc]|ILA|US[Xc]|EUc|[Pp]ence|[Pp]enny|[Cc]ents?|[Aa]gorot)\b"
)
_IN_HUNDREDTHS: Final = (
    "these prices are in hundredths, 100 times their value in pounds, rand or dollars; the tables "
    "and the model keep that unit, so never compare them with prices in the whole unit"
)
_UNIT_TITLES: Final = (
    "currency",
    "ccy",
    "unit",
    "währung",
    "waehrung",
    "devise",
    "valuta",
    "divisa",
)


def in_units(dialect: Dialect, titles: list[str], sample: Block, found: Description) -> Dialect:
    """Note prices in pence or cents, and ask for the unit where one symbol has two."""
    if dialect.layout == "wide" or dialect.layout_of(titles) is None:
        return dialect
    names = dialect.names(titles, "")
    for text in (names["close"], dialect.marks.unit or ""):
        if _HUNDREDTHS.search(text) or (text in ("p", "c") and text == dialect.marks.unit):
            found.notes.append(f"{text!r} says so: {_IN_HUNDREDTHS}")
    for title in titles:
        is_unit = any(word in plain_title(title) for word in _UNIT_TITLES)
        if not is_unit or title in names.values():
            continue
        units = texts_of(sample, title)
        if hundredths := [text for text in units if _HUNDREDTHS.fullmatch(text)]:
            found.notes.append(f"{title} says {', '.join(hundredths)}: {_IN_HUNDREDTHS}")
        symbols = ["it"] * len(sample.lines)
        if "symbol" in names:
            symbols = sample.columns[names["symbol"]].cast(pa.string()).to_pylist()
        of_symbol: dict[str, set[str]] = {}
        for symbol, unit in zip(symbols, sample.columns[title].to_pylist(), strict=True):
            of_symbol.setdefault(symbol, set()).add(str(unit).strip())
        for symbol, both in list(of_symbol.items())[:100]:
            if len(said := sorted(both & set(units))) > 1 and not dialect.where:
                why = f"{symbol} has prices in {' and in '.join(said)}; for both, declare a requote"
                choices: list[dict[str, list[str]]] = [{title: [unit]} for unit in said]
                where = found.choose("where", [*choices, {}], f"{why} in corrections.file", {})
                return replace(dialect, where=where)
    return dialect
