from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from pricewright.files import large_arrays
from pricewright.files.errors import Refusal
from pricewright.intake.reading import rows_in_order
from pricewright.intake.reading.dialect import Calendar, Dialect
from pricewright.intake.reading.rows import CheckedRows
from pricewright.intake.reading.rows_in_order import Runs, in_order
from pricewright.tables.table_files import ends_of_groups

TITLES = ["Date", "Ticker", "Close", "Volume"]


def blocks(seed, *, times=False, by="day", symbols=9, days=40, size=50):
    """A delivery of some symbols and days in blocks; of some rows there are others."""
    random = np.random.default_rng(seed)
    names = np.array([f"S{number}" for number in random.permutation(symbols)])
    symbol, day = (each.ravel() for each in np.meshgrid(np.arange(symbols), np.arange(days)))
    again = random.integers(0, len(day), 25)
    symbol, day = np.append(symbol, symbol[again]), np.append(day, day[again])
    close = symbol * 100.0 + day
    close[-5:] += 1  # which are another price, where the others are only there twice
    time = random.integers(0, 3, len(day)) * 3_600_000_000
    order = {
        "day": np.lexsort((symbol, day)),
        "symbol": np.lexsort((day, symbol)),
        "none": random.permutation(len(day)),
    }[by]
    for begin in range(0, len(order), size):
        rows = order[begin : begin + size]
        local, places = np.unique(symbol[rows], return_inverse=True)
        turned = random.permutation(len(local))  # the names of a block are in any order
        names_of = np.empty(len(local), dtype=object)
        names_of[turned] = names[local]
        yield CheckedRows(
            names_of.tolist(),
            day[rows].astype(np.int32),
            turned[places].astype(np.int32),
            {"close": close[rows], "volume": np.where(close[rows] % 7 == 0, np.nan, 1.0)},
            np.arange(begin, begin + len(rows)) + 2,
            time[rows] if times else None,
        )


def order(parts, dialect):
    runs = Runs()
    for part in parts:
        runs.add(part)
    prices, lost = in_order(runs, TITLES, dialect, "prices.csv")
    values = {name: list(map(str, column)) for name, column in prices.values.items()}
    return (
        [prices.names, prices.symbols.tolist(), prices.days.tolist()],
        values,
        [getattr(lost, name).tolist() for name in ("lines", "reasons", "fields", "rows")],
        dict(lost.latest),
    )


def few_at_once(monkeypatch, rows):
    """Runs of so many rows, and half as many put beside each other at a time."""
    monkeypatch.setattr(rows_in_order, "AT_ONCE", rows)
    monkeypatch.setattr(
        rows_in_order, "ends_of_groups", partial(ends_of_groups, most=-(-rows // 2))
    )


def plainly(parts, times=False):
    """What is kept, by plain Python: rows by symbol, day and time; and how many are lost."""
    found = {}
    for part in parts:
        for row, (place, day) in enumerate(zip(part.symbols, part.days, strict=True)):
            key = part.names[place], int(day), int(part.times[row]) if times else 0
            values = tuple(str(column[row]) for column in part.values.values())
            found.setdefault(key, []).append(values)
    kept = {key: rows[0] for key, rows in found.items() if len(set(rows)) == 1}
    return kept, sum(map(len, found.values())) - len(kept)


@pytest.mark.parametrize("by", ["day", "symbol", "none"])
@pytest.mark.parametrize("intraday", [False, True])
@pytest.mark.parametrize("at_once", [1, 60, 10_000])
def test_rows_are_the_same_however_few_are_put_in_order_at_a_time(
    monkeypatch, by, intraday, at_once
):
    dialect = Dialect(calendar=Calendar(bars="intraday")) if intraday else Dialect()
    parts = list(blocks(5, by=by, times=intraday))
    whole = order(parts, dialect)
    few_at_once(monkeypatch, at_once)
    monkeypatch.setattr(large_arrays, "LARGE", 1)
    assert order(parts, dialect) == whole
    (names, symbols, days), values, lost, _ = whole
    kept, gone = plainly(parts, intraday)
    found = zip(symbols, days, values["close"], strict=True)
    assert [(names[place], day) for place, day, _ in found] == [key[:2] for key in sorted(kept)]
    assert values["close"] == [kept[key][0] for key in sorted(kept)]
    assert len(lost[0]) == gone > 0


@pytest.mark.parametrize("at_once", [1, 60, 10_000])
def test_several_times_a_day_are_refused_with_the_first_such_row(monkeypatch, at_once):
    parts = list(blocks(5, by="none", times=True))
    parts.append(replace(parts[0], times=parts[0].times + 1, lines=parts[0].lines + 1000))
    few_at_once(monkeypatch, at_once)
    with pytest.raises(Refusal) as refused:
        order(parts, Dialect())
    few_at_once(monkeypatch, 10_000)
    with pytest.raises(Refusal, match=r"prices.csv:\d+: there are several times a day") as other:
        order(parts, Dialect())
    assert str(refused.value) == str(other.value)


def test_without_rows_there_are_no_prices():
    assert order([], Dialect())[0] == [[], [], []]


def test_a_part_of_a_column_is_what_stands_there(monkeypatch):
    few_at_once(monkeypatch, 60)
    runs = Runs()
    for part in blocks(3):
        runs.add(part)
    prices, _ = in_order(runs, TITLES, Dialect(), "prices.csv")
    whole = prices.values["close"]
    for begin in range(0, len(whole), 7):
        for end in (begin, begin + 1, begin + 100):
            found = prices.part("close", slice(begin, min(end, len(whole))))
            assert found.tolist() == whole[begin:end].tolist()
    assert not prices.lacks("close")
