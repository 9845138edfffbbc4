"""The parameters of many symbols, their track through time, and the model made of them.

A track holds the states and forecasts at successive observations, each with the parameters in use
then. A model describes the state after each symbol's last observation; later prices bring it up to
date.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.forecasting import location as locations
from pricewright.forecasting import volatility as volatilities
from pricewright.forecasting.distribution import SHORTFALL, bounds
from pricewright.forecasting.garch import Garch, conditional
from pricewright.forecasting.har import averages
from pricewright.forecasting.location import Location
from pricewright.forecasting.panel import (
    NEVER,
    BySymbol,
    Panel,
    from_scale,
    panel_of,
    squares,
    to_scale,
)
from pricewright.forecasting.settings import WITH_HAR, Settings
from pricewright.forecasting.trees import Tree, last_changes
from pricewright.forecasting.volatility import Start, States, Volatility
from pricewright.tables.arrays import Days, Flags, Floats, Ints, log


@dataclass(frozen=True)
class Fitted(BySymbol):
    """The parameters of S symbols, estimated at the end of one day."""

    location: Location
    volatility: Volatility


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
    length = max(int((panel.counts - begins[0]).max(initial=0)), 0)
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
    if not places:
        return found
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


@dataclass(frozen=True)
class Model:
    """A model of S symbols.

    levels: (S,), whether a symbol is modelled in levels.
    floors: (S,), the price below which its logarithm continues as a straight line, 0 for none.
    last_days: (S,), days since 1970-01-01.
    recent: for each symbol its last price, or as many last prices as the states need.
    probabilities: (Q,), the probabilities of the quantiles.
    shapes: (S or 1, H, Q + 1), the quantiles of a standardised error, then its mean below the
    quantile of SHORTFALL.
    """

    settings: Settings
    symbols: Sequence[str]
    levels: Flags
    last_days: Days
    recent: Sequence[Floats]
    probabilities: Floats
    fitted: Fitted
    states: States
    shapes: Floats
    floors: Floats

    @property
    def bounds(self) -> Sequence[float]:
        """The two probabilities that bound the model's own interval."""
        return bounds(self.settings.level)

    @property
    def last_prices(self) -> Floats:
        """(S,): the last price of each symbol."""
        return np.array([prices[-1] for prices in self.recent])

    def variances(self) -> Floats:
        """(S, H): the forecast variance of the change over 1..H steps, on each symbol's scale."""
        return volatilities.variances(self.fitted.volatility, self.states, self.settings.horizon)

    def points(self) -> Floats:
        """(S, H): the prices expected 1..H steps ahead; exactly the last price if naive."""
        location, centres = self.fitted.location, self._centres()
        if location.kind == "naive" or (location.kind == "lightgbm" and location.trees is None):
            return np.repeat(self.last_prices[:, None], centres.shape[1], axis=1)
        return from_scale(centres, self.levels, self.floors)

    def quantiles(self, levels: Sequence[float]) -> Floats:
        """(S, H, L): the prices' quantiles, interpolated linearly between the model's own.

        Raises Refusal for a level outside the model's first and last.
        """
        known = self.probabilities
        width = np.sqrt(self.variances())
        found = []
        for level in levels:
            if not known[0] <= level <= known[-1]:
                raise Refusal(
                    f"the model has no quantile at {level:g}; ask for one from "
                    f"{known[0]:g} to {known[-1]:g}."
                )
            above = max(int(np.searchsorted(known, level)), 1)
            share = (level - known[above - 1]) / (known[above] - known[above - 1])
            between = self.shapes[..., above - 1] * (1 - share) + self.shapes[..., above] * share
            values = self._centres() + width * between
            found.append(from_scale(values, self.levels, self.floors))
        return np.stack(found, axis=-1)

    def losses(self) -> tuple[Floats, Floats]:
        """(S, H) each: the value-at-risk and the expected shortfall of holding one unit.

        Both are at level 1 - SHORTFALL, in price units below the last price. The mean behind the
        shortfall is taken on the scale of the model, so on logarithms it is slightly larger.
        """
        last = self.last_prices[:, None]
        at_risk = self.quantiles([SHORTFALL])[..., 0]
        mean = self._centres() + np.sqrt(self.variances()) * self.shapes[..., -1]
        return last - at_risk, last - from_scale(mean, self.levels, self.floors)

    def rolled(self, newer: Panel) -> Self:
        """The model with its states updated by newer prices; no parameter is estimated.

        Only days after a symbol's last day count. A symbol without such days stays as it is. If the
        newer prices have a different price on that last day, for example because the series was
        adjusted for a dividend since, the model continues from the newer price.

        Raises Refusal if a new price does not exist on its symbol's scale.
        """
        return self._rescaled(newer)._rolled(newer)

    def _rescaled(self, newer: Panel) -> Self:
        """The model rescaled to newer prices, which may differ from its own on its last days."""
        factors = np.ones(len(self.symbols))
        for number in np.flatnonzero(~self.levels & (self.floors == 0)).tolist():
            price = newer.price_on(self.symbols[number], int(self.last_days[number]))
            if price is not None and price > 0:
                factors[number] = price / self.recent[number][-1]
        if (factors == 1).all():
            return self
        moved, location = np.asarray(log(factors)), self.fitted.location
        if location.kind == "theta":
            location = replace(location, intercept=location.intercept + moved)
        return replace(
            self,
            recent=[prices * by for prices, by in zip(self.recent, factors, strict=True)],
            fitted=replace(self.fitted, location=location),
            states=replace(self.states, level=self.states.level + moved),
        )

    def _rolled(self, newer: Panel) -> Self:
        panel, start = self.continued(newer, whole=False)
        most = self.fitted.volatility.prices_needed
        ends, columns = panel.counts - 1, np.arange(len(self.symbols))
        prices = [
            np.concatenate([self.recent[column][:-1], panel.prices[: end + 1, column]])
            for column, end in enumerate(ends.tolist())
        ]
        return replace(
            self,
            last_days=panel.days[ends, columns],
            recent=[known[-most:] for known in prices],
            states=self._followed(panel, start),
        )

    def loses_ranges(self, newer: Panel) -> list[str]:
        """The symbols that had ranges so far, but have none in the prices after the last day."""
        if self.states.ranges is None:
            return []
        found = []
        for number in np.flatnonzero(self.states.ranges > 0).tolist():
            if (column := newer.places.get(self.symbols[number])) is not None:
                days = newer.days[:, column]
                later = (days > self.last_days[number]) & (days < NEVER)
                none = newer.bars is None or np.isnan(newer.bars[0, later, column]).all()
                found += [self.symbols[number]] if later.any() and none else []
        return found

    def continued(self, newer: Panel, *, whole: bool) -> tuple[Panel, Start]:
        """Each symbol's last price and the later ones, and the states from which they continue.

        With `whole`, a history that begins no later than the model's last day is taken as it is,
        and its states start again from nothing. Raises Refusal if a new price does not exist on its
        symbol's scale.
        """
        histories, bars, anew = [], [], np.zeros(len(self.symbols), dtype=bool)
        for number, symbol in enumerate(self.symbols):
            prices, last = self.recent[number][-1:], int(self.last_days[number])
            days = self.last_days[number : number + 1]
            parts = np.full((2, 1), np.nan)  # the states already include that day
            if (column := newer.places.get(symbol)) is not None:
                rows = slice(0, int(newer.counts[column]))
                new_days, new_prices = newer.days[rows, column], newer.prices[rows, column]
                new_parts = np.full((2, len(new_days)), np.nan)
                if newer.bars is not None:
                    new_parts = newer.bars[:, rows, column]
                if whole and new_days[0] <= last:
                    anew[number], days, prices = True, new_days[:0], new_prices[:0]
                    parts = new_parts[:, :0]
                    last = -NEVER
                later = new_days > last
                days = np.concatenate([days, new_days[later]])
                prices = np.concatenate([prices, new_prices[later]])
                parts = np.concatenate([parts, new_parts[:, later]], axis=1)
            histories.append((days, prices))
            bars.append(parts)
        panel = panel_of(self.symbols, histories, bars if newer.bars is not None else None)
        low = (panel.prices <= 0).any(axis=0) & ~self.levels & (self.floors == 0)
        for number in np.flatnonzero(low).tolist():
            raise Refusal(
                f"{self.symbols[number]} has a price that is not above 0, but the model takes "
                "its logarithm; train again."
            )
        return self.on_its_scales(panel), self._start(anew)

    def on_its_scales(self, panel: Panel) -> Panel:
        """A panel of the model's symbols on the model's scales. A floor applies from the day that
        needed it if that day is in the panel, else throughout."""
        if not self.floors.any():
            return replace(panel, levels=self.levels, floors=None)
        since = np.where(self.floors > 0, -NEVER, NEVER)
        if panel.floors is not None:
            since = np.where(panel.floors[0] == self.floors, panel.floors[1], since)
        return replace(panel, levels=self.levels, floors=np.array([self.floors, since]))

    def of(self, symbols: Sequence[str]) -> Self:
        """The model of some of its symbols, in the order given."""
        place = {symbol: number for number, symbol in enumerate(self.symbols)}
        columns = np.array([place[symbol] for symbol in symbols], dtype=np.intp)
        return replace(
            self,
            symbols=list(symbols),
            levels=self.levels[columns],
            floors=self.floors[columns],
            last_days=self.last_days[columns],
            recent=[self.recent[column] for column in columns.tolist()],
            fitted=self.fitted.of(columns),
            states=self.states.of(columns),
            shapes=self.shapes if len(self.shapes) < len(self.symbols) else self.shapes[columns],
        )

    def _centres(self) -> Floats:
        return locations.centres(self.fitted.location, self.states, self.settings.horizon)

    def _followed(self, panel: Panel, start: Start) -> States:
        """The states after each symbol's last price and all later ones.

        Observations are taken one at a time, so the numbers do not depend on how many arrive in one
        go. Only a rolling mean is computed again, from all recent prices.
        """
        states = self.states.of(np.arange(len(panel)))  # a copy
        for step in range(int((panel.counts - 1).max(initial=0))):
            columns = np.flatnonzero(panel.counts - 1 > step)
            pair = Panel(
                [panel.symbols[column] for column in columns.tolist()],
                panel.days[step : step + 2, columns],
                panel.prices[step : step + 2, columns],
                panel.levels[columns],
                None if panel.bars is None else panel.bars[:, step : step + 2, columns],
                floors=None if panel.floors is None else panel.floors[:, columns],
            )
            after = [np.ones(len(columns), dtype=np.intp)]
            begun = Start(states.of(columns), start.earlier[columns, :0])
            made = follow(pair, [self.fitted.of(columns)], after, 1, begun).states.at(0)
            new = made.arrays()
            for name, ours in states.arrays().items():
                ours[columns] = new[name]
        model = self.fitted.volatility
        if model.kind == "rolling":
            means = volatilities.rolling(squares(panel.values), model.rolling_days, start.earlier.T)
            columns = np.flatnonzero(panel.counts > 1)
            states.ewma[columns] = means[panel.counts[columns] - 1, columns]
        return states

    def _start(self, anew: Flags) -> Start:
        states = self.states.of(np.arange(len(anew)))  # a copy
        for part in states.arrays().values():
            part[anew] = np.nan
        states.observations[anew] = 1.0
        longest = max(len(prices) for prices in self.recent) - 1
        earlier = np.full((len(anew), longest), np.nan)
        for column in np.flatnonzero(~anew).tolist():
            prices, own = self.recent[column], slice(column, column + 1)
            values = to_scale(prices[:, None], self.levels[own], self.floors[own])[:, 0]
            earlier[column, longest - len(prices) + 1 :] = np.diff(values) ** 2
        return Start(states, earlier)
