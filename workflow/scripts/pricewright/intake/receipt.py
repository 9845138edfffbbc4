"""The receipt: what was delivered, what happened to each row, and the result; it has no clock."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from pricewright.files.clock import date_of
from pricewright.intake.intake import NOT_COMPARED, Intake
from pricewright.intake.reading.bars import lost_after
from pricewright.intake.reading.instants import day_of
from pricewright.intake.reading.quarantine import total

_SUMS = ("bytes", "rows", "left_out", "in_bars", "kept")
_BY_REASON = ("quarantined", "missing")


def receipt_of(source: str, taken: Intake, output: Path, sha256: str) -> dict[str, Any]:
    """The receipt of a source; `sha256` is that of the prices in `output`.

    Over all deliveries that count, rows = left_out + in_bars + quarantined, and kept =
    records.rows + superseded. in_bars counts the rows that the kept bars are made of: one row for
    each bar unless source.bars is intraday. With several deliveries, the digest is that of the
    list of their digests, in the format of sha256sum. not_compared counts the deliveries that
    could not be compared with the ones that they replaced. newest_lost has each symbol whose newest
    row is quarantined, with its day; last_bar_lost the earlier days of intraday bars whose last row
    is, so that their close is an earlier price.
    """
    prices, deliveries = taken.state.prices, taken.facts
    changes = Counter(entry["what"] for entry in taken.restatements)
    not_compared = [entry for entry in taken.restatements if entry["what"] == NOT_COMPARED]
    current = {delivery["sha256"] for delivery in deliveries}
    ways = Counter(
        orjson.dumps(delivery["settings"]) for delivery in deliveries if delivery["rows"]
    )
    said, days = ("place", "sha256", *_SUMS, *_BY_REASON), prices.days
    return {
        "source": source,
        "sha256": _digest(deliveries),
        **{name: sum(delivery[name] for delivery in deliveries) for name in _SUMS},
        **{name: total(delivery[name] for delivery in deliveries) for name in _BY_REASON},
        **_last_lost(taken),
        "superseded": sum(taken.state.superseded),
        **{what: changes[what] for what in ("restated", "rescaled", "withdrawn")},
        "not_compared": sum(entry.get("new_sha256") in current for entry in not_compared),
        "symbols": len(prices.names),
        "first_date": str(date_of(int(days.min()))),
        "last_date": str(date_of(int(days.max()))),
        "read_as": [{"deliveries": ways[way], **orjson.loads(way)} for way in ways],
        "deliveries": [{name: delivery[name] for name in said} for delivery in deliveries],
        "earlier": [{"place": each.place, "sha256": each.sha256} for each in taken.earlier],
        "records": {"path": str(output), "sha256": sha256, "rows": len(prices)},
    }


def _last_lost(taken: Intake) -> dict[str, dict[str, Any]]:
    """Each symbol whose newest row over all deliveries is quarantined, and the day of that row; and
    each symbol's earlier days, of intraday bars, whose last row is."""
    prices = taken.snapshot.state.prices
    newest = dict(zip(prices.names, prices.days[prices.begins[1:] - 1].tolist(), strict=True))
    lost = {(symbol, when) for each in taken.facts for symbol, when in each["last_lost"]}
    found: dict[str, dict[str, Any]] = {"newest_lost": {}, "last_bar_lost": {}}
    for symbol, day in sorted(
        {(symbol, day_of(when)) for symbol, when in lost_after(prices, lost, in_one=False)}
    ):
        date = str(date_of(day))
        if day >= newest[symbol]:
            found["newest_lost"][symbol] = date
        else:
            found["last_bar_lost"].setdefault(symbol, []).append(date)
    return found


def _digest(deliveries: Any) -> str:
    if len(deliveries) == 1:
        return str(deliveries[0]["sha256"])
    lines = "".join(f"{delivery['sha256']}  {delivery['place']}\n" for delivery in deliveries)
    return hashlib.sha256(lines.encode()).hexdigest()
