"""Odd dates: prices on weekends and holidays, gaps in a history, and an early end of it."""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pricewright.cleaning.declarations import proposal
from pricewright.cleaning.habits import (
    ALWAYS,
    HOLIDAYS,
    NOT,
    ONCE,
    REGULAR,
    REGULARLY,
    Days,
    each_year,
    off_by_a_day,
    trades_yearly,
    weekday_habits,
    weekday_prints,
    weekdays,
)
from pricewright.cleaning.options import FlagThresholds
from pricewright.cleaning.series import Bools, Entry, Floats, Ints, SeriesPanel, medians
from pricewright.tables.arrays import log

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FEW = 3
"""From this many intervals on, their median is a symbol's usual interval between prices."""

_NEVER = np.zeros(7, dtype=bool)

_NEAR_PRICE = 1.1
"""For a rename, the new symbol's first price may differ from the old one's last by this factor."""

APART = 14
"""Days between prices; a weekly price on a Saturday is odd, a monthly one is not."""


@dataclass(frozen=True)
class PricedDays:
    """The days on which some symbols (s,) have a price, for flags that compare all symbols.

    dates (d,): in order, as ISO text.  counts: (s,) each symbol's number of rows with a price.
    date: (m,) the index of each such row's date, in order of symbol.  first, last: (s,) each
    symbol's first and last price, NaN for none.  closed: (s, 7) the weekdays on which a symbol
    never trades.  yearly: (s, 2) whether it trades on 1 January and 25 December: one of ALWAYS,
    REGULARLY, NOT, ONCE and UNKNOWN (habits.py).  main: the column of the price.
    """

    symbols: Sequence[str | None]
    dates: Sequence[str]
    counts: Ints
    date: Ints
    first: Floats
    last: Floats
    closed: Bools
    yearly: Ints
    main: str | None

    def among(self, dates: Sequence[str]) -> SeriesPanel:
        """The rows with a price as a panel without values, on `dates`, which include its own."""
        symbol = np.repeat(np.arange(len(self.symbols), dtype=np.int32), self.counts)
        places = np.searchsorted(dates, self.dates).astype(np.int32)
        return SeriesPanel(self.symbols, dates, symbol, places[self.date], {}, self.main)


def flag_weekends(panel: SeriesPanel) -> tuple[list[Entry], PricedDays]:
    """The flag `weekend`: a price on a Saturday or Sunday; also returns the days with prices.

    A symbol that regularly has prices on Saturdays (or Sundays), on at least half of them and on
    four or more, trades then, and gets no entry; nor does one whose prices are usually APART or
    further: a month may end on any day. But if its dates seem to be off by a day (see
    `off_by_a_day`), its Saturdays (or Sundays) get one entry with `regular` true.
    """
    regular, closed = weekday_habits(*weekday_prints(panel))
    shifted = off_by_a_day(panel, regular, closed)
    first, last = panel.lifetimes
    price = panel.values[panel.main] if panel.main else np.full(len(panel.symbol), np.nan)
    days = PricedDays(
        panel.symbols,
        panel.dates,
        np.bincount(panel.symbol[panel.rows], minlength=len(panel.symbols)),
        panel.date[panel.rows],
        np.where(first < 0, np.nan, price[first]),
        np.where(last < 0, np.nan, price[last]),
        closed,
        trades_yearly(panel, price, regular),
        panel.main,
    )
    rows, weekday = _on_weekends(panel)
    symbol = panel.symbol[rows]
    odd = ~regular[symbol, weekday] | shifted[symbol]
    rows, weekday, symbol = rows[odd], weekday[odd], symbol[odd]
    habitual = regular[symbol, weekday]
    entry = np.where(habitual, 7 * symbol.astype(np.int64) + weekday, -1 - rows)
    _, at, place, counts = np.unique(
        entry, return_index=True, return_inverse=True, return_counts=True
    )
    newest = rows[at]
    np.maximum.at(newest, place, rows)
    return panel.entries(
        "weekend",
        panel.main,
        rows[at],
        weekday=[_WEEKDAYS[day] for day in weekday[at].tolist()],
        regular=habitual[at],
        last=panel.iso(newest),
        rows=counts,
    ), days


def _on_weekends(panel: SeriesPanel) -> tuple[Ints, Ints]:
    """The rows on Saturdays and Sundays, and their weekdays (m,)."""
    weekday = weekdays(panel.days)
    rows = np.zeros(0, dtype=np.int64)
    if (weekday >= 5).any():
        rows = np.flatnonzero(panel.priced & (weekday >= 5)[panel.date])
        rows = rows[~_is_monthly(panel, panel.symbol[rows])]
    return rows, weekday[panel.date[rows]]


def _is_monthly(panel: SeriesPanel, symbol: Ints) -> Bools:
    """(m,): whether the prices of these symbols are usually APART days apart, or further."""
    asked = np.zeros(len(panel.symbols), dtype=bool)
    asked[symbol] = True
    before, after = panel.steps(panel.priced)
    own = asked[panel.symbol[after]]
    before, after = before[own], after[own]
    apart = (panel.days[panel.date[after]] - panel.days[panel.date[before]]).astype(np.float64)
    return np.asarray(medians(apart, panel.symbol[after], len(asked))[symbol] >= APART)


@dataclass(frozen=True)
class Market:
    """Counts for each date (d,) over all symbols together.

    symbols: their number.  dates: in order, as ISO text.  prices, active: (d,) how many symbols
    have a price, and how many are active, that is, between their first and last price.  open: (d,)
    how many of the active ones are not closed on that weekday.
    """

    symbols: int
    dates: Sequence[str]
    prices: Ints
    active: Ints
    open: Ints

    @cached_property
    def days(self) -> Days:
        """The day of each date (d,)."""
        return np.array([date[:10] for date in self.dates], dtype="datetime64[D]")

    @cached_property
    def business(self) -> Ints:
        """The dates on which at least half of the open symbols have a price."""
        return np.flatnonzero((self.prices > 0) & (2 * self.prices >= self.open))

    def until(self, closed: Bools) -> tuple[Ints, Ints]:
        """The number of business days before each date, and in all, in each of some calendars
        (c, d + 1); and each symbol's calendar (s,).

        closed: (s, 7), the weekdays that do not count for a symbol.
        """
        weekday = weekdays(self.days[self.business])
        sets, calendar = np.unique(closed, axis=0, return_inverse=True)
        places = np.arange(len(self.dates) + 1)
        until = [np.searchsorted(self.business[~each[weekday]], places) for each in sets]
        return np.reshape(until, (len(sets), len(places))), calendar.ravel()

    def common(self, affected: Ints, limits: FlagThresholds) -> Bools:
        """(d,): the dates on which so many symbols are affected (d,) that they have one entry: at
        least half of the active ones, and at least `holiday_symbols` are active."""
        half = (affected > 0) & (2 * affected >= self.active)
        return np.asarray(half & (self.active >= limits.holiday_symbols))

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
        change = np.zeros((8, len(dates) + 1), dtype=np.int64)  # by weekday closed, and of all
        for group in groups:
            panel = group.among(dates)
            prices += np.bincount(panel.date, minlength=len(dates))
            first, last = (panel.date[ends[ends >= 0]] for ends in panel.lifetimes)
            closed = group.closed[group.counts > 0].T
            for of, own in zip(change, [*closed, np.ones(len(first), dtype=bool)], strict=True):
                np.add.at(of, first[own], 1)
                np.add.at(of, last[own] + 1, -1)
        *shut, active = np.cumsum(change, axis=1)[:, :-1]
        symbols = sum(len(group.symbols) for group in groups)
        weekday = weekdays(np.array([date[:10] for date in dates], dtype="datetime64[D]"))
        closed_then = np.reshape(shut, (7, -1))[weekday, np.arange(len(dates))]
        return cls(symbols, dates, prices, active, active - closed_then)


def flag_days(
    groups: Sequence[PricedDays], market: Market, limits: FlagThresholds, delisted: Collection[str]
) -> list[Entry]:
    """The flags of dates that compare all symbols: `holiday`, `gap` and `ended`.

    The flag `holiday`: a price on 1 January, on 25 December, or on a weekday with few prices. Few
    means: less than `holiday_share` of the open symbols have a price, and at least
    `holiday_symbols` are open. A symbol is active from its first price to its last, and open on
    weekdays on which it is not closed. A symbol that regularly trades on 1 January or 25 December
    has no holiday then; one that does on both has none at all, unless that is so of most symbols.
    Nor has one that trades every day of the week. If many symbols have an odd price on such a day
    (see `Market.common`), there is only one entry, with the symbol null.
    """
    if not market.prices.any():
        return []
    few, odd = _few(market, limits), _odd_holidays(groups, market)
    counts = np.zeros(len(market.dates), dtype=np.int64)
    for _, dates in odd:
        counts += np.bincount(dates, minlength=len(counts))
    for_all = market.common(counts, limits)
    found = market.entries("holiday", groups[0].main, for_all, market.prices)
    found += _all_gaps(market, limits, groups)
    never_closed = sum(int((group.yearly >= REGULARLY).all(axis=1).sum()) for group in groups)
    least = REGULARLY if 2 * never_closed < market.symbols else ALWAYS
    for group, (rows, _) in zip(groups, odd, strict=True):
        panel = group.among(market.dates)
        closes = np.asarray((group.yearly < least).any(axis=1))
        each = np.union1d(np.flatnonzero(few[panel.date] & closes[panel.symbol]), rows)
        each = each[~for_all[panel.date[each]]]
        code = panel.date[each]
        prices, active = market.prices[code], market.active[code]
        found += panel.entries("holiday", panel.main, each, prices=prices, active=active)
        if market.symbols > 1:
            found += _gaps(panel, group.closed, market, limits)
    return found + (_ended(groups, market, limits, delisted) if market.symbols > 1 else [])


def drop_usual_weekends(
    entries: Sequence[Entry], groups: Sequence[PricedDays], market: Market
) -> list[Entry]:
    """The entries `weekend` without those of a day on which most symbols that are open have a
    price, unless the symbol itself is closed then, or its dates are off by a day."""
    closed = {
        symbol: days
        for group in groups
        for symbol, days in zip(group.symbols, group.closed, strict=True)
        if days.any()
    }
    traded = (2 * market.prices > market.open) & (market.open >= REGULAR)
    usual = {market.dates[code] for code in np.flatnonzero(traded).tolist()}

    def is_odd(entry: Entry) -> bool:
        never = closed.get(entry["symbol"], _NEVER)[_WEEKDAYS.index(entry["weekday"])]
        return bool(entry["regular"] or never or entry["date"] not in usual)

    return [entry for entry in entries if is_odd(entry)]


def _odd_holidays(groups: Sequence[PricedDays], market: Market) -> list[tuple[Ints, Ints]]:
    """Each group's rows on 1 January and 25 December with a symbol that does not regularly trade
    then, and the indices of their dates.

    A symbol with too few years to tell is taken for one that does where most of the others that
    have a price do, or where such symbols together, as the contracts of a chain, do in most years.
    """
    of_year = np.array([str(day)[5:] for day in market.days])
    kinds = of_year == np.array(HOLIDAYS)[:, None]
    found, excess, once = [], np.zeros(len(market.dates)), np.zeros(len(market.dates))
    for group in groups:
        panel = group.among(market.dates)
        rows = np.flatnonzero(kinds.any(axis=0)[panel.date])
        trades = group.yearly[panel.symbol[rows], kinds[1, panel.date[rows]].astype(np.int64)]
        known = trades >= NOT
        votes = np.where(trades[known] >= REGULARLY, 1.0, -1.0)
        excess += np.bincount(panel.date[rows[known]], votes, len(excess))
        dates = panel.date[rows]
        once += np.bincount(dates[trades == ONCE], minlength=len(once))
        found.append((rows, dates, trades))
    week = _week(market.days[market.business])
    for kind, day in zip(kinds, HOLIDAYS, strict=True):
        years = each_year(market.days, day)
        inside = (market.days[0] <= years) & (years <= market.days[-1])
        chances, traded = week[weekdays(years[inside])].sum(), (kind & (once > 0)).sum()
        if traded >= 2 and 2 * traded >= chances:
            excess[kind] += 1
    odd = [(trades == NOT) | ((trades < NOT) & (excess[dates] <= 0)) for _, dates, trades in found]
    return [(rows[which], dates[which]) for which, (rows, dates, _) in zip(odd, found, strict=True)]


def _few(market: Market, limits: FlagThresholds) -> Bools:
    """(d,): the weekdays on which less than `holiday_share` of the open symbols have a price, of
    which there are at least `holiday_symbols`."""
    few: Bools = market.prices < limits.holiday_share * market.open
    return few & (market.open >= limits.holiday_symbols) & (weekdays(market.days) < 5)


def _all_gaps(market: Market, limits: FlagThresholds, groups: Sequence[PricedDays]) -> list[Entry]:
    """The flag `gap`: more than `gap_days` business days between two prices have none.

    Business days are the dates on which at least half of the open symbols have a price; for a
    symbol, those of weekdays on which it is not closed. A gap in the business days themselves,
    counted in the weekdays on which the market trades, is one entry with the symbol null. If the
    table has only one symbol, its gaps are counted so too, under its name. If prices are usually a
    week or a month apart, a gap takes more than `gap_days` such periods.
    """
    symbol = groups[0].symbols[0] if market.symbols == 1 else None
    days = market.days[market.business]
    following = days[:-1] + np.timedelta64(1, "D")
    week = _week(days)
    missing = np.busday_count(following, days[1:], weekmask=week)
    usual = _usual(missing.astype(np.float64), np.zeros(len(missing), dtype=np.int64), 1)[0]
    at = np.flatnonzero(missing >= (limits.gap_days + 1) * (1 + usual))
    first = np.busday_offset(following[at], 0, roll="forward", weekmask=week)
    last = np.busday_offset(days[1:][at], -1, roll="forward", weekmask=week)
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


def _week(days: Days) -> Bools:
    """(7,): the weekdays of a market with these business days: Monday to Friday without those on
    which it is closed, and Saturday or Sunday if it regularly trades then."""
    prints = np.bincount(weekdays(days), minlength=7)[None]
    weeks = (days[-1:] - days[:1]).astype(np.int64) / 7
    regular, closed = weekday_habits(prints, weeks if len(weeks) else np.zeros(1))
    return np.append(~closed[0, :5], regular[0, 5:])


def _gaps(panel: SeriesPanel, closed: Bools, market: Market, limits: FlagThresholds) -> list[Entry]:
    before, after = panel.steps(panel.priced)
    symbol = panel.symbol[after]
    apart = panel.date[after] - panel.date[before]
    often = np.isin(symbol, np.unique(symbol[apart > limits.gap_days + 1]))
    if not often.any():
        return []
    before, after, symbol = before[often], after[often], symbol[often]
    until, calendar = market.until(closed)
    own = calendar[symbol]
    first, end = until[own, panel.date[before] + 1], until[own, panel.date[after]]
    missing = end - first
    usual = _usual(missing.astype(np.float64), symbol, len(panel.symbols))
    at = np.flatnonzero(missing > limits.gap_days)
    at = at[missing[at] >= (limits.gap_days + 1) * (1 + usual[symbol[at]])]
    begins, ends = (
        [panel.dates[_date_of(until[own[place]], int(counted[place]))] for place in at.tolist()]
        for counted in (first, end - 1)
    )
    found = panel.entries("gap", panel.main, after[at], last=ends, days=missing[at])
    return [entry | {"date": date} for entry, date in zip(found, begins, strict=True)]


def _date_of(until: Ints, number: int) -> int:
    """The index of the date of a business day, counted from 0; until: (d + 1,)."""
    return int(np.searchsorted(until, number, side="right")) - 1


def _ended(
    groups: Sequence[PricedDays], market: Market, limits: FlagThresholds, delisted: Collection[str]
) -> list[Entry]:
    """The flag `ended`: a symbol's last price is as far from the end of the table as a gap is long.

    The entry proposes that the symbol was delisted. If other symbols begin within `gap_days`
    business days at about its last price, it proposes a rename to the one with the closest price.
    Symbols with at most _FEW prices are in no proposal: these may be what a conflict left over.
    Symbols declared as delisted get no entry, nor do contracts that expire (see `_expired`).
    """
    untils, calendar = market.until(np.concatenate([group.closed for group in groups]))
    symbols, parts, so_far = list[str | None](), list[tuple[Ints | Floats, ...]](), 0
    for group in groups:
        panel = group.among(market.dates)
        priced = np.flatnonzero(group.counts)
        begin, end = (panel.date[ends[priced]] for ends in panel.lifetimes)
        of_symbol = calendar[so_far : so_far + len(group.symbols)]
        own, so_far = of_symbol[priced], so_far + len(group.symbols)
        late = untils[own, -1] - untils[own, end + 1] > limits.gap_days
        usually = np.zeros(len(priced))
        if late.any():
            before, after = panel.steps(np.isin(panel.symbol, priced[late]))
            of_row = of_symbol[panel.symbol[after]]
            steps = untils[of_row, panel.date[after]] - untils[of_row, panel.date[before] + 1]
            of_each = _usual(steps.astype(np.float64), panel.symbol[after], len(panel.symbols))
            usually = np.where(late, of_each[priced], 0)
        symbols += [panel.symbols[code] for code in priced.tolist()]
        prices = group.counts[priced], group.first[priced], group.last[priced]
        parts.append((begin, end, own, usually, *prices))
    columns = zip(*parts, strict=True)
    begin, end, calendar, usual, counts, opened, price = map(np.concatenate, columns)
    missing = untils[calendar, -1] - untils[calendar, end + 1]
    ended = missing >= (limits.gap_days + 1) * (1 + usual)
    expired = _expired(symbols, begin, end, market, limits)
    at = [
        place
        for place in np.flatnonzero(ended & ~expired).tolist()
        if symbols[place] not in delisted
    ]
    many, own = counts > _FEW, np.arange(len(symbols))
    panel = SeriesPanel(symbols, market.dates, own, end, {}, groups[0].main)
    found = panel.entries("ended", panel.main, own[at], price=price[at], days=missing[at])
    for entry, place in zip(found, at, strict=True):
        if not many[place]:
            continue
        until = untils[calendar[place]]
        waited = until[begin] - until[end[place] + 1]
        off = np.abs(log(opened / price[place]))
        near = many & (begin > end[place]) & (waited <= limits.gap_days)
        near &= off <= math.log(_NEAR_PRICE)
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


_CONTRACT = re.compile(r"(\D+?)[FGHJKMNQUVXZ]?\d[\d-]*(\D*)")
"""A name with a month or year in it, such as ESZ26 or CL 2026-12 of ES and CL; the month may be a
letter."""


def _expired(
    symbols: Sequence[str | None], begin: Ints, end: Ints, market: Market, limits: FlagThresholds
) -> Bools:
    """(s,): whether symbols ended in turn, as the contracts of a chain do.

    They have names that differ only in a month or year. When one ends, another one that began later
    has been traded beside it on more than `gap_days` business days, and goes on. At least two have
    ended so.

    begin, end: (s,) the indices of the first and last dates.
    """
    chains: dict[tuple[str, ...], list[int]] = {}
    for place, symbol in enumerate(symbols):
        if found := _CONTRACT.fullmatch(symbol or ""):
            chains.setdefault(found.groups(), []).append(place)
    expired = np.zeros(len(symbols), dtype=bool)
    first, last = (np.searchsorted(market.business, dates) for dates in (begin, end))
    for chain in chains.values():
        own = np.array(chain)
        own = own[np.argsort(first[own], kind="stable")]
        overlap = last[own[:-1]] - first[own[1:]]
        ended = own[:-1][
            (first[own[1:]] > first[own[:-1]])
            & (last[own[1:]] > last[own[:-1]])
            & (overlap > limits.gap_days)
        ]
        if len(ended) > 1:
            expired[ended] = True
    return expired


def _usual(missing: Floats, symbol: Ints, count: int) -> Floats:
    """The usual number of business days without a price between two: 0 for daily prices."""
    usual = medians(missing, symbol, count)
    usual[np.bincount(symbol, minlength=count) < _FEW] = 0
    return usual
