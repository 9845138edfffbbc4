"""The distribution of outcomes around the point forecast.

A forecast's quantile is centre + sqrt(variance) * shape. There is a shape for each horizon and
probability, per symbol or common to all. After its quantiles, a shape has the mean below the
quantile of SHORTFALL, for the expected shortfall (Acerbi & Tasche 2002). All shapes but `normal`
are made from past errors.

normal     the quantiles of the normal distribution.
fhs        filtered historical simulation: paths of a symbol's own standardised daily errors, each
           of which moves the variance of the next day according to the volatility model
           (Barone-Adesi, Giannopoulos & Vosper 1999).
conformal  split conformal: the empirical quantiles of out-of-sample standardised errors whose
           outcome was known at the cutoff (Lei et al. 2018, with signed errors). The symbol's own
           quantiles are shrunk towards those of all symbols, and both towards their mirror image,
           because which tail is the longer is mostly chance. Among the errors of all symbols, one
           far-off error counts only so much (see FARTHEST): a mean of losses has no bound to what
           one of them can do to it (Cont, Deguest & Scandolo 2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from zlib import crc32

import numpy as np

from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.volatility import Volatility
from pricewright.tables.arrays import Floats, Ints, sums

LEVELS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5),
    *(0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995),
)
"""The probabilities at which a model has quantiles, in addition to the bounds of its interval."""

SHORTFALL = 0.025
"""The expected shortfall is the mean of the losses beyond this quantile, that is, at the level of
97.5 % of the Basel Committee (2019)."""

FEWEST = 100
"""The errors at one horizon that a shape needs; with fewer it is the normal one."""

HALF_OWN = 500
"""With this many errors of its own, a symbol's shape is half its own and half everyone's."""

POOL = 20_000
"""About the most errors per horizon that go into everyone's shape."""

LONGER = 2
"""Errors are taken from LONGER times `calibration` days, if there are as many: all errors one day
ahead, and one in LONGER of those further ahead, which overlap and tell less each."""

MIRRORED = 0.25
"""The weight, in a quantile, of the opposite quantile with its sign reversed."""

FARTHEST = 2
"""An error counts in the shape of all symbols as at most this multiple of the outermost quantile on
its side. So one symbol's split does not decide every symbol's expected shortfall. Of a true tail,
the shortfall loses nothing if it is normal, 1 % with t(5), and 4 % with t(3). On a side that has no
such quantile, because prices hardly ever move there, errors count as they are."""

PATHS = 2000
"""Simulated paths of filtered historical simulation."""


def bounds(level: float) -> tuple[float, float]:
    """The two probabilities that bound a central interval of coverage `level`."""
    return round((1 - level) / 2, 12), round((1 + level) / 2, 12)


def levels_with(level: float) -> Floats:
    """(Q,): LEVELS and the bounds of a central interval of coverage `level`, rising."""
    return np.array(sorted({*LEVELS, *bounds(level)}))


def normal(levels: Floats) -> Floats:
    """(Q + 1,): the shape of the standard normal distribution, rounded so that it is the same with
    every system's logarithm."""
    standard = NormalDist()
    below = -standard.pdf(standard.inv_cdf(SHORTFALL)) / SHORTFALL
    found = [*(standard.inv_cdf(level) for level in levels.tolist()), below]
    return np.array([round(value, 12) for value in found])


def spread(absolute: Floats, counts: Ints, everyone: Floats) -> Floats:
    """(S, H): each symbol's mean absolute error, shrunk towards everyone's if it has few errors.

    absolute, counts: (S, H), the sum and the number of its standardised absolute errors.
    everyone: (H,), the median of these means over all symbols.
    """
    return (absolute + FEWEST * everyone) / (counts + FEWEST)


def quantiles(ordered: Floats, levels: Floats) -> Floats:
    """(S, Q): the quantiles of sorted errors (S, n), at the rank (count + 1) * level; NaN at the
    end do not count."""
    counts = np.isfinite(ordered).sum(axis=1)
    ranks = np.clip((counts[:, None] + 1) * levels - 1, 0, np.maximum(counts - 1, 0)[:, None])
    below = np.floor(ranks).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(counts - 1, 0)[:, None])
    low, high = (np.take_along_axis(ordered, place, axis=1) for place in (below, above))
    return np.asarray(low + (ranks - below) * (high - low))


def shortfalls(ordered: Floats) -> tuple[Floats, Floats]:
    """(S,) each: the mean of sorted errors (S, n) below their quantile of SHORTFALL, and above that
    of 1 - SHORTFALL; NaN at the end do not count.

    The mean is over the quantile function with rank (count + 1) * level, constant beyond the
    outermost errors.
    """
    errors = np.isfinite(ordered).sum(axis=1)[:, None]
    ranks = (errors + 1) * SHORTFALL
    reach = min(int(ranks.max(initial=0)) + 2, ordered.shape[1])
    within = np.clip(ranks - np.arange(reach + 1), 0, 1)  # of each gap between ranks
    counts = within[:, 1:] - within[:, 1:] ** 2 / 2
    counts[:, 0] += within[:, 0]
    counts[:, 1:] += within[:, 1:-1] ** 2 / 2
    from_the_end = np.maximum(errors - 1 - np.arange(reach), 0)
    low, high = (
        np.asarray(sums((np.where(counts > 0, tail, 0.0) * counts).T) / ranks[:, 0])
        for tail in (ordered[:, :reach], np.take_along_axis(ordered, from_the_end, axis=1))
    )
    return low, high


def shape(errors: Floats, levels: Floats) -> Floats:
    """(S, Q + 1): the shape of errors (S, n), shrunk towards its mirror image; NaN do not count.

    levels: (Q,), symmetric around the median.
    """
    ordered = np.sort(errors, axis=1)
    found, (low, high) = quantiles(ordered, levels), shortfalls(ordered)
    whole = np.concatenate([found, low[:, None]], axis=1)
    other = np.concatenate([found[:, ::-1], high[:, None]], axis=1)
    return (1 - MIRRORED) * whole - MIRRORED * other


def capped(errors: Floats) -> Floats:
    """(n,): the errors of all symbols, of which none is farther off than FARTHEST allows."""
    ends = np.array([LEVELS[0], LEVELS[-1]])
    lowest, highest = FARTHEST * quantiles(np.sort(errors)[None], ends)[0]
    return np.clip(errors, lowest if lowest < 0 else -np.inf, highest if highest > 0 else np.inf)


def draws(horizon: int) -> Floats:
    """(PATHS, H): ranks in 0..1 by which errors are drawn, the same for all symbols and runs.

    At each step every rank is drawn once (Latin hypercube), so that no tail is favoured.
    """
    random = np.random.Generator(np.random.PCG64(20240131))
    order = np.array([random.permutation(PATHS) for _ in range(horizon)]).T
    return (order + 0.5) / PATHS


def simulated(
    errors: Floats, ranks: Floats, term: Floats, moves: Floats | Sequence[float], levels: Floats
) -> Floats:
    """(H, Q + 1): the simulated shape of one symbol, in units of the forecast deviation.

    errors: (n,), its standardised daily errors.  ranks: (PATHS, H).
    term: (H,), the forecast variance over 1..H steps.
    moves: how much a squared error moves the next variance relative to its forecast, the
    persistence of that, and the weights of the squares of a fall and of a rise.
    """
    alpha, persistence, fall, rise = moves
    drawn = np.sort(errors)[(ranks * len(errors)).astype(np.intp)]
    news = drawn**2 * np.where(drawn < 0, fall, rise)
    unit = np.mean(errors**2 * np.where(errors < 0, fall, rise))
    daily = np.maximum(np.diff(term, prepend=0.0), 0.0)
    moved = np.ones(len(ranks))
    total = np.zeros(len(ranks))
    result = []
    for step in range(len(term)):
        total = total + np.sqrt(daily[step] * moved) * drawn[:, step]
        moved = 1 + (persistence - alpha) * (moved - 1) + alpha * (moved * news[:, step] / unit - 1)
        found = [*np.quantile(total, levels), *shortfalls(np.sort(total)[None])[0]]
        result.append(np.array(found) / np.sqrt(term[step]))
    return np.array(result)


Places = tuple[slice, slice] | tuple[Ints, Ints]
"""An index of rows and columns."""


@dataclass(frozen=True)
class PastErrors:
    """Figures of the latest standardised errors with a known outcome, for S symbols at D dates.

    absolute, counts: (D, S, H), the sum of their absolute values and their number.
    own: (D, S, H, Q + 1), their shapes; with fhs the simulated ones.
    pool: for each date and horizon (n,), errors in units of their symbol's mean absolute error.
    """

    absolute: Floats
    counts: Ints
    own: Floats
    pool: Sequence[Sequence[Floats]]


@dataclass(frozen=True)
class Errors:
    """Standardised errors (H, S, P) of forecasts from row `first` (S,) of a panel on."""

    panel: Panel
    errors: Floats
    first: Ints

    def known(self, ends: Ints, since: Ints, most: Ints) -> tuple[Ints, Ints, Ints]:
        """(D, H, S) each: where the latest known errors begin and stop, and how many days apart
        they are.

        ends: (D, S), the number of observations. An error h days ahead from row r is known with
        observation r + h.  since: (D, S), the first that counts.  most: (H,), the most errors.
        """
        steps, since = np.arange(1, len(self.errors) + 1)[:, None], since[:, None]
        stop = np.clip((ends - self.first)[:, None] - steps, 0, self.errors.shape[-1])
        apart = np.where((steps > 1) & (stop - since >= LONGER * most[:, None]), LONGER, 1)
        return np.maximum(stop - 1 - (most[:, None] - 1) * apart, since), stop, apart

    def window(
        self, known: tuple[Ints, Ints, Ints], date: int, step: int, most: int
    ) -> tuple[Floats, Places]:
        """(S, most): the errors of one horizon that are known at a date, NaN for none; and their
        indices among the errors of that horizon."""
        begin, stop, apart = (part[date, step] for part in known)
        last, reach = self.errors.shape[-1] - 1, int(begin[0] + most * apart[0])
        alike = (begin == begin[0]).all() and (apart == apart[0]).all()
        every = begin[:, None] + np.arange(most) * apart[:, None]
        places: Places
        if alike and reach <= last:  # the usual case, ten times faster
            places = slice(None), slice(int(begin[0]), reach, int(apart[0]))
        else:
            places = np.arange(len(begin))[:, None], np.minimum(every, last)
        found = np.array(self.errors[step][places])
        found[every >= stop[:, None]] = np.nan
        return found, places


def conformal(
    errors: Errors, ends: Ints, since: Ints, settings: Settings, every: Sequence[int]
) -> PastErrors:
    """The known errors at some dates.

    ends, since: as in `Errors.known`.  every: for each date, one in `every` errors goes into the
    pool of all symbols.
    """
    levels = levels_with(settings.level)
    most = np.full(settings.horizon, settings.calibration)
    most[0] *= LONGER
    known = errors.known(ends, since, most)
    dimensions = (len(ends), len(errors.panel), settings.horizon)
    absolute, counts = np.zeros(dimensions), np.zeros(dimensions, dtype=np.intp)
    own = np.empty((*dimensions, len(levels) + 1))
    marks = np.array([crc32(symbol.encode()) for symbol in errors.panel.symbols])
    # errors can be LONGER days apart, so number them in such steps to take one in `every`
    numbers = (np.arange(errors.errors.shape[-1]) + errors.first[:, None]) // LONGER
    numbers += marks[:, None]
    pool: list[list[Floats]] = []
    for date, one_in in enumerate(every):
        sampled = numbers % one_in == 0
        pool.append([])
        for step in range(settings.horizon):
            found, places = errors.window(known, date, step, int(most[step]))
            there = np.isfinite(found)
            sizes, number = np.where(there, np.abs(found), 0.0).sum(axis=1), there.sum(axis=1)
            absolute[date, :, step], counts[date, :, step] = sizes, number
            own[date, :, step] = shape(found, levels)
            there &= sampled[places]
            there &= ((number >= FEWEST) & (sizes > 0))[:, None]
            unit = np.where(number > 0, sizes, 1.0) / np.maximum(number, 1)
            rows, _ = np.nonzero(there)
            pool[date].append(found[there] / unit[rows])
    return PastErrors(absolute, counts, own, pool)


def simulated_calibration(
    errors: Errors,
    ends: Ints,
    since: Ints,
    terms: Floats,
    models: Sequence[Volatility],
    *,
    settings: Settings,
) -> PastErrors:
    """Filtered historical simulation at some dates; normal where there are too few errors.

    ends, since: as in `Errors.known`.  models: the volatility model of each date.
    terms: (D, S, H), the variances that it forecasts there.
    """
    levels = levels_with(settings.level)
    ranks = draws(settings.horizon)
    known_errors = errors.known(ends, since, np.full(settings.horizon, settings.calibration))
    own = np.empty((*terms.shape, len(levels) + 1))
    own[:] = normal(levels)
    counts = np.zeros(terms.shape, dtype=np.intp)
    for date, model in enumerate(models):
        moves = np.array(model.feedback(terms.shape[1]))
        daily, _ = errors.window(known_errors, date, 0, settings.calibration)
        counts[date] = np.isfinite(daily).sum(axis=1)[:, None]
        for symbol, (found, term) in enumerate(zip(daily, terms[date], strict=True)):
            drawn = found[np.isfinite(found)]
            if len(drawn) >= FEWEST and drawn.any() and (term > 0).all():
                own[date, symbol] = simulated(drawn, ranks, term, moves[:, symbol], levels)
    return PastErrors(np.zeros(terms.shape), counts, own, [[] for _ in models])


def shapes_of(parts: Sequence[PastErrors], settings: Settings) -> list[Floats]:
    """For each group of symbols, (D, S, H, Q + 1): the shape of a standardised error at each date.

    parts: the errors of all groups. Not for `normal`.

    A conformal shape is a mean of the symbol's own shape and of everyone's, the latter in units of
    the symbol's mean absolute error; the more errors the symbol has, the more its own counts. The
    arrays `own` of the parts are overwritten.
    """
    if settings.distribution == "fhs":
        return [part.own for part in parts]
    levels = levels_with(settings.level)
    plain = normal(levels)
    dates, _, horizon = parts[0].absolute.shape
    for date in range(dates):
        pool = [
            np.concatenate([part.pool[date][step] for part in parts]) for step in range(horizon)
        ]
        if min(len(found) for found in pool) < FEWEST:
            for part in parts:
                part.own[date] = plain
            continue
        absolute, counts = (
            np.concatenate([getattr(part, name)[date] for part in parts])
            for name in ("absolute", "counts")
        )
        told = (counts >= FEWEST) & (absolute > 0)  # those whose errors are in the pool
        means = np.where(told, absolute / np.maximum(counts, 1), np.nan)
        everyone = np.nanmedian(means, axis=0)
        all_have = np.array([shape(capped(found)[None], levels)[0] for found in pool])
        for part in parts:
            common = spread(part.absolute[date], part.counts[date], everyone)[..., None] * all_have
            count = part.counts[date][..., None]
            share = count / (count + HALF_OWN)
            own = np.where(np.isfinite(part.own[date]), part.own[date], common)
            part.own[date] = share * own + (1 - share) * common
    return [part.own for part in parts]
