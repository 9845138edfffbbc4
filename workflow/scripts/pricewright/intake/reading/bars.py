"""Make daily bars from several rows a day, and find those that lost their last row."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pricewright.files.errors import Refusal
from pricewright.intake.reading.instants import FIRST, LAST, SPAN, day_of, instants, without_span
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
    ends = np.append(starts, len(prices))[1:] - 1
    rows = dict(prices.values)
    if with_open and "close" in rows:
        rows = {"open": rows["close"]} | rows
    values = {}
    for ours, column in rows.items():
        close = rows.get("close", column)
        if ours == FIRST:
            values[FIRST], values[LAST] = column[starts], rows.get(LAST, column)[ends]
        elif ours == LAST:
            continue
        elif ours == "open":
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


def split_span(prices: Prices) -> tuple[Prices, dict[str, Floats]]:
    """The prices without the span of their bars, and that span; empty if they have none."""
    if FIRST not in prices.values:
        return prices, {}
    values = {name: prices.values[name] for name in without_span(prices.values)}
    return replace(prices, values=values), {name: prices.values[name] for name in SPAN}


def lost_after(
    prices: Prices, rows: Iterable[tuple[str, int]], *, in_one: bool
) -> list[tuple[str, int]]:
    """Those of some lost rows, each a symbol and an instant, that are later than all that is kept
    of their symbol, or than all that is kept of their day. Prices without a span are of days.

    in_one: whether these are the prices of one delivery. Then rows of a symbol, or of a day of
    bars, of which nothing is kept count as well, because another delivery may have the rest. Among
    all prices such a day counts only if it is its symbol's newest.
    """
    rows, found = sorted(rows), []
    place = {name: at for at, name in enumerate(prices.names)} if rows else {}
    begins = prices.begins.tolist() if rows else []
    times = prices.values[LAST] if LAST in prices.values and rows else None
    for symbol, when in rows:
        at = place.get(symbol)
        begin, end = begins[at : at + 2] if at is not None else (0, 0)
        row = begin + int(np.searchsorted(prices.days[begin:end], day_of(when)))
        if row == end:
            is_last = in_one or begin < end
        elif prices.days[row] != day_of(when):
            is_last = in_one and times is not None
        else:
            is_last = when > instants(prices.days[row], 0 if times is None else times[row])
        if is_last:
            found.append((symbol, when))
    return found
