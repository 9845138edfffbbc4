"""A model of many symbols as of each one's last observation, and what it forecasts.

Prices that came later bring it forward; they are read with the standard library and numpy alone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Self

import numpy as np

from pricewright.files.disk import read_begin
from pricewright.files.errors import Refusal
from pricewright.files.strict_json import read_json
from pricewright.forecasting import location, volatility
from pricewright.forecasting.checked_document import LARGEST
from pricewright.forecasting.panel import NEVER, Panel, from_scale, panel_of, squares
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.track import Fitted, follow
from pricewright.forecasting.volatility import Start, States
from pricewright.tables.arrays import Days, Flags, Floats, log


@dataclass(frozen=True)
class Model:
    """A model of S symbols.

    levels: (S,), whether a symbol is modelled in levels.  last_days: (S,), since 1970-01-01.
    recent: for each symbol its last price, or as many of them as the states need.
    shapes: (S or 1, H, Q), the quantiles of a standardised error; probabilities: (Q,), theirs.
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

    @property
    def bounds(self) -> Sequence[float]:
        """The probabilities between which the model's own interval lies."""
        level = self.settings.level
        return [round((1 - level) / 2, 12), round((1 + level) / 2, 12)]

    def variances(self) -> Floats:
        """(S, H): the variance forecast of the change over 1..H steps, on each one's scale."""
        return volatility.variances(self.fitted.volatility, self.states, self.settings.horizon)

    def points(self) -> Floats:
        """(S, H): the prices expected 1..H steps ahead."""
        return from_scale(self._centres(), self.levels)

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
            found.append(from_scale(self._centres() + width * between, self.levels))
        return np.stack(found, axis=-1)

    def rolled(self, newer: Panel) -> Self:
        """The model with its states brought forward by newer prices, and nothing estimated.

        Only days after a symbol's last one count. A symbol that has none stays as it is.
        """
        panel, start = self.continued(newer, whole=False)
        volatile = self.fitted.volatility
        most = volatile.rolling_days + 1 if volatile.kind == "rolling" else 1
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

    def continued(self, newer: Panel, *, whole: bool) -> tuple[Panel, Start]:
        """Each symbol's last price and what came after it, and where these histories go on.

        With `whole`, a history that begins no later than the model's last day is taken as it
        is, and its states begin anew. Raises Refusal if a price that came has no place on its
        symbol's scale.
        """
        place = {symbol: number for number, symbol in enumerate(newer.symbols)}
        histories, anew = [], np.zeros(len(self.symbols), dtype=bool)
        for number, symbol in enumerate(self.symbols):
            prices, last = self.recent[number][-1:], int(self.last_days[number])
            days = self.last_days[number : number + 1]
            if symbol in place:
                rows, column = slice(0, int(newer.counts[place[symbol]])), place[symbol]
                new_days, new_prices = newer.days[rows, column], newer.prices[rows, column]
                if whole and new_days[0] <= last:
                    anew[number], days, prices = True, new_days[:0], new_prices[:0]
                    last = -NEVER
                later = new_days > last
                days = np.concatenate([days, new_days[later]])
                prices = np.concatenate([prices, new_prices[later]])
            histories.append((days, prices))
        panel = panel_of(self.symbols, histories)
        for number in np.flatnonzero(panel.levels & ~self.levels).tolist():
            raise Refusal(
                f"{self.symbols[number]} has a price that is not above 0, and the model takes "
                "its logarithm; train again."
            )
        return replace(panel, levels=self.levels), self._start(anew)

    def of(self, symbols: Sequence[str]) -> Self:
        """The model of some of its symbols, in the order given."""
        place = {symbol: number for number, symbol in enumerate(self.symbols)}
        columns = np.array([place[symbol] for symbol in symbols], dtype=np.intp)
        return replace(
            self,
            symbols=list(symbols),
            levels=self.levels[columns],
            last_days=self.last_days[columns],
            recent=[self.recent[column] for column in columns.tolist()],
            fitted=self.fitted.of(columns),
            states=self.states.at(columns),
            shapes=self.shapes if len(self.shapes) < len(self.symbols) else self.shapes[columns],
        )

    def _centres(self) -> Floats:
        return location.centres(self.fitted.location, self.states, self.settings.horizon)

    def _followed(self, panel: Panel, start: Start) -> States:
        """The states at the end of each symbol's last price and what came after it.

        One observation after the other, so that the numbers are the same in however many goes
        they came. Only a rolling mean is made anew, from all the recent prices.
        """
        states = self.states.at(np.arange(len(panel)))  # a copy
        for step in range(int((panel.counts - 1).max(initial=0))):
            columns = np.flatnonzero(panel.counts - 1 > step)
            pair = Panel(
                [panel.symbols[column] for column in columns.tolist()],
                panel.days[step : step + 2, columns],
                panel.prices[step : step + 2, columns],
                panel.levels[columns],
            )
            after = [np.ones(len(columns), dtype=np.intp)]
            begun = Start(states.at(columns), start.earlier[:0, columns])
            made = follow(pair, [self.fitted.of(columns)], after, 1, begun).states.at(0)
            for (_, ours), (_, new) in zip(states.items(), made.items(), strict=True):
                if ours is not None:
                    ours[columns] = new
        model = self.fitted.volatility
        if model.kind == "rolling":
            means = volatility.rolling(squares(panel.values), model.rolling_days, start.earlier)
            columns = np.flatnonzero(panel.counts > 1)
            states.ewma[columns] = means[panel.counts[columns] - 1, columns]
        return states

    def _start(self, anew: Flags) -> Start:
        states = self.states.at(np.arange(len(anew)))  # a copy
        for _, part in states.items():
            if part is not None:
                part[anew] = np.nan
        states.observations[anew] = 1.0
        longest = max(len(prices) for prices in self.recent) - 1
        earlier = np.full((longest, len(anew)), np.nan)
        for column in np.flatnonzero(~anew).tolist():
            prices = self.recent[column]
            values = prices if self.levels[column] else log(prices)
            earlier[longest - len(prices) + 1 :, column] = np.diff(values) ** 2
        return Start(states, earlier)


EPOCH = date(1970, 1, 1).toordinal()

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


@dataclass(frozen=True)
class NewPrices:
    """The prices of a model's symbols, and the symbols that the model does not know."""

    panel: Panel
    unknown: Sequence[str]


def read_new_prices(path: Path, saved: Model, known: Sequence[str]) -> NewPrices:
    """Clean records as a panel of the symbols of a model, of which `known` are all it has.

    Raises Refusal, with the number of the record, for what is missing or no price, for a symbol
    with two prices on one day, and for a price whose logarithm a model takes and that has none.
    """
    records = _clean_records(path)
    if not isinstance(records, list):
        raise Refusal(f"{path}: no array of records; give prices as `clean` writes them.")
    checked = _Records(path, saved, known)
    for number, record in enumerate(records, start=1):
        checked.add(number, record)
    symbols = sorted(set(checked.prices) & set(saved.symbols))
    histories = []
    for symbol in symbols:
        found = sorted(checked.prices[symbol].items())
        days = np.array([day for day, _ in found], dtype=np.int32)
        histories.append((days, np.array([price for _, price in found], dtype=np.float64)))
    return NewPrices(panel_of(symbols, histories), sorted(set(checked.prices) - set(known)))


def _clean_records(path: Path) -> Any:
    """What a file of clean prices holds: JSON, or Parquet where pyarrow is there to read it."""
    if read_begin(path, 4) != b"PAR1":
        return read_json(path)
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise Refusal(f"{path}: is Parquet, and there is no pyarrow; give JSON.") from None
    try:
        records = pyarrow.parquet.read_table(path).to_pylist()
    except pyarrow.ArrowInvalid:
        raise Refusal(f"{path}: no Parquet that can be read; make it again.") from None
    return [
        {key: value.isoformat() if isinstance(value, date) else value for key, value in row.items()}
        for row in records
    ]


class _Records:
    """Prices by symbol and day, each record checked as it is added."""

    def __init__(self, path: Path, saved: Model, known: Sequence[str]) -> None:
        self.path, self.column = path, saved.settings.price
        self.only = known[0] if len(known) == 1 else None
        levels = zip(saved.symbols, saved.levels.tolist(), strict=True)
        self.logs = {symbol for symbol, in_levels in levels if not in_levels}
        self.prices: dict[str, dict[int, float]] = {}

    def add(self, number: int, record: Any) -> None:
        place = f"{self.path}: record {number}"
        if not isinstance(record, dict):
            raise Refusal(f"{place} is {_short(record)}, where an object is needed.")
        symbol, day = self._symbol(place, record), _day(place, record)
        price = _price(place, record, self.column)
        if symbol in self.logs and price <= 0:
            raise Refusal(
                f"{place} has {self.column} = {price:g} for {symbol!r}, and the model takes "
                "logarithms of its prices; train again."
            )
        history = self.prices.setdefault(symbol, {})
        if day in history:
            raise Refusal(
                f"{place} is a second price of {symbol!r} on {record['date'][:10]}; "
                "clean the table first."
            )
        history[day] = price

    def _symbol(self, place: str, record: Mapping[str, Any]) -> str:
        if "symbol" not in record and self.only is not None:
            return self.only
        found = _value(place, record, "symbol")
        if not isinstance(found, str):
            raise Refusal(f"{place} has symbol = {_short(found)}, where a text is needed.")
        return found


def _day(place: str, record: Mapping[str, Any]) -> int:
    found = _value(place, record, "date")
    try:
        if isinstance(found, str) and _DATE.fullmatch(found):
            return date.fromisoformat(found[:10]).toordinal() - EPOCH
    except ValueError:  # such as February 30th
        pass
    raise Refusal(
        f"{place} has date = {_short(found)}, where a date as in 2024-01-31 is needed; "
        "clean the table first."
    )


def _price(place: str, record: Mapping[str, Any], column: str) -> float:
    found = _value(place, record, column)
    if type(found) not in (int, float) or not -LARGEST <= found <= LARGEST:
        raise Refusal(
            f"{place} has {column} = {_short(found)}, where a number from {-LARGEST:g} to "
            f"{LARGEST:g} is needed; clean the table first."
        )
    return float(found)


def _value(place: str, record: Mapping[str, Any], key: str) -> Any:
    if key not in record:
        has = ", ".join(map(repr, record)) or "nothing"
        raise Refusal(f"{place} has no {key!r}, only {_cut(has)}; clean the table first.")
    return record[key]


def _short(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
