"""A model's forecasts as records, one for each symbol and day ahead. Needs only numpy."""

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

from pricewright.files.clock import date_of
from pricewright.forecasting.model import Model
from pricewright.tables.fields import no_formula

LOSSES = ("var97.5", "es97.5")
"""The value-at-risk and the expected shortfall at 97.5 %, as distances below the last price."""

Record = dict[str, Any]


def forecast_records(model: Model, horizon: int, levels: Sequence[float]) -> list[Record]:
    """The forecasts of all symbols, 1 to `horizon` days ahead.

    A record has `symbol`, `from` (the date of the last price), `days_ahead`, `point`, a quantile
    for each of the levels (such as `q0.05`), and LOSSES.
    """
    points, quantiles, losses = model.points(), model.quantiles(levels), model.losses()
    names = [f"q{level!r}" for level in levels]
    return [
        {
            "symbol": symbol,
            "from": str(date_of(int(model.last_days[place]))),
            "days_ahead": step + 1,
            "point": float(points[place, step]),
            **dict(zip(names, quantiles[place, step].tolist(), strict=True)),
            **{name: float(loss[place, step]) for name, loss in zip(LOSSES, losses, strict=True)},
        }
        for place, symbol in enumerate(model.symbols)
        for step in range(horizon)
    ]


def as_csv(records: Sequence[Record]) -> str:
    """Records as CSV, with all digits; symbols are escaped so that none acts as a formula."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(records[0])
    for record in records:
        symbol, *rest = record.values()
        writer.writerow([no_formula(symbol), *rest])
    return text.getvalue()
