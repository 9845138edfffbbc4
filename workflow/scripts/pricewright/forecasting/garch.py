"""GARCH(1,1) with variance targeting and tails of Student's t, for many series at once.

(Bollerslev 1986, 1987.) With u[t] a squared change over the long-run variance, the variance of the
next change is

    h[t+1] = 1 - alpha - beta + alpha * u[t] + beta * h[t]

in units of the long-run variance, which is the mean squared change (variance targeting, Engle &
Mezrich 1996) and where the recursion begins: h[0] is 1. The likelihood of Student's t with FREEDOM
degrees of freedom is maximised within alpha >= 0, beta >= 0 and alpha + beta <= CAP, from the
likeliest of a few places or from a known one, by Newton's method with the exact derivatives.

For these, the variance is written as

    h = 1 + alpha * a,    a[t+1] = u[t] - 1 + beta * a[t],    a[0] = 0

and, since a depends on beta alone, all derivatives of h are what the same recursion makes of a:

    dh/dalpha = a,    dh/dbeta = alpha * b,    db/dbeta = 2 * c

with b[t+1] = a[t] + beta * b[t] and c[t+1] = b[t] + beta * c[t], b[0] = c[0] = 0. (In this form
they are those of Fiorentini, Calzolari & Panattoni 1996.)

When the place is found, falls get another weight in the news than rises (as in Glosten,
Jagannathan & Runkle 1993): in place of u there is `fall` * u or `rise` * u, which are 1 in the
mean. How far they are apart takes one step of Fisher's scoring from 0, with alpha and beta as they
are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from pricewright.forecasting.panel import BySymbol
from pricewright.forecasting.recurrence import BLOCK, blocks, recurrence, states_before
from pricewright.tables.arrays import Flags, Floats, Ints, log, sums

TOGETHER = 8
"""Rows of all blocks that are worked on at a time, to stay in a processor's cache."""


class Likelihood:
    """The likelihood of squared changes u, in units of their mean; a place is alpha and beta.

    A sum of derivatives is made for each series alone, from its own rows and in their order.
    """

    def __init__(self, signed: Floats, counts: Ints) -> None:
        """signed: u with the sign of the change, in blocks, (BLOCK, K, S), 0 past an end.
        counts: (S,), rows of each."""
        self.signed, self.squares, self.counts = signed, np.abs(signed), counts
        count, columns = signed.shape[1:]
        rows = np.arange(BLOCK)[:, None, None] + np.arange(count)[:, None] * BLOCK
        self._parts = [
            (part, np.flatnonzero(rows[part] >= counts))
            for part in (slice(at, at + TOGETHER) for at in range(0, BLOCK, TOGETHER))
        ]
        self._divisor = np.maximum(counts, 1)
        self._excess = self.squares - 1
        self._room = np.empty((3, *signed.shape))
        self._bench = np.empty((7, TOGETHER, count, columns))
        self._products = np.empty((2, BLOCK // TOGETHER, count, columns))

    def of(self, columns: Flags) -> Self:
        """The same for some of the series."""
        return type(self)(np.ascontiguousarray(self.signed[..., columns]), self.counts[columns])

    def value(self, place: Floats) -> Floats:
        """(S,): the mean log-likelihood at a place (2, S), but for its constant."""
        a = states_before(self._excess, place[1], 0.0, out=self._room[0])
        for (rows, past), *products in zip(self._parts, *self._products, strict=True):
            self._at(a[rows], place[0], past, rows, products)
        return -0.5 * sums(self._logarithms()) / self._divisor

    def bend(self, place: Floats) -> tuple[Floats, Floats, Floats]:
        """The likelihood (S,), its score (2, S) and its curvature (3, S): minus the second
        derivatives by alpha twice, by both, and by beta twice."""
        alpha, beta = place
        a = states_before(self._excess, beta, 0.0, out=self._room[0])
        b = states_before(a, beta, 0.0, out=self._room[1])
        c = states_before(b, beta, 0.0, out=self._room[2])
        total = np.zeros((7, *a.shape[1:]))
        for (rows, past), *products in zip(self._parts, *self._products, strict=True):
            inverse, weight = self._at(a[rows], alpha, past, rows, products)
            _, _, _, by_a, by_b, by_c, product = self._bench
            for derivative, relative in ((a, by_a), (b, by_b), (c, by_c)):
                np.multiply(derivative[rows], inverse, out=relative)
            np.subtract(weight, 1, out=inverse)
            for place_of, relative in enumerate((by_a, by_b, by_c), start=1):
                total[place_of] += np.add.reduce(
                    np.multiply(inverse, relative, out=product), axis=0
                )
            # 2 * weight - 1 - weight ** 2 / (FREEDOM + 1)
            inverse += weight
            weight *= weight
            weight /= FREEDOM + 1
            inverse -= weight
            np.multiply(inverse, by_a, out=product)
            inverse *= by_b
            by_a *= product
            total[4] += np.add.reduce(by_a, axis=0)
            product *= by_b
            total[5] += np.add.reduce(product, axis=0)
            inverse *= by_b
            total[6] += np.add.reduce(inverse, axis=0)
        total[0] = self._logarithms()
        value, s_a, s_b, s_c, aa, ab, bb = np.array([sums(part) for part in total]) / self._divisor
        score = 0.5 * np.array([s_a, alpha * s_b])
        curve = 0.5 * np.array([aa, alpha * ab - s_b, alpha**2 * bb - 2 * alpha * s_c])
        return -0.5 * value, score, curve

    def tilt(self, place: Floats) -> tuple[Floats, Floats]:
        """(S,) each: how much a fall and a rise count in the news, 1 in the mean, from a place.

        A step of Fisher's scoring from where both are 1, drawn to it by EVEN.
        """
        alpha, beta = place
        middle = sums(np.add.reduce(self.signed, axis=0)) / self._divisor
        a = states_before(self._excess, beta, 0.0, out=self._room[0])
        lean = np.multiply(self.squares, middle, out=self._room[2])
        lean -= self.signed
        by_lean = states_before(lean, beta, 0.0, out=self._room[1])
        total = np.zeros((2, *a.shape[1:]))
        for (rows, past), *products in zip(self._parts, *self._products, strict=True):
            relative, weight = self._at(a[rows], alpha, past, rows, products)
            relative *= by_lean[rows]
            relative *= alpha
            weight -= 1
            weight *= relative
            total[0] += np.add.reduce(weight, axis=0)
            relative *= relative
            total[1] += np.add.reduce(relative, axis=0)
        score, information = (0.5 * sums(part) for part in total)
        step = score / (information * FREEDOM / (FREEDOM + 3) + EVEN)
        step = np.clip(step, -1 / np.maximum(1 + middle, TINY), 1 / np.maximum(1 - middle, TINY))
        return 1 + step * (1 + middle), 1 - step * (1 - middle)

    def _at(
        self, a: Floats, alpha: Floats, past: Ints, rows: slice, products: Sequence[Floats]
    ) -> tuple[Floats, Floats]:
        """1 / h and, past an end, 0; and how much u / h weighs, which is that itself if the tails
        are normal. products: where the product of h goes, and of what the tails add to it."""
        variance, inverse, weight, tail, *_ = self._bench
        np.multiply(a, alpha, out=variance)
        variance += 1
        variance.reshape(-1)[past] = 1
        np.multiply.reduce(variance, axis=0, out=products[0])
        np.divide(1, variance, out=inverse)
        inverse.reshape(-1)[past] = 0
        np.multiply(self.squares[rows], inverse, out=weight)
        weight /= FREEDOM - 2
        np.add(weight, 1, out=tail)
        np.multiply.reduce(tail, axis=0, out=products[1])
        weight /= tail
        weight *= FREEDOM + 1
        return inverse, weight

    def _logarithms(self) -> Floats:
        """(K, S): minus twice the log-likelihood. Of half a block, what it is the logarithm of is
        multiplied up for one: each is about 1, and none so far off that it matters."""
        variances, tails = self._products.reshape(2, 2, -1, *self._products.shape[2:])
        found = log(np.multiply.reduce(variances, axis=1))
        found += (FREEDOM + 1) * log(np.multiply.reduce(tails, axis=1))
        return np.asarray(np.add.reduce(found, axis=0))


FREEDOM = 5.0
"""Degrees of freedom of the tails: a day far off says less than it would if they were normal."""

EVEN = 10.0
"""Falls and rises count alike as if that were known to about a third."""

CAP = 0.9995
"""The most persistence: beyond it the variance would have no mean to return to."""

TOLERANCE = 3e-4
"""Arrived: the next step is shorter, and when it is done what is left is about its square: 2e-6 at
most for 99 in 100."""

FLATTEST = 1e-6
"""A curvature is taken for no less than this, relative to the steepest."""

ON_IT = 1e-12
"""So near a bound is on it."""

NEAR, CLOSER = 1e-3, 0.9
"""From farther than this off a bound a step goes no more than this share of the way to it: on it
a parabola from afar says little."""

TINY = 1e-30

BOUNDS = (
    ((-1.0, 0.0), 0.0, (0.0, 1.0)),
    ((0.0, -1.0), 0.0, (1.0, 0.0)),
    ((1.0, 1.0), CAP, (1.0, -1.0)),
)
"""Each with the direction out, how far that goes, and the direction along it."""


def newton_step(place: Floats, score: Floats, curve: Floats) -> tuple[Floats, Flags]:
    """The step (2, S) to the top of a parabola, within the bounds, and who arrives with it (S,).

    score: (2, S).  curve: (3, S), minus the second derivatives: twice by the first parameter, by
    both, twice by the second. Where there is no top the step leads up, and nobody arrives. Where
    it would lead out of a bound it goes along it.
    """
    free, has_top = _free(score, curve)
    step = free
    on_it = [_dot(out, place) >= limit - ON_IT for out, limit, _ in BOUNDS]
    for (out, _, along), on in zip(BOUNDS, on_it, strict=True):
        held = on & ((_dot(out, score) > 0) | (_dot(out, free) > 0))
        length, has_one = _along(along, score, curve)
        step = np.where(held, np.multiply.outer(along, length), step)
        has_top = np.where(held, has_one, has_top)
    for (out, _, _), on in zip(BOUNDS, on_it, strict=True):  # where two meet
        step = np.where(on & (_dot(out, step) > ON_IT * np.abs(step).max(axis=0)), 0.0, step)
    arrives = has_top & (np.abs(step).max(axis=0) < TOLERANCE)
    part = np.ones(place.shape[1])
    for out, limit, _ in BOUNDS:
        outward, room = _dot(out, step), np.maximum(limit - _dot(out, place), 0.0)
        room = np.where(room > NEAR, CLOSER * room, room)
        part = np.where(outward > room, np.minimum(part, room / np.maximum(outward, TINY)), part)
    return step * part, arrives


def inside(place: Floats) -> Floats:
    """The place (2, S), with what rounding has put past a bound on it."""
    alpha = np.clip(place[0], 0.0, CAP)
    return np.array([alpha, np.clip(place[1], 0.0, CAP - alpha)])


def _free(score: Floats, curve: Floats) -> tuple[Floats, Flags]:
    """The step with no bounds; where the curvature is none of a top, its absolute value serves."""
    aa, ab, bb = curve
    middle, half = (aa + bb) / 2, (aa - bb) / 2
    radius = np.sqrt(half * half + ab * ab)
    steep, flat = middle + radius, middle - radius
    least = FLATTEST * np.maximum(np.abs(steep), np.abs(flat)) + TINY
    steep, gentle = (np.maximum(np.abs(value), least) for value in (steep, flat))
    # the same directions, with these two curvatures
    turn = (steep - gentle) / 2 / np.maximum(radius, TINY)
    middle = (steep + gentle) / 2
    aa, ab, bb = middle + turn * half, turn * ab, middle - turn * half
    both = steep * gentle
    step = np.array([bb * score[0] - ab * score[1], aa * score[1] - ab * score[0]]) / both
    return step, flat > 0


def _along(along: tuple[float, float], score: Floats, curve: Floats) -> tuple[Floats, Flags]:
    """(S,): the step in a direction, and whether there is a top, or nothing to gain."""
    one, other = along
    slope = _dot(along, score)
    bend = one**2 * curve[0] + 2 * one * other * curve[1] + other**2 * curve[2]
    least = FLATTEST * np.abs(curve).max(axis=0) + TINY
    return slope / np.maximum(np.abs(bend), least), (bend > 0) | (slope == 0)


def _dot(direction: tuple[float, float], values: Floats) -> Floats:
    return np.asarray(direction[0] * values[0] + direction[1] * values[1])


STARTS = ((0.03, 0.95), (0.08, 0.88), (0.05, 0.80))
"""(alpha, beta) to begin from: the likeliest is taken."""

STEPS = 60
HALVINGS = 8

ROUNDING = 1e-13
"""By so little a likelihood may be less and is not worse."""

OUTLIER = 100.0
"""In an estimate a squared change counts for no more than so many times the mean: ten deviations.
So a slip of the decimal point does not decide it."""

OUTLIER_ROUNDS = 3
"""How often that mean is made anew, without what was too much."""

CROWD = 0.5
"""When fewer than this share are still on their way, the others are left out of the work."""


@dataclass(frozen=True)
class Garch(BySymbol):
    """Parameters, each (S,), `variance` the long-run one, `fall` and `rise` how much these count;
    and how the search for them ended."""

    variance: Floats
    alpha: Floats
    persistence: Floats
    fall: Floats
    rise: Floats
    converged: Flags
    steps: Ints

    def put(self, columns: Ints, others: Self) -> None:
        """Take those of others for some of the series."""
        for name, part in vars(self).items():
            part[columns] = getattr(others, name)


def fit(changes: Floats, start: Garch | None = None) -> Garch:
    """Estimate from changes (n, S), NaN past a series' end and nowhere else, the square of none
    counting for more than OUTLIER times their mean.

    `start` are parameters to search from, such as those of a shorter history, where they
    converged. A series that never changes has no GARCH: its variance is 0 and it has not
    converged.
    """
    live = np.isfinite(changes)
    counts = live.sum(axis=0)
    counted = np.where(live, changes * changes, 0.0)
    variance = sums(counted) / np.maximum(counts, 1)
    for _ in range(OUTLIER_ROUNDS):
        if not (counted > OUTLIER * variance).any():
            break
        counted = np.minimum(counted, OUTLIER * variance)
        variance = sums(counted) / np.maximum(counts, 1)
    moves = variance > 0
    scaled = np.copysign(counted / np.where(moves, variance, 1.0), changes)
    # two blocks at least, for the rows of one alone would be added up pairwise
    likelihood = Likelihood(blocks(scaled, max(len(scaled), BLOCK + 1)), counts)
    place = np.zeros((2, len(variance)))
    known = moves & start.converged if start else np.zeros_like(moves)
    if not known.all():
        even = np.ones(len(variance))
        tried = [likelihood.value(np.array([alpha * even, beta * even])) for alpha, beta in STARTS]
        place = np.array(STARTS).T[:, np.argmax(tried, axis=0)]
    if start is not None:
        place = np.where(known, np.array([start.alpha, start.persistence - start.alpha]), place)
    place, converged, steps = _climb(likelihood, inside(place))
    fall, rise = likelihood.tilt(place)
    return Garch(variance, place[0], place[0] + place[1], fall, rise, converged & moves, steps)


def conditional(garch: Garch, changes: Floats, start: Floats | None = None) -> Floats:
    """(n+1, S): the variance of the next change, before the first and after each of changes (n, S),
    which are NaN past an end.

    start: (S,), to begin with; NaN, as where there is none, is the long-run variance.
    """
    begin = garch.variance
    if start is not None:
        begin = np.where(np.isnan(start), begin, start)
    inflow = changes * np.where(changes < 0, garch.alpha * garch.fall, garch.alpha * garch.rise)
    inflow *= changes
    inflow += (1 - garch.persistence) * garch.variance
    return recurrence(inflow, garch.persistence - garch.alpha, begin)


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
