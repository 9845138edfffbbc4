"""Forecasts from the past beside what happened: as arrays of scores, and as figures.

Scores are losses, hits and transforms, point by point. Figures are what a document holds of them:
by symbol, by horizon and over all.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Self

import numpy as np

from pricewright.evaluation import metrics
from pricewright.evaluation.acceptance import SIGNIFICANT, percent_key
from pricewright.forecasting import distribution, volatility
from pricewright.forecasting.panel import Panel, squares
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.walkforward import Forecasts, WalkForward
from pricewright.steplog.log import Progress
from pricewright.tables.arrays import Flags, Floats, Ints, mean, sums, where

COVERAGES = (0.5, 0.8, 0.9, 0.95)
TAILS = (0.01, 0.05)
RISKMETRICS = 0.94
"""The decay of the EWMA that variances are measured against (RiskMetrics 1996)."""

DECILES = tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))
"""The levels of the quantiles from which CRPS is computed."""


@dataclass(frozen=True)
class Losses:
    """One forecaster's, each (K, S, H), NaN where nothing was forecast or nothing happened.

    error: in units of price.  pinball: the mean over the quantiles at LEVELS.  crps.  interval:
    the score of the model's own interval. These three are in units of the naive forecast's mean
    absolute one-step error.  held: 1 or 0, within the own interval; within: (K, S, H, C), by
    each of COVERAGES.  transform: the probability integral transform.
    """

    error: Floats
    pinball: Floats
    crps: Floats
    interval: Floats
    held: Floats
    within: Floats
    transform: Floats


@dataclass(frozen=True)
class Scores:
    """All that is needed to judge a model: K origins, S symbols, H horizons, D days.

    scale, squared_scale: (K, S), of the naive forecast's one-step errors up to each origin.
    qlike, ewma_qlike: (D, S), of the variance of the next change.  hits: (D, S, T),
    for each of TAILS 1 for a loss beyond the value-at-risk, else 0.  joint, ewma_joint: (D, S),
    the joint score of the value-at-risk and the expected shortfall at SHORTFALL, the EWMA's being
    normal.  residual: (D, S), by how many deviations a loss beyond the one was off the other, else
    NaN.  origin: (K, S), and day: (D, S), the days of the last prices that were known, and of those
    that came next, since 1970-01-01.
    """

    model: Losses
    random_walk: Losses
    scale: Floats
    squared_scale: Floats
    qlike: Floats
    ewma_qlike: Floats
    hits: Floats
    joint: Floats
    ewma_joint: Floats
    residual: Floats
    origin: Floats
    day: Floats


def score(walked: WalkForward) -> Scores:
    """The scores of a walk-forward, all symbols together, each in the place that it has there."""
    progress = Progress("symbols", len(walked.whole), "scoring")
    days = max(len(piece.daily_rows) for piece in walked.pieces)
    whole: Scores | None = None
    for piece in walked.pieces:
        panel = walked.panel(piece)
        scored = walked.timeline.scored
        part = _score(piece, panel, walked.shapes(piece), scored, walked.settings)
        if whole is None:
            whole = _blank(part, len(walked.whole), days)
        _put(whole, part, piece.columns)
        progress.advance(len(panel))
    assert whole is not None
    return whole


DAILY = ("qlike", "ewma_qlike", "hits", "joint", "ewma_joint", "residual", "day")
"""The scores of each next day."""


def _blank(like: Any, symbols: int, days: int) -> Any:
    """Scores, or losses, of so many symbols and days, all NaN."""

    def blank(name: str, part: Any) -> Any:
        if isinstance(part, Losses):
            return _blank(part, symbols, days)
        rows = days if name in DAILY else len(part)
        return np.full((rows, symbols, *part.shape[2:]), np.nan)

    return replace(like, **{name: blank(name, part) for name, part in vars(like).items()})


def _put(whole: Any, part: Any, columns: Ints) -> None:
    """Write the scores, or losses, of some symbols to their columns."""
    for name, array in vars(part).items():
        into = getattr(whole, name)
        if isinstance(array, Losses):
            _put(into, array, columns)
        else:
            into[: len(array), columns] = array


@dataclass(frozen=True)
class Windows:
    """The dates from which a piece is scored, K of them, and what came after each.

    usable: (K, S).  at: (K, S), the observation there, 0 for none.  ahead: (K, S, H), those that
    came, where they are there: (K, S, H), else 0.  last, plain: (K, S, H), what the random walk
    expects, on the scale of the model, and its variance.
    """

    usable: Flags
    at: Ints
    ahead: Ints
    there: Flags
    last: Floats
    plain: Floats

    @classmethod
    def of(cls, piece: Forecasts, panel: Panel, scored: int, horizon: int) -> Self:
        """Those of a piece; scored: from how many dates, the first, what came is there."""
        columns, steps = np.arange(len(panel)), np.arange(1, horizon + 1)
        rows, usable = piece.rows[:scored], piece.usable[:scored]
        ahead, at = rows[..., None] + steps, np.maximum(rows, 0)
        there = usable[..., None] & (ahead < panel.counts[:, None])
        last = np.repeat(panel.values[at, columns][..., None], horizon, axis=-1)
        plain = _plain_variance(panel)[at, columns][..., None] * steps
        return cls(usable, at, np.where(there, ahead, 0), there, last, plain)

    def came(self, values: Floats) -> Floats:
        """(K, S, H): of values (N, S), those that came, NaN where there are none."""
        columns = np.arange(values.shape[1])[:, None]
        return np.where(self.there, values[self.ahead, columns], np.nan)


def _score(
    piece: Forecasts, panel: Panel, shapes: Floats, scored: int, settings: Settings
) -> Scores:
    """scored: from how many dates, the first, what came is there."""
    columns = np.arange(len(panel))
    levels = distribution.levels_with(settings.level)
    windows = Windows.of(piece, panel, scored, settings.horizon)
    usable, at = windows.usable, windows.at
    scale, squared_scale = (
        np.where(usable & (found[at, columns] > 0), found[at, columns], np.nan)
        for found in metrics.naive_scales(panel.prices)
    )
    normal = distribution.normal(levels)[None, None, None]
    losses = partial(
        _losses,
        actual=windows.came(panel.prices),
        happened=windows.came(panel.values),
        at=at,
        scale=scale,
        panel=panel,
        coverage=settings.level,
    )
    return Scores(
        model=losses(piece.centres[:scored], piece.variances[:scored], shapes[:scored]),
        random_walk=losses(windows.last, windows.plain, normal),
        scale=scale,
        squared_scale=squared_scale,
        origin=np.where(usable, panel.days[at, columns], np.nan),
        **_daily(piece, panel, shapes, levels.tolist()),
    )


def _plain_variance(panel: Panel) -> Floats:
    """(N, S): the mean of all squared changes up to each observation."""
    changes = squares(panel.values)
    so_far = np.concatenate([np.zeros((1, len(panel))), np.cumsum(changes, axis=0)])
    return np.asarray(so_far / np.maximum(np.arange(len(so_far)), 1)[:, None])


def _losses(
    centres: Floats,
    variances: Floats,
    shapes: Floats,
    *,
    actual: Floats,
    happened: Floats,
    at: Ints,
    scale: Floats,
    panel: Panel,
    coverage: float,
) -> Losses:
    """Of forecasts (K, S, H) from rows `at` (K, S), their shapes (K, S, H, Q) or of fewer, beside
    what happened: prices, and these on the scale."""
    levels = distribution.levels_with(coverage).tolist()
    unit, deviation = scale[..., None], np.sqrt(variances)

    @cache
    def quantile(level: float) -> Floats:
        shape = shapes[..., levels.index(level)]
        return panel.as_prices(centres + deviation * shape, at)

    whole, deciles = np.zeros(actual.shape), np.zeros(actual.shape)
    for level in distribution.LEVELS:
        loss = metrics.pinball(actual, quantile(level), level)
        whole += loss
        if level in DECILES:
            deciles += loss

    def interval(share: float) -> tuple[Floats, Floats]:
        low, high = distribution.bounds(share)
        return quantile(low), quantile(high)

    lower, upper = interval(coverage)
    with np.errstate(all="ignore"):
        standard = (happened - centres) / deviation
    every = np.broadcast_to(shapes[..., :-1], (*actual.shape, len(levels)))
    return Losses(
        error=actual - panel.as_prices(centres, at),
        pinball=whole / len(distribution.LEVELS) / unit,
        crps=2 * deciles / len(DECILES) / unit,
        interval=metrics.interval_score(actual, lower, upper, coverage) / unit,
        held=metrics.inside(actual, lower, upper),
        within=np.stack([metrics.inside(actual, *interval(share)) for share in COVERAGES], axis=-1),
        transform=metrics.pit(standard, every, np.array(levels)),
    )


@dataclass(frozen=True)
class NextDays:
    """What was forecast of each next day (D, S), by the distribution of the date before it.

    at: the observation from which it was forecast, where there is a next one: there, else 0.
    value, next_value: at both, on the scale of the model.  deviation: as forecast, and benchmark:
    the variance by RiskMetrics' EWMA.  shape: (D, S, Q + 1), that of the error's distribution.
    """

    at: Ints
    there: Flags
    value: Floats
    next_value: Floats
    deviation: Floats
    benchmark: Floats
    shape: Floats

    @classmethod
    def of(cls, piece: Forecasts, panel: Panel, shapes: Floats) -> Self:
        """Those of a piece, with its distributions at each date."""
        columns = np.arange(len(panel))
        rows, dates = piece.daily_rows, np.maximum(piece.daily_origins, 0)
        there = (piece.daily_origins >= 0) & (rows + 1 < panel.counts)
        at = np.where(there, rows, 0)
        return cls(
            at,
            there,
            panel.values[at, columns],
            panel.values[at + there, columns],
            np.sqrt(piece.daily_variances),
            volatility.ewma(squares(panel.values), RISKMETRICS)[at, columns],
            shapes[dates, 0 if shapes.shape[1] == 1 else columns, 0],
        )


def _daily(
    piece: Forecasts, panel: Panel, shapes: Floats, levels: list[float]
) -> dict[str, Floats]:
    """DAILY, of what was forecast of each next day."""
    columns, days = np.arange(len(panel)), NextDays.of(piece, panel, shapes)
    at, there, value, own = days.at, days.there, days.value, days.shape
    deviation, benchmark = days.deviation, days.benchmark
    change = np.where(there, days.next_value - value, np.nan)
    error = np.where(there, days.next_value - piece.daily_centres, np.nan)
    hits = [
        np.where(np.isfinite(error), error < deviation * own[..., levels.index(tail)], np.nan)
        for tail in TAILS
    ]
    tail, drift = levels.index(distribution.SHORTFALL), piece.daily_centres - value
    at_risk, shortfall = (drift + deviation * own[..., place] for place in (tail, -1))
    plain = distribution.normal(np.array(levels))[[tail, -1]]
    plain_risk, plain_shortfall = (np.sqrt(benchmark) * each for each in plain)
    level = distribution.SHORTFALL
    with np.errstate(all="ignore"):
        beyond = np.where(change < at_risk, (change - shortfall) / deviation, np.nan)
    return {
        "qlike": metrics.qlike(change**2, piece.daily_variances),
        "ewma_qlike": metrics.qlike(change**2, benchmark),
        "hits": np.stack(hits, axis=-1),
        "joint": metrics.joint_score(change, at_risk, shortfall, level),
        "ewma_joint": metrics.joint_score(change, plain_risk, plain_shortfall, level),
        "residual": beyond,
        "day": np.where(there, panel.days[at + there, columns], np.nan),
    }


ENOUGH_DAYS = 250
"""The days that a back-test of a value-at-risk needs to count."""


def figures(scores: Scores, symbols: Sequence[str]) -> dict[str, Any]:
    """`pooled` and `by_symbol`, of the model beside the random walk.

    MASE, RMSSE, pinball, CRPS and interval score are in units of the naive forecast's one-step
    error; over symbols they are means of the symbols', and coverage and tests are of points.
    What there is nothing to compute from is None.
    """
    with np.errstate(all="ignore"):
        model = by_symbol_of(scores.model, scores)
        walk = by_symbol_of(scores.random_walk, scores)
        ratio = metrics.mae_ratio(scores.model.error, scores.random_walk.error)
        better = metrics.diebold_mariano(
            _by_origin(scores.model, scores), _by_origin(scores.random_walk, scores)
        )
        variances = metrics.diebold_mariano(scores.qlike, scores.ewma_qlike)
    adjusted, adjusted_variances = metrics.holm(better.p_value), metrics.holm(variances.p_value)
    tails = {percent_key(tail): _tests(scores.hits[..., k], tail) for k, tail in enumerate(TAILS)}
    qlikes = mean(scores.qlike), mean(np.where(np.isnan(scores.qlike), np.nan, scores.ewma_qlike))
    shortfall = _shortfall(scores)
    counts = np.isfinite(scores.model.error[..., 0]).sum(axis=0)
    by_symbol = {}
    for place, symbol in enumerate(symbols):
        by_symbol[symbol] = {
            "origins": int(counts[place]),
            "model": figures_at(model, place),
            "random_walk": figures_at(walk, place),
            "mae_ratio": number(ratio[place]),
            "p_value": number(better.p_value[place]),
            "p_value_holm": number(adjusted[place]),
            "pit": metrics.pit_histogram(scores.model.transform[:, place]).tolist(),
            "volatility": {
                "days": int(variances.count[place]),
                "qlike": number(qlikes[0][place]),
                "ewma_qlike": number(qlikes[1][place]),
                "p_value": number(variances.p_value[place]),
                "p_value_holm": number(adjusted_variances[place]),
            },
            "var": {key: figures_at(found, place) for key, found in tails.items()},
            "es": figures_at(shortfall, place),
        }
    pooled = _pooled(scores, model, walk, ratio, tails, symbols=symbols)
    return {"pooled": pooled, "by_symbol": by_symbol}


def number(value: Any) -> float | None:
    """A float, or None for what is not one."""
    return float(value) if np.isfinite(value) else None


def _by_origin(losses: Losses, scores: Scores) -> Floats:
    """(K, S): the mean absolute error of an origin, in units of the naive one-step error."""
    return np.asarray(np.abs(losses.error).mean(axis=-1) / scores.scale)


def by_symbol_of(losses: Losses, scores: Scores) -> dict[str, Any]:
    """A forecaster's figures, (S,) each."""
    return {
        "mase": metrics.mase(losses.error, scores.scale),
        "rmsse": metrics.rmsse(losses.error, scores.squared_scale),
        "pinball": mean(losses.pinball),
        "crps": mean(losses.crps),
        "interval_score": mean(losses.interval),
        "coverage": mean(losses.held),
        "coverage_error": metrics.share_error(losses.held),
        "coverages": {
            percent_key(share): mean(losses.within[..., k]) for k, share in enumerate(COVERAGES)
        },
    }


def figures_at(found: dict[str, Any], place: int) -> dict[str, Any]:
    """The figures of one symbol."""
    return {
        key: figures_at(value, place)
        if isinstance(value, dict)
        else int(value[place])
        if value.dtype.kind == "i"
        else number(value[place])
        for key, value in found.items()
    }


def _tests(hits: Floats, tail: float) -> dict[str, Any]:
    coverage, runs = metrics.kupiec(hits, tail), metrics.christoffersen(hits, tail)
    return {
        "days": coverage.days,
        "exceptions": coverage.exceptions,
        "kupiec": coverage.p_value,
        "independence": runs.independence.p_value,
        "conditional_coverage": runs.conditional_coverage.p_value,
    }


def _shortfall(scores: Scores) -> dict[str, Any]:
    """(S,) each: how the expected shortfall did, on days that EWMA's could be judged on, too."""
    residual, p_value = metrics.exceedance_test(scores.residual)
    there = np.isfinite(scores.joint - scores.ewma_joint)
    return {
        "days": there.sum(axis=0),
        "exceptions": np.isfinite(scores.residual).sum(axis=0),
        "residual": residual,
        "p_value": p_value,
        "score": mean(where(there, scores.joint)),
        "ewma_score": mean(where(there, scores.ewma_joint)),
    }


def _pooled_shortfall(scores: Scores) -> dict[str, Any]:
    found = _shortfall(scores)
    difference, over_dates, _ = _together(scores.joint - scores.ewma_joint)
    every = scores.residual.reshape(-1, 1)
    residual, p_value = (number(value[0]) for value in metrics.exceedance_test(every))
    enough = (found["days"] >= ENOUGH_DAYS) & np.isfinite(found["p_value"])
    return {
        "days": int(found["days"].sum()),
        "exceptions": int(found["exceptions"].sum()),
        "residual": residual,
        "p_value": p_value,
        "tested": int(enough.sum()),
        "passed": int((enough & ~(found["p_value"] < SIGNIFICANT)).sum()),
        "score_difference": difference,
        **over_dates,
    }


MOST_DAYS = 5
"""The days that add most to a figure, of which it is said which they are."""


def _together(daily: Floats) -> tuple[float | None, dict[str, float | None], Floats]:
    """Of differences (D, S) the mean over symbols; over dates, with its interval; and what each
    adds to the first (D, S).

    A loss without bound would let one symbol decide. So the more a symbol's differences vary, the
    less it counts, if they vary more than those of half of the symbols.
    """
    with np.errstate(all="ignore"):
        means = mean(daily)
        deviation = np.sqrt(mean(np.square(daily - means)))
    varied = np.sort(deviation[deviation > 0])
    usual = varied[(len(varied) - 1) // 2] if len(varied) else 1.0
    known = np.isfinite(means)
    weights = np.where(known, usual / np.maximum(np.where(known, deviation, 0.0), usual), 0.0)
    there = np.isfinite(daily)
    with np.errstate(all="ignore"):
        adds = np.where(there, daily, 0.0) * (weights / weights.sum() / there.sum(axis=0))
        by_date = mean((np.where(there, daily, np.nan) * weights).T) / mean(
            np.where(there, weights, np.nan).T
        )
        value = float(sums(weights * np.where(known, means, 0.0)) / sums(weights))
    difference, lower, upper = metrics.mean_with_interval(by_date)
    over_dates = {"over_dates": difference, "lower": lower, "upper": upper}
    return number(value), {key: number(each) for key, each in over_dates.items()}, adds


def _largest(adds: Floats, days: Floats, symbols: Sequence[str]) -> list[dict[str, Any]]:
    """Of what symbols add (T, S) to a figure on some days (T, S), the most, if it is above 0."""
    flat = np.where(np.isfinite(adds), adds, 0.0).ravel()
    order = np.argsort(-flat, kind="stable")[:MOST_DAYS]
    return [
        {
            "symbol": symbols[place % len(symbols)],
            "date": str(np.datetime64(int(days.ravel()[place]), "D")),
            "adds": float(flat[place]),
        }
        for place in order.tolist()
        if flat[place] > 0
    ]


def _interval(scores: Scores, symbols: Sequence[str]) -> dict[str, Any]:
    """The standard error, from what differs between dates, of the interval score over the random
    walk's, and the dates that add most to it."""
    each = (losses.interval for losses in (scores.model, scores.random_walk))
    with np.errstate(all="ignore"):
        ours, plain = (np.moveaxis(part, -1, 0) for part in each)
        ours, plain = (sums(part) / len(part) for part in (ours, plain))
        level = mean_of(mean(plain))
        by_date = _across(ours - mean_of(mean(ours)) / level * plain)
        dates = np.isfinite(by_date).sum()
        error = (
            np.sqrt(np.nanmean(np.square(by_date)) / (dates - 1)) / level if dates > 1 else np.nan
        )
        there = np.isfinite(ours - plain)
        adds = (ours - plain) / there.sum(axis=0) / there.any(axis=0).sum() / level
    return {"error": number(error), "largest": _largest(adds, scores.origin, symbols)}


def _pooled(
    scores: Scores,
    model: dict[str, Any],
    walk: dict[str, Any],
    ratio: Floats,
    tails: dict[str, dict[str, Any]],
    *,
    symbols: Sequence[str],
) -> dict[str, Any]:
    daily = scores.qlike - scores.ewma_qlike
    difference, over_dates, adds = _together(daily)
    means = mean(daily)
    histogram = metrics.pit_histogram(scores.model.transform)
    with np.errstate(all="ignore"):
        ours, plain = (
            _across(_by_origin(losses, scores))[:, None]
            for losses in (scores.model, scores.random_walk)
        )
        luck = metrics.diebold_mariano(ours, plain).p_value[0]
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
        "pit": {"counts": histogram.tolist(), "p_value": number(metrics.uniformity(histogram))},
        "volatility": {
            "days": int(np.isfinite(daily).sum()),
            "symbols": int(np.isfinite(means).sum()),
            "better": int((means < 0).sum()),
            "qlike_difference": difference,
            **over_dates,
            "largest": _largest(adds, scores.day, symbols),
        },
        "interval": _interval(scores, symbols),
        "var": var,
        "es": _pooled_shortfall(scores),
    }


def over_symbols(losses: Losses, found: dict[str, Any], scores: Scores) -> dict[str, Any]:
    """A forecaster's figures over all symbols, of which `found` are those by symbol."""
    steps = range(losses.error.shape[-1])
    errors = [metrics.mase(losses.error[..., [step]], scores.scale) for step in steps]
    by_date = losses.held.reshape(len(losses.held), 1, math.prod(losses.held.shape[1:]))
    return {
        **{
            key: number(mean_of(value))
            for key, value in found.items()
            if not isinstance(value, dict)
        },
        "coverage": share_of(losses.held),
        "coverage_error": number(metrics.share_error(by_date)[0]),
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
