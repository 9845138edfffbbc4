"""The file of declared corrections: what each one says, none contradicts another; proposals.

It is a YAML list of flat mappings. Each value is read as it is written, each mapping with its
line.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from pricewright.files.errors import Refusal
from pricewright.files.yaml_files import compose, line_of
from pricewright.tables.schema import check

if TYPE_CHECKING:
    import yaml

_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TRUTH = {"true": True, "false": False}
_NOTHING = ("", "~", "null")


def read_mappings(content: bytes, name: str) -> list[tuple[int, dict[str, Any]]]:
    """The mappings that a YAML list holds, each with the line on which it begins.

    A value is the text that stands there (so `NO`, `0700` and `2:1` are that text), or a list
    of texts. An empty file is an empty list. `name` is what errors call the file.

    Raises Refusal for what is not such a list, and for a key that is there twice.
    """
    import yaml  # here, as below: a run without corrections needs none of it

    node = compose(content, name)
    if node is None:
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise Refusal(f"{name}:{line_of(node)}: not a list; begin each correction with '- '.")
    return [(line_of(item), _mapping(item, name)) for item in node.value]


def number(value: Any) -> Any:
    """The number, truth or nothing (None) that a text without quotes says, else the text."""
    if not isinstance(value, Plain):
        return value
    if value.lower() in _NOTHING:
        return None
    if _WHOLE.fullmatch(value) and abs(int(value)) < 2**63:
        return int(value)
    if _NUMBER.fullmatch(value) and math.isfinite(float(value)):
        return float(value)
    return _TRUTH.get(value.lower(), str(value))


def text(value: Any) -> Any:
    """The text that a value is, whether or not it is in quotes; what is no text stays."""
    return str(value) if isinstance(value, Plain) else value


class Plain(str):
    """A text that is not in quotation marks."""


def _mapping(node: "yaml.Node", name: str) -> dict[str, Any]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        raise Refusal(f"{name}:{line_of(node)}: not a correction; give it keys, as in 'symbol: X'.")
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise Refusal(f"{name}:{line_of(key)}: a key that is no word; mend it.")
        if key.value in found:
            raise Refusal(f"{name}:{line_of(key)}: {key.value!r} is there twice; keep one of them.")
        found[key.value] = _value(value)
    return found


def _value(node: "yaml.Node") -> Any:
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return Plain(node.value) if node.style is None else str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [item.value if isinstance(item, yaml.ScalarNode) else {} for item in node.value]
    return {}


Number = int | float


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What every correction has.

    symbol: None for a table of one series without symbols.  date: empty for all of a history.
    """

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
        return " on ".join(filter(None, (self.symbol, self.date)))


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

    new: Number
    old: Number
    was: Number
    columns: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class Requote(Split):
    """From `date` on `old` is quoted where it was `new`, as pounds for 100 pence: adjust prices.

    columns: None for all columns of prices that are there; volumes stay as they are.
    """


@dataclass(frozen=True, kw_only=True)
class Drop(Correction):
    """Leave a row out; if `checked`, its delivered close must be `was`."""

    checked: bool
    was: Number | None


@dataclass(frozen=True, kw_only=True)
class Rename(Correction):
    """What a symbol has before `date`, its first day as `to`, is that one's; or all it has."""

    to: str


@dataclass(frozen=True, kw_only=True)
class Delisted(Correction):
    """`date` is a symbol's last day: no more is expected."""


_GO_WITH = {
    "value": ({"column", "was"}, {"column", "was"}),
    "split": ({"was"}, {"was", "columns"}),
    "requote": ({"was"}, {"was", "columns"}),
    "drop": (set[str](), {"was"}),
    "rename": ({"symbol"}, set[str]()),
    "delisted": ({"symbol"}, set[str]()),
}
"""By the key that says what to do: the keys it needs, and those it can have."""


def read_corrections(content: bytes, name: str) -> list[Correction]:
    """The corrections that a YAML file declares, in its order.

    Each entry has `date`, `reason` and, in a table with symbols, `symbol`; and
    either `column`, `was` and `value`: the value was delivered as `was` and becomes `value`;
    or `split` ("2:1": two new shares for one), `was` (the close before) and perhaps `columns`;
    or `requote` ("100:1": what was 100 is 1 from then on), with the same;
    or `drop: true` and perhaps `was` (the close of that row);
    or `rename`: the symbol's name from that day on, or with no date for all that it has;
    or `delisted: true`: its last day.

    Raises Refusal, with file and line, for what is no such list, for a correction that changes
    nothing, and for two that change the same value or drop the same row.
    """
    found = [_correction(entry, name, line) for line, entry in read_mappings(content, name)]
    _refuse_overlaps(found)
    return found


def _correction(written: dict[str, Any], name: str, line: int) -> Correction:
    place = f"{name}:{line}:"
    entry = {
        key: number(value) if key in ("was", "value", "drop", "delisted") else text(value)
        for key, value in written.items()
    }
    check(entry, "corrections", place)
    try:
        date.fromisoformat(entry.get("date", "0001-01-01"))
    except ValueError:
        raise Refusal(f"{place} there is no day {entry['date']}; mend the date.") from None
    kind = _kind(entry, place)
    shared: dict[str, Any] = {
        "file": name,
        "line": line,
        "symbol": entry.get("symbol"),
        "date": str(entry.get("date", "")),
        "reason": str(entry["reason"]),
    }
    if kind == "drop":
        return Drop(checked="was" in entry, was=entry.get("was"), **shared)
    if kind == "value":
        return _set_value(entry, place, shared)
    if kind == "delisted":
        return Delisted(**shared)
    if kind == "rename":
        if entry["rename"] == entry["symbol"]:
            raise Refusal(f"{place} {entry['symbol']} is that name already; take it out.")
        return Rename(to=entry["rename"], **shared)
    return _split(kind, entry, place, shared)


def _kind(entry: dict[str, Any], place: str) -> str:
    kinds = [kind for kind in _GO_WITH if kind in entry]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none"
        raise Refusal(f"{place} {found} of {', '.join(_GO_WITH)}; give one of these.")
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


def _split(kind: str, entry: dict[str, Any], place: str, shared: dict[str, Any]) -> Split:
    new, old = (number(Plain(part)) for part in entry[kind].split(":"))
    columns: list[str] = entry.get("columns", [])
    if new == old:
        raise Refusal(f"{place} a {kind} of {entry[kind]} changes nothing; take it out.")
    if entry["was"] is None:
        raise Refusal(f"{place} 'was' is empty; give the close before {entry['date']}.")
    for column in columns:
        if columns.count(column) > 1:
            raise Refusal(f"{place} 'columns' has {column} twice; keep one of them.")
    if kind == "requote" and "volume" in columns:
        raise Refusal(f"{place} 'columns' has volume, which no requote changes; take it out.")
    made = Requote if kind == "requote" else Split
    return made(new=new, old=old, was=entry["was"], columns=tuple(columns) or None, **shared)


def _refuse_overlaps(corrections: Sequence[Correction]) -> None:
    seen: dict[tuple[str | None, str, str], Correction] = {}
    dropped = {(each.symbol, each.date): each for each in corrections if isinstance(each, Drop)}
    for each in corrections:
        what = each.column if isinstance(each, SetValue) else type(each).__name__
        day = "" if isinstance(each, Delisted) else each.date  # there is one last day
        other = seen.setdefault((each.symbol, day, what), each)
        if other is each and isinstance(each, SetValue):
            other = dropped.get((each.symbol, each.date), each)
        if other is not each:
            first, second = sorted((each, other), key=lambda one: one.line)
            raise Refusal(
                f"{second.place}: {second.subject} is corrected in line {first.line} already; "
                "keep one of the two."
            )


def proposal(supposed: str, **entry: Any) -> str:
    """A correction in words, and as it can be declared once a person has put in the reason."""
    written = (f"{key}: {value}" for key, value in entry.items() if value is not None)
    return f"if {supposed}, declare {{{', '.join(written)}, reason: }}"
