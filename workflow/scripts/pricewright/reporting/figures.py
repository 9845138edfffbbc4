"""The numbers of a model in readable form, figures derived from them, and the order of symbols.

Each figure keeps the exact number and its JSON pointer (RFC 6901), so that it can be looked up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pricewright.evaluation.acceptance import SIGNIFICANT, percent_key
from pricewright.tables.symbol_columns import column_of

NAMES = {"model": "model", "random_walk": "plain random walk"}
"""The forecasts that are scored, and their names for people."""


def price(value: float) -> str:
    """A price with enough digits to tell it from its neighbours."""
    if abs(value) >= 1e7 or 0 < abs(value) < 1e-3:
        return f"{value:.4e}"
    return f"{value:,.2f}" if abs(value) >= 100 else f"{value:.4f}"


FORMS: Mapping[str, Callable[[float], str]] = {
    "share": lambda value: f"{value:.1%}",
    "signed share": lambda value: f"{value:+.1%}",
    "ratio": lambda value: f"{value:.3f}" if abs(value) < 1e4 else f"{value:.1e}",
    "signed": lambda value: f"{value:+.4f}" if abs(value) < 1e4 else f"{value:.1e}",
    "criterion": lambda value: f"{value:.4g}",
    "count": lambda value: f"{value:,}",
    "price": price,
}
"""How a number is written, by its kind."""


@dataclass(frozen=True)
class Figure:
    """The text shown, the exact value ("" if there is none), and its JSON pointer in the model."""

    text: str
    value: str
    at: str = ""


def format_number(value: float | str | None, form: str) -> str:
    """A number in one of FORMS; a text stays as it is."""
    if value is None:
        return "unknown" if form == "criterion" else "-"
    return value if isinstance(value, str) else FORMS[form](value)


def figure(value: float | str | None, form: str, at: str = "") -> Figure:
    """A number in one of FORMS, with its exact value."""
    exact = "" if value is None else value if isinstance(value, str) else repr(value)
    return Figure(format_number(value, form), exact, at)


def figure_at(model: Mapping[str, Any], pointer: str, form: str) -> Figure:
    """The model's number at a pointer, such as /metrics/pooled/mae_ratio, in one of FORMS."""
    return figure(value_at(model, pointer), form, pointer)


def value_at(document: Any, pointer: str) -> Any:
    """The value of a document at a JSON pointer."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key) if isinstance(document, list) else key]
    return document


def percent(share: float) -> str:
    """A share as 90% or 97.5%, with the digits it needs."""
    return f"{100 * share:.6g}%"


def p_value(value: float | None) -> str:
    """A p-value as p = 0.123, p < 0.001 or p unknown."""
    if value is None:
        return "p unknown"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def is_significant(p: float | None) -> bool:
    """Whether a p-value is known and below SIGNIFICANT."""
    return p is not None and p < SIGNIFICANT


def limit(criterion: Mapping[str, Any]) -> str:
    """The limit of a criterion of acceptance, such as `at most 1`."""
    wanted = criterion["limit"]
    return wanted if isinstance(wanted, str) else f"at {criterion['side']} {wanted:.4g}"


def interval_ratio(scores: Mapping[str, Any]) -> float | None:
    """The interval score over the plain random walk's, None if it was not evaluated."""
    return _ratio(*(scores[who]["interval_score"] for who in NAMES))


def _ratio(ours: float | None, plain: float | None) -> float | None:
    return ours / plain if plain and ours is not None else None


def pinball_skill(scores: Mapping[str, Any]) -> float | None:
    """1 minus the pinball loss over the plain random walk's, None if unknown."""
    ours, plain = (scores[who]["pinball"] for who in NAMES)
    return 1 - ours / plain if plain and ours is not None else None


def qlike_difference(scores: Mapping[str, Any]) -> float | None:
    """QLIKE minus EWMA's, None if unknown."""
    ours, plain = (scores["volatility"][name] for name in ("qlike", "ewma_qlike"))
    return None if ours is None or plain is None else ours - plain


def shortfall_difference(found: Mapping[str, Any]) -> float | None:
    """The joint score of a symbol's `es` minus EWMA's, None if unknown."""
    ours, plain = (found[name] for name in ("score", "ewma_score"))
    return None if ours is None or plain is None else ours - plain


def share_beyond(scores: Mapping[str, Any], tail: float) -> float | None:
    """The share of days with a loss beyond the value-at-risk, None if there are no days."""
    found = scores["var"][percent_key(tail)]
    return found["exceptions"] / found["days"] if found["days"] else None


def worst(model: Mapping[str, Any]) -> list[str]:
    """The symbols, worst interval ratio first, those that were not evaluated last."""
    ratios = interval_ratios(model)
    return sorted(ratios, key=lambda name: (ratios[name] is None, -(ratios[name] or 0), name))


def interval_ratios(model: Mapping[str, Any]) -> dict[str, float | None]:
    """The `interval_ratio` of each symbol."""
    found = model["metrics"]["by_symbol"]
    both = (column_of(found, who, "interval_score") for who in NAMES)
    return {name: _ratio(ours, plain) for name, ours, plain in zip(found, *both, strict=True)}
