"""Check by prices and by names that files said to be of one symbol are of one symbol."""

import calendar
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import unquote

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
_DATES: Final = re.compile(r"\d{1,3}|(1[89]|2[01])\d\d(\d\d){0,2}|\d\d(\d\d)?(1[89]|2[01])\d\d")


def check_one_symbol(
    symbol: str | None,
    deliveries: Sequence[Delivery],
    made: Snapshot,
    entries: Sequence[Mapping[str, Any]],
) -> None:
    """Raise Refusal if files that are said to be of one symbol are of several.

    They are if two files say so themselves, or if two files have different prices on most of the
    days that they share. If the names differ by more than dates and numbers, and do not all hold
    the symbol, they also are if the differing words look like symbols, or if the price takes a step
    at most places where files meet.
    """
    if symbol in (None, FROM_FILE, FROM_SHEET):
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
    _check_shared_days(symbol, deliveries, made, entries, remedy)
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


def _check_shared_days(
    symbol: str,
    deliveries: Sequence[Delivery],
    made: Snapshot,
    entries: Sequence[Mapping[str, Any]],
    remedy: str,
) -> None:
    places = {delivery.sha256: delivery.place for delivery in deliveries}
    kept = {facts["sha256"]: facts["kept"] for facts in made.facts}
    differing: dict[tuple[str, str], set[str]] = {}
    for entry in entries:
        pair = (entry["old_sha256"], entry["new_sha256"])
        of_two = kept.keys() >= set(pair) and places[pair[0]] != places[pair[1]]
        if entry["what"] == "restated" and of_two:
            differing.setdefault(pair, set()).add(entry["date"])
    for (old, new), dates in differing.items():
        if len(dates) >= _NO_ACCIDENT and len(dates) > min(kept[old], kept[new]) / 2:
            raise Refusal(
                f"{places[new]}: {len(dates)} of its days have other prices than in "
                f"{places[old]}, but source.symbol says that both are of {symbol}; {remedy}."
            )


def symbol_of_file(place: str) -> str:
    """The symbol that names a file: the value of a folder such as `symbol=AAPL`, which programs
    write for partitioned tables, else the file's own name without its endings."""
    path = PurePath(place)
    for part in reversed(path.parts[:-1]):
        key, mark, value = part.partition("=")
        if mark and usual_columns("symbol", [key]):
            return unquote(value)
    return path.name.partition(".")[0]


def differing_names(places: Sequence[str]) -> list[str]:
    """The words of each file's name and folder that not all share, except dates and numbers."""
    words = [
        [
            word
            for word in _WORDS.findall(re.sub(r"\.[^/]*$", "", place))
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
