"""The rows of a delivery in order of symbol and day, with each symbol and day once.

Blocks come in the order of the delivery. They are joined into runs, each in order of symbol, and
the runs are merged, some symbols at a time. Values stay in the runs and are put in order when they
are asked for; for a large delivery, they are never all in memory.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from pricewright.files.errors import Refusal
from pricewright.files.large_arrays import Shelf, joined
from pricewright.files.machine import give_back
from pricewright.intake.reading.dialect import Dialect
from pricewright.intake.reading.instants import FIRST, Instants, instants
from pricewright.intake.reading.quarantine import Quarantine, code
from pricewright.intake.reading.refusals import refuse_blocks, refuse_exchanged, refuse_scattered
from pricewright.intake.reading.rows import CheckedRows, joined_times
from pricewright.tables.prices import Floats, Ints, Prices, drop_unused_names, keys, recode
from pricewright.tables.stored_values import GroupedValues
from pricewright.tables.table_files import ends_of_groups

Column = npt.NDArray[Any]
Places = npt.NDArray[np.intp]
_Lost = tuple[Column, Ints, Instants]

STRAYS = 0.01  # the share of rows with a second time on their day that may be an accident

AT_ONCE = 1 << 21
"""The approximate number of rows in a run."""


class Runs:
    """Successive blocks of rows, joined into runs, each in order of symbol.

    shelf: where the runs are stored, together with those of other deliveries.
    """

    def __init__(self, shelf: Shelf | None = None) -> None:
        self._settled: list[CheckedRows] = []
        self._waiting: list[CheckedRows] = []
        self._rows = 0
        self.shelf = shelf or Shelf()

    def add(self, block: CheckedRows) -> None:
        """Add the next rows."""
        self._waiting.append(block)
        self._rows += len(block.days)
        if self._rows >= AT_ONCE:
            self.settle()
            give_back()

    def settle(self) -> list[CheckedRows]:
        """All runs, including the rows that were waiting."""
        if self._waiting:
            self._settled.append(self.shelf.put(_run(self._waiting)))
        self._rows = 0
        return self._settled


def _run(blocks: list[CheckedRows]) -> CheckedRows:
    """Join blocks into one, in order of symbol and, within a symbol, of delivery.

    Empties `blocks` on the way, so that no column is in memory twice.
    """
    count = sum(len(block.days) for block in blocks)
    names = sorted({name for block in blocks for name in block.names})
    places = (recode(block.names, block.symbols, names) for block in blocks)
    symbols = joined(places, count, np.int32)
    order = None
    if (symbols[1:] < symbols[:-1]).any():
        small = len(names) <= 1 << 16  # sorted without comparisons
        order = np.argsort(symbols.astype(np.uint16) if small else symbols, kind="stable")
        symbols = symbols[order]
    times = joined_times(blocks)
    days, lines = ([getattr(block, name) for block in blocks] for name in ("days", "lines"))
    values = {ours: [block.values[ours] for block in blocks] for ours in blocks[0].values}
    blocks.clear()

    def column(parts: list[Column]) -> Column:
        whole = joined(parts, count, parts[0].dtype)
        parts.clear()
        return whole if order is None else whole[order]

    return CheckedRows(
        names,
        column(days),
        symbols,
        {ours: column(parts) for ours, parts in values.items()},
        column(lines),
        times if times is None or order is None else times[order],
    )


def in_order(
    all_runs: Runs, titles: Sequence[str], dialect: Dialect, name: str
) -> tuple[Prices, Quarantine]:
    """The rows of all runs in order of symbol and day, and the rows that were repeated.

    Of rows that are equal in every value, the first stays; if two differ, both are lost. Intraday
    bars are also in order of time, with each time of a day once, and have their times. Raises
    Refusal, for the file `name`, if bars are intraday but not declared to be.
    """
    runs, shelf = all_runs.settle(), all_runs.shelf
    columns: list[Mapping[str, Floats]] = [run.values for run in runs]
    if dialect.calendar.bars == "intraday":
        times = (shelf.put(run.times_of_day().astype(float)) for run in runs)
        columns = [{**run.values, FIRST: each} for run, each in zip(runs, times, strict=True)]
    refuse_scattered([(run.days, run.lines) for run in runs], dialect, name)
    names = sorted({sys.intern(name) for run in runs for name in run.names})
    place = {name: number for number, name in enumerate(names)}
    begins = [_begins(run, place) for run in runs]
    rows = sum(len(run.days) for run in runs)
    symbols, days = shelf.new_array(rows, np.int32), shelf.new_array(rows, np.int32)
    repeats, groups, ends, end = _Repeats(dialect, names, rows, name), list[_Group](), [0], 0
    counts = np.sum([np.diff(each) for each in begins], axis=0).tolist() if runs else []
    for first, last in pairwise([0, *ends_of_groups(counts)]):
        spans = [slice(int(each[first]), int(each[last])) for each in begins]
        of = np.arange(first, last, dtype=np.int32)
        group = _Group(spans, None)
        own = np.concatenate([np.repeat(of, np.diff(each[first : last + 1])) for each in begins])
        its_days = _in_group([run.days for run in runs], group)
        if not _is_rising(own, its_days):
            group = _Group(spans, repeats.order_of(own, its_days, runs, group))
            own, its_days = own[group.order], its_days[group.order]
        begin, end = end, end + len(own)
        symbols[begin:end], days[begin:end] = own, its_days
        groups.append(shelf.put(group))
        ends.append(end)
    lost = repeats.quarantine(titles)
    values: Mapping[str, Floats] = OrderedValues(columns, groups, ends)
    if len(runs) == 1:
        is_ordered = all(group.order is None for group in groups)
        values = columns[0] if is_ordered else shelf.put(dict(values))
    return drop_unused_names(Prices(names, symbols[:end], days[:end], values)), lost


def _begins(run: CheckedRows, place: Mapping[str, int]) -> Places:
    """(S + 1,): the row of a run where each symbol begins, by the symbols' places."""
    counts = np.zeros(len(place), dtype=np.intp)
    own = np.bincount(run.symbols, minlength=len(run.names))
    counts[[place[name] for name in run.names]] = own
    return np.concatenate([[0], np.cumsum(counts)])


def _is_rising(symbols: Ints, days: Ints) -> bool:
    """Whether rows are in order of symbol and day, without repetitions."""
    later = symbols[1:] > symbols[:-1]
    later |= (symbols[1:] == symbols[:-1]) & (days[1:] > days[:-1])
    return bool(later.all())


@dataclass(frozen=True)
class _Group:
    """The rows of some symbols: their span in each run, and their order, None if unchanged."""

    spans: Sequence[slice]
    order: npt.NDArray[np.int32] | None


class _Repeats:
    """The rows of one symbol and day, or of one time on it, found group by group."""

    def __init__(self, dialect: Dialect, names: Sequence[str], rows: int, file: str) -> None:
        self._dialect, self._names, self._rows, self._file = dialect, names, rows, file
        self._is_intraday = dialect.calendar.bars == "intraday"
        self._strays, self._first_stray = 0, (0, "", 0)
        self._one_symbol: tuple[Ints, Column] | None = None
        self._found: dict[str, list[_Lost]] = {"duplicate": [], "conflict": []}

    def order_of(
        self, symbols: Ints, days: Ints, runs: Sequence[CheckedRows], group: _Group
    ) -> npt.NDArray[np.int32]:
        """The order (m,) in which rows (n,) of a group are kept.

        Raises Refusal if their days and months are exchanged.
        """
        every_line = _in_group([run.lines for run in runs], group)
        refuse_exchanged(symbols, days, every_line, self._dialect, self._file)
        times = None
        if any(run.times is not None for run in runs):
            times = _in_group([run.times_of_day() for run in runs], group)
        if times is not None and self._is_intraday:
            order = np.lexsort((times, keys(symbols, days)))
        else:
            order = np.argsort(keys(symbols, days), kind="stable")
        again = _as_before(symbols[order]) & _as_before(days[order])
        lines = every_line if again.any() else symbols[:0]
        if times is not None and again.any():
            other = again & (np.diff(times[order], prepend=0) != 0)
            if self._is_intraday:
                again &= ~other
            else:
                self._note_strays(order[other], lines, symbols, days)
        columns = (_in_group([run.values[ours] for run in runs], group) for ours in runs[0].values)
        duplicate, conflict = _repeated(again, order, columns if again.any() else ())
        for rows, reason in ((order[duplicate], "duplicate"), (order[conflict], "conflict")):
            at = times[rows] if times is not None and self._is_intraday else 0
            self._found[reason].append((lines[rows], symbols[rows], instants(days[rows], at)))
        if self._dialect.symbol is not None and len(self._names) == 1:
            as_delivered = np.delete(np.arange(len(order)), order[duplicate])
            self._one_symbol = days[as_delivered], every_line[as_delivered]
        kept = np.delete(order, np.concatenate([duplicate, conflict]))
        return kept.astype(np.int32)

    def _note_strays(self, rows: Places, lines: Column, symbols: Ints, days: Ints) -> None:
        """Count the rows whose time differs from that of the row before, on the same day."""
        if not len(rows):
            return
        row = rows[np.argmin(lines[rows])]
        first = int(lines[row]), self._names[symbols[row]], int(days[row])
        self._first_stray = min(first, self._first_stray) if self._strays else first
        self._strays += len(rows)

    def quarantine(self, titles: Sequence[str]) -> Quarantine:
        """The rows that are not kept; raises Refusal for intraday bars, as in `in_order`."""
        if self._strays > STRAYS * self._rows:
            line, symbol, day = self._first_stray
            raise Refusal(
                f"{self._file}:{line}: there are several times a day, such as for {symbol} on "
                f"{np.datetime64(day, 'D')}; set source.bars: intraday, which makes daily bars of "
                "them."
            )
        if self._one_symbol is not None:
            refuse_blocks(*self._one_symbol, str(self._dialect.symbol), self._file)
        places = np.full(len(self._names), -1)
        found = {reason: _all_of(parts) for reason, parts in self._found.items()}
        if self._dialect.layout == "wide" and any(len(rows[0]) for rows in found.values()):
            # in this layout a symbol is a column, and a row is one of its cells
            places = np.array([list(titles).index(name) for name in self._names], dtype=int)
        lost = Quarantine.joined(
            titles,
            [
                Quarantine.of(titles, lines, code(reason), places[symbols])
                for reason, (lines, symbols, _) in found.items()
            ],
        )
        _, symbols, when = found["conflict"]
        return lost.with_latest(self._names, symbols, when, by_day=self._is_intraday)


def _all_of(parts: Sequence[_Lost]) -> _Lost:
    """The lines, symbols and instants of all groups."""
    none = np.array([], dtype=np.int32)
    every = zip((none, none, none.astype(np.int64)), *parts, strict=True)
    lines, symbols, when = map(np.concatenate, every)
    return lines, symbols, when


def _repeated(
    again: npt.NDArray[np.bool_], order: Places, columns: Iterable[Floats]
) -> tuple[Places, Places]:
    """The places of rows that repeat an earlier one in everything, and of rows in a conflict.

    again: (n,) whether each row, in this order, has the symbol and day, or time, of the row before.
    columns: the values (n,) in the order of delivery.
    """
    rows = np.flatnonzero(again)
    differs = np.zeros(len(rows), dtype=bool)
    for column in columns:
        one, other = column[order[rows]], column[order[rows - 1]]
        differs |= (one != other) & ~(np.isnan(one) & np.isnan(other))
    first = np.maximum.accumulate(np.where(again[rows - 1], 0, rows - 1))
    disagree = np.unique(first[differs])
    conflict = np.isin(first, disagree)
    return rows[~conflict], np.sort(np.concatenate([disagree, rows[conflict]]))


def _as_before(values: Ints) -> npt.NDArray[np.bool_]:
    """(n,): whether each value equals the one before it."""
    return np.concatenate(([False], values[1:] == values[:-1]))


class OrderedValues(GroupedValues):
    """The values of ordered rows, group of symbols by group, taken from the runs."""

    def __init__(
        self, runs: Sequence[Mapping[str, Floats]], groups: Sequence[_Group], ends: Sequence[int]
    ) -> None:
        super().__init__(list(runs[0]) if runs else [], ends)
        self._runs, self._groups = runs, groups

    def is_whole(self, name: str) -> bool:
        return False

    def group(self, name: str, number: int) -> Floats:
        return _in_group([run[name] for run in self._runs], self._groups[number])


def _in_group(columns: Sequence[Column], group: _Group) -> Column:
    """Take a column of each run as one column of a group."""
    parts = [column[span] for column, span in zip(columns, group.spans, strict=True)]
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return whole if group.order is None else whole[group.order]
