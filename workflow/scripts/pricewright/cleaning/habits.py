"""On which days symbols regularly trade, by their own prices: weekdays, and two yearly holidays."""

import numpy as np
import numpy.typing as npt

from pricewright.cleaning.series import Bools, Floats, Ints, SeriesPanel

Days = npt.NDArray[np.datetime64]

REGULAR = 4
"""A symbol regularly has prices on a weekday if there are at least this many, in half its weeks."""
_RARELY = 20
"""A symbol is closed on a weekday with at most one price in so many of its weeks."""
_WEEK = 3
"""A symbol that regularly has prices on fewer weekdays is closed on none: its prices are rare."""

HOLIDAYS = ("01-01", "12-25")
_EVES = ("12-24", "12-31")

ALWAYS, REGULARLY, NOT, ONCE, UNKNOWN = 2, 1, 0, -1, -2
"""Whether a symbol trades on a holiday: it trades every day of the week; it regularly does; it does
not; and, with too few years to tell, it did once, or it did not."""


def weekday_prints(panel: SeriesPanel) -> tuple[Ints, Floats]:
    """How many prices each symbol has on each weekday (s, 7), and the weeks of its history (s,)."""
    count, weekday = len(panel.symbols), weekdays(panel.days)[panel.date[panel.rows]]
    kind = 7 * panel.symbol[panel.rows].astype(np.int64) + weekday
    prints = np.bincount(kind, minlength=7 * count).reshape(count, 7)
    weeks = np.zeros(count)
    if len(panel.rows):
        first, last = panel.lifetimes
        days = (panel.days[panel.date[last]] - panel.days[panel.date[first]]).astype(np.int64)
        weeks = np.where(first < 0, 0, days / 7)
    return prints, weeks


def weekday_habits(prints: Ints, weeks: Floats) -> tuple[Bools, Bools]:
    """On which weekdays symbols regularly have prices, and on which they are closed: (s, 7) each,
    from their prices on each weekday (s, 7) and the weeks of their histories (s,)."""
    regular = (prints >= REGULAR) & (prints >= weeks[:, None] / 2)
    known = (weeks >= REGULAR) & (regular.sum(axis=1) >= _WEEK)
    return regular, known[:, None] & ~regular & (prints * _RARELY <= weeks[:, None])


def each_year(days: Days, day: str) -> Days:
    """A day of the year, such as 12-25, in each year of days (d,), in order."""
    years = range(int(str(days[0])[:4]), int(str(days[-1])[:4]) + 1)
    return np.array([f"{year:04}-{day}" for year in years], dtype="datetime64[D]")


def _yearly(panel: SeriesPanel, day: str, regular: Bools, rows: Ints) -> tuple[Ints, Ints]:
    """How many of some rows are on a day of the year, such as 12-25, and how many times that day
    was on a weekday on which the symbol regularly trades: (s,) each."""
    count, chances = len(panel.symbols), np.zeros(len(panel.symbols), dtype=np.int64)
    first, last = panel.lifetimes
    begin, end = panel.days[panel.date[first]], panel.days[panel.date[last]]
    dates = each_year(panel.days, day)
    for date, weekday in zip(dates, weekdays(dates).tolist(), strict=True):
        chances += (first >= 0) & (begin <= date) & (date <= end) & regular[:, weekday]
    rows = rows[np.isin(panel.days, dates)[panel.date[rows]]]
    rows = rows[regular[panel.symbol[rows], weekdays(panel.days)[panel.date[rows]]]]
    return np.bincount(panel.symbol[rows], minlength=count), chances


def off_by_a_day(panel: SeriesPanel, regular: Bools, closed: Bools) -> Bools:
    """(s,): whether the dates of a symbol seem to be a day late or early.

    From Tuesday to Saturday no market trades. From Sunday to Thursday some do, also on 24 and 31
    December; if a symbol has no price on these days, they are 25 December and 1 January.
    """
    middle = regular[:, 1:4].all(axis=1)
    late = middle & regular[:, 4] & regular[:, 5] & closed[:, 0]
    early = middle & regular[:, 0] & regular[:, 6] & closed[:, 4]
    if early.any():
        found = [_yearly(panel, day, regular, panel.rows) for day in _EVES]
        prices, chances = (sum(parts) for parts in zip(*found, strict=True))
        early &= (prices == 0) & (chances > 1)
    return np.asarray(late | early)


def trades_yearly(panel: SeriesPanel, price: Floats, regular: Bools) -> Ints:
    """`PricedDays.yearly`: a symbol trades on a holiday if its price changes then, in at least half
    of the years and twice or more, or if it trades on Saturdays and Sundays, too. A price that only
    repeats the one before is no trade; of a symbol that mostly repeats it, this cannot be told."""
    found = np.full((len(panel.symbols), len(HOLIDAYS)), UNKNOWN, dtype=np.int8)
    if len(panel.rows):
        before, after = panel.steps(panel.priced)
        moved = after[price[after] != price[before]]
        steps, moves = (
            np.bincount(panel.symbol[some], minlength=len(found)) for some in (after, moved)
        )
        rarely = 2 * moves < steps
        for place, day in enumerate(HOLIDAYS):
            traded, chances = _yearly(panel, day, regular, moved)
            trades = (traded >= 2) & (2 * traded >= chances)
            unknown = (chances < 2) | (rarely & ~trades)
            told = np.where(trades, REGULARLY, NOT)
            found[:, place] = np.where(unknown, np.where(traded > 0, ONCE, UNKNOWN), told)
    found[regular[:, 5] & regular[:, 6]] = ALWAYS
    return found


def weekdays(days: Days) -> Ints:
    """0 for Monday to 6 for Sunday."""
    weekday: Ints = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    return weekday
