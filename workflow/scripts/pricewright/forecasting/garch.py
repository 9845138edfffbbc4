"""GARCH(1,1) with variance targeting, for many series at once (Bollerslev 1986).

With u[t] a squared change over the long-run variance, the variance of the next change is

    h[t+1] = (1 - persistence) + alpha * u[t] + (persistence - alpha) * h[t]

in units of the long-run variance, which is the mean squared change (variance targeting, Engle &
Mezrich 1996); h[0] is a weighted average of the first u. The Gaussian quasi-likelihood is
maximised within 0 <= alpha <= persistence <= CAP: by a step of Fisher scoring with analytic
derivatives (Fiorentini, Calzolari & Panattoni 1996), then by BFGS.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from pricewright.arrays import Flags, Floats, Ints, sums
from pricewright.forecasting.recurrence import recurrence

CAP = 0.9995
"""The most persistence: beyond it the variance would have no mean to return to."""

STARTS = ((0.05, 0.99), (0.10, 0.97), (0.10, 0.90))
"""(alpha, persistence) to begin from: the likeliest is taken."""

BACKCAST: Floats = 0.94 ** np.arange(20.0)
"""Weights of the first squares in the variance that the recursion begins with.

They are fewer than any forecast needs, or a forecast made early would know what comes later.
"""

LEAST = 0.01
"""The least h that the recursion begins with: a price that stood still at first will move."""

STEPS = 60
HALVINGS = 8
TOLERANCE = 1e-7
"""Converged: the step to take next, which is nearly Newton's, is shorter, and is taken."""

TOGETHER = 8
"""Variances that are multiplied up; each is about 1, and none so far off that it matters."""

ROUNDING = 1e-13
"""By so little a likelihood may be less and is not worse."""


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
    variance = sums(np.where(live, squares, 0.0)) / np.maximum(live.sum(axis=0), 1)
    moves = variance > 0
    scaled = squares / np.where(moves, variance, 1.0)
    search = _Search.over(scaled)
    if start is not None and start.converged.all():
        place = np.array([start.alpha, start.persistence])
    else:
        even = np.ones(len(variance))
        tried = [search.likelihood(np.array([a * even, p * even])) for a, p in STARTS]
        place = np.array(STARTS).T[:, np.argmax(tried, axis=0)]
        if start is not None:
            known = np.array([start.alpha, start.persistence])
            place = np.where(start.converged, known, place)
    place, converged, steps = search.run(place)
    return Garch(variance, place[0], place[1], converged & moves, steps)


def conditional(
    scaled: Floats, alpha: Floats, persistence: Floats, start: Floats | None = None
) -> Floats:
    """(n+1, S): h before the first and after each row, from u (n, S), NaN past an end.

    start: (S,), h to begin with; NaN, as where there is none, is an average of the first u.
    """
    first = _backcast(scaled)
    begin = first if start is None else np.where(np.isnan(start), first, start)
    return recurrence((1 - persistence) + alpha * scaled, persistence - alpha, begin)


def _backcast(scaled: Floats) -> Floats:
    first = scaled[: len(BACKCAST)]
    live = np.isfinite(first)
    weights = BACKCAST[: len(first), None] * live
    weight = sums(weights)
    average = sums(weights * np.where(live, first, 0.0)) / np.where(weight > 0, weight, 1.0)
    return np.where(weight > 0, np.maximum(average, LEAST), 1.0)


@dataclass(frozen=True)
class _Search:
    """The likelihood of u (n, S) and where it is most; a place is (2, S), alpha and persistence."""

    scaled: Floats
    live: Flags | None
    counts: Ints
    backcast: Floats

    @classmethod
    def over(cls, scaled: Floats) -> Self:
        live = np.isfinite(scaled)
        counts = np.maximum(live.sum(axis=0), 1)
        filled = scaled if live.all() else np.where(live, scaled, 1.0)
        return cls(filled, None if live.all() else live, counts, _backcast(scaled))

    def likelihood(self, place: Floats) -> Floats:
        """(S,): the mean log-likelihood, but for its constant."""
        variance = self._variance(place)
        return self._likelihood(variance, self.scaled / variance)

    def slope(self, place: Floats, *, with_information: bool) -> tuple[Floats, Floats, Floats]:
        """The likelihood (S,), its score (2, S) and, if wanted, Fisher's information (3, S)."""
        variance = self._variance(place)
        inverse = 1 / variance
        ratio = self.scaled * inverse
        value = self._likelihood(variance, ratio)
        ratio -= 1
        # the derivatives by alpha and by persistence, side by side
        inflow = np.concatenate([self.scaled - variance, variance - 1], axis=1)
        by_both = recurrence(inflow, np.tile(place[1] - place[0], 2), 0.0)[:-1]
        by_alpha, by_persistence = by_both[:, : len(value)], by_both[:, len(value) :]
        by_alpha *= inverse
        by_persistence *= inverse
        score = 0.5 * np.array([self._mean(ratio * by) for by in (by_alpha, by_persistence)])
        if not with_information:
            return value, score, np.empty((3, 0))
        products = (by_alpha**2, by_alpha * by_persistence, by_persistence**2)
        return value, score, 0.5 * np.array([self._mean(product) for product in products])

    def _likelihood(self, variance: Floats, ratio: Floats) -> Floats:
        if self.live is not None:
            variance = np.where(self.live, variance, 1.0)
        # the logarithm of a product, for a sum of logarithms takes far longer
        rows = len(variance) // TOGETHER * TOGETHER
        by_row = variance[:rows].reshape(-1, TOGETHER, variance.shape[1])
        logs = sums(np.log(np.multiply.reduce(by_row, axis=1))) + sums(np.log(variance[rows:]))
        return -0.5 * (logs / self.counts + self._mean(ratio))

    def of(self, columns: Flags) -> Self:
        """The same for some of the series."""
        live = None if self.live is None else self.live[:, columns]
        return type(self)(
            self.scaled[:, columns], live, self.counts[columns], self.backcast[columns]
        )

    def run(self, place: Floats) -> tuple[Floats, Flags, Ints]:
        """The place of the most likelihood from `place` on, whether it is one, and the steps.

        Series that have arrived are left out of what is computed, when they are many.
        """
        search = self
        found, converged = place.copy(), np.zeros(len(self.counts), dtype=bool)
        steps = np.zeros(len(self.counts), dtype=np.intp)
        at = np.arange(len(self.counts))
        climb = _Climb.begun(search, place)
        for _ in range(STEPS):
            going = climb.step(search)
            found[:, at], converged[at] = climb.place, climb.converged
            steps[at] += climb.moved
            if not going.any():
                break
            if 2 * going.sum() <= len(at):
                search, climb, at = search.of(going), climb.of(going), at[going]
        return found, converged, steps

    def _variance(self, place: Floats) -> Floats:
        inflow = (1 - place[1]) + place[0] * self.scaled
        return recurrence(inflow, place[1] - place[0], self.backcast)[:-1]

    def _mean(self, each: Floats) -> Floats:
        return sums(each if self.live is None else each * self.live) / self.counts


@dataclass
class _Climb:
    """Where the search for the most likelihood is, of C series; a place is (2, C)."""

    place: Floats
    value: Floats
    score: Floats
    curve: Floats
    converged: Flags
    stuck: Flags
    fresh: Flags
    moved: Flags

    @classmethod
    def begun(cls, search: _Search, place: Floats) -> Self:
        no = np.zeros(place.shape[1], dtype=bool)
        return cls(place, *search.slope(place, with_information=True), no, no, ~no, no)

    def of(self, columns: Flags) -> Self:
        """The same for some of the series."""
        return type(self)(*(part[..., columns] for part in vars(self).values()))

    def step(self, search: _Search) -> Flags:
        """Take a step, as far as it leads up; (C,): who is not there yet."""
        step = _inside(self.place + _newton(self.place, self.score, self.curve)) - self.place
        arrived = ~(self.converged | self.stuck) & (np.abs(step).max(axis=0) < TOLERANCE)
        self.place = np.where(arrived, self.place + step, self.place)
        self.converged = self.converged | arrived
        going = ~(self.converged | self.stuck)
        self.moved = np.zeros_like(going)
        if not going.any():
            return going
        fraction = np.where(going, 1.0, 0.0)
        for _ in range(HALVINGS):
            proposal = self.place + fraction * step
            value, score, _ = search.slope(proposal, with_information=False)
            worse = going & ~(value >= self.value - ROUNDING)
            if not worse.any():
                break
            fraction = np.where(worse, fraction / 4, fraction)
        self.moved = going & ~worse
        self.stuck = self.stuck | (worse & self.fresh)
        bent = _bfgs(self.curve, proposal - self.place, self.score - score)
        self.curve = np.where(self.moved, bent, self.curve)
        self.place = np.where(self.moved, proposal, self.place)
        self.value = np.where(self.moved, value, self.value)
        self.score = np.where(self.moved, score, self.score)
        self.fresh = worse & ~self.fresh
        if self.fresh.any():  # where BFGS lost its way, Fisher scoring sets out again
            information = search.slope(self.place, with_information=True)[2]
            self.curve = np.where(self.fresh, information, self.curve)
        return ~(self.converged | self.stuck)


def _inside(place: Floats) -> Floats:
    persistence = np.clip(place[1], 0.0, CAP)
    return np.array([np.clip(place[0], 0.0, persistence), persistence])


def _newton(place: Floats, score: Floats, curve: Floats) -> Floats:
    """The step to the top of the parabola; a parameter that is pushed out of bounds is held."""
    held_alpha = (place[0] <= 0) & (score[0] < 0)
    held_persistence = (place[1] >= CAP) & (score[1] > 0)
    aa, ap, pp = curve[0] + 1e-12, curve[1], curve[2] + 1e-12
    ap = np.where(held_alpha | held_persistence, 0.0, ap)
    determinant = np.maximum(aa * pp - ap**2, 1e-10 * aa * pp)
    alpha = (pp * score[0] - ap * score[1]) / determinant
    persistence = (aa * score[1] - ap * score[0]) / determinant
    return np.array(
        [np.where(held_alpha, 0.0, alpha), np.where(held_persistence, 0.0, persistence)]
    )


def _bfgs(curve: Floats, step: Floats, change: Floats) -> Floats:
    """The curvature (3, S) with what a step and the change of the score tell of it."""
    aa, ap, pp = curve
    seen = np.array([aa * step[0] + ap * step[1], ap * step[0] + pp * step[1]])
    along, expected = (step * change).sum(axis=0), (step * seen).sum(axis=0)
    tells = (expected > 0) & (along > 1e-3 * expected)
    along, expected = np.where(tells, along, 1.0), np.where(tells, expected, 1.0)
    pairs = ((0, 0), (0, 1), (1, 1))
    update = [change[i] * change[j] / along - seen[i] * seen[j] / expected for i, j in pairs]
    return np.where(tells, curve + np.array(update), curve)
