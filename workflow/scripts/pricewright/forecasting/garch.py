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

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from pricewright.forecasting.panel import BySymbol
from pricewright.forecasting.recurrence import BLOCK, recurrence
from pricewright.tables.arrays import Flags, Floats, Ints, log, sums

WIDE = 2048
"""Blocks of a group of series that are worked on side by side."""

TOGETHER = 16384
"""About so many numbers of each kind are worked on at a time, to stay in a processor's cache."""

OCTET = 8
"""Rows that are added up at a time, whatever else is done at a time."""


class Likelihood:
    """The likelihood of squared changes u, in units of their mean; a place is alpha and beta.

    It is worked out for groups of series at a time. A sum of derivatives is made for each series
    alone, from its own rows and in their order.
    """

    def __init__(self, blocks: Floats, counts: Ints, bench: "_Bench | None" = None) -> None:
        """blocks: (B, BLOCK), u with the sign of the change, those of a series one after the other,
        0 past its end.  counts: (S,), rows of each.  bench: what there is to work on."""
        self.blocks, self.counts = blocks, counts
        number = blocks_of(counts)
        self._bench = bench or _Bench(max(WIDE, int(number.max(initial=0))))
        ends = np.cumsum(number)
        self._groups, begin = list[tuple[slice, _Group]](), 0
        while begin < len(counts):
            before = ends[begin - 1] if begin else 0
            end = max(int(np.searchsorted(ends, before + WIDE, side="right")), begin + 1)
            part = _Group(blocks[before : ends[end - 1]], counts[begin:end], self._bench)
            self._groups.append((slice(begin, end), part))
            begin = end

    @classmethod
    def of_series(cls, signed: Floats, counts: Ints) -> Self:
        """signed: (n, S), u with the sign of the change, 0 past an end."""
        number = blocks_of(counts)
        most = int(number.max(initial=0))
        padded = np.zeros((signed.shape[1], most * BLOCK))
        padded[:, : len(signed)] = signed.T
        return cls(padded.reshape(-1, BLOCK)[(np.arange(most) < number[:, None]).ravel()], counts)

    def of(self, columns: Flags) -> Self:
        """The same for some of the series."""
        blocks = self.blocks[np.repeat(columns, blocks_of(self.counts))]
        return type(self)(blocks, self.counts[columns], self._bench)

    def value(self, place: Floats) -> Floats:
        """(S,): the mean log-likelihood at a place (2, S), but for its constant."""
        return np.concatenate([group.value(place[:, part]) for part, group in self._groups])

    def bend(self, place: Floats) -> tuple[Floats, Floats, Floats]:
        """The likelihood (S,), its score (2, S) and its curvature (3, S): minus the second
        derivatives by alpha twice, by both, and by beta twice."""
        found = [group.bend(place[:, part]) for part, group in self._groups]
        value, score, curve = (np.concatenate(each, axis=-1) for each in zip(*found, strict=True))
        return value, score, curve

    def tilt(self, place: Floats) -> tuple[Floats, Floats]:
        """(S,) each: how much a fall and a rise count in the news, 1 in the mean, from a place.

        A step of Fisher's scoring from where both are 1, drawn to it by EVEN.
        """
        found = [group.tilt(place[:, part]) for part, group in self._groups]
        fall, rise = (np.concatenate(each) for each in zip(*found, strict=True))
        return fall, rise


def blocks_of(counts: Ints) -> Ints:
    """(S,): the blocks of series with so many rows; two at least, for the rows of one alone would
    be added up pairwise."""
    return np.maximum(-(-counts // BLOCK), 2)


class _Bench:
    """Memory to work on, for memory that is new costs as much as the work."""

    def __init__(self, width: int) -> None:
        """width: the most blocks side by side."""
        most = max(TOGETHER, OCTET * width)
        self._room, self._parts = np.empty(4 * (most + width)), np.empty(7 * most)
        self._totals = np.empty(8 * BLOCK // OCTET * width)

    def of(self, together: int, width: int) -> tuple[Floats, Floats, Floats]:
        """Of so many rows and blocks: what states, a row more, are made in (R + 1, 4, B); what is
        made of them (7, R, B); and of that for each OCTET rows (8, BLOCK / OCTET, B)."""
        shapes = (together + 1, 4, width), (7, together, width), (8, BLOCK // OCTET, width)
        room, parts, totals = (
            memory[: math.prod(shape)].reshape(shape)
            for memory, shape in zip((self._room, self._parts, self._totals), shapes, strict=True)
        )
        return room, parts, totals


class _Group:
    """The likelihood of some series, in the blocks of `Likelihood`, here side by side."""

    def __init__(self, blocks: Floats, counts: Ints, bench: _Bench) -> None:
        self._blocks, self.squares = blocks, np.ascontiguousarray(blocks.T)
        np.abs(self.squares, out=self.squares)
        self._shares = self.squares * (1 / (FREEDOM - 2))
        number, width = blocks_of(counts), len(blocks)
        self._series = np.repeat(np.arange(len(counts)), number)
        self._place = np.arange(width) - np.repeat(np.cumsum(number) - number, number)
        self._dense = int(number.max()), len(counts)
        self._divisor = np.maximum(counts, 1)
        together = BLOCK
        while together > OCTET and together * width > TOGETHER:
            together //= 2
        left = counts[self._series] - self._place * BLOCK
        ends = np.flatnonzero(left < BLOCK)
        past = np.arange(BLOCK)[:, None] >= left[ends]
        self._parts = []
        for at in range(0, BLOCK, together):
            part, octets = slice(at, at + together), slice(at // OCTET, (at + together) // OCTET)
            rows, blocks_past = np.nonzero(past[part])
            self._parts.append((part, rows * width + ends[blocks_past], octets))
        self._room, self._bench, self._totals = bench.of(together, width)

    def value(self, place: Floats) -> Floats:
        for rows, past, octets, states in self._states(self.squares, 1.0, place[1], 1):
            self._at(states[:, 0], self._by_block(place[0]), past, rows, octets)
        return self._by_series(self._logarithms()) / self._divisor

    def bend(self, place: Floats) -> tuple[Floats, Floats, Floats]:
        alpha, by = place[0], self._by_block(place[0])
        for rows, past, octets, states in self._states(self.squares, 1.0, place[1], 3):
            inverse, share = self._at(states[:, 0], by, past, rows, octets)
            _, _, _, by_a, by_b, by_c, product = self._bench
            for derivative, relative in enumerate((by_a, by_b, by_c)):
                np.multiply(states[:, derivative], inverse, out=relative)
            factor = np.subtract(WHOLE, share, out=inverse)
            for place_of, relative in enumerate((by_a, by_b, by_c), start=2):
                self._add(place_of, octets, np.multiply(factor, relative, out=product))
            share *= share
            factor = np.subtract(WHOLE, share, out=inverse)
            np.multiply(factor, by_a, out=product)
            factor *= by_b
            by_a *= product
            self._add(5, octets, by_a)
            product *= by_b
            self._add(6, octets, product)
            factor *= by_b
            self._add(7, octets, factor)
        total = [self._logarithms(), *(HALF * np.add.reduce(self._totals[2:], axis=1))]
        value, s_a, s_b, s_c, aa, ab, bb = self._by_series(np.array(total)) / self._divisor
        score = np.array([s_a, alpha * s_b])
        return value, score, np.array([aa, alpha * ab - s_b, alpha**2 * bb - 2 * alpha * s_c])

    def tilt(self, place: Floats) -> tuple[Floats, Floats]:
        alpha, beta = self._by_block(place[0]), place[1]
        signed = np.ascontiguousarray(self._blocks.T)
        middle = self._by_series(np.add.reduce(signed, axis=0)) / self._divisor
        lean = self.squares * self._by_block(middle)
        lean -= signed
        by_lean = signed  # whose place it takes
        for rows, _, _, states in self._states(lean, 0.0, beta, 1):
            np.multiply(states[:, 0], alpha, out=by_lean[rows])
        for rows, past, octets, states in self._states(self.squares, 1.0, beta, 1):
            relative, share = self._at(states[:, 0], alpha, past, rows, octets)
            relative *= by_lean[rows]
            factor = np.subtract(WHOLE, share, out=share)
            factor *= relative
            self._add(2, octets, factor)
            relative *= relative
            self._add(3, octets, relative)
        score, information = self._by_series(np.add.reduce(self._totals[2:4], axis=1))
        information *= FREEDOM / (FREEDOM + 3) / 2
        step = HALF * score / (information + EVEN)
        step = np.clip(step, -1 / np.maximum(1 + middle, TINY), 1 / np.maximum(1 - middle, TINY))
        return 1 + step * (1 + middle), 1 - step * (1 - middle)

    def _states(
        self, inflow: Floats, less: float, factor: Floats, depth: int
    ) -> Iterator[tuple[slice, Ints, slice, Floats]]:
        """Some rows at a time, where they are past an end, where their totals go, and their states
        (R, depth, B): what the recurrence with a factor (S,) makes of an inflow (BLOCK, B), which
        is too much by `less`; what it makes of that; and so on."""
        room, product = self._room[:, : depth + 1], np.empty((depth, self._room.shape[-1]))
        by, states = self._by_block(factor), room[:, 1:]
        pairs = list(zip(room[:-1, 1:], room[:-1, :-1], room[1:, 1:], strict=True))
        states[0] = 0.0
        for begun in (False, True):
            for rows, past, octets in self._parts:
                np.subtract(inflow[rows], less, out=room[:-1, 0])
                for here, into, then in pairs:
                    np.multiply(here, by, out=product)
                    np.add(product, into, out=then)
                if begun:
                    yield rows, past, octets, states[:-1]
                states[0] = states[-1]
            if not begun:
                states[0] = self._carried(states[0], factor)

    def _carried(self, ends: Floats, factor: Floats) -> Floats:
        """(depth, B): the states with which blocks begin, from those (depth, B) with which they
        would end if they began with 0.

        Each of 1, 2, 4, … blocks back is added at a time (Hillis & Steele 1986). So many rows each
        multiply the states by the factor and add one to the next.
        """
        depth, power = len(ends), BLOCK
        two_less, less, whole = _powers(factor)
        blocks, series = self._dense
        starts = np.zeros((blocks, depth + 2, series))
        starts[self._place[1:], 2:, self._series[1:]] = ends.T[:-1]  # of the block before
        starts[0] = 0.0
        back = 1
        while back < blocks:
            carry = whole, power * less, power * (power - 1) / 2 * two_less
            before = starts[:-back]
            moved = before[:, 2:] * carry[0]
            for by, multiple in enumerate(carry[1:depth], start=1):
                moved += before[:, 2 - by : 2 - by + depth] * multiple
            starts[back:, 2:] += moved
            two_less, less, whole = whole * two_less, whole * less, whole * whole
            back, power = 2 * back, 2 * power
        return np.asarray(starts[self._place, 2:, self._series].T)

    def _at(
        self, a: Floats, alpha: Floats, past: Ints, rows: slice, octets: slice
    ) -> tuple[Floats, Floats]:
        """1 / h and, past an end, 0; and h / (h + u / (FREEDOM - 2)). The products of h, and of
        what that is divided by, go to the totals.

        With that share r, the derivative of the log-likelihood by h is HALF * (WHOLE - r) / h, and
        minus the second one HALF * (WHOLE - r * r) / (h * h).
        """
        variance, inverse, tail, *_ = self._bench
        np.multiply(a, alpha, out=variance)
        variance += 1
        variance.reshape(-1)[past] = 1
        np.multiply.reduce(self._by_octet(variance), axis=1, out=self._totals[0, octets])
        np.divide(1, variance, out=inverse)
        inverse.reshape(-1)[past] = 0
        np.add(variance, self._shares[rows], out=tail)
        np.multiply.reduce(self._by_octet(tail), axis=1, out=self._totals[1, octets])
        return inverse, np.divide(variance, tail, out=tail)

    def _add(self, total: int, octets: slice, values: Floats) -> None:
        np.add.reduce(self._by_octet(values), axis=1, out=self._totals[total, octets])

    def _by_octet(self, values: Floats) -> Floats:
        return values.reshape(-1, OCTET, values.shape[-1])

    def _logarithms(self) -> Floats:
        """(B,): the log-likelihood. Of half a block, what it is the logarithm of is multiplied up
        for one: each is about 1, and none so far off that it matters."""
        variances, tails = self._totals[:2].reshape(2, 2, -1, self._totals.shape[-1])
        found = FREEDOM / 2 * log(np.multiply.reduce(variances, axis=1))
        found -= HALF * log(np.multiply.reduce(tails, axis=1))
        return np.asarray(found[0] + found[1])

    def _by_block(self, values: Floats) -> Floats:
        """(B,): what is (S,), for each block."""
        return np.asarray(values[self._series])

    def _by_series(self, values: Floats) -> Floats:
        """(..., S): the sums over each one's blocks of values (..., B)."""
        blocks, series = self._dense
        dense = np.zeros((blocks, *values.shape[:-1], series))
        dense[self._place, ..., self._series] = np.moveaxis(values, -1, 0)
        return sums(dense)


def _powers(factor: Floats) -> Sequence[Floats]:
    """The factor (S,) to the powers BLOCK - 2, BLOCK - 1 and BLOCK."""
    squared, two_less = factor, np.ones(len(factor))
    for _ in range(BLOCK.bit_length() - 2):
        squared = squared * squared
        two_less = two_less * squared
    return two_less, two_less * factor, squared * squared


FREEDOM = 5.0
"""Degrees of freedom of the tails: a day far off says less than it would if they were normal."""

HALF, WHOLE = (FREEDOM + 1) / 2, FREEDOM / (FREEDOM + 1)
"""The power of a tail, and what a share of a variance is in the mean."""

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
    alpha = np.where(place[0] < ON_IT, 0.0, np.minimum(place[0], CAP))
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

CROWD = 0.8
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

    @classmethod
    def none(cls, series: int) -> Self:
        """Of so many series, of whom nothing was searched for."""
        zero, one = np.zeros(series), np.ones(series)
        never = np.zeros(series, dtype=bool), np.zeros(series, dtype=np.intp)
        return cls(zero, zero.copy(), zero.copy(), one, one.copy(), *never)

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
    likelihood = Likelihood.of_series(scaled, counts)
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
