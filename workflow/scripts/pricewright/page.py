"""The report as a page of plain text, 80 columns wide."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from pricewright.errors import Refusal

WIDTH = 80
_WHO = ("model", "random_walk")
_MODEL = re.compile(r"^  model +(?P<path>\S.*)\n  sha256 +(?P<sha256>[0-9a-f]{64})$", re.MULTILINE)


def compose(
    model: Mapping[str, Any],
    *,
    model_path: str,
    sha256: str,
    title: str,
    digits: int,
    max_symbols: int,
    written: Mapping[str, str],
) -> str:
    """The page for a model document; `written` names further files, label to relative path.

    Metrics are shown with `digits` decimals; of more than `max_symbols` symbols the table
    has the worst, by the model's MASE over the random walk's.
    """
    heading = f"{title}: model report"
    sections = [
        [heading, "=" * len(heading)],
        ["Verdict", *_indented(verdict(model))],
        ["What came in", *_facts(_data(model))],
        ["The model", *_facts(_made(model))],
        [_metrics_heading(model), *_metrics_table(model, digits, max_symbols)],
        ["Forecast of the price", *_forecast_table(model, max_symbols)],
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


def verdict(model: Mapping[str, Any]) -> str:
    """In words, what the numbers say about the model beside the plain random walk."""
    pooled = model["metrics"]["pooled"]
    ours, plain = pooled["model"], pooled["random_walk"]
    if ours["mase"] is None:
        return (
            "Not evaluated: no symbol has a long enough history before and after any date to "
            "forecast from. Nothing here says how good the model is."
        )
    ratio = ours["mase"] / plain["mase"]
    point = (
        f"No skill in the point forecast: its error is {ratio:.3f} times the plain random walk's."
        if ratio >= 1
        else f"The point forecast's error is {ratio:.3f} times the plain random walk's; "
        "whether that is more than luck is not tested."
    )
    level = model["parameters"]["level"]
    interval = (
        f"The {percent(level)} interval held {ours['coverage']:.1%} of prices, the plain random "
        f"walk's {plain['coverage']:.1%}."
    )
    known = model["metrics"]["origins_the_model_knew"]
    caution = (
        f" Caution: {known} of the {model['metrics']['origins']} dates lie in the time that the "
        "scored model was trained on, so its numbers flatter it."
        if known
        else ""
    )
    return f"{point} {interval}{caution}"


def percent(share: float) -> str:
    """A share as 90% or 97.5%, with the digits that it has."""
    return f"{100 * share:.6g}%"


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
    scored = model["scored_model"]
    how = (
        f"given (sha256 {scored['sha256'][:12]}…, cutoff {scored['cutoff']}), scored"
        if scored
        else "trained"
    )
    return [
        ("method", chosen["method"]),
        ("scale", _scale(levels, len(states))),
        ("price", f"{chosen['price']}, EWMA decay {chosen['decay']} per day"),
        ("made", f"{how} on prices up to {model['cutoff']}"),
        ("symbols", f"{len(states):,} modelled, {len(model['left_out']):,} left out"),
    ]


def _scale(levels: Sequence[str], count: int) -> str:
    if not levels:
        return "log prices"
    shown = ", ".join(levels[:5]) + (", …" if len(levels) > 5 else "")
    rest = "" if len(levels) == count else "log prices; "
    return f"{rest}levels for {shown} (a price of 0 or below has no logarithm)"


def _metrics_heading(model: Mapping[str, Any]) -> str:
    metrics, chosen = model["metrics"], model["parameters"]
    if not metrics["origins"]:
        return "Beside the plain random walk"
    return (
        f"Beside the plain random walk, {chosen['horizon']} days ahead from each of "
        f"{metrics['origins']} dates,\n{metrics['first_origin']} to {metrics['last_origin']}, "
        f"{metrics['pooled']['forecasts']:,} forecasts (errors: less is better)"
    )


def _metrics_table(model: Mapping[str, Any], digits: int, max_symbols: int) -> list[str]:
    metrics, level = model["metrics"], model["parameters"]["level"]
    by_symbol = metrics["by_symbol"]
    rows = [
        _metrics_row(symbol, by_symbol[symbol]["origins"], by_symbol[symbol], digits)
        for symbol in _worst(model)[:max_symbols]
    ]
    if len(by_symbol) > max_symbols:
        rows.append([f"({len(by_symbol) - max_symbols} more)", *[""] * 7])
    rows.append(_metrics_row("all", metrics["origins"], metrics["pooled"], digits))
    cover = f"{percent(level)} held"
    headers = ["symbol", "dates", "MASE", "walk", "RMSSE", "walk", cover, "walk"]
    return _table(rows, headers)


def _worst(model: Mapping[str, Any]) -> list[str]:
    """The symbols, the worst beside the random walk first, those not evaluated last."""
    by_symbol = model["metrics"]["by_symbol"]
    return sorted(by_symbol, key=lambda symbol: (-_ratio(by_symbol[symbol]), symbol))


def _ratio(metrics: Mapping[str, Any]) -> float:
    ours, plain = metrics["model"]["mase"], metrics["random_walk"]["mase"]
    return ours / plain if plain else -1.0


def _metrics_row(name: str, dates: int, metrics: Mapping[str, Any], digits: int) -> list[str]:
    pairs = [(metrics[who][key], key) for key in ("mase", "rmsse", "coverage") for who in _WHO]
    return [name, str(dates), *(_number(value, key, digits) for value, key in pairs)]


def _number(value: float | None, key: str, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" if key == "coverage" else f"{value:.{digits}f}"


def _forecast_table(model: Mapping[str, Any], max_symbols: int) -> list[str]:
    chosen, states = model["parameters"], model["symbols"]
    rows = []
    for symbol in _worst(model)[:max_symbols]:
        state = states[symbol]
        ahead = state["forecast"]
        prices = [state["last_price"], ahead["lower"][-1], ahead["median"][-1], ahead["upper"][-1]]
        rows.append([symbol, state["last_date"], *(_price(price) for price in prices)])
    if len(states) > max_symbols:
        rows.append([f"({len(states) - max_symbols} more)", *[""] * 5])
    low, high = (1 - chosen["level"]) / 2, (1 + chosen["level"]) / 2
    days = f"in {chosen['horizon']} days"
    return _table(rows, ["symbol", "last", "price", percent(low), days, percent(high)])


def _price(price: float) -> str:
    return f"{price:,.2f}" if abs(price) >= 100 else f"{price:.4f}"


def _left_out(model: Mapping[str, Any], max_symbols: int) -> list[list[str]]:
    left_out = model["left_out"]
    if not left_out:
        return []
    lines = _facts([(out["symbol"], out["reason"]) for out in left_out[:max_symbols]])
    if len(left_out) > max_symbols:
        lines.append(f"  ({len(left_out) - max_symbols} more)")
    return [["Left out of the model", *lines]]


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> list[str]:
    columns = ["left", *["right"] * (len(headers) - 1)]
    text = tabulate(rows, headers, tablefmt="simple", colalign=columns, disable_numparse=True)
    return [f"  {line}".rstrip() for line in text.splitlines()]
