"""LightGBM for `model_peers.py`: one model of all symbols for each day ahead."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
RECENT = 1000
"""Observations of each symbol to learn from."""

LAGS = 10


def boosted(given: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """LightGBM: one model of all symbols for each day ahead, for the mean absolute error."""
    import lightgbm

    values, rows, horizon = given["values"], given["rows"], int(given["horizon"])
    features, scale = _features(values)
    columns = np.arange(values.shape[1])
    centres = np.full((*rows.shape, horizon), np.nan)
    estimates = given["estimate_rows"]
    at = np.arange(len(values))[:, None]
    settings = {"objective": "mae", "verbosity": -1, "num_threads": 1, "seed": 1}
    for place, begin in enumerate(estimates):
        end = estimates[place + 1] if place + 1 < len(estimates) else given["counts"]
        held = given["usable"] & (rows >= begin) & (rows < end)
        if not held.any():
            continue
        now = np.where(held, rows, 0)
        for step in range(1, horizon + 1):
            outcome = np.full(values.shape, np.nan)
            outcome[:-step] = (values[step:] - values[:-step]) / scale[:-step]
            known = (at + step <= begin) & (at > begin - RECENT) & (at >= 60)
            known &= np.isfinite(outcome) & np.isfinite(features).all(axis=-1)
            data = lightgbm.Dataset(features[known], outcome[known])
            model = lightgbm.train(settings, data, num_boost_round=100)
            expected = np.asarray(model.predict(features[now, columns][held]))
            there = values[now, columns][held] + expected * scale[now, columns][held]
            centres[..., step - 1][held] = there
    yield "LightGBM", {"centres": centres}


def _features(values: Floats) -> tuple[Floats, Floats]:
    """(N, S, F): the last changes, their means and deviations; (N, S): the deviation."""
    changes = np.diff(values, axis=0, prepend=values[:1])
    slow, fast = _average(changes**2, 0.94), _average(changes**2, 0.7)
    scale = np.sqrt(np.where(slow > 0, slow, np.nan))
    made = [np.roll(changes, lag, axis=0) / scale for lag in range(LAGS)]
    made += [_average(changes, keep) / scale for keep in (0.9, 0.95, 0.98)]
    made += [np.log(np.maximum(fast, 1e-12 * slow) / slow), np.log(slow / _average(slow, 0.99))]
    return np.stack(made, axis=-1), scale


def _average(values: Floats, keep: float) -> Floats:
    made = values.copy()
    for row in range(1, len(values)):
        made[row] = keep * made[row - 1] + (1 - keep) * values[row]
    return made
