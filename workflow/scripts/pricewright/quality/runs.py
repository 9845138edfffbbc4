"""Prices that stay: runs of one price, of zeros, of prices below zero; prices without trade."""

import numpy as np

from pricewright.quality.panel import Bools, Entry, Ints, Panel
from pricewright.quality.thresholds import Thresholds

_PRICES = ("open", "high", "low", "close", "adj_close")
_TRADES_DAILY = 0.9
"""On which share of its days a symbol must have been traded for a day without to be odd."""


def flag_stale(panel: Panel, limits: Thresholds) -> list[Entry]:
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


def flag_signs(panel: Panel) -> list[Entry]:
    """The flags `zero` and `negative`, in each column of prices: one entry a run of such rows."""
    found: list[Entry] = []
    for column in _PRICES:
        if column in panel.values:
            price = panel.values[column]
            for flag, odd in (("zero", price == 0), ("negative", price < 0)):
                if odd.any():
                    found += _odd_prices(panel, flag, column, odd)
    return found


def flag_untraded(panel: Panel) -> list[Entry]:
    """The flag `zero-volume`: the price is another than before, and nothing was traded.

    Only for a symbol that is traded on at least nine days of ten: an index or a currency may
    have no volume at all, and a rarely traded share has prices that are only quoted.
    """
    volume = panel.values.get("volume")
    if volume is None or panel.main is None:
        return []
    price, count = panel.values[panel.main], len(panel.symbols)
    known = np.isfinite(volume)
    days = np.bincount(panel.symbol[known], minlength=count)
    traded = np.bincount(panel.symbol[known & (volume > 0)], minlength=count)
    before, after = panel.steps(panel.priced)
    odd = (volume[after] == 0) & (price[after] != price[before])
    odd &= (traded >= _TRADES_DAILY * days)[panel.symbol[after]]
    before, after = before[odd], after[odd]
    return panel.entries(
        "zero-volume",
        panel.main,
        after,
        previous_date=panel.iso(before),
        previous=price[before],
        price=price[after],
    )


def _odd_prices(panel: Panel, flag: str, column: str, odd: Bools) -> list[Entry]:
    price = panel.values[column]
    rows = np.flatnonzero(odd)
    same = (np.diff(rows) == 1) & (panel.symbol[rows[1:]] == panel.symbol[rows[:-1]])
    first, last = _runs(same, len(rows))
    lowest = np.minimum.reduceat(price[rows], first)
    return panel.entries(
        flag,
        column,
        rows[first],
        lowest=lowest,
        last=panel.iso(rows[last]),
        rows=last - first + 1,
    )


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


def _stays(panel: Panel, column: str, rows: Ints, first: Ints, last: Ints) -> Bools:
    """Which runs have one value of a column all along."""
    values = panel.values[column][rows]
    same = np.concatenate([[False], values[1:] == values[:-1]])[: len(rows)]
    return np.asarray(_between(same, first + 1, last) == last - first)
