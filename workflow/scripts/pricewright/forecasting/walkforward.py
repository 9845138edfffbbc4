"""Walk-forward: forecasts from past dates, each made as it would have been made at the time.

Parameters are estimated at the end of certain days, from what was known then, and stay in use
until the next such day. States are updated every day. All standardised errors are therefore out
of sample, and the distribution at a date uses only errors whose outcome was known by that date.
If a model is given, its parameters and distribution are used at all dates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pricewright.files.large_arrays import Shelf
from pricewright.forecasting import distribution, har, trees
from pricewright.forecasting.distribution import Errors, PastErrors
from pricewright.forecasting.estimates import Estimates, digests
from pricewright.forecasting.model import Model
from pricewright.forecasting.panel import (
    NEVER,
    SLICE_WIDTH,
    Panel,
    panel_slices,
    places_of,
)
from pricewright.forecasting.processes import map_in_processes
from pricewright.forecasting.settings import WITH_GARCH, WITH_HAR, Settings
from pricewright.forecasting.timeline import Timeline
from pricewright.forecasting.track import (
    Fitted,
    Track,
    errors,
    estimate,
    follow,
    har_states,
    known_values,
)
from pricewright.forecasting.trees import Tree
from pricewright.forecasting.volatility import Start, States, fit_garches
from pricewright.steplog.log import Progress
from pricewright.tables.arrays import Days, Flags, Floats, Ints


@dataclass(frozen=True)
class Plan:
    """When a walk-forward estimates and forecasts, and what was estimated from all symbols.

    days: the days at whose end parameters are estimated.
    weights, forests: for each of these days, the HAR weights (H, K) and the trees.
    every: for each of these days, one in `every` errors goes into the pool of all symbols.
    model: if given, its parameters are used at all dates and nothing is estimated.
    start: the starting states of histories that began before the panel.
    kept: estimates of an earlier run for the same days.
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
        """The plan for some symbols; columns: (S,), their columns in the panel."""
        return replace(
            self,
            model=self.model.of(symbols) if self.model else None,
            start=self.start.of(columns) if self.start else None,
            kept=self.kept.of(columns) if self.kept else None,
        )

    def depend(self) -> list[str]:
        """For each day, a text of everything its estimates depend on apart from the prices."""
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
    threads: int,
    *,
    to_the_end: bool = True,
) -> Plan:
    """The plan of a walk-forward that estimates all parameters itself.

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
    """One in how many errors goes into the pool; counts: (S,), observations of each symbol."""
    symbols = int((counts >= settings.min_history).sum())
    return max(-(-symbols * settings.calibration // distribution.POOL), 1)


def _har_weights(
    panel: Panel, days: Sequence[int], counts: Ints, settings: Settings
) -> list[Floats | None]:
    """The HAR weights at the end of each day; counts: (E, S), observations by then."""
    if settings.volatility not in WITH_HAR:
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
    """The forecasts of a walk-forward for S symbols.

    columns: (S,), their columns in the panel of all symbols.
    usable: (K, S), whether a symbol can be forecast from a date.
    rows, states: (K, S), the observation at each date and the states there.
    centres, variances: (K, S, H), the forecasts from there.
    daily_rows: (D, S), all observations from the first date on, -1 for none.
    daily_origins: (D, S), the index of the date whose distribution applies, -1 for none.
    daily_centres, daily_variances: (D, S), one-step forecasts from these observations.
    fitted: the parameters at the end.
    last: the track of each symbol's last observation (P = 1).
    shapes: (D, S or 1, H, Q + 1), the distributions estimated at D dates.
    simpler: (K, S), whether the model in use at a date is simpler than the one at the end.
    errors: (S,), the number of out-of-sample errors behind the last distribution.
    estimates: the GARCH estimates, if any.
    calibration: the errors behind the shapes, until `join` has those of all symbols.
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
    simpler: Flags
    errors: Ints
    estimates: Estimates | None = None
    calibration: PastErrors | None = None

    def __len__(self) -> int:
        return len(self.columns)


@dataclass(frozen=True)
class WalkForward:
    """A walk-forward of all symbols, in pieces of consecutive symbols.

    whole: the panel of all symbols.
    held: (K + 1,), the index of the distribution in use at each date and at the end.
    """

    whole: Panel
    timeline: Timeline
    settings: Settings
    pieces: list[Forecasts]
    held: Ints

    def take_parts(self) -> Iterator["WalkForward"]:
        """Yield the walk-forward of each piece alone, and remove the piece from this one, so that
        results made from a piece take the memory that the piece frees."""
        while self.pieces:
            piece = self.pieces.pop(0)
            alone = replace(piece, columns=np.arange(len(piece)))
            yield replace(self, whole=self.panel(piece), pieces=[alone])

    def panel(self, piece: Forecasts) -> Panel:
        """A piece's histories, cut out on each call: kept, they would add up to a second panel."""
        return self.whole.columns(piece.columns)

    def shapes(self, piece: Forecasts) -> Floats:
        """(K + 1, S or 1, H, Q + 1): a piece's distributions at each date and at the end."""
        return np.asarray(piece.shapes[self.held])

    @cached_property
    def estimates(self) -> Estimates | None:
        """The GARCH estimates of all symbols; None if there are none."""
        found = [piece.estimates for piece in self.pieces if piece.estimates]
        return found[0].joined(found) if found else None

    def last_shapes(self) -> Floats:
        """(S or 1, H, Q + 1): the distributions at the end, one per symbol or one for all."""
        found = np.concatenate([piece.shapes[self.held[-1]] for piece in self.pieces])
        return found if len(found) == len(self.whole) else found[:1]


MANY = 500_000
"""The number of observations from which starting processes pays off."""


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
    """Estimate, update states and forecast; the same bytes for any number of processes.

    to_the_end: whether to estimate once more at the end of the panel, for a model to deploy.
    doing: the name of the task in the log.  kept: estimates of an earlier run.
    """
    plan = make_plan(panel, timeline, settings, processes, to_the_end=to_the_end)
    plan = replace(plan, kept=kept)
    return join(panel, plan, walk(panel, plan, processes, doing=doing))


def walk(
    panel: Panel, plan: Plan, processes: int = 1, *, doing: str = "forecasting"
) -> list[Forecasts]:
    """Forecast some symbols; all that is needed from the other symbols is in the plan."""
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
    """The walk-forward of a whole panel, from the pieces that `walk` made, in any order."""
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
    """(K, S) each: whether a symbol can be forecast from a date, and its last observation there.

    It needs enough history, a price that is not too old, and at least one change of price in its
    last `min_history` observations.
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
    # estimates that no forecast uses need no distribution
    needed = min(plan.timeline.first_held, len(plan.days) - 1)
    fitted, days = fitted[needed:], plan.days[needed:]
    ends = panel.upto_each(days)
    since = np.array(begins)[plan.timeline.since[needed : len(plan.days)]]
    since = np.maximum(since, har.SEED) - begins[0]  # before SEED, averages know later changes
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
    """The parameters at each day of a plan, and the GARCH estimates, which can be kept."""
    made = _garches(panel, plan) if plan.settings.volatility in WITH_GARCH else None
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
"""About how many observations are fitted together in one GARCH search."""


def _garches(panel: Panel, plan: Plan) -> Estimates:
    """The GARCH estimates at each day of a plan.

    First come all searches that start afresh, together; then those that start from these; and so
    on.
    """
    settings, days, afresh = plan.settings, plan.days, [*plan.timeline.afresh.tolist(), False]
    ends = panel.upto_each([day - settings.embargo_days for day in days])
    made = Estimates.none(len(panel), days, plan.kept.code if plan.kept else "")
    made = replace(made, digests=digests(panel, ends, plan.depend()))
    since = list[int]()  # how many estimates since the last search afresh
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
    """The piece with normal shapes, the whole track, and the first row (S,) that uses each set of
    parameters."""
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
        daily_centres=each_day.centres[..., 0].copy(),  # a view would keep all days ahead in memory
        daily_variances=each_day.variances[..., 0].copy(),
        fitted=fitted[-1],
        last=follow(panel, fitted[-1:], ends, settings.horizon, plan.start, averaged=averaged),
        shapes=np.broadcast_to(normal, (1, 1, settings.horizon, len(normal))),
        simpler=_simpler(fitted, begins, rows),
        errors=np.zeros(len(panel), dtype=np.intp),
    )
    return piece, track, begins


def _simpler(fitted: Sequence[Fitted], begins: Sequence[Ints], rows: Ints) -> Flags:
    """(K, S): whether rows are forecast with fewer estimated parts than the last of `fitted` has.

    begins: for each of `fitted`, (S,), the first row that uses it.
    """
    columns = np.arange(rows.shape[1])
    parts = np.array([part.estimated_parts(len(columns)) for part in fitted])
    used = np.sum([rows >= begin for begin in begins], axis=0) - 1
    return np.asarray(parts[np.maximum(used, 0), columns] < parts[-1])


def _origins(daily_rows: Ints, rows: Ints, able: Flags) -> Ints:
    """(D, S): the index of the last date up to each observation, -1 if it cannot be used."""
    origin = places_of(daily_rows, rows) - 1
    if not len(able):
        return origin
    there = able[np.maximum(origin, 0), np.arange(able.shape[1])]
    return np.where((daily_rows >= 0) & there, origin, -1)


def _begins(panel: Panel, days: Sequence[int], timeline: Timeline) -> list[Ints]:
    """For each day of estimates, the first row (S,) that is forecast with them.

    That is the last row known on that day. If it was already the last row at the previous origin,
    it is the next row: a forecast from that origin may not use later estimates.
    """
    last = timeline.dates[-1] if len(timeline.dates) else -NEVER
    dates = np.append(timeline.before, last)[: len(days)]
    return list(np.maximum(panel.upto_each(days) - 1, panel.upto_each(dates)))
