"""The receipt: what was delivered, what happened to each row, and the result; it has no clock."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from pricewright.intake.intake import Intake
from pricewright.intake.reading.quarantine import total

_COUNTS = (
    *("place", "sha256", "bytes", "rows", "left_out", "in_bars", "kept", "quarantined", "missing"),
)


def receipt_of(source: str, taken: Intake, output: Path, sha256: str) -> dict[str, Any]:
    """The receipt of a source; `sha256` is that of the prices in `output`.

    Over all deliveries that count, rows = left_out + in_bars + quarantined, and kept =
    records.rows + superseded. in_bars counts the rows that the kept bars are made of: one row for
    each bar unless source.bars is intraday. With several deliveries, the digest is that of the
    list of their digests, in the format of sha256sum.
    """
    prices, deliveries = taken.state.prices, taken.facts
    changes = Counter(entry["what"] for entry in taken.restatements)
    ways = Counter(orjson.dumps(delivery["settings"]) for delivery in deliveries)
    days = prices.days
    return {
        "source": source,
        "sha256": _digest(deliveries),
        "bytes": sum(delivery["bytes"] for delivery in deliveries),
        "rows": sum(delivery["rows"] for delivery in deliveries),
        "left_out": sum(delivery["left_out"] for delivery in deliveries),
        "in_bars": sum(delivery["in_bars"] for delivery in deliveries),
        "kept": sum(delivery["kept"] for delivery in deliveries),
        "quarantined": total(delivery["quarantined"] for delivery in deliveries),
        "missing": total(delivery["missing"] for delivery in deliveries),
        "newest_lost": _newest_lost(taken),
        "superseded": sum(taken.state.superseded),
        "restated": changes["restated"],
        "rescaled": changes["rescaled"],
        "withdrawn": changes["withdrawn"],
        "symbols": len(prices.names),
        "first_date": str(np.datetime64(int(days.min()), "D")),
        "last_date": str(np.datetime64(int(days.max()), "D")),
        "read_as": [{"deliveries": ways[way], **orjson.loads(way)} for way in ways],
        "deliveries": [{name: delivery[name] for name in _COUNTS} for delivery in deliveries],
        "earlier": [{"place": each.place, "sha256": each.sha256} for each in taken.earlier],
        "records": {"path": str(output), "sha256": sha256, "rows": len(prices)},
    }


def _newest_lost(taken: Intake) -> dict[str, str]:
    """Each symbol whose newest row over all deliveries is quarantined, and the day of that row."""
    prices = taken.state.prices
    last = {prices.symbol(end): prices.date(end) for end in (prices.begins[1:] - 1).tolist()}
    found: dict[str, str] = {}
    for delivery in taken.facts:
        for symbol, day in delivery["newest_lost"].items():
            if day > max(last[symbol], found.get(symbol, "")):
                found[symbol] = day
    return dict(sorted(found.items()))


def _digest(deliveries: Any) -> str:
    if len(deliveries) == 1:
        return str(deliveries[0]["sha256"])
    lines = "".join(f"{delivery['sha256']}  {delivery['place']}\n" for delivery in deliveries)
    return hashlib.sha256(lines.encode()).hexdigest()
