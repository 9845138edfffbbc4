"""Walk-forward: forecasts from dates of the past, each as it would have been made then.

Parameters are estimated from what was known at the end of some days, and hold to the next of
them; states are brought forward each day. The standardised errors that come of it were all made
out of sample, and the distribution at a date rests on those whose outcome was known by then.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeVar

import numpy as np

from pricewright.forecasting.distribution import (
    Errors,
    PastErrors,
    conformal,
    normal_calibration,
    shapes_of,
    simulated_calibration,
)
from pricewright.forecasting.panel import SLICE_WIDTH, Panel, PanelSlice, each, panel_slices
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.track import (
    Fitted,
    Plan,
    Timeline,
    Track,
    errors,
    estimate,
    follow,
    make_plan,
)
from pricewright.forecasting.volatility import Start, States
from pricewright.steplog.log import Progress
from pricewright.tables.arrays import Days, Flags, Floats, Ints


@dataclass(frozen=True)
class Forecasts:
    """What a walk-forward made for some symbols, S of them.

    columns: (S,), where they are in the panel of all.
    usable: (K, S), where an origin can be forecast from.  rows: (K, S), the observation at each
    origin, with its states.  centres, variances: (K, S, H), forecasts from there.
    daily_rows: (D, S), all observations from the first origin on, -1 for none; daily_origins, from
    which origin their distribution is, -1 where none can be forecast from; daily_centres,
    daily_variances: forecasts from them of the next.
    fitted: the parameters at the end.  last: the track's last observation of each, P being 1.
    shapes: (D, S or 1, H, Q), the distributions as they were estimated at D dates.
    errors: (S,), from how many errors made out of sample the last of them.
    """

    columns: Ints
    usable: Flags
    rows: Ints
    states: States
    centres: Floats
    variances: Floats
    daily_rows: Ints
    daily_origins: Ints
    daily_centres: Floats
    daily_variances: Floats
    fitted: Fitted
    last: Track
    shapes: Floats
    errors: Ints

    def __len__(self) -> int:
        return len(self.columns)


@dataclass(frozen=True)
class CalibratedForecasts:
    """A piece without its shapes, which are those of all symbols, and what they rest on."""

    piece: Forecasts
    known: PastErrors

    def __len__(self) -> int:
        return len(self.piece)


@dataclass(frozen=True)
class WalkForward:
    """A walk-forward of all symbols, piece by piece, in whatever order.

    whole: the panel of all.
    held: (K + 1,), which of the distributions held at each origin and holds at the end.
    """

    whole: Panel
    pieces: Sequence[Forecasts]
    held: Ints

    @cached_property
    def order(self) -> Ints | slice:
        """Where, of what all pieces have one after the other, each symbol's is."""
        places = np.concatenate([piece.columns for piece in self.pieces])
        return slice(None) if (np.diff(places) > 0).all() else np.argsort(places)

    def panel(self, piece: Forecasts) -> Panel:
        """A piece's histories, cut out anew each time: those of all pieces are a second panel."""
        return self.whole.columns(piece.columns)

    def shapes(self, piece: Forecasts) -> Floats:
        """(K + 1, S or 1, H, Q): the distributions of a piece at each origin and at the end."""
        return np.asarray(piece.shapes[self.held])

    def last_shapes(self) -> Floats:
        """(S or 1, H, Q): the distributions at the end, of all symbols or common to them."""
        found = np.concatenate([piece.shapes[self.held[-1]] for piece in self.pieces])
        return found[self.order] if len(found) == len(self.whole) else found[:1]


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
) -> WalkForward:
    """Estimate, follow and forecast all the way; the same bytes for any number of processes.

    to_the_end: whether to estimate once more at the end of the panel, for a model to deploy.
    doing: what the log calls it.
    """
    plan = make_plan(panel, timeline, settings, processes, to_the_end=to_the_end)
    return walked(panel, timeline, settings, walk(panel, plan, settings, processes, doing=doing))


def walk(
    panel: Panel, plan: Plan, settings: Settings, processes: int = 1, *, doing: str = "forecasting"
) -> list[CalibratedForecasts]:
    """What can be made of some symbols without the others, but for what the plan knows of them."""
    one = partial(_walk, plan=plan, settings=settings)
    return _each_piece(one, panel_slices(panel), panel, processes, doing)


def walked(
    panel: Panel, timeline: Timeline, settings: Settings, made: Sequence[CalibratedForecasts]
) -> WalkForward:
    """A walk-forward of all symbols of a panel, from what was made of each, in any order."""
    knowns = [part.known for part in made]
    shapes = shapes_of(knowns, settings)
    whole = [
        replace(part.piece, shapes=own, errors=part.known.counts[-1, :, 0])
        for part, own in zip(made, shapes, strict=True)
    ]
    held = np.searchsorted(timeline.estimates, timeline.origins, side="right") - 1
    return WalkForward(panel, whole, np.append(held, len(knowns[0].counts) - 1))


def walk_given(
    panel: Panel,
    timeline: Timeline,
    settings: Settings,
    *,
    fitted: Fitted,
    shapes: Floats,
    start: Start | None = None,
    processes: int = 1,
) -> WalkForward:
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
) -> list[Forecasts]:
    """What `walk_given` makes of some symbols: pieces without their shapes."""
    given = (
        _Given(part, fitted.of(part.columns), start.of(part.columns) if start else None)
        for part in panel_slices(panel)
    )
    one = partial(_follow_given, timeline=timeline, settings=settings)
    return _each_piece(one, given, panel, processes, "forecasting")


def walked_given(
    panel: Panel, timeline: Timeline, shapes: Floats, made: Sequence[Forecasts]
) -> WalkForward:
    """A walk-forward of all symbols of a panel with a given model, from pieces in any order."""
    whole = [
        replace(piece, shapes=shapes if shapes.shape[1] == 1 else shapes[:, piece.columns])
        for piece in made
    ]
    held = np.zeros(len(timeline.origins) + 1, dtype=np.intp)
    return WalkForward(panel, whole, held)


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

    part: PanelSlice
    fitted: Fitted
    start: Start | None


One = TypeVar("One")
Result = TypeVar("Result", CalibratedForecasts, Forecasts)


def _each_piece(
    function: Callable[[One], Result],
    parts: Iterable[One],
    panel: Panel,
    processes: int,
    doing: str,
) -> list[Result]:
    progress = Progress("symbols", len(panel), doing)
    worth_it = len(panel) > SLICE_WIDTH and panel.counts.sum() >= MANY
    return each(
        function,
        parts,
        processes if worth_it else 1,
        done=lambda found: progress.advance(len(found)),
    )


def _walk(part: PanelSlice, *, plan: Plan, settings: Settings) -> CalibratedForecasts:
    panel, days = part.panel, plan.days
    fitted: list[Fitted] = []
    for day, found, trees in zip(days, plan.weights, plan.forests, strict=True):
        before = fitted[-1] if fitted else None
        fitted.append(estimate(panel, day, settings, before, found, trees=trees))
    piece, track, begins = _forecasts(part, plan.timeline, fitted, settings, days=days)
    if settings.distribution == "normal":
        return CalibratedForecasts(piece, normal_calibration(len(panel), len(days), settings))
    ends = np.array([panel.upto(day) for day in days])
    made = Errors(panel, np.ascontiguousarray(errors(panel, track).transpose(2, 1, 0)), begins)
    if settings.distribution == "fhs":
        places = np.where(ends > 0, np.maximum(ends - 1 - begins, 0), -1)
        terms = track.at(places).variances
        models = [part.volatility for part in fitted]
        return CalibratedForecasts(
            piece, simulated_calibration(made, ends, terms, models, settings)
        )
    return CalibratedForecasts(piece, conformal(made, ends, settings, plan.every))


def _follow_given(given: _Given, *, timeline: Timeline, settings: Settings) -> Forecasts:
    return _forecasts(given.part, timeline, [given.fitted], settings, start=given.start)[0]


def _forecasts(
    part: PanelSlice,
    timeline: Timeline,
    fitted: Sequence[Fitted],
    settings: Settings,
    *,
    days: Sequence[int] = (),
    start: Start | None = None,
) -> tuple[Forecasts, Track, Ints]:
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
    piece = Forecasts(
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
