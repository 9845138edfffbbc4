"""The live record of a release read back: what it forecast one day ahead, and what came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pricewright.forecasting.model import Model
from pricewright.forecasting.panel import Panel
from pricewright.monitoring.record import CHALLENGER, EWMA, LEVELS, TAILS, Day, next_prices
from pricewright.tables.arrays import Flags, Floats


@dataclass(frozen=True)
class LiveRecord:
    """The forecasts of T days for S symbols that count, one day ahead, and what came.

    dates: (T,), when they were made.  came, first: (T, S), the next price, by the newest deliveries
    and as it first came, in units of the price when the forecast was made; NaN where there is none.
    quantiles: (T, S, Q), of `levels`.  bounds: (T, S, 2), of the model's interval.  shortfall: (T,
    S, 2), the prices at the value-at-risk and the expected shortfall.  rivals: (T, S, L) each.
    """

    dates: Sequence[str]
    symbols: Sequence[str]
    came: Floats
    first: Floats
    quantiles: Floats
    bounds: Floats
    shortfall: Floats
    rivals: Mapping[str, Floats]


def read_live(days: Sequence[Day], panel: Panel, model: Model) -> LiveRecord:
    """The live record of a release.

    days: all of its days on record.  panel: today's clean prices.  model: the release's.

    A forecast from a price that an earlier day had already counts once. Raises Refusal for a file
    that is not what was written down.
    """
    levels = dict(zip(model.symbols, model.levels.tolist(), strict=True))
    known = [column for column, symbol in enumerate(panel.symbols) if symbol in levels]
    panel = panel.columns(np.array(known, dtype=np.intp))
    symbols = list(panel.symbols)
    place = {symbol: column for column, symbol in enumerate(symbols)}
    counted = [number for number, day in enumerate(days) if not day.late]
    shape = (len(counted), len(symbols))
    came, first = np.full(shape, np.nan), np.full(shape, np.nan)
    quantiles = np.full((*shape, len(LEVELS)), np.nan)
    interval, shortfall = np.full((*shape, 2), np.nan), np.full((*shape, 2), np.nan)
    rivals = {name: np.full((*shape, len(TAILS)), np.nan) for name in (EWMA, CHALLENGER)}
    seen = np.full(len(symbols), -1, dtype=np.int64)
    on_levels = np.array([levels[symbol] for symbol in symbols], dtype=bool)
    for row, number in enumerate(counted):
        table = days[number].forecasts()
        columns = np.array([place.get(name, -1) for name in table["symbol"].to_pylist()])
        made = table["from"].to_numpy().astype("datetime64[D]").astype(np.int64)
        new = (columns >= 0) & (made > seen[columns])
        seen[columns[new]] = made[new]
        at, last = columns[new], table["last"].to_numpy()[new]

        def of(name: str) -> Floats:
            values: Floats = table[name].to_numpy()  # noqa: B023 (called within the loop)
            return np.asarray(values[new])  # noqa: B023

        found = next_prices(panel, [symbols[column] for column in at], made[new])
        moved = _moved(last, found.was, found.came, on_levels[at])
        came[row, at] = np.where(found.there, moved, np.nan)
        quantiles[row, at] = np.stack([of(f"q{level!r}") for level in LEVELS], axis=-1)
        interval[row, at] = np.stack([of(f"q{level!r}") for level in model.bounds], axis=-1)
        shortfall[row, at] = last[:, None] - np.stack([of("var97.5"), of("es97.5")], axis=-1)
        lasts = dict(zip(at.tolist(), last.tolist(), strict=True))
        if number + 1 < len(days) and (outcomes := days[number + 1].table(".outcomes.parquet")):
            for entry in outcomes.to_pylist():
                column = place.get(entry["symbol"], -1)
                if column in lasts:
                    prices = (np.array([lasts[column]]), np.array([entry["was"]]))
                    price = np.array([entry["came"]])
                    first[row, column] = _moved(*prices, price, on_levels[[column]])[0]
        if others := days[number].table(".rivals.parquet"):
            for name, held in rivals.items():
                theirs = others.filter(np.array(others["rival"].to_pylist()) == name)
                to = np.array([place.get(s, -1) for s in theirs["symbol"].to_pylist()], dtype=int)
                values = np.stack([theirs[f"q{t!r}"].to_numpy() for t in TAILS], axis=-1)
                held[row, to[to >= 0]] = values[to >= 0]
    dates = [days[number].date for number in counted]
    return LiveRecord(dates, symbols, came, first, quantiles, interval, shortfall, rivals)


def _moved(last: Floats, was: Floats, came: Floats, levels: Flags) -> Floats:
    """A price that came, in units of the last price when it was forecast: a series may have been
    rescaled since, but for one on levels."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rescaled = np.where(levels, last + (came - was), last * (came / was))
    return np.where(was == last, came, rescaled)
