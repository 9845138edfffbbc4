"""Numbers of a model as a page shows them: with a sensible number of digits, and their exact value.

A number is named by its JSON pointer (RFC 6901), so that whoever doubts one can look it up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Figure:
    """What is shown, the exact value, empty where there is none, and where the model has it."""

    text: str
    value: str
    at: str = ""

    number = True


def price(value: float) -> str:
    """A price with the digits that tell it from its neighbours."""
    if abs(value) >= 1e7 or 0 < abs(value) < 1e-3:
        return f"{value:.4e}"
    return f"{value:,.2f}" if abs(value) >= 100 else f"{value:.4f}"


MISSING = "-"

FORMS: Mapping[str, Callable[[float], str]] = {
    "share": lambda value: f"{value:.1%}",
    "signed share": lambda value: f"{value:+.1%}",
    "ratio": lambda value: f"{value:.3f}" if abs(value) < 1e4 else f"{value:.1e}",
    "signed": lambda value: f"{value:+.4f}" if abs(value) < 1e4 else f"{value:.1e}",
    "criterion": lambda value: f"{value:.4g}",
    "count": lambda value: f"{value:,}",
    "price": price,
}
"""How a number is written, by the kind of number that it is."""


class Figures:
    """The numbers of one model document."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self._model = model

    def at(self, pointer: str, form: str) -> Figure:
        """The number at a pointer, as /metrics/pooled/mae_ratio, in one of FORMS."""
        return replace(shown(resolve(self._model, pointer), form), at=pointer)


def shown(value: float | str | None, form: str) -> Figure:
    """A number in one of FORMS."""
    if value is None:
        return Figure("unknown" if form == "criterion" else MISSING, "")
    if isinstance(value, str):
        return Figure(value, value)
    return Figure(FORMS[form](value), repr(value))


def resolve(document: Any, pointer: str) -> Any:
    """What a document has at a JSON pointer."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key) if isinstance(document, list) else key]
    return document
