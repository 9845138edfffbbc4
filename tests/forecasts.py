"""Small markets as panels, settings for walk-forward tests, and models trained on their records."""

import gzip
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conftest import ROOT
from pricewright.files.documents import write_json
from pricewright.forecasting.model_file import read_model
from pricewright.forecasting.panel import Panel, panel_of
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.timeline import make_timeline
from pricewright.forecasting.walkforward import WalkForward, walk_forward
from pricewright.tables.arrays import Floats
from step_functions import train_or_score

SMALL: dict[str, Any] = {
    "horizon": 5,
    "calibration": 100,
    "min_history": 40,
    "origins": 20,
    "refit": 5,
}


def chosen(**changes: Any) -> Settings:
    """Settings for a small market."""
    plain: dict[str, Any] = {
        "price": "close",
        "level": 0.9,
        "location": "naive",
        "volatility": "ewma",
        "distribution": "normal",
        "decay": 0.94,
        "rolling_days": 20,
        "window_days": None,
        "max_age_days": 30,
        "embargo_days": 0,
    }
    return Settings(**(plain | SMALL | changes))


def garch_changes(
    days: int, symbols: int = 1, *, alpha: float = 0.08, persistence: float = 0.97, seed: int = 1
) -> Floats:
    """(days, symbols): changes from a GARCH(1,1) with a long-run daily deviation of 1 %."""
    random = np.random.default_rng(seed)
    variance = np.ones(symbols)
    changes = np.empty((days, symbols))
    for day in range(days):
        changes[day] = random.normal(size=symbols) * np.sqrt(variance)
        variance = (1 - persistence) + alpha * changes[day] ** 2 + (persistence - alpha) * variance
    return 0.01 * changes


def weekdays(count: int, first: str = "2015-01-01") -> Any:
    """(count,): working days, in days since 1970-01-01."""
    return np.busday_offset(first, np.arange(count), roll="forward").astype(np.int32)


def simulated(symbols: int = 4, days: int = 320, seed: int = 1) -> Panel:
    """A panel of log prices with GARCH changes, every symbol on every working day."""
    prices = 50 * np.exp(np.cumsum(garch_changes(days, symbols, seed=seed), axis=0))
    names = [f"S{number}" for number in range(symbols)]
    return panel_of(names, [(weekdays(days), prices[:, place]) for place in range(symbols)])


def uneven(days: int = 320, seed: int = 1) -> Panel:
    """A panel with a late listing, gaps, a dead series and negative prices like oil in 2020."""
    whole = simulated(6, days, seed)
    random = np.random.default_rng(seed)
    histories = [(whole.days[:, place], whole.prices[:, place]) for place in range(6)]
    late = days // 2
    histories[1] = (histories[1][0][late:], histories[1][1][late:])
    open_days = random.random(days) > 0.2
    histories[2] = (histories[2][0][open_days], histories[2][1][open_days])
    histories[3] = (histories[3][0][:-60], histories[3][1][:-60])
    fallen = histories[4][1].copy()
    fallen[days // 2 :] -= fallen[days // 2 :].max() - 1e-3
    histories[4] = (histories[4][0], fallen)
    return panel_of(["A", "LATE", "GAPS", "DEAD", "OIL", "Z"], histories)


def shuffled(panel: Panel, order: Any) -> Panel:
    """The panel with its symbols in another order."""
    return panel.columns(np.array(order, dtype=np.intp))


def stocks(days: int, symbols: tuple[str, ...] = ("AAPL", "IBM", "MSFT")) -> Floats:
    """(days, S): the last adjusted prices of some real stocks, from the sample."""
    content = gzip.decompress((ROOT / "data" / "raw" / "stocks.csv.gz").read_bytes())
    table = pd.read_csv(BytesIO(content))
    columns = [
        table.loc[table["Ticker"] == symbol, "Adj Close"].to_numpy()[-days:] for symbol in symbols
    ]
    return np.stack(columns, axis=1)


def records_of(panel: Panel) -> list[dict[str, Any]]:
    """The panel as clean records, symbol by symbol."""
    return [
        {
            "date": str(np.datetime64(int(panel.days[row, column]), "D")),
            "symbol": symbol,
            "close": float(panel.prices[row, column]),
        }
        for column, symbol in enumerate(panel.symbols)
        for row in range(int(panel.counts[column]))
    ]


def with_bars(
    records: list[dict[str, Any]], but: Sequence[str] = (), seed: int = 1
) -> list[dict[str, Any]]:
    """Records, symbol by symbol, with an open, high and low, except for the symbols in `but`.

    The open makes an overnight move, and the day's range is that of a walk of 20 steps.
    """
    random = np.random.default_rng(seed)
    found, last = [], {"symbol": None, "close": 0.0}
    for record in records:
        close, symbol = record["close"], record["symbol"]
        before = last["close"] if last["symbol"] == symbol else close
        last = record
        if symbol in but or min(close, before) <= 0:
            found.append(record)
            continue
        deviation = 0.004 + abs(close / before - 1)
        start = before * np.exp(deviation * random.normal() / 2)
        steps = np.linspace(0, 1, 21)
        bridge = np.append(0, np.cumsum(random.normal(size=20))) * deviation / np.sqrt(20)
        path = np.exp(np.log(start) + steps * np.log(close / start) + bridge - steps * bridge[-1])
        bar = {"open": start, "high": path.max(), "low": path.min()}
        names = {name: round(float(price), 6) for name, price in bar.items()}
        names["high"], names["low"] = names["high"] + 1e-6, names["low"] - 1e-6
        found.append(record | names)
    return found


def write_clean(path: Path, records: list[dict[str, Any]]) -> Path:
    """Clean records as `clean` writes them."""
    write_json(path, records)
    return path


def walked(panel: Panel, settings: Settings, processes: int = 1, **options: Any) -> WalkForward:
    """The walk-forward of a panel from the dates of its evaluation."""
    return walk_forward(panel, make_timeline(panel, settings), settings, processes, **options)


def columns_of(records):
    """Records by symbol, as the columns that a file of many symbols has."""

    def column(values):
        if all(isinstance(value, dict) for value in values) and len({*map(tuple, values)}) == 1:
            return {key: column([value[key] for value in values]) for key in values[0]}
        return None if all(value is None for value in values) else values

    return {"names": list(records), "columns": column(list(records.values()))}


def trained(folder: Path, records: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    """The model document that `train_or_score` makes from records."""
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "model.json"
    train_or_score(write_clean(folder / "clean.json", records), output, **(SMALL | options))
    return read_model(output)[0]
