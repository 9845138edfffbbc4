"""YAML that people write: what is wrong with it in a sentence, with the line, and no key twice."""

from typing import TYPE_CHECKING, Any

from pricewright.files.errors import Refusal

if TYPE_CHECKING:
    import yaml


def parse_yaml(content: bytes, name: str) -> Any:
    """What a YAML file says.

    Raises Refusal as `compose` does, and for what is no plain value (a tag of a program, a day
    that there is not) or a key that is there twice, of which YAML's readers take the last.
    """
    import yaml  # here, as below: a step that reads none need not import it

    fast = getattr(yaml, "CSafeLoader", None)
    try:
        node = yaml.compose(content.decode("utf-8-sig"), Loader=fast or yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError):
        node = compose(content, name)  # which says what is wrong
    if node is None:
        return None
    try:
        refuse_keys_twice(node, name)
        return yaml.constructor.SafeConstructor().construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise Refusal(f"{name}{line}: not plain YAML ({error.problem}); mend the file.") from None
    except (ValueError, RecursionError) as error:
        raise Refusal(
            f"{name}: a value cannot be read ({error}); put it in quotes, or mend it."
        ) from None


def compose(content: bytes, name: str) -> "yaml.Node | None":
    """The nodes of a YAML document, None of an empty one; `name` is what errors call the file.

    Raises Refusal, with the line, for what is not UTF-8 or not YAML.
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
        raise Refusal(f"{name}:{line}: not YAML ({error.problem}); mend the file.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Refusal(f"{name}:{line}: not YAML ({error.reason}); mend the file.") from None
    except RecursionError:
        raise Refusal(f"{name}:1: a list in a list in a list …; make it a flat list.") from None


def refuse_keys_twice(node: "yaml.Node", name: str) -> None:
    """Raise Refusal, with the line, if a mapping anywhere in a document has a key twice."""
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
                    raise Refusal(f"{where}: {key.value!r} is there twice; keep one of them.")
                found.add(key.value)
            refuse_keys_twice(value, name)


def line_of(node: "yaml.Node") -> int:
    """The line on which a node begins."""
    return int(node.start_mark.line) + 1
