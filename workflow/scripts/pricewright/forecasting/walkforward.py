"""Walk-forward: forecasts from dates of the past, each as it would have been made then.

Parameters are estimated from what was known at the end of some days, and hold to the next of
them; states are brought forward each day. The standardised errors that come of it were all made
out of sample, and the distribution at a date rests on those whose outcome was known by then.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from pricewright.arrays import Days, Flags, Floats, Ints
from pricewright.forecasting import boosting, distribution, har
from pricewright.forecasting.calibration import (
    Errors,
    Known,
    conformal,
    normal,
    shapes_of,
    simulated,
)
from pricewright.forecasting.panel import NEVER, Panel
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.states import Start, States
from pricewright.forecasting.timeline import Timeline
from pricewright.forecasting.trees import Tree
from pricewright.forecasting.walk import Fitted, Track, errors, estimate, follow

WIDTH = 64
"""Symbols that are worked on at a time, so that their numbers fit a processor's cache."""

One = TypeVar("One")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Piece:
    """What a walk-forward made for some symbols, S of them.

    whole, columns: the panel of all symbols, and these among them.
    usable: (K, S), where an origin can be forecast from.  rows: (K, S), the observation at each
    origin, with its states.  centres, variances: (K, S, H), forecasts from there.
    daily_rows: (D, S), all observations from the first origin on, -1 for none; daily_origins, from
    which origin their distribution is, -1 where none can be forecast from; daily_centres,
    daily_variances: forecasts from them of the next.
    fitted: the parameters at the end.  last: the track's last observation of each, P being 1.
    shapes: (D, S or 1, H, Q), the distributions as they were estimated at D dates.
    errors: (S,), from how many errors made out of sample the last of them.
    """

    whole: Panel
    columns: slice
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

    @property
    def panel(self) -> Panel:
        """The histories, cut out anew each time: all pieces' together are a second panel."""
        return self.whole.columns(self.columns)


@dataclass(frozen=True)
class Walked:
    """A walk-forward of all symbols, piece by piece.

    held: (K + 1,), which of the distributions held at each origin and holds at the end.
    """

    pieces: Sequence[Piece]
    held: Ints

    def shapes(self, piece: Piece) -> Floats:
        """(K + 1, S or 1, H, Q): the distributions of a piece at each origin and at the end."""
        return np.asarray(piece.shapes[self.held])

    def last_shapes(self) -> Floats:
        """(S or 1, H, Q): the distributions at the end, of all symbols or common to them."""
        found = [piece.shapes[self.held[-1]] for piece in self.pieces]
        return found[0] if len(found[0]) == 1 else np.concatenate(found)


def walk_forward(
    panel: Panel,
    timeline: Timeline,
    settings: Settings,
    threads: int = 1,
    *,
    to_the_end: bool = True,
) -> Walked:
    """Estimate, follow and forecast all the way; the same bytes for any number of threads.

    to_the_end: whether to estimate once more at the end of the panel, for a model to deploy.
    """
    days = timeline.estimates.tolist() + ([int(panel.calendar[-1])] if to_the_end else [])
    weights = _har_weights(panel, days, settings, threads)
    forests = boosting.forests(panel, _columns(panel), days, settings, threads)
    walk = partial(
        _walk,
        panel,
        timeline=timeline,
        days=days,
        weights=weights,
        forests=forests,
        settings=settings,
    )
    made = each(walk, _columns(panel), threads)
    shapes = shapes_of([known for _, known in made], settings)
    pieces = [
        replace(piece, shapes=own, errors=known.counts[-1, :, 0])
        for (piece, known), own in zip(made, shapes, strict=True)
    ]
    held = np.searchsorted(timeline.estimates, timeline.origins, side="right") - 1
    return Walked(pieces, np.append(held, len(days) - 1))


def walk_given(
    panel: Panel,
    timeline: Timeline,
    settings: Settings,
    *,
    fitted: Fitted,
    shapes: Floats,
    start: Start | None = None,
    threads: int = 1,
) -> Walked:
    """Follow and forecast with a model that is given, its parameters the same at all dates.

    shapes: (1, S or 1, H, Q).  start: where histories go on that began before the panel.
    """

    def walk(columns: slice) -> Piece:
        own = None if start is None else start.of(columns)
        piece, _, _ = _forecasts(
            panel, columns, timeline, [fitted.of(columns)], settings, start=own
        )
        return replace(piece, shapes=shapes if shapes.shape[1] == 1 else shapes[:, columns])

    held = np.zeros(len(timeline.origins) + 1, dtype=np.intp)
    return Walked(each(walk, _columns(panel), threads), held)


def each(function: Callable[[One], Result], ones: Sequence[One], threads: int) -> list[Result]:
    """The results for each one, in their order, so many at a time."""
    if threads <= 1 or len(ones) <= 1:
        return [function(one) for one in ones]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, ones))


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


def _columns(panel: Panel) -> list[slice]:
    return [slice(at, at + WIDTH) for at in range(0, len(panel), WIDTH)]


def _har_weights(
    panel: Panel, days: Sequence[int], settings: Settings, threads: int
) -> list[Floats | None]:
    if settings.volatility not in ("har", "combined"):
        return [None] * len(days)
    step = har.every(int(panel.counts.sum()))

    def rows_of(columns: slice) -> har.Rows:
        return har.rows(panel.columns(columns), settings.horizon, step)

    rows = har.joined(each(rows_of, _columns(panel), threads))
    result: list[Floats | None] = []
    for day in days:
        until = day - settings.embargo_days
        since = until - settings.window_days if settings.window_days is not None else -NEVER
        result.append(har.weights(rows, since, until, result[-1] if result else None))
    return result


def _walk(
    whole: Panel,
    columns: slice,
    *,
    timeline: Timeline,
    days: Sequence[int],
    weights: Sequence[Floats | None],
    forests: Sequence[Sequence[Tree] | None],
    settings: Settings,
) -> tuple[Piece, Known]:
    panel = whole.columns(columns)
    fitted: list[Fitted] = []
    for day, found, trees in zip(days, weights, forests, strict=True):
        before = fitted[-1] if fitted else None
        fitted.append(estimate(panel, day, settings, before, found, trees=trees))
    piece, track, begins = _forecasts(whole, columns, timeline, fitted, settings, days=days)
    if settings.distribution == "normal":
        return piece, normal(len(panel), len(days), settings)
    ends = np.array([panel.upto(day) for day in days])
    made = Errors(panel, np.ascontiguousarray(errors(panel, track).transpose(2, 1, 0)), begins)
    if settings.distribution == "fhs":
        places = np.where(ends > 0, np.maximum(ends - 1 - begins, 0), -1)
        terms = track.at(places).variances
        models = [part.volatility for part in fitted]
        return piece, simulated(made, ends, terms, models, settings)
    every = max(-(-len(whole) * settings.calibration // distribution.POOL), 1)
    return piece, conformal(made, ends, settings, every)


def _forecasts(
    whole: Panel,
    columns: slice,
    timeline: Timeline,
    fitted: Sequence[Fitted],
    settings: Settings,
    *,
    days: Sequence[int] = (),
    start: Start | None = None,
) -> tuple[Piece, Track, Ints]:
    """The piece, the whole track, and the row (S,) with which the track begins."""
    panel = whole.columns(columns)
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
        whole=whole,
        columns=columns,
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
