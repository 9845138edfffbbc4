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
from pricewright.forecasting import distribution, har
from pricewright.forecasting.calibration import Errors, Known, conformal, shapes_of, simulated
from pricewright.forecasting.panel import NEVER, Panel
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.states import Start, States
from pricewright.forecasting.timeline import Timeline
from pricewright.forecasting.walk import Fitted, Track, errors, estimate, follow
from pricewright.progress import Progress

WIDTH = 64
"""Symbols that are worked on at a time, so that their numbers fit a processor's cache."""

One = TypeVar("One")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Piece:
    """What a walk-forward made for some symbols, S of them.

    usable: (K, S), where an origin can be forecast from.  rows: (K, S), the observation at each
    origin, with its states.  centres, variances: (K, S, H), forecasts from there.
    daily_rows: (D, S), all observations from the first origin on, -1 for none; daily_centres,
    daily_variances: (D, S), forecasts from them of the next.
    fitted: the parameters at the end.  last: the track's last observation of each, P being 1.
    known: at each date of estimates and at the end.
    """

    panel: Panel
    usable: Flags
    rows: Ints
    states: States
    centres: Floats
    variances: Floats
    daily_rows: Ints
    daily_centres: Floats
    daily_variances: Floats
    fitted: Fitted
    last: Track
    known: Known | None


@dataclass(frozen=True)
class Walked:
    """A walk-forward of all symbols, piece by piece.

    shapes: (D, S or 1, H, Q), the distributions as they were estimated at D dates.
    held: (K + 1,), which of these held at each origin and holds at the end.
    weights: (H, K), the HAR's at the end.
    """

    pieces: Sequence[Piece]
    shapes: Floats
    held: Ints
    weights: Floats | None

    def parts(self) -> Sequence[tuple[Piece, Floats]]:
        """Each piece with its symbols' distributions (K + 1, S or 1, H, Q)."""
        found = []
        begin = 0
        for piece in self.pieces:
            columns = slice(begin, begin + len(piece.panel))
            begin += len(piece.panel)
            own = self.shapes if self.shapes.shape[1] == 1 else self.shapes[:, columns]
            found.append((piece, own[self.held]))
        return found


def walk_forward(
    panel: Panel,
    timeline: Timeline,
    settings: Settings,
    threads: int = 1,
    *,
    to_the_end: bool = True,
    doing: str = "forecasting",
) -> Walked:
    """Estimate, follow and forecast all the way; the same bytes for any number of threads.

    to_the_end: whether to estimate once more at the end of the panel, for a model to deploy.
    doing: what the log calls it.
    """
    days = timeline.estimates.tolist() + ([int(panel.calendar[-1])] if to_the_end else [])
    pieces = _pieces(panel)
    weights = _har_weights(panel, pieces, days, settings, threads)
    every = max(-(-len(panel) * settings.calibration // distribution.POOL), 1)
    walk = partial(
        _walk, timeline=timeline, days=days, weights=weights, settings=settings, every=every
    )
    progress = Progress("symbols", len(panel), doing)
    made = each(progress.counted(walk, len), pieces, threads)
    shapes = shapes_of(_joined([piece.known for piece in made]), settings)
    held = np.searchsorted(timeline.estimates, timeline.origins, side="right") - 1
    return Walked(made, shapes, np.append(held, len(days) - 1), weights[-1])


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

    def walk(part: tuple[Panel, slice]) -> Piece:
        piece, columns = part
        own = None if start is None else start.of(columns)
        return _forecasts(piece, timeline, [fitted.of(columns)], settings, start=own)[0]

    pieces = _pieces(panel)
    columns = [slice(at, at + WIDTH) for at in range(0, len(panel), WIDTH)]
    progress = Progress("symbols", len(panel), "forecasting").counted(walk, lambda one: len(one[0]))
    made = each(progress, list(zip(pieces, columns, strict=True)), threads)
    held = np.zeros(len(timeline.origins) + 1, dtype=np.intp)
    return Walked(made, shapes, held, fitted.volatility.weights)


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


def _pieces(panel: Panel) -> list[Panel]:
    return [panel.columns(slice(at, at + WIDTH)) for at in range(0, len(panel), WIDTH)]


def _har_weights(
    panel: Panel, pieces: Sequence[Panel], days: Sequence[int], settings: Settings, threads: int
) -> list[Floats | None]:
    if settings.volatility not in ("har", "combined"):
        return [None] * len(days)
    step = har.every(int(panel.counts.sum()))
    rows = har.joined(each(partial(har.rows, horizon=settings.horizon, step=step), pieces, threads))
    result: list[Floats | None] = []
    for day in days:
        until = day - settings.embargo_days
        since = until - settings.window_days if settings.window_days is not None else -NEVER
        result.append(har.weights(rows, since, until, result[-1] if result else None))
    return result


def _walk(
    panel: Panel,
    *,
    timeline: Timeline,
    days: Sequence[int],
    weights: Sequence[Floats | None],
    settings: Settings,
    every: int,
) -> Piece:
    fitted: list[Fitted] = []
    for day, found in zip(days, weights, strict=True):
        fitted.append(estimate(panel, day, settings, fitted[-1] if fitted else None, found))
    piece, track, begins = _forecasts(panel, timeline, fitted, settings, days=days)
    ends = np.array([panel.upto(day) for day in days])
    made = Errors(panel, np.ascontiguousarray(errors(panel, track).transpose(2, 1, 0)), begins)
    if settings.distribution == "fhs":
        places = np.where(ends > 0, np.maximum(ends - 1 - begins, 0), -1)
        terms = track.at(places).variances
        models = [part.volatility for part in fitted]
        return replace(piece, known=simulated(made, ends, terms, models, settings))
    return replace(piece, known=conformal(made, ends, settings, every))


def _forecasts(
    panel: Panel,
    timeline: Timeline,
    fitted: Sequence[Fitted],
    settings: Settings,
    *,
    days: Sequence[int] = (),
    start: Start | None = None,
) -> tuple[Piece, Track, Ints]:
    """The piece, the whole track, and the row (S,) with which the track begins."""
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
        panel=panel,
        usable=able,
        rows=rows,
        states=origins.states,
        centres=origins.centres,
        variances=origins.variances,
        daily_rows=each_day.rows,
        daily_centres=each_day.centres[..., 0],
        daily_variances=each_day.variances[..., 0],
        fitted=fitted[-1],
        last=follow(panel, fitted[-1:], ends, settings.horizon, start),
        known=None,
    )
    return piece, track, first


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


def _joined(parts: Sequence[Known | None]) -> Known:
    found = [part for part in parts if part is not None]
    pool = [
        [np.concatenate(steps) for steps in zip(*dates, strict=True)]
        for dates in zip(*(part.pool for part in found), strict=True)
    ]
    absolute, counts, own = (
        np.concatenate([getattr(part, name) for part in found], axis=1)
        for name in ("absolute", "counts", "own")
    )
    return Known(absolute, counts, own, pool)
