"""Read clean prices into a panel: a whole table for training, or new prices for a model.

Reading new prices as JSON needs only the standard library and numpy; Parquet needs pyarrow.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pricewright.files.clock import day_number
from pricewright.files.disk import file_sha256, read_begin
from pricewright.files.documents import read_strict
from pricewright.files.errors import Refusal, shortened
from pricewright.files.large_arrays import new_array
from pricewright.files.machine import give_back
from pricewright.forecasting.checked_document import LARGEST
from pricewright.forecasting.model import Model
from pricewright.forecasting.panel import NEVER, Panel, panel_of
from pricewright.forecasting.ranges import parts_of
from pricewright.tables.arrays import Days, Flags, Floats
from pricewright.tables.fields import BAR

if TYPE_CHECKING:
    import pyarrow as pa

ADJUSTED_OR_NOT = ("close", "adj_close")
"""The prices that a bar's range can be combined with: those at the end of its day."""


def usual_price(path: Path) -> Literal["adj_close", "close"]:
    """The price column of a clean table to model: adj_close if it has one, else close."""
    from pricewright.tables.table_files import holds_parquet

    if holds_parquet(path):
        from pricewright.tables.parquet_files import StoredTable

        with StoredTable(path) as file:
            names = file.schema_arrow.names
    else:
        begin = read_begin(path, 1 << 16)
        names = re.findall(r'"(\w+)"\s*:', begin.partition(b"}")[0].decode(errors="replace"))
    return "adj_close" if "adj_close" in names else "close"


def read_panel(path: Path, price: str) -> tuple[Panel, str, int]:
    """The panel of one price column of a clean table, the SHA-256 of its bytes, and its row count.

    If the price is one of the end of the day, the panel also has the days' ranges, where there are
    bars. A table without a column `symbol` is one history, named after the price column. Raises
    Refusal if there are no records, if a column or a price is missing, or if a symbol has two
    prices on one day.
    """
    panel, sha256 = _read(path, price, None)
    return panel, sha256 or file_sha256(path), int(panel.counts.sum())


@dataclass(frozen=True)
class Since:
    """The first day from which a symbol's prices are needed.

    This is the earliest of `day`, the symbol's own day in `own`, and `back` days before the newest
    day of all symbols.
    """

    day: int
    back: int
    own: Mapping[str, int]

    def first(self, symbols: Sequence[str], newest: int) -> Days:
        """(S,): that day for each symbol."""
        least = min(self.day, newest - self.back)
        return np.array([min(least, self.own.get(each, least)) for each in symbols], dtype=np.int32)


def read_newest(path: Path, price: str, since: Since) -> Panel:
    """The panel of `read_panel`, with the same symbols, but only the needed part of each history.

    Earlier prices are checked, but do not affect later results. Each symbol keeps at least its last
    price and the one before its first needed price. It keeps all its prices if one of them is not
    above 0, because its scale may depend on that price. Raises what `read_panel` raises.
    """
    return _read(path, price, since)[0]


def _read(path: Path, price: str, since: Since | None) -> tuple[Panel, str]:
    """The panel of a clean table, and the SHA-256 of its bytes, empty if not computed yet."""
    from pricewright.tables.table_files import holds_parquet

    sha256 = ""
    panel = _parquet_panel(path, price, since) if holds_parquet(path) else None
    if panel is not None:
        give_back()  # pyarrow would keep several times the panel's memory
    else:
        columns, sha256 = _table(path, price)
        first = None if since is None else partial(since.first, newest=int(max(columns[2])))
        panel = _panel(path, price, columns, first)
    if not len(panel):
        raise Refusal(f"{path}: there are no records; deliver prices, and clean them first.")
    return panel, sha256


_Columns = tuple[Sequence[str], Days, Days, Floats, Sequence[Any]]
"""Symbol names; row by row the index of its name, its day, its price; and the bar columns."""

_First = Callable[[Sequence[str]], Days] | None
"""Gives the first day needed of each symbol; None if all days are needed."""


def _table(path: Path, price: str) -> tuple[_Columns, str]:
    from pricewright.tables.records import read_columns

    table, sha256 = read_columns(path)
    _has_columns(list(table), price, path)
    dates, prices = table["date"], table[price]
    symbols = table.get("symbol", [price] * len(prices))
    if not {*map(type, prices)} <= {int, float}:
        raise Refusal(f"{path}: {price} is not a number in every record; clean the table first.")
    if None in dates or None in symbols:
        raise Refusal(f"{path}: a record has no date or no symbol; clean the table first.")
    symbols = list(map(str, symbols))
    names = sorted(set(symbols))
    places = {name: place for place, name in enumerate(names)}
    days = np.array([day[:10] for day in dates], dtype="datetime64[D]").astype(np.int32)
    bars = [list(map(_number, table[name])) for name in _bar_columns(table, price)]
    columns = (
        names,
        np.array([places[symbol] for symbol in symbols], dtype=np.int32),
        days,
        np.array(prices, dtype=np.float64),
        bars,
    )
    return columns, sha256


def _number(value: Any) -> float:
    """A bar's value, NaN if it is not a number."""
    return value if type(value) in (int, float) else math.nan


def _parquet_panel(path: Path, price: str, since: Since | None) -> Panel | None:
    """The panel of a Parquet file with symbols and dates; None if their types are others.

    It is read row group by row group if each group holds the rows of whole symbols, in order.
    """
    import pyarrow as pa

    from pricewright.tables.parquet_files import StoredTable

    try:
        with StoredTable(path, ["symbol"]) as file:
            schema = file.schema_arrow
            types = dict(zip(schema.names, schema.types, strict=True))
            is_text = pa.types.is_dictionary(types.get("symbol", pa.null()))  # numbers are not
            if not is_text or types.get("date") != pa.date32():
                return None
            _has_columns(schema.names, price, path)
            if not pa.types.is_floating(types[price]):
                return None
            bar = _bar_columns(schema.names, price)
            wanted = ["date", "symbol", *dict.fromkeys([price, *bar])]
            groups = range(file.num_row_groups)
            counts = [_counts(file.read_row_group(group, ["symbol"])) for group in groups]
            known = [each for each in counts if each]
            if any(None in each for each in known):
                return None
            first = None
            if since is not None and known:
                newest = max(_newest(file.read_row_group(group, ["date"])) for group in groups)
                first = partial(since.first, newest=newest)
            if not all(max(one) < min(other) for one, other in pairwise(known)):
                columns = _table_columns(file.read(wanted), price, bar)
                return _panel(path, price, columns, first)
            tables = (file.read_row_group(group, wanted) for group in groups)
            parts: Iterable[Panel] = (
                _panel(path, price, _table_columns(each, price, bar), first) for each in tables
            )
            if first is not None:
                few = parts = list(parts)
                known = [dict(zip(each.symbols, each.counts.tolist(), strict=True)) for each in few]
            return _beside(parts, {name: rows for each in known for name, rows in each.items()})
    except (pa.ArrowInvalid, KeyError):
        return None  # the general reader reports what is wrong


def _counts(keys: "pa.Table") -> dict[str, int]:
    """The number of rows of each symbol in a table."""
    found = keys["symbol"].value_counts()
    return {each["values"].as_py(): each["counts"].as_py() for each in found}


def _newest(dates: "pa.Table") -> int:
    """The newest day of a table."""
    return int(_days(dates).max(initial=-NEVER))


def _days(table: "pa.Table") -> Days:
    """The date column as day numbers; raises pa.ArrowInvalid if a date is missing."""
    import pyarrow as pa

    found: Days = table["date"].combine_chunks().view(pa.int32()).to_numpy()
    return found


def _beside(parts: Iterable[Panel], counts: Mapping[str, int]) -> Panel:
    """Join the panels of groups of symbols into one; counts: the number of prices per symbol."""
    names = sorted(counts)
    shape = (len(names), max(counts.values(), default=0))
    days, prices = new_array(shape, np.int32).T, new_array(shape).T  # each history in a row
    days.fill(NEVER)
    prices.fill(np.nan)
    bars: Floats | None = None
    begin = 0
    for part in parts:
        rows, columns = len(part.days), slice(begin, begin + len(part))
        days[:rows, columns], prices[:rows, columns] = part.days, part.prices
        if part.bars is not None:
            if bars is None:
                bars = new_array((2, *shape)).transpose(0, 2, 1)
                bars.fill(np.nan)
            bars[:, :rows, columns] = part.bars
        begin += len(part)
    return Panel.of(names, days, prices, bars)


def _table_columns(table: "pa.Table", price: str, bar: Sequence[str]) -> _Columns:
    symbol = table["symbol"].unify_dictionaries().combine_chunks()
    known, rows = symbol.dictionary.to_pylist(), symbol.indices.to_numpy()
    # a dictionary may have unused entries
    there = np.flatnonzero(np.bincount(rows, minlength=len(known)))
    order = sorted(there.tolist(), key=known.__getitem__)
    places = np.empty(len(known), dtype=np.int32)
    places[order] = np.arange(len(order))
    return (
        [known[place] for place in order],
        places[rows],
        _days(table),
        table[price].to_numpy(),
        [table[name].to_numpy() for name in bar],
    )


def _bar_columns(found: Collection[str], price: str) -> list[str]:
    """The columns of a bar, with the price itself if there is no close; none if one is missing."""
    if price not in ADJUSTED_OR_NOT or not all(name in found for name in BAR[:-1]):
        return []
    return [*BAR[:-1], BAR[-1] if BAR[-1] in found else price]


def _has_columns(found: Sequence[str], price: str, path: Path) -> None:
    for column in ("date", price):
        if column not in found:
            raise Refusal(
                f"{path}: there is no column {column!r}, the records have "
                f"{', '.join(found) or 'nothing'}; see model.price."
            )


def _panel(path: Path, price: str, columns: _Columns, first: _First) -> Panel:
    names, symbols, days, prices, bar = columns
    if not np.isfinite(prices).all():
        raise Refusal(f"{path}: {price} is not a number in every record; clean the table first.")
    later = (symbols[1:] > symbols[:-1]) | ((symbols[1:] == symbols[:-1]) & (days[1:] > days[:-1]))
    if not later.all():
        order = np.lexsort((days, symbols))
        symbols, days, prices = symbols[order], days[order], prices[order]
        bar = [np.asarray(column, dtype=np.float64)[order] for column in bar]
        twice = (np.diff(symbols) == 0) & (np.diff(days) == 0)
        if twice.any():
            symbol = names[symbols[int(twice.argmax())]]
            raise Refusal(f"{path}: {symbol} has two prices on one day; clean the table first.")
    if first is not None:
        rows = np.flatnonzero(_needed(symbols, days, prices, first(names)))
        symbols, days, prices = symbols[rows], days[rows], prices[rows]
        bar = [np.asarray(column, dtype=np.float64)[rows] for column in bar]
    counts = np.bincount(symbols, minlength=len(names))
    begins = np.cumsum(counts) - counts
    rows = np.arange(len(symbols), dtype=np.int32) - begins.astype(np.int32)[symbols]
    shape = (int(counts.max(initial=0)), len(names))
    all_days = np.full(shape, NEVER, dtype=np.int32)
    all_prices = np.full(shape, np.nan)
    all_days[rows, symbols], all_prices[rows, symbols] = days, prices
    if not bar:
        return Panel.of(names, all_days, all_prices)
    parts = parts_of(np.array(bar, dtype=np.float64), rows == 0)
    if not np.isfinite(parts).any():  # such as wide tables, whose other columns are empty
        return Panel.of(names, all_days, all_prices)
    all_bars = np.full((2, *shape), np.nan)
    all_bars[:, rows, symbols] = parts
    return Panel.of(names, all_days, all_prices, all_bars)


def _needed(symbols: Days, days: Days, prices: Floats, first: Days) -> Flags:
    """(n,): which rows, in order of symbol and day, are needed; see `read_newest`."""
    whole = np.zeros(len(first), dtype=bool)
    whole[symbols[prices <= 0]] = True
    needed = np.asarray((days >= first[symbols]) | whole[symbols])
    same = symbols[1:] == symbols[:-1]
    needed[:-1] |= ~same
    needed[-1:] = True
    needed[:-1] |= needed[1:] & same
    return needed


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


def read_new_prices(path: Path, model: Model, known: Sequence[str]) -> tuple[Panel, list[str]]:
    """Clean records as a panel of a model's symbols, and the symbols that the model does not know.

    known: all symbols in the model's file.

    Raises Refusal, naming the record by its number, for a missing or invalid value, for a second
    price of a symbol on one day, and for a price of 0 or below where the model takes logarithms.
    """
    records = _clean_records(path)
    if not isinstance(records, list):
        raise Refusal(f"{path}: not an array of records; give prices as `clean` writes them.")
    column = model.settings.price
    only = known[0] if len(known) == 1 else None
    any_sign = dict(zip(model.symbols, model.any_sign.tolist(), strict=True))
    prices: defaultdict[str, dict[int, float]] = defaultdict(dict)
    bars: defaultdict[str, dict[int, list[float]]] = defaultdict(dict)
    for number, record in enumerate(records, start=1):
        place = f"{path}: record {number}"
        if not isinstance(record, dict):
            raise Refusal(f"{place} is {shortened(repr(record))}, where an object is needed.")
        symbol, day = _symbol(place, record, only), _day(place, record)
        price = _price(place, record, column)
        if not any_sign.get(symbol, True) and price <= 0:
            raise Refusal(
                f"{place} has {column} = {price:g} for {symbol!r}, but the model takes "
                "logarithms of its prices; train again."
            )
        if day in prices[symbol]:
            raise Refusal(
                f"{place} is a second price of {symbol!r} on {record['date'][:10]}; "
                "clean the table first."
            )
        prices[symbol][day] = price
        bars[symbol][day] = _bar(record, column)
    symbols = sorted(any_sign.keys() & prices.keys())
    histories, parts = [], []
    for symbol in symbols:
        days, values = zip(*sorted(prices[symbol].items()), strict=True)
        histories.append((np.array(days, dtype=np.int32), np.array(values, dtype=np.float64)))
        bar = np.array([bars[symbol][day] for day in days]).T
        parts.append(parts_of(bar, np.arange(len(days)) == 0))
    return panel_of(symbols, histories, parts), sorted(prices.keys() - set(known))


def _clean_records(path: Path) -> Any:
    """The content of a file of clean prices: JSON, or Parquet if pyarrow is installed."""
    if read_begin(path, 4) != b"PAR1":
        return read_strict(path)
    try:
        from pricewright.tables.parquet_files import StoredTable
    except ImportError:
        raise Refusal(
            f"{path}: is Parquet, but pyarrow is not installed; install it or give JSON."
        ) from None
    with StoredTable(path, remedy="make it again") as file, file.refuse_damaged():
        records = file.read().to_pylist()
    return [
        {key: value.isoformat() if isinstance(value, date) else value for key, value in row.items()}
        for row in records
    ]


def _symbol(place: str, record: Mapping[str, Any], only: str | None) -> str:
    if "symbol" not in record and only is not None:
        return only
    found = _value(place, record, "symbol")
    if not isinstance(found, str):
        raise Refusal(f"{place} has symbol = {shortened(repr(found))}, where a text is needed.")
    return found


def _day(place: str, record: Mapping[str, Any]) -> int:
    found = _value(place, record, "date")
    try:
        if isinstance(found, str) and _DATE.fullmatch(found):
            return day_number(date.fromisoformat(found[:10]))
    except ValueError:  # such as February 30th
        pass
    raise Refusal(
        f"{place} has date = {shortened(repr(found))}, where a date such as 2024-01-31 is needed; "
        "clean the table first."
    )


def _price(place: str, record: Mapping[str, Any], column: str) -> float:
    found = _value(place, record, column)
    if type(found) not in (int, float) or not -LARGEST <= found <= LARGEST:
        raise Refusal(
            f"{place} has {column} = {shortened(repr(found))}, where a number from {-LARGEST:g} to "
            f"{LARGEST:g} is needed; clean the table first."
        )
    return float(found)


def _bar(record: Mapping[str, Any], column: str) -> list[float]:
    """A record's prices in the order of BAR; NaN, if one is invalid, leaves the day no range."""
    found: list[Any] = [record[name] for name in _bar_columns(record, column)]
    return [
        float(price) if type(price) in (int, float) and 0 < price <= LARGEST else np.nan
        for price in found or [None] * len(BAR)
    ]


def _value(place: str, record: Mapping[str, Any], key: str) -> Any:
    if key not in record:
        has = ", ".join(map(repr, record)) or "nothing"
        raise Refusal(f"{place} has no {key!r}, only {shortened(has)}; clean the table first.")
    return record[key]


def unfit_symbols(receipts: Mapping[str, Any]) -> dict[str, str]:
    """The symbols that must not be modelled, each with the reason, from the receipts by step.

    A symbol is unfit if it was declared ended, or if its newest delivered price was quarantined, so
    that its last known price is not its current one.
    """
    lost = receipts.get("ingest", {}).get("newest_lost", {})
    changes = receipts.get("clean", {}).get("corrections", [])
    names = {
        each["symbol"]: each["to"]
        for each in changes
        if each["action"] == "rename" and each["date"] is None
    }
    return {
        names.get(symbol, symbol): f"its newest delivered price, of {day}, is quarantined"
        for symbol, day in lost.items()
    } | {
        each["symbol"]: f"it ended on {each['date']}, as declared"
        for each in changes
        if each["action"] == "delisted"
    }
