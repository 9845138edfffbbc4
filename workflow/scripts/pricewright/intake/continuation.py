"""Check that an added delivery continues the earlier ones, in its dates and in its prices.

Without this, a vendor that changes its date or number format would put good prices on wrong days,
or make them a thousand times as high.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

import numpy as np

from pricewright.files.clock import date_of, day_number
from pricewright.files.errors import Refusal
from pricewright.intake.archive import Delivery
from pricewright.intake.comparison import A_SERIES, are_others
from pricewright.intake.deliveries import State
from pricewright.intake.restatements import Places
from pricewright.tables.arrays import Flags
from pricewright.tables.prices import Ints, keys, of_keys

Numbered = Sequence[tuple[int, Delivery]]
"""Deliveries, each with its number in a state, ascending."""

_SOON, _A_WHILE, _A_MONTH = 10, 14, 31  # days
_MOST: Final = 0.5  # share of a delivery's dates or prices that shows how it is written
_THOUSAND: Final = (800.0, 1250.0)  # ratios of prices that suggest a misread mark


def check_continuation(
    state: State,
    new: Numbered,
    entries: Sequence[Mapping[str, Any]],
    date_formats: Sequence[str],
    max_shrink: float,
) -> None:
    """Raise Refusal if a new delivery does not continue those before it.

    entries: what the new deliveries restate.  max_shrink: the share of these restatements that may
    be those of another series.

    A delivery is refused if its days are long past, but with days and months swapped would directly
    follow; if most of its days are there already, with prices of another series; or if most of its
    prices are about a thousand times those next to them, or a thousandth.
    """
    new = [(number, delivery) for number, delivery in new if number]
    if not new:
        return
    changed: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        if entry["what"] == "restated" and entry["column"] in ("close", "adj_close"):
            changed.setdefault(entry["new_sha256"], []).append(entry)
    may_be_exchanged = any({"%d", "%m"} <= {form[:2], form[3:5]} for form in date_formats)
    for delivery, days, newest in _with_days(state, new):
        restated = changed.get(delivery.sha256, [])
        is_known = len({entry["date"] for entry in restated}) > _MOST * len(days)
        if may_be_exchanged and (is_known or len(days) > 2):
            _check_dates(delivery, days, newest)
        if is_known:
            _check_series(delivery, restated, max_shrink)
    _check_thousands(state, new)


def _with_days(state: State, new: Numbered) -> Iterator[tuple[Delivery, Ints, int]]:
    """Each delivery with its days, ascending, and the newest day before it."""
    pairs, older = [np.array([], dtype=np.int64)], list[int]()
    for rows in state.prices.blocks():
        origins, days = state.origins[rows], state.prices.days[rows]
        is_new = origins >= new[0][0]
        pairs.append(np.unique(keys(origins[is_new], days[is_new])))
        older += days[~is_new].max(keepdims=True).tolist() if not is_new.all() else []
    origins, days = of_keys(np.unique(np.concatenate(pairs)))
    newest = max(older, default=int(days.min(initial=0)))
    for number, delivery in new:
        begin, end = np.searchsorted(origins, (number, number + 1))
        if begin < end:
            yield delivery, days[begin:end], newest
            newest = max(newest, int(days[end - 1]))


def _check_dates(delivery: Delivery, days: Ints, newest: int) -> None:
    dates = [date_of(day) for day in days.tolist()]
    if any(day.day > 12 for day in dates) or (days <= newest - _A_WHILE).mean() <= _MOST:
        return
    other = [day_number(day.replace(month=day.day, day=day.month)) for day in dates]
    received = day_number(date.fromisoformat(delivery.last_day))
    if min(other) < newest - _A_MONTH or max(other) > received:
        return
    is_narrower = len(days) == 1 or max(other) - min(other) < days[-1] - days[0]
    if is_narrower and any(newest < day <= newest + _SOON for day in other):
        raise Refusal(
            f"{delivery.place}: its dates, such as {dates[0]}, are long before the newest day so "
            f"far, {np.datetime64(newest, 'D')}, but with days and months swapped they would "
            "directly follow it; deliver it with dates written as before, or in ISO 8601 with "
            "source.date_formats for both."
        )


def _check_series(delivery: Delivery, restated: Sequence[Mapping[str, Any]], most: float) -> None:
    of_symbol: dict[str, list[tuple[float, float]]] = {}
    for entry in restated:
        if (entry["old"] or 0) > 0 and (entry["new"] or 0) > 0:
            of_symbol.setdefault(entry["symbol"], []).append((entry["old"], entry["new"]))
    pairs = [np.array(each).T for each in of_symbol.values() if len(each) >= A_SERIES]
    others = sum(was.size for was, now in pairs if are_others(was, now))
    if others > most * len(restated):
        raise Refusal(
            f"{delivery.place}: {others} of its prices are on days that are there already, but "
            "of another series; give other symbols other names, write dates as before, or, if all "
            "of this is right, raise source.max_shrink."
        )


def _check_thousands(state: State, new: Numbered) -> None:
    prices, first = state.prices, new[0][0]
    close = "close" if "close" in prices.values else next(iter(prices.values))
    seams, thousands = (np.zeros(new[-1][0] + 1, dtype=np.int64) for _ in range(2))
    for _, later, is_far in _seams(state, first, close):
        seams += np.bincount(later, minlength=len(seams))
        thousands += np.bincount(later[is_far], minlength=len(seams))
    for number, delivery in new:
        if thousands[number] > _MOST * seams[number]:
            found = (at[(later == number) & far] for at, later, far in _seams(state, first, close))
            seam = next(int(rows[0]) for rows in found if len(rows))
            one, other = prices.part(close, slice(seam, seam + 2)).tolist()
            raise Refusal(
                f"{delivery.place}: its prices are a thousand times those next to them, or a "
                f"thousandth: {prices.symbol(seam)} goes from {one:.10g} to {other:.10g} after "
                f"{prices.date(seam)}; deliver it with numbers written as before."
            )


def _seams(state: State, first: int, close: str) -> Iterator[tuple[Places, Ints, Flags]]:
    """Find, block by block, the rows (m,) whose next row is of another delivery.

    Yields their places, the later of the two deliveries, from the first new one on, and whether
    one price is about a thousand times the other.
    """
    prices = state.prices
    for rows in prices.blocks(1):
        symbols, origins = prices.symbols[rows], state.origins[rows]
        later = np.maximum(origins[1:], origins[:-1])
        is_seam = (origins[1:] != origins[:-1]) & (symbols[1:] == symbols[:-1]) & (later >= first)
        at = np.flatnonzero(is_seam)
        if len(at):
            values = prices.part(close, rows)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = values[at] / values[at + 1]
                ratio = np.maximum(ratio, 1 / ratio)
            yield at + rows.start, later[at], (ratio > _THOUSAND[0]) & (ratio < _THOUSAND[1])
