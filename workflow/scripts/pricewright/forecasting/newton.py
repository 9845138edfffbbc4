"""Newton's method for two parameters of many series: alpha >= 0, beta >= 0, alpha + beta <= CAP."""

import numpy as np

from pricewright.arrays import Flags, Floats

CAP = 0.9995
"""The most persistence: beyond it the variance would have no mean to return to."""

TOLERANCE = 1e-5
"""Arrived: the next step would be shorter, and its error is about its square."""

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
    radius = np.hypot(half, ab)
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
