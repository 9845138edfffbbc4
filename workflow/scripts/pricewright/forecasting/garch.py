"""GARCH(1,1) with variance targeting and Student's t tails, for many series at once.

(Bollerslev 1986, 1987.) The long-run variance is the mean squared change (variance targeting, Engle
& Mezrich 1996), and the variance starts from it. The likelihood (garch_likelihood.py) is maximised
subject to alpha >= 0, beta >= 0 and alpha + beta <= CAP, by Newton's method with exact derivatives.
The search starts from the likeliest of a few points, or from a given one.

After that, falls get a different weight from rises (Glosten, Jagannathan & Runkle 1993): a squared
change u is replaced by `fall` * u or `rise` * u, with a mean of 1. The difference between the two
weights is one step of Fisher scoring from 0, with alpha and beta fixed.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from pricewright.forecasting.garch_likelihood import TINY, Likelihood
from pricewright.forecasting.panel import BySymbol
from pricewright.forecasting.recurrence import recurrence
from pricewright.tables.arrays import Flags, Floats, Ints, sums

CAP = 0.9995
"""The largest persistence; the variance must have a mean to return to."""

TOLERANCE = 3e-4
"""Converged when the next step is shorter than this. After that step the remaining error is about
the step squared: at most 2e-6 for 99 in 100 series."""

FLATTEST = 1e-6
"""The smallest curvature used, relative to the largest."""

ON_IT = 1e-12
"""A point this close to a bound counts as on it."""

NEAR, CLOSER = 1e-3, 0.9
"""From farther than NEAR off a bound, a step goes at most the share CLOSER of the way to it: a
parabola fitted that far away says little about the bound."""

BOUNDS = (
    ((-1.0, 0.0), 0.0, (0.0, 1.0)),
    ((0.0, -1.0), 0.0, (1.0, 0.0)),
    ((1.0, 1.0), CAP, (1.0, -1.0)),
)
"""For each bound: the direction outward, the limit in that direction, the direction along it."""


def newton_step(place: Floats, score: Floats, curve: Floats) -> tuple[Floats, Flags]:
    """The step (2, S) to the maximum of a parabola, within the bounds, and who converges (S,).

    score: (2, S).  curve: (3, S), minus the second derivatives: by the first parameter twice, by
    both, by the second twice. If there is no maximum, the step leads uphill and does not converge.
    A step that would cross a bound goes along it.
    """
    free, has_top = _free(score, curve)
    step = free
    on_it = [_dot(out, place) >= limit - ON_IT for out, limit, _ in BOUNDS]
    for (out, _, along), on in zip(BOUNDS, on_it, strict=True):
        held = on & ((_dot(out, score) > 0) | (_dot(out, free) > 0))
        length, has_one = _along(along, score, curve)
        step = np.where(held, np.multiply.outer(along, length), step)
        has_top = np.where(held, has_one, has_top)
    for (out, _, _), on in zip(BOUNDS, on_it, strict=True):  # in a corner of two bounds
        step = np.where(on & (_dot(out, step) > ON_IT * np.abs(step).max(axis=0)), 0.0, step)
    arrives = has_top & (np.abs(step).max(axis=0) < TOLERANCE)
    part = np.ones(place.shape[1])
    for out, limit, _ in BOUNDS:
        outward, room = _dot(out, step), np.maximum(limit - _dot(out, place), 0.0)
        room = np.where(room > NEAR, CLOSER * room, room)
        part = np.where(outward > room, np.minimum(part, room / np.maximum(outward, TINY)), part)
    return step * part, arrives


def inside(place: Floats) -> Floats:
    """The point (2, S), moved onto a bound if rounding has put it outside."""
    alpha = np.where(place[0] < ON_IT, 0.0, np.minimum(place[0], CAP))
    return np.array([alpha, np.clip(place[1], 0.0, CAP - alpha)])


def _free(score: Floats, curve: Floats) -> tuple[Floats, Flags]:
    """The step without bounds; a negative curvature is replaced by its absolute value."""
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
    """(S,) each: the step in a direction, and whether there is a maximum or nothing to gain."""
    one, other = along
    slope = _dot(along, score)
    bend = one**2 * curve[0] + 2 * one * other * curve[1] + other**2 * curve[2]
    least = FLATTEST * np.abs(curve).max(axis=0) + TINY
    return slope / np.maximum(np.abs(bend), least), (bend > 0) | (slope == 0)


def _dot(direction: tuple[float, float], values: Floats) -> Floats:
    return np.asarray(direction[0] * values[0] + direction[1] * values[1])


STARTS = ((0.03, 0.95), (0.08, 0.88), (0.05, 0.80))
"""Starting points (alpha, beta) of a search, which takes the likeliest."""

STEPS = 60
HALVINGS = 8

ROUNDING = 1e-13
"""A likelihood that is lower by no more than this counts as equal."""

OUTLIER = 100.0
"""In an estimate a squared change is cut to this multiple of the mean, that is, to ten standard
deviations, so that a misplaced decimal point does not dominate the estimate."""

OUTLIER_ROUNDS = 3
"""How often that mean is recomputed from the cut squares."""

CROWD = 0.8
"""When less than this share of the series is still searching, the others are dropped."""


@dataclass(frozen=True)
class Garch(BySymbol):
    """Parameters and how their search ended, (S,) each.

    variance: the long-run variance.  fall, rise: the weights of falls and rises.
    """

    variance: Floats
    alpha: Floats
    persistence: Floats
    fall: Floats
    rise: Floats
    converged: Flags
    steps: Ints

    @classmethod
    def none(cls, series: int) -> Self:
        """The placeholder for series that were not estimated."""
        zero, one = np.zeros(series), np.ones(series)
        never = np.zeros(series, dtype=bool), np.zeros(series, dtype=np.intp)
        return cls(zero, zero.copy(), zero.copy(), one, one.copy(), *never)

    def put(self, columns: Ints, others: Self) -> None:
        """Overwrite some of the series by others."""
        for name, part in vars(self).items():
            part[columns] = getattr(others, name)


def fit(changes: Floats, start: Garch | None = None) -> Garch:
    """Estimate from changes (n, S), NaN past a series' end and nowhere else.

    Squares are cut to OUTLIER times their mean. The search starts from `start`, such as the
    parameters of a shorter history, where that converged. A series that never changes has no GARCH:
    its variance is 0 and `converged` is False.
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
    which are NaN past a series' end.

    start: (S,), the initial variance; where NaN or not given, the long-run variance.
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
    """The current point of C searches (2, C), with its likelihood (C,), score (2, C) and curvature
    (3, C)."""

    place: Floats
    value: Floats
    score: Floats
    curve: Floats

    def of(self, columns: Flags) -> Self:
        """The same for some of the series."""
        return type(self)(*(part[..., columns] for part in vars(self).values()))

    def put(self, columns: Flags, others: Self) -> None:
        """Overwrite some of the series by others, point and derivatives."""
        for name, part in vars(self).items():
            part[..., columns] = getattr(others, name)


def _climb(likelihood: Likelihood, place: Floats) -> tuple[Floats, Flags, Ints]:
    """The point (2, S) of maximum likelihood from `place`, whether it converged, and the steps."""
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
    """Go along a step, shortened until the likelihood does not fall."""
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
