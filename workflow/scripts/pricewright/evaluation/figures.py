"""Scores as figures that a document holds: by symbol, by horizon and over all."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pricewright.evaluation.acceptance import SIGNIFICANT, percent_key
from pricewright.evaluation.metrics import (
    christoffersen,
    diebold_mariano,
    holm,
    kupiec,
    mae_ratio,
    mase,
    mean_with_interval,
    pit_histogram,
    rmsse,
    share_error,
    uniformity,
)
from pricewright.evaluation.scores import COVERAGES, TAILS, Losses, Scores
from pricewright.tables.arrays import Floats, mean

ENOUGH_DAYS = 250
"""The days that a back-test of a value-at-risk needs to count."""


def metrics(scores: Scores, symbols: Sequence[str]) -> dict[str, Any]:
    """`pooled` and `by_symbol`, of the model beside the random walk.

    MASE, RMSSE, pinball, CRPS and interval score are in units of the naive forecast's one-step
    error; over symbols they are means of the symbols', and coverage and tests are of points.
    What there is nothing to compute from is None.
    """
    with np.errstate(all="ignore"):
        model = by_symbol_of(scores.model, scores)
        walk = by_symbol_of(scores.random_walk, scores)
        ratio = mae_ratio(scores.model.error, scores.random_walk.error)
        better = diebold_mariano(
            _by_origin(scores.model, scores), _by_origin(scores.random_walk, scores)
        )
        variances = diebold_mariano(scores.qlike, scores.ewma_qlike)
    adjusted, adjusted_variances = holm(better.p_value), holm(variances.p_value)
    tails = {percent_key(tail): _tests(scores.hits[..., k], tail) for k, tail in enumerate(TAILS)}
    qlikes = mean(scores.qlike), mean(np.where(np.isnan(scores.qlike), np.nan, scores.ewma_qlike))
    counts = np.isfinite(scores.model.error[..., 0]).sum(axis=0)
    by_symbol = {}
    for place, symbol in enumerate(symbols):
        by_symbol[symbol] = {
            "origins": int(counts[place]),
            "model": at(model, place),
            "random_walk": at(walk, place),
            "mae_ratio": number(ratio[place]),
            "p_value": number(better.p_value[place]),
            "p_value_holm": number(adjusted[place]),
            "pit": pit_histogram(scores.model.transform[:, place]).tolist(),
            "volatility": {
                "days": int(variances.count[place]),
                "qlike": number(qlikes[0][place]),
                "ewma_qlike": number(qlikes[1][place]),
                "p_value": number(variances.p_value[place]),
                "p_value_holm": number(adjusted_variances[place]),
            },
            "var": {key: at(found, place) for key, found in tails.items()},
        }
    return {"pooled": _pooled(scores, model, walk, ratio, tails), "by_symbol": by_symbol}


def number(value: Any) -> float | None:
    """A float, or None for what is not one."""
    return float(value) if np.isfinite(value) else None


def _by_origin(losses: Losses, scores: Scores) -> Floats:
    """(K, S): the mean absolute error of an origin, in units of the naive one-step error."""
    return np.asarray(np.abs(losses.error).mean(axis=-1) / scores.scale)


def by_symbol_of(losses: Losses, scores: Scores) -> dict[str, Any]:
    """A forecaster's figures, (S,) each."""
    return {
        "mase": mase(losses.error, scores.scale),
        "rmsse": rmsse(losses.error, scores.squared_scale),
        "pinball": mean(losses.pinball),
        "crps": mean(losses.crps),
        "interval_score": mean(losses.interval),
        "coverage": mean(losses.held),
        "coverage_error": share_error(losses.held),
        "coverages": {
            percent_key(share): mean(losses.within[..., k]) for k, share in enumerate(COVERAGES)
        },
    }


def at(found: dict[str, Any], place: int) -> dict[str, Any]:
    """The figures of one symbol."""
    return {
        key: at(value, place)
        if isinstance(value, dict)
        else int(value[place])
        if value.dtype.kind == "i"
        else number(value[place])
        for key, value in found.items()
    }


def _tests(hits: Floats, tail: float) -> dict[str, Any]:
    coverage, runs = kupiec(hits, tail), christoffersen(hits, tail)
    return {
        "days": coverage.days,
        "exceptions": coverage.exceptions,
        "kupiec": coverage.p_value,
        "independence": runs.independence.p_value,
        "conditional_coverage": runs.conditional_coverage.p_value,
    }


def _pooled(
    scores: Scores,
    model: dict[str, Any],
    walk: dict[str, Any],
    ratio: Floats,
    tails: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    daily = scores.qlike - scores.ewma_qlike
    dates = _across(daily)
    difference, lower, upper = mean_with_interval(dates)
    histogram = pit_histogram(scores.model.transform)
    with np.errstate(all="ignore"):
        points = (
            _across(_by_origin(scores.model, scores)),
            _across(_by_origin(scores.random_walk, scores)),
        )
        luck = diebold_mariano(points[0][:, None], points[1][:, None]).p_value[0]
    var = {}
    for key, found in tails.items():
        tested = found["days"] >= ENOUGH_DAYS
        passed = tested & (found["kupiec"] >= SIGNIFICANT)
        days = int(found["days"].sum())
        var[key] = {
            "days": days,
            "exceptions": int(found["exceptions"].sum()),
            "share": number(found["exceptions"].sum() / days) if days else None,
            "tested": int(tested.sum()),
            "passed": int(passed.sum()),
            "independent": int((tested & ~(found["independence"] < SIGNIFICANT)).sum()),
        }
    return {
        "symbols": int(np.isfinite(model["mase"]).sum()),
        "forecasts": int(np.isfinite(scores.model.error).sum()),
        "model": over_symbols(scores.model, model, scores),
        "random_walk": over_symbols(scores.random_walk, walk, scores),
        "mae_ratio": number(mean_of(ratio)),
        "p_value": number(luck),
        "pit": {"counts": histogram.tolist(), "p_value": number(uniformity(histogram))},
        "volatility": {
            "days": int(np.isfinite(daily).sum()),
            "qlike_difference": number(mean_of(mean(daily))),
            "over_dates": number(difference),
            "lower": number(lower),
            "upper": number(upper),
        },
        "var": var,
    }


def over_symbols(losses: Losses, found: dict[str, Any], scores: Scores) -> dict[str, Any]:
    """A forecaster's figures over all symbols, of which `found` are those by symbol."""
    steps = range(losses.error.shape[-1])
    errors = [mase(losses.error[..., [step]], scores.scale) for step in steps]
    by_date = losses.held.reshape(len(losses.held), 1, math.prod(losses.held.shape[1:]))
    return {
        **{
            key: number(mean_of(value))
            for key, value in found.items()
            if not isinstance(value, dict)
        },
        "coverage": share_of(losses.held),
        "coverage_error": number(share_error(by_date)[0]),
        "coverages": {
            percent_key(share): share_of(losses.within[..., k]) for k, share in enumerate(COVERAGES)
        },
        "by_horizon": {
            "mase": [number(mean_of(error)) for error in errors],
            "pinball": [number(mean_of(mean(losses.pinball[..., [step]]))) for step in steps],
            "interval_score": [
                number(mean_of(mean(losses.interval[..., [step]]))) for step in steps
            ],
            "coverage": [share_of(losses.held[..., step]) for step in steps],
        },
    }


def mean_of(values: Floats) -> float:
    """The mean of the values that are numbers; NaN if none is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def share_of(hits: Floats) -> float | None:
    """The share of hits among the values that are there; None if none is."""
    known = np.isfinite(hits)
    return number(hits[known].sum() / known.sum()) if known.any() else None


def _across(values: Floats) -> Floats:
    """(K,): the mean over symbols (K, S) of each date."""
    return np.array([mean_of(row) for row in values])
