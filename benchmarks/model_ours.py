"""Our side of `models.py`: `python model_ours.py SCRIPTS TASK INPUT OUTPUT [NAME=VALUE ...]`.

Each task is its own process, as in `model_peers.py`. They exchange arrays as .npz on the scale of
the model: log prices, or prices where a logarithm is impossible.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])

from pricewright.forecasting import distribution, garch, location
from pricewright.forecasting.panel import SLICE_WIDTH, Panel
from pricewright.forecasting.processes import map_in_processes
from pricewright.forecasting.settings import LocationKind, Settings
from pricewright.forecasting.timeline import make_timeline
from pricewright.forecasting.volatility import States
from pricewright.forecasting.walkforward import usable, walk_forward

if TYPE_CHECKING:
    from pricewright.tables.arrays import Floats, Ints

Arrays = dict[str, Any]

DEFAULTS: dict[str, Any] = {
    "level": 0.9,
    "location": "naive",
    "volatility": "combined",
    "distribution": "conformal",
    "decay": 0.94,
    "rolling_days": 60,
    "calibration": 500,
    "window_days": None,
    "min_history": 60,
    "max_age_days": 30,
    "refit": 10,
    "embargo_days": 0,
}
"""The default settings of `train_or_score`."""

CONTENDERS: list[dict[str, Any]] = [
    *({"location": kind} for kind in ("naive", "drift", "ses", "theta", "lightgbm")),
    *({"volatility": kind} for kind in ("rolling", "ewma", "garch11", "har")),
    *({"distribution": kind} for kind in ("normal", "fhs")),
]


def simulate(_: str, output: str, series: str, days: str, seed: str = "5") -> None:
    """Write log prices (days, series) with GARCH(1,1) changes, and a clean table beside them."""
    import pyarrow as pa
    import pyarrow.parquet

    rng = np.random.default_rng(int(seed))
    shape = (int(days), int(series))
    alpha = rng.uniform(0.03, 0.12, shape[1])
    variance, changes = np.ones(shape[1]), np.empty(shape)
    for day in range(shape[0]):
        changes[day] = rng.standard_normal(shape[1]) * np.sqrt(variance)
        variance = 0.03 + alpha * changes[day] ** 2 + (0.97 - alpha) * variance
    values = np.log(50) + np.cumsum(changes * 0.01, axis=0)
    np.savez(output, values=values)
    dates = np.busday_offset("2014-01-01", np.arange(shape[0]), roll="forward")
    names = np.array([f"S{number:04d}" for number in range(shape[1])])
    table = pa.table(
        {
            "date": pa.array(np.tile(dates, shape[1]), pa.date32()),
            "symbol": pa.array(np.repeat(names, shape[0]), pa.string()),
            "close": np.exp(values).T.ravel(),
        }
    )
    pyarrow.parquet.write_table(table, output.replace(".npz", ".parquet"))


def speed(source: str, _: str, horizon: str, threads: str) -> None:
    """Print the seconds of fits and forecasts as JSON."""
    values = np.load(source)["values"]
    columns = [slice(at, at + SLICE_WIDTH) for at in range(0, values.shape[1], SLICE_WIDTH)]
    blocks = [np.ascontiguousarray(values[:, part]) for part in columns]
    tasks: dict[str, Callable[[Floats], Floats]] = {
        "garch": partial(_garch, horizon=int(horizon)),
        "ses": partial(_location, "ses", horizon=int(horizon)),
        "theta": partial(_location, "theta", horizon=int(horizon)),
    }
    found = {}
    for name, task in tasks.items():
        begun = time.perf_counter()
        list(map_in_processes(task, blocks, int(threads)))
        found[name] = time.perf_counter() - begun
    print(json.dumps(found))


def _garch(values: "Floats", horizon: int) -> "Floats":
    """(S, H): the variance of the change over the next 1..H days."""
    changes = np.diff(values, axis=0)
    found = garch.fit(changes)
    after = garch.conditional(found, changes)[-1]
    steps = np.arange(1, horizon + 1)
    left = np.cumsum(found.persistence[:, None] ** (steps - 1), axis=1)
    return np.asarray(found.variance[:, None] * steps + left * (after - found.variance)[:, None])


def _location(kind: LocationKind, values: "Floats", horizon: int) -> "Floats":
    """(S, H): the point forecasts."""
    found = location.fit(kind, values)
    live = np.isfinite(values).sum(axis=0)
    level = location.levels(found, values)[live - 1, np.arange(len(live))]
    states = States(live.astype(np.float64), level, np.zeros(len(level)), garch=None, averages=None)
    return location.centres(found, states, horizon)


def numerics(source: str, output: str, price: str, horizon: str) -> None:
    """Write GARCH parameters and the forecasts of SES and Theta from whole histories."""
    panel = _panel(source, price)
    found = garch.fit(np.diff(panel.values, axis=0))
    np.savez(
        output,
        symbols=np.array(panel.symbols),
        values=panel.values,
        levels=panel.levels,
        counts=panel.counts,
        **{name: getattr(found, name) for name in ("variance", "alpha", "persistence")},
        ses=_location("ses", panel.values, int(horizon)),
        theta=_location("theta", panel.values, int(horizon)),
    )


def windows(source: str, output: str, price: str, horizon: str, origins: str) -> None:
    """Write forecasts of all our contenders from the same dates, and the others' inputs."""
    panel = _panel(source, price)
    settings = Settings(price=price, horizon=int(horizon), origins=int(origins), **DEFAULTS)
    able, _ = usable(panel, make_timeline(panel, settings).origins, settings)
    panel = panel.columns(np.flatnonzero(able.any(axis=0)))  # drop symbols without forecasts
    times = make_timeline(panel, settings)
    able, rows = usable(panel, times.origins, settings)
    daily = panel.calendar[panel.calendar >= times.origins[0]]
    last_estimate = times.estimates <= times.origins[0]
    estimates = times.estimates[last_estimate.sum() - 1 :]
    given: Arrays = {
        "horizon": settings.horizon,
        "grid": np.array(distribution.LEVELS),
        "symbols": np.array(panel.symbols),
        "prices": panel.prices,
        "values": panel.values,
        "levels": panel.levels,
        "counts": panel.counts,
        "usable": able,
        "rows": rows,
        "estimate_rows": np.array([panel.upto(day) - 1 for day in estimates.tolist()]),
        "daily_rows": _daily_rows(panel, daily),
        "daily_origins": np.searchsorted(times.origins, daily, side="right") - 1,
    }
    for choice in CONTENDERS:
        chosen = replace(settings, **choice)
        name = f"{chosen.location}, {chosen.volatility}, {chosen.distribution}"
        given |= {f"{name}/{key}": found for key, found in _walked(panel, chosen, given).items()}
    np.savez(output, **given)


def _daily_rows(panel: Panel, days: "Ints") -> "Ints":
    """(D, S): the observation on each day that has a next one, or -1."""
    rows = np.array([panel.upto(day) for day in days.tolist()]) - 1
    at = panel.days[np.maximum(rows, 0), np.arange(len(panel))]
    return np.where((at == days[:, None]) & (rows + 1 < panel.counts), rows, -1)


def _walked(panel: Panel, settings: Settings, given: Arrays) -> Arrays:
    """centres, variances, lower, upper (K, S, H), daily variances (D, S), the quantiles of a day's
    change and its expected shortfall, `next` (D, S, Q + 1), and those of the change up to the last
    day ahead, `far` (K, S, Q)."""
    walked = walk_forward(panel, make_timeline(panel, settings), settings)
    levels = distribution.LEVELS
    assert levels == tuple(distribution.levels_with(settings.level).tolist())
    low, high = (levels.index(bound) for bound in distribution.bounds(settings.level))
    found: dict[str, list[Floats]] = {key: [] for key in ("centres", "variances", "lower", "upper")}
    found |= {"daily": [], "next": [], "far": []}
    begin = 0
    count = walked.timeline.scored
    for piece in walked.pieces:
        shapes = walked.shapes(piece)
        scored = shapes[:count]
        columns = np.arange(begin, begin + len(walked.panel(piece)))
        begin += len(walked.panel(piece))
        centres, variances = piece.centres[:count], piece.variances[:count]
        width = np.sqrt(variances)
        found["centres"].append(centres)
        found["variances"].append(variances)
        found["lower"].append(centres + width * scored[..., low])
        found["upper"].append(centres + width * scored[..., high])
        rows = given["daily_rows"][:, columns]
        place = rows - piece.daily_rows[0]
        there = (rows >= 0) & (piece.daily_rows[0] >= 0) & (place >= 0)
        daily = piece.daily_variances[np.where(there, place, 0), columns - columns[0]]
        found["daily"].append(np.where(there, daily, np.nan))
        own = (
            shapes[given["daily_origins"][:, None], columns - columns[0], 0]
            if (shapes.shape[1] > 1)
            else shapes[given["daily_origins"], :, 0]
        )
        rows = np.maximum(piece.rows[:count], 0)
        last = centres[:, :, -1] - given["values"][rows, columns]
        found["next"].append(np.sqrt(found["daily"][-1])[..., None] * own)
        found["far"].append(last[..., None] + width[..., -1:] * scored[:, :, -1, :-1])
    return {key: np.concatenate(parts, axis=1) for key, parts in found.items()}


def _panel(source: str, price: str) -> Panel:
    from pathlib import Path

    from pricewright.forecasting.histories import read_panel

    return read_panel(Path(source), price)[0]


if __name__ == "__main__":
    task, files, options = sys.argv[2], sys.argv[3:5], sys.argv[5:]
    globals()[task](*files, **dict(option.split("=", 1) for option in options))
