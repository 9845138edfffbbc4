"""GARCH(1,1) with variance targeting, for many series at once (Bollerslev 1986).

With u[t] a squared change over the long-run variance, the variance of the next change is

    h[t+1] = 1 - alpha - beta + alpha * u[t] + beta * h[t]

in units of the long-run variance, which is the mean squared change (variance targeting, Engle &
Mezrich 1996) and where the recursion begins: h[0] is 1. The Gaussian quasi-likelihood is
maximised within alpha >= 0, beta >= 0 and alpha + beta <= CAP, from the likeliest of a few places
or from a known one, by Newton's method with the exact derivatives (`likelihood.py`).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from pricewright.arrays import Flags, Floats, Ints, sums
from pricewright.forecasting.likelihood import Likelihood
from pricewright.forecasting.newton import inside, newton_step
from pricewright.forecasting.recurrence import recurrence

STARTS = ((0.03, 0.95), (0.08, 0.88), (0.05, 0.80))
"""(alpha, beta) to begin from: the likeliest is taken."""

STEPS = 60
HALVINGS = 8

ROUNDING = 1e-13
"""By so little a likelihood may be less and is not worse."""

CROWD = 0.5
"""When fewer than this share are still on their way, the others are left out of the work."""


@dataclass(frozen=True)
class Garch:
    """Parameters, each (S,), `variance` the long-run one; and how the search for them ended."""

    variance: Floats
    alpha: Floats
    persistence: Floats
    converged: Flags
    steps: Ints


def fit(squares: Floats, start: Garch | None = None) -> Garch:
    """Estimate from squared changes (n, S), NaN past a series' end and nowhere else.

    `start` are parameters to search from, such as those of a shorter history, where they
    converged. A series that never changes has no GARCH: its variance is 0 and it has not
    converged.
    """
    live = np.isfinite(squares)
    counts = live.sum(axis=0)
    variance = sums(np.where(live, squares, 0.0)) / np.maximum(counts, 1)
    moves = variance > 0
    likelihood = Likelihood.of_series(squares / np.where(moves, variance, 1.0), counts)
    place = np.zeros((2, len(variance)))
    known = moves & start.converged if start else np.zeros_like(moves)
    if not known.all():
        even = np.ones(len(variance))
        tried = [likelihood.value(np.array([alpha * even, beta * even])) for alpha, beta in STARTS]
        place = np.array(STARTS).T[:, np.argmax(tried, axis=0)]
    if start is not None:
        place = np.where(known, np.array([start.alpha, start.persistence - start.alpha]), place)
    place, converged, steps = _climb(likelihood, inside(place))
    return Garch(variance, place[0], place[0] + place[1], converged & moves, steps)


def conditional(
    scaled: Floats, alpha: Floats, persistence: Floats, start: Floats | None = None
) -> Floats:
    """(n+1, S): h before the first and after each row, from u (n, S), NaN past an end.

    start: (S,), h to begin with; NaN, as where there is none, is the long-run variance, 1.
    """
    begin = 1.0 if start is None else np.where(np.isnan(start), 1.0, start)
    return recurrence((1 - persistence) + alpha * scaled, persistence - alpha, begin)


@dataclass(frozen=True)
class _Here:
    """Where a search is, (2, C), with the likelihood there (C,), its score and its curvature."""

    place: Floats
    value: Floats
    score: Floats
    curve: Floats

    def of(self, columns: Flags) -> Self:
        """The same for some of the series."""
        return type(self)(*(part[..., columns] for part in vars(self).values()))

    def put(self, columns: Flags, others: Self) -> None:
        """Take the place of others for some of the series."""
        for name, part in vars(self).items():
            part[..., columns] = getattr(others, name)


def _climb(likelihood: Likelihood, place: Floats) -> tuple[Floats, Flags, Ints]:
    """The place (2, S) of the most likelihood from `place` on, whether it is one, and the steps."""
    found, converged = place.copy(), np.zeros(place.shape[1], dtype=bool)
    steps, at = np.zeros(place.shape[1], dtype=np.intp), np.arange(place.shape[1])
    here = _Here(place, *likelihood.bend(place))
    for _ in range(STEPS):
        step, arrives = newton_step(here.place, here.score, here.curve)
        found[:, at] = np.where(arrives, inside(here.place + step), here.place)
        converged[at] = arrives
        going = step.any(axis=0) & ~arrives
        if not going.any():
            break
        if going.sum() < CROWD * len(at):
            at, step = at[going], step[:, going]
            likelihood, here = likelihood.of(going), here.of(going)
            going = going[going]
        here = _onward(likelihood, here, np.where(going, step, 0.0))
        steps[at] += going
    return found, converged, steps


def _onward(likelihood: Likelihood, here: _Here, step: Floats) -> _Here:
    """As far along a step as it leads up."""
    place = inside(here.place + step)
    there = _Here(place, *likelihood.bend(place))
    for _ in range(HALVINGS):
        worse = ~(there.value >= here.value - ROUNDING)
        if not worse.any():
            return there
        step = step / 4
        place = inside(here.place[:, worse] + step[:, worse])
        there.put(worse, _Here(place, *likelihood.of(worse).bend(place)))
    worse = ~(there.value >= here.value - ROUNDING)
    there.put(worse, here.of(worse))
    return there
