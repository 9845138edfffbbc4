"""The days of a walk-forward: from which to forecast, and at whose end to estimate."""

from dataclasses import dataclass

import numpy as np

from pricewright.forecasting.distribution import LONGER
from pricewright.forecasting.panel import NEVER, Panel
from pricewright.forecasting.settings import Settings
from pricewright.tables.arrays import Days, Flags, Ints


@dataclass(frozen=True)
class Timeline:
    """Calendar days, the same for all symbols, one horizon of the joint calendar apart.

    They are counted from the calendar's first day, so adding a day moves none of them, and
    forecasts from them do not change.

    step: how many days of the joint calendar the dates are apart: the horizon.
    earlier: all such days before the first date.
    dates: (K,), the dates from which forecasts are made.
    scored: how many leading dates are evaluated; after the last date there is not yet a full
    horizon of outcomes to score.
    estimates: (E,), the days at whose end parameters are estimated; each estimate is used until
    the next. The first ones precede the dates, so that out-of-sample errors exist to calibrate on.
    afresh: (E,), whether the parameter search starts afresh, not from the previous estimate.
    since: (E + 1,), the first estimate whose errors count, for each estimate and for the end.
    before: (E,), the date one horizon before each estimate, -NEVER where there is none.
    """

    step: int
    earlier: Days
    dates: Days
    scored: int
    estimates: Days
    afresh: Flags
    since: Ints
    before: Days

    @property
    def origins(self) -> Days:
        """The dates whose forecasts are evaluated."""
        return self.dates[: self.scored]

    @property
    def first_held(self) -> int:
        """The index of the estimate in use at the first date; E if there are no dates."""
        if not len(self.dates):
            return len(self.estimates)
        found = np.searchsorted(self.estimates, self.dates[0], side="right")
        return int(found) - 1

    def counting(self, panel: Panel) -> Flags:
        """(K, S): whether a date counts in the evaluation of a symbol.

        Outcomes are a symbol's own next prices, so those of a symbol with fewer prices than the
        joint calendar has days reach beyond the next date. A date counts if at least two thirds of
        a horizon of the symbol's own prices, rounded down, came since the last one that counted:
        so other symbols' trading days do not halve what an ordinary symbol is judged by.
        """
        rows = panel.upto_each(np.concatenate([self.earlier, self.dates]))
        least = max(2 * self.step // 3, 1)
        found = np.ones(rows.shape, dtype=bool)
        for column in np.flatnonzero((np.diff(rows, axis=0) < least).any(axis=0)):
            found[:, column] = _apart(rows[:, column], least)
        return found[len(self.earlier) :]

    def until(self, day: int) -> "Timeline":
        """The timeline as it would have been on the given day."""
        count = int((self.estimates <= day).sum())
        return Timeline(
            self.step,
            self.earlier,
            self.dates[self.dates <= day],
            int((self.origins <= day).sum()),
            self.estimates[:count],
            self.afresh[:count],
            self.since[: count + 1],
            self.before[:count],
        )


def _apart(rows: Ints, least: int) -> Flags:
    """(N,): the first of rising rows, and each that is at least so many after the last such."""
    found, place = np.zeros(len(rows), dtype=bool), 0
    while place < len(rows):
        found[place] = True
        place = int(np.searchsorted(rows, rows[place] + least))
    return found


AFRESH = 4
"""Every AFRESH-th estimate starts its search afresh, so that no estimate before it is needed."""


def make_timeline(panel: Panel, settings: Settings) -> Timeline:
    """The timeline of an evaluation; it begins once the first symbol has enough history."""
    calendar, step, refit = panel.calendar, settings.horizon, settings.refit
    grid, scored = calendar[::step], max(len(calendar) - 1, 0) // step
    enough = panel.days[settings.min_history - 1 : settings.min_history].min(initial=NEVER)
    first = int(np.searchsorted(grid, enough))  # the first usable date
    if first >= scored:
        grid, first, scored = grid[:0], 0, 0
    begin = max(scored - settings.origins, first)
    longer = LONGER if settings.distribution == "conformal" else 1
    reach = longer * -(-settings.calibration // step) + 1  # + 1: the outcomes must be known
    places = np.arange(first, len(grid))
    places = places[(places % refit == 0) | (places == first)]
    since = np.maximum(np.append(places, len(grid) - 1) - reach, first)
    since = np.searchsorted(places, since, side="right") - 1
    held = int(np.searchsorted(places, begin, side="right")) - 1
    afresh = (places % (AFRESH * refit) == 0) | (places == first)
    start = int(np.flatnonzero(afresh[: since[held] + 1])[-1]) if len(places) else 0
    places = places[start:]
    return Timeline(
        step=step,
        earlier=grid[:begin],
        dates=grid[begin:],
        scored=scored - begin,
        estimates=grid[places],
        afresh=afresh[start:],
        since=np.maximum(since[start:] - start, 0),
        before=np.where(places > first, grid[places - 1], -NEVER),
    )
