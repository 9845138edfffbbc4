"""Intraday bars of a day of which several deliveries have a share, such as files cut at midnight
where a session begins in the evening.

Each delivery's bar knows the instants of its first and its last row, so that shares that follow
each other make the bar that the same rows in one file would make. A newer share that lasts from
before an older one until after it replaces it, as a newer price replaces an older one. Other
shares that overlap are refused, because a bar does not show which rows it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.intake.merge import find_keys
from pricewright.intake.reading.bars import daily_bars
from pricewright.intake.reading.instants import FIRST, LAST, without_span
from pricewright.intake.restatements import Changed, Entries, Places, restated
from pricewright.tables.arrays import Flags
from pricewright.tables.prices import Floats, Ints, Keys, Prices, keys, of_keys, recode


class Overlap(Exception):
    """Two shares of a day of which neither follows or replaces the other."""

    def __init__(self, symbol: str, date: str, deliveries: tuple[int, int]) -> None:
        super().__init__(symbol, date)
        self.symbol, self.date, self.deliveries = symbol, date, deliveries

    def refusal(self, places: Sequence[str]) -> Refusal:
        """The sentence for people; places: those of all deliveries."""
        one, other = (places[number] for number in sorted(self.deliveries))
        return Refusal(
            f"{other}: has rows of {self.symbol} on {self.date} from the same time as rows in "
            f"{one}, and not all of that time (without quarantined rows), so which rows count is "
            "unclear; deliver that day in one file, or in files that follow each other without a "
            "common time."
        )


@dataclass(frozen=True)
class SharedDays:
    """The bars of days of which several deliveries have a share.

    bars: one for each such symbol and day.  origins: (n,) the newest delivery of each.
    entries: what newer shares restated of older ones.
    """

    bars: Prices
    origins: Ints
    entries: Entries


def shared_days(
    tables: Sequence[Prices], origins: Sequence[Ints], names: Sequence[str], digests: Sequence[str]
) -> SharedDays:
    """The shared days of some tables, each newer than those before it; the first may be long.

    names: the names of all tables.  origins: the delivery of each row.  Raises Overlap.
    """
    of = [keys(recode(each.names, each.symbols, names), each.days) for each in tables]
    places = _places(of)
    columns = list(dict.fromkeys(name for each in tables for name in each.values))
    when = np.concatenate([own[at] for own, at in zip(of, places, strict=True)])
    came = np.concatenate([own[at] for own, at in zip(origins, places, strict=True)])
    order = np.argsort(when, kind="stable")  # of one day, the older share comes first
    when, came = when[order], came[order]
    each_part = list(zip(tables, places, strict=True))
    values = {
        name: np.concatenate([_column(each, name, at) for each, at in each_part])[order]
        for name in columns
    }
    rows = Prices(names, *of_keys(when), values)
    is_old = order < len(places[0])
    kept, pairs = _kept(rows, when, came, is_old)
    shares = replace(
        rows,
        symbols=rows.symbols[kept],
        days=rows.days[kept],
        values={name: each[kept] for name, each in rows.values.items()},
    )
    begins = np.flatnonzero(np.diff(when[kept], prepend=-1))
    newest = np.maximum.reduceat(came[kept], begins) if len(begins) else came
    entries = restated(rows, (came, came), _changes(rows, pairs), digests)
    return SharedDays(daily_bars(shares, "all files together", with_open=False), newest, entries)


def _places(of: Sequence[Keys]) -> list[Places]:
    """The rows of each table whose key is in another one too; of: the keys of each, ascending."""
    first, newer = of[0], np.concatenate([of[0][:0], *of[1:]])
    found, counts = np.unique(newer, return_counts=True)
    at, is_known = find_keys(first, found)
    shared = found[is_known | (counts > 1)]
    return [at[is_known], *(np.flatnonzero(find_keys(shared, each)[1]) for each in of[1:])]


def _column(prices: Prices, name: str, rows: Places) -> Floats:
    if not len(rows) or name not in prices.values:
        return np.full(len(rows), np.nan)
    return prices.values[name][rows]


def _kept(
    rows: Prices, when: Keys, came: Ints, is_old: Flags
) -> tuple[Places, list[tuple[int, int]]]:
    """The shares that count, in order of key and time, and pairs of a share and its successor.

    rows: shares in order of key (n,) and, within a key, of delivery.  is_old: which are bars that
    may have been joined before. A share that comes before one of these in time is an Overlap too,
    because volumes are added in order of time, so that sums do not depend on the order of arrival.
    """
    first, last = rows.values[FIRST], rows.values[LAST]
    by_time = np.lexsort((first, when))
    again = when[1:] == when[:-1]
    for at in np.flatnonzero(again & is_old[by_time[1:]])[:1].tolist():
        raise _overlap(rows, came, by_time[at], by_time[at + 1])
    overlap = again & (last[by_time[:-1]] >= first[by_time[1:]])
    if not overlap.any():
        return by_time, []
    unclear = np.isin(when, np.unique(when[1:][overlap]))
    again = np.append(again, False)  # whether a newer share of the same day follows
    gone = unclear & again
    gone[:-1] &= (first[1:] <= first[:-1]) & (last[1:] >= last[:-1])
    pairs = [(row, row + 1) for row in np.flatnonzero(gone).tolist()]
    for row in np.flatnonzero(unclear & again & ~gone)[::-1].tolist():
        newer = np.arange(row + 1, np.searchsorted(when, when[row], side="right"))
        covers = newer[(first[newer] <= first[row]) & (last[newer] >= last[row])]
        beside = newer[~gone[newer] & (last[newer] >= first[row]) & (first[newer] <= last[row])]
        if len(covers):
            gone[row] = True
            pairs.append((row, int(covers[0])))
        elif len(beside):
            raise _overlap(rows, came, row, int(beside[0]))
    return by_time[~gone[by_time]], pairs


def _overlap(rows: Prices, came: Ints, one: int, other: int) -> Overlap:
    return Overlap(rows.symbol(one), rows.date(one), (int(came[one]), int(came[other])))


def _changes(rows: Prices, pairs: Sequence[tuple[int, int]]) -> dict[str, Changed]:
    """By column, the values that differ in the share that replaced theirs."""
    old, new = np.array(sorted(pairs), dtype=np.intp).reshape(-1, 2).T
    return {
        name: Changed.of((rows.values[name][old], old), (rows.values[name][new], new))
        for name in without_span(rows.values)
    }
