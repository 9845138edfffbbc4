"""Past forecasts against outcomes, point by point: losses, hits and probability transforms."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Self

import numpy as np

from pricewright.evaluation import metrics
from pricewright.evaluation.acceptance import (
    COVERAGES,
    ENOUGH_DAYS,
    HIGHEST_RATIO,
    TAILS,
    USUAL_DAYS,
)
from pricewright.forecasting import distribution, volatility
from pricewright.forecasting.panel import Panel, squares
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.timeline import Timeline
from pricewright.forecasting.walkforward import Forecasts, WalkForward
from pricewright.tables.arrays import Flags, Floats, Ints

DECILES = tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))
"""The levels of the quantiles from which the CRPS is computed."""


@dataclass(frozen=True)
class Losses:
    """One forecaster's losses, (K, S, H) each, NaN where there is no forecast or no outcome.

    point, lower, upper: the point forecast and the bounds of the model's own interval, as prices.
    error: outcome minus point forecast, in units of price.
    pinball, crps, interval: the mean pinball loss over the quantiles at LEVELS, the CRPS, and the
    score of the own interval, in units of the naive forecast's mean absolute one-step error.
    held: 1 if the outcome is within the own interval, else 0.
    within: (K, S, H, C), the same for each interval of COVERAGES.
    """

    point: Floats
    lower: Floats
    upper: Floats
    error: Floats
    pinball: Floats
    crps: Floats
    interval: Floats
    held: Floats
    within: Floats


@dataclass(frozen=True)
class Scores:
    """Everything needed to judge a model: K origins, S symbols, H horizons, D days.

    transform: (K, S, H), the probability integral transform of the model's forecasts.
    scale, squared_scale: (K, S), the naive forecast's mean absolute and mean squared one-step error
    up to each origin.
    qlike, ewma_qlike, constant_qlike: (D, S), of the variance of the next change; the constant
    variance is the mean of all squared changes so far.
    deviation_ratio: (S,), the deviation of the change after the last price, over the usual one (see
    `_deviation_ratio`).
    shock: (S,), the day of the first large change among the newest, since 1970-01-01.
    hits: (D, S, T), for each of TAILS 1 for a loss beyond the value-at-risk, else 0.
    joint, ewma_joint: (D, S), the joint score of the value-at-risk and the expected shortfall at
    SHORTFALL; the EWMA's distribution is normal.
    residual: (D, S), for a loss beyond the value-at-risk, its distance from the expected shortfall
    in forecast deviations; else NaN.
    standard: (D, S), the error of the next value's forecast, in forecast deviations.
    simpler: (K, S), 1 if a simpler model than the last one made the forecasts from a date, else 0.
    origin: (K, S), the day of the last known price, since 1970-01-01.
    day: (D, S), the day of the price that was forecast, since 1970-01-01.
    """

    model: Losses
    random_walk: Losses
    transform: Floats
    scale: Floats
    squared_scale: Floats
    qlike: Floats
    ewma_qlike: Floats
    constant_qlike: Floats
    deviation_ratio: Floats
    shock: Floats
    hits: Floats
    joint: Floats
    ewma_joint: Floats
    residual: Floats
    standard: Floats
    simpler: Floats
    origin: Floats
    day: Floats


def score(walked: WalkForward) -> Scores:
    """The scores of a walk-forward of one piece (see `WalkForward.take_parts`)."""
    (piece,) = walked.pieces
    panel, shapes, settings = walked.whole, walked.shapes(piece), walked.settings
    scored, columns = walked.timeline.scored, np.arange(len(panel))
    levels = distribution.levels_with(settings.level)
    windows = Windows.of(piece, panel, walked.timeline, settings.horizon)
    usable, at = windows.usable, windows.at
    scale, squared_scale = (
        np.where(usable & (found[at, columns] > 0), found[at, columns], np.nan)
        for found in metrics.naive_scales(panel.prices)
    )
    normal = distribution.normal(levels)[None, None, None]
    losses = partial(
        _losses,
        actual=windows.came(panel.prices),
        at=at,
        scale=scale,
        panel=panel,
        coverage=settings.level,
    )
    forecasts = piece.centres[:scored], piece.variances[:scored], shapes[:scored]
    return Scores(
        model=losses(*forecasts),
        random_walk=losses(windows.last, windows.plain, normal),
        transform=_transform(*forecasts, windows.came(panel.values), levels),
        scale=scale,
        squared_scale=squared_scale,
        simpler=np.where(usable & piece.simpler[:scored], 1.0, 0.0),
        origin=np.where(usable, panel.days[at, columns], np.nan),
        deviation_ratio=_deviation_ratio(piece, panel, settings),
        shock=_shock(panel),
        **_daily(piece, panel, shapes, levels.tolist()),
    )


DAILY = (
    *("qlike", "ewma_qlike", "constant_qlike", "hits", "joint", "ewma_joint", "residual"),
    *("standard", "day"),
)
"""The scores of one-day-ahead forecasts."""


@dataclass(frozen=True)
class Windows:
    """The K dates from which a piece is scored, and the outcomes after each.

    usable: (K, S), whether a symbol can be forecast from a date, and the date counts for it.
    at: (K, S), the row of the observation there, 0 for none.
    ahead: (K, S, H), the rows of the outcomes, 0 for none.
    there: (K, S, H), whether there is an outcome.
    last, plain: (K, S, H), the random walk's forecast, on the scale of the model, and its variance.
    """

    usable: Flags
    at: Ints
    ahead: Ints
    there: Flags
    last: Floats
    plain: Floats

    @classmethod
    def of(cls, piece: Forecasts, panel: Panel, timeline: Timeline, horizon: int) -> Self:
        """The windows of one piece, from the dates with a known outcome."""
        columns, steps = np.arange(len(panel)), np.arange(1, horizon + 1)
        rows = piece.rows[: timeline.scored]
        usable = (piece.usable & timeline.counting(panel))[: timeline.scored]
        ahead, at = rows[..., None] + steps, np.maximum(rows, 0)
        there = usable[..., None] & (ahead < panel.counts[:, None])
        last = np.repeat(panel.values[at, columns][..., None], horizon, axis=-1)
        plain = _plain_variance(panel)[at, columns][..., None] * steps
        return cls(usable, at, np.where(there, ahead, 0), there, last, plain)

    def came(self, values: Floats) -> Floats:
        """(K, S, H): the outcomes among values (N, S), NaN where there are none."""
        columns = np.arange(values.shape[1])[:, None]
        return np.where(self.there, values[self.ahead, columns], np.nan)


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
    at: Ints,
    scale: Floats,
    panel: Panel,
    coverage: float,
) -> Losses:
    """The losses of forecasts.

    centres, variances: (K, S, H).  shapes: (K, S, H, Q + 1), or broadcastable to it.
    at: (K, S), the rows from which they were made.
    actual: (K, S, H), the outcomes, as prices.
    """
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

    point, (lower, upper) = panel.as_prices(centres, at), interval(coverage)
    return Losses(
        point=point,
        lower=lower,
        upper=upper,
        error=actual - point,
        pinball=whole / len(distribution.LEVELS) / unit,
        crps=2 * deciles / len(DECILES) / unit,
        interval=metrics.interval_score(actual, lower, upper, coverage) / unit,
        held=metrics.inside(actual, lower, upper),
        within=np.stack([metrics.inside(actual, *interval(share)) for share in COVERAGES], axis=-1),
    )


@np.errstate(all="ignore")
def _transform(
    centres: Floats, variances: Floats, shapes: Floats, happened: Floats, levels: Floats
) -> Floats:
    """The probability integral transform of outcomes (K, S, H) on the scale of the model."""
    standard = (happened - centres) / np.sqrt(variances)
    every = np.broadcast_to(shapes[..., :-1], (*standard.shape, len(levels)))
    return metrics.pit(standard, every, levels)


@dataclass(frozen=True)
class NextDays:
    """One-day-ahead forecasts, (D, S) each, with the distribution of the last date before them.

    at: the row from which a forecast was made, 0 if there is no next observation.
    there: whether there is a next observation.
    value, next_value: the values at both, on the scale of the model.
    deviation: the forecast standard deviation.
    benchmark: the variance by RiskMetrics' EWMA.
    shape: (D, S, Q + 1), the shape of the error's distribution.
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
        """The one-day-ahead forecasts of a piece; shapes: its distributions at each date."""
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
            volatility.ewma(squares(panel.values), volatility.RISKMETRICS)[at, columns],
            shapes[dates, 0 if shapes.shape[1] == 1 else columns, 0],
        )


def _deviation_ratio(piece: Forecasts, panel: Panel, settings: Settings) -> Floats:
    """(S,): the newest forecast deviation over the usual one, at most HIGHEST_RATIO.

    The usual one is the median of the days evaluated with a forecast. A symbol with fewer than
    USUAL_DAYS of them may have stood still on the others, as a peg does: then the moves that it
    made before are usual. NaN for fewer than USUAL_DAYS days with enough history.
    """
    known, newest = piece.daily_origins >= 0, piece.last.variances[0, :, 0]
    least = np.maximum(settings.min_history - 1, panel.first)
    enough = (piece.daily_rows >= least).sum(axis=0) >= USUAL_DAYS
    found = np.full(len(piece), np.nan)
    for column in np.flatnonzero(enough):
        usual = 0.0
        if known[:, column].sum() >= USUAL_DAYS:
            usual = float(np.median(piece.daily_variances[known[:, column], column]))
        if not usual:
            values = panel.values[: panel.counts[column], column]
            usual = _moves_before_rest(values, settings.min_history)
        if usual > 0:
            found[column] = min(np.sqrt(newest[column] / usual), HIGHEST_RATIO)
        elif usual == 0:
            found[column] = HIGHEST_RATIO
    return found


def _moves_before_rest(values: Floats, least: int) -> float:
    """The mean square of the moves that values (N,) made before they last stood still for `least`
    observations; 0 if they had never moved, NaN if they never stood still for so long."""
    changes = np.diff(values)
    moves = np.flatnonzero(changes)
    rests = np.flatnonzero(np.diff(moves, prepend=-1) >= least)
    if not len(rests):
        return float("nan")
    before = changes[moves[: rests[-1]]]
    return float(np.mean(before**2)) if len(before) else 0.0


def _shock(panel: Panel) -> Floats:
    """(S,): the day of the first of the newest ENOUGH_DAYS changes that is half of the largest.

    A wrong price makes two large changes; the first one is to it.
    """
    columns = np.arange(len(panel))
    rows = np.maximum(panel.counts - ENOUGH_DAYS + np.arange(ENOUGH_DAYS)[:, None], 1)
    change = np.abs(panel.values[rows, columns] - panel.values[rows - 1, columns])
    first = np.argmax(change >= 0.5 * change.max(axis=0), axis=0)
    return np.asarray(panel.days[rows[first, columns], columns], dtype=float)


def _daily(
    piece: Forecasts, panel: Panel, shapes: Floats, levels: list[float]
) -> dict[str, Floats]:
    """The scores named in DAILY."""
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
        # a deviation of 0, of a price that stood still, is no unit for a loss
        is_beyond = (change < at_risk) & (deviation > 0)
        beyond = np.where(is_beyond, (change - shortfall) / deviation, np.nan)
        standard = error / deviation
    return {
        "qlike": metrics.qlike(change**2, piece.daily_variances),
        "ewma_qlike": metrics.qlike(change**2, benchmark),
        "constant_qlike": metrics.qlike(change**2, _plain_variance(panel)[at, columns]),
        "hits": np.stack(hits, axis=-1),
        "joint": metrics.joint_score(change, at_risk, shortfall, level),
        "ewma_joint": metrics.joint_score(change, plain_risk, plain_shortfall, level),
        "residual": beyond,
        "standard": standard,
        "day": np.where(there, panel.days[at + there, columns], np.nan),
    }
