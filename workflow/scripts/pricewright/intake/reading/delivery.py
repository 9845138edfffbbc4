"""Read a delivery into valid prices and quarantined rows."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.files.large_arrays import Shelf
from pricewright.intake.reading.bars import daily_bars, lost_after, split_span
from pricewright.intake.reading.content import Content
from pricewright.intake.reading.delimited import DelimitedSheet
from pricewright.intake.reading.dialect import FROM_SHEET, Dialect, joined_title
from pricewright.intake.reading.quarantine import Quarantine, code
from pricewright.intake.reading.refusals import (
    fault,
    nothing_kept,
    refuse_undeclared,
    what_to_do,
)
from pricewright.intake.reading.rows import (
    Block,
    CheckedRows,
    Sheet,
    cell_texts,
    check_crossed,
    check_long,
    check_wide,
    crossed_columns,
    crossed_header,
    header_place,
    joined,
    left_out,
    texts_in,
)
from pricewright.intake.reading.rows_in_order import Runs, in_order
from pricewright.intake.reading.titles import plain_title, usual_columns
from pricewright.steplog.log import Progress
from pricewright.tables.prices import Floats, Prices

T = TypeVar("T")


@dataclass(frozen=True)
class Reading:
    """The result of reading a delivery: rows = left_out + in_bars + quarantine.count.

    in_bars: the rows that the prices are made of; one for each price unless bars are intraday.
    settings: how the delivery was read, as declared or found.  symbols: the columns of a wide
    delivery that each hold a symbol.  span: the times of the first and last row of each intraday
    bar.
    """

    rows: int
    left_out: int
    in_bars: int
    prices: Prices
    quarantine: Quarantine
    sheet: Sheet
    dialect: Dialect
    settings: Mapping[str, Any]
    symbols: Collection[str] = ()
    span: Mapping[str, Floats] = field(default_factory=dict)

    def entries(self, file: str, sha256: str) -> list[dict[str, Any]]:
        """Each quarantined row in plain words, with its own text.

        In a wide delivery, each cell is a row with its own text, unless the whole line is lost.
        """
        lost = self.quarantine
        lines, rows = lost.lines.tolist(), lost.rows.tolist()
        fields = [lost.field_of(entry) for entry in range(len(lines))]
        places = list(zip(lines, fields, strict=True))
        cells = {place for place in places if place[1] in self.symbols}
        of_cells = cell_texts(self.sheet, cells)
        of_lines = self.sheet.texts([line for line, field in places if (line, field) not in cells])
        return [
            {
                "file": file,
                "sha256": sha256,
                "line": line,
                "reason": lost.reason(entry),
                "field": field,
                "rows": rows[entry],
                "text": of_cells[line, field] if (line, field) in cells else of_lines[line],
            }
            for entry, (line, field) in enumerate(places)
        ]

    @property
    def with_span(self) -> Prices:
        """The prices, with the span of bars, if they have one, as further columns."""
        if not self.span:
            return self.prices  # a copy would sort its values, which may not be needed yet
        return replace(self.prices, values={**self.prices.values, **self.span})

    def last_lost(self) -> list[tuple[str, int]]:
        """Each symbol, and each of its days if bars are intraday, whose last row with a known time
        is quarantined, with its instant."""
        lost = ((symbol, when) for (symbol, _), when in self.quarantine.latest.items())
        return lost_after(self.with_span, lost, in_one=True)

    def check_share(self, most: float, name: str, *, as_of: bool = False) -> None:
        """Raise Refusal if too large a share of the rows is lost, or if no row has a close.

        Duplicates do not count as lost, nor do future dates if the reading is `as_of` a declared
        day. The message says how to fix most of the lost rows.
        """
        closes = [ours for ours in self.prices.values if "close" in ours]
        if len(self.prices) and all(map(self.prices.lacks, closes)):
            raise Refusal(
                f"{name}: none of its {self.rows} rows has a close; deliver it with closes. If its "
                "cells are formulas, save it with the program that computes them, so that it "
                "holds the values."
            )
        reasons = self.quarantine.by_reason()
        reasons.pop("duplicate", None)
        if as_of:
            reasons.pop("future-date", None)
        lost, rows = sum(reasons.values()), self.rows - self.left_out
        if lost <= most * rows:
            return
        worst = max(reasons, key=lambda reason: reasons[reason])
        entry = int(np.argmax(self.quarantine.reasons == code(worst)))
        line = int(self.quarantine.lines[entry])
        text = self.sheet.texts([line])[line][:80]
        raise Refusal(
            f"{name}:{line}: {fault(self.quarantine, entry)} ({text!r}), and {lost} of the "
            f"{rows} rows cannot be kept; "
            f"{what_to_do(self.quarantine, entry, self.sheet, self.dialect)}, or raise "
            "source.max_quarantined."
        )


def read_delivery(
    content: Content, dialect: Dialect, threads: int = 1, shelf: Shelf | None = None
) -> Reading:
    """Read a delivery and check each of its rows.

    shelf: where its rows are stored, together with those of other deliveries.

    Raises Refusal for a file that is wrong as a whole, and if none of its rows can be kept;
    NothingYet if that is because all of them have later dates.
    """
    progress = Progress("rows", doing="reading")
    sheet = open_sheet(content, dialect, progress.reached)
    titles = sheet.titles
    declared = dialect.symbol
    dialect = _with_symbol(dialect, sheet, content).laid_out(titles)
    filters = dialect.filters(titles, content.name)
    names, symbols, check = _checks(sheet, dialect, content.name)
    crossed = names is None
    wanted = titles if names is None else [*names.values(), *symbols]
    each = 0 if crossed else len(symbols) or 1

    tellers = []
    if dialect.layout != "wide" and declared is not None and "symbol" not in dialect.columns:
        tellers = usual_columns("symbol", titles)[:1]
    said = set[str]()

    def examined(read: Callable[[], Block]) -> tuple[int, int, CheckedRows, Quarantine]:
        block, out = read(), 0
        if filters:
            block, out = left_out(block, dialect.where)
        for title in tellers:
            said.update(filter(dialect.is_symbol, texts_in(block.columns[title])))
        rows, lost = check(block)
        count, out = (len(block.lines) + len(block.bad) + out) * each, out * each
        if crossed:  # a symbol without any value has no row
            count = len(rows.days) + lost.count
        progress.advance(count)
        return count, out, rows, lost

    needed = dict.fromkeys([*wanted, *filters, *tellers])
    delivered, out, runs, lost = 0, 0, Runs(shelf), list[Quarantine]()
    for count, left, rows, bad in _side_by_side(examined, sheet.blocks(needed), threads):
        delivered, out = delivered + count, out + left
        runs.add(rows)
        lost.append(bad)
    prices, repeated = in_order(runs, titles, dialect, content.name)
    in_bars = len(prices)
    quarantine = Quarantine.joined(titles, [*lost, repeated])
    if delivered != out + in_bars + quarantine.count:
        raise AssertionError(
            f"{content.name}: {delivered} rows were delivered, {in_bars} kept and "
            f"{quarantine.count} quarantined; this is a bug in the reader."
        )
    refuse_undeclared(quarantine, sheet, dialect, names or {}, content.name)
    if len(said) > 1:
        raise Refusal(
            f"{content.name}:1: column {tellers[0]!r} has {' and '.join(sorted(said)[:2])}, but "
            f"source.symbol says that all prices are of {declared}; remove source.symbol from the "
            "config, or set source.columns.symbol: false if that column means something else."
        )
    if names and "symbol" in names and "symbol" not in dialect.columns:
        ticker = better_symbol(names["symbol"], prices.names, titles, content.name)
        if ticker:
            columns = {**dialect.columns, "symbol": ticker}
            return read_delivery(content, replace(dialect, columns=columns), threads, shelf)
    if not in_bars:
        raise nothing_kept((delivered, out), quarantine, sheet, dialect, content.name)
    if dialect.calendar.bars == "intraday":
        with_open = dialect.columns.get("open") is not False
        prices = daily_bars(prices, content.name, with_open=with_open)
    prices, span = split_span(prices)
    settings = {
        "kind": content.kind,
        **({"encoding": content.encoding} if content.encoding else {}),
        **sheet.settings,
        "layout": "wide" if crossed else dialect.layout,
        "columns": names or {},
    }
    return Reading(
        *(delivered, out, in_bars, prices, quarantine, sheet, dialect, settings, symbols, span)
    )


def _with_symbol(dialect: Dialect, sheet: Sheet, content: Content) -> Dialect:
    """A dialect that says where the sheet itself has its symbol, if it does not say so already."""
    if dialect.symbol is None and "symbol" not in dialect.columns:
        return replace(dialect, symbol=getattr(sheet, "symbol", None))
    if dialect.symbol != FROM_SHEET:
        return dialect
    if content.kind != "excel":
        raise Refusal(
            f"{content.name}: not a workbook, but config key 'source.symbol' is {FROM_SHEET!r}; "
            "set it to the symbol, or to '{file}' if that is the file's name."
        )
    return replace(dialect, symbol=None, columns=dialect.columns | {"symbol": FROM_SHEET})


def better_symbol(
    title: str, symbols: Sequence[str], titles: Sequence[str], name: str
) -> str | None:
    """The column of tickers, if the column that was taken for the symbol holds only numbers.

    Raises Refusal, for the file `name`, if there is no such column and the numbers only count rows
    of a list.
    """
    if not symbols or not all(text.isdecimal() and str(int(text)) == text for text in symbols):
        return None
    tickers = [each for each in titles if plain_title(each) in ("ticker", "tic", "ric")]
    if tickers and title not in tickers:
        return tickers[0]
    if max(map(int, symbols)) <= 1.1 * len(symbols) + 1:
        raise Refusal(
            f"{name}: the column {title!r} only counts the rows (found {symbols[0]}); set "
            "source.columns.symbol to the column of the symbols, even if it is this one."
        )
    return None


def _checks(
    sheet: Sheet, dialect: Dialect, name: str
) -> tuple[dict[str, str] | None, list[str], Callable[[Block], tuple[CheckedRows, Quarantine]]]:
    """The parts that check the blocks of a sheet.

    Returns our names of its columns with the file's, None if two lines name them; the columns of a
    wide sheet that each hold a symbol; and the function that checks a block.
    """
    titles = sheet.titles
    if crossed := crossed_columns(sheet, dialect):
        return None, [], partial(check_crossed, columns=crossed, titles=titles, dialect=dialect)
    names = dialect.names(titles, name)
    if dialect.layout != "wide":
        return names, [], partial(check_long, names=names, titles=titles, dialect=dialect)
    symbols = dialect.symbol_columns(titles, names.values(), name)
    cells = partial(check_wide, names=names, symbols=symbols)
    return names, symbols, partial(cells, titles=titles, dialect=dialect)


def open_sheet(
    content: Content, dialect: Dialect, reached: Callable[[float], object] | None = None
) -> Sheet:
    """The reader for the kind of a delivery's content.

    reached: called with the share of the file read so far, if the file is read piece by piece.
    """
    sheet = _sheet_of(content, dialect, reached)
    parts = dialect.parts_of_symbol(sheet.titles, content.name)
    return _Joined(sheet, parts) if parts else sheet


@dataclass(frozen=True)
class _Joined:
    """A sheet with one more column: the texts of some columns, joined."""

    sheet: Sheet
    parts: Sequence[str]

    @property
    def titles(self) -> Sequence[str]:
        return [*self.sheet.titles, joined_title(self.parts)]

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.sheet.settings

    def blocks(self, titles: Collection[str] = ()) -> Iterator[Callable[[], Block]]:
        needed = dict.fromkeys([*titles, *self.parts]) if titles else {}
        needed.pop(joined_title(self.parts), None)
        for read in self.sheet.blocks(needed):
            yield partial(self._read, read)

    def _read(self, read: Callable[[], Block]) -> Block:
        return joined(read(), self.parts)

    def texts(self, lines: Sequence[int]) -> dict[int, str]:
        return self.sheet.texts(lines)


def _sheet_of(
    content: Content, dialect: Dialect, reached: Callable[[float], object] | None
) -> Sheet:
    if content.kind == "json":
        from pricewright.intake.reading.json_objects import JsonSheet

        return JsonSheet(content.whole(), content.name)
    if content.kind in ("parquet", "feather"):
        from pricewright.intake.reading.columnar import ColumnarSheet

        where = content.path if content.packing is None else content.whole()
        return ColumnarSheet(where, content.name, content.kind)
    if content.kind == "excel":
        from pricewright.intake.reading.workbook import SheetsOfSymbols, WorkbookSheet

        if dialect.symbol == FROM_SHEET:
            header = partial(header_place, dialect=dialect)
            read = partial(WorkbookSheet, content.whole(), content.name, header=header)
            return SheetsOfSymbols(content.whole(), content.name, FROM_SHEET, read)
        return WorkbookSheet(
            content.whole(),
            content.name,
            dialect.sheet,
            partial(header_place, dialect=dialect),
            partial(crossed_header, dialect=dialect),
        )
    return DelimitedSheet(content, dialect, reached)


def _side_by_side(
    function: Callable[[Callable[[], Block]], T],
    items: Iterable[Callable[[], Block]],
    threads: int,
) -> Iterator[T]:
    """A function's results in order, computed only a few calls ahead to save memory."""
    if threads <= 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[T]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
