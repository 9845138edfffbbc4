"""Repeated prices: runs of one price, of zeros and of negative prices, days without trade, and
symbols that have another symbol's prices.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pricewright.cleaning.days import Market
from pricewright.cleaning.habits import weekdays
from pricewright.cleaning.options import FlagThresholds
from pricewright.cleaning.series import (
    ENOUGH,
    Bools,
    Entry,
    Floats,
    Hashes,
    Ints,
    SeriesPanel,
    SeriesRows,
    perhaps_repeated,
    repeated,
    rows_of,
    series_panel,
    windows_hashes,
)
from pricewright.files.large_arrays import Shelf, joined
from pricewright.tables.arrays import exp, log
from pricewright.tables.fields import BAR, PRICES

_TRADES_DAILY = 0.9
"""A day without trade is odd only if a symbol was traded on at least this share of its weekdays."""


_OFTEN, _NEARLY_ALL = 0.5, 0.95
"""The price of a symbol usually stays the same if between these shares of its runs are longer than
a day."""
_RARE = 0.05


def flag_stale(panel: SeriesPanel, limits: FlagThresholds) -> list[Entry]:
    """The flag `stale`: at least `stale_days` equal prices in a row, one entry per run.

    Days without a price do not end a run. Zeros do not count. An entry lists the columns that stay
    the same throughout, and the number of days in the run on which the volume is 0. If a symbol's
    price usually stays the same for days, as with a coarse tick, only a run that is longer than
    chance explains has an entry, or one whose repeated prices have a volume of 0.
    """
    if panel.main is None:
        return []
    price = panel.values[panel.main]
    rows = np.flatnonzero(panel.priced & (price != 0))
    same = price[rows[1:]] == price[rows[:-1]]
    same &= panel.symbol[rows[1:]] == panel.symbol[rows[:-1]]
    first, last = _runs(same, len(rows))
    long = last - first + 1 >= limits.stale_days
    if not long.any():
        return []
    quiet, volume = np.zeros(len(rows) + 1, dtype=np.int64), panel.values.get("volume")
    if volume is not None:
        quiet[1:] = np.cumsum(volume[rows] == 0)
    untraded = quiet[last + 1] - quiet[first + 1] >= last - first  # on all days but the first
    unclear = np.flatnonzero(long & ~untraded)
    long[unclear] = ~_by_chance(last - first + 1, panel.symbol[rows[first]], unclear)
    first, last = first[long], last[long]
    columns = [column for column in PRICES if column in panel.values]
    counts = last - first + 1
    run = np.repeat(np.arange(len(first)), counts)
    at = rows[np.arange(len(run)) + np.repeat(first - np.cumsum(counts) + counts, counts)]
    begin = rows[first[run]]
    stays = {}
    for column in columns:
        values = panel.values[column]
        stays[column] = np.bincount(run[values[at] != values[begin]], minlength=len(first)) == 0
    zeros = quiet[last + 1] - quiet[first]
    return panel.entries(
        "stale",
        panel.main,
        rows[first],
        price=price[rows[first]],
        last=panel.iso(rows[last]),
        rows=counts,
        same=[[column for column in columns if stays[column][run]] for run in range(len(first))],
        zero_volume=[None] * len(first) if volume is None else zeros,
    )


def _by_chance(lengths: Ints, symbol: Ints, asked: Ints) -> Bools:
    """(a,): whether runs of equal prices are as long as chance makes them where most changes of a
    price are zero.

    lengths, symbol: (r,), of all runs.  asked: (a,) the places of those in question.

    The chance that a price stays is the share of a symbol's runs that are longer than a day, so one
    long run counts as little as a short one. A run is longer than chance explains if less than
    _RARE runs so long were to be expected. Where nearly all runs are long, as in weekly prices that
    are carried forward, none is by chance.
    """
    runs = np.bincount(symbol)
    stays = np.bincount(symbol[lengths > 1], minlength=len(runs)) / np.maximum(runs, 1)
    lengths, symbol = lengths[asked], symbol[asked]
    stays = stays[symbol]
    usual = (runs[symbol] >= ENOUGH) & (stays >= _OFTEN) & (stays <= _NEARLY_ALL)
    expected = runs[symbol] * exp((lengths - 1) * log(np.maximum(stays, _OFTEN)))
    return np.asarray(usual & (expected >= _RARE))


def flag_signs(panel: SeriesPanel) -> list[Entry]:
    """The flags `zero` and `negative` in each column of prices: one entry per run of such rows."""
    found: list[Entry] = []
    for column in PRICES:
        if column in panel.values:
            price = panel.values[column]
            for flag, odd in (("zero", price == 0), ("negative", price < 0)):
                if odd.any():
                    found += _odd_prices(panel, flag, column, odd)
    return found


@dataclass(frozen=True)
class FilledRows:
    """A panel of the n rows of some symbols whose price only repeats the one before.

    rows: (n,) their indices among all rows of these symbols.
    """

    panel: SeriesPanel
    rows: Ints


def flag_untraded(panel: SeriesPanel) -> tuple[list[Entry], FilledRows]:
    """The flag `zero-volume`: nothing was traded, but the price changed.

    Also returns the rows on which nothing was traded and the price stayed the same. Only symbols
    that trade on at least nine of ten weekdays are checked: an index or currency may have no volume
    at all, and a rarely traded share has prices that are only quoted.
    """
    volume = panel.values.get("volume")
    if volume is None or panel.main is None or not (volume == 0).any():
        return [], _filled(panel, np.zeros(0, dtype=np.int64))
    price, count = panel.values[panel.main], len(panel.symbols)
    known = np.isfinite(volume) & (weekdays(panel.days) < 5)[panel.date]
    days = np.bincount(panel.symbol[known], minlength=count)
    traded = np.bincount(panel.symbol[known & (volume > 0)], minlength=count)
    daily = (traded > 0) & (traded >= _TRADES_DAILY * days)
    before, after = panel.steps(panel.priced)
    odd = (volume[after] == 0) & daily[panel.symbol[after]]
    before, after = before[odd], after[odd]
    same = price[after] == price[before]
    return panel.entries(
        "zero-volume",
        panel.main,
        after[~same],
        previous_date=panel.iso(before[~same]),
        previous=price[before[~same]],
        price=price[after[~same]],
    ), _filled(panel, after[same])


def _filled(panel: SeriesPanel, rows: Ints) -> FilledRows:
    values = {panel.main: panel.values[panel.main][rows]} if panel.main else {}
    return FilledRows(
        SeriesPanel(panel.symbols, panel.dates, panel.symbol[rows], panel.date[rows], values), rows
    )


def flag_fillers(
    groups: Sequence[FilledRows], market: Market, limits: FlagThresholds
) -> list[Entry]:
    """The flag `filler`: nothing was traded, and the price is the same as before.

    There is one entry per run; a run that is long enough is `stale` instead. If many symbols repeat
    their price on a date (see `Market.common`), there is one entry for it, with the symbol null.
    """
    filled = np.zeros(len(market.dates), dtype=np.int64)
    places = [np.searchsorted(market.dates, group.panel.dates) for group in groups]
    for group, place in zip(groups, places, strict=True):
        filled += np.bincount(place[group.panel.date], minlength=len(filled))
    for_all = market.common(filled, limits)
    found: list[Entry] = []
    for group, place in zip(groups, places, strict=True):
        panel = group.panel
        rows = np.flatnonzero(~for_all[place][panel.date])
        first, last = _runs_of_rows(panel.symbol[rows], group.rows[rows])
        short = last - first + 2 < limits.stale_days  # `stale` also counts the repeated price
        first, last = first[short], last[short]
        found += panel.entries(
            "filler",
            panel.main,
            rows[first],
            price=panel.values[panel.main][rows[first]] if panel.main else [],
            last=panel.iso(rows[last]),
            rows=last - first + 1,
        )
    main = groups[0].panel.main if groups else None
    return found + market.entries("filler", main, for_all, filled)


def _odd_prices(panel: SeriesPanel, flag: str, column: str, odd: Bools) -> list[Entry]:
    price = panel.values[column]
    rows = np.flatnonzero(odd)
    first, last = _runs_of_rows(panel.symbol[rows], rows)
    lowest = np.minimum.reduceat(price[rows], first)
    return panel.entries(
        flag,
        column,
        rows[first],
        lowest=lowest,
        last=panel.iso(rows[last]),
        rows=last - first + 1,
    )


def _runs_of_rows(symbol: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """First and last index of each run among some rows (m,): consecutive rows of one symbol."""
    same = (np.diff(rows) == 1) & (symbol[1:] == symbol[:-1])
    return _runs(same, len(rows))


def _runs(same: Bools, count: int) -> tuple[Ints, Ints]:
    """First and last index of each run of `count` items; `same` says which continue the run."""
    edges = np.flatnonzero(~same) + 1
    if not count:
        return edges, edges
    return np.concatenate([[0], edges]), np.concatenate([edges - 1, [count - 1]])


_FINEST = 8
"""The most decimals that are checked; equal prices with more cannot be chance."""
_ALONE = 5
"""A single day needs this many times the price range that days in a row need."""
_NOISE = 1e-12
"""The error that arithmetic may have added to a price, as a share of it."""


Again = Callable[[Set[str | None]], Iterable[pa.Table]]
"""Returns the rows of some symbols once more, in tables of whole symbols."""


_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
"""The factor by which a volume is multiplied before it goes into a hash."""


class TwinSearch:
    """Find symbols that may have another's prices from a few bytes per row; see `flag_twins`."""

    def __init__(self, limits: FlagThresholds) -> None:
        self._limits = limits
        self._shelf = Shelf()
        self._hashes: list[Hashes] = []
        self._alone: list[Bools] = []
        self._moving: list[Bools] = []
        self._symbols: list[str | None] = []
        self._counts: list[Ints] = []

    def add(self, panel: SeriesPanel) -> None:
        """Add the rows of symbols that were not added before."""
        columns = twin_columns(panel)
        if not columns:
            return
        rows = rows_of(panel, columns)
        moving, days = np.zeros(len(rows.hashes), dtype=bool), self._limits.same_days
        moving[: max(len(moving) - days + 1, 0)] = rows.moving(days)
        alone = rows.high > rows.low if len(columns) == len(BAR) else np.zeros_like(moving)
        hashes, moving, alone = self._shelf.put((rows.hashes, moving, alone))
        self._hashes.append(hashes)
        self._moving.append(moving)
        self._alone.append(alone)
        self._symbols += panel.symbols
        self._counts.append(np.bincount(panel.symbol, minlength=len(panel.symbols)))

    def suspects(self, again: Again) -> set[str | None]:
        """The symbols that may share the prices of a day, or of days in a row, with others.

        Call it only once. `again` returns the added rows once more.
        """
        if not self._symbols:
            return set()
        hashes = joined(self._hashes, sum(map(len, self._hashes)), np.uint64)
        self._hashes.clear()
        alone, moving = np.concatenate(self._alone), np.concatenate(self._moving)
        ends = np.cumsum(np.concatenate(self._counts))
        days, telling = self._limits.same_days, alone.copy()
        for offset in range(days):
            telling[offset:] |= moving[: max(len(moving) - offset, 0)]
        telling &= perhaps_repeated(hashes)
        twice = np.zeros(len(hashes), dtype=bool)
        for rows in repeated(hashes, np.flatnonzero(telling)):
            twice[rows] = True
        begins = np.flatnonzero(moving & twice)
        for offset in range(1, days):
            begins = begins[twice[begins + offset]]
        windows = windows_hashes(hashes, begins, days)
        alike = [begins[some] for some in repeated(windows, np.arange(len(begins)))]
        rows = np.unique(np.concatenate(repeated(hashes, np.flatnonzero(alone & twice))))
        telling_alone = self._telling_alone(rows, hashes[rows], ends, again)
        of = np.searchsorted(ends, np.concatenate([*alike, telling_alone]), side="right")
        return {self._symbols[place] for place in np.unique(of).tolist()}

    def _telling_alone(self, rows: Ints, hashes: Hashes, ends: Ints, again: Again) -> Ints:
        """Of rows (n,), in order, with repeated hashes, those for which a single day is evidence.

        That is the case if the prices range widely or another row has the same volume, too; all
        rows with the same hash are included. Among thousands of symbols, some always have the same
        prices on a day by chance.
        """
        of = np.searchsorted(ends, rows, side="right")
        place = {self._symbols[number]: number for number in np.unique(of).tolist()}
        ticks, volumes = np.zeros(len(rows)), np.zeros(len(rows))
        for table in again(place.keys()) if place else ():
            panel = series_panel(table)
            prices, volume = rows_of(panel, twin_columns(panel)), panel.values.get("volume")
            firsts = np.searchsorted(panel.symbol, np.arange(len(panel.symbols)))
            for name, first in zip(panel.symbols, firsts.tolist(), strict=True):
                own = slice(*np.searchsorted(of, (place[name], place[name] + 1)).tolist())
                before = int(ends[place[name] - 1]) if place[name] else 0
                at = rows[own] - before + first
                ticks[own] = _ticks(prices, at, np.arange(len(at)))
                volumes[own] = 0 if volume is None else volume[at]
        with_volume = np.flatnonzero(volumes > 0)
        same = hashes ^ (volumes.view(np.uint64) * _ODD)
        tell = ticks >= _ALONE * self._limits.same_ticks
        for some in repeated(same, with_volume):
            tell[some] = True
        return rows[np.isin(hashes, hashes[tell])]


def twin_columns(panel: SeriesPanel) -> list[str]:
    """The columns in which two symbols are compared."""
    columns = [column for column in BAR if column in panel.values]
    return columns or [column for column in ("adj_close",) if column in panel.values]


def flag_twins(panel: SeriesPanel, limits: FlagThresholds) -> list[Entry]:
    """The flag `same-as`: a symbol's prices equal another's on the same dates, one entry per run.

    The prices must be equal to every digit in those of open, high, low and close that exist (if
    none does, in adj_close). They must be equal on at least `same_days` dates in a row and not all
    be one price, or on a single day that has all four columns. To rule out chance, the prices of a
    run must range over at least `same_ticks` units of the last digit they use; for a single day
    whose volumes differ, five times as many. Among three or more equal symbols, each later one is
    compared with the first.
    """
    columns = twin_columns(panel)
    rows = rows_of(panel, columns)
    leader, other = _pairs(rows, limits)
    leader, other, count = _runs_twins(rows, leader, other)
    starts = np.cumsum(count) - count
    days = np.arange(count.sum()) - np.repeat(starts, count)
    same, equal = np.repeat(leader, count) + days, np.repeat(other, count) + days
    telling = _ticks(rows, same, starts) >= limits.same_ticks
    equal_volumes = _per_run(np.add, _equal_volume(panel, same, equal).astype(np.int64), starts)
    leader, other, count = leader[telling], other[telling], count[telling]
    return panel.entries(
        "same-as",
        ",".join(columns),
        other,
        other=[panel.symbols[code] for code in panel.symbol[leader].tolist()],
        price=rows.prices[-1][other],
        last=panel.iso(other + count - 1),
        rows=count,
        equal_volume=equal_volumes[telling] if "volume" in panel.values else [None] * len(count),
    )


def _pairs(rows: SeriesRows, limits: FlagThresholds) -> tuple[Ints, Ints]:
    """Pairs of rows (m,), (m,) that are equal on days in a row, or on a day that suffices alone."""
    first, other = rows.windows(limits.same_days)
    days = np.arange(limits.same_days)
    first, other = (first[:, None] + days).ravel(), (other[:, None] + days).ravel()
    if len(rows.prices) < len(BAR):
        return first, other
    alone, twin = rows.windows(1)
    ticks = _ticks(rows, alone, np.arange(len(alone)))
    telling = (ticks >= _ALONE * limits.same_ticks) | _equal_volume(rows.panel, alone, twin)
    return np.append(first, alone[telling]), np.append(other, twin[telling])


def _runs_twins(rows: SeriesRows, leader: Ints, other: Ints) -> tuple[Ints, Ints, Ints]:
    """Runs of equal rows, as long as possible: each run's first rows (m,), (m,), and its length."""
    symbol = rows.panel.symbol
    order = np.lexsort((leader, symbol[other], symbol[leader]))
    leader, other = leader[order], other[order]
    follows = (symbol[other[1:]] == symbol[other[:-1]]) & (np.diff(leader) <= 1)
    follows &= (symbol[leader[1:]] == symbol[leader[:-1]]) & (np.diff(other) <= 1)
    begins = np.append(True, ~follows)[: len(leader)]
    leader, other = leader[begins], other[begins]
    before, after = rows.beyond(leader, other, -1), rows.beyond(leader, other, 1)
    leader, other = leader - before, other - before
    once = np.unique(leader * np.int64(len(symbol)) + other, return_index=True)[1]
    return leader[once], other[once], (before + after + 1)[once]


def _ticks(rows: SeriesRows, days: Ints, starts: Ints) -> Floats:
    """The range of the prices of some days (m,) in each run (r,), in units of the last digit used.

    A run begins at each of `starts`.
    """
    decimals = np.full(len(days), _FINEST + 1)
    prices = [price[days] for price in rows.prices]
    for digits in range(_FINEST, -1, -1):
        off = [np.abs(np.round(price, digits) - price) - _NOISE * np.abs(price) for price in prices]
        decimals[np.maximum.reduce(off) <= 0] = digits
    most = _per_run(np.maximum, decimals, starts)
    low = _per_run(np.minimum, rows.low[days], starts)
    high = _per_run(np.maximum, rows.high[days], starts)
    ticks: Floats = np.rint((high - low) * 10**most)
    ticks[most > _FINEST] = np.inf
    return ticks


def _per_run(how: np.ufunc, values: npt.NDArray[Any], starts: Ints) -> npt.NDArray[Any]:
    """Reduce values (m,) to one for each run (r,); a run begins at each of `starts`."""
    found: npt.NDArray[Any] = how.reduceat(values, starts) if len(starts) else values
    return found


def _equal_volume(panel: SeriesPanel, first: Ints, other: Ints) -> Bools:
    """Whether rows `first` and `other` (m,) have the same volume above 0, pair by pair."""
    volume = panel.values.get("volume")
    if volume is None:
        return np.zeros(len(first), dtype=bool)
    return np.asarray((volume[first] == volume[other]) & (volume[first] > 0))
