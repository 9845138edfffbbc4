"""The rows that are not believed: each with its place, its reason and its own text."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

REASONS: Final = {
    "unreadable": "the record cannot be read",
    "field-count": "more or fewer fields than the header",
    "stray-quote": "a quote that neither begins nor ends a field",
    "nul": "a NUL character",
    "not-an-object": "a record of JSON that is no object",
    "not-flat": "a value is itself an object or a list",
    "duplicate-key": "a key is there twice",
    "lone-surrogate": "an escape that is no character",
    "another-header": "a header with other names, or in another order",
    "unreadable-date": "not a date as declared",
    "impossible-date": "a date that no calendar has",
    "ambiguous-date": "a date that can be read in two ways",
    "unzoned-time": "a time at an offset, and no time zone is declared",
    "dst-gap": "a local time that the clocks skipped",
    "future-date": "a date after the delivery",
    "ancient-date": "a date before 1600",
    "bad-symbol": "not a symbol",
    "unreadable-number": "not a number",
    "infinite-number": "a number that cannot be stored",
    "sign": "a sign that is not allowed",
    "overflowing-volume": "a volume beyond 2^53",
    "high-below-low": "the high is below the low",
    "outside-range": "a price outside the low and the high",
    "duplicate": "the same row is there before it",
    "conflict": "another row has other values for its symbol and date",
}
"""Each reason's code and what it means, in the order in which a row is looked at."""

Ints = npt.NDArray[np.int32]

_NAMES: Final = tuple(REASONS)
_CODES: Final = {name: np.int8(code) for code, name in enumerate(_NAMES)}


@dataclass(frozen=True)
class Quarantine:
    """Rows of one delivery that are not kept: n entries.

    lines: (n,) where each begins.  reasons: (n,) codes.  fields: (n,) places in `titles`, -1 for
    the row as a whole.  rows: (n,) how many rows of prices each stands for: one; more if a whole
    line of a wide delivery is lost; none if the row is kept, and a value of it missing.
    newest: of the rows whose symbol and day are known, each symbol's last day, since 1970-01-01.
    """

    titles: Sequence[str]
    lines: npt.NDArray[np.int64]
    reasons: npt.NDArray[np.int8]
    fields: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    newest: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        titles: Sequence[str],
        lines: npt.ArrayLike,
        reasons: npt.ArrayLike,
        fields: npt.ArrayLike = -1,
        rows: npt.ArrayLike = 1,
    ) -> "Quarantine":
        """Entries from arrays of equal length, or from one value for all."""
        lines, reasons, fields, rows = np.broadcast_arrays(lines, reasons, fields, rows)
        return cls(
            titles,
            lines.astype(np.int64),
            reasons.astype(np.int8),
            fields.astype(np.int32),
            rows.astype(np.int32),
        )

    @classmethod
    def joined(cls, titles: Sequence[str], parts: Iterable["Quarantine"]) -> "Quarantine":
        """The entries of several, in order of line."""
        found = list(parts)
        if not found:
            return cls.of(titles, [], [])
        lines, reasons, fields, rows = (
            np.concatenate([getattr(part, name) for part in found])
            for name in ("lines", "reasons", "fields", "rows")
        )
        order = np.argsort(lines, kind="stable")
        newest: dict[str, int] = {}
        for part in found:
            for symbol, day in part.newest.items():
                newest[symbol] = max(day, newest.get(symbol, day))
        return cls(titles, lines[order], reasons[order], fields[order], rows[order], newest)

    def with_newest(self, names: Sequence[str], symbols: Ints, days: Ints) -> "Quarantine":
        """The same entries, of rows with known symbols (n,), places in `names`, and days (n,)."""
        latest = np.full(len(names), np.iinfo(np.int32).min, dtype=np.int32)
        np.maximum.at(latest, symbols, days)
        newest = {names[place]: int(latest[place]) for place in np.unique(symbols).tolist()}
        return replace(self, newest=newest)

    @property
    def count(self) -> int:
        """The rows of prices that are lost."""
        return int(self.rows.sum())

    def by_reason(self) -> dict[str, int]:
        """The rows that each reason took, in the order of REASONS."""
        counts = np.bincount(self.reasons, weights=self.rows, minlength=len(_NAMES))
        return {name: int(count) for name, count in zip(_NAMES, counts, strict=True) if count}

    def values_by_reason(self) -> dict[str, int]:
        """The values that each reason took from rows that are kept, in the order of REASONS."""
        counts = np.bincount(self.reasons[self.rows == 0], minlength=len(_NAMES))
        return {name: int(count) for name, count in zip(_NAMES, counts, strict=True) if count}

    def reason(self, entry: int) -> str:
        """The reason of one entry."""
        return _NAMES[int(self.reasons[entry])]

    def field_of(self, entry: int) -> str | None:
        """The title of the column at fault in one entry, None for the row as a whole."""
        place = int(self.fields[entry])
        return self.titles[place] if place >= 0 else None


def code(reason: str) -> np.int8:
    """A reason's number."""
    return _CODES[reason]


def total(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    """Counts by reason added up, in the order of REASONS."""
    added: Counter[str] = Counter()
    for count in counts:
        added.update(count)
    return {name: added[name] for name in _NAMES if added[name]}
