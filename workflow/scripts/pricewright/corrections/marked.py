"""A YAML list of flat mappings, each value as it is written, each mapping with its line."""

import math
import re
from typing import TYPE_CHECKING, Any

from pricewright.errors import Refusal

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

    node = _compose(content, name)
    if node is None:
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise Refusal(f"{name}:{_line(node)}: not a list; begin each correction with '- '.")
    return [(_line(item), _mapping(item, name)) for item in node.value]


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


def _compose(content: bytes, name: str) -> "yaml.Node | None":
    import yaml

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refusal(f"{name}:{line}: not UTF-8 text; save the file as UTF-8.") from None
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = (mark.line if mark else 0) + 1
        raise Refusal(f"{name}:{line}: not YAML ({error.problem}); mend the file.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Refusal(f"{name}:{line}: not YAML ({error.reason}); mend the file.") from None
    except RecursionError:
        raise Refusal(f"{name}:1: a list in a list in a list …; make it a flat list.") from None


def _mapping(node: "yaml.Node", name: str) -> dict[str, Any]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        raise Refusal(f"{name}:{_line(node)}: not a correction; give it keys, as in 'symbol: X'.")
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise Refusal(f"{name}:{_line(key)}: a key that is no word; mend it.")
        if key.value in found:
            raise Refusal(f"{name}:{_line(key)}: {key.value!r} is there twice; keep one of them.")
        found[key.value] = _value(value)
    return found


def _value(node: "yaml.Node") -> Any:
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return Plain(node.value) if node.style is None else str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [item.value if isinstance(item, yaml.ScalarNode) else {} for item in node.value]
    return {}


def _line(node: "yaml.Node") -> int:
    return int(node.start_mark.line) + 1
