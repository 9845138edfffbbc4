"""A JSON document by key, each part checked as it is taken: one sentence for what is not right."""

import math
from collections.abc import Sequence
from datetime import date
from itertools import chain
from typing import Any, NoReturn

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.tables.arrays import Floats

LARGEST = 1e15
"""No number of a model is larger, on either side of 0, but for"""

LARGEST_VARIANCE = LARGEST**2
"""variances of prices that are modelled in levels."""


class CheckedDocument:
    """The parts of a document by key, each checked as it is taken."""

    def __init__(self, document: Any, name: str) -> None:
        self.document, self.name = document, name

    def refuse(self, key: str, found: Any, wanted: str) -> NoReturn:
        raise Refusal(
            f"{self.name}: {key!r}: found {short(repr(found))}, allowed: {wanted}; train again."
        )

    def at(self, *path: str) -> Any:
        node = self.document
        for depth, key in enumerate(path):
            if not isinstance(node, dict):
                self.refuse(".".join(path[:depth]), node, "an object")
            if key not in node:
                raise Refusal(f"{self.name}: {'.'.join(path)!r} is missing; train again.")
            node = node[key]
        return node

    def word(self, *path: str, among: Sequence[str] = ()) -> str:
        found = self.at(*path)
        if not isinstance(found, str) or (among and found not in among):
            self.refuse(".".join(path), found, " or ".join(among) or "a text")
        return found

    def flag(self, *path: str) -> bool:
        found = self.at(*path)
        if not isinstance(found, bool):
            self.refuse(".".join(path), found, "true or false")
        return found

    def day(self, *path: str) -> int:
        found = self.word(*path)
        try:
            day = date.fromisoformat(found)
        except ValueError:
            day = None
        if day is None or day.isoformat() != found:  # as of 20240131 or 2024-W05-3
            self.refuse(".".join(path), found, "a date as in 2024-01-31")
        return day.toordinal() - date(1970, 1, 1).toordinal()

    def number(self, *path: str, least: float = -LARGEST, most: float = LARGEST) -> float:
        found = self.at(*path)
        if not _is_number(found) or not least <= found <= most:
            self.refuse(".".join(path), found, f"a number from {least:g} to {most:g}")
        return float(found)

    def whole(self, *path: str, least: float, most: float) -> int:
        found = self.number(*path, least=least, most=most)
        if found != int(found):
            self.refuse(".".join(path), found, "a whole number")
        return int(found)

    def numbers(
        self, *path: str, count: int | None = None, least: float = -LARGEST, most: float = LARGEST
    ) -> Floats:
        found = self.at(*path)
        fits = isinstance(found, list) and _are_numbers(found)
        if not fits or not found or (count is not None and len(found) != count):
            self.refuse(".".join(path), found, f"{count or 'some'} numbers")
        numbers = np.array(found, dtype=np.float64)
        if not ((numbers >= least) & (numbers <= most)).all():
            self.refuse(".".join(path), found, f"numbers from {least:g} to {most:g}")
        return numbers

    def table(self, *path: str, rows: int, columns: int, least: float = -LARGEST) -> Floats:
        found = self.at(*path)
        if not isinstance(found, list) or len(found) != rows:
            self.refuse(".".join(path), found, f"{rows} rows")
        if all(isinstance(row, list) and len(row) == columns for row in found):
            every = list(chain.from_iterable(found))
            numbers = np.array(every if _are_numbers(every) else np.nan, dtype=np.float64)
            if ((numbers >= least) & (numbers <= LARGEST)).all():
                return numbers.reshape(rows, columns)
        self.refuse(".".join(path), found, f"{rows} rows of {columns} numbers from {least:g}")


def _are_numbers(values: Sequence[Any]) -> bool:
    """Whether each is one that `_is_number` says is one: mostly they are all floats."""
    if set(map(type, values)) == {float} and math.isfinite(sum(values)):
        return bool(max(map(abs, values)) < 1e300)
    return all(map(_is_number, values))


def _is_number(value: Any) -> bool:
    """Whether it is one that can be reckoned with: no NaN, and no integer of 400 digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def short(text: str, most: int = 60) -> str:
    """A text, or its beginning if it is longer than `most`."""
    return text if len(text) <= most else text[: most - 3] + "..."
