"""The declared corrections of a file: what each one says, and that they do not contradict."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pricewright.corrections.marked import number, read_mappings, text
from pricewright.errors import Refusal
from pricewright.schema import check

Number = int | float


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What every correction has; symbol is None for a table of one series without symbols."""

    file: str
    line: int
    symbol: str | None
    date: str
    reason: str

    @property
    def place(self) -> str:
        """Where it is declared."""
        return f"{self.file}:{self.line}"

    @property
    def subject(self) -> str:
        """Which row it is about."""
        return f"{self.symbol} on {self.date}" if self.symbol else self.date


@dataclass(frozen=True, kw_only=True)
class SetValue(Correction):
    """Put a value in place of the delivered one, `was`; None is a missing value."""

    column: str
    was: Number | None
    value: Number | None


@dataclass(frozen=True, kw_only=True)
class Split(Correction):
    """From `date` on there are `new` shares for `old`: adjust the prices and volumes before.

    was: the delivered close before, so that no split is adjusted for twice.  columns: those to
    adjust, None for open, high, low, close and volume, as far as they are there.
    """

    new: int
    old: int
    was: Number
    columns: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class Drop(Correction):
    """Leave a row out; if `checked`, its delivered close must be `was`."""

    checked: bool
    was: Number | None


_GO_WITH = {
    "value": ({"column", "was"}, {"column", "was"}),
    "split": ({"was"}, {"was", "columns"}),
    "drop": (set[str](), {"was"}),
}
"""By the key that says what to do: the keys it needs, and those it can have."""


def read_corrections(content: bytes, name: str) -> list[Correction]:
    """The corrections that a YAML file declares, in its order.

    Each entry has `date`, `reason` and, in a table with symbols, `symbol`; and
    either `column`, `was` and `value`: the value was delivered as `was` and becomes `value`;
    or `split` ("2:1": two new shares for one), `was` (the close before) and perhaps `columns`;
    or `drop: true` and perhaps `was` (the close of that row).

    Raises Refusal, with file and line, for what is no such list, for a correction that changes
    nothing, and for two that change the same value or drop the same row.
    """
    found = [_correction(entry, name, line) for line, entry in read_mappings(content, name)]
    _refuse_overlaps(found)
    return found


def _correction(written: dict[str, Any], name: str, line: int) -> Correction:
    place = f"{name}:{line}:"
    entry = {
        key: number(value) if key in ("was", "value", "drop") else text(value)
        for key, value in written.items()
    }
    check(entry, "corrections", place)
    try:
        date.fromisoformat(entry["date"])
    except ValueError:
        raise Refusal(f"{place} there is no day {entry['date']}; mend the date.") from None
    kind = _kind(entry, place)
    shared: dict[str, Any] = {
        "file": name,
        "line": line,
        "symbol": entry.get("symbol"),
        "date": str(entry["date"]),
        "reason": str(entry["reason"]),
    }
    if kind == "drop":
        return Drop(checked="was" in entry, was=entry.get("was"), **shared)
    if kind == "value":
        return _set_value(entry, place, shared)
    return _split(entry, place, shared)


def _kind(entry: dict[str, Any], place: str) -> str:
    kinds = [kind for kind in _GO_WITH if kind in entry]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none"
        raise Refusal(f"{place} {found} of value, split and drop; give one of the three.")
    needed, possible = _GO_WITH[kinds[0]]
    for key in sorted(needed - set(entry)):
        raise Refusal(f"{place} {key!r} is missing beside {kinds[0]!r}; add it.")
    for key in sorted(set(entry) & {"column", "columns", "was"} - possible):
        raise Refusal(f"{place} {key!r} does not go with {kinds[0]!r}; take it out.")
    return kinds[0]


def _set_value(entry: dict[str, Any], place: str, shared: dict[str, Any]) -> SetValue:
    column, was, value = entry["column"], entry["was"], entry["value"]
    if was == value:
        raise Refusal(f"{place} value and was are both {was}, so nothing changes; take it out.")
    if column == "volume" and value is not None and value < 0:
        raise Refusal(f"{place} a volume of {value}; a volume is not below 0.")
    return SetValue(column=column, was=was, value=value, **shared)


def _split(entry: dict[str, Any], place: str, shared: dict[str, Any]) -> Split:
    new, old = map(int, entry["split"].split(":"))
    columns: list[str] = entry.get("columns", [])
    if new == old:
        raise Refusal(f"{place} a split of {entry['split']} changes nothing; take it out.")
    if entry["was"] is None:
        raise Refusal(f"{place} 'was' is empty; give the close before {entry['date']}.")
    for column in columns:
        if columns.count(column) > 1:
            raise Refusal(f"{place} 'columns' has {column} twice; keep one of them.")
    return Split(new=new, old=old, was=entry["was"], columns=tuple(columns) or None, **shared)


def _refuse_overlaps(corrections: Sequence[Correction]) -> None:
    seen: dict[tuple[str | None, str, str], Correction] = {}
    dropped = {(each.symbol, each.date): each for each in corrections if isinstance(each, Drop)}
    for each in corrections:
        what = each.column if isinstance(each, SetValue) else type(each).__name__
        other = seen.setdefault((each.symbol, each.date, what), each)
        if other is each and isinstance(each, SetValue):
            other = dropped.get((each.symbol, each.date), each)
        if other is not each:
            first, second = sorted((each, other), key=lambda one: one.line)
            raise Refusal(
                f"{second.place}: {second.subject} is corrected in line {first.line} already; "
                "keep one of the two."
            )
