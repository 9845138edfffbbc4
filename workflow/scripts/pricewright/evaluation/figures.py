"""The figures of a model document on how well it forecast: by symbol, by horizon, and pooled."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pricewright.evaluation import metrics
from pricewright.evaluation.acceptance import (
    COVERAGES,
    ENOUGH_DATES,
    ENOUGH_DAYS,
    SIGNIFICANT,
    TAILS,
    percent_key,
)
from pricewright.evaluation.summary import Differences, LossSummary, Shortfalls, Summary
from pricewright.files.clock import date_of
from pricewright.forecasting.panel import NEVER
from pricewright.tables.arrays import Days, Floats, Ints, mean, sums
from pricewright.tables.symbol_columns import SymbolColumns


def figures(found: Summary, symbols: Sequence[str]) -> dict[str, Any]:
    """The figures of the model and the random walk: `pooled`, and `by_symbol` as columns.

    MASE, RMSSE, pinball, CRPS and interval score are in units of the naive forecast's one-step
    error, and pooled as means over symbols, in which a symbol with fewer than ENOUGH_DAYS outcomes
    counts in proportion. Coverage and tests are pooled over single forecasts. A figure that cannot
    be computed is None.
    """
    luck = np.where(found.origins >= ENOUGH_DATES, found.p_value, np.nan)
    variance_luck = np.where(found.variance_days >= ENOUGH_DAYS, found.variance_p_value, np.nan)
    tests = ("days", "exceptions", "kupiec", "independence", "conditional_coverage")
    columns = {
        "origins": listed(found.origins),
        "model": by_symbol_of(found.model),
        "random_walk": by_symbol_of(found.random_walk),
        "mae_ratio": listed(found.mae_ratio),
        "p_value": listed(luck),
        "p_value_holm": listed(metrics.holm(luck)),
        "pit": found.pit.tolist(),
        "volatility": {
            "days": listed(found.variance_days),
            "qlike": listed(found.qlike),
            "ewma_qlike": listed(found.ewma_qlike),
            "p_value": listed(variance_luck),
            "p_value_holm": listed(metrics.holm(variance_luck)),
        },
        "var": {
            percent_key(tail): {name: listed(getattr(found, name)[:, place]) for name in tests}
            for place, tail in enumerate(TAILS)
        },
        "es": {
            name: listed(getattr(found.shortfalls, name))
            for name in ("days", "exceptions", "residual", "p_value", "score", "ewma_score")
        },
    }
    return {"pooled": _pooled(found, symbols), "by_symbol": SymbolColumns(symbols, columns)}


def by_symbol_of(losses: LossSummary) -> dict[str, Any]:
    """A forecaster's figures by symbol."""
    coverages = losses.coverages()
    return {name: listed(getattr(losses, name)) for name in OF_LOSSES} | {
        "coverages": {
            percent_key(share): listed(coverages[:, place]) for place, share in enumerate(COVERAGES)
        }
    }


OF_LOSSES = ("mase", "rmsse", "pinball", "crps", "interval_score", "coverage", "coverage_error")


def number(value: Any) -> float | None:
    """A float, or None if it is not finite."""
    return float(value) if np.isfinite(value) else None


def listed(values: Floats | Ints) -> list[float | int | None]:
    """Values (S,) as a list, with None for those that are not finite."""
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _pooled_shortfall(found: Shortfalls, joints: Differences, days: Days) -> dict[str, Any]:
    count, known = int(found.exceptions.sum()), found.exceptions > 0
    middle = sums((found.exceptions * found.residual)[known]) / max(count, 1)
    share = np.full(len(known), 1 / max(count, 1))
    added = _added_by_date(found.daily, np.full(len(known), middle), share, days)
    enough = (found.days >= ENOUGH_DAYS) & np.isfinite(found.p_value)
    return {
        "days": int(found.days.sum()),
        "exceptions": count,
        "residual": number(middle) if count else None,
        "p_value": number(metrics.below_by_date(middle, added)),
        "tested": int(enough.sum()),
        "passed": int((enough & ~(found.p_value < SIGNIFICANT)).sum()),
        **_together("score_difference", joints, days),
    }


PER_SHOCK = 1_000
"""One symbol in this many may move as never before: among so many, one usually does."""

MOST_DAYS = 5
"""How many of the days that add most to a figure are named."""


def _together(name: str, found: Differences, days: Days) -> dict[str, float | None]:
    """The weighted mean of differences over symbols, under its name, with its interval.

    days: (S, D), the dates of the differences. The interval treats the differences of one date as
    dependent, so symbols with other days, or with a later first day, are aligned by date.
    """
    weights, known = _weights(found), np.isfinite(found.mean)
    with np.errstate(all="ignore"):
        value = sums(weights * np.where(known, found.mean, 0.0)) / sums(weights)
        share = weights / sums(weights) / np.isfinite(found.daily).sum(axis=1)
        added = _added_by_date(found.daily, found.mean, share, days)
    bounds = metrics.interval_by_date(value, added)
    return {name: number(value)} | dict(zip(("lower", "upper"), map(number, bounds), strict=True))


def _added_by_date(daily: Floats, middle: Floats, share: Floats, days: Days) -> Floats:
    """(T,): what each date adds to a mean of values (S, D); NaN where it has none.

    middle: (S,), what is subtracted from a symbol's values.  share: (S,), the weight of each of
    them.  days: (S, D), their dates.
    """
    there = days[days != NEVER]
    first, count = (int(there.min()), int(np.ptp(there)) + 1) if len(there) else (0, 0)
    added, symbols = np.zeros((2, count))
    for some in _days_at_a_time(daily):
        differs = (daily[:, some] - middle[:, None]) * share[:, None]
        seen = np.isfinite(differs)
        date = days[:, some][seen] - first
        added += np.bincount(date, differs[seen], count)
        symbols += np.bincount(date, minlength=count)
    return np.where(symbols > 0, added, np.nan)


def _weights(found: Differences) -> Floats:
    """(S,): the weights of the symbols.

    These losses are unbounded, so a single symbol could dominate. A symbol whose differences vary
    more than the median symbol's therefore counts less, in inverse proportion. So does one with few
    days, as in `weights_of`.
    """
    known, deviation = np.isfinite(found.mean), found.deviation
    varied = np.sort(deviation[deviation > 0])
    usual = varied[(len(varied) - 1) // 2] if len(varied) else 1.0
    steady = usual / np.maximum(np.where(known, deviation, 0.0), usual)
    return np.where(known, weights_of(np.isfinite(found.daily).sum(axis=1)) * steady, 0.0)


def weights_of(outcomes: Ints) -> Floats:
    """(S,): how much symbols with so many outcomes count in a mean over symbols: fully from
    ENOUGH_DAYS on, and in proportion below, so that no few days decide about all symbols."""
    return np.minimum(outcomes / ENOUGH_DAYS, 1.0)


def _days_at_a_time(daily: Floats) -> Iterator[slice]:
    """Yield the days of values (S, D) in small groups, to limit memory with many symbols."""
    for begin in range(0, daily.shape[1], 64):
        yield slice(begin, begin + 64)


def _adding_most(found: Differences, days: Days, symbols: Sequence[str]) -> list[dict[str, Any]]:
    """The days of symbols (S, D) that add most to the mean over symbols."""
    weights, largest = _weights(found), list[dict[str, Any]]()
    with np.errstate(all="ignore"):
        share = weights / weights.sum() / np.isfinite(found.daily).sum(axis=1)
        for some in _days_at_a_time(found.daily):
            largest += _largest(found.daily[:, some] * share[:, None], days[:, some], symbols)
    return sorted(largest, key=lambda each: -each["adds"])[:MOST_DAYS]


def _largest(adds: Floats, days: Days, symbols: Sequence[str]) -> list[dict[str, Any]]:
    """The largest positive contributions to a figure; adds, days: (S, T)."""
    flat = np.where(np.isfinite(adds), adds, 0.0).T.ravel()
    least = np.partition(flat, -MOST_DAYS)[-MOST_DAYS] if len(flat) > MOST_DAYS else 0.0
    most = np.flatnonzero((flat >= least) & (flat > 0))
    order = most[np.argsort(-flat[most], kind="stable")][:MOST_DAYS]
    return [
        {
            "symbol": symbols[place % len(symbols)],
            "date": str(date_of(int(days.T.flat[place]))),
            "adds": float(flat[place]),
        }
        for place in order.tolist()
    ]


def _interval(found: Summary, symbols: Sequence[str]) -> dict[str, Any]:
    """The standard error, from the variation between dates, of the ratio of the interval score to
    the random walk's; and the dates that add most to the ratio."""
    ours, plain = found.model.interval_by_date, found.random_walk.interval_by_date
    weights = weights_of(found.forecasts)
    with np.errstate(all="ignore"):
        level = mean_of(mean(plain.T), weights)
        by_date = _across(ours - mean_of(mean(ours.T), weights) / level * plain, weights)
        dates = np.isfinite(by_date).sum()
        error = (
            np.sqrt(np.nanmean(np.square(by_date)) / (dates - 1)) / level if dates > 1 else np.nan
        )
        there = np.isfinite(ours - plain)
        share = weights / weights[there.any(axis=1)].sum() / there.sum(axis=1)
        adds = (ours - plain) * share[:, None] / level
    return {"error": number(error), "largest": _largest(adds, found.origin, symbols)}


def _pooled(found: Summary, symbols: Sequence[str]) -> dict[str, Any]:
    model, histogram, variances = found.model, found.pit.sum(axis=0), found.variances
    weights = weights_of(found.forecasts)
    with np.errstate(all="ignore"):
        ours, plain = (
            _across(losses.error_by_date, weights)[:, None] for losses in (model, found.random_walk)
        )
        luck = metrics.diebold_mariano(ours, plain).p_value[0]
    return {
        "symbols": int(np.isfinite(model.mase).sum()),
        "forecasts": int(found.forecasts.sum()),
        **_simpler(found),
        "model": over_symbols(model),
        "random_walk": over_symbols(found.random_walk),
        "mae_ratio": number(mean_of(found.mae_ratio, weights)),
        "p_value": number(luck),
        "pit": {"counts": histogram.tolist(), "p_value": number(metrics.uniformity(histogram))},
        "volatility": {
            "days": int(np.isfinite(variances.daily).sum()),
            "symbols": int(np.isfinite(variances.mean).sum()),
            "better": int((variances.mean < 0).sum()),
            **_together("qlike_difference", variances, found.day),
            "constant": _together("qlike_difference", found.constants, found.day),
            "largest": _adding_most(variances, found.day, symbols),
        },
        "newest_deviation": _newest_deviation(found, symbols),
        "interval": _interval(found, symbols),
        "var": {percent_key(tail): _tests(found, place) for place, tail in enumerate(TAILS)},
        "es": _pooled_shortfall(found.shortfalls, found.joints, found.day),
        "patterns": found.patterns.figures(symbols),
    }


OFTEN_SIMPLER = 0.1
"""The share of a symbol's dates with a simpler model beyond which its figures are in doubt."""


def _simpler(found: Summary) -> dict[str, Any]:
    """`simpler`: the symbols that were often forecast with a simpler model than the last one, and
    on how many of their dates; nothing if there are none."""
    often = found.simpler > OFTEN_SIMPLER * found.origins
    if not often.any():
        return {}
    dates, all_dates = (int(part[often].sum()) for part in (found.simpler, found.origins))
    return {"simpler": {"symbols": int(often.sum()), "dates": dates, "of_dates": all_dates}}


def _newest_deviation(found: Summary, symbols: Sequence[str]) -> dict[str, Any] | None:
    """The symbol whose newest deviation is the largest multiple of its usual one, and its shock;
    of many symbols, that of all but one in PER_SHOCK. Also the number of symbols with too few days
    to tell what is usual, if there are any; None if all have too few."""
    known = np.flatnonzero(np.isfinite(found.deviation_ratio))
    if not len(known):
        return None
    few = len(symbols) - len(known)
    falling = known[np.argsort(-found.deviation_ratio[known], kind="stable")]
    place = int(falling[len(known) // PER_SHOCK])
    day = str(date_of(int(found.shock[place])))
    newest = {"ratio": float(found.deviation_ratio[place]), "symbol": symbols[place], "date": day}
    return newest | ({"too_few_days": few} if few else {})


def _tests(found: Summary, tail: int) -> dict[str, Any]:
    """The pooled tests of the value-at-risk at one of TAILS."""
    tested = found.days[:, tail] >= ENOUGH_DAYS
    passed = tested & (found.kupiec[:, tail] >= SIGNIFICANT)
    days, exceptions = int(found.days[:, tail].sum()), int(found.exceptions[:, tail].sum())
    return {
        "days": days,
        "exceptions": exceptions,
        "share": exceptions / days if days else None,
        "tested": int(tested.sum()),
        "passed": int(passed.sum()),
        "independent": int((tested & ~(found.independence[:, tail] < SIGNIFICANT)).sum()),
    }


def over_symbols(losses: LossSummary) -> dict[str, Any]:
    """A forecaster's figures pooled over all symbols."""
    by_date, weights = (losses.held_by_date, losses.known_by_date), weights_of(losses.outcomes())
    held, known = (part.sum(axis=0, dtype=np.intp)[:, None] for part in by_date)
    count = losses.known.sum()
    return {
        **{name: number(mean_of(getattr(losses, name), weights)) for name in OF_LOSSES},
        "coverage": share_of(losses.held.sum(), count),
        "coverage_error": number(metrics.share_error(held, known)[0]),
        "coverages": {
            percent_key(share): share_of(losses.within[:, place].sum(), count)
            for place, share in enumerate(COVERAGES)
        },
        "by_horizon": {
            "mase": _by_horizon(losses.mase_ahead, weights),
            "pinball": _by_horizon(losses.pinball_ahead, weights),
            "interval_score": _by_horizon(losses.interval_ahead, weights),
            "coverage": [
                share_of(held, known)
                for held, known in zip(
                    losses.held.sum(axis=0).tolist(), losses.known.sum(axis=0).tolist(), strict=True
                )
            ],
        },
    }


def _by_horizon(values: Floats, weights: Floats) -> list[float | None]:
    """The mean over symbols of values (S, H), for each number of days ahead."""
    return [number(mean_of(column, weights)) for column in values.T]


def mean_of(values: Floats, weights: Floats) -> float:
    """The weighted mean of the finite values (S,); NaN if there are none."""
    known = np.isfinite(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else float("nan")


def share_of(hits: int, count: int) -> float | None:
    """The share of hits; None if count is 0."""
    return float(hits / count) if count else None


def _across(values: Floats, weights: Floats) -> Floats:
    """(K,): the mean over symbols of values (S, K), for each date."""
    return np.array([mean_of(column, weights) for column in values.T])
