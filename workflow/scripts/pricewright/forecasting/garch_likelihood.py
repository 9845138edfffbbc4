"""The likelihood of GARCH(1,1) with Student's t tails, and its derivatives, for many series.

With u[t] a squared change over the long-run variance, the variance of the next change is

    h[t+1] = 1 - alpha - beta + alpha * u[t] + beta * h[t]

in units of the long-run variance, with h[0] = 1. For the derivatives it is written as

    h = 1 + alpha * a,    a[t+1] = u[t] - 1 + beta * a[t],    a[0] = 0

and, since a depends on beta alone, all derivatives of h follow from a by the same recursion:

    dh/dalpha = a,    dh/dbeta = alpha * b,    db/dbeta = 2 * c

with b[t+1] = a[t] + beta * b[t] and c[t+1] = b[t] + beta * c[t], b[0] = c[0] = 0. (In this
form, these are the derivatives of Fiorentini, Calzolari & Panattoni 1996.)
"""

import math
from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np

from pricewright.forecasting.recurrence import BLOCK
from pricewright.tables.arrays import Flags, Floats, Ints, log, sums

FREEDOM = 5.0
"""Degrees of freedom of the tails: outliers count less than they would with normal tails."""

HALF, WHOLE = (FREEDOM + 1) / 2, FREEDOM / (FREEDOM + 1)
"""The exponent of the density, and the mean of the share that `_Group._at` computes."""

EVEN = 10.0
"""Prior information that falls and rises count alike, with a standard deviation of about 1/3."""

TINY = 1e-30

WIDE = 2048
"""The number of blocks, of a group of series, worked on side by side."""

TOGETHER = 16384
"""About how many numbers of each kind are worked on at a time, to stay in a processor's cache."""

OCTET = 8
"""The number of rows always added up together, so that sums do not depend on other sizes."""


class Likelihood:
    """The likelihood of squared changes u, in units of their mean, at a point (alpha, beta).

    Groups of series are computed together, but each series' sums are made from its own rows only,
    in their order.
    """

    def __init__(self, blocks: Floats, counts: Ints, bench: "_Bench | None" = None) -> None:
        """blocks: (B, BLOCK), u with the sign of the change, series after series, 0 past a series'
        end.  counts: (S,), the rows of each.  bench: memory to work in."""
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
        """signed: (n, S), u with the sign of the change, 0 past a series' end."""
        number = blocks_of(counts)
        most = int(number.max(initial=0))
        padded = np.zeros((signed.shape[1], most * BLOCK))
        padded[:, : len(signed)] = signed[: most * BLOCK].T  # beyond, all series have ended
        return cls(padded.reshape(-1, BLOCK)[(np.arange(most) < number[:, None]).ravel()], counts)

    def of(self, columns: Flags) -> Self:
        """The same for some of the series."""
        blocks = self.blocks[np.repeat(columns, blocks_of(self.counts))]
        return type(self)(blocks, self.counts[columns], self._bench)

    def value(self, place: Floats) -> Floats:
        """(S,): the mean log-likelihood at a point (2, S), without its constant."""
        return np.concatenate([group.value(place[:, part]) for part, group in self._groups])

    def bend(self, place: Floats) -> tuple[Floats, Floats, Floats]:
        """The log-likelihood (S,), its score (2, S) and its curvature (3, S): minus the second
        derivatives by alpha twice, by both, and by beta twice."""
        found = [group.bend(place[:, part]) for part, group in self._groups]
        value, score, curve = (np.concatenate(each, axis=-1) for each in zip(*found, strict=True))
        return value, score, curve

    def tilt(self, place: Floats) -> tuple[Floats, Floats]:
        """(S,) each: the weights of falls and of rises, 1 on average, at a point (2, S).

        They are one step of Fisher scoring from both being 1, shrunk towards that by EVEN.
        """
        found = [group.tilt(place[:, part]) for part, group in self._groups]
        fall, rise = (np.concatenate(each) for each in zip(*found, strict=True))
        return fall, rise


def blocks_of(counts: Ints) -> Ints:
    """(S,): the number of blocks of each series; at least two, because numpy would add up the rows
    of a single block in another order, pairwise."""
    return np.maximum(-(-counts // BLOCK), 2)


class _Bench:
    """Memory to work in, reused because allocating it costs as much as the work."""

    def __init__(self, width: int) -> None:
        """width: the largest number of blocks side by side."""
        most = max(TOGETHER, OCTET * width)
        self._room, self._parts = np.empty(4 * (most + width)), np.empty(7 * most)
        self._totals = np.empty(8 * BLOCK // OCTET * width)

    def of(self, together: int, width: int) -> tuple[Floats, Floats, Floats]:
        """Work arrays for R rows and B blocks: for states (R + 1, 4, B); for results (7, R, B); and
        for totals over each OCTET rows (8, BLOCK / OCTET, B)."""
        shapes = (together + 1, 4, width), (7, together, width), (8, BLOCK // OCTET, width)
        room, parts, totals = (
            memory[: math.prod(shape)].reshape(shape)
            for memory, shape in zip((self._room, self._parts, self._totals), shapes, strict=True)
        )
        return room, parts, totals


class _Group:
    """The likelihood of some series, whose blocks are worked on side by side."""

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
        by_lean = signed  # reuses its memory
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
        """Yield, for some rows at a time: the rows, which of their numbers are past an end, the
        slice for their totals, and their states (R, depth, B).

        The first states are the recurrence with factor (S,) of the inflow (BLOCK, B) minus `less`,
        the second the recurrence of the first, and so on.
        """
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
        """(depth, B): the states at the start of blocks, from the states (depth, B) at their ends
        when all blocks start from 0.

        A prefix sum that adds the states 1, 2, 4, … blocks back (Hillis & Steele 1986). Each row
        multiplies the states by the factor and adds each to the next.
        """
        depth, power = len(ends), BLOCK
        two_less, less, whole = _powers(factor)
        blocks, series = self._dense
        starts = np.zeros((blocks, depth + 2, series))
        starts[self._place[1:], 2:, self._series[1:]] = ends.T[:-1]  # from the block before
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
        """1 / h, 0 past an end; and the share h / (h + u / (FREEDOM - 2)). The products of h and of
        that denominator go to the totals.

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
        """(B,): the log-likelihood. The arguments of the logarithms are first multiplied over half
        a block: each is about 1, so their product neither overflows nor underflows."""
        variances, tails = self._totals[:2].reshape(2, 2, -1, self._totals.shape[-1])
        found = FREEDOM / 2 * log(np.multiply.reduce(variances, axis=1))
        found -= HALF * log(np.multiply.reduce(tails, axis=1))
        return np.asarray(found[0] + found[1])

    def _by_block(self, values: Floats) -> Floats:
        """(B,): values (S,) repeated for each block."""
        return np.asarray(values[self._series])

    def _by_series(self, values: Floats) -> Floats:
        """(..., S): values (..., B) summed over the blocks of each series."""
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
