"""The parameters of many symbols, their track through time, and a model of them.

A track is what was known and forecast at successive observations, each with the parameters that
held then. A model is as of each symbol's last observation; prices that came later bring it
forward.
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
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.trees import Tree, last_changes
from pricewright.forecasting.volatility import Start, States, Volatility
from pricewright.tables.arrays import Days, Flags, Floats, Ints, log


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
        found = {name: part[places, columns] for name, part in self.arrays().items()}
        for name, part in found.items():
            part[places < 0] = -1 if name == "rows" else np.nan
        return self._of(found)

    def blank(self, length: int) -> Self:
        """A track of so many observations in which nothing is known yet."""
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
    """The parameters as of the end of a day, from a panel that may know more.

    garch: each symbol's, as of that day.  weights: (H, K), the HAR's, and trees, both estimated
    over all symbols.
    """
    own = None if garch is None else garch.converged
    kind, decay, days = settings.volatility, settings.decay, settings.rolling_days
    volatility = Volatility(kind, decay, days, garch, own, weights)
    values = known_values(panel, day, settings)
    return Fitted(locations.fit(settings.location, values, trees), volatility)


def known_values(panel: Panel, day: int, settings: Settings) -> Floats:
    """(n, S): the values that an estimate as of the end of a day is made from, NaN past an end."""
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
    """Forecast from each observation with the parameters that held then.

    begins: for each of `fitted`, (S,) the row from which on it holds: up to the next's.
    start: where histories go on that began before the panel.  averaged: of the HAR's, what
    `har_states` says, where that is known.
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
    """(H, S, P): what happened less what was expected, over the deviation that was forecast.

    track: of observations in a row of each symbol, from its first on.
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
    """(N, S, K) and (N, S), after each observation: the HAR's averages, and the days so far whose
    ranges are in them; None without a HAR."""
    if not fitted.volatility.uses_har:
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
    """(N, S): the states after each observation of a panel, but for those that depend on what was
    estimated, which are as if nothing had been."""
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

    levels: (S,), whether a symbol is modelled in levels.  floors: (S,), below which price its
    logarithms go on as a line, 0 for none.  last_days: (S,), since 1970-01-01.
    recent: for each symbol its last price, or as many of them as the states need.
    shapes: (S or 1, H, Q + 1), the quantiles of a standardised error and the mean below that of
    SHORTFALL; probabilities: (Q,), theirs.
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
        """The probabilities between which the model's own interval lies."""
        return bounds(self.settings.level)

    def variances(self) -> Floats:
        """(S, H): the variance forecast of the change over 1..H steps, on each one's scale."""
        return volatilities.variances(self.fitted.volatility, self.states, self.settings.horizon)

    def points(self) -> Floats:
        """(S, H): the prices expected 1..H steps ahead; the last price itself, where it is that."""
        location, centres = self.fitted.location, self._centres()
        if location.kind == "naive" or (location.kind == "lightgbm" and location.trees is None):
            last = np.array([prices[-1] for prices in self.recent])
            return np.repeat(last[:, None], centres.shape[1], axis=1)
        return from_scale(centres, self.levels, self.floors)

    def quantiles(self, levels: Sequence[float]) -> Floats:
        """(S, H, L): the prices' quantiles, linear between those that the model has.

        Raises Refusal for a level that is not between the model's first and last.
        """
        known = self.probabilities
        width = np.sqrt(self.variances())
        found = []
        for level in levels:
            if not known[0] <= level <= known[-1]:
                raise Refusal(
                    f"the model does not know the quantile {level:g}; ask for one from "
                    f"{known[0]:g} to {known[-1]:g}."
                )
            above = max(int(np.searchsorted(known, level)), 1)
            share = (level - known[above - 1]) / (known[above] - known[above - 1])
            between = self.shapes[..., above - 1] * (1 - share) + self.shapes[..., above] * share
            values = self._centres() + width * between
            found.append(from_scale(values, self.levels, self.floors))
        return np.stack(found, axis=-1)

    def losses(self) -> tuple[Floats, Floats]:
        """(S, H) each: the value-at-risk and the expected shortfall of who holds one.

        At 1 - SHORTFALL, in units of price below the last one. The shortfall is of the mean on the
        scale of the model, so of logarithms it is a little more.
        """
        last = np.array([prices[-1] for prices in self.recent])[:, None]
        at_risk = self.quantiles([SHORTFALL])[..., 0]
        mean = self._centres() + np.sqrt(self.variances()) * self.shapes[..., -1]
        return last - at_risk, last - from_scale(mean, self.levels, self.floors)

    def rolled(self, newer: Panel) -> Self:
        """The model with its states brought forward by newer prices, and nothing estimated.

        Only days after a symbol's last one count. A symbol that has none stays as it is. Where the
        newer prices have another one of that last day, as of a series that was adjusted for a
        dividend since, the model goes on from that.

        Raises Refusal if a price that came has no place on its symbol's scale.
        """
        return self._rescaled(newer)._rolled(newer)

    def _rescaled(self, newer: Panel) -> Self:
        """The model on the scale of newer prices, which may have another one of its last days."""
        factors = np.ones(len(self.symbols))
        place = {symbol: column for column, symbol in enumerate(newer.symbols)}
        for number in np.flatnonzero(~self.levels & (self.floors == 0)).tolist():
            if (column := place.get(self.symbols[number])) is not None:
                days = newer.days[: newer.counts[column], column]
                row = int(np.searchsorted(days, self.last_days[number]))
                if row < len(days) and days[row] == self.last_days[number]:
                    price = newer.prices[row, column]
                    factors[number] = price / self.recent[number][-1] if price > 0 else 1.0
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
        """The symbols with ranges so far, and none in the newer prices after the last day."""
        if self.states.ranges is None:
            return []
        place = {symbol: number for number, symbol in enumerate(newer.symbols)}
        found = []
        for number in np.flatnonzero(self.states.ranges > 0).tolist():
            if (column := place.get(self.symbols[number])) is not None:
                days = newer.days[:, column]
                later = (days > self.last_days[number]) & (days < NEVER)
                none = newer.bars is None or np.isnan(newer.bars[0, later, column]).all()
                found += [self.symbols[number]] if later.any() and none else []
        return found

    def continued(self, newer: Panel, *, whole: bool) -> tuple[Panel, Start]:
        """Each symbol's last price and what came after it, and where these histories go on.

        With `whole`, a history that begins no later than the model's last day is taken as it
        is, and its states begin anew. Raises Refusal if a price that came has no place on its
        symbol's scale.
        """
        place = {symbol: number for number, symbol in enumerate(newer.symbols)}
        histories, bars, anew = [], [], np.zeros(len(self.symbols), dtype=bool)
        for number, symbol in enumerate(self.symbols):
            prices, last = self.recent[number][-1:], int(self.last_days[number])
            days = self.last_days[number : number + 1]
            parts = np.full((2, 1), np.nan)  # what is known of that day is in its states
            if symbol in place:
                rows, column = slice(0, int(newer.counts[place[symbol]])), place[symbol]
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
                f"{self.symbols[number]} has a price that is not above 0, and the model takes "
                "its logarithm; train again."
            )
        return self.on_its_scales(panel), self._start(anew)

    def on_its_scales(self, panel: Panel) -> Panel:
        """A panel of its symbols on the scales of the model: on a line below a floor from the day
        on that needed it, if that is in the panel, else throughout."""
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
        """The states at the end of each symbol's last price and what came after it.

        One observation after the other, so that the numbers are the same in however many goes
        they came. Only a rolling mean is made anew, from all the recent prices.
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
