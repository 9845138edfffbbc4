"""The live record of a release read back: what it forecast one day ahead, and what came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pricewright.forecasting.forecast_records import LOSSES
from pricewright.forecasting.model import Model
from pricewright.forecasting.panel import Panel
from pricewright.monitoring.record import CHALLENGER, EWMA, LEVELS, RIVAL_LEVELS, Day, next_prices
from pricewright.tables.arrays import Flags, Floats, Ints

if TYPE_CHECKING:
    import pyarrow as pa


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

    @property
    def inside(self) -> Flags:
        """(T, S): whether the price came within the model's interval; False where none came."""
        above = self.came >= self.bounds[..., 0]
        return np.asarray(above & (self.came <= self.bounds[..., 1]))


def read_live(days: Sequence[Day], panel: Panel, model: Model) -> LiveRecord:
    """The live record of a release.

    days: all of its days on record.  panel: today's clean prices.  model: the release's.

    A forecast from a price that an earlier day had already counts once. Raises Refusal for a file
    that is not what was written down.
    """
    levels = dict(zip(model.symbols, model.levels.tolist(), strict=True))
    known = [column for column, symbol in enumerate(panel.symbols) if symbol in levels]
    panel = panel.columns(np.array(known, dtype=np.intp))
    on_levels = np.array([levels[symbol] for symbol in panel.symbols], dtype=bool)
    counted = [number for number, day in enumerate(days) if not day.late]
    live = _empty([days[number].date for number in counted], panel.symbols)
    place = {symbol: column for column, symbol in enumerate(panel.symbols)}
    seen = np.full(len(panel), -1, dtype=np.int64)
    for row, number in enumerate(counted):
        table = days[number].forecasts()
        columns = _places(table["symbol"], place)
        made = table["from"].to_numpy().astype("datetime64[D]").astype(np.int64)
        new = (columns >= 0) & (made > seen[columns])
        seen[columns[new]] = made[new]
        table, at, made = table.filter(new), columns[new], made[new]
        last = _numbers(table, ["last"])[:, 0]
        found = next_prices(panel, table["symbol"].to_pylist(), made)
        moved = _moved(last, found.was, found.came, on_levels[at])
        live.came[row, at] = np.where(found.there, moved, np.nan)
        live.quantiles[row, at] = _numbers(table, [f"q{level!r}" for level in LEVELS])
        live.bounds[row, at] = _numbers(table, [f"q{level!r}" for level in model.bounds])
        live.shortfall[row, at] = last[:, None] - _numbers(table, LOSSES)
        if number + 1 < len(days) and (outcomes := days[number + 1].table(".outcomes.parquet")):
            then = np.full(len(panel), np.nan)
            then[at] = last
            to = _places(outcomes["symbol"], place)
            was, came = _numbers(outcomes, ["was", "came"])[to >= 0].T
            to = to[to >= 0]
            live.first[row, to] = _moved(then[to], was, came, on_levels[to])
        if rivals := days[number].table(".rivals.parquet"):
            for name, held in live.rivals.items():
                theirs = rivals.filter(np.array(rivals["rival"].to_pylist()) == name)
                to = _places(theirs["symbol"], place)
                values = _numbers(theirs, [f"q{level!r}" for level in RIVAL_LEVELS])
                held[row, to[to >= 0]] = values[to >= 0]
    return live


def _empty(dates: Sequence[str], symbols: Sequence[str]) -> LiveRecord:
    def nothing(*more: int) -> Floats:
        return np.full((len(dates), len(symbols), *more), np.nan)

    return LiveRecord(
        dates,
        symbols,
        came=nothing(),
        first=nothing(),
        quantiles=nothing(len(LEVELS)),
        bounds=nothing(2),
        shortfall=nothing(len(LOSSES)),
        rivals={name: nothing(len(RIVAL_LEVELS)) for name in (EWMA, CHALLENGER)},
    )


def _places(symbols: "pa.ChunkedArray", place: Mapping[str, int]) -> Ints:
    """(n,): the columns of some symbols, -1 for one that has none."""
    return np.array([place.get(symbol, -1) for symbol in symbols.to_pylist()], dtype=np.intp)


def _numbers(table: "pa.Table", names: Sequence[str]) -> Floats:
    """(n, C): columns of a table side by side."""
    return np.stack([table[name].to_numpy() for name in names], axis=-1)


def _moved(last: Floats, was: Floats, came: Floats, levels: Flags) -> Floats:
    """A price that came, in units of the last price when it was forecast: a series may have been
    rescaled since, but for one on levels."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rescaled = np.where(levels, last + (came - was), last * (came / was))
    return np.where(was == last, came, rescaled)
