"""A model of many symbols: parameters, the state after each symbol's last observation, forecasts.

Later prices bring the state up to date.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.forecasting import location as locations
from pricewright.forecasting import volatility as volatilities
from pricewright.forecasting.distribution import SHORTFALL, bounds
from pricewright.forecasting.panel import (
    NEVER,
    Panel,
    from_scale,
    panel_of,
    squares,
    to_scale,
)
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.track import Fitted, follow
from pricewright.forecasting.volatility import Start, States
from pricewright.tables.arrays import Days, Flags, Floats, log


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
    def any_sign(self) -> Flags:
        """(S,): whether a price of 0 or below exists on a symbol's scale."""
        return self.levels | (self.floors > 0)

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
        for number in np.flatnonzero(~self.any_sign).tolist():
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
        low = (panel.prices <= 0).any(axis=0) & ~self.any_sign
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
