"""A walk-forward as a back-test to look at: the last days of each symbol, and its skill."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pricewright.evaluation.backtest_file import SERIES, keep_backtest
from pricewright.evaluation.metrics import mean_with_interval
from pricewright.evaluation.scores import TAILS, Scores
from pricewright.forecasting import distribution
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.walkforward import Forecasts, WalkForward
from pricewright.tables.arrays import Floats, Ints, sums

if TYPE_CHECKING:
    import pyarrow as pa

DAYS = 250
"""The last days of each symbol that are kept: a year, as in the Basel Committee's back-test."""

Values = np.ndarray[Any, Any]


def write_backtest(path: Path, model: str, walked: WalkForward, scores: Scores) -> None:
    """Write, whole, the back-test of the model whose document has the SHA-256 `model`.

    The last row is of all symbols: its days are the origins (K,) of the evaluation.
    """
    import pyarrow as pa

    panel = walked.whole
    places = np.concatenate([piece.columns for piece in walked.pieces])
    lengths = np.minimum(panel.counts[places], DAYS)
    series = [_series(walked, piece) for piece in walked.pieces]
    exceptions = _exceptions(walked, scores)
    each = [slice(column, column + 1) for column in range(len(panel))]
    skills = np.array([_skill(scores, columns) for columns in (*each, slice(None))])
    rows = np.append(np.arange(len(panel))[walked.order], len(panel))

    def by_symbol(name: str, *more: Values) -> "pa.Array":
        values = np.concatenate([*(found[name] for found in series), *more])
        return _lists(values, lengths).take(rows)

    columns = [
        pa.array([*panel.symbols, None], pa.string()),
        by_symbol("days", walked.timeline.origins),
        *(by_symbol(name) for name in SERIES),
        *(_lists(np.concatenate(found), np.array(list(map(len, found)))) for found in exceptions),
        *(pa.array(column, from_pandas=True) for column in skills.T),
    ]
    keep_backtest(path, model, columns)


def _lists(values: Values, lengths: Ints) -> "pa.Array":
    """The values as lists of these lengths, and what is left of them as one more."""
    import pyarrow as pa

    ends = np.concatenate([[0], np.cumsum(lengths), [len(values)]]).astype(np.int32)
    days = values.dtype.kind == "i"
    kept = pa.array(values.astype(np.int32 if days else np.float32))
    return pa.ListArray.from_arrays(ends, kept.view(pa.date32()) if days else kept)


def _series(walked: WalkForward, piece: Forecasts) -> dict[str, Values]:
    """`days` and each of SERIES, one symbol after the other."""
    panel = walked.panel(piece)
    columns = np.arange(len(panel))
    lengths = np.minimum(panel.counts, DAYS)
    rows = panel.counts - lengths + np.arange(int(lengths.max(initial=0)))[:, None]
    there = rows < panel.counts
    rows = np.where(there, rows, 0)
    found = {"days": panel.days[rows, columns], "price": panel.prices[rows, columns]}
    found |= _forecasts(piece, panel, walked.shapes(piece), rows, walked.settings)
    return {name: values.T[there.T] for name, values in found.items()}


def _forecasts(
    piece: Forecasts, panel: Panel, shapes: Floats, rows: Ints, settings: Settings
) -> dict[str, Floats]:
    """The rest of SERIES at some rows (N, S)."""
    columns = np.arange(len(panel))
    nothing = np.full(rows.shape, np.nan)
    if not len(piece.rows) or not len(piece.daily_rows):
        return dict.fromkeys(SERIES[1:], nothing)
    levels = distribution.levels_with(settings.level).tolist()
    own = columns if shapes.shape[1] > 1 else np.zeros_like(columns)
    day = rows - 1 - piece.daily_rows[0]
    made = (day >= 0) & (day < len(piece.daily_rows))
    day = np.where(made, day, 0)
    origin = np.where(made, piece.daily_origins[day, columns], -1)
    known = origin >= 0
    deviation = np.sqrt(piece.daily_variances[day, columns])
    centre = piece.daily_centres[day, columns] - panel.values[np.maximum(rows - 1, 0), columns]
    steps = rows - piece.rows[origin, columns]
    ahead = np.clip(steps, 1, settings.horizon) - 1
    reached = known & (steps <= settings.horizon)
    width = np.sqrt(piece.variances[origin, columns, ahead])

    def bound(level: float) -> Floats:
        shape = shapes[origin, own, ahead, levels.index(level)]
        value = piece.centres[origin, columns, ahead] + width * shape
        at = np.maximum(piece.rows[origin, columns], 0)
        return np.where(reached, panel.as_prices(value[..., None], at)[..., 0], np.nan)

    def at_risk(tail: float) -> Floats:
        shape = shapes[origin, own, 0, levels.index(tail)]
        return np.where(known, centre + deviation * shape, np.nan)

    lower, upper = map(bound, distribution.bounds(settings.level))
    return {
        "lower": lower,
        "upper": upper,
        "volatility": np.where(known, deviation, np.nan),
        "var_1": at_risk(0.01),
        "var_5": at_risk(0.05),
    }


def _exceptions(walked: WalkForward, scores: Scores) -> list[list[Values]]:
    """For each of TAILS, the days of each symbol's exceptions."""
    found: list[list[Values]] = [[np.empty(0)] * len(walked.whole) for _ in TAILS]
    for piece in walked.pieces:
        days = walked.panel(piece).days
        for column, place in enumerate(piece.columns.tolist()):
            rows = piece.daily_rows[:, column] + 1
            for tail, into in enumerate(found):
                hits = scores.hits[: len(rows), place, tail] == 1
                into[place] = days[rows[hits], column]
    return found


def _skill(scores: Scores, columns: slice) -> tuple[float, float, float]:
    """The SKILL of some symbols together: their losses are averaged at each date."""
    with np.errstate(all="ignore"):
        ours, plain = (
            _by_date(losses.pinball[:, columns]) for losses in (scores.model, scores.random_walk)
        )
        difference, lower, upper = mean_with_interval(ours - plain)
        both = ~np.isnan(ours - plain)
        level = float(plain[both].mean()) if both.any() else np.nan
    return -difference / level, -upper / level, -lower / level


def _by_date(losses: Floats) -> Floats:
    """(K,): the mean of losses (K, S, H) at each date, NaN where there is none."""
    by_date = losses.reshape(len(losses), math.prod(losses.shape[1:])).T
    known = np.isfinite(by_date)
    return np.asarray(sums(np.where(known, by_date, 0.0)) / known.sum(axis=0))
