"""JSON Schema checks with one-sentence errors: which key, what was found, what is allowed."""

import difflib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pricewright.files.errors import Refusal, shortened

if TYPE_CHECKING:
    import jsonschema_rs

FOLDER = Path(__file__).resolve().parents[3] / "schemas"

_LIMITS = {
    "exclusiveMinimum": "above",
    "minimum": "from",
    "exclusiveMaximum": "below",
    "maximum": "up to",
}


@cache
def load(name: str) -> dict[str, Any]:
    """The schema `name` (JSON Schema 2020-12, kept as YAML in workflow/schemas)."""
    import yaml  # imported here, like those below, so that steps that do not need it start faster

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schema = yaml.load((FOLDER / f"{name}.schema.yaml").read_bytes(), Loader=loader)
    assert isinstance(schema, dict)
    return schema


def check(document: Mapping[str, Any], name: str, where: str) -> None:
    """Raise Refusal with one sentence if the document does not match the schema `name`.

    `where` introduces the sentence: the document's file, or words such as "config key".
    """
    schema = load(name)
    if errors := find_errors(document, schema, where):
        first = min(errors, key=lambda error: [str(part) for part in error.instance_path])
        raise Refusal(f"{where} {_sentence(first, schema, document)}")


def find_errors(
    found: Any, schema: dict[str, Any], where: str
) -> list["jsonschema_rs.ValidationError"]:
    """All violations of a schema.

    Raises Refusal for what cannot be checked: brackets that are nested too deeply, or a value that
    JSON does not have.
    """
    import jsonschema_rs

    try:
        return list(jsonschema_rs.Draft202012Validator(schema).iter_errors(found))
    except ValueError as error:
        if "Recursion" in str(error):
            raise Refusal(f"{where} found brackets that are nested too deeply.") from None
        raise Refusal(
            f"{where} found a value that is no text, number or list ({error}); put it in quotes."
        ) from None


def fill_defaults(document: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Fill in the schema's default for every missing key, at every depth."""
    for key, part in schema.get("properties", {}).items():
        if "default" in part:
            document.setdefault(key, json.loads(json.dumps(part["default"])))
        if isinstance(document.get(key), dict):
            fill_defaults(document[key], part)


def take_types(document: dict[str, Any], schema: Mapping[str, Any], root: Any = None) -> None:
    """Convert values to the types that the schema wants, at every depth.

    In a section given with `--config`, each value arrives as text: `{horizon: 5}` as "5". For JSON
    Schema 5.0 is an integer, for Python it is not.
    """
    root = root or schema
    for key, part in schema.get("properties", {}).items():
        rule = resolved(root, part)
        value = document.get(key)
        if isinstance(value, dict):
            take_types(value, rule, root)
        elif isinstance(value, str):
            value = document[key] = _as_typed(value, rule)
        if isinstance(value, float) and value.is_integer() and "integer" in _kinds(rule):
            document[key] = int(value)


def _kinds(rule: Mapping[str, Any]) -> list[str]:
    """The types that a rule and its alternatives name."""
    choices = [rule, *rule.get("anyOf", [])]
    return [kind for each in choices for kind in kinds_of(each.get("type", []))]


def _as_typed(text: str, rule: Mapping[str, Any]) -> Any:
    choices, kinds = [rule, *rule.get("anyOf", [])], _kinds(rule)
    values = [
        value for each in choices for value in (*each.get("enum", []), each.get("const", ...))
    ]
    if text == "null" and ("null" in kinds or None in values):
        return None
    if text == "false" and False in values:
        return False
    if "string" in kinds or text in values or not (kinds or values):
        return text
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text  # the schema check that follows reports it


def kinds_of(kinds: Any) -> list[str]:
    """The types that a rule's `type` names."""
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _sentence(
    error: "jsonschema_rs.ValidationError", schema: Mapping[str, Any], document: Mapping[str, Any]
) -> str:
    kind = error.kind.as_dict()
    path = [str(part) for part in error.instance_path]
    rule = part_at(schema, list(error.schema_path)[:-1])
    if "unexpected" in kind:
        unknown = kind["unexpected"][0]
        key = ".".join([*path, unknown])
        known = sorted(rule.get("properties", {}))
        near = difflib.get_close_matches(unknown, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"{key!r}: there is no such key; {hint}allowed here: {', '.join(known)}."
    if "property" in kind:
        return f"{'.'.join([*path, kind['property'].strip(chr(34))])!r} is missing; add it."
    instance: Any = document  # the error's own has null for an infinite number
    for part in error.instance_path:
        instance = instance[part]
    found = shortened(json.dumps(instance, default=str))
    return f"{'.'.join(path)!r}: found {found}, allowed: {allowed(rule)}."


def allowed(rule: Mapping[str, Any]) -> str:
    """A description of what a rule allows."""
    if "enum" in rule:
        return " or ".join(json.dumps(value) for value in rule["enum"])
    words = " or ".join(kinds_of(rule.get("type", "a value of another kind")))
    words += "".join(f" {word} {rule[key]}" for key, word in _LIMITS.items() if key in rule)
    if "minLength" in rule or "minItems" in rule:
        words += ", not empty"
    if rule.get("uniqueItems"):
        words += ", each once"
    if "pattern" in rule:
        words += f" matching {rule['pattern']}"
    return words


def part_at(schema: Mapping[str, Any], path: Sequence[str | int]) -> Mapping[str, Any]:
    """The rule at a path, with references resolved."""
    node: Any = schema
    for part in path:
        node = node[part]
        if isinstance(node, dict):
            node = resolved(schema, node)
    return cast(Mapping[str, Any], node)


def resolved(schema: Mapping[str, Any], rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rule that a reference leads to; any other rule itself."""
    while "$ref" in rule:
        rule = part_at(schema, rule["$ref"].removeprefix("#/").split("/"))
    return rule
