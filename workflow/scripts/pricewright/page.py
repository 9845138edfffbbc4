"""The report as a page of plain text, 80 columns wide."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from pricewright import tables
from pricewright.errors import Refusal
from pricewright.evaluation.acceptance import percent_key
from pricewright.verdict import champion, verdict

WIDTH = 80
_MODEL = re.compile(r"^  model +(?P<path>\S.*)\n  sha256 +(?P<sha256>[0-9a-f]{64})$", re.MULTILINE)


def compose(
    model: Mapping[str, Any],
    *,
    model_path: str,
    sha256: str,
    title: str,
    digits: int,
    max_symbols: int,
    allow_unaccepted: bool,
    written: Mapping[str, str],
) -> str:
    """The page for a model document; `written` names further files, label to relative path.

    Errors are shown with `digits` decimals; of more than `max_symbols` symbols the tables have
    the worst, by the interval score over the random walk's. `allow_unaccepted` is whether the
    model is deployed even if it is not accepted.
    """
    heading = f"{title}: model report"
    sections = [
        [heading, "=" * len(heading)],
        ["Verdict", *_paragraphs([*_warning(model, allow_unaccepted), *verdict(model)])],
        ["Acceptance", *tables.acceptance(model)],
        ["Beside the deployed model", *_paragraphs(champion(model))],
        ["What came in", *_facts(_data(model))],
        ["The model", *_facts(_made(model))],
        [_errors_heading(model), *tables.errors(model, digits, max_symbols)],
        [_risk_heading(), *tables.risk(model, max_symbols)],
        ["The whole distribution", *_facts(_distribution(model))],
        ["Forecast of the price", *tables.forecasts(model, max_symbols)],
        *_fallbacks(model, max_symbols),
        *_left_out(model, max_symbols),
        ["Files", *_facts([("model", model_path), ("sha256", sha256), *written.items()])],
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


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


def _warning(model: Mapping[str, Any], allow_unaccepted: bool) -> list[str]:
    if model["acceptance"]["accepted"] or not allow_unaccepted:
        return []
    return [
        "THIS MODEL IS NOT ACCEPTED AND IS DEPLOYED ALL THE SAME, FOR accept.allow_unaccepted "
        "IS TRUE IN THE CONFIG."
    ]


def _paragraphs(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in _indented(text)]


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _facts(facts: Sequence[tuple[str, str]]) -> list[str]:
    width = max((len(label) for label, _ in facts), default=0)
    return [f"  {label:<{max(width, 9)}}  {text}" for label, text in facts]


def _data(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    data, receipts = model["data"], model["receipts"]
    facts = []
    if came := receipts.get("ingest"):
        facts += [
            ("source", came["source"]),
            ("sha256", came["sha256"]),
            ("delivered", f"{came['rows']:,} rows, {_span(came)}"),
            ("quarantine", _counted("rows", came["quarantined"])),
        ]
        if came["restated"] or came["withdrawn"]:
            changes = f"{came['restated']:,} values restated, {came['withdrawn']:,} rows withdrawn"
            facts.append(("changes", changes))
    if cleaned := receipts.get("clean"):
        filled = sum(cleaned["filled"].values())
        facts += [
            ("duplicates", f"{cleaned['duplicates']:,} exact duplicates left out"),
            ("corrected", f"{cleaned['corrected']:,} declared corrections"),
            ("flagged", _counted("flags", cleaned["flags"])),
            ("incomplete", f"{cleaned['dropped']:,} rows left out, {filled:,} values filled in"),
        ]
    return [*facts, ("kept", f"{data['rows']:,} rows, {_span(data)}")]


def _counted(what: str, counts: Mapping[str, int]) -> str:
    """How many there are in all, and the kinds that there are most of."""
    kinds = sorted(((count, kind) for kind, count in counts.items() if count), reverse=True)
    shown = ", ".join(f"{count:,} {kind}" for count, kind in kinds[:2])
    more = f", {sum(count for count, _ in kinds[2:]):,} other" if len(kinds) > 2 else ""
    return f"{sum(counts.values()):,} {what}" + (f": {shown}{more}" if shown else "")


def _span(facts: Mapping[str, Any]) -> str:
    symbols = f"{facts['symbols']:,} symbol{'s' if facts['symbols'] != 1 else ''}"
    return f"{symbols}, {facts['first_date']} to {facts['last_date']}"


def _made(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    chosen, states = model["parameters"], model["symbols"]
    levels = [symbol for symbol, state in states.items() if state["scale"] == "level"]
    scored, checked = model["scored_model"], model["leak_check"]
    how = (
        f"given (sha256 {scored['sha256'][:12]}…, cutoff {scored['cutoff']}), scored"
        if scored
        else "trained"
    )
    leaks = (
        f"none: nothing changed with garbage after {' and '.join(checked['cutoffs'])}"
        if checked and checked["cutoffs"]
        else "not checked, for nothing was estimated or evaluated"
    )
    return [
        ("point", chosen["location"]),
        ("volatility", chosen["volatility"]),
        ("shape", f"{chosen['distribution']}, errors of {chosen['calibration']} days"),
        ("scale", _scale(levels, len(states))),
        ("price", chosen["price"]),
        ("made", f"{how} on prices up to {model['cutoff']}"),
        ("leaks", leaks),
        ("symbols", f"{len(states):,} modelled, {len(model['left_out']):,} left out"),
    ]


def _scale(levels: Sequence[str], count: int) -> str:
    if not levels:
        return "log prices"
    shown = ", ".join(levels[:5]) + (", …" if len(levels) > 5 else "")
    rest = "" if len(levels) == count else "log prices; "
    return f"{rest}levels for {shown} (a price of 0 or below has no logarithm)"


def _errors_heading(model: Mapping[str, Any]) -> str:
    metrics, chosen = model["metrics"], model["parameters"]
    if not metrics["origins"]:
        return "Beside the plain random walk"
    return (
        f"Beside the plain random walk, {chosen['horizon']} days ahead from each of "
        f"{metrics['origins']} dates,\n{metrics['first_origin']} to {metrics['last_origin']}, "
        f"{metrics['pooled']['forecasts']:,} forecasts (errors: less is better)"
    )


def _risk_heading() -> str:
    return (
        "Volatility and value-at-risk, one day ahead (QLIKE: less is better, * if\n"
        "significant; VaR: share of days beyond it, Kupiec's p-value or symbols passed)"
    )


def _distribution(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    pooled = model["metrics"]["pooled"]
    held = pooled["model"]["coverages"]
    shares = [
        f"{share:.1%} in {percent_key(level)}%"
        for level in (0.5, 0.8, 0.9, 0.95)
        if (share := held[percent_key(level)]) is not None
    ]
    ratios = [
        f"{name} {pooled['model'][key] / pooled['random_walk'][key]:.3f}"
        for key, name in (("pinball", "pinball"), ("crps", "CRPS"), ("interval_score", "interval"))
        if pooled["random_walk"][key]
    ]
    luck = pooled["pit"]["p_value"]
    return [
        ("held", ", ".join(shares) or "-"),
        ("scores", f"over the random walk's: {', '.join(ratios) or '-'}"),
        ("PIT", "-" if luck is None else f"uniform with p = {luck:.3f} (if forecasts were apart)"),
    ]


def _fallbacks(model: Mapping[str, Any], max_symbols: int) -> list[list[str]]:
    notes = [
        (symbol, note) for symbol, state in model["symbols"].items() for note in state["fallbacks"]
    ]
    return _listed("Fallbacks", notes, max_symbols)


def _left_out(model: Mapping[str, Any], max_symbols: int) -> list[list[str]]:
    reasons = [(out["symbol"], out["reason"]) for out in model["left_out"]]
    return _listed("Left out of the model", reasons, max_symbols)


def _listed(heading: str, notes: Sequence[tuple[str, str]], most: int) -> list[list[str]]:
    if not notes:
        return []
    lines = [
        line
        for symbol, note in notes[:most]
        for line in textwrap.wrap(
            f"{symbol}  {note}", WIDTH, initial_indent="  ", subsequent_indent="    "
        )
    ]
    if len(notes) > most:
        lines.append(f"  ({len(notes) - most} more)")
    return [[heading, *lines]]
