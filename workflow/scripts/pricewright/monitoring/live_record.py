"""The live record of a release, read back: its one-day-ahead forecasts and the outcomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from pricewright.files.clock import day_number, parse_time
from pricewright.forecasting.forecast_records import LOSSES
from pricewright.forecasting.model import Model
from pricewright.forecasting.panel import NEVER, Panel
from pricewright.monitoring.record import (
    CHALLENGER,
    EWMA,
    LEVELS,
    RIVAL_LEVELS,
    known_from,
    next_prices,
)
from pricewright.monitoring.record_days import OUTCOME, RELEASE, Day, read_rows
from pricewright.tables.arrays import Flags, Floats, Ints

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class LiveRecord:
    """The one-day-ahead forecasts that count, of T days for S symbols, and their outcomes.

    dates: (T,), when the forecasts were made.
    came, first: (T, S), the outcome by the newest deliveries, and as first delivered, on the scale
    of the price when the forecast was made; NaN where there is none.
    quantiles: (T, S, Q), at LEVELS.  bounds: (T, S, 2), of the model's interval.
    shortfall: (T, S, 2), the prices at the value-at-risk and at the expected shortfall.
    rivals: (T, S, L) each, at RIVAL_LEVELS.
    days_late: the number of other days, on which all forecasts were too late.
    """

    dates: Sequence[str]
    symbols: Sequence[str]
    came: Floats
    first: Floats
    quantiles: Floats
    bounds: Floats
    shortfall: Floats
    rivals: Mapping[str, Floats]
    days_late: int = 0

    @property
    def inside(self) -> Flags:
        """(T, S): whether the outcome is within the model's interval; False if there is none."""
        above = self.came >= self.bounds[..., 0]
        return np.asarray(above & (self.came <= self.bounds[..., 1]))


def read_live(days: Sequence[Day], panel: Panel, model: Model) -> LiveRecord:
    """The live record of a release.

    days: all its recorded days.  panel: today's clean prices.  model: the release's.

    A forecast counts if it was recorded before its outcome could be known; as long as there is no
    outcome, it is open. Forecasts of several days from the same last price count once. Raises
    Refusal for a file that is missing or changed.
    """
    levels = dict(zip(model.symbols, model.levels.tolist(), strict=True))
    known = [column for column, symbol in enumerate(panel.symbols) if symbol in levels]
    panel = panel.columns(np.array(known, dtype=np.intp))
    on_levels = np.array([levels[symbol] for symbol in panel.symbols], dtype=bool)
    counted = [number for number, day in enumerate(days) if not day.void]
    live = _empty([days[number].date for number in counted], panel.symbols)
    row = {date: place for place, date in enumerate(live.dates)}
    after = {
        days[number + 1].date: place
        for place, number in enumerate(counted)
        if number + 1 < len(days)
    }
    made = np.full(live.came.shape, -NEVER, dtype=np.int64)
    last, was, came_first = (np.full(made.shape, np.nan) for _ in range(3))
    for rows in read_rows(days):
        own, at = _cells(rows, RELEASE, row, panel.places)
        made[at] = own["from"].to_numpy().astype("datetime64[D]").astype(np.int64)
        last[at] = _numbers(own, ["last"])[:, 0]
        live.quantiles[at] = _numbers(own, [f"q{level!r}" for level in LEVELS])
        live.bounds[at] = _numbers(own, [f"q{level!r}" for level in model.bounds])
        live.shortfall[at] = last[at][:, None] - _numbers(own, LOSSES)
        outcomes, at = _cells(rows, OUTCOME, after, panel.places)
        if len(outcomes):
            was[at], came_first[at] = _numbers(outcomes, ["was", "came"]).T
        for name, held in live.rivals.items():
            theirs, at = _cells(rows, name, row, panel.places)
            held[at] = _numbers(theirs, [f"q{level!r}" for level in RIVAL_LEVELS])
    rows, columns = np.nonzero(made > -NEVER)
    found = next_prices(panel, columns, made[rows, columns])
    recorded = [days[number] for number in counted]
    late = np.flatnonzero(found.there)
    late = late[_too_late(recorded, rows[late], made[rows, columns][late], found.days[late])]
    made[rows[late], columns[late]] = -NEVER
    before = np.maximum.accumulate(made, axis=0)[:-1]
    again = made <= np.concatenate([np.full_like(made[:1], -NEVER), before])
    last[again] = np.nan
    for part in (live.quantiles, live.bounds, live.shortfall):
        part[again] = np.nan
    new = ~again[rows, columns]
    at = rows[new], columns[new]
    moved = _moved(last[at], found.was[new], found.came[new], on_levels[at[1]])
    live.came[at] = np.where(found.there[new], moved, np.nan)
    live.first[:] = _moved(last, was, came_first, on_levels)
    lost = np.isin(np.arange(len(made)), rows[late]) & again.all(axis=1)
    return _without(live, lost, len(days) - len(counted))


def _too_late(days: Sequence[Day], rows: Ints, made: Ints, came: Ints) -> Flags:
    """(n,): whether forecasts were recorded when their outcomes could be known.

    rows: (n,), the places of their days.  made, came: (n,), the days of the last prices and of the
    outcomes. If a symbol's price was older than the newest ones of its day, as funds' are, then a
    current delivery did not have its outcome: such a forecast is in time.
    """
    found = np.zeros(len(rows), dtype=bool)
    times = np.array([parse_time(day.entry.time).timestamp() for day in days])
    newest = np.array([day_number(date.fromisoformat(day.date)) for day in days])
    current = np.array([not day.late for day in days], dtype=bool)
    for exchange in {day.exchange for day in days}:
        own = np.array([day.judged and day.exchange == exchange for day in days], dtype=bool)
        some = np.flatnonzero(own[rows] & ~(current[rows] & (made < newest[rows])))
        known = known_from(made[some], came[some], exchange)
        found[some] = times[rows[some]] >= known
    return found


def _without(live: LiveRecord, lost: Flags, void: int) -> LiveRecord:
    """The record without the days whose forecasts all were too late; void: other days that are not
    in it."""
    arrays = ("came", "first", "quantiles", "bounds", "shortfall")
    return replace(
        live,
        dates=[day for day, gone in zip(live.dates, lost.tolist(), strict=True) if not gone],
        rivals={name: held[~lost] for name, held in live.rivals.items()},
        days_late=void + int(lost.sum()),
        **{name: getattr(live, name)[~lost] for name in arrays},
    )


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


def _cells(
    rows: "pa.Table", of: str, row: Mapping[str, int], column: Mapping[str, int]
) -> tuple["pa.Table", tuple[Ints, Ints]]:
    """The rows of one value of `of` whose day and symbol are known, and their indices: rows by day,
    columns by symbol."""
    import pyarrow.compute

    rows = rows.filter(pyarrow.compute.equal(rows["of"], of))
    places = _places(rows["day"], row), _places(rows["symbol"], column)
    there = (places[0] >= 0) & (places[1] >= 0)
    return rows.filter(there), (places[0][there], places[1][there])


def _places(names: "pa.ChunkedArray", place: Mapping[str, int]) -> Ints:
    """(n,): the indices of some names, -1 for an unknown one."""
    coded = names.combine_chunks().dictionary_encode()
    places: Ints = np.array(
        [place.get(name, -1) for name in coded.dictionary.to_pylist()], np.int64
    )
    found: Ints = places[coded.indices.to_numpy()]
    return found


def _numbers(table: "pa.Table", names: Sequence[str]) -> Floats:
    """(n, C): columns of a table, side by side."""
    return np.stack([table[name].to_numpy() for name in names], axis=-1)


def _moved(last: Floats, was: Floats, came: Floats, levels: Flags) -> Floats:
    """An outcome on the scale of the last price when it was forecast: a series may have been
    rescaled since, by a factor or, on levels, by a shift."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rescaled = np.where(levels, last + (came - was), last * (came / was))
    return np.where(was == last, came, rescaled)
