"""The parameters of many symbols, and their track through time.

A track holds the states and forecasts at successive observations, each with the parameters in use
then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from pricewright.forecasting import location as locations
from pricewright.forecasting import volatility as volatilities
from pricewright.forecasting.garch import Garch, conditional
from pricewright.forecasting.har import averages
from pricewright.forecasting.location import Location
from pricewright.forecasting.panel import BySymbol, Panel, squares
from pricewright.forecasting.settings import WITH_HAR, Settings
from pricewright.forecasting.trees import Tree, last_changes
from pricewright.forecasting.volatility import Start, States, Volatility
from pricewright.tables.arrays import Floats, Ints


@dataclass(frozen=True)
class Fitted(BySymbol):
    """The parameters of S symbols, estimated at the end of one day."""

    location: Location
    volatility: Volatility

    def estimated_parts(self, symbols: int) -> Ints:
        """(S,): how many estimated parts each symbol's model has: trees, GARCH, HAR. A symbol with
        a fallback has fewer than the chosen model."""
        parts = {"combined": 2, "garch11": 1, "har": 1}
        found = np.array([parts.get(kind, 0) for kind in self.volatility.kinds(symbols)], dtype=int)
        return found + (self.location.trees is not None)


@dataclass(frozen=True)
class Track:
    """The states and forecasts at P successive observations of each symbol.

    rows: (P, S), rows of the panel, -1 where a symbol has no more.  states: (P, S).
    centres, variances: (P, S, H), of the value 1..H steps ahead, on the scale of the model.
    """

    rows: Ints
    states: States
    centres: Floats
    variances: Floats

    def arrays(self) -> dict[str, Any]:
        """All arrays by name, including those of the states."""
        own = {"rows": self.rows, "centres": self.centres, "variances": self.variances}
        return own | self.states.arrays()

    def at(self, places: Ints) -> Self:
        """The track at places (K, S) of each symbol; a place below 0 gives NaN and row -1."""
        columns = np.arange(self.rows.shape[1])
        found = {name: part[places, columns] for name, part in self.arrays().items()}
        for name, part in found.items():
            part[places < 0] = -1 if name == "rows" else np.nan
        return self._of(found)

    def blank(self, length: int) -> Self:
        """An empty track of `length` observations, to be filled."""
        found = {
            name: np.full((length, *part.shape[1:]), -1 if name == "rows" else np.nan)
            for name, part in self.arrays().items()
        }
        return self._of(found)

    def _of(self, arrays: dict[str, Any]) -> Self:
        states = replace(self.states, **{name: arrays[name] for name in self.states.arrays()})
        return type(self)(arrays["rows"], states, arrays["centres"], arrays["variances"])


def estimate(
    panel: Panel,
    day: int,
    settings: Settings,
    garch: Garch | None,
    weights: Floats | None,
    *,
    trees: Sequence[Tree] | None = None,
) -> Fitted:
    """The parameters as of the end of a day, from a panel that may contain later days.

    garch: each symbol's GARCH, as of that day.  weights: (H, K), the HAR weights.  trees: the
    trees. Weights and trees are estimated over all symbols.
    """
    kind, decay, days = settings.volatility, settings.decay, settings.rolling_days
    volatility = Volatility(kind, decay, days, garch, weights)
    values = known_values(panel, day, settings)
    return Fitted(locations.fit(settings.location, values, trees), volatility)


def known_values(panel: Panel, day: int, settings: Settings) -> Floats:
    """(n, S): the values that an estimate at the end of a day uses, NaN past a history's end."""
    until = day - settings.embargo_days
    if settings.window_days is not None:
        return panel.until(until).since(until - settings.window_days).values
    ends = panel.upto(until)
    found = panel.values[: max(int(ends.max(initial=0)), 1)].copy()
    found[np.arange(len(found))[:, None] >= ends] = np.nan
    return found


def follow(
    panel: Panel,
    fitted: Sequence[Fitted],
    begins: Sequence[Ints],
    horizon: int,
    start: Start | None = None,
    *,
    averaged: tuple[Floats, Floats] | None = None,
) -> Track:
    """Forecast from each observation with the parameters in use then.

    begins: for each of `fitted`, (S,), the first row that uses it, up to the next one's.
    start: the starting states of histories that began before the panel.
    averaged: the result of `har_states`, if it was computed before.
    """
    columns = np.arange(len(panel))
    # at least one, also if all symbols ended before
    length = int((panel.counts - begins[0]).max(initial=1))
    changes = np.diff(panel.values, axis=0)
    averaged = averaged or har_states(panel, fitted[0], start)
    known, begun = _known_states(panel, fitted[0], averaged, start), start.states if start else None
    whole: Track | None = None
    for place, part in enumerate(fitted):
        ends = begins[place + 1] if place + 1 < len(begins) else panel.counts
        most = max(int((ends - begins[place]).max(initial=0)), 0)
        rows = begins[place] + np.arange(most)[:, None]
        inside = rows < ends
        rows = np.where(inside, rows, 0)
        garch, end = part.volatility.garch, int(ends.max(initial=1)) - 1
        states = replace(
            known,
            level=locations.levels(part.location, panel.values, begun.level if begun else None),
            garch=conditional(garch, changes[:end], begun.garch if begun else None)
            if garch
            else None,
        ).at(rows, columns)
        made = Track(
            rows,
            states,
            locations.centres(part.location, states, horizon),
            volatilities.variances(part.volatility, states, horizon),
        )
        if whole is None:
            whole = made.blank(length)
        places = (rows - begins[0])[inside], np.nonzero(inside)[1]
        theirs = made.arrays()
        for name, ours in whole.arrays().items():
            ours[places] = theirs[name][inside]
    assert whole is not None
    return whole


def errors(panel: Panel, track: Track) -> Floats:
    """(H, S, P): standardised errors: outcome minus forecast, over the forecast deviation.

    track: of consecutive observations of each symbol.  NaN where there is no outcome.
    """
    places, symbols, horizon = track.centres.shape
    found = np.empty((horizon, symbols, places))
    rows = track.rows[0] + np.arange(1, places + horizon)[:, None]
    there = (track.rows[0] >= 0) & (rows < panel.counts)
    came = np.where(there, panel.values[np.where(there, rows, 0), np.arange(symbols)], np.nan)
    for step in range(horizon):
        with np.errstate(divide="ignore", invalid="ignore"):
            made = came[step : step + places] - track.centres[..., step]
            made /= np.sqrt(track.variances[..., step])
        made[~np.isfinite(made)] = np.nan
        found[step] = made.T
    return found


def har_states(panel: Panel, fitted: Fitted, start: Start | None) -> tuple[Floats, Floats] | None:
    """(N, S, K) and (N, S): the HAR averages after each observation, and the number of days so far
    whose ranges are in them; None without a HAR."""
    if fitted.volatility.kind not in WITH_HAR:
        return None
    begun = start.states if start else None
    found, known = averages(panel, begun.averages if begun else None)
    counts = np.zeros((len(panel.days), len(panel)))
    if begun and begun.ranges is not None:
        counts[0] = np.where(np.isnan(begun.ranges), 0.0, begun.ranges)
    counts[1:] = counts[0] + np.cumsum(known, axis=0)
    return found, counts


def _known_states(
    panel: Panel, fitted: Fitted, averaged: tuple[Floats, Floats] | None, start: Start | None
) -> States:
    """(N, S): the states after each observation, except those that depend on estimated parameters:
    `garch` is None and `level` is the value itself."""
    changes = squares(panel.values)
    begun = start.states if start else None
    before = begun.observations if begun else np.ones(len(panel))
    return States(
        before + np.arange(len(panel.days))[:, None],
        panel.values,
        volatilities.average(fitted.volatility, changes, start),
        None,
        averaged[0] if averaged else None,
        last_changes(panel.values, begun.changes if begun else None)
        if fitted.location.kind == "lightgbm"
        else None,
        averaged[1] if averaged else None,
    )
