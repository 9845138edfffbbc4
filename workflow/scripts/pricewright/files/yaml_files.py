"""YAML that people write: parsed strictly, with errors in one sentence that names the line."""

from typing import TYPE_CHECKING, Any

from pricewright.files.errors import Refusal

if TYPE_CHECKING:
    import yaml


def parse_yaml(content: bytes, name: str) -> Any:
    """Parse a YAML file.

    Raises Refusal as `compose` does, for values that are not plain (a tag for a program's own type,
    a date that does not exist), and for a repeated key, of which YAML parsers take the last.
    """
    import yaml  # only here: steps that read no YAML need not import it

    fast = getattr(yaml, "CSafeLoader", None)
    try:
        node = yaml.compose(content.decode("utf-8-sig"), Loader=fast or yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError):
        node = compose(content, name)  # the slower parser, whose errors say more
    if node is None:
        return None
    try:
        refuse_keys_twice(node, name)
        return yaml.constructor.SafeConstructor().construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise Refusal(f"{name}{line}: not plain YAML ({error.problem}); correct it.") from None
    except (ValueError, RecursionError) as error:
        raise Refusal(
            f"{name}: a value cannot be read ({error}); put it in quotes, or correct it."
        ) from None


def compose(content: bytes, name: str) -> "yaml.Node | None":
    """The node tree of a YAML document, None if it is empty; errors call the file `name`.

    Raises Refusal, with the line, for bytes that are not UTF-8 or not YAML.
    """
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
        raise Refusal(f"{name}:{line}: not YAML ({error.problem}); correct it.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Refusal(f"{name}:{line}: not YAML ({error.reason}); correct it.") from None
    except RecursionError:
        raise Refusal(f"{name}:1: lists are nested too deeply; make it a flat list.") from None


def refuse_keys_twice(node: "yaml.Node", name: str) -> None:
    """Raise Refusal, with the line, if any mapping in a document repeats a key."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            refuse_keys_twice(item, name)
    elif isinstance(node, yaml.MappingNode):
        found = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in found:
                    where = f"{name}:{line_of(key)}"
                    raise Refusal(f"{where}: the key {key.value!r} appears twice; keep one.")
                found.add(key.value)
            refuse_keys_twice(value, name)


def line_of(node: "yaml.Node") -> int:
    """The line, counted from 1, on which a node begins."""
    return int(node.start_mark.line) + 1
