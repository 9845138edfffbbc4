"""The differences between a state of the prices and the one that replaces it.

Both are compared side by side, some symbols at a time. Nearly all of their prices are equal; only
the differences are kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np

from pricewright.intake.deliveries import State, columns_of, names_of
from pricewright.intake.reading.instants import without_span
from pricewright.intake.restatements import Changed, Entries, Places, entry, plain, restated
from pricewright.tables.prices import Floats, Ints, Prices, keys, recode
from pricewright.tables.table_files import ends_of_groups


@dataclass(frozen=True)
class Comparison:
    """The differences of `after` from `before`; the prices of both have the same names.

    changed: by column, the values that differ in rows that both have.
    withdrawn: (n,) the rows that only `before` has; values: by column, their values (n,).
    lost: the rows of `before` whose close is missing in `after`.
    other: the rows of `before` whose close in `after` is that of another series.
    """

    before: State
    after: State
    changed: Mapping[str, Changed]
    withdrawn: Places
    values: Mapping[str, Floats]
    lost: Places
    other: Places


def compare(before: State, after: State) -> Comparison:
    """Compare a state with the one before it.

    A symbol's prices count as another series if two medians are large against the median move of
    the old log prices from row to row. The median change of the log ratio must exceed half of that
    move, and the median distance of the ratio from its own median three times that move. A split,
    an adjustment, another fixing or fewer digits stay below; swapped days and months do not.
    """
    both = [before.prices, after.prices]
    names, columns = names_of(both), without_span(columns_of(both))
    old, new = (
        replace(prices, names=names, symbols=recode(prices.names, prices.symbols, names))
        for prices in both
    )
    close = next((name for name in ("close", "adj_close") if name in old.values), None)
    nothing, none = np.array([]), np.array([], dtype=np.intp)
    withdrawn, lost, other = [none], [none], [none]
    changed = {name: [Changed(none, none, nothing, nothing)] for name in columns}
    values = {name: [nothing] for name in columns}
    for span, of in _spans(old, new):
        at, by = _in_both(old, new, span, of)
        gone = np.ones(span.stop - span.start, dtype=bool)
        gone[at] = False
        withdrawn.append(np.flatnonzero(gone) + span.start)
        for name in columns:
            was, now = old.part_or_nan(name, span), new.part_or_nan(name, of)
            values[name].append(was[gone])
            was, now = was[at], now[by]
            found = Changed.of((was, at + span.start), (now, by + of.start))
            changed[name].append(found)
            if name == close and len(found.rows):
                lost.append(found.rows[np.isfinite(found.before) & np.isnan(found.after)])
                other.append((at + span.start)[_others(old.symbols[span][at], was, now)])
    return Comparison(
        replace(before, prices=old),
        replace(after, prices=new),
        {name: Changed.joined(parts) for name, parts in changed.items()},
        np.concatenate(withdrawn),
        {name: np.concatenate(parts) for name, parts in values.items()},
        np.concatenate(lost),
        np.concatenate(other),
    )


def difference(
    compared: Comparison, old_digests: Sequence[str], new_digests: Sequence[str]
) -> Entries:
    """The entries for what `after` restates and withdraws.

    old_digests, new_digests: of the deliveries of each state. A withdrawn row is attributed to the
    newest delivery.
    """
    before, after = compared.before, compared.after
    digests = [*old_digests, *new_digests]
    shifted = after.origins + np.int32(len(old_digests))
    entries = restated(before.prices, (before.origins, shifted), compared.changed, digests)
    for place, row in enumerate(compared.withdrawn.tolist()):
        entries.append(
            entry(before.prices, row, "withdrawn")
            | {"old": {name: plain(column[place]) for name, column in compared.values.items()}}
            | {"old_sha256": digests[before.origins[row]], "new_sha256": digests[-1]}
        )
    return sorted(entries, key=lambda each: (each["symbol"], each["date"]))


def losses(compared: Comparison) -> tuple[Places, Places]:
    """Count by delivery of `before` the prices that are gone, and those of another series."""
    origins = compared.before.origins
    counted = partial(np.bincount, minlength=len(compared.before.superseded))
    gone = counted(origins[compared.withdrawn]) + counted(origins[compared.lost])
    return gone, counted(origins[compared.other])


def are_others(was: Floats, now: Floats) -> bool:
    """Whether a symbol's positive prices (n,) became those of another series; see `compare`."""
    if np.array_equal(was, now):
        return False
    ratio = np.log(now) - np.log(was)
    moves = np.median(np.abs(np.diff(np.log(was))))
    strays = np.median(np.abs(ratio - np.median(ratio)))
    return bool(np.median(np.abs(np.diff(ratio))) > moves / 2 and strays > 3 * moves)


A_SERIES = 5
"""Fewer prices than this say too little about how a symbol moves."""


def _others(symbols: Ints, was: Floats, now: Floats) -> Places:
    """Which prices (n,), in order of symbol, became those of another series."""
    rows = np.flatnonzero((was > 0) & (now > 0))
    ends = np.flatnonzero(np.diff(symbols[rows])) + 1
    of_symbols = [some for some in np.split(rows, ends) if len(some) >= A_SERIES]
    found = [some for some in of_symbols if are_others(was[some], now[some])]
    return np.concatenate([rows[:0], *found])


def _spans(old: Prices, new: Prices) -> Iterator[tuple[slice, slice]]:
    """The rows of some symbols in both: as many symbols as the old table stores together."""
    begins = [prices.begins for prices in (old, new)]
    for first, last in pairwise([0, *ends_of_groups(np.diff(begins[0]).tolist())]):
        one, other = (slice(int(begin[first]), int(begin[last])) for begin in begins)
        yield one, other


def _in_both(old: Prices, new: Prices, span: slice, of: slice) -> tuple[Places, Places]:
    """The places of the rows that both tables have, in the span of each, ascending.

    In both tables a symbol's old rows mostly come first.
    """
    symbols, theirs = old.symbols[span], new.symbols[of]
    at = np.arange(len(symbols))
    if len(symbols) <= len(theirs):
        begins = np.flatnonzero(np.diff(symbols, prepend=-1))
        shift = np.searchsorted(theirs, symbols[begins]) - begins
        by = at + np.repeat(shift, np.diff(begins, append=len(symbols)))
        inside = by[-1] < len(theirs) and (shift[1:] >= shift[:-1]).all()
        if inside and (theirs[by] == symbols).all() and (new.days[of][by] == old.days[span]).all():
            return at, by
    known, wanted = keys(symbols, old.days[span]), keys(theirs, new.days[of])
    places = np.searchsorted(known, wanted)
    again = places < len(known)
    again[again] = known[places[again]] == wanted[again]
    return places[again], np.flatnonzero(again)
