"""The back-test of a walk-forward for charts: the last days of each symbol, and its skill."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pricewright.evaluation.acceptance import TAILS
from pricewright.evaluation.backtest_file import SERIES, keep_backtest
from pricewright.evaluation.metrics import interval_by_date
from pricewright.evaluation.scores import Scores
from pricewright.evaluation.summary import LossSummary, Summary
from pricewright.forecasting import distribution
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.walkforward import Forecasts, WalkForward
from pricewright.tables.arrays import Days, Floats, Ints, mean, total

if TYPE_CHECKING:
    import pyarrow as pa

DAYS = 250
"""The number of last days kept per symbol: a year, as in the Basel Committee's back-test."""

Values = np.ndarray[Any, Any]


@dataclass(frozen=True)
class BacktestRows:
    """The back-test rows of S symbols.

    series: `days` and each of SERIES, symbol after symbol.  lengths: (S,), the days of each symbol.
    exceptions: for each of TAILS, the days of each symbol's exceptions.
    """

    series: dict[str, Values]
    lengths: Ints
    exceptions: list[list[Values]]


def backtest_rows(walked: WalkForward, scores: Scores) -> BacktestRows:
    """The back-test rows of a walk-forward of one piece, with its scores."""
    (piece,) = walked.pieces
    series, lengths = _series(piece, walked.whole, walked.shapes(piece), walked.settings)
    return BacktestRows(series, lengths, _exceptions(piece, walked.whole, scores))


def write_backtest(
    path: Path,
    model: str,
    *,
    symbols: Sequence[str],
    origins: Days,
    rows: Sequence[BacktestRows],
    found: Summary,
) -> None:
    """Write, in one step, the back-test of the model whose document has the SHA-256 `model`.

    rows: of all symbols, group by group.  found: the summary of their scores.  The last row of the
    file is for all symbols together, and its days are the origins (K,) of the evaluation.
    """
    import pyarrow as pa

    lengths = np.concatenate([part.lengths for part in rows])

    def by_symbol(name: str, *more: Values) -> "pa.Array":
        return _lists(np.concatenate([*(part.series[name] for part in rows), *more]), lengths)

    def exceptions(tail: int) -> "pa.Array":
        days = [days for part in rows for days in part.exceptions[tail]]
        return _lists(np.concatenate(days), np.array(list(map(len, days))))

    skills = np.concatenate([_skill(found), _skill(found, together=True)], axis=1)
    columns = [
        pa.array([*symbols, None], pa.string()),
        by_symbol("days", origins),
        *(by_symbol(name) for name in SERIES),
        *(exceptions(tail) for tail in range(len(TAILS))),
        *(pa.array(column, from_pandas=True) for column in skills),
    ]
    keep_backtest(path, model, columns)


def _lists(values: Values, lengths: Ints) -> "pa.Array":
    """The values as lists of these lengths, and the remaining values as one more list; days are
    whole numbers."""
    import pyarrow as pa

    ends = np.concatenate([[0], np.cumsum(lengths), [len(values)]]).astype(np.int32)
    kept = values.astype(np.int32 if values.dtype.kind == "i" else np.float32)
    return pa.ListArray.from_arrays(ends, pa.array(kept))


def _series(
    piece: Forecasts, panel: Panel, shapes: Floats, settings: Settings
) -> tuple[dict[str, Values], Ints]:
    """`days` and each of SERIES, symbol after symbol, and the number of days of each symbol."""
    columns = np.arange(len(panel))
    lengths = np.minimum(panel.counts, DAYS)
    rows = panel.counts - lengths + np.arange(int(lengths.max(initial=0)))[:, None]
    there = rows < panel.counts
    rows = np.where(there, rows, 0)
    found = {"days": panel.days[rows, columns], "price": panel.prices[rows, columns]}
    found |= _forecasts(piece, panel, shapes, rows, settings)
    return {name: values.T[there.T] for name, values in found.items()}, lengths


def _forecasts(
    piece: Forecasts, panel: Panel, shapes: Floats, rows: Ints, settings: Settings
) -> dict[str, Floats]:
    """All of SERIES but the price, at rows (N, S)."""
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


def _exceptions(piece: Forecasts, panel: Panel, scores: Scores) -> list[list[Values]]:
    """For each of TAILS, the days of each symbol's exceptions."""
    rows = piece.daily_rows + 1
    return [
        [panel.days[rows[hits[:, column] == 1, column], column] for column in range(len(panel))]
        for hits in np.moveaxis(scores.hits, -1, 0)
    ]


@np.errstate(all="ignore")
def _skill(found: Summary, *, together: bool = False) -> Floats:
    """(3, S), or (3, 1) for all symbols together: SKILL, the latter the mean over symbols."""
    ours, plain = found.model, found.random_walk

    def deviations(losses: LossSummary) -> Floats:
        points = losses.points_by_date
        mean = np.where(np.isfinite(losses.pinball), losses.pinball, 0.0)[:, None]
        parts = (losses.pinball_by_date - points * mean) / points.sum(axis=1)[:, None]
        return np.where(points > 0, parts, np.nan).T

    level, plain_level = ours.pinball, plain.pinball
    if together:
        level, plain_level = (mean(each[:, None]) for each in (level, plain_level))
    ratio = level / plain_level
    added = (deviations(ours) - ratio * deviations(plain)) / plain_level
    if together:
        of_symbols = np.isfinite(added).any(axis=0).sum()
        of_dates = total(added.T) / of_symbols
        added = np.where(np.isfinite(added).any(axis=1), of_dates, np.nan)[:, None]
    return np.stack([1 - ratio, *interval_by_date(1 - ratio, added)])
