"""What later deliveries changed: single values, and whole series that were rescaled.

Each dividend and split rescales a whole adjusted series. Thousands of values then change for one
reason, and a genuine correction would be lost among them. So values up to a date that changed by
one factor share one entry. The factor gives the old values back; the archive holds them exactly.
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
"""With fewer values than this of one factor, each value is listed by itself."""

EXACT, NEAR = 2e-6, 2e-3
"""The relative distance allowed between a value and its factor. EXACT: for values given with all
digits, because vendors compute in single precision. NEAR: the upper limit where most values moved
by less than their rounding."""


@dataclass(frozen=True)
class Changed:
    """The values (n,) of a column that differ in their successors.

    rows, successors: the places of both, each in its own table.  before, after: the values.
    """

    rows: Places
    successors: Places
    before: Floats
    after: Floats

    @classmethod
    def of(cls, old: tuple[Floats, Places], new: tuple[Floats, Places]) -> Self:
        """Compare values (m,), each with the row it is in; keep those that differ."""
        (before, at), (after, by) = old, new
        other = np.flatnonzero(before != after)
        other = other[~(np.isnan(before[other]) & np.isnan(after[other]))]
        return cls(at[other], by[other], before[other], after[other])

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Join several into one, in order."""
        columns = zip(*((p.rows, p.successors, p.before, p.after) for p in parts), strict=True)
        return cls(*map(np.concatenate, columns))


def restated(
    old: Prices, origins: tuple[Ints, Ints], changed: Mapping[str, Changed], digests: Sequence[str]
) -> Entries:
    """The entries for changed values of old prices, by column, in order of symbol and date.

    origins: the number, among the digests, of the delivery of each old row and of each successor.
    Values that one factor explains share one `rescaled` entry; every other value has its own.
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
    """The beginning of an entry about a row."""
    return {"symbol": prices.symbol(row), "date": prices.date(row), "what": what}


def plain(value: np.float64) -> float | None:
    """A value for JSON."""
    return None if np.isnan(value) else float(value)


def _deliveries(before: int, after: int, digests: Sequence[str]) -> dict[str, str]:
    return {"old_sha256": digests[before], "new_sha256": digests[after]}


def _rescaled(changed: Changed, of: Sequence[Ints]) -> Iterator[tuple[Places, float]]:
    """Runs of values, of one symbol and two deliveries, that one factor explains, and the factor.

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
    """Runs of one symbol's changed values, each with its own factor."""
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
    """Which values fit the commonest factor; if one is common, it is the median of all ratios.

    Where several dividends follow each other, the factors rise over time, so the median is one of
    them.
    """
    fits, factor = np.ones(len(before), dtype=bool), float(np.median(after / before))
    error = 0.0
    for _ in range(2):  # the second time with a factor that the rounding of small prices spares
        allowed = rounding[0] * factor + rounding[1] + EXACT * np.abs(after)
        off = np.abs(after - factor * before)
        fits = off <= allowed
        moved = np.count_nonzero(fits & (np.abs((factor - 1) * before) > allowed))
        if moved < max(LEAST, np.count_nonzero(fits) / 2):  # rounding alone may explain the rest
            fits &= off <= NEAR * np.abs(after)
        if fits.any():
            factor = float(np.abs(after[fits]).sum() / np.abs(before[fits]).sum())
            error = float(allowed[fits].mean() / np.abs(after[fits]).mean() / np.sqrt(fits.sum()))
    return fits, _known_digits(factor, error)


def _known_digits(factor: float, error: float) -> float:
    """Round a factor to the digits that its relative error leaves certain.

    Its distance from 1 keeps at least two digits, because the factor changed something.
    """
    digits = 8 if error <= 0 else int(-np.log10(error))
    least = 2 - int(np.floor(np.log10(max(abs(factor - 1), 1e-6))))
    digits = min(max(digits, least, 2), 8)
    return float(f"{factor:.{digits}g}")


def _half_unit(values: Floats) -> float:
    """Half a unit in the last decimal place of the values; 0 if they have more than eight."""
    for digits in range(9):
        if (np.abs(np.round(values, digits) - values) <= 1e-12 * np.abs(values)).all():
            return 0.5 * 10.0**-digits
    return 0.0
