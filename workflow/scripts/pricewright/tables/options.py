"""Options: small frozen dataclasses that declare, explain and check each option and its default.

A step's function takes whole groups. On the command line and in config, options are flat: each has
a name of its own. An option's type says what is allowed: a Literal, or `Annotated` with bounds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, Literal, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from pricewright.files.errors import Refusal

Kind = TypeVar("Kind", bound="Options")


@dataclass(frozen=True)
class Bounds:
    """The limits for a number, or for the length of a text."""

    least: float | None = None
    above: float | None = None
    most: float | None = None

    def hold(self, value: Any) -> bool:
        """Whether a number, or the length of a text, is within the limits."""
        size = len(value) if isinstance(value, str) else value
        return (
            (self.least is None or size >= self.least)
            and (self.above is None or size > self.above)
            and (self.most is None or size <= self.most)
        )

    def __str__(self) -> str:
        limits = {"from": self.least, "above": self.above, "up to": self.most}
        return " ".join(f"{word} {at:g}" for word, at in limits.items() if at is not None)


@dataclass(frozen=True)
class Options:
    """The base class of all groups of options. section: the section of config they are in."""

    section: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Raise Refusal for a value that the option's type does not allow."""
        for name, hint in hints(type(self)).items():
            value = getattr(self, name)
            named = choices(hint)
            if value is None or _is_group(hint):
                continue
            if (named and value not in named) or not bounds(hint).hold(value):
                self.refuse(name, f"allowed: {allowed(hint)}")

    def refuse(self, name: str, why: str) -> NoReturn:
        """Raise Refusal for an option, naming its config key and what was found."""
        kinds = [kind for kind in type(self).__mro__ if issubclass(kind, Options)]
        section = next(kind.section for kind in kinds if name in kind.__annotations__)
        key = f"{section}.{name.removeprefix(section + '_')}"
        value = getattr(self, name)
        found = list(value) if isinstance(value, tuple) else value
        raise Refusal(f"config key {key!r}: found {found!r}, {why}.")


_HINTS: dict[Any, dict[str, Any]] = {}


def hints(kind: type[Options]) -> dict[str, Any]:
    """The type of each option of a group, with its bounds."""
    if kind not in _HINTS:  # thousands of groups are made
        found = get_type_hints(kind, include_extras=True)
        _HINTS[kind] = {field.name: found[field.name] for field in fields(kind)}
    return _HINTS[kind]


def groups(kind: Any) -> dict[str, type[Options]]:
    """The groups of options that a function takes, or that a group contains, by name."""
    return {name: hint for name, hint in get_type_hints(kind).items() if _is_group(hint)}


def option_groups(function: Callable[..., Any]) -> list[type[Options]]:
    """All groups of options that a function takes, including nested ones."""
    found = list(groups(function).values())
    for group in found:
        found += groups(group).values()
    return found


def group_arguments(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A function's arguments, with the flat options among them put into their groups."""
    rest = dict(given)
    made = {name: _take(kind, rest) for name, kind in groups(function).items() if name not in rest}
    return rest | made


def make(kind: type[Kind], given: Mapping[str, Any]) -> Kind:
    """A group of options, made from those of the given options that belong to it."""
    return _take(kind, dict(given))


def by_name(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function take its options flat."""

    @wraps(function)
    def called(*arguments: Any, **given: Any) -> Any:
        return function(*arguments, **group_arguments(function, given))

    return called


def bounds(hint: Any) -> Bounds:
    """The bounds that a type carries."""
    return next(iter(getattr(hint, "__metadata__", ())), Bounds())


def choices(hint: Any) -> tuple[Any, ...]:
    """The values that a Literal type names; empty for other types."""
    kinds = hint if get_origin(hint) is Literal else None
    kinds = kinds or next((part for part in get_args(hint) if get_origin(part) is Literal), None)
    return get_args(kinds)


def allowed(hint: Any) -> str:
    """A description of what a type allows."""
    if named := choices(hint):
        return " or ".join(map(repr, named))
    kinds = {hint, *get_args(hint)} | {part for kind in get_args(hint) for part in get_args(kind)}
    words = {int: "a whole number", float: "a number", str: "a text with a length"}
    said = next((word for kind, word in words.items() if kind in kinds), "another value")
    return f"{said} {bounds(hint)}".rstrip()


def _is_group(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Options)


def _take(kind: type[Kind], given: dict[str, Any]) -> Kind:
    """A group of options, made from those of `given` that belong to it and removing them there."""
    taken: dict[str, Any] = {}
    for name, hint in hints(kind).items():
        if name in given:
            taken[name] = _converted(given.pop(name), hint)
        elif _is_group(hint):
            taken[name] = _take(hint, given)
    return kind(**taken)


def _converted(value: Any, hint: Any) -> Any:
    """A value from config, converted to the option's type."""
    kinds = (hint, *get_args(hint))
    if isinstance(value, str) and Path in kinds:
        return Path(value)
    if isinstance(value, str) and date in kinds:
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value
    return tuple(value) if isinstance(value, list) else value
