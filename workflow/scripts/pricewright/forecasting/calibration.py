"""What the errors of the past say about the distribution of those to come."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from zlib import crc32

import numpy as np

from pricewright.forecasting import distribution
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.volatility import Volatility
from pricewright.tables.arrays import Floats, Ints

Places = tuple[slice, slice] | tuple[Ints, Ints]
"""An index of rows and columns."""


@dataclass(frozen=True)
class PastErrors:
    """Of S symbols at D dates, the latest standardised errors whose outcome was known.

    absolute, counts: (D, S, H), the sums of their absolute values and how many there were.
    own: (D, S, H, Q), their quantiles, or with fhs the simulated ones.
    pool: for each date and horizon (n,), errors in units of their symbol's mean absolute one.
    """

    absolute: Floats
    counts: Ints
    own: Floats
    pool: Sequence[Sequence[Floats]]


@dataclass(frozen=True)
class Errors:
    """Standardised errors (H, S, P) made from row `first` (S,) of a panel on."""

    panel: Panel
    errors: Floats
    first: Ints

    def known(self, ends: Ints, most: int) -> tuple[Ints, Ints]:
        """(D, H, S) each: where the errors that were known begin and stop, `most` at most.

        ends: (D, S), how many observations there were. An error h days ahead from row r is
        known with observation r + h.
        """
        steps = np.arange(1, len(self.errors) + 1)[:, None]
        stop = np.clip((ends - self.first)[:, None] - steps, 0, self.errors.shape[-1])
        return np.maximum(stop - most, 0), stop

    def window(self, begin: Ints, stop: Ints, step: int, most: int) -> tuple[Floats, Places]:
        """(S, most): the errors of one horizon between places (S,), NaN where there are none; and
        where all of these are among the errors of that horizon."""
        last = self.errors.shape[-1] - 1
        places: Places
        if (begin == begin[0]).all() and begin[0] + most <= last:  # as mostly, and ten times faster
            places = slice(None), slice(begin[0], begin[0] + most)
        else:
            places = (
                np.arange(len(begin))[:, None],
                np.minimum(begin[:, None] + np.arange(most), last),
            )
        found = np.array(self.errors[step][places])
        if (stop - begin < most).any():
            found[np.arange(most) >= (stop - begin)[:, None]] = np.nan
        return found, places


def normal(symbols: int, dates: int, settings: Settings) -> PastErrors:
    """What a normal distribution rests on: nothing."""
    shape = (dates, symbols, settings.horizon)
    return PastErrors(np.zeros(shape), np.zeros(shape, dtype=np.intp), np.empty((*shape, 0)), [])


def conformal(errors: Errors, ends: Ints, settings: Settings, every: int) -> PastErrors:
    """What is known at some dates; one in `every` errors is in the pool of all symbols."""
    levels = distribution.levels_with(settings.level)
    begin, stop = errors.known(ends, settings.calibration)
    shape = (len(ends), len(errors.panel), settings.horizon)
    absolute, counts = np.zeros(shape), np.zeros(shape, dtype=np.intp)
    own = np.empty((*shape, len(levels)))
    marks = np.array([crc32(symbol.encode()) for symbol in errors.panel.symbols])
    sampled = (np.arange(errors.errors.shape[-1]) + (errors.first + marks)[:, None]) % every == 0
    pool: list[list[Floats]] = []
    for date in range(len(ends)):
        pool.append([])
        for step in range(settings.horizon):
            found, places = errors.window(
                begin[date, step], stop[date, step], step, settings.calibration
            )
            there = np.isfinite(found)
            sizes, number = np.where(there, np.abs(found), 0.0).sum(axis=1), there.sum(axis=1)
            absolute[date, :, step], counts[date, :, step] = sizes, number
            own[date, :, step] = distribution.quantiles(found, levels)
            there &= sampled[places]
            there &= ((number >= distribution.FEWEST) & (sizes > 0))[:, None]
            unit = np.where(number > 0, sizes, 1.0) / np.maximum(number, 1)
            rows, _ = np.nonzero(there)
            pool[date].append(found[there] / unit[rows])
    return PastErrors(absolute, counts, own, pool)


def simulated(
    errors: Errors,
    ends: Ints,
    terms: Floats,
    models: Sequence[Volatility],
    settings: Settings,
) -> PastErrors:
    """Filtered historical simulation at some dates, normal where errors are few.

    terms: (D, S, H), the variances forecast there, by the volatility model of each date.
    """
    levels = distribution.levels_with(settings.level)
    ranks = distribution.draws(settings.horizon)
    begin, stop = errors.known(ends, settings.calibration)
    own = np.empty((*terms.shape, len(levels)))
    own[:] = distribution.normal(levels)
    counts = np.zeros(terms.shape, dtype=np.intp)
    for date, model in enumerate(models):
        alpha, persistence = model.feedback(terms.shape[1])
        daily, _ = errors.window(begin[date, 0], stop[date, 0], 0, settings.calibration)
        counts[date] = np.isfinite(daily).sum(axis=1)[:, None]
        for symbol, (found, term) in enumerate(zip(daily, terms[date], strict=True)):
            drawn = found[np.isfinite(found)]
            if len(drawn) >= distribution.FEWEST and drawn.any() and (term > 0).all():
                moves = float(alpha[symbol]), float(persistence[symbol])
                own[date, symbol] = distribution.simulated(drawn, ranks, term, moves, levels)
    return PastErrors(np.zeros(terms.shape), counts, own, [[] for _ in models])


def shapes_of(parts: Sequence[PastErrors], settings: Settings) -> list[Floats]:
    """(D, S, H, Q) of each group of symbols: the quantiles of a standardised error at each date.

    S is 1 if all symbols have the same. A conformal shape is between the symbol's own and that of
    all, in units of its own mean absolute error: the more errors it has, the more its own counts.
    What a group knew of its own becomes its shapes, and is no longer what it was.
    """
    levels = distribution.levels_with(settings.level)
    plain = distribution.normal(levels)
    dates, _, horizon = parts[0].absolute.shape
    if settings.distribution == "normal":
        return [np.broadcast_to(plain, (dates, 1, horizon, len(levels))) for _ in parts]
    if settings.distribution == "fhs":
        return [part.own for part in parts]
    for date in range(dates):
        pool = [
            np.concatenate([part.pool[date][step] for part in parts]) for step in range(horizon)
        ]
        if min(len(found) for found in pool) < distribution.FEWEST:
            for part in parts:
                part.own[date] = plain
            continue
        absolute, counts = (
            np.concatenate([getattr(part, name)[date] for part in parts])
            for name in ("absolute", "counts")
        )
        everyone = np.array([fsum(sizes) for sizes in absolute.T]) / counts.sum(axis=0)
        all_have = distribution.pooled(pool, levels)
        for part in parts:
            spread = distribution.spread(part.absolute[date], part.counts[date], everyone)
            common = spread[..., None] * all_have
            count = part.counts[date][..., None]
            share = count / (count + distribution.HALF_OWN)
            own = np.where(np.isfinite(part.own[date]), part.own[date], common)
            part.own[date] = share * own + (1 - share) * common
    return [part.own for part in parts]
