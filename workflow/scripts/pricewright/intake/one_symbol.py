"""Check by prices and by names that files said to be of one symbol are of one symbol."""

import calendar
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt

from pricewright.files.errors import Refusal
from pricewright.intake.archive import Delivery
from pricewright.intake.deliveries import Snapshot
from pricewright.intake.reading.dialect import FROM_FILE, FROM_SHEET
from pricewright.intake.reading.titles import is_code, usual_columns

_NO_ACCIDENT: Final = 3  # from this many days with different prices on, two files may be refused
_STEP: Final = 1.1  # a step in the price is at least this factor, and at least
_SPREADS: Final = 8.0  # this many times its usual move
_WORDS: Final = re.compile(r"[^\W\d_]+|\d+")
_OF_DATES: Final = {
    name.upper()
    for names in (calendar.month_name, calendar.month_abbr, calendar.day_name, calendar.day_abbr)
    for name in names
}
_YEAR, _DAY = r"(1[89]|2[01])\d\d", r"(0[1-9]|[12]\d|3[01])"  # the latter is also a month
_DATES: Final = re.compile(rf"\d{{1,3}}|{_YEAR}({_DAY}({_DAY})?)?|({_DAY})?{_DAY}{_YEAR}")
_DATED: Final = re.compile(r"(.+)\.(\d{4}\W?\d\d\W?\d\d)")
_ENDINGS: Final = re.compile(
    r"(\.(csv|tsv|tab|psv|txt|dat|prn|jsonl?|ndjson|parquet|pq|feather|arrow|ipc|xls[xmb]?|ods"
    r"|snappy|gz|gzip|bz2|xz|zst|zstd|zip))+$",
    re.IGNORECASE,
)
"""The endings of files that say how they are written or packed, and so are no part of a name."""


def check_one_symbol(
    symbol: str | None,
    deliveries: Sequence[Delivery],
    made: Snapshot,
    entries: Sequence[Mapping[str, Any]],
    present: Collection[str],
) -> None:
    """Raise Refusal if files that are said to be of one symbol are of several.

    present: the places that the source has now.

    They are if two files say so themselves, or if two files have different prices on most of the
    days that they share. If the names differ by more than dates and numbers, and do not all hold
    the symbol, they also are if the differing words look like symbols, or if the price takes a step
    at most places where files meet.
    """
    if symbol in (None, FROM_SHEET):
        return
    if symbol == FROM_FILE:
        _check_names([each for each in deliveries if each.place in present], made, entries)
        return
    said = {facts["settings"].get("symbol"): facts["place"] for facts in made.facts}
    said.pop(None, None)
    if len(said) > 1:
        (one, place), (other, other_place), *_ = said.items()
        raise Refusal(
            f"{other_place}: the file itself says that its prices are of {other}, and {place} says "
            f"{one}, but source.symbol says that both are of {symbol}; remove source.symbol from "
            "the config."
        )
    remedy = f'if each file is named after its symbol, set source.symbol: "{FROM_FILE}"'
    for old, new, days in _differing(deliveries, made, entries, ("restated",)):
        raise Refusal(
            f"{new}: {days} of its days have other prices than in {old}, but source.symbol says "
            f"that both are of {symbol}; {remedy}."
        )
    places = [facts["place"] for facts in made.facts]
    names = differing_names(places)
    is_said = re.compile(rf"(?<![^\W_]){re.escape(symbol)}(?![^\W_])", re.IGNORECASE).search
    if len(set(names)) < 2 or len(made.state.prices.names) > 1 or all(map(is_said, places)):
        return
    seams, steps = _steps(made, np.unique(names, return_inverse=True)[1])
    codes = {name for name in names if is_code(name) and len(name) > 1}
    if len(codes) == len(set(names)) or (len(steps) and len(steps) > len(seams) / 2):
        one, other = steps[0] if len(steps) else (0, names.index(max(names, key=names[0].__ne__)))
        why = "the price takes a step there" if len(steps) else "the names look like symbols"
        raise Refusal(
            f"{places[other]}: this seems to be another symbol than {places[one]}, because {why}, "
            f"but source.symbol says that both are of {symbol}; {remedy}; if they are of one "
            "symbol, give them names that differ only by dates and numbers."
        )


def _check_names(
    deliveries: Sequence[Delivery], made: Snapshot, entries: Sequence[Mapping[str, Any]]
) -> None:
    """Raise Refusal if two files are named after one symbol but have different prices for it.

    Files whose paths differ only by dates may: one is newer, and its series may be rescaled.
    """
    for old, new, days in _differing(deliveries, made, entries, ("restated", "rescaled")):
        is_newer = _without_endings(old) != _without_endings(new)
        if not is_newer or len(set(differing_names([old, new]))) > 1:
            raise Refusal(
                f"{new}: {days} of its days have other prices than in {old}, but by "
                f'source.symbol: "{FROM_FILE}" both are of {symbol_of_file(new)}; give other '
                "symbols other names, or deliver only one of the files."
            )


def _differing(
    deliveries: Sequence[Delivery],
    made: Snapshot,
    entries: Sequence[Mapping[str, Any]],
    kinds: Sequence[str],
) -> Iterator[tuple[str, str, int]]:
    """The places of two files that differ on most of the days they share, and on how many.

    kinds: the entries that count.
    """
    places = {delivery.sha256: delivery.place for delivery in deliveries}
    kept = {facts["sha256"]: facts["kept"] for facts in made.facts}
    days: dict[tuple[str, str, str], int] = {}
    for entry in entries:
        old, new = entry["old_sha256"], entry["new_sha256"]
        both = [places[each] for each in (old, new) if each in places and each in kept]
        if entry["what"] in kinds and len(set(both)) == 2:
            key = (old, new, entry["column"])
            days[key] = days.get(key, 0) + entry.get("values", 1)
    for (old, new, _), count in days.items():
        if count >= _NO_ACCIDENT and count > min(kept[old], kept[new]) / 2:
            yield places[old], places[new], count


def symbol_of_file(place: str) -> str:
    """The symbol that names a file: the value of a folder such as `symbol=AAPL`, which programs
    write for partitioned tables, else the file's own name, dots and all, without the endings of
    formats and packings."""
    is_web = place.lower().startswith(("http://", "https://"))
    path = PurePath(unquote(urlsplit(place).path) if is_web else place)
    for part in reversed(path.parts[:-1]):
        key, mark, value = part.partition("=")
        if mark and usual_columns("symbol", [key]):
            return unquote(value)
    return _without_endings(path.name)


def _without_endings(place: str) -> str:
    """The name without the endings of formats, and without dates behind dots."""
    name = _ENDINGS.sub("", place)
    while (dated := _DATED.fullmatch(name)) and _DATES.fullmatch(re.sub(r"\W", "", dated[2])):
        name = dated[1]
    return name


def differing_names(places: Sequence[str]) -> list[str]:
    """The words of each file's name and folder that not all share, except dates and numbers."""
    words = [
        [
            word
            for word in _WORDS.findall(_without_endings(place))
            if word.upper() not in _OF_DATES and not _DATES.fullmatch(word)
        ]
        for place in places
    ]
    shared = set[str]().union(*words).intersection(*words)
    return [" ".join(word for word in each if word not in shared) for each in words]


def _steps(
    made: Snapshot, names: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.intp], list[tuple[int, int]]]:
    """Find where prices of files with different names meet, and where the price takes a step there.

    Returns the rows before the places where they meet, and the pair of files at each step. A step
    is more than a tenth, and more than eight times the usual move, over as many days, within files.
    """
    prices, origins = made.state.prices, made.state.origins
    seams = np.flatnonzero(np.diff(names[origins]))
    close = prices.values.get("close", next(iter(prices.values.values())))
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.abs(np.diff(np.log(close))) / np.sqrt(np.maximum(np.diff(prices.days), 1))
    within = moves[(np.diff(origins) == 0) & np.isfinite(moves)]
    usual = 1.4826 * np.median(within) if len(within) else 0.0
    high = np.abs(np.diff(np.log(np.maximum(close, 1e-300)))) > np.log(_STEP)
    steps = seams[high[seams] & (moves[seams] > _SPREADS * usual)]
    return seams, [(int(origins[row]), int(origins[row + 1])) for row in steps.tolist()]
