"""The receipt of an intake: what came, what became of every row of it, what there is now."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from pricewright.intake import Intake
from pricewright.quarantine import total

_COUNTS = ("place", "sha256", "bytes", "rows", "kept", "quarantined")


def receipt(source: str, taken: Intake, output: Path, sha256: str) -> dict[str, Any]:
    """The receipt, with no clock in it; `sha256` is that of the prices in `output`.

    rows = kept + quarantined, and kept = records.rows + superseded, over all deliveries that
    count. The digest of several deliveries is that of the list of theirs, as sha256sum has it.
    """
    prices, deliveries = taken.state.prices, taken.facts
    days = prices.days
    return {
        "source": source,
        "sha256": _digest(deliveries),
        "bytes": sum(delivery["bytes"] for delivery in deliveries),
        "rows": sum(delivery["rows"] for delivery in deliveries),
        "kept": sum(delivery["kept"] for delivery in deliveries),
        "quarantined": total(delivery["quarantined"] for delivery in deliveries),
        "superseded": sum(taken.state.superseded),
        "restated": sum(entry["what"] == "restated" for entry in taken.restatements),
        "withdrawn": sum(entry["what"] == "withdrawn" for entry in taken.restatements),
        "symbols": len(prices.names),
        "first_date": str(np.datetime64(int(days.min()), "D")),
        "last_date": str(np.datetime64(int(days.max()), "D")),
        "deliveries": [{name: delivery[name] for name in _COUNTS} for delivery in deliveries],
        "earlier": [{"place": each.place, "sha256": each.sha256} for each in taken.earlier],
        "records": {"path": str(output), "sha256": sha256, "rows": len(prices)},
    }


def _digest(deliveries: Any) -> str:
    if len(deliveries) == 1:
        return str(deliveries[0]["sha256"])
    lines = "".join(f"{delivery['sha256']}  {delivery['place']}\n" for delivery in deliveries)
    return hashlib.sha256(lines.encode()).hexdigest()
