"""Patterns in one-day-ahead errors that can be known in advance, and that the model does not use.

Intervals can hold as often as they promise on average and still be wrong on days that anyone can
name beforehand: on Saturdays, or on the day after a rise. Two tests of each symbol look for this.
They use its one-day-ahead errors in forecast deviations. An error counts as at most FURTHEST of
these: one wrong price is no pattern.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from pricewright.evaluation.acceptance import ENOUGH_DAYS, HIGHEST_RATIO
from pricewright.forecasting.panel import BySymbol
from pricewright.tables.arrays import Floats, Ints, count, mean, sums, total

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_THURSDAY = 3
"""The place in WEEKDAYS of 1970-01-01."""

ENOUGH_OF_A_WEEKDAY = 20
"""A weekday with fewer outcomes is left out."""

FURTHEST = 4.0
"""The largest error that counts in full, in forecast deviations."""

CHANCE = 0.01
"""The probability that a test finds a symbol with a pattern although none has one."""

LEAST_RATIO = 1.25
"""Errors of a weekday matter from this multiple of those of other days on, or its inverse down."""

LEAST_CORRELATION = 0.1
"""The smallest correlation of successive errors that matters."""


@dataclass(frozen=True)
class Patterns(BySymbol):
    """Both tests of S symbols: (S,) each, p-values NaN where there are too few outcomes.

    weekday_p: whether errors have the same mean size on all weekdays.  weekday: the place in
    WEEKDAYS of the one that differs most.  ratio: its mean size over that of the other weekdays,
    at most HIGHEST_RATIO.
    serial_p: whether successive errors are uncorrelated.  correlation: theirs.
    """

    weekday_p: Floats
    weekday: Ints
    ratio: Floats
    serial_p: Floats
    correlation: Floats

    @classmethod
    def of_errors(cls, standard: Floats, day: Floats) -> Self:
        """The tests of errors in forecast deviations (D, S), NaN where there is no forecast or no
        outcome.

        day: (D, S), the day of the price that was forecast, since 1970-01-01.
        """
        clipped = np.clip(standard, -FURTHEST, FURTHEST)
        return cls(*_by_weekday(np.abs(clipped), day), *_serial(clipped))

    def figures(self, symbols: Sequence[str]) -> dict[str, Any]:
        """For each test, the number of symbols tested and found, and the worst of those found."""
        weekday, worst = _judged(self.weekday_p, _either_way(self.ratio), LEAST_RATIO)
        if weekday["found"]:
            weekday["worst"] = {
                "symbol": symbols[worst],
                "weekday": WEEKDAYS[self.weekday[worst]],
                "ratio": float(self.ratio[worst]),
            }
        serial, worst = _judged(self.serial_p, np.abs(self.correlation), LEAST_CORRELATION)
        if serial["found"]:
            correlation = float(self.correlation[worst])
            serial["worst"] = {"symbol": symbols[worst], "correlation": correlation}
        return {"weekday": weekday, "serial": serial}


@np.errstate(all="ignore")
def _by_weekday(size: Floats, day: Floats) -> tuple[Floats, Ints, Floats]:
    """(S,) each: the p-value of a one-way analysis of variance (Fisher 1925) of sizes (D, S) by
    weekday, the weekday that differs most, and its ratio to the others."""
    from scipy.special import fdtrc

    there, symbols = np.isfinite(size), size.shape[1]
    of_week = (np.where(there, day, 0.0).astype(np.intp) + _THURSDAY) % len(WEEKDAYS)
    group = (of_week * symbols + np.arange(symbols))[there]
    shape, known = (len(WEEKDAYS), symbols), size[there]

    def added(values: Floats) -> Floats:
        found = np.bincount(group, values, len(WEEKDAYS) * symbols)
        return np.asarray(found, dtype=np.float64).reshape(shape)

    outcomes = added(np.ones_like(known))
    outcomes[outcomes < ENOUGH_OF_A_WEEKDAY] = 0
    whole = np.where(outcomes > 0, added(known), 0.0)
    middle = whole / outcomes
    spread = added(np.square(known - middle.ravel()[group]))
    days, groups = outcomes.sum(axis=0), (outcomes > 0).sum(axis=0)
    between = total(outcomes * np.square(middle - sums(whole) / days))
    freedom = days - groups
    statistic = between / (groups - 1) / (total(spread) / freedom)
    enough = (days >= ENOUGH_DAYS) & (groups > 1)
    others = (sums(whole) - whole) / (days - outcomes)
    ratio = np.minimum(middle / others, HIGHEST_RATIO)
    most = np.argmax(np.nan_to_num(np.abs(middle - others)), axis=0)
    return (
        np.where(enough, fdtrc(groups - 1.0, freedom, statistic), np.nan),
        most,
        ratio[most, np.arange(symbols)],
    )


@np.errstate(all="ignore")
def _serial(errors: Floats) -> tuple[Floats, Floats]:
    """(S,) each: the p-value of uncorrelated successive errors (D, S), and their correlation.

    The statistic is the sum of products over the root of the sum of their squares (White 1980), so
    what is left of changing volatility does not look like correlation.
    """
    from scipy.special import ndtr

    off = errors - mean(errors)
    products = off[1:] * off[:-1]
    whole, days = total(products), count(errors)
    statistic = whole / np.sqrt(total(np.square(products)))
    return (
        np.where(days >= ENOUGH_DAYS, 2 * ndtr(-np.abs(statistic)), np.nan),
        whole / total(np.square(off)),
    )


@np.errstate(all="ignore")
def _either_way(ratio: Floats) -> Floats:
    """How many times as large, or as small: 1 or more."""
    return np.maximum(ratio, 1 / ratio)


def _judged(p_value: Floats, effect: Floats, least: float) -> tuple[dict[str, Any], int]:
    """The numbers of symbols (S,) tested and found, and the place of the largest effect found.

    A symbol is found if its p-value is below CHANCE over the number of symbols tested (Bonferroni,
    so symbols may depend on each other), and the effect is large enough to matter.
    """
    tested = int(np.isfinite(p_value).sum())
    found = (p_value < CHANCE / max(tested, 1)) & (effect >= least)
    return {"tested": tested, "found": int(found.sum())}, int(np.argmax(np.where(found, effect, 0)))
