"""The newest price wins; what it took the place of is written down."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliveries import rows
from price_tables import groups_read
from pricewright.intake import merge
from pricewright.intake.comparison import compare, difference
from pricewright.intake.deliveries import State, apply_deliveries, empty_state
from pricewright.tables import table_files
from pricewright.tables.prices import Prices, read_prices, write_prices
from pricewright.tables.table_files import ends_of_groups

TABLE = st.dictionaries(
    st.tuples(st.sampled_from("ABC"), st.integers(0, 4)),
    st.sampled_from([1.0, 2.0, None]),
    max_size=8,
)


def prices(table, column="close"):
    """Prices of {(symbol, day): close}."""
    keys = sorted(table)
    names = sorted({symbol for symbol, _ in keys})
    return Prices(
        names,
        np.array([names.index(symbol) for symbol, _ in keys], np.int32),
        np.array([day for _, day in keys], np.int32),
        {column: np.array([np.nan if table[k] is None else table[k] for k in keys], float)},
    )


def table(found):
    return {(row["symbol"], row["date"]): row["close"] for row in rows(found)}


def dated(given_table):
    return {(symbol, f"1970-01-0{day + 1}"): close for (symbol, day), close in given_table.items()}


def test_a_later_price_takes_the_place_of_an_earlier_and_both_are_listed():
    first, second = prices({("A", 0): 1.0, ("B", 0): 5.0}), prices({("A", 0): 2.0, ("A", 1): 3.0})
    state, _ = apply_deliveries(empty_state(), [first], ["aa"])
    state, entries = apply_deliveries(state, [second], ["aa", "bb"])
    assert table(state.prices) == dated({("A", 0): 2.0, ("A", 1): 3.0, ("B", 0): 5.0})
    assert state.origins.tolist() == [1, 1, 0]
    assert state.superseded == [1, 0]
    assert entries == [
        {
            "symbol": "A",
            "date": "1970-01-01",
            "what": "restated",
            "column": "close",
            "old": 1.0,
            "new": 2.0,
            "old_sha256": "aa",
            "new_sha256": "bb",
        }
    ]


def test_a_price_that_is_delivered_again_as_it_was_restates_nothing():
    same = prices({("A", 0): 1.0, ("A", 1): None})
    state, entries = apply_deliveries(empty_state(), [same, same], ["aa", "bb"])
    assert entries == []
    assert state.superseded == [2, 0]
    assert len(state.prices) == 2


def test_a_price_restated_twice_is_listed_twice():
    day = [prices({("A", 0): value}) for value in (1.0, 2.0, None)]
    _, entries = apply_deliveries(empty_state(), day, ["aa", "bb", "cc"])
    assert [(entry["old"], entry["new"]) for entry in entries] == [(1.0, 2.0), (2.0, None)]
    assert [(entry["old_sha256"], entry["new_sha256"]) for entry in entries] == [
        ("aa", "bb"),
        ("bb", "cc"),
    ]


def test_a_row_that_is_gone_is_listed_as_withdrawn():
    before, _ = apply_deliveries(empty_state(), [prices({("A", 0): 1.0, ("A", 1): 2.0})], ["aa"])
    after, _ = apply_deliveries(empty_state(), [prices({("A", 1): 3.0, ("B", 1): 1.0})], ["bb"])
    entries = difference(compare(before, after), ["aa"], ["bb"])
    assert [(entry["what"], entry["date"], entry["old"]) for entry in entries] == [
        ("withdrawn", "1970-01-01", {"close": 1.0}),
        ("restated", "1970-01-02", 2.0),
    ]
    assert {(entry["old_sha256"], entry["new_sha256"]) for entry in entries} == {("aa", "bb")}


def test_a_column_that_only_one_delivery_has_is_missing_in_the_other():
    state, _ = apply_deliveries(
        empty_state(), [prices({("A", 0): 1.0}), prices({("B", 0): 2.0}, "open")], "ab"
    )
    assert rows(state.prices) == [
        {"date": "1970-01-01", "symbol": "A", "close": 1.0, "open": None},
        {"date": "1970-01-01", "symbol": "B", "close": None, "open": 2.0},
    ]


@pytest.fixture(scope="module", params=[1, 4, 100])
def rows_in_group(request):
    """So many rows are merged at a time, or those of a symbol."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge, "ends_of_groups", partial(ends_of_groups, most=request.param))
        yield


@pytest.mark.usefixtures("rows_in_group")
@given(st.lists(TABLE, min_size=1, max_size=5), st.integers(0, 4))
def test_however_deliveries_are_grouped_the_outcome_is_that_of_one_after_the_other(tables, cut):
    digests = [f"{number}" for number in range(len(tables))]
    expected, restated, superseded = {}, [], [0] * len(tables)
    origin = {}
    for number, delivered in enumerate(tables):
        for key, close in delivered.items():
            if key in expected:
                superseded[origin[key]] += 1
                if expected[key] != close:
                    restated.append((*key, expected[key], close, str(origin[key]), str(number)))
            expected[key], origin[key] = close, number
    together, entries = apply_deliveries(empty_state(), list(map(prices, tables)), digests)
    first, some, more = empty_state(), [], []
    if cut:
        first, some = apply_deliveries(first, list(map(prices, tables[:cut])), digests[:cut])
    apart = first
    if tables[cut:]:
        apart, more = apply_deliveries(first, list(map(prices, tables[cut:])), digests)
    for state in (together, apart):
        assert table(state.prices) == dated(expected)
        assert list(state.superseded) == superseded
        assert (np.diff(state.prices.keys) > 0).all()
    for found in (entries, [*some, *more]):
        listed = []
        for entry in found:
            day = int(entry["date"][-1]) - 1
            values = entry["old"], entry["new"], entry["old_sha256"], entry["new_sha256"]
            listed.append((entry["symbol"], day, *values))
        assert sorted(listed, key=str) == sorted(restated, key=str)


@pytest.mark.usefixtures("rows_in_group")
@given(
    st.lists(TABLE, min_size=1, max_size=3),
    st.lists(TABLE, min_size=1, max_size=2),
    st.sampled_from([0, 2, 100]),
)
def test_what_is_added_to_prices_in_a_file_is_what_is_added_to_those_in_memory(
    tmp_path_factory, before, new, many
):
    folder = tmp_path_factory.mktemp("stored")
    given_before = [prices(each) for each in before]
    digests = [str(number) for number in range(len(before) + len(new))]
    held, _ = apply_deliveries(empty_state(), given_before, digests[: len(before)])
    added = [prices(each, column) for each, column in zip(new, ("close", "volume"), strict=False)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_files, "ROW_GROUP", 3)
        patch.setattr(merge, "MANY", many)
        write_prices(folder / "before.parquet", held.prices)
        stored = replace(held, prices=read_prices(folder / "before.parquet"))
        found = [apply_deliveries(state, added, digests) for state in (held, stored)]
        written = [write_prices(folder / "after.parquet", state.prices) for state, _ in found]
    assert table_of(found[0][0].prices) == table_of(found[1][0].prices)
    assert written[0] == written[1]
    assert found[0][1] == found[1][1]
    for name in ("origins", "superseded"):
        assert list(getattr(found[0][0], name)) == list(getattr(found[1][0], name))


def table_of(found):
    return [tuple(row.items()) for row in rows(found)]


def test_one_day_more_reads_no_row_group_twice_for_what_it_writes(tmp_path, monkeypatch):
    """So that it costs what it writes, not a multiple of it."""
    monkeypatch.setattr(table_files, "ROW_GROUP", 4)
    names = [f"S{number}" for number in range(9)]
    days = np.tile(np.arange(3, dtype=np.int32), 9)
    values = {"close": days + 0.5, "volume": days + 1.0}
    old = Prices(names, np.repeat(np.arange(9, dtype=np.int32), 3), days, values)
    write_prices(tmp_path / "a.parquet", old)
    state = State(read_prices(tmp_path / "a.parquet"), np.zeros(27, np.int32), [0])
    day = np.full(9, 3, np.int32)
    more = Prices(names, np.arange(9, dtype=np.int32), day, {name: day + 1.0 for name in values})
    after, _ = apply_deliveries(state, [more], ["aa", "bb"])
    read = groups_read(monkeypatch)
    write_prices(tmp_path / "b.parquet", after.prices)
    assert sorted(read) == [(group, name) for group in range(9) for name in sorted(values)]
    assert len(read_prices(tmp_path / "b.parquet")) == 36
