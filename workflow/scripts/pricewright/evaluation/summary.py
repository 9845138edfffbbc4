"""A summary of scores per symbol, made group by group, without the individual losses.

A model of ten thousand symbols has ten million forecasts, whose losses never fit in memory at once.
Per date and per day, only the few numbers are kept from which figures over all symbols are made.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from pricewright.evaluation import metrics
from pricewright.evaluation.acceptance import TAILS
from pricewright.evaluation.patterns import Patterns
from pricewright.evaluation.scores import Losses, Scores
from pricewright.forecasting.panel import NEVER, BySymbol
from pricewright.tables.arrays import Days, Floats, Ints, mean, sums, where


@dataclass(frozen=True)
class LossSummary(BySymbol):
    """A summary of one forecaster's losses, NaN if it has none: S symbols, K dates, H days ahead.

    mase, rmsse, pinball, crps, interval_score, coverage, coverage_error: (S,).
    mase_ahead, pinball_ahead, interval_ahead: (S, H), by days ahead.
    held, known: (S, H), the number of outcomes within the own interval, and of all outcomes.
    within: (S, C), the number of outcomes within each interval of COVERAGES.
    held_by_date, known_by_date: (S, K).
    error_by_date: (S, K), the mean absolute error, in units of the naive one-step error.
    interval_by_date: (S, K), the mean interval score.
    pinball_by_date, points_by_date: (S, K), the sum of the pinball losses, and their number.
    """

    mase: Floats
    rmsse: Floats
    pinball: Floats
    crps: Floats
    interval_score: Floats
    coverage: Floats
    coverage_error: Floats
    mase_ahead: Floats
    pinball_ahead: Floats
    interval_ahead: Floats
    held: Ints
    known: Ints
    within: Ints
    held_by_date: Ints
    known_by_date: Ints
    error_by_date: Floats
    interval_by_date: Floats
    pinball_by_date: Floats
    points_by_date: Ints

    @classmethod
    @np.errstate(all="ignore")
    def of_losses(cls, losses: Losses, scores: Scores) -> Self:
        """scores: the scores to which these losses belong."""
        held, known = losses.held == 1, np.isfinite(losses.held)
        by_date = held.sum(axis=-1), known.sum(axis=-1)
        there = np.isfinite(losses.pinball)

        def ahead(values: Floats) -> Floats:
            return np.stack([mean(values[..., [step]]) for step in range(values.shape[-1])], -1)

        return cls(
            mase=metrics.mase(losses.error, scores.scale),
            rmsse=metrics.rmsse(losses.error, scores.squared_scale),
            pinball=mean(losses.pinball),
            crps=mean(losses.crps),
            interval_score=mean(losses.interval),
            coverage=mean(losses.held),
            coverage_error=metrics.share_error(*by_date),
            mase_ahead=ahead(np.abs(losses.error) / scores.scale[..., None]),
            pinball_ahead=ahead(losses.pinball),
            interval_ahead=ahead(losses.interval),
            held=held.sum(axis=0),
            known=known.sum(axis=0),
            within=(losses.within == 1).sum(axis=(0, 2)),
            held_by_date=by_date[0].T.astype(np.int16),
            known_by_date=by_date[1].T.astype(np.int16),
            error_by_date=(np.abs(losses.error).mean(axis=-1) / scores.scale).T,
            interval_by_date=(_over_steps(losses.interval) / losses.interval.shape[-1]).T,
            pinball_by_date=_over_steps(np.where(there, losses.pinball, 0.0)).T,
            points_by_date=there.sum(axis=-1).T.astype(np.int16),
        )

    def outcomes(self) -> Ints:
        """(S,): the number of outcomes of forecasts."""
        return np.asarray(self.known.sum(axis=1))

    def coverages(self) -> Floats:
        """(S, C): the share of prices within the interval of each of COVERAGES."""
        with np.errstate(all="ignore"):
            return np.asarray(self.within / self.outcomes()[:, None])


def _over_steps(values: Floats) -> Floats:
    """(K, S): the sum of values (K, S, H) over H."""
    return sums(np.moveaxis(values, -1, 0))


@dataclass(frozen=True)
class Differences(BySymbol):
    """The model's score less another's, by day (S, D), with their mean and deviation (S,)."""

    daily: Floats
    mean: Floats
    deviation: Floats

    @classmethod
    def of_days(cls, daily: Floats, days: int) -> Self:
        """daily: (D, S), or fewer days.  days: D."""
        middle = mean(daily)
        return cls(_by_day(daily, days), middle, np.sqrt(mean(np.square(daily - middle))))


@dataclass(frozen=True)
class Shortfalls(BySymbol):
    """Back-tests of the expected shortfall, (S,) each; scores only on days that EWMA's has too.

    residual: the mean of the exceptions' residuals.  daily: (S, D), these residuals, NaN on other
    days.  p_value: of the test that their mean is 0.
    """

    days: Ints
    exceptions: Ints
    residual: Floats
    daily: Floats
    p_value: Floats
    score: Floats
    ewma_score: Floats


@dataclass(frozen=True)
class Summary(BySymbol):
    """Everything from which the figures of S symbols, and of all together, are computed.

    mae_ratio, p_value: (S,), the model against the random walk.
    origins, forecasts: (S,), their numbers.  simpler: (S,), the origins with a simpler model.
    pit: (S, 10), the histogram of the probability integral transforms.
    qlike, ewma_qlike, variance_days, variance_p_value: (S,), the variances against EWMA's.
    days, exceptions, kupiec, independence, conditional_coverage: (S, T), of the value-at-risk, for
    each of TAILS.
    deviation_ratio: (S,), and shock: (S,), as in `Scores`.
    variances, joints: the QLIKE and the joint score, less EWMA's.  constants: the QLIKE less that
    of a constant variance.
    patterns: tests of the one-day-ahead errors.
    origin: (S, K), and day: (S, D), as in `Scores`, NEVER for none.
    """

    model: LossSummary
    random_walk: LossSummary
    mae_ratio: Floats
    p_value: Floats
    origins: Ints
    forecasts: Ints
    simpler: Ints
    pit: Ints
    qlike: Floats
    ewma_qlike: Floats
    variance_days: Ints
    variance_p_value: Floats
    deviation_ratio: Floats
    shock: Days
    days: Ints
    exceptions: Ints
    kupiec: Floats
    independence: Floats
    conditional_coverage: Floats
    shortfalls: Shortfalls
    variances: Differences
    constants: Differences
    joints: Differences
    patterns: Patterns
    origin: Days
    day: Days

    @classmethod
    @np.errstate(all="ignore")
    def of_scores(cls, scores: Scores, days: int) -> Self:
        """days: D, the most days of any group; a group with fewer is padded with NaN."""
        model, walk = (
            LossSummary.of_losses(each, scores) for each in (scores.model, scores.random_walk)
        )
        better = metrics.diebold_mariano(model.error_by_date.T, walk.error_by_date.T)
        beside_ewma = metrics.diebold_mariano(scores.qlike, scores.ewma_qlike)
        tails = [scores.hits[..., place] for place in range(len(TAILS))]
        coverage = [metrics.kupiec(hits, tail) for hits, tail in zip(tails, TAILS, strict=True)]
        runs = [metrics.christoffersen(hits, tail) for hits, tail in zip(tails, TAILS, strict=True)]
        there = np.isfinite(scores.joint - scores.ewma_joint)
        exceptions, residual, squares = metrics.exceedances(scores.residual)
        evaluated = np.isfinite(scores.model.error[..., 0])
        return cls(
            model=model,
            random_walk=walk,
            mae_ratio=metrics.mae_ratio(scores.model.error, scores.random_walk.error),
            p_value=better.p_value,
            origins=evaluated.sum(axis=0),
            forecasts=np.isfinite(scores.model.error).sum(axis=(0, 2)),
            simpler=(evaluated & (scores.simpler == 1)).sum(axis=0),
            pit=np.array(
                [metrics.pit_histogram(part) for part in np.moveaxis(scores.transform, 1, 0)]
            ),
            qlike=mean(scores.qlike),
            ewma_qlike=mean(np.where(np.isnan(scores.qlike), np.nan, scores.ewma_qlike)),
            variance_days=beside_ewma.count,
            variance_p_value=beside_ewma.p_value,
            deviation_ratio=scores.deviation_ratio,
            shock=_as_days(scores.shock),
            days=np.stack([test.days for test in coverage], axis=-1),
            exceptions=np.stack([test.exceptions for test in coverage], axis=-1),
            kupiec=np.stack([test.p_value for test in coverage], axis=-1),
            independence=np.stack([test.independence.p_value for test in runs], axis=-1),
            conditional_coverage=np.stack(
                [test.conditional_coverage.p_value for test in runs], axis=-1
            ),
            shortfalls=Shortfalls(
                days=there.sum(axis=0),
                exceptions=exceptions,
                residual=residual,
                daily=_by_day(scores.residual, days).astype(np.float32),
                p_value=metrics.exceedance_test(exceptions, residual, squares),
                score=mean(where(there, scores.joint)),
                ewma_score=mean(where(there, scores.ewma_joint)),
            ),
            variances=Differences.of_days(scores.qlike - scores.ewma_qlike, days),
            constants=Differences.of_days(scores.qlike - scores.constant_qlike, days),
            joints=Differences.of_days(scores.joint - scores.ewma_joint, days),
            patterns=Patterns.of_errors(scores.standard, scores.day),
            origin=_as_days(scores.origin.T),
            day=_as_days(_by_day(scores.day, days)),
        )


def _by_day(values: Floats, days: int) -> Floats:
    """(S, D): values (D, S), or of fewer days and padded with NaN."""
    found = np.full((values.shape[1], days), np.nan)
    found[:, : len(values)] = values.T
    return found


def _as_days(values: Floats) -> Days:
    return np.where(np.isnan(values), NEVER, values).astype(np.int32)
