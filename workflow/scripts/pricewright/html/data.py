"""What the page says of the data: rows not believed, what is odd, what people corrected."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pricewright.quarantine import REASONS

MOST_PERIODS = 40
"""Of a calendar; more days are taken together as months, quarters or years."""

MEANINGS = {
    "unit-slip": "a price 10, 100, 1000 … times its neighbours",
    "split-like": "a move by the ratio of a split",
    "jump": "a move far beyond the symbol's usual ones",
    "stale": "the same price many days in a row",
    "same-as": "two symbols with equal prices for days",
    "weekend": "a price of a Saturday or Sunday",
    "holiday": "a price of a day on which hardly anything was traded",
    "gap": "business days without a price",
    "zero": "a price of 0",
    "negative": "a price below 0",
    "zero-volume": "a price of a day without trade",
}
"""Each flag in words."""

Counted = list[tuple[str, int, str]]


def quarantined(model: Mapping[str, Any]) -> Counted:
    """Reason, rows and meaning of what ingest did not keep, most first."""
    counts = model["receipts"].get("ingest", {}).get("quarantined", {})
    return _most_first({name: (count, REASONS[name]) for name, count in counts.items()})


def flagged(quality: Mapping[str, Any]) -> Counted:
    """Flag, entries and meaning, most first."""
    return _most_first({name: (count, MEANINGS[name]) for name, count in quality["flags"].items()})


def by_symbol(quality: Mapping[str, Any]) -> dict[str, int]:
    """How many entries each symbol has."""
    return dict(Counter(entry["symbol"] for entry in quality["flagged"] if entry["symbol"]))


def cells(quality: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Entries by flag and period, in the finest periods that are not too many."""
    entries = [(entry["flag"], entry["date"]) for entry in quality["flagged"]]
    for period in (_month, _quarter, _year):
        counts = Counter((flag, period(date)) for flag, date in entries)
        if len({name for _, name in counts}) <= MOST_PERIODS:
            break
    return [
        {"flag": flag, "period": name, "entries": count}
        for (flag, name), count in sorted(counts.items())
    ]


def corrections(model: Mapping[str, Any]) -> list[dict[str, str]]:
    """What people declared, as it was applied."""
    declared = model["receipts"].get("clean", {}).get("corrections", [])
    return [
        {
            "symbol": str(each.get("symbol") or ""),
            "date": str(each.get("date") or ""),
            "what": _what(each),
            "reason": str(each.get("reason") or ""),
        }
        for each in declared
    ]


def _what(each: Mapping[str, Any]) -> str:
    if each.get("action") == "set":
        return f"{each['column']} {each['was']} set to {each['value']}"
    if each.get("action") == "split":
        return f"{each['rows']:,} rows before adjusted for a split of {each['split']}"
    return "the row left out"


def _most_first(found: Mapping[str, tuple[int, str]]) -> Counted:
    rows = [(name, count, means) for name, (count, means) in found.items() if count]
    return sorted(rows, key=lambda row: -row[1])


def _month(date: str) -> str:
    return date[:7]


def _quarter(date: str) -> str:
    return f"{date[:4]} Q{(int(date[5:7]) + 2) // 3}"


def _year(date: str) -> str:
    return date[:4]
