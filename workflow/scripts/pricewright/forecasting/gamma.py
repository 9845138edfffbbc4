"""A gamma GLM with identity link and weights that are not negative (McCullagh & Nelder 1989).

Its deviance is QLIKE. Rows are multiplied in chunks of a fixed length, in their order, so that the
same rows come to the same weights to the byte.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from pricewright.arrays import Flags, Floats, sums

FEWEST = 100
"""The rows that a regression needs."""

RIDGE = 1e-12
"""Added, in units of it, to a curvature, so that columns that are all alike have a solution."""

CHUNK = 512
"""Rows that a multiplication of matrices takes, so few that no library shares it among threads."""

STEPS, CLOSE = 50, 1e-6
"""Settled: a step of Newton's is shorter, for its error is about its square; or another step is
shorter than that."""


def gamma_regression(x: Floats, y: Floats, use: Flags, start: Floats | None = None) -> Floats:
    """(K,): weights >= 0 of a gamma GLM of y (B,) on x (B, K), identity link.

    use: (B,), the rows that count.  NaN if they are fewer than FEWEST.

    By Newton's method, and Fisher scoring where that leads astray; a weight that would be
    negative is 0, unless the likelihood asks for more of it in the end.
    """
    terms = x.shape[1]
    if use.sum() < FEWEST:
        return np.full(terms, np.nan)
    regression = _Regression.of(x[use], y[use])
    known = start is not None and bool(np.isfinite(start).all())
    weights = start if known and start is not None else np.full(terms, 1 / terms)
    active = weights > 0
    for step in range(STEPS):
        score, information, curvature = regression.slope(weights)
        chosen = np.ix_(active, active)
        new = np.zeros(terms)
        by_newton = (known or step > 0) and _is_convex(curvature[chosen])
        if by_newton:
            new[active] = weights[active] + np.linalg.solve(curvature[chosen], score[active])
            by_newton = bool((new >= 0).all())
        if not by_newton:
            new[active] = weights[active] + np.linalg.solve(information[chosen], score[active])
        if (new < 0).any():
            active &= np.arange(terms) != np.argmin(new)
            weights = np.where(active, np.maximum(new, 0.01 / terms), 0.0)
            continue
        settled = np.abs(new - weights).max() < (CLOSE if by_newton else CLOSE**2)
        weights = new
        if settled:
            missed = ~active & (score > 1e-6 * use.sum())
            if not missed.any():
                break
            active |= missed
            weights = np.where(missed, 0.01 / terms, weights)
    return weights


@dataclass(frozen=True)
class _Regression:
    """Rows in chunks: x (C, K, CHUNK), y and which of them count (C, CHUNK)."""

    x: Floats
    y: Floats
    counted: Floats

    @classmethod
    def of(cls, x: Floats, y: Floats) -> Self:
        """Rows x (B, K) and y (B,); what is added to fill a chunk does not count."""
        more = -len(y) % CHUNK
        counted = np.concatenate([np.ones(len(y)), np.zeros(more)])
        x = np.concatenate([x, np.ones((more, x.shape[1]))]).reshape(-1, CHUNK, x.shape[1])
        y = np.concatenate([y, np.zeros(more)])
        return cls(
            np.ascontiguousarray(x.swapaxes(1, 2)),
            y.reshape(-1, CHUNK),
            counted.reshape(-1, CHUNK),
        )

    def slope(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """The score (K,) of the log-likelihood, its expected and its true curvature (K, K)."""
        terms = len(weights)
        made = np.empty((len(self.x), 2 * terms + 1, CHUNK))
        relative, bent, excess = made[:, :terms], made[:, terms:-1], made[:, -1]
        inverse = self.counted / np.matmul(weights, self.x)
        ratio = self.y * inverse
        np.multiply(self.x, inverse[:, None], out=relative)
        np.multiply(relative, (2 * ratio - 1)[:, None], out=bent)
        np.subtract(ratio, 1, out=excess)
        moments = sums(np.matmul(relative, made.transpose(0, 2, 1)))
        information = moments[:, :terms]
        information += RIDGE * np.trace(information) * np.eye(terms)
        return moments[:, -1], information, moments[:, terms:-1]


def _is_convex(curvature: Floats) -> bool:
    return bool((np.linalg.eigvalsh(curvature) > 0).all())
