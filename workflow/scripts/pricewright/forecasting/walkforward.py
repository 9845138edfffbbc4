"""Walk-forward: forecasts from dates of the past, each as it would have been made then.

Parameters are estimated from what was known at the end of some days, and hold to the next of
them; states are brought forward each day. The standardised errors that come of it were all made
out of sample, and the distribution at a date rests on those whose outcome was known by then.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from pricewright.arrays import Days, Flags, Floats, Ints
from pricewright.forecasting.calibration import (
    Errors,
    conformal,
    normal,
    shapes_of,
    simulated,
)
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.pieces import WIDTH, Part, pieces
from pricewright.forecasting.plan import Plan, planned
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.states import Start
from pricewright.forecasting.timeline import Timeline
from pricewright.forecasting.walk import Fitted, Track, errors, estimate, follow
from pricewright.forecasting.walked import Made, Piece, Walked
from pricewright.parallel import each
from pricewright.progress import Progress

MANY = 500_000
"""Observations from which on it is worth to start processes."""


def walk_forward(
    panel: Panel,
    timeline: Timeline,
    settings: Settings,
    processes: int = 1,
    *,
    to_the_end: bool = True,
    doing: str = "forecasting",
) -> Walked:
    """Estimate, follow and forecast all the way; the same bytes for any number of processes.

    to_the_end: whether to estimate once more at the end of the panel, for a model to deploy.
    doing: what the log calls it.
    """
    plan = planned(panel, timeline, settings, processes, to_the_end=to_the_end)
    return walked(panel, timeline, settings, walk(panel, plan, settings, processes, doing=doing))


def walk(
    panel: Panel, plan: Plan, settings: Settings, processes: int = 1, *, doing: str = "forecasting"
) -> list[Made]:
    """What can be made of some symbols without the others, but for what the plan knows of them."""
    one = partial(_walk, plan=plan, settings=settings)
    return _each_piece(one, pieces(panel), panel, processes, doing)


def walked(panel: Panel, timeline: Timeline, settings: Settings, made: Sequence[Made]) -> Walked:
    """A walk-forward of all symbols of a panel, from what was made of each, in any order."""
    knowns = [part.known for part in made]
    shapes = shapes_of(knowns, settings)
    whole = [
        replace(part.piece, shapes=own, errors=part.known.counts[-1, :, 0])
        for part, own in zip(made, shapes, strict=True)
    ]
    held = np.searchsorted(timeline.estimates, timeline.origins, side="right") - 1
    return Walked(panel, whole, np.append(held, len(knowns[0].counts) - 1))


def walk_given(
    panel: Panel,
    timeline: Timeline,
    settings: Settings,
    *,
    fitted: Fitted,
    shapes: Floats,
    start: Start | None = None,
    processes: int = 1,
) -> Walked:
    """Follow and forecast with a model that is given, its parameters the same at all dates.

    shapes: (1, S or 1, H, Q).  start: where histories go on that began before the panel.
    """
    made = follow_given(panel, timeline, settings, fitted=fitted, start=start, processes=processes)
    return walked_given(panel, timeline, shapes, made)


def follow_given(
    panel: Panel,
    timeline: Timeline,
    settings: Settings,
    *,
    fitted: Fitted,
    start: Start | None,
    processes: int = 1,
) -> list[Piece]:
    """What `walk_given` makes of some symbols: pieces without their shapes."""
    given = (
        _Given(part, fitted.of(part.columns), start.of(part.columns) if start else None)
        for part in pieces(panel)
    )
    one = partial(_follow_given, timeline=timeline, settings=settings)
    return _each_piece(one, given, panel, processes, "forecasting")


def walked_given(panel: Panel, timeline: Timeline, shapes: Floats, made: Sequence[Piece]) -> Walked:
    """A walk-forward of all symbols of a panel with a given model, from pieces in any order."""
    whole = [
        replace(piece, shapes=shapes if shapes.shape[1] == 1 else shapes[:, piece.columns])
        for piece in made
    ]
    held = np.zeros(len(timeline.origins) + 1, dtype=np.intp)
    return Walked(panel, whole, held)


def usable(panel: Panel, origins: Days, settings: Settings) -> tuple[Flags, Ints]:
    """(K, S): whether a symbol can be forecast from an origin, and its observation there.

    It must have history enough, a price that is not too old, and one that moves at times.
    """
    counts = np.empty((len(origins), len(panel)), dtype=np.intp)
    for place, day in enumerate(origins.tolist()):
        counts[place] = panel.upto(day)
    rows = counts - 1
    at = np.maximum(rows, 0)
    columns = np.arange(len(panel))
    enough = (rows + 1 >= settings.min_history) & (rows >= panel.first)
    age = origins[:, None] - panel.days[at, columns]
    moves = np.zeros(panel.days.shape, dtype=np.intp)
    moves[1:] = np.cumsum(np.diff(panel.prices, axis=0) != 0, axis=0)
    before = np.maximum(at - settings.min_history + 1, 0)
    moved = moves[at, columns] > moves[before, columns]
    return enough & (age <= settings.max_age_days) & moved, rows


@dataclass(frozen=True)
class _Given:
    """A part with the parameters that are given for it, and where its histories go on."""

    part: Part
    fitted: Fitted
    start: Start | None


One = TypeVar("One")
Result = TypeVar("Result", Made, Piece)


def _each_piece(
    function: Callable[[One], Result],
    parts: Iterable[One],
    panel: Panel,
    processes: int,
    doing: str,
) -> list[Result]:
    progress = Progress("symbols", len(panel), doing)
    worth_it = len(panel) > WIDTH and panel.counts.sum() >= MANY
    return each(
        function,
        parts,
        processes if worth_it else 1,
        done=lambda found: progress.advance(len(found)),
    )


def _walk(part: Part, *, plan: Plan, settings: Settings) -> Made:
    panel, days = part.panel, plan.days
    fitted: list[Fitted] = []
    for day, found, trees in zip(days, plan.weights, plan.forests, strict=True):
        before = fitted[-1] if fitted else None
        fitted.append(estimate(panel, day, settings, before, found, trees=trees))
    piece, track, begins = _forecasts(part, plan.timeline, fitted, settings, days=days)
    if settings.distribution == "normal":
        return Made(piece, normal(len(panel), len(days), settings))
    ends = np.array([panel.upto(day) for day in days])
    made = Errors(panel, np.ascontiguousarray(errors(panel, track).transpose(2, 1, 0)), begins)
    if settings.distribution == "fhs":
        places = np.where(ends > 0, np.maximum(ends - 1 - begins, 0), -1)
        terms = track.at(places).variances
        models = [part.volatility for part in fitted]
        return Made(piece, simulated(made, ends, terms, models, settings))
    return Made(piece, conformal(made, ends, settings, plan.every))


def _follow_given(given: _Given, *, timeline: Timeline, settings: Settings) -> Piece:
    return _forecasts(given.part, timeline, [given.fitted], settings, start=given.start)[0]


def _forecasts(
    part: Part,
    timeline: Timeline,
    fitted: Sequence[Fitted],
    settings: Settings,
    *,
    days: Sequence[int] = (),
    start: Start | None = None,
) -> tuple[Piece, Track, Ints]:
    """The piece, the whole track, and the row (S,) with which the track begins."""
    panel = part.panel
    able, rows = usable(panel, timeline.origins, settings)
    if days:
        begins = _begins(panel, days, timeline)
    else:
        begins = [np.maximum(rows[0], 0) if len(rows) else panel.counts - 1]
    track = follow(panel, fitted, begins, settings.horizon, start)
    ends = [np.maximum(panel.counts - 1, 0)]
    first = begins[0]
    begin = np.maximum(rows[0], 0) - first if len(rows) else panel.counts - first
    daily = begin + np.arange(max(int((panel.counts - first - begin).max(initial=0)), 0))[:, None]
    inside = daily < panel.counts - first
    each_day = track.at(np.where(inside, daily, -1))
    origins = track.at(np.where(rows >= 0, np.maximum(rows - first, 0), -1))
    piece = Piece(
        columns=part.columns,
        usable=able,
        rows=rows,
        states=origins.states,
        centres=origins.centres,
        variances=origins.variances,
        daily_rows=each_day.rows,
        daily_origins=_origins(each_day.rows, rows, able),
        daily_centres=each_day.centres[..., 0],
        daily_variances=each_day.variances[..., 0],
        fitted=fitted[-1],
        last=follow(panel, fitted[-1:], ends, settings.horizon, start),
        shapes=np.empty((0, 1, settings.horizon, 0)),
        errors=np.zeros(len(panel), dtype=np.intp),
    )
    return piece, track, first


def _origins(daily_rows: Ints, rows: Ints, able: Flags) -> Ints:
    """(D, S): the last origin up to each observation, -1 where there is none to forecast from."""
    origin = np.full(daily_rows.shape, -1)
    for place in rows:
        origin += place <= daily_rows
    if not len(able):
        return origin
    there = able[np.maximum(origin, 0), np.arange(able.shape[1])]
    return np.where((daily_rows >= 0) & there, origin, -1)


def _begins(panel: Panel, days: Sequence[int], timeline: Timeline) -> list[Ints]:
    """For each day of estimates (S,), the first row that is forecast with them.

    That is the last one known on that day, unless it was the last one at the origin before, too:
    what was forecast then may not know of a later day.
    """
    dates = np.union1d(timeline.origins, timeline.estimates)
    begins = [np.maximum(panel.upto(days[0]) - 1, 0)]
    for day in days[1:]:
        before = int(dates[dates < day][-1])
        begins.append(np.maximum(panel.upto(day) - 1, panel.upto(before)))
    return begins
