"""Forecasts from the past beside what happened: losses, hits and transforms, as arrays."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from pricewright.evaluation.metrics import inside, interval_score, naive_scales, pinball, pit, qlike
from pricewright.forecasting import distribution, volatility
from pricewright.forecasting.panel import Panel, from_scale, squares
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.walkforward import Forecasts, WalkForward
from pricewright.steplog.log import Progress
from pricewright.tables.arrays import Floats, Ints, log

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
    for each of TAILS 1 for a loss beyond the value-at-risk, else 0.
    """

    model: Losses
    random_walk: Losses
    scale: Floats
    squared_scale: Floats
    qlike: Floats
    ewma_qlike: Floats
    hits: Floats


def score(walked: WalkForward, settings: Settings) -> Scores:
    """The scores of a walk-forward, all symbols together, each in the place that it has there."""
    progress = Progress("symbols", len(walked.whole), "scoring")
    days = max(len(piece.daily_rows) for piece in walked.pieces)
    whole: Scores | None = None
    for piece in walked.pieces:
        panel = walked.panel(piece)
        part = _score(piece, panel, walked.shapes(piece), settings)
        if whole is None:
            whole = _empty(part, len(walked.whole), days)
        _put(whole, part, piece.columns)
        progress.advance(len(panel))
    assert whole is not None
    return whole


def _empty(like: Scores, symbols: int, days: int) -> Scores:
    """Scores of so many symbols and days, all NaN."""

    def nothing(array: Floats, rows: int) -> Floats:
        return np.full((rows, symbols, *array.shape[2:]), np.nan)

    def no_losses(like: Losses) -> Losses:
        return Losses(**{name: nothing(part, len(part)) for name, part in vars(like).items()})

    return Scores(
        model=no_losses(like.model),
        random_walk=no_losses(like.random_walk),
        scale=nothing(like.scale, len(like.scale)),
        squared_scale=nothing(like.squared_scale, len(like.scale)),
        qlike=nothing(like.qlike, days),
        ewma_qlike=nothing(like.ewma_qlike, days),
        hits=nothing(like.hits, days),
    )


def _put(whole: Scores, part: Scores, columns: Ints) -> None:
    """Write the scores of some symbols to their columns."""
    for name, array in vars(part).items():
        into = getattr(whole, name)
        if isinstance(array, Losses):
            for key, losses in vars(array).items():
                getattr(into, key)[:, columns] = losses
        else:
            into[: len(array), columns] = array


def _score(piece: Forecasts, panel: Panel, shapes: Floats, settings: Settings) -> Scores:
    columns = np.arange(len(panel))
    levels = distribution.levels_with(settings.level)
    steps = np.arange(1, settings.horizon + 1)
    ahead = piece.rows[..., None] + steps
    there = piece.usable[..., None] & (ahead < panel.counts[:, None])
    actual = np.where(there, panel.prices[np.where(there, ahead, 0), columns[:, None]], np.nan)
    at = np.maximum(piece.rows, 0)
    scale, squared_scale = (
        np.where(piece.usable & (found[at, columns] > 0), found[at, columns], np.nan)
        for found in naive_scales(panel.prices)
    )
    last = np.repeat(panel.values[at, columns][..., None], settings.horizon, axis=-1)
    plain = _Forecasts(
        last,
        _plain_variance(panel)[at, columns][..., None] * steps,
        distribution.normal(levels)[None, None, None],
    )
    ours = _Forecasts(piece.centres, piece.variances, shapes[:-1])
    daily = _daily(piece, panel, shapes, levels.tolist())
    return Scores(
        model=_losses(ours, actual, scale, panel, settings.level),
        random_walk=_losses(plain, actual, scale, panel, settings.level),
        scale=scale,
        squared_scale=squared_scale,
        qlike=qlike(daily.change**2, piece.daily_variances),
        ewma_qlike=qlike(daily.change**2, daily.benchmark),
        hits=daily.hits,
    )


@dataclass(frozen=True)
class _Forecasts:
    """From K origins: centres, variances (K, S, H), and shapes (K, S, H, Q) or of fewer."""

    centres: Floats
    variances: Floats
    shapes: Floats


@dataclass(frozen=True)
class _Daily:
    """Of D days: the change (D, S), EWMA's variance of it, and hits (D, S, T)."""

    change: Floats
    benchmark: Floats
    hits: Floats


def _plain_variance(panel: Panel) -> Floats:
    """(N, S): the mean of all squared changes up to each observation."""
    changes = squares(panel.values)
    so_far = np.concatenate([np.zeros((1, len(panel))), np.cumsum(changes, axis=0)])
    return np.asarray(so_far / np.maximum(np.arange(len(so_far)), 1)[:, None])


def _losses(
    made: _Forecasts, actual: Floats, scale: Floats, panel: Panel, coverage: float
) -> Losses:
    levels = distribution.levels_with(coverage).tolist()
    unit, width = scale[..., None], np.sqrt(made.variances)

    @cache
    def quantile(level: float) -> Floats:
        shape = made.shapes[..., levels.index(level)]
        return from_scale(made.centres + width * shape, panel.levels)

    def interval(share: float) -> tuple[Floats, Floats]:
        return quantile(round((1 - share) / 2, 12)), quantile(round((1 + share) / 2, 12))

    whole, deciles = np.zeros(actual.shape), np.zeros(actual.shape)
    for level in distribution.LEVELS:
        loss = pinball(actual, quantile(level), level)
        whole += loss
        if level in DECILES:
            deciles += loss
    lower, upper = interval(coverage)
    with np.errstate(all="ignore"):
        logs = log(np.where(actual > 0, actual, np.nan))
        standard = (np.where(panel.levels[:, None], actual, logs) - made.centres) / width
    every = np.broadcast_to(made.shapes, (*actual.shape, len(levels)))
    return Losses(
        error=actual - from_scale(made.centres, panel.levels),
        pinball=whole / len(distribution.LEVELS) / unit,
        crps=2 * deciles / len(DECILES) / unit,
        interval=interval_score(actual, lower, upper, coverage) / unit,
        held=inside(actual, lower, upper),
        within=np.stack([inside(actual, *interval(share)) for share in COVERAGES], axis=-1),
        transform=pit(standard, every, np.array(levels)),
    )


def _daily(piece: Forecasts, panel: Panel, shapes: Floats, levels: list[float]) -> _Daily:
    """What was forecast of each next day, by the distribution of the origin before it."""
    columns = np.arange(len(panel))
    rows, origin = piece.daily_rows, np.maximum(piece.daily_origins, 0)
    there = (piece.daily_origins >= 0) & (rows + 1 < panel.counts)
    at = np.where(there, rows, 0)
    value, next_value = panel.values[at, columns], panel.values[at + there, columns]
    change = np.where(there, next_value - value, np.nan)
    error = np.where(there, next_value - piece.daily_centres, np.nan)
    own = shapes[origin, 0 if shapes.shape[1] == 1 else columns, 0]
    deviation = np.sqrt(piece.daily_variances)
    hits = [
        np.where(np.isfinite(error), error < deviation * own[..., levels.index(tail)], np.nan)
        for tail in TAILS
    ]
    benchmark = volatility.ewma(squares(panel.values), RISKMETRICS)[at, columns]
    return _Daily(change, benchmark, np.stack(hits, axis=-1))
