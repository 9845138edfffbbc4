"""Walk-forward evaluation: forecast from past dates as one would have then, and keep score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricewright.randomwalk import Forecast, Walk, forecast, plain_forecast
from pricewright.series import Days, Floats, History, Ints


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where to cut and what to forecast.

    origins: how many dates, at most.  horizon: steps ahead.  level: of the interval, 0..1.
    min_history: observations a symbol needs before an origin to be forecast from it.
    max_age_days: an origin is skipped for a symbol whose last price is older than that.
    """

    origins: int
    horizon: int
    level: float
    min_history: int
    max_age_days: int


def origins(dates: Sequence[Days], plan: Plan) -> Days:
    """The calendar dates to forecast from: the same for all symbols, a horizon apart.

    The last origin leaves one horizon of the joint calendar to score; windows do not overlap.
    """
    calendar = np.unique(np.concatenate(dates))
    last = len(calendar) - 1 - plan.horizon
    return calendar[np.arange(last, -1, -plan.horizon)[: plan.origins][::-1]]


def evaluate(
    members: Sequence[tuple[History, Walk]], plan: Plan
) -> tuple[dict[str, Any], dict[str, dict[str, Any]], Days]:
    """Score the model and the plain random walk over the same origins and horizons.

    Returns the metrics over all symbols (with those of each horizon), the metrics of each
    symbol, and the origins. A metric with nothing to be computed from is None.

    MASE (Hyndman & Koehler 2006) and RMSSE (M5, 2020) divide by the error, up to the origin,
    of the one-step naive forecast of the price; coverage is the share of prices within the
    interval. Over symbols, MASE and RMSSE are means of the symbols' and coverage is of points.
    """
    at_dates = origins([history.dates for history, _ in members], plan)
    scores = {history.symbol: _score(history, path, at_dates, plan) for history, path in members}
    return _pooled(scores, plan), {s: score.metrics() for s, score in scores.items()}, at_dates


@dataclass(frozen=True)
class _Errors:
    """Of one forecaster on one symbol, each (origins, horizon): scaled errors, and hits."""

    absolute: Floats
    squared: Floats
    inside: Floats

    def metrics(self) -> dict[str, float | None]:
        if not self.absolute.size:
            return {"mase": None, "rmsse": None, "coverage": None}
        return {
            "mase": float(self.absolute.mean()),
            "rmsse": float(np.sqrt(self.squared.mean())),
            "coverage": float(self.inside.mean()),
        }


@dataclass(frozen=True)
class _Score:
    model: _Errors
    random_walk: _Errors

    def metrics(self) -> dict[str, Any]:
        return {
            "origins": len(self.model.absolute),
            "model": self.model.metrics(),
            "random_walk": self.random_walk.metrics(),
        }


def _score(history: History, path: Walk, at_dates: Days, plan: Plan) -> _Score:
    at = _usable(history, at_dates, plan)
    changes = np.diff(history.prices)
    steps = np.maximum(np.arange(len(history.prices)), 1)
    naive_mae = np.concatenate([[0.0], np.cumsum(np.abs(changes))]) / steps
    naive_mse = np.concatenate([[0.0], np.cumsum(changes**2)]) / steps
    at = at[naive_mae[at] > 0]
    actual = history.prices[at[:, None] + np.arange(1, plan.horizon + 1)]

    def errors(made: Forecast) -> _Errors:
        error = actual - made.median
        return _Errors(
            absolute=np.abs(error) / naive_mae[at, None],
            squared=error**2 / naive_mse[at, None],
            inside=(made.lower <= actual) & (actual <= made.upper),
        )

    return _Score(
        model=errors(forecast(path, at, plan.horizon, plan.level)),
        random_walk=errors(plain_forecast(path, at, plan.horizon, plan.level)),
    )


def _usable(history: History, at_dates: Days, plan: Plan) -> Ints:
    """The index of the last observation at each origin that this symbol can be scored from."""
    at = np.searchsorted(history.dates, at_dates, side="right") - 1
    enough = (at + 1 >= plan.min_history) & (at + plan.horizon < len(history.dates))
    fresh = at_dates - history.dates[at] <= np.timedelta64(plan.max_age_days, "D")
    return at[enough & fresh]


def _pooled(scores: Mapping[str, _Score], plan: Plan) -> dict[str, Any]:
    scored = [score for score in scores.values() if len(score.model.absolute)]
    return {
        "symbols": len(scored),
        "forecasts": sum(score.model.absolute.size for score in scored),
        "model": _over_symbols([score.model for score in scored], plan.horizon),
        "random_walk": _over_symbols([score.random_walk for score in scored], plan.horizon),
    }


def _over_symbols(errors: Sequence[_Errors], horizon: int) -> dict[str, Any]:
    if not errors:
        none = [None] * horizon
        return {"mase": None, "rmsse": None, "coverage": None} | {
            "by_horizon": {"mase": none, "coverage": none}
        }
    each = [error.metrics() for error in errors]
    hits = np.concatenate([error.inside for error in errors])
    absolute = np.array([error.absolute.mean(axis=0) for error in errors])
    return {
        "mase": float(np.mean([metrics["mase"] for metrics in each])),
        "rmsse": float(np.mean([metrics["rmsse"] for metrics in each])),
        "coverage": float(hits.mean()),
        "by_horizon": {
            "mase": absolute.mean(axis=0).tolist(),
            "coverage": hits.mean(axis=0).tolist(),
        },
    }
