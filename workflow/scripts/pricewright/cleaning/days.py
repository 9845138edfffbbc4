"""Dates that are odd: prices on weekends and holidays, holes in a history, and its early end."""

import math
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from pricewright.cleaning.declarations import proposal
from pricewright.cleaning.options import FlagThresholds
from pricewright.cleaning.series import Bools, Entry, Floats, Ints, SeriesPanel, medians
from pricewright.tables.arrays import log

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_REGULAR = 4
"""From how many prints on, if on half of its weeks, a symbol has a habit of that weekday."""
_FEW = 3
"""From how many intervals on their median says how far apart a symbol's prices usually are."""

_NEAR_PRICE = 1.1
"""So many times the last price of a symbol that ended, at most, its first price has as another."""

Days = npt.NDArray[np.datetime64]


def flag_weekends(panel: SeriesPanel) -> list[Entry]:
    """The flag `weekend`: a price of a Saturday or a Sunday.

    A symbol with a price on at least half of its Saturdays (or Sundays), and on four or more,
    has one entry for all of them, `regular`: it is traded then, or its dates are off. A symbol
    with both habits is of a market that trades every day, and has none.
    """
    rows, kind = _on_weekends(panel)
    regular = _weekend_habits(panel, rows, kind)
    every_day = np.repeat(regular[::2] & regular[1::2], 2)
    rows, kind = rows[~every_day[kind]], kind[~every_day[kind]]
    if not len(rows):
        return []
    prints = np.bincount(kind, minlength=len(regular))
    habit = np.unique(kind[regular[kind]], return_index=True)[1]
    chosen = np.sort(np.concatenate([np.flatnonzero(~regular[kind]), habit]))
    final = np.zeros(len(prints), dtype=np.int64)
    np.maximum.at(final, kind, rows)
    habitual = regular[kind[chosen]]
    return panel.entries(
        "weekend",
        panel.main,
        rows[chosen],
        weekday=[_WEEKDAYS[5 + code % 2] for code in kind[chosen].tolist()],
        regular=habitual,
        last=panel.iso(np.where(habitual, final[kind[chosen]], rows[chosen])),
        rows=np.where(habitual, prints[kind[chosen]], 1),
    )


def _on_weekends(panel: SeriesPanel) -> tuple[Ints, Ints]:
    """The rows of Saturdays and Sundays, and of each: twice its symbol, one more for Sunday."""
    weekday = weekdays(panel.days)
    rows = np.flatnonzero(panel.priced & (weekday >= 5)[panel.date])
    return rows, 2 * panel.symbol[rows].astype(np.int64) + weekday[panel.date[rows]] - 5


def _weekend_habits(panel: SeriesPanel, rows: Ints, kind: Ints) -> Bools:
    """Whether each symbol usually has a price on Saturdays and on Sundays: (2 s,)."""
    prints = np.bincount(kind, minlength=2 * len(panel.symbols))
    if not len(rows):
        return prints > 0
    first, last = _lifetimes(panel)
    weeks = (panel.days[last] - panel.days[first]).astype(np.int64) / 7
    habits: Bools = (prints >= _REGULAR) & (prints >= np.repeat(weeks, 2) / 2)
    return habits


def flag_holidays(panel: SeriesPanel, limits: FlagThresholds) -> list[Entry]:
    """The flag `holiday`: a price of 1 January or 25 December, or of a date with few others.

    Few: below `holiday_share` of the symbols that are active then, of which there must be at
    least `holiday_symbols`. A symbol is active from its first price to its last. Where half of
    so many have a price on 1 January or 25 December, there is one entry, whose symbol is null. A
    market that trades every day of the week has no holidays.
    """
    if not panel.priced.any():
        return []
    prices, active = attendance(panel)
    many = active >= limits.holiday_symbols
    few = many & (prices < limits.holiday_share * active) & (weekdays(panel.days) < 5)
    fixed = np.isin([str(day)[5:] for day in panel.days], ("01-01", "12-25"))
    traded = fixed & many & (2 * prices >= active)
    habits = _weekend_habits(panel, *_on_weekends(panel))
    every_day = habits[::2] & habits[1::2]
    rows = np.flatnonzero(panel.priced & (few | fixed & ~traded)[panel.date])
    rows = rows[~every_day[panel.symbol[rows]]]
    if every_day.all():
        traded[:] = False
    code = panel.date[rows]
    found = panel.entries("holiday", panel.main, rows, prices=prices[code], active=active[code])
    return found + panel.for_all("holiday", np.flatnonzero(traded), prices, active)


def flag_gaps(panel: SeriesPanel, limits: FlagThresholds) -> list[Entry]:
    """The flag `gap`: over `gap_days` business days without a price between two prices.

    Business days are the dates on which at least half of the active symbols have a price. A
    hole in these themselves, counted in weekdays, is one entry whose symbol is null; so is
    one in the history of an only symbol, under its name. Where prices are usually so many
    days apart, weekly or monthly, it takes over `gap_days` such periods.
    """
    if not panel.priced.any():
        return []
    business = _business(panel)
    only = panel.symbols[0] if len(panel.symbols) == 1 else None
    found = _table_gaps(panel.days[business], only, panel.main, limits)
    return found if len(panel.symbols) == 1 else found + _symbol_gaps(panel, business, limits)


def flag_ended(
    panel: SeriesPanel, limits: FlagThresholds, delisted: Collection[str]
) -> list[Entry]:
    """The flag `ended`: the last price of a symbol that as many business days lack as of a gap.

    It proposes that the symbol was delisted or, if another begins within `gap_days` business days
    at about the same price, the nearest one, that it was renamed. Those that are declared to be
    delisted have none.
    """
    rows = np.flatnonzero(panel.priced)
    if not len(rows) or len(panel.symbols) == 1:
        return []
    business = _business(panel)
    until = np.searchsorted(business, np.arange(len(panel.dates) + 1))  # business days before
    symbols, begins = np.unique(panel.symbol[rows], return_index=True)
    first, last = rows[begins], rows[np.append(begins[1:], len(rows)) - 1]
    missing = len(business) - until[panel.date[last] + 1]
    if not (missing > limits.gap_days).any():
        return []
    before, after = panel.steps(panel.priced)
    steps = (until[panel.date[after]] - until[panel.date[before] + 1]).astype(np.float64)
    often = np.isin(panel.symbol[after], symbols[missing > limits.gap_days])
    usual = _usual(steps[often], panel.symbol[after][often], len(panel.symbols))[symbols]
    ended = missing >= (limits.gap_days + 1) * (1 + usual)
    price = panel.values[panel.main] if panel.main else np.full(len(panel.symbol), np.nan)
    at = [
        place
        for place in np.flatnonzero(ended).tolist()
        if panel.symbols[symbols[place]] not in delisted
    ]
    found = panel.entries("ended", panel.main, last[at], price=price[last[at]], days=missing[at])
    for entry, row in zip(found, last[at].tolist(), strict=True):
        waited = until[panel.date[first]] - until[panel.date[row] + 1]
        off = np.abs(log(price[first] / price[row]))
        near = (panel.date[first] > panel.date[row]) & (waited <= limits.gap_days)
        near &= off <= math.log(_NEAR_PRICE)
        symbol = entry["symbol"]
        if near.any():
            new = int(first[np.flatnonzero(near)[np.argmin(off[near])]])
            entry["next"] = panel.symbols[panel.symbol[new]]
            entry["proposal"] = proposal(
                f"{symbol} is called {entry['next']} since",
                symbol=symbol,
                date=panel.dates[panel.date[new]][:10],
                rename=entry["next"],
            )
        else:
            entry["proposal"] = proposal(
                f"{symbol} is traded no more",
                symbol=symbol,
                date=entry["date"][:10],
                delisted="true",
            )
    return found


def _business(panel: SeriesPanel) -> Ints:
    """The dates on which at least half of the active symbols have a price."""
    prices, active = attendance(panel)
    return np.flatnonzero((prices > 0) & (2 * prices >= active))


def _symbol_gaps(panel: SeriesPanel, business: Ints, limits: FlagThresholds) -> list[Entry]:
    until = np.searchsorted(business, np.arange(len(panel.dates) + 1))  # business days before
    before, after = panel.steps(panel.priced)
    missing = until[panel.date[after]] - until[panel.date[before] + 1]
    symbol = panel.symbol[after]
    at = np.flatnonzero(missing > limits.gap_days)
    often = np.isin(symbol, np.unique(symbol[at]))
    usual = _usual(missing[often].astype(np.float64), symbol[often], len(panel.symbols))
    at = at[missing[at] >= (limits.gap_days + 1) * (1 + usual[symbol[at]])]
    first = until[panel.date[before[at]] + 1]
    return [
        entry | {"date": panel.dates[start]}
        for entry, start in zip(
            panel.entries(
                "gap",
                panel.main,
                after[at],
                last=[panel.dates[code] for code in business[first + missing[at] - 1].tolist()],
                days=missing[at],
            ),
            business[first].tolist(),
            strict=True,
        )
    ]


def _table_gaps(
    days: Days, symbol: str | None, column: str | None, limits: FlagThresholds
) -> list[Entry]:
    following = days[:-1] + np.timedelta64(1, "D")
    missing = np.busday_count(following, days[1:])
    usual = _usual(missing.astype(np.float64), np.zeros(len(missing), dtype=np.int64), 1)[0]
    at = np.flatnonzero(missing >= (limits.gap_days + 1) * (1 + usual))
    first = np.busday_offset(following[at], 0, roll="forward")
    last = np.busday_offset(days[1:][at], -1, roll="forward")
    return [
        {
            "symbol": symbol,
            "date": str(start),
            "flag": "gap",
            "column": column,
            "last": str(end),
            "days": count,
        }
        for start, end, count in zip(first, last, missing[at].tolist(), strict=True)
    ]


def _usual(missing: Floats, symbol: Ints, count: int) -> Floats:
    """How many business days each symbol usually has between two prices: 0 for a daily one."""
    usual = medians(missing, symbol, count)
    usual[np.bincount(symbol, minlength=count) < _FEW] = 0
    return usual


def attendance(panel: SeriesPanel) -> tuple[Ints, Ints]:
    """How many symbols have a price on each date (d,), and how many are active then (d,)."""
    count = len(panel.dates)
    prices = np.bincount(panel.date[panel.priced], minlength=count)
    symbols = np.unique(panel.symbol[panel.priced])
    first, last = (ends[symbols] for ends in _lifetimes(panel))
    begun = np.cumsum(np.bincount(first, minlength=count))
    ended = np.cumsum(np.bincount(last, minlength=count))
    return prices, begun - np.concatenate([[0], ended[:-1]])


def _lifetimes(panel: SeriesPanel) -> tuple[Ints, Ints]:
    """The first and the last date with a price of each symbol (s,); 0 where there is none."""
    rows = np.flatnonzero(panel.priced)
    symbols = panel.symbol[rows]
    edges: Bools = symbols[1:] != symbols[:-1]
    first = np.zeros(len(panel.symbols), dtype=np.int64)
    last = first.copy()
    first[symbols[np.concatenate([[True], edges])]] = panel.date[rows[np.append(True, edges)]]
    last[symbols[np.append(edges, True)]] = panel.date[rows[np.append(edges, True)]]
    return first, last


def weekdays(days: Days) -> Ints:
    """0 for Monday to 6 for Sunday."""
    weekday: Ints = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    return weekday
