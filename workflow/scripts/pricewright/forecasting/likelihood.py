"""The Gaussian quasi-likelihood of GARCH(1,1), its score and its curvature, of many series at once.

With h[t+1] = 1 - alpha - beta + alpha * u[t] + beta * h[t] and h[0] = 1 the variance is

    h = 1 + alpha * a,    a[t+1] = u[t] - 1 + beta * a[t],    a[0] = 0

and, since a depends on beta alone, all derivatives of h are what the same recursion makes of a:

    dh/dalpha = a,    dh/dbeta = alpha * b,    db/dbeta = 2 * c

with b[t+1] = a[t] + beta * b[t] and c[t+1] = b[t] + beta * c[t], b[0] = c[0] = 0. (In this form
they are those of Fiorentini, Calzolari & Panattoni 1996.)
"""

from typing import Self

import numpy as np

from pricewright.arrays import Flags, Floats, Ints, sums
from pricewright.forecasting.recurrence import BLOCK, before, blocks

TOGETHER = 8
"""Rows of all blocks that are worked on at a time, to stay in a processor's cache; and variances
that are multiplied up for one logarithm: each is about 1, and none so far off that it matters."""


class Likelihood:
    """The likelihood of squared changes u, in units of their mean; a place is alpha and beta.

    A sum of derivatives is made for each series alone, from its own rows and in their order.
    """

    def __init__(self, squares: Floats, counts: Ints) -> None:
        """squares: u in blocks, (BLOCK, K, S), 0 past an end.  counts: (S,), rows of each."""
        self.squares, self.counts = squares, counts
        count, columns = squares.shape[1:]
        row = np.arange(count) * BLOCK
        self._past = []
        for begin in range(0, BLOCK, TOGETHER):
            rows = np.arange(begin, begin + TOGETHER)[:, None] + row
            self._past.append(np.flatnonzero(rows[..., None] >= counts))
        self._excess = squares - 1
        self._room = np.empty((3, *squares.shape))
        self._bench = np.empty((7, TOGETHER, count, columns))

    @classmethod
    def of_series(cls, squares: Floats, counts: Ints) -> Self:
        """That of u (n, S), NaN past an end."""
        # two blocks at least, for the rows of one alone would be added up pairwise
        rows = max(len(squares), BLOCK + 1)
        return cls(blocks(np.where(np.isnan(squares), 0.0, squares), rows), counts)

    def of(self, columns: Flags) -> Self:
        """The same for some of the series."""
        return type(self)(np.ascontiguousarray(self.squares[..., columns]), self.counts[columns])

    def value(self, place: Floats) -> Floats:
        """(S,): the mean log-likelihood at a place (2, S), but for its constant."""
        a = before(self._excess, place[1], 0.0, out=self._room[0])
        total = np.zeros(a.shape[1:])
        for rows, past in self._parts():
            variance, inverse, ratio, *_ = self._bench
            self._variance(a[rows], place[0], past, variance, inverse)
            total += np.log(np.multiply.reduce(variance, axis=0))
            total += _added(np.multiply(self.squares[rows], inverse, out=ratio))
        return -0.5 * sums(total) / self._divisor()

    def bend(self, place: Floats) -> tuple[Floats, Floats, Floats]:
        """The likelihood (S,), its score (2, S) and its curvature (3, S): minus the second
        derivatives by alpha twice, by both, and by beta twice."""
        alpha, beta = place
        a = before(self._excess, beta, 0.0, out=self._room[0])
        b = before(a, beta, 0.0, out=self._room[1])
        c = before(b, beta, 0.0, out=self._room[2])
        total = np.zeros((7, *a.shape[1:]))
        for rows, past in self._parts():
            variance, inverse, ratio, by_a, by_b, by_c, product = self._bench
            self._variance(a[rows], alpha, past, variance, inverse)
            total[0] += np.log(np.multiply.reduce(variance, axis=0))
            total[0] += _added(np.multiply(self.squares[rows], inverse, out=ratio))
            for derivative, relative in ((a, by_a), (b, by_b), (c, by_c)):
                np.multiply(derivative[rows], inverse, out=relative)
            ratio -= 1
            for place_of, relative in enumerate((by_a, by_b, by_c), start=1):
                total[place_of] += _added(np.multiply(ratio, relative, out=product))
            ratio *= 2
            ratio += 1
            np.multiply(ratio, by_a, out=product)
            ratio *= by_b
            by_a *= product
            total[4] += _added(by_a)
            product *= by_b
            total[5] += _added(product)
            ratio *= by_b
            total[6] += _added(ratio)
        value, s_a, s_b, s_c, aa, ab, bb = (
            np.array([sums(part) for part in total]) / self._divisor()
        )
        score = 0.5 * np.array([s_a, alpha * s_b])
        curve = 0.5 * np.array([aa, alpha * ab - s_b, alpha**2 * bb - 2 * alpha * s_c])
        return -0.5 * value, score, curve

    def _variance(
        self, a: Floats, alpha: Floats, past: Ints, variance: Floats, inverse: Floats
    ) -> None:
        """h and, past an end, 1; and 1 / h and, past an end, 0."""
        np.multiply(a, alpha, out=variance)
        variance += 1
        variance.reshape(-1)[past] = 1
        np.divide(1, variance, out=inverse)
        inverse.reshape(-1)[past] = 0

    def _parts(self) -> list[tuple[slice, Ints]]:
        begins = range(0, BLOCK, TOGETHER)
        return [
            (slice(begin, begin + TOGETHER), past)
            for begin, past in zip(begins, self._past, strict=True)
        ]

    def _divisor(self) -> Ints:
        return np.maximum(self.counts, 1)


def _added(rows: Floats) -> Floats:
    return np.asarray(np.add.reduce(rows, axis=0))
