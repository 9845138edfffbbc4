"""Odd dates: prices on weekends and holidays, gaps in a history, and an early end of it."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pricewright.cleaning.declarations import proposal
from pricewright.cleaning.options import FlagThresholds
from pricewright.cleaning.series import Bools, Entry, Floats, Ints, SeriesPanel, medians
from pricewright.tables.arrays import log

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_REGULAR = 4
"""A symbol regularly has prices on a weekday if there are at least this many, in half its weeks."""
_FEW = 3
"""From this many intervals on, their median is a symbol's usual interval between prices."""

_NEAR_PRICE = 1.1
"""For a rename, the new symbol's first price may differ from the old one's last by this factor."""

APART = 14
"""Days between prices; a weekly price on a Saturday is odd, a monthly one is not."""

Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class PricedDays:
    """The days on which some symbols (s,) have a price, for flags that compare all symbols.

    dates (d,): in order, as ISO text.  counts: (s,) each symbol's number of rows with a price.
    date: (m,) the index of each such row's date, in order of symbol.  first, last: (s,) each
    symbol's first and last price, NaN for none.  every_day: (s,) which symbols trade on Saturdays
    and Sundays, too.  main: the column of the price.
    """

    symbols: Sequence[str | None]
    dates: Sequence[str]
    counts: Ints
    date: Ints
    first: Floats
    last: Floats
    every_day: Bools
    main: str | None

    def among(self, dates: Sequence[str]) -> SeriesPanel:
        """The rows with a price as a panel without values, on `dates`, which include its own."""
        symbol = np.repeat(np.arange(len(self.symbols), dtype=np.int32), self.counts)
        place = {date: number for number, date in enumerate(dates)}
        places = np.array([place[date] for date in self.dates], dtype=np.int32)
        return SeriesPanel(self.symbols, dates, symbol, places[self.date], {}, self.main)


def flag_weekends(panel: SeriesPanel) -> tuple[list[Entry], PricedDays]:
    """The flag `weekend`: a price on a Saturday or Sunday; also returns the days with prices.

    If a symbol has a price on at least half of its Saturdays (or Sundays), and on four or more,
    they get one entry with `regular` true: the symbol trades then, or its dates are off by a day. A
    symbol that regularly has both is in a market that trades every day, and gets no entry. Nor does
    one whose prices are usually APART or further: a month may end on any day.
    """
    rows, kind = _on_weekends(panel)
    regular = _weekend_habits(panel, rows, kind)
    every_day = regular[::2] & regular[1::2]
    first, last = panel.lifetimes
    price = panel.values[panel.main] if panel.main else np.full(len(panel.symbol), np.nan)
    days = PricedDays(
        panel.symbols,
        panel.dates,
        np.bincount(panel.symbol[panel.rows], minlength=len(panel.symbols)),
        panel.date[panel.rows],
        np.where(first < 0, np.nan, price[first]),
        np.where(last < 0, np.nan, price[last]),
        every_day,
        panel.main,
    )
    both = np.repeat(every_day, 2)
    rows, kind = rows[~both[kind]], kind[~both[kind]]
    if not len(rows):
        return [], days
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
    ), days


def _on_weekends(panel: SeriesPanel) -> tuple[Ints, Ints]:
    """The rows on Saturdays and Sundays, and for each row 2 * symbol, plus 1 on Sundays."""
    weekday = weekdays(panel.days)
    rows = np.zeros(0, dtype=np.int64)
    if (weekday >= 5).any():
        rows = np.flatnonzero(panel.priced & (weekday >= 5)[panel.date])
        rows = rows[~_is_monthly(panel, panel.symbol[rows])]
    return rows, 2 * panel.symbol[rows].astype(np.int64) + weekday[panel.date[rows]] - 5


def _is_monthly(panel: SeriesPanel, symbol: Ints) -> Bools:
    """(m,): whether the prices of these symbols are usually APART days apart, or further."""
    asked = np.zeros(len(panel.symbols), dtype=bool)
    asked[symbol] = True
    before, after = panel.steps(panel.priced)
    own = asked[panel.symbol[after]]
    before, after = before[own], after[own]
    apart = (panel.days[panel.date[after]] - panel.days[panel.date[before]]).astype(np.float64)
    return np.asarray(medians(apart, panel.symbol[after], len(asked))[symbol] >= APART)


def _weekend_habits(panel: SeriesPanel, rows: Ints, kind: Ints) -> Bools:
    """Whether each symbol regularly has a price on Saturdays and on Sundays: (2 s,)."""
    prints = np.bincount(kind, minlength=2 * len(panel.symbols))
    if not len(rows):
        return prints > 0
    first, last = (panel.days[panel.date[ends]] for ends in panel.lifetimes)
    weeks = (last - first).astype(np.int64) / 7
    habits: Bools = (prints >= _REGULAR) & (prints >= np.repeat(weeks, 2) / 2)
    return habits


@dataclass(frozen=True)
class Market:
    """Counts for each date (d,) over all symbols together.

    symbols: their number.  dates: in order, as ISO text.  prices, active: (d,) how many symbols
    have a price, and how many are active, that is, between their first and last price.  every_day:
    whether all symbols trade on Saturdays and Sundays, too.
    """

    symbols: int
    dates: Sequence[str]
    prices: Ints
    active: Ints
    every_day: bool

    @cached_property
    def days(self) -> Days:
        """The day of each date (d,)."""
        return np.array([date[:10] for date in self.dates], dtype="datetime64[D]")

    @cached_property
    def business(self) -> Ints:
        """The dates on which at least half of the active symbols have a price."""
        return np.flatnonzero((self.prices > 0) & (2 * self.prices >= self.active))

    @cached_property
    def until(self) -> Ints:
        """The number of business days before each date, and in all: (d + 1,)."""
        return np.searchsorted(self.business, np.arange(len(self.dates) + 1))

    def entries(self, flag: str, main: str | None, which: Bools, prices: Ints) -> list[Entry]:
        """One entry for each date in `which` (d,), about all symbols together.

        prices: (d,) how many symbols are affected on each date.
        """
        return [
            {
                "symbol": None,
                "date": self.dates[code],
                "flag": flag,
                "column": main,
                "prices": int(prices[code]),
                "active": int(self.active[code]),
            }
            for code in np.flatnonzero(which).tolist()
        ]

    @classmethod
    def of(cls, groups: Sequence[PricedDays]) -> "Market":
        """The market of all symbols, group by group."""
        dates = sorted({date for group in groups for date in group.dates})
        prices = np.zeros(len(dates), dtype=np.int64)
        change = np.zeros(len(dates) + 1, dtype=np.int64)
        for group in groups:
            panel = group.among(dates)
            prices += np.bincount(panel.date, minlength=len(dates))
            first, last = (panel.date[ends[ends >= 0]] for ends in panel.lifetimes)
            np.add.at(change, first, 1)
            np.add.at(change, last + 1, -1)
        every_day = all(bool(group.every_day.all()) for group in groups)
        symbols = sum(len(group.symbols) for group in groups)
        return cls(symbols, dates, prices, np.cumsum(change)[:-1], every_day)


def flag_days(
    groups: Sequence[PricedDays], market: Market, limits: FlagThresholds, delisted: Collection[str]
) -> list[Entry]:
    """The flags of dates that compare all symbols: `holiday`, `gap` and `ended`."""
    if not market.prices.any():
        return []
    for_all, for_each = _holidays(market, limits)
    found = market.entries("holiday", groups[0].main, for_all, market.prices)
    found += _all_gaps(market, limits, groups)
    for group in groups:
        panel = group.among(market.dates)
        rows = np.flatnonzero(for_each[panel.date] & ~group.every_day[panel.symbol])
        code = panel.date[rows]
        prices, active = market.prices[code], market.active[code]
        found += panel.entries("holiday", panel.main, rows, prices=prices, active=active)
        if market.symbols > 1:
            found += _gaps(panel, market, limits)
    return found + (_ended(groups, market, limits, delisted) if market.symbols > 1 else [])


def _holidays(market: Market, limits: FlagThresholds) -> tuple[Bools, Bools]:
    """The dates (d,) on which all prices are flagged together, and those on which each one is.

    The flag `holiday`: a price on 1 January, on 25 December, or on a weekday with few prices. Few
    means: less than `holiday_share` of the active symbols have a price, and at least
    `holiday_symbols` are active. A symbol is active from its first price to its last. If that many
    are active on 1 January or 25 December and at least half of them have a price, there is only one
    entry, with the symbol null. A symbol that trades every day of the week has no holidays.
    """
    prices, active = market.prices, market.active
    many = active >= limits.holiday_symbols
    few = many & (prices < limits.holiday_share * active) & (weekdays(market.days) < 5)
    fixed = np.isin([str(day)[5:] for day in market.days], ("01-01", "12-25"))
    traded = fixed & many & (2 * prices >= active)
    return traded & (not market.every_day), few | (fixed & ~traded)


def _all_gaps(market: Market, limits: FlagThresholds, groups: Sequence[PricedDays]) -> list[Entry]:
    """The flag `gap`: more than `gap_days` business days between two prices have none.

    Business days are the dates on which at least half of the active symbols have a price. A gap in
    the business days themselves, counted in weekdays, is one entry with the symbol null. If the
    table has only one symbol, its gaps are counted in weekdays too, under its name. If prices are
    usually a week or a month apart, a gap takes more than `gap_days` such periods.
    """
    symbol = groups[0].symbols[0] if market.symbols == 1 else None
    days = market.days[market.business]
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
            "column": groups[0].main,
            "last": str(end),
            "days": count,
        }
        for start, end, count in zip(first, last, missing[at].tolist(), strict=True)
    ]


def _gaps(panel: SeriesPanel, market: Market, limits: FlagThresholds) -> list[Entry]:
    before, after = panel.steps(panel.priced)
    symbol = panel.symbol[after]
    apart = panel.date[after] - panel.date[before]
    often = np.isin(symbol, np.unique(symbol[apart > limits.gap_days + 1]))
    if not often.any():
        return []
    before, after, symbol = before[often], after[often], symbol[often]
    until = market.until
    missing = until[panel.date[after]] - until[panel.date[before] + 1]
    usual = _usual(missing.astype(np.float64), symbol, len(panel.symbols))
    at = np.flatnonzero(missing > limits.gap_days)
    at = at[missing[at] >= (limits.gap_days + 1) * (1 + usual[symbol[at]])]
    first = until[panel.date[before[at]] + 1]
    return [
        entry | {"date": panel.dates[start]}
        for entry, start in zip(
            panel.entries(
                "gap",
                panel.main,
                after[at],
                last=[panel.dates[code] for code in market.business[first + missing[at] - 1]],
                days=missing[at],
            ),
            market.business[first].tolist(),
            strict=True,
        )
    ]


def _ended(
    groups: Sequence[PricedDays], market: Market, limits: FlagThresholds, delisted: Collection[str]
) -> list[Entry]:
    """The flag `ended`: a symbol's last price is as far from the end of the table as a gap is long.

    The entry proposes that the symbol was delisted. If other symbols begin within `gap_days`
    business days at about its last price, it proposes a rename to the one with the closest price.
    Symbols declared as delisted get no entry.
    """
    until, symbols, usual = market.until, list[str | None](), list[Floats]()
    first, last = list[Ints](), list[Ints]()
    for group in groups:
        panel = group.among(market.dates)
        priced = np.flatnonzero(group.counts)
        begin, end = (panel.date[ends[priced]] for ends in panel.lifetimes)
        late = len(market.business) - until[end + 1] > limits.gap_days
        usually = np.zeros(len(priced))
        if late.any():
            before, after = panel.steps(np.isin(panel.symbol, priced[late]))
            steps = until[panel.date[after]] - until[panel.date[before] + 1]
            of_each = _usual(steps.astype(np.float64), panel.symbol[after], len(panel.symbols))
            usually = np.where(late, of_each[priced], 0)
        symbols += [panel.symbols[code] for code in priced.tolist()]
        first, last, usual = [*first, begin], [*last, end], [*usual, usually]
    begin, end = np.concatenate(first), np.concatenate(last)
    missing = len(market.business) - until[end + 1]
    ended = missing >= (limits.gap_days + 1) * (1 + np.concatenate(usual))
    at = [place for place in np.flatnonzero(ended).tolist() if symbols[place] not in delisted]
    opened = np.concatenate([group.first[group.counts > 0] for group in groups])
    price = np.concatenate([group.last[group.counts > 0] for group in groups])
    own = np.arange(len(symbols))
    panel = SeriesPanel(symbols, market.dates, own, end, {}, groups[0].main)
    found = panel.entries("ended", panel.main, own[at], price=price[at], days=missing[at])
    for entry, place in zip(found, at, strict=True):
        waited = until[begin] - until[end[place] + 1]
        off = np.abs(log(opened / price[place]))
        near = (begin > end[place]) & (waited <= limits.gap_days) & (off <= math.log(_NEAR_PRICE))
        symbol = entry["symbol"]
        if near.any():
            new = int(np.flatnonzero(near)[np.argmin(off[near])])
            entry["next"] = symbols[new]
            entry["proposal"] = proposal(
                f"{symbol} was renamed to {entry['next']}",
                symbol=symbol,
                date=market.dates[begin[new]][:10],
                rename=entry["next"],
            )
        else:
            entry["proposal"] = proposal(
                f"{symbol} was delisted",
                symbol=symbol,
                date=entry["date"][:10],
                delisted="true",
            )
    return found


def _usual(missing: Floats, symbol: Ints, count: int) -> Floats:
    """The usual number of business days without a price between two: 0 for daily prices."""
    usual = medians(missing, symbol, count)
    usual[np.bincount(symbol, minlength=count) < _FEW] = 0
    return usual


def weekdays(days: Days) -> Ints:
    """0 for Monday to 6 for Sunday."""
    weekday: Ints = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    return weekday
