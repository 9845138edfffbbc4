"""Prices that repeat: runs of one price, of zeros, of negative prices, days without trade; and
symbols whose prices are another symbol's.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pricewright.cleaning.days import attendance, weekdays
from pricewright.cleaning.options import FlagThresholds
from pricewright.cleaning.series import Bools, Entry, Floats, Ints, SeriesPanel, SeriesRows, rows_of

_PRICES = ("open", "high", "low", "close", "adj_close")
_TRADES_DAILY = 0.9
"""On which share of its weekdays a symbol must have been traded for a day without to be odd."""


def flag_stale(panel: SeriesPanel, limits: FlagThresholds) -> list[Entry]:
    """The flag `stale`: at least `stale_days` equal prices in a row, one entry a run.

    Days without a price do not end a run; zeros make none. An entry names the columns that stay
    the same throughout, and on how many days of the run the volume is 0.
    """
    if panel.main is None:
        return []
    price = panel.values[panel.main]
    rows = np.flatnonzero(panel.priced & (price != 0))
    same = price[rows[1:]] == price[rows[:-1]]
    same &= panel.symbol[rows[1:]] == panel.symbol[rows[:-1]]
    first, last = _runs(same, len(rows))
    long = last - first + 1 >= limits.stale_days
    first, last = first[long], last[long]
    columns = [column for column in _PRICES if column in panel.values]
    stays = {column: _stays(panel, column, rows, first, last) for column in columns}
    volume = panel.values.get("volume")
    zeros = None if volume is None else _between(volume[rows] == 0, first, last)
    return panel.entries(
        "stale",
        panel.main,
        rows[first],
        price=price[rows[first]],
        last=panel.iso(rows[last]),
        rows=last - first + 1,
        same=[[column for column in columns if stays[column][run]] for run in range(len(first))],
        zero_volume=[None] * len(first) if zeros is None else zeros,
    )


def flag_signs(panel: SeriesPanel) -> list[Entry]:
    """The flags `zero` and `negative`, in each column of prices: one entry a run of such rows."""
    found: list[Entry] = []
    for column in _PRICES:
        if column in panel.values:
            price = panel.values[column]
            for flag, odd in (("zero", price == 0), ("negative", price < 0)):
                if odd.any():
                    found += _odd_prices(panel, flag, column, odd)
    return found


def flag_untraded(panel: SeriesPanel, limits: FlagThresholds) -> list[Entry]:
    """The flags `zero-volume` and `filler`: nothing was traded.

    Only for a symbol that is traded on at least nine weekdays of ten: an index or a currency may
    have no volume at all, and a rarely traded share has prices that are only quoted.

    zero-volume: the price is another than before.
    filler: it is the same, one entry a run, and a run that is long enough is `stale`. Where half of
    at least `holiday_symbols` active symbols are filled in on a date, there is one entry, whose
    symbol is null.
    """
    volume = panel.values.get("volume")
    if volume is None or panel.main is None or not panel.priced.any():
        return []
    price, count = panel.values[panel.main], len(panel.symbols)
    known = np.isfinite(volume) & (weekdays(panel.days) < 5)[panel.date]
    days = np.bincount(panel.symbol[known], minlength=count)
    traded = np.bincount(panel.symbol[known & (volume > 0)], minlength=count)
    daily = (traded > 0) & (traded >= _TRADES_DAILY * days)
    before, after = panel.steps(panel.priced)
    odd = (volume[after] == 0) & daily[panel.symbol[after]]
    before, after = before[odd], after[odd]
    same = price[after] == price[before]
    return _fillers(panel, price, after[same], limits) + panel.entries(
        "zero-volume",
        panel.main,
        after[~same],
        previous_date=panel.iso(before[~same]),
        previous=price[before[~same]],
        price=price[after[~same]],
    )


def _fillers(panel: SeriesPanel, price: Floats, rows: Ints, limits: FlagThresholds) -> list[Entry]:
    filled = np.bincount(panel.date[rows], minlength=len(panel.dates))
    active = attendance(panel)[1]
    for_all = (filled > 0) & (2 * filled >= active) & (active >= limits.holiday_symbols)
    rows = rows[~for_all[panel.date[rows]]]
    first, last = _runs_of_rows(panel, rows)
    short = last - first + 2 < limits.stale_days  # the price that is repeated is one of stale's
    first, last = first[short], last[short]
    found = panel.entries(
        "filler",
        panel.main,
        rows[first],
        price=price[rows[first]],
        last=panel.iso(rows[last]),
        rows=last - first + 1,
    )
    return found + panel.for_all("filler", np.flatnonzero(for_all), filled, active)


def _odd_prices(panel: SeriesPanel, flag: str, column: str, odd: Bools) -> list[Entry]:
    price = panel.values[column]
    rows = np.flatnonzero(odd)
    first, last = _runs_of_rows(panel, rows)
    lowest = np.minimum.reduceat(price[rows], first)
    return panel.entries(
        flag,
        column,
        rows[first],
        lowest=lowest,
        last=panel.iso(rows[last]),
        rows=last - first + 1,
    )


def _runs_of_rows(panel: SeriesPanel, rows: Ints) -> tuple[Ints, Ints]:
    """First and last index of each run among some rows (m,): a symbol's, one after another."""
    same = (np.diff(rows) == 1) & (panel.symbol[rows[1:]] == panel.symbol[rows[:-1]])
    return _runs(same, len(rows))


def _runs(same: Bools, count: int) -> tuple[Ints, Ints]:
    """First and last index of each run of `count` things: `same` ones are as the one before."""
    edges = np.flatnonzero(~same) + 1
    if not count:
        return edges, edges
    return np.concatenate([[0], edges]), np.concatenate([edges - 1, [count - 1]])


def _between(true: Bools, first: Ints, last: Ints) -> Ints:
    """How many are true from each first to its last, both included."""
    so_far = np.concatenate([[0], np.cumsum(true, dtype=np.int64)])
    counted: Ints = so_far[last + 1] - so_far[first]
    return counted


def _stays(panel: SeriesPanel, column: str, rows: Ints, first: Ints, last: Ints) -> Bools:
    """Which runs have one value of a column all along."""
    values = panel.values[column][rows]
    same = np.concatenate([[False], values[1:] == values[:-1]])[: len(rows)]
    return np.asarray(_between(same, first + 1, last) == last - first)


_BAR: Final[tuple[str, ...]] = ("open", "high", "low", "close")
_FINEST = 8
"""Decimals that are looked for; what has more has digits enough to be no chance."""
_ALONE = 5
"""So many times the range that days in a row need is what a day alone needs."""
_NOISE = 1e-12
"""What arithmetic may have added to a price, as a share of it."""


def flag_twins(panel: SeriesPanel, limits: FlagThresholds) -> list[Entry]:
    """The flag `same-as`: a symbol's prices equal another's on the same dates, one entry a run.

    Equal to every digit, in all of open, high, low and close that there are (else in the one
    column of prices), either on one day with all four of them, or on at least `same_days` dates
    in a row, not all with one price; and not by chance: the prices of a run range over at least
    `same_ticks` units of the last digit that they use, five times as many if it is one day whose
    volume is not equal too. Of three and more equal symbols each later one is compared to the
    first.
    """
    columns = [column for column in _BAR if column in panel.values]
    if not columns and "adj_close" in panel.values:
        columns = ["adj_close"]
    if not columns:
        return []
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
    """Rows (m,), (m,) that are equal on days in a row, or each on a day that tells enough."""
    first, other = rows.windows(limits.same_days)
    days = np.arange(limits.same_days)
    first, other = (first[:, None] + days).ravel(), (other[:, None] + days).ravel()
    if len(rows.prices) < len(_BAR):
        return first, other
    alone, twin = rows.windows(1)
    ticks = _ticks(rows, alone, np.arange(len(alone)))
    telling = (ticks >= _ALONE * limits.same_ticks) | _equal_volume(rows.panel, alone, twin)
    return np.append(first, alone[telling]), np.append(other, twin[telling])


def _runs_twins(rows: SeriesRows, leader: Ints, other: Ints) -> tuple[Ints, Ints, Ints]:
    """Runs of equal rows, each as long as it can be: its first rows (m,), (m,), and how many."""
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
    """Over how many units of the last digit in use the prices of some days (m,) range, by run.

    A run (r,) begins at each of `starts`.
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
    """One value for each run (r,) of some values (m,) that begins at each of `starts`."""
    found: npt.NDArray[Any] = how.reduceat(values, starts) if len(starts) else values
    return found


def _equal_volume(panel: SeriesPanel, first: Ints, other: Ints) -> Bools:
    """Which rows (m,) have the volume of the others (m,), and it is not 0."""
    volume = panel.values.get("volume")
    if volume is None:
        return np.zeros(len(first), dtype=bool)
    return np.asarray((volume[first] == volume[other]) & (volume[first] > 0))
