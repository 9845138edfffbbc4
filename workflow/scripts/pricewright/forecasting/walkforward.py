"""Walk-forward: forecasts from dates of the past, each as it would have been made then.

Parameters are estimated from what was known at the end of some days, and hold to the next of
them; states are brought forward each day. The standardised errors that come of it were all made
out of sample, and the distribution at a date rests on those whose outcome was known by then.
With a model that is given, its parameters and its distribution hold at all dates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pricewright.files.large_arrays import Shelf
from pricewright.forecasting import distribution, har, trees
from pricewright.forecasting.distribution import Errors, PastErrors
from pricewright.forecasting.estimates import Estimates, digests
from pricewright.forecasting.model import (
    Fitted,
    Model,
    Track,
    errors,
    estimate,
    follow,
    har_states,
    known_values,
)
from pricewright.forecasting.panel import (
    NEVER,
    SLICE_WIDTH,
    Panel,
    panel_slices,
    places_of,
)
from pricewright.forecasting.processes import map_in_processes
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.trees import Tree
from pricewright.forecasting.volatility import Start, States, fit_garches
from pricewright.steplog.log import Progress
from pricewright.tables.arrays import Days, Flags, Floats, Ints


@dataclass(frozen=True)
class Timeline:
    """Calendar days, the same for all symbols, a horizon of the joint calendar apart.

    They are counted from the calendar's first day, so a day more moves none of them; what was
    forecast from one of them stays what it is.

    dates: (K,), from which forecasts are made, and scored: of how many, the first, it is evaluated
    what came of them; at the last there is not yet a horizon to score.
    estimates: (E,), at whose end parameters are estimated; those of one hold to the next. The
    first come before the dates, so that errors made out of sample are there to calibrate by.
    afresh: (E,), where the search for parameters does not begin from those before.
    since: (E + 1,), from which estimate on errors count, at each of them and at the end.
    before: (E,), the date a horizon before each estimate, -NEVER before all that there are.
    """

    dates: Days
    scored: int
    estimates: Days
    afresh: Flags
    since: Ints
    before: Days

    @property
    def origins(self) -> Days:
        """The dates from which forecasts are evaluated."""
        return self.dates[: self.scored]

    @property
    def first_held(self) -> int:
        """The place of the first estimate that holds at a date; without one, past the last."""
        if not len(self.dates):
            return len(self.estimates)
        found = np.searchsorted(self.estimates, self.dates[0], side="right")
        return int(found) - 1

    def until(self, day: int) -> "Timeline":
        """The timeline as it would have been on a day."""
        count = int((self.estimates <= day).sum())
        return Timeline(
            self.dates[self.dates <= day],
            int((self.origins <= day).sum()),
            self.estimates[:count],
            self.afresh[:count],
            self.since[: count + 1],
            self.before[:count],
        )


AFRESH = 4
"""At every so many-th estimate the search begins afresh, so that no more need be made before it."""


def make_timeline(panel: Panel, settings: Settings) -> Timeline:
    """The timeline of an evaluation; it begins when a first symbol has history enough."""
    calendar, step, refit = panel.calendar, settings.horizon, settings.refit
    grid, scored = calendar[::step], max(len(calendar) - 1, 0) // step
    enough = panel.days[settings.min_history - 1 : settings.min_history].min(initial=NEVER)
    first = int(np.searchsorted(grid, enough))  # the place of the first that can be forecast from
    if first >= scored:
        grid, first, scored = grid[:0], 0, 0
    begin = max(scored - settings.origins, first)
    longer = distribution.LONGER if settings.distribution == "conformal" else 1
    reach = longer * -(-settings.calibration // step) + 1  # of errors, whose outcome is to be known
    places = np.arange(first, len(grid))
    places = places[(places % refit == 0) | (places == first)]
    since = np.maximum(np.append(places, len(grid) - 1) - reach, first)
    since = np.searchsorted(places, since, side="right") - 1
    held = int(np.searchsorted(places, begin, side="right")) - 1
    afresh = (places % (AFRESH * refit) == 0) | (places == first)
    start = int(np.flatnonzero(afresh[: since[held] + 1])[-1]) if len(places) else 0
    places = places[start:]
    return Timeline(
        dates=grid[begin:],
        scored=scored - begin,
        estimates=grid[places],
        afresh=afresh[start:],
        since=np.maximum(since[start:] - start, 0),
        before=np.where(places > first, grid[places - 1], -NEVER),
    )


@dataclass(frozen=True)
class Plan:
    """When a walk-forward estimates and forecasts, and what it knows of all symbols.

    days: at whose ends parameters are estimated.  weights, forests: for each of these days, the
    HAR's (H, K), and the trees.  every: for each, one in so many errors is in the pool of all
    symbols.
    model: whose parameters hold at all dates, and nothing is estimated.  start: where histories
    go on that began before the panel.  kept: what was estimated before, at the same days.
    """

    timeline: Timeline
    settings: Settings
    days: Sequence[int] = ()
    weights: Sequence[Floats | None] = ()
    forests: Sequence[Sequence[Tree] | None] = ()
    every: Sequence[int] = ()
    model: Model | None = None
    start: Start | None = None
    kept: Estimates | None = None

    def of(self, symbols: Sequence[str], columns: Ints) -> "Plan":
        """The plan for some of the symbols, which are in these columns (S,) of the panel."""
        return replace(
            self,
            model=self.model.of(symbols) if self.model else None,
            start=self.start.of(columns) if self.start else None,
            kept=self.kept.of(columns) if self.kept else None,
        )

    def depend(self) -> list[str]:
        """For each of the days, what estimates at its end depend on beside the prices."""
        settings, found, chain = self.settings, [], ""
        code = self.kept.code if self.kept else ""
        window = f"{settings.embargo_days} {settings.window_days}"
        for day, afresh in zip(self.days, [*self.timeline.afresh, False], strict=False):
            chain = f"{'' if afresh else chain} {day}"
            found.append(f"{code} {window}{chain}")
        return found


def make_plan(
    panel: Panel,
    timeline: Timeline,
    settings: Settings,
    threads: int = 1,
    *,
    to_the_end: bool = True,
) -> Plan:
    """The plan of a walk-forward of a panel in which all is estimated.

    to_the_end: whether to estimate once more at the end of the panel, for a model to deploy.
    """
    days, end = timeline.estimates.tolist(), int(panel.calendar[-1])
    days += [end] if to_the_end and end not in days else []
    counts = panel.upto_each(days)
    return Plan(
        timeline=timeline,
        settings=settings,
        days=days,
        weights=_har_weights(panel, days, counts, settings),
        forests=trees.forests(panel, days, settings, threads),
        every=[_every(each, settings) for each in counts],
    )


def _every(counts: Ints, settings: Settings) -> int:
    """One in how many errors is in the pool, where symbols have so many observations (S,)."""
    symbols = int((counts >= settings.min_history).sum())
    return max(-(-symbols * settings.calibration // distribution.POOL), 1)


def _har_weights(
    panel: Panel, days: Sequence[int], counts: Ints, settings: Settings
) -> list[Floats | None]:
    """The weights at the ends of days; counts: (E, S), how many observations there were."""
    if settings.volatility not in ("har", "combined"):
        return [None] * len(days)
    steps = [har.row_step(int(each.sum())) for each in counts]
    rows = har.join_rows(
        [
            har.regression_rows(part, settings.horizon, steps, days)
            for part, _ in panel_slices(panel)
        ]
    )
    result: list[Floats | None] = []
    for day, step in zip(days, steps, strict=True):
        until = day - settings.embargo_days
        since = until - settings.window_days if settings.window_days is not None else -NEVER
        result.append(har.weights(rows, since, until, step))
    return result


@dataclass(frozen=True)
class Forecasts:
    """What a walk-forward made for some symbols, S of them.

    columns: (S,), where they are in the panel of all.
    usable: (K, S), which of the dates can be forecast from.  rows: (K, S), the observation at each
    date, with its states.  centres, variances: (K, S, H), forecasts from there.
    daily_rows: (D, S), all observations from the first date on, -1 for none; daily_origins, from
    which date their distribution is, -1 where none can be forecast from; daily_centres,
    daily_variances: forecasts from them of the next.
    fitted: the parameters at the end.  last: the track's last observation of each, P being 1.
    shapes: (D, S or 1, H, Q + 1), the distributions as they were estimated at D dates.
    errors: (S,), from how many errors made out of sample the last of them.
    estimates: what was estimated.
    calibration: what the shapes are made from, while the symbols' that it takes are not together.
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
    estimates: Estimates | None = None
    calibration: PastErrors | None = None

    def __len__(self) -> int:
        return len(self.columns)


@dataclass(frozen=True)
class WalkForward:
    """A walk-forward of all symbols, piece by piece, each of symbols in a row.

    whole: the panel of all.
    held: (K + 1,), which of the distributions held at each date and holds at the end.
    """

    whole: Panel
    timeline: Timeline
    settings: Settings
    pieces: list[Forecasts]
    held: Ints

    def take_parts(self) -> Iterator["WalkForward"]:
        """The walk-forward of each piece's symbols alone; when it is asked for, it is taken out of
        this one, so that what is made of it takes no more memory than it did."""
        while self.pieces:
            piece = self.pieces.pop(0)
            alone = replace(piece, columns=np.arange(len(piece)))
            yield replace(self, whole=self.panel(piece), pieces=[alone])

    def panel(self, piece: Forecasts) -> Panel:
        """A piece's histories, cut out anew each time: those of all pieces are a second panel."""
        return self.whole.columns(piece.columns)

    def shapes(self, piece: Forecasts) -> Floats:
        """(K + 1, S or 1, H, Q + 1): the distributions of a piece at each date and at the end."""
        return np.asarray(piece.shapes[self.held])

    @cached_property
    def estimates(self) -> Estimates | None:
        """What was estimated of all symbols."""
        found = [piece.estimates for piece in self.pieces if piece.estimates]
        return found[0].joined(found) if found else None

    def last_shapes(self) -> Floats:
        """(S or 1, H, Q + 1): the distributions at the end, of all symbols or common to them."""
        found = np.concatenate([piece.shapes[self.held[-1]] for piece in self.pieces])
        return found if len(found) == len(self.whole) else found[:1]


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
    kept: Estimates | None = None,
) -> WalkForward:
    """Estimate, follow and forecast all the way; the same bytes for any number of processes.

    to_the_end: whether to estimate once more at the end of the panel, for a model to deploy.
    doing: what the log calls it.  kept: what was estimated before.
    """
    plan = make_plan(panel, timeline, settings, processes, to_the_end=to_the_end)
    plan = replace(plan, kept=kept)
    return join(panel, plan, walk(panel, plan, processes, doing=doing))


def walk(
    panel: Panel, plan: Plan, processes: int = 1, *, doing: str = "forecasting"
) -> list[Forecasts]:
    """What can be made of some symbols without the others, but for what the plan knows of them."""
    parts = (
        (part, columns, plan.of(part.symbols, columns)) for part, columns in panel_slices(panel)
    )
    progress = Progress("symbols", len(panel), doing)
    worth_it = len(panel) > SLICE_WIDTH and panel.counts.sum() >= MANY
    pieces, shelf = [], Shelf()
    for piece in map_in_processes(_walk, parts, processes if worth_it else 1):
        pieces.append(shelf.put(piece))
        progress.advance(len(piece))
    return pieces


def join(panel: Panel, plan: Plan, pieces: Sequence[Forecasts]) -> WalkForward:
    """A walk-forward of all symbols of a panel, from what `walk` made of each, in any order."""
    timeline, settings = plan.timeline, plan.settings
    pieces = sorted(pieces, key=lambda piece: int(piece.columns[0]))
    held = np.zeros(len(timeline.dates) + 1, dtype=np.intp)
    known = [piece.calibration for piece in pieces if piece.calibration]
    if known:
        whole = distribution.shapes_of(known, settings)
        pieces = [
            replace(piece, shapes=shapes, calibration=None)
            for piece, shapes in zip(pieces, whole, strict=True)
        ]
        held[:-1] = np.searchsorted(timeline.estimates, timeline.dates, side="right") - 1
        held[:-1] -= timeline.first_held
        held[-1] = len(whole[0]) - 1
    return WalkForward(panel, timeline, settings, pieces, held)


def usable(panel: Panel, dates: Days, settings: Settings) -> tuple[Flags, Ints]:
    """(K, S): whether a symbol can be forecast from a date, and its observation there.

    It must have history enough, a price that is not too old, and one that moves at times.
    """
    counts = panel.upto_each(dates)
    rows = counts - 1
    at = np.maximum(rows, 0)
    columns = np.arange(len(panel))
    enough = (counts >= settings.min_history) & (rows >= panel.first)
    age = dates[:, None] - panel.days[at, columns]
    moves = np.zeros(panel.days.shape, dtype=np.intp)
    moves[1:] = np.cumsum(np.diff(panel.prices, axis=0) != 0, axis=0)
    before = np.maximum(at - settings.min_history + 1, 0)
    moved = moves[at, columns] > moves[before, columns]
    return enough & (age <= settings.max_age_days) & moved, rows


def _walk(task: tuple[Panel, Ints, Plan]) -> Forecasts:
    panel, columns, plan = task
    settings = plan.settings
    if plan.model:
        piece, *_ = _forecasts(panel, columns, plan, [plan.model.fitted])
        return replace(piece, shapes=plan.model.shapes[None])
    fitted, estimates = _estimates(panel, plan)
    piece, track, begins = _forecasts(panel, columns, plan, fitted)
    piece = replace(piece, estimates=estimates)
    if settings.distribution == "normal":
        return piece
    # what no forecast is made by needs no distribution
    needed = min(plan.timeline.first_held, len(plan.days) - 1)
    fitted, days = fitted[needed:], plan.days[needed:]
    ends = panel.upto_each(days)
    since = np.array(begins)[plan.timeline.since[needed : len(plan.days)]]
    since = np.maximum(since, har.SEED) - begins[0]  # what came before knew more than its past
    made = Errors(panel, errors(panel, track), begins[0])
    if settings.distribution == "fhs":
        terms = track.at(np.where(ends > 0, np.maximum(ends - 1 - begins[0], 0), -1)).variances
        models = [part.volatility for part in fitted]
        known = distribution.simulated_calibration(
            made, ends, since, terms, models, settings=settings
        )
    else:
        known = distribution.conformal(made, ends, since, settings, plan.every[needed:])
    return replace(piece, calibration=known, errors=known.counts[-1, :, 0])


def _estimates(panel: Panel, plan: Plan) -> tuple[list[Fitted], Estimates | None]:
    """The parameters at each of the days of a plan, and those among them that can be kept."""
    with_garch = plan.settings.volatility in ("garch11", "combined")
    made = _garches(panel, plan) if with_garch else None
    fitted = [
        estimate(
            panel,
            day,
            plan.settings,
            made.garch(place) if made else None,
            plan.weights[place],
            trees=plan.forests[place],
        )
        for place, day in enumerate(plan.days)
    ]
    return fitted, made


AT_ONCE = 2**20
"""Of about so many observations GARCHs are searched for together."""


def _garches(panel: Panel, plan: Plan) -> Estimates:
    """The GARCHs at each of the days of a plan.

    First those whose search begins afresh, all together; then those that begin from these; and so
    on.
    """
    settings, days, afresh = plan.settings, plan.days, [*plan.timeline.afresh.tolist(), False]
    ends = panel.upto_each([day - settings.embargo_days for day in days])
    made = Estimates.none(len(panel), days, plan.kept.code if plan.kept else "")
    made = replace(made, digests=digests(panel, ends, plan.depend()))
    since = list[int]()  # a search afresh
    for place in range(len(days)):
        since.append(0 if afresh[place] or not place else since[-1] + 1)
    for number in range(max(since, default=-1) + 1):
        waiting = [place for place in range(len(days)) if since[place] == number]
        while waiting:
            sizes = np.cumsum([int(ends[place].sum()) for place in waiting])
            count = max(int(np.searchsorted(sizes, AT_ONCE, side="right")), 1)
            some, waiting = waiting[:count], waiting[count:]
            garches = fit_garches(
                [np.diff(known_values(panel, days[place], settings), axis=0) for place in some],
                [made.garch(place - 1) if number else None for place in some],
                [plan.kept.known(place, made.digests) if plan.kept else None for place in some],
            )
            for place, garch in zip(some, garches, strict=True):
                made.with_day(place, garch)
    return made


def _forecasts(
    panel: Panel, columns: Ints, plan: Plan, fitted: Sequence[Fitted]
) -> tuple[Forecasts, Track, Sequence[Ints]]:
    """The piece, with normal shapes, the whole track, and the row (S,) with which each of the
    parameters begins to hold."""
    settings = plan.settings
    able, rows = usable(panel, plan.timeline.dates, settings)
    if plan.days:
        begins = _begins(panel, plan.days, plan.timeline)
    else:
        begins = [np.maximum(rows[0], 0) if len(rows) else panel.counts - 1]
    averaged = har_states(panel, fitted[0], plan.start)
    track = follow(panel, fitted, begins, settings.horizon, plan.start, averaged=averaged)
    ends = [np.maximum(panel.counts - 1, 0)]
    first = begins[0]
    begin = np.maximum(rows[0], 0) - first if len(rows) else panel.counts - first
    daily = begin + np.arange(max(int((panel.counts - first - begin).max(initial=0)), 0))[:, None]
    each_day = track.at(np.where(daily < panel.counts - first, daily, -1))
    at_dates = track.at(np.where(rows >= 0, np.maximum(rows - first, 0), -1))
    normal = distribution.normal(distribution.levels_with(settings.level))
    piece = Forecasts(
        columns=columns,
        usable=able,
        rows=rows,
        states=at_dates.states,
        centres=at_dates.centres,
        variances=at_dates.variances,
        daily_rows=each_day.rows,
        daily_origins=_origins(each_day.rows, rows, able),
        daily_centres=each_day.centres[..., 0].copy(),  # not with all days ahead behind it
        daily_variances=each_day.variances[..., 0].copy(),
        fitted=fitted[-1],
        last=follow(panel, fitted[-1:], ends, settings.horizon, plan.start, averaged=averaged),
        shapes=np.broadcast_to(normal, (1, 1, settings.horizon, len(normal))),
        errors=np.zeros(len(panel), dtype=np.intp),
    )
    return piece, track, begins


def _origins(daily_rows: Ints, rows: Ints, able: Flags) -> Ints:
    """(D, S): the last date up to each observation, -1 where there is none to forecast from."""
    origin = places_of(daily_rows, rows) - 1
    if not len(able):
        return origin
    there = able[np.maximum(origin, 0), np.arange(able.shape[1])]
    return np.where((daily_rows >= 0) & there, origin, -1)


def _begins(panel: Panel, days: Sequence[int], timeline: Timeline) -> list[Ints]:
    """For each day of estimates (S,), the first row that is forecast with them.

    That is the last one known on that day, unless it was the last one at the origin before, too:
    what was forecast then may not know of a later day.
    """
    last = timeline.dates[-1] if len(timeline.dates) else -NEVER
    dates = np.append(timeline.before, last)[: len(days)]
    return list(np.maximum(panel.upto_each(days) - 1, panel.upto_each(dates)))
