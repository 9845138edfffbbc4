"""Read a JSON document by key, checking each part, with one sentence for each error."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from pricewright.files.clock import day_number
from pricewright.files.errors import Refusal, shortened
from pricewright.tables.arrays import LARGEST_POSSIBLE, Days, Flags, Floats, as_numbers
from pricewright.tables.symbol_columns import SymbolColumns, json_value

LARGEST = 1e15
"""The largest absolute value of a number in a model, except for variances."""

LARGEST_VARIANCE = LARGEST**2
"""The largest variance; it occurs for prices modelled in levels."""

NEEDED: Any = object()
"""The value must exist."""


class CheckedDocument:
    """The parts of a document by key, each checked as it is taken."""

    def __init__(self, document: Any, name: str) -> None:
        self.document, self.name = document, name

    def refuse(self, key: str, found: Any, wanted: str) -> NoReturn:
        raise Refusal(
            f"{self.name}: {key!r}: found {shortened(repr(found))}, allowed: {wanted}; train again."
        )

    def at(self, *path: str, missing: Any = NEEDED) -> Any:
        """The value at a path; `missing` if it is not there and need not be."""
        node = self.document
        for depth, key in enumerate(path):
            if isinstance(node, Mapping) and key in node:
                node = node[key]
            elif missing is not NEEDED:
                return missing
            elif isinstance(node, Mapping):
                raise Refusal(f"{self.name}: {'.'.join(path)!r} is missing; train again.")
            else:
                self.refuse(".".join(path[:depth]), node, "an object")
        return node

    def word(self, *path: str, among: Sequence[str] = ()) -> str:
        found = self.at(*path)
        if not isinstance(found, str) or (among and found not in among):
            self.refuse(".".join(path), found, " or ".join(among) or "a text")
        return found

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
        known = len(found) if count is None and isinstance(found, list) else count
        numbers = as_numbers(found, (known,)) if known else None
        if numbers is None:
            self.refuse(".".join(path), found, f"{count or 'some'} numbers")
        if not ((numbers >= least) & (numbers <= most)).all():
            self.refuse(".".join(path), found, f"numbers from {least:g} to {most:g}")
        return numbers.astype(np.float64)

    def table(self, *path: str, rows: int, columns: int, least: float = -LARGEST) -> Floats:
        found = self.at(*path)
        if not isinstance(found, list) or len(found) != rows:
            self.refuse(".".join(path), found, f"{rows} rows")
        numbers = as_numbers(found, (rows, columns))
        if numbers is None or not ((numbers >= least) & (numbers <= LARGEST)).all():
            self.refuse(".".join(path), found, f"{rows} rows of {columns} numbers from {least:g}")
        return numbers.astype(np.float64)


class CheckedSymbols:
    """The parts of a document by symbol, each read for all wanted symbols at once, and checked.

    records: a mapping by symbol, or columns.
    """

    def __init__(self, reader: CheckedDocument, records: Mapping[str, Any], wanted: Sequence[str]):
        self.name, self.names = reader.name, wanted
        self._reader, self._records = reader, records
        if isinstance(records, SymbolColumns):
            self._columns = CheckedDocument({"symbols": records.columns}, reader.name)
            self._places = [records.places[symbol] for symbol in wanted]

    def refuse(self, place: int, path: Sequence[str], found: Any, wanted: str) -> NoReturn:
        self._reader.refuse(".".join(("symbols", self.names[place], *path)), found, wanted)

    def parts(self, *path: str, missing: Any = NEEDED) -> list[Any] | npt.NDArray[Any]:
        """The value of each symbol at a path: a list, or an array (S, ...) of numbers.

        missing: the value to use if there is none; by default it must exist.
        """
        if not isinstance(self._records, SymbolColumns):
            return [self._reader.at("symbols", s, *path, missing=missing) for s in self.names]
        column = self._columns.at("symbols", *path, missing=missing)
        if column is None:  # no symbol has it
            return [None] * len(self.names)
        if not isinstance(column, list | np.ndarray) or len(column) != len(self._records):
            self.refuse(0, path, column, f"a list of {len(self._records)}")
        if isinstance(column, np.ndarray):
            return np.asarray(column[self._places])
        return [column[place] for place in self._places]

    def words(self, *path: str, among: Sequence[str]) -> list[str]:
        found = self.parts(*path)
        for place, word in enumerate(found):
            if not isinstance(word, str) or word not in among:
                self.refuse(place, path, word, " or ".join(among))
        return list(found)

    def flags(self, *path: str) -> Flags:
        found = self.parts(*path)
        for place, flag in enumerate(found):
            if not isinstance(flag, bool | np.bool_):
                self.refuse(place, path, flag, "true or false")
        return np.array(found)

    def days(self, *path: str) -> Days:
        found = self.parts(*path)
        known: dict[Any, int | None] = {}
        for place, text in enumerate(found):
            day = known.setdefault(text, _day(text)) if isinstance(text, str) else None
            if day is None:
                self.refuse(place, path, text, "a date such as 2024-01-31")
        return np.array([known[text] for text in found], dtype=np.int32)

    def numbers(self, *path: str, least: float = -LARGEST, most: float = LARGEST) -> Floats:
        """(S,): one number per symbol."""
        wanted = f"a number from {least:g} to {most:g}"
        return self._numbers(path, (), (least, most), wanted, wanted)

    def lists(
        self, *path: str, count: int, least: float = -LARGEST, most: float = LARGEST
    ) -> Floats:
        """(S, count): a list of numbers per symbol."""
        within = f"numbers from {least:g} to {most:g}"
        return self._numbers(path, (count,), (least, most), f"{count} numbers", within)

    def tables(self, *path: str, rows: int, columns: int) -> Floats:
        """(S, rows, columns): a table of numbers per symbol."""
        wanted = f"{rows} rows of {columns} numbers from {-LARGEST:g}"
        return self._numbers(path, (rows, columns), (-LARGEST, LARGEST), wanted, wanted)

    def _numbers(
        self,
        path: Sequence[str],
        shape: tuple[int, ...],
        limits: tuple[float, float],
        wanted: str,
        within: str,
    ) -> Floats:
        """(S, *shape), within limits.

        wanted, within: the words of an error for a wrong shape, and for numbers out of limits.
        """
        found = self.parts(*path)
        values = as_numbers(found, (len(self.names), *shape))
        if values is None:
            place = next(p for p, one in enumerate(found) if as_numbers([one], (1, *shape)) is None)
            self.refuse(place, path, found[place], wanted)
        others = tuple(range(1, values.ndim))
        fits = ((values >= limits[0]) & (values <= limits[1])).all(axis=others)
        for place in np.flatnonzero(~fits)[:1].tolist():
            self.refuse(place, path, json_value(found[place]), within)
        return values.astype(np.float64)


def _day(text: str) -> int | None:
    """The day number of a date in the form 2024-01-31; None for any other form."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    if day.isoformat() != text:  # such as 20240131 or 2024-W05-3
        return None
    return day_number(day)


def _is_number(value: Any) -> bool:
    """Whether it is a number to compute with: not NaN, and not an integer of 400 digits."""
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and abs(value) < LARGEST_POSSIBLE
