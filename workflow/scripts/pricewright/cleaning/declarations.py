"""The file of declared corrections: parsed and checked for contradictions; proposals for it.

The file is a YAML list of flat mappings. Values are read as they are written, and each mapping
keeps its line number.
"""

import json
import math
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from pricewright.files.errors import Refusal
from pricewright.files.yaml_files import compose, line_of
from pricewright.tables.fields import SYMBOL
from pricewright.tables.schema import check

if TYPE_CHECKING:
    import yaml

_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TRUTH = {"true": True, "false": False}
_NOTHING = ("", "~", "null")


def read_mappings(content: bytes, name: str) -> list[tuple[int, dict[str, Any]]]:
    """The mappings in a YAML list, each with the line on which it begins.

    A value is its text in the file (so `NO`, `0700` and `2:1` stay texts), or a list of texts. An
    empty file is an empty list. Errors call the file `name`.

    Raises Refusal if the content is not such a list, or if a key is repeated.
    """
    import yaml  # only here: a run without corrections does not need it

    node = compose(content, name)
    if node is None:
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise Refusal(f"{name}:{line_of(node)}: not a list; begin each correction with '- '.")
    return [(line_of(item), _mapping(item, name)) for item in node.value]


def number(value: Any) -> Any:
    """The number, boolean or None that an unquoted text stands for; other values unchanged."""
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
    """A text as str, whether quoted or not; other values unchanged."""
    return str(value) if isinstance(value, Plain) else value


class Plain(str):
    """A text without quotation marks in the file."""


def _mapping(node: "yaml.Node", name: str) -> dict[str, Any]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        raise Refusal(f"{name}:{line_of(node)}: not a correction; give keys such as 'symbol: X'.")
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise Refusal(f"{name}:{line_of(key)}: a key must be a word; correct it.")
        if key.value in found:
            where = f"{name}:{line_of(key)}"
            raise Refusal(f"{where}: the key {key.value!r} appears twice; keep one.")
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
    """The fields that all corrections have.

    symbol: None for a table of one series without symbols.  date: empty for the whole history.
    """

    file: str
    line: int
    symbol: str | None
    date: str
    reason: str

    @property
    def place(self) -> str:
        """The file and line of the declaration."""
        return f"{self.file}:{self.line}"

    @property
    def subject(self) -> str:
        """The row that is corrected, as "symbol on date"."""
        return " on ".join(filter(None, (self.symbol, self.date)))


@dataclass(frozen=True, kw_only=True)
class SetValue(Correction):
    """Replace the delivered value `was` with `value`; None is a missing value."""

    column: str
    was: Number | None
    value: Number | None


@dataclass(frozen=True, kw_only=True)
class Split(Correction):
    """From `date` on there are `new` shares for `old`: adjust earlier prices and volumes.

    was: the last delivered close before `date`, so that no split is adjusted twice.  columns: the
    columns to adjust; None for those of open, high, low, close and volume that exist, and for
    adj_close if it moves with close.
    """

    new: Number
    old: Number
    was: Number
    columns: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class Requote(Split):
    """From `date` on, a price of `new` is quoted as `old`, such as 100 pence as 1 pound.

    Earlier prices are adjusted, volumes are not.  columns: None for all price columns that exist.
    """


@dataclass(frozen=True, kw_only=True)
class Drop(Correction):
    """Drop a row; if `checked`, its delivered close must be `was`."""

    checked: bool
    was: Number | None


@dataclass(frozen=True, kw_only=True)
class Rename(Correction):
    """Assign rows of a symbol to `to`: those before `date`, its first day as `to`, or all rows."""

    to: str


@dataclass(frozen=True, kw_only=True)
class Delisted(Correction):
    """`date` is a symbol's last day, and no later prices are expected."""


_GO_WITH = {
    "value": ({"column", "was"}, {"column", "was"}),
    "split": ({"was"}, {"was", "columns"}),
    "requote": ({"was"}, {"was", "columns"}),
    "drop": (set[str](), {"was"}),
    "rename": ({"symbol"}, set[str]()),
    "delisted": ({"symbol"}, set[str]()),
}
"""For each kind of correction: the keys it needs, and the keys it can have."""


def read_corrections(content: bytes, name: str) -> list[Correction]:
    """The corrections that a YAML file declares, in the file's order.

    Each entry has `date`, `reason` and, for a table with symbols, `symbol`. It also has one of

    - `column`, `was` and `value`: the value was delivered as `was` and becomes `value`;
    - `split` ("2:1": two new shares for one), `was` (the close before) and optionally `columns`;
    - `requote` ("100:1": what was 100 is 1 from then on), with the same keys as `split`;
    - `drop: true` and optionally `was` (the close of that row);
    - `rename`: the symbol's name from that day on, or without a date for its whole history;
    - `delisted: true`: the date is the symbol's last day.

    Raises Refusal, with file and line, if the content is not such a list, or if a correction
    changes nothing.
    """
    return [_correction(entry, name, line) for line, entry in read_mappings(content, name)]


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
        raise Refusal(f"{place} there is no day {entry['date']}; correct the date.") from None
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
            raise Refusal(f"{place} {entry['symbol']} already has that name; remove the entry.")
        return Rename(to=entry["rename"], **shared)
    return _split(kind, entry, place, shared)


def _kind(entry: dict[str, Any], place: str) -> str:
    kinds = [kind for kind in _GO_WITH if kind in entry]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "no kind of correction"
        raise Refusal(f"{place} found {found}; give exactly one of {', '.join(_GO_WITH)}.")
    needed, possible = _GO_WITH[kinds[0]]
    for key in sorted(needed - set(entry)):
        raise Refusal(f"{place} {kinds[0]!r} also needs {key!r}; add it.")
    for key in sorted(set(entry) & {"column", "columns", "was"} - possible):
        raise Refusal(f"{place} {key!r} does not go with {kinds[0]!r}; remove it.")
    return kinds[0]


def _set_value(entry: dict[str, Any], place: str, shared: dict[str, Any]) -> SetValue:
    column, was, value = entry["column"], entry["was"], entry["value"]
    if was == value:
        raise Refusal(f"{place} value and was are both {was}, which changes nothing; remove it.")
    if column == "volume" and value is not None and value < 0:
        raise Refusal(f"{place} found a volume of {value}; give 0 or more.")
    return SetValue(column=column, was=was, value=value, **shared)


def _split(kind: str, entry: dict[str, Any], place: str, shared: dict[str, Any]) -> Split:
    new, old = (number(Plain(part)) for part in entry[kind].split(":"))
    columns: list[str] = entry.get("columns", [])
    if new == old:
        raise Refusal(f"{place} a {kind} of {entry[kind]} changes nothing; remove it.")
    if entry["was"] is None:
        raise Refusal(f"{place} 'was' is empty; give the close before {entry['date']}.")
    for column in columns:
        if columns.count(column) > 1:
            raise Refusal(f"{place} 'columns' has {column} twice; keep one.")
    if kind == "requote" and "volume" in columns:
        raise Refusal(f"{place} 'columns' has volume, which a requote never changes; remove it.")
    made = Requote if kind == "requote" else Split
    return made(new=new, old=old, was=entry["was"], columns=tuple(columns) or None, **shared)


def proposal(supposed: str, **entry: Any) -> str:
    """A sentence that proposes a correction with the entry to declare; a person adds the reason."""
    names = {key: _quoted(entry[key]) for key in ("symbol", "rename") if entry.get(key)}
    written = (f"{key}: {value}" for key, value in (entry | names).items() if value is not None)
    return f"if {supposed}, declare {{{', '.join(written)}, reason: }}"


def _quoted(symbol: str) -> str:
    """A symbol as YAML, in quotation marks if it could be misread."""
    plain = re.fullmatch(f"(?:{SYMBOL.pattern})(?<!:)", symbol)
    return symbol if plain else json.dumps(symbol, ensure_ascii=False)
