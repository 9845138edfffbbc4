"""What later deliveries changed: values, and whole series that were rescaled.

An adjusted series is rescaled as a whole at each dividend and split. Thousands of values then have
one cause, and a correction among them would be lost: so what has one factor, up to a date, is one
entry. The old values are that factor away, and stand in the bytes that are kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pricewright.tables.prices import Floats, Ints, Prices

Places = npt.NDArray[np.intp]
Entries = list[dict[str, Any]]

LEAST = 5
"""Fewer values of one factor are listed one by one."""

EXACT, NEAR = 2e-6, 2e-3
"""By which share a value may be off its factor: where it is given with all digits, for what vendors
compute in single precision is, and at most, where most values moved by less than rounding does."""


@dataclass(frozen=True)
class Changed:
    """The values (n,) of a column that are others in their successors.

    rows, successors: where both stand, each among its own.  before, after: the values.
    """

    rows: Places
    successors: Places
    before: Floats
    after: Floats

    @classmethod
    def of(cls, old: tuple[Floats, Places], new: tuple[Floats, Places]) -> Self:
        """Of values (m,) and the rows that they are in, what is otherwise in their successors."""
        (before, at), (after, by) = old, new
        other = np.flatnonzero(before != after)
        other = other[~(np.isnan(before[other]) & np.isnan(after[other]))]
        return cls(at[other], by[other], before[other], after[other])

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Several as one, in order."""
        columns = zip(*((p.rows, p.successors, p.before, p.after) for p in parts), strict=True)
        return cls(*map(np.concatenate, columns))


def restated(
    old: Prices, origins: tuple[Ints, Ints], changed: Mapping[str, Changed], digests: Sequence[str]
) -> Entries:
    """What is changed of old prices, by column, as entries, in order.

    origins: the delivery of each row, by its number among the digests, of the old ones and of their
    successors. Values that one factor explains are one entry, `rescaled`; every other is one of its
    own.
    """
    entries: Entries = []
    for name, each in changed.items():
        single = np.ones(len(each.rows), dtype=bool)
        of = [origins[0][each.rows], origins[1][each.successors]]
        for places, factor in _rescaled(each, [old.symbols[each.rows], *of]):
            single[places] = False
            first, last = each.rows[places[0]], each.rows[places[-1]]
            entries.append(
                entry(old, first, "rescaled")
                | {"last": old.date(last), "column": name, "factor": factor}
                | {"values": len(places)}
                | _deliveries(of[0][places[0]], of[1][places[0]], digests)
            )
        for place in np.flatnonzero(single).tolist():
            entries.append(
                entry(old, each.rows[place], "restated")
                | {"column": name, "old": plain(each.before[place])}
                | {"new": plain(each.after[place])}
                | _deliveries(of[0][place], of[1][place], digests)
            )
    return sorted(entries, key=lambda each: (each["symbol"], each["date"]))


def entry(prices: Prices, row: int, what: str) -> dict[str, Any]:
    """The begin of an entry on a row."""
    return {"symbol": prices.symbol(row), "date": prices.date(row), "what": what}


def plain(value: np.float64) -> float | None:
    """A value as JSON has it."""
    return None if np.isnan(value) else float(value)


def _deliveries(before: int, after: int, digests: Sequence[str]) -> dict[str, str]:
    return {"old_sha256": digests[before], "new_sha256": digests[after]}


def _rescaled(changed: Changed, of: Sequence[Ints]) -> Iterator[tuple[Places, float]]:
    """The values of one symbol and two deliveries that one factor explains, and the factor.

    of: the symbol and the two deliveries of each value.
    """
    before, after = changed.before, changed.after
    usable = np.flatnonzero(np.isfinite(before) & np.isfinite(after) & (before * after > 0))
    keys: list[npt.NDArray[Any]] = [changed.rows[usable], *(key[usable] for key in reversed(of))]
    order = usable[np.lexsort(keys)]
    ends = [np.flatnonzero(np.diff(key[order])) + 1 for key in of]
    for places in np.split(order, np.unique(np.concatenate(ends))):
        for run, factor in _factors(before[places], after[places]):
            yield places[run], factor


def _factors(before: Floats, after: Floats) -> Iterator[tuple[Places, float]]:
    """Runs of one symbol's changed values, each with a factor of its own."""
    rounding = _half_unit(before), _half_unit(after)
    spans = [(0, len(before))]
    while spans:
        begin, end = spans.pop()
        if end - begin < LEAST:
            continue
        fits, factor = _fitting(before[begin:end], after[begin:end], rounding)
        if np.count_nonzero(fits) < LEAST:
            continue
        run = begin + np.flatnonzero(fits)
        yield run, factor
        spans += [(begin, int(run[0])), (int(run[-1]) + 1, end)]


def _fitting(
    before: Floats, after: Floats, rounding: tuple[float, float]
) -> tuple[npt.NDArray[np.bool_], float]:
    """Which values fit the commonest factor: where one is common, the median of all ratios is it.

    Where dividends follow each other the factors rise in time, and so one of them is the median.
    """
    fits, factor = np.ones(len(before), dtype=bool), float(np.median(after / before))
    error = 0.0
    for _ in range(2):  # the second time with a factor that no small price has rounded
        allowed = rounding[0] * factor + rounding[1] + EXACT * np.abs(after)
        off = np.abs(after - factor * before)
        fits = off <= allowed
        moved = np.count_nonzero(fits & (np.abs((factor - 1) * before) > allowed))
        if moved < max(LEAST, np.count_nonzero(fits) / 2):  # rounding alone may explain the others
            fits &= off <= NEAR * np.abs(after)
        if fits.any():
            factor = float(np.abs(after[fits]).sum() / np.abs(before[fits]).sum())
            error = float(allowed[fits].mean() / np.abs(after[fits]).mean() / np.sqrt(fits.sum()))
    return fits, _known_digits(factor, error)


def _known_digits(factor: float, error: float) -> float:
    """A factor with the digits that are known of it, whose relative error is about so large, and
    with two at least of how far it is from 1, for it changed something."""
    digits = 8 if error <= 0 else int(-np.log10(error))
    least = 2 - int(np.floor(np.log10(max(abs(factor - 1), 1e-6))))
    digits = min(max(digits, least, 2), 8)
    return float(f"{factor:.{digits}g}")


def _half_unit(values: Floats) -> float:
    """Half of the last place with which values are given; 0 if they have more than eight."""
    for digits in range(9):
        if (np.abs(np.round(values, digits) - values) <= 1e-12 * np.abs(values)).all():
            return float(0.5 * 10.0**-digits)
    return 0.0
