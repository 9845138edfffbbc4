"""Make daily bars from several rows a day."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pricewright.files.errors import Refusal
from pricewright.intake.reading.instants import FIRST
from pricewright.intake.reading.rows import WHOLE
from pricewright.tables.prices import Floats, Prices


def daily_bars(prices: Prices, name: str, *, with_open: bool) -> Prices:
    """One price per symbol and day, from rows in order of symbol, day and time.

    A bar has the first open; the highest high and the lowest low, including closes; the sum of the
    volumes; and the last of any other price. Its span is that of its rows. With `with_open`, if
    there is no open column, the first close is the open. Missing values do not count. Raises
    Refusal, for the file `name`, if volumes add up to more than can be stored.
    """
    starts = np.flatnonzero(np.diff(prices.keys, prepend=-1))
    bar = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(prices)))
    rows = dict(prices.values)
    if with_open and "close" in rows:
        rows = {"open": rows["close"]} | rows
    values = {}
    for ours, column in rows.items():
        close = rows.get("close", column)
        if ours in ("open", FIRST):
            values[ours] = _last(column[::-1], bar[::-1], len(starts))
        elif ours == "high":
            values[ours] = np.fmax.reduceat(np.fmax(column, close), starts)
        elif ours == "low":
            values[ours] = np.fmin.reduceat(np.fmin(column, close), starts)
        elif ours == "volume":
            values[ours] = np.bincount(bar, np.nan_to_num(column), len(starts)).astype(float)
            values[ours][np.isnan(_last(column, bar, len(starts)))] = np.nan
        else:
            values[ours] = _last(column, bar, len(starts))
    bars = replace(prices, symbols=prices.symbols[starts], days=prices.days[starts], values=values)
    beyond = np.flatnonzero(values.get("volume", np.array([])) > WHOLE)
    if len(beyond):
        raise Refusal(
            f"{name}: the volume of {bars.symbol(beyond[0])} on {bars.date(beyond[0])} adds up to "
            "more than 2^53; correct it, or set source.columns.volume: false."
        )
    return bars


def _last(column: Floats, bar: npt.NDArray[np.integer], count: int) -> Floats:
    """The last value of each bar (count,) that is not missing; bar: (n,) the bar of each row."""
    known = ~np.isnan(column)
    found = np.full(count, np.nan)
    found[bar[known]] = column[known]  # the last value of each bar stays
    return found
