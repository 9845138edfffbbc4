"""A track through time: at each date the parameters, states and forecasts that were known then.

Before it comes the plan: the days of a walk-forward evaluation, where it forecasts and where it
estimates anew, and what it has to know of all symbols.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pricewright.forecasting import distribution, har, trees
from pricewright.forecasting import location as locations
from pricewright.forecasting import volatility as volatilities
from pricewright.forecasting.har import averages
from pricewright.forecasting.location import Location
from pricewright.forecasting.panel import NEVER, Panel, panel_slices, squares
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.trees import Tree, last_changes
from pricewright.forecasting.volatility import Start, States, Volatility
from pricewright.tables.arrays import Days, Flags, Floats, Ints


@dataclass(frozen=True)
class Timeline:
    """Calendar days, the same for all symbols, a horizon of the joint calendar apart.

    origins: (K,), from which forecasts are evaluated; the last leaves a horizon to score.
    estimates: (E,), at whose end parameters are estimated; those of one hold to the next. The
    first come before the origins, so that errors made out of sample are there to calibrate by;
    the last is the last origin.
    """

    origins: Days
    estimates: Days


def make_timeline(panel: Panel, settings: Settings) -> Timeline:
    """The timeline of an evaluation; it begins when a first symbol has history enough."""
    calendar = panel.calendar
    step = settings.horizon
    before = -(-settings.calibration // step)
    places = np.arange(len(calendar) - 1 - step, -1, -step)[: settings.origins + before][::-1]
    grid = calendar[places]
    enough = np.sort(panel.days[settings.min_history - 1 : settings.min_history].ravel())
    grid = grid[grid >= enough[0]] if len(enough) else grid[:0]
    estimates = np.union1d(grid[:1], grid[:: -settings.refit])
    return Timeline(grid[-settings.origins :], estimates)


@dataclass(frozen=True)
class Plan:
    """When a walk-forward estimates and forecasts, and what was estimated over all symbols.

    days: at whose ends parameters are estimated.  weights, forests: for each of these days, the
    HAR's (H, K), and the trees.  every: one in so many errors is in the pool of all symbols.
    """

    timeline: Timeline
    days: Sequence[int]
    weights: Sequence[Floats | None]
    forests: Sequence[Sequence[Tree] | None]
    every: int


def make_plan(
    panel: Panel,
    timeline: Timeline,
    settings: Settings,
    threads: int = 1,
    *,
    to_the_end: bool = True,
) -> Plan:
    """The plan of a walk-forward of a panel.

    to_the_end: whether to estimate once more at the end of the panel, for a model to deploy.
    """
    days = timeline.estimates.tolist() + ([int(panel.calendar[-1])] if to_the_end else [])
    return Plan(
        timeline=timeline,
        days=days,
        weights=_har_weights(panel, days, settings),
        forests=trees.forests(panel, days, settings, threads),
        every=max(-(-len(panel) * settings.calibration // distribution.POOL), 1),
    )


def _har_weights(panel: Panel, days: Sequence[int], settings: Settings) -> list[Floats | None]:
    if settings.volatility not in ("har", "combined"):
        return [None] * len(days)
    step = har.every(int(panel.counts.sum()))
    rows = har.joined(
        [har.rows(part.panel, settings.horizon, step) for part in panel_slices(panel)]
    )
    result: list[Floats | None] = []
    for day in days:
        until = day - settings.embargo_days
        since = until - settings.window_days if settings.window_days is not None else -NEVER
        result.append(har.weights(rows, since, until, result[-1] if result else None))
    return result


@dataclass(frozen=True)
class Fitted:
    """The parameters of S symbols, estimated at the end of some day."""

    location: Location
    volatility: Volatility

    def of(self, columns: slice | Ints) -> Self:
        """The parameters of some of the symbols."""
        return replace(
            self, location=self.location.of(columns), volatility=self.volatility.of(columns)
        )

    def joined(self, parts: Sequence[Self]) -> Self:
        """The parameters of several groups of symbols together."""
        return replace(
            self,
            location=self.location.joined([part.location for part in parts]),
            volatility=self.volatility.joined([part.volatility for part in parts]),
        )


@dataclass(frozen=True)
class Track:
    """What was known and forecast at successive observations of each symbol.

    rows: (P, S), places in the panel, -1 where a symbol has no more.  states: (P, S).
    centres, variances: (P, S, H), of the value 1..H steps ahead, on the scale of the model.
    """

    rows: Ints
    states: States
    centres: Floats
    variances: Floats

    def at(self, places: Ints) -> Self:
        """The track at some places (K, S) of each symbol; nothing is known at a place below 0."""
        columns = np.arange(self.rows.shape[1])
        found = replace(
            self,
            rows=self.rows[places, columns],
            states=self.states.at(places, columns),
            centres=self.centres[places, columns],
            variances=self.variances[places, columns],
        )
        nowhere = places < 0
        found.rows[nowhere] = -1
        for part in (found.centres, found.variances, *dict(found.states.items()).values()):
            if part is not None:
                part[nowhere] = np.nan
        return found


def estimate(
    panel: Panel,
    day: int,
    settings: Settings,
    before: Fitted | None,
    weights: Floats | None,
    *,
    trees: Sequence[Tree] | None = None,
) -> Fitted:
    """The parameters as of the end of a day, from a panel that may know more.

    weights: (H, K), the HAR's, and trees, both estimated over all symbols.  before: parameters of
    an earlier day, to search from.
    """
    known = panel.until(day - settings.embargo_days)
    if settings.window_days is not None:
        known = known.since(day - settings.embargo_days - settings.window_days)
    volatility = (
        before.volatility
        if before
        else Volatility(settings.volatility, settings.decay, settings.rolling_days)
    )
    volatility = volatilities.fit(replace(volatility, weights=weights), squares(known.values))
    return Fitted(locations.fit(settings.location, known.values, trees), volatility)


def follow(
    panel: Panel,
    fitted: Sequence[Fitted],
    begins: Sequence[Ints],
    horizon: int,
    start: Start | None = None,
) -> Track:
    """Forecast from each observation with the parameters that held then.

    begins: for each of `fitted`, (S,) the row from which on it holds: up to the next's.
    start: where histories go on that began before the panel.
    """
    symbols, columns = len(panel), np.arange(len(panel))
    first = begins[0]
    length = max(int((panel.counts - first).max(initial=0)), 0)
    changes = squares(panel.values)
    averaged = None
    if fitted[0].volatility.uses_har:
        averaged = averages(changes, start.states.averages if start else None)
    track: Track | None = None
    for place, part in enumerate(fitted):
        ends = begins[place + 1] if place + 1 < len(begins) else panel.counts
        most = max(int((ends - begins[place]).max(initial=0)), 0)
        rows = begins[place] + np.arange(most)[:, None]
        inside = rows < ends
        rows = np.where(inside, rows, 0)
        states = _states(panel, part, changes, averaged, start).at(rows, columns)
        made = Track(
            rows,
            states,
            locations.centres(part.location, states, horizon),
            volatilities.variances(part.volatility, states, horizon),
        )
        if track is None:
            track = _empty(length, symbols, made)
        _put(track, made, (rows - first)[inside], inside)
    assert track is not None
    return track


def errors(panel: Panel, track: Track) -> Floats:
    """(P, S, H): what happened less what was expected, over the deviation that was forecast."""
    horizon = track.centres.shape[-1]
    ahead = track.rows[..., None] + np.arange(1, horizon + 1)
    there = (track.rows[..., None] >= 0) & (ahead < panel.counts[:, None])
    columns = np.arange(len(panel))[:, None]
    happened = panel.values[np.where(there, ahead, 0), columns]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (happened - track.centres) / np.sqrt(track.variances)
    return np.where(there & np.isfinite(found), found, np.nan)


def _states(
    panel: Panel, fitted: Fitted, changes: Floats, averaged: Floats | None, start: Start | None
) -> States:
    """(N, S): the states after each observation of a panel."""
    volatility = fitted.volatility
    begun = start.states if start else None
    before = begun.observations if begun else np.ones(len(panel))
    return States(
        before + np.arange(len(panel.days))[:, None],
        locations.levels(fitted.location, panel.values, begun.level if begun else None),
        volatilities.average(volatility, changes, start),
        volatilities.conditional(volatility, changes, begun.garch if begun else None),
        averaged,
        last_changes(panel.values, begun.changes if begun else None)
        if fitted.location.kind == "lightgbm"
        else None,
    )


def _empty(length: int, symbols: int, like: Track) -> Track:
    nothing = np.full((length, symbols, like.centres.shape[-1]), np.nan)
    states = like.states.empty(length, symbols)
    return Track(np.full((length, symbols), -1), states, nothing, nothing.copy())


def _put(track: Track, made: Track, places: Ints, inside: Flags) -> None:
    """Write what was made, where it is inside, to the places of its columns."""
    columns = np.broadcast_to(np.arange(inside.shape[1]), inside.shape)[inside]
    track.rows[places, columns] = made.rows[inside]
    track.centres[places, columns] = made.centres[inside]
    track.variances[places, columns] = made.variances[inside]
    theirs = dict(made.states.items())
    for name, ours in track.states.items():
        new = theirs[name]
        if ours is not None and new is not None:
            ours[places, columns] = new[inside]
