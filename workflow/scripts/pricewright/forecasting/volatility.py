"""How much prices move: models of the variance of the change over the next 1..H steps.

rolling   the mean of the last squared changes.
ewma      their exponentially weighted average (RiskMetrics 1996).
garch11   GARCH(1,1) per symbol, in which falls and rises can count differently.
har       gamma-HAR, one regression over all symbols, on the days' ranges where available.
combined  the geometric mean of garch11 and har (Timmermann 2006 explains why combinations do well);
          har has three times the weight of garch11 for symbols that mostly have ranges.

If a model cannot be fitted to a symbol, the symbol gets a simpler one: har instead of combined, and
ewma instead of garch11 or har. A forecast starts from `States`, which each observation updates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from pricewright.forecasting import garch as garches
from pricewright.forecasting import har
from pricewright.forecasting.panel import BySymbol
from pricewright.forecasting.recurrence import recurrence
from pricewright.forecasting.settings import WITH_GARCH, WITH_HAR, VolatilityKind
from pricewright.tables.arrays import Flags, Floats, Ints

RISKMETRICS = 0.94
"""The decay of an EWMA of daily squares (RiskMetrics 1996)."""


@dataclass(frozen=True)
class States(BySymbol):
    """The states of symbols after an observation, (..., S) each; None if the model has no use for
    it.

    observations: the number of observations so far.
    level: the level of the location model, on the symbol's scale.
    ewma: the weighted average of squared changes, or their rolling mean.
    garch: the GARCH variance of the next change.
    averages: (..., S, K), the HAR averages.
    ranges: the number of days so far whose range is in the averages.
    changes: (..., S, L), the last changes, newest first, for trees.
    """

    observations: Floats
    level: Floats
    ewma: Floats
    garch: Floats | None
    averages: Floats | None
    changes: Floats | None = None
    ranges: Floats | None = None

    def arrays(self) -> dict[str, Floats]:
        """The states that are not None, by name."""
        return self._own()

    def at(self, *places: Any) -> Self:
        """The states indexed along the arrays' first axes."""
        return replace(self, **{name: part[places] for name, part in self.arrays().items()})


@dataclass(frozen=True)
class Start(BySymbol):
    """The starting point of histories that began before the panel.

    states: (S,), after the panel's first observation, NaN for a history that begins there.
    earlier: (S, n), earlier squared changes, for a rolling mean; NaN where there are none.
    """

    states: States
    earlier: Floats


GARCH_CHANGES = 250
"""The number of changes that a symbol needs for its own GARCH."""


@dataclass(frozen=True)
class Volatility(BySymbol):
    """The chosen model and its estimates: GARCH per symbol (S,), HAR weights (H, K)."""

    common: ClassVar[Sequence[str]] = ("weights",)

    kind: VolatilityKind
    decay: float
    rolling_days: int
    garch: garches.Garch | None = None
    weights: Floats | None = None

    @property
    def prices_needed(self) -> int:
        """The number of last prices from which a symbol's states continue."""
        return self.rolling_days + 1 if self.kind == "rolling" else 1

    def kinds(self, symbols: int) -> Sequence[VolatilityKind]:
        """The model used for each symbol: the chosen one or its fallback."""
        uses_har = self.kind in WITH_HAR
        has_har = uses_har and self.weights is not None and bool(np.isfinite(self.weights).all())
        if self.garch is None:
            fallen: VolatilityKind = "ewma" if uses_har and not has_har else self.kind
            return [fallen] * symbols
        with_own: VolatilityKind = "garch11" if not has_har else self.kind
        without: VolatilityKind = "har" if has_har else "ewma"
        return [with_own if own else without for own in self.garch.converged]

    def feedback(self, symbols: int) -> tuple[Floats, Floats, Floats, Floats]:
        """(S,) each: how much a squared error moves the variance (alpha), the persistence of that,
        and the weights of a fall and of a rise."""
        alpha, persistence, fall, rise = np.repeat([[0.0], [0.0], [1.0], [1.0]], symbols, axis=1)
        for place, kind in enumerate(self.kinds(symbols)):
            if kind == "ewma":
                alpha[place], persistence[place] = 1 - self.decay, 1.0
            elif kind in WITH_GARCH and self.garch is not None:
                alpha[place] = self.garch.alpha[place]
                persistence[place] = self.garch.persistence[place]
                fall[place], rise[place] = self.garch.fall[place], self.garch.rise[place]
        return alpha, persistence, fall, rise


def fit_garches(
    histories: Sequence[Floats],
    starts: Sequence[garches.Garch | None],
    kept: Sequence[tuple[Flags, garches.Garch] | None],
) -> list[garches.Garch]:
    """The GARCHs of S symbols as of several days, all fitted together, which is much faster.

    histories: for each day, the changes up to it, (n, S). A symbol with fewer than GARCH_CHANGES
    changes gets none.
    starts: for each day, the parameters to start the search from.
    kept: for each day, which symbols (S,) were estimated before, and their GARCHs.
    """
    found, wanted, begun = list[garches.Garch](), list[Ints](), list[garches.Garch]()
    for changes, start, known in zip(histories, starts, kept, strict=True):
        none = garches.Garch.none(changes.shape[1])
        there, before = known or (np.zeros(len(none.variance), dtype=bool), none)
        before.put(np.flatnonzero(~there), none.of(np.flatnonzero(~there)))
        enough = np.isfinite(changes).sum(axis=0) >= GARCH_CHANGES
        found.append(before)
        wanted.append(np.flatnonzero(enough & ~there))
        begun.append((start or none).of(wanted[-1]))
    ends = np.cumsum([0, *(len(columns) for columns in wanted)])
    if not ends[-1]:
        return found
    together = np.full((max(len(changes) for changes in histories), ends[-1]), np.nan)
    for changes, columns, end in zip(histories, wanted, ends[1:], strict=True):
        together[: len(changes), end - len(columns) : end] = changes[:, columns]
    made = garches.fit(together, begun[0].joined(begun))
    for garch, columns, end in zip(found, wanted, ends[1:], strict=True):
        garch.put(columns, made.of(slice(end - len(columns), end)))
    return found


def average(volatility: Volatility, squares: Floats, start: Start | None = None) -> Floats:
    """(n+1, S): the plain average (rolling or EWMA) before the first and after each of squares
    (n, S)."""
    if volatility.kind == "rolling":
        return rolling(squares, volatility.rolling_days, start.earlier.T if start else None)
    return ewma(squares, volatility.decay, start.states.ewma if start else None)


def ewma(squares: Floats, decay: float, start: Floats | None = None) -> Floats:
    """(n+1, S): the average before the first and after each of the squared changes (n, S).

    start: (S,), the initial average; where NaN or not given, the mean of the first squares.
    """
    first = har.seed(squares)
    begin = first if start is None else np.where(np.isnan(start), first, start)
    return recurrence((1 - decay) * squares, decay, begin)


def rolling(squares: Floats, days: int, earlier: Floats | None = None) -> Floats:
    """(n+1, S): the mean of the last `days` squares, or of all if there are fewer.

    earlier: (m, S), the squares before these, NaN where there are none.
    """
    before = np.empty((0, squares.shape[1])) if earlier is None else earlier
    whole = np.concatenate([before, squares])
    there = np.isfinite(whole[: len(before)])
    counts = np.concatenate([there, np.ones(squares.shape, dtype=bool)])
    whole[: len(before)][~there] = 0.0
    sums = np.zeros((len(whole) + 1, squares.shape[1]))
    numbers = np.zeros(sums.shape)
    for back in range(min(days, len(whole))):
        sums[back + 1 :] += whole[: len(whole) - back]
        numbers[back + 1 :] += counts[: len(whole) - back]
    means = np.where(numbers > 0, sums / np.maximum(numbers, 1), har.seed(squares))
    return np.asarray(means[len(before) :])


def variances(volatility: Volatility, states: States, horizon: int) -> Floats:
    """(..., S, H): the variance of the change over the next 1..H steps."""
    steps = np.arange(1, horizon + 1)
    result = states.ewma[..., None] * steps
    kinds = np.array(volatility.kinds(states.ewma.shape[-1]), dtype=object)
    by_har = by_garch = result
    if states.averages is not None and volatility.weights is not None:
        by_har = np.zeros(result.shape)
        averages = har.with_floor(states.averages)
        for term, weights in enumerate(volatility.weights[:horizon].T):
            if weights.any():
                by_har += averages[..., term, None] * weights
        by_har *= steps
    if states.garch is not None and volatility.garch is not None:
        found = volatility.garch
        powers = np.ones((len(found.persistence), horizon))
        powers[:, 1:] = found.persistence[:, None]
        left = np.cumsum(np.cumprod(powers, axis=1), axis=1)
        excess = (states.garch - found.variance)[..., None]
        by_garch = found.variance[:, None] * steps + left * excess
    both = result
    if (kinds == "combined").any():
        both = np.sqrt(by_har * by_garch)
        if (with_ranges := _with_ranges(states)).any():
            both = np.where(with_ranges[..., None], np.sqrt(by_har * both), both)
    for kind, made in (("har", by_har), ("garch11", by_garch), ("combined", both)):
        if (kinds == kind).all():
            return made
        result = np.where((kinds == kind)[:, None], made, result)
    return result


def _with_ranges(states: States) -> Flags:
    """(..., S): whether more than half of the days so far had a range."""
    if states.ranges is None:
        return np.zeros(states.observations.shape, dtype=bool)
    return np.asarray(states.ranges > states.observations / 2)
