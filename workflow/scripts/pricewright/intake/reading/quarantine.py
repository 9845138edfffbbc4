"""The rows that are not accepted, each with its place, its reason and its own text."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pricewright.intake.reading.instants import Instants, day_of

REASONS: Final = {
    "unreadable": "the record cannot be read",
    "field-count": "more or fewer fields than the header",
    "stray-quote": "a quote that neither begins nor ends a field",
    "nul": "a NUL character",
    "not-an-object": "a JSON record that is not an object",
    "not-flat": "a value is itself an object or a list",
    "duplicate-key": "the same key appears twice",
    "lone-surrogate": "an escape that is not a character",
    "another-header": "a header with other names, or in another order",
    "unreadable-date": "not a date as declared",
    "impossible-date": "a date that does not exist",
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
    "duplicate": "the same row appears earlier",
    "conflict": "another row has different values for the same symbol and date",
}
"""The code and the meaning of each reason, in the order in which a row is checked."""

Ints = npt.NDArray[np.int32]

_NAMES: Final = tuple(REASONS)
_CODES: Final = {name: np.int8(code) for code, name in enumerate(_NAMES)}


@dataclass(frozen=True)
class Quarantine:
    """Rows of one delivery that are not kept: n entries.

    lines: (n,) where each row begins.  reasons: (n,) codes.  fields: (n,) places in `titles`, -1
    for the row as a whole.  rows: (n,) how many rows of prices each entry stands for. Usually one;
    more if a whole line of a wide delivery is lost; none if the row is kept without one value.
    latest: the last instant of each symbol and day, among the rows with known symbol and day; of
    rows without times, each symbol's last one alone.
    """

    titles: Sequence[str]
    lines: npt.NDArray[np.int64]
    reasons: npt.NDArray[np.int8]
    fields: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    latest: Mapping[tuple[str, int | None], int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        titles: Sequence[str],
        lines: npt.ArrayLike,
        reasons: npt.ArrayLike,
        fields: npt.ArrayLike = -1,
        rows: npt.ArrayLike = 1,
    ) -> "Quarantine":
        """Entries from arrays of equal length, or from single values for all entries."""
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
        """The entries of several quarantines, in order of line."""
        found = list(parts)
        lines, reasons, fields, rows = (
            np.concatenate([getattr(part, name) for part in found])
            for name in ("lines", "reasons", "fields", "rows")
        )
        order = np.argsort(lines, kind="stable")
        latest: dict[tuple[str, int | None], int] = {}
        for part in found:
            for key, instant in part.latest.items():
                latest[key] = max(instant, latest.get(key, instant))
        return cls(titles, lines[order], reasons[order], fields[order], rows[order], latest)

    def with_latest(
        self, names: Sequence[str], symbols: Ints, when: Instants, *, by_day: bool
    ) -> "Quarantine":
        """Add the symbols (n,), as places in `names`, and instants (n,) of rows that have them.

        by_day: whether each day's last instant counts, and not only each symbol's.
        """
        order = np.lexsort((when, symbols))
        ends = np.append(np.diff(symbols[order]) > 0, True)[: len(order)]
        if by_day:
            ends[:-1] |= np.diff(day_of(when[order])) > 0
        last = order[ends]
        pairs = zip(symbols[last].tolist(), when[last].tolist(), strict=True)
        latest = {(names[at], day_of(each) if by_day else None): each for at, each in pairs}
        return replace(self, latest=latest)

    @property
    def count(self) -> int:
        """The number of lost rows of prices."""
        return int(self.rows.sum())

    def by_reason(self) -> dict[str, int]:
        """The number of rows lost for each reason, in the order of REASONS."""
        counts = np.bincount(self.reasons, weights=self.rows, minlength=len(_NAMES))
        return {name: int(count) for name, count in zip(_NAMES, counts, strict=True) if count}

    def values_by_reason(self) -> dict[str, int]:
        """The number of values lost from kept rows for each reason, in the order of REASONS."""
        counts = np.bincount(self.reasons[self.rows == 0], minlength=len(_NAMES))
        return {name: int(count) for name, count in zip(_NAMES, counts, strict=True) if count}

    def reason(self, entry: int) -> str:
        """The reason of one entry."""
        return _NAMES[int(self.reasons[entry])]

    def field_of(self, entry: int) -> str | None:
        """The title of the column at fault in one entry; None for the row as a whole."""
        place = int(self.fields[entry])
        return self.titles[place] if place >= 0 else None


def code(reason: str) -> np.int8:
    """The number of a reason."""
    return _CODES[reason]


def total(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    """Add up counts by reason, in the order of REASONS."""
    added: Counter[str] = Counter()
    for count in counts:
        added.update(count)
    return {name: added[name] for name in _NAMES if added[name]}
