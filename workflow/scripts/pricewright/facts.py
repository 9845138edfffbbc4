"""What there is to say of the data and of the whole distribution, label by label."""

from collections.abc import Mapping
from typing import Any

from pricewright.evaluation.acceptance import percent_key
from pricewright.evaluation.chance import SIGNIFICANT
from pricewright.tables import TAILS
from pricewright.verdict import p_value, percent


def data(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What came in and what became of it, label by label."""
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
            facts.append(("restated", changes))
    if cleaned := receipts.get("clean"):
        duplicates, dropped = cleaned["duplicates"], cleaned["dropped"]
        corrected, filled = cleaned["corrected"], sum(cleaned["filled"].values())
        facts += [
            ("left out", f"{duplicates:,} exact duplicates, {dropped:,} incomplete rows"),
            ("changed", f"{corrected:,} declared corrections, {filled:,} values filled in"),
            ("flagged", _counted("flags", cleaned["flags"])),
        ]
    return [*facts, ("kept", f"{data['rows']:,} rows, {_span(data)}")]


def distribution(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The whole distribution beside the random walk's, and what does not look like chance."""
    pooled = model["metrics"]["pooled"]
    ours, plain = (pooled[who] for who in ("model", "random_walk"))
    names = {"pinball": "pinball", "crps": "CRPS", "interval_score": "interval"}
    ratios = [
        f"{name} {ours[key] / plain[key]:.3f}"
        for key, name in names.items()
        if plain[key] and ours[key] is not None
    ]
    var = [(percent(tail), pooled["var"][percent_key(tail)]) for tail in TAILS]
    tests = [f"at {name} for {found['independent']} of {found['tested']}" for name, found in var]
    p = pooled["pit"]["p_value"]
    return [
        ("scores", f"{', '.join(ratios)} times the random walk's" if ratios else "unknown"),
        (
            "PIT",
            "unknown"
            if p is None
            else f"{'perhaps not flat' if p < SIGNIFICANT else 'flat, as far as can be told'} "
            f"({p_value(p)}, if no forecasts overlapped)",
        ),
        ("VaR", f"exceptions independent (Christoffersen) {', '.join(tests)} symbols"),
    ]


def _counted(what: str, counts: Mapping[str, int]) -> str:
    """How many there are in all, and of each kind, most first."""
    kinds = sorted(((count, kind) for kind, count in counts.items() if count), reverse=True)
    shown = ", ".join(f"{count:,} {kind}" for count, kind in kinds)
    return f"{sum(counts.values()):,} {what}" + (f": {shown}" if shown else "")


def _span(facts: Mapping[str, Any]) -> str:
    symbols = f"{facts['symbols']:,} symbol{'s' if facts['symbols'] != 1 else ''}"
    return f"{symbols}, {facts['first_date']} to {facts['last_date']}"
