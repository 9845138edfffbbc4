"""A state held against the one before it: nothing that is otherwise is overlooked."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from price_tables import groups_read
from pricewright.intake.comparison import compare, difference, losses
from pricewright.intake.deliveries import State
from pricewright.tables import table_files
from pricewright.tables.prices import Prices, read_prices, write_prices

TABLE = st.dictionaries(
    st.tuples(st.sampled_from("ABCD"), st.integers(0, 5)),
    st.tuples(*[st.sampled_from([1.0, 2.0, None])] * 2),
    min_size=1,
    max_size=16,
)
"""The close and the volume of some symbols and days."""


def state(table):
    keys = sorted(table)
    names = sorted({symbol for symbol, _ in keys})
    values = np.array([table[key] for key in keys], dtype=float)  # None is NaN
    prices = Prices(
        names,
        np.array([names.index(symbol) for symbol, _ in keys], np.int32),
        np.array([day for _, day in keys], np.int32),
        {"close": values[:, 0], "volume": values[:, 1]},
    )
    return State(prices, np.zeros(len(keys), np.int32), [0])


def stored(found, folder):
    write_prices(folder / "prices.parquet", found.prices)
    return replace(found, prices=read_prices(folder / "prices.parquet"))


@given(TABLE, TABLE)
def test_every_value_that_is_another_and_every_row_that_is_gone_is_listed(
    tmp_path_factory, before, after
):
    expected = []
    for (symbol, day), was in before.items():
        now = after.get((symbol, day))
        date = f"1970-01-0{day + 1}"
        if now is None:
            old = dict(zip(("close", "volume"), was, strict=True))
            expected.append((symbol, date, "withdrawn", old))
            continue
        for name, old, new in zip(("close", "volume"), was, now, strict=True):
            if old != new:
                expected.append((symbol, date, "restated", name, old, new))
    lost = sum(
        key not in after or (was[0] is not None and after[key][0] is None)
        for key, was in before.items()
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_files, "ROW_GROUP", 3)
        for old in (state(before), stored(state(before), tmp_path_factory.mktemp("stored"))):
            compared = compare(old, state(after))
            gone, other = losses(compared)
            assert (gone.tolist(), other.tolist()) == ([lost], [0])
            found = difference(compared, ["aa"], ["bb"])
            assert {(each["old_sha256"], each["new_sha256"]) for each in found} <= {("aa", "bb")}
            columns = ("symbol", "date", "what", "column", "old", "new")
            listed = [tuple(each[name] for name in columns if name in each) for each in found]
            assert sorted(listed, key=str) == sorted(expected, key=str)


def test_a_day_more_is_compared_with_each_column_read_once(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "ROW_GROUP", 4)
    table = {(symbol, day): (1.0 + day, 2.0) for symbol in "ABC" for day in range(4)}
    before = stored(state(table), tmp_path)
    after = state(table | {(symbol, 4): (7.0, 2.0) for symbol in "ABC"} | {("B", 1): (9.0, 2.0)})
    read = groups_read(monkeypatch)
    compared = compare(before, after)
    assert [each["new"] for each in difference(compared, ["aa"], ["bb"])] == [9.0]
    assert sorted(read) == [(group, name) for group in range(3) for name in ("close", "volume")]


def test_a_column_that_one_of_both_has_not_is_missing_there():
    table = {("A", day): (1.0, 2.0) for day in range(3)}
    closes = state(table)
    closes = replace(closes, prices=replace(closes.prices, values={"close": np.ones(3)}))
    gone = difference(compare(state(table), closes), ["aa"], ["bb"])
    come = difference(compare(closes, state(table)), ["aa"], ["bb"])
    assert [(each["column"], each["old"], each["new"]) for each in gone] == [
        ("volume", 2, None)
    ] * 3
    assert [(each["column"], each["old"], each["new"]) for each in come] == [
        ("volume", None, 2)
    ] * 3


@pytest.mark.parametrize("odd", [None, 0.0, -1.0])
def test_another_series_is_known_even_beside_prices_that_are_missing_or_not_positive(odd):
    steps = np.random.default_rng(7).normal(0, 0.01, (2, 40))
    series = 100 * np.exp(np.cumsum(steps, axis=1))
    was, now = ({("A", day): (close, 1.0) for day, close in enumerate(each)} for each in series)
    was[("A", 3)] = now[("A", 5)] = (odd, 1.0)
    gone, other = losses(compare(state(was), state(now)))
    assert (gone.tolist(), other.tolist()) == ([int(odd is None)], [38])
