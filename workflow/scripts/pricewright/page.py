"""The report as a page of plain text, 80 columns wide."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from pricewright import tables
from pricewright.errors import Refusal
from pricewright.facts import data, distribution
from pricewright.tables import WIDTH
from pricewright.verdict import LOG, champion, method, verdict
from pricewright.waiting import COMMANDS, waiting

MOST = 5
"""The most symbols in a table: the page is to be read at a glance; the other has them all."""

FEW, NOTE = 3, 80
"""The most symbols of which notes are listed, and the most characters of these."""

_METHOD = ("point", "volatility", "shape", "scale", "price", "made", "leaks")
"""What of the method is said here."""

_MODEL = re.compile(r"^  model +(?P<path>\S.*)\n  sha256 +(?P<sha256>[0-9a-f]{64})$", re.MULTILINE)

_RISK_HEADING = (
    "Volatility and value-at-risk, one day ahead (QLIKE: less is better, * if\n"
    "significant; VaR: share of days beyond it, Kupiec's p-value or symbols passed)"
)


def compose(
    model: Mapping[str, Any],
    *,
    model_path: str,
    sha256: str,
    title: str,
    digits: int,
    max_symbols: int,
    written: Mapping[str, str],
    allow_unaccepted: bool = False,
    required: Mapping[str, int] | None = None,
) -> str:
    """The page for a model document; `written` names further files, label to relative path.

    Errors are shown with `digits` decimals; of more than `max_symbols` symbols, or than a screen
    has room for, the tables have the worst, by the interval score over the random walk's.
    `allow_unaccepted` is whether the model is deployed even if it is not accepted; `required`,
    how many must sign each decision.
    """
    named = " ".join(title.split())  # a line of its own may look as if the page said it
    heading = f"{named}: model report"
    most = min(max_symbols, MOST)
    sections = [
        [heading, "=" * len(heading)],
        ["Verdict", *_paragraphs(verdict(model, allow_unaccepted=allow_unaccepted))],
        ["What came in", *_wrapped(data(model))],
        ["Acceptance", *tables.acceptance(model)],
        ["Beside the deployed model", *_paragraphs(champion(model))],
        [_errors_heading(model), *tables.errors(model, digits, most)],
        [_RISK_HEADING, *tables.risk(model, most)],
        [
            "The whole distribution: share of prices within intervals, all days ahead",
            *tables.coverages(model),
            *_wrapped(distribution(model)),
        ],
        ["The model", *_wrapped(_method(model))],
        *_listed("Fallbacks", _fallbacks(model)),
        *_listed("Left out of the model", _left_out(model)),
        ["What waits for people before production", *_waiting(required)],
        ["Files", *_facts([("model", model_path), ("sha256", sha256), *written.items()])],
    ]
    return _printable("\n\n".join("\n".join(section) for section in sections) + "\n")


def named_model(page: str, name: str) -> tuple[str, str]:
    """The path and the SHA-256 of the model that a page is about.

    Raises Refusal unless the page names exactly one; `name` is what errors call the page.
    """
    found = list(_MODEL.finditer(page))
    if len(found) != 1:
        raise Refusal(
            f"{name}: names {len(found)} models with their sha256, where one is needed; "
            "run the report again."
        )
    return found[0]["path"], found[0]["sha256"]


def _printable(page: str) -> str:
    """The page with nothing in it that a terminal would obey: a name may hold an escape."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in page)


def _method(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How it was made, in short; of its scale only what is out of the ordinary."""
    return [
        (label, said)
        for label, said in method(model)
        if label in _METHOD and (label, said) != ("scale", LOG)
    ]


def _waiting(required: Mapping[str, int] | None) -> list[str]:
    """Each decision and how many must sign it; then the commands, each on a line to be copied."""
    gates = waiting(required)
    return _facts(
        [
            *((gate.name, f"{gate.required} to sign that {gate.says}") for gate in gates),
            ("to sign", next(gate.command for gate in gates if gate.name == "report")),
            *COMMANDS.items(),
        ]
    )


def _paragraphs(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in _folded(text, "  ", "  ")]


def _facts(facts: Sequence[tuple[str, str]]) -> list[str]:
    """A line each, however long: paths and digests are there to be copied."""
    return [f"  {label:<{_widest(facts)}}  {text}" for label, text in facts]


def _wrapped(facts: Sequence[tuple[str, str]]) -> list[str]:
    """Label and text side by side, the text in as many lines as it needs."""
    width = _widest(facts)
    return [
        line
        for label, text in facts
        for line in _folded(text, f"  {label:<{width}}  ", " " * (width + 4))
    ]


def _widest(facts: Sequence[tuple[str, str]]) -> int:
    return max((len(label) for label, _ in facts), default=0)


def _folded(text: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False
    )


def _errors_heading(model: Mapping[str, Any]) -> str:
    metrics, chosen = model["metrics"], model["parameters"]
    if not metrics["origins"]:
        return "Beside the plain random walk"
    return (
        f"Beside the plain random walk, {chosen['horizon']} days ahead from each of "
        f"{metrics['origins']} dates,\n{metrics['first_origin']} to {metrics['last_origin']}, "
        f"{metrics['pooled']['forecasts']:,} forecasts (errors: less is better)"
    )


def _fallbacks(model: Mapping[str, Any]) -> dict[str, list[str]]:
    return {s: state["fallbacks"] for s, state in model["symbols"].items() if state["fallbacks"]}


def _left_out(model: Mapping[str, Any]) -> dict[str, list[str]]:
    return {out["symbol"]: [out["reason"]] for out in model["left_out"]}


def _listed(heading: str, notes: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The section that lists what is to be said of some symbols, if there are any."""
    if not notes:
        return []
    lines = _wrapped(
        [
            (symbol, textwrap.shorten("; ".join(notes[symbol]), NOTE, placeholder=" …"))
            for symbol in list(notes)[:FEW]
        ]
    )
    if len(notes) > FEW:
        lines.append(f"  ({len(notes) - FEW:,} more)")
    return [[heading, *lines]]
