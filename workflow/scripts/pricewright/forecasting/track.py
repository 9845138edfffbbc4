"""A track through time: at each date the parameters, states and forecasts that were known then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from pricewright.forecasting import location as locations
from pricewright.forecasting import volatility as volatilities
from pricewright.forecasting.har import averages
from pricewright.forecasting.location import Location
from pricewright.forecasting.panel import BySymbol, Panel, squares
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.trees import Tree, last_changes
from pricewright.forecasting.volatility import Start, States, Volatility
from pricewright.tables.arrays import Floats, Ints


@dataclass(frozen=True)
class Fitted(BySymbol):
    """The parameters of S symbols, estimated at the end of some day."""

    location: Location
    volatility: Volatility


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

    def arrays(self) -> dict[str, Any]:
        """All arrays by name, those of the states among them."""
        own = {"rows": self.rows, "centres": self.centres, "variances": self.variances}
        return own | self.states.arrays()

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
        for name, part in found.arrays().items():
            part[places < 0] = -1 if name == "rows" else np.nan
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
    columns = np.arange(len(panel))
    length = max(int((panel.counts - begins[0]).max(initial=0)), 0)
    changes = squares(panel.values)
    averaged = None
    if fitted[0].volatility.uses_har:
        averaged = averages(changes, start.states.averages if start else None)
    whole: Track | None = None
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
        if whole is None:
            whole = _blank(made, length)
        places = (rows - begins[0])[inside], np.nonzero(inside)[1]
        theirs = made.arrays()
        for name, ours in whole.arrays().items():
            ours[places] = theirs[name][inside]
    assert whole is not None
    return whole


def _blank(like: Track, length: int) -> Track:
    """A track of so many observations in which nothing is known yet."""
    blank = {
        name: np.full((length, *part.shape[1:]), np.nan) for name, part in like.arrays().items()
    }
    states = replace(like.states, **{name: blank[name] for name in like.states.arrays()})
    rows = np.full(blank["rows"].shape, -1)
    return Track(rows, states, blank["centres"], blank["variances"])


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
