import pytest

from price_tables import WEEKDAYS, entry, flags, market, series, values

MOVES = ("unit-slip", "split-like", "jump")


@pytest.mark.parametrize("factor", [10.0, 100.0, 1000.0, 0.1, 0.01, 0.001])
def test_a_slip_of_units_that_comes_back_is_one_entry(factor):
    assert flags(series(100, 101 * factor, 102), *MOVES) == [
        entry(
            WEEKDAYS[1],
            "unit-slip",
            previous_date=WEEKDAYS[0],
            previous=100.0,
            price=101 * factor,
            ratio=101 * factor / 100,
            factor=factor,
            back=WEEKDAYS[2],
        )
    ]


@pytest.mark.parametrize(
    ("closes", "found"),
    [
        ((100, 11_900), [(1, "unit-slip")]),
        ((100, 12_100), [(1, "jump")]),
        ((100, 8_400), [(1, "unit-slip")]),
        ((100, 8_300), [(1, "jump")]),
        ((100, 1000, 1000), [(1, "split-like")]),
        ((100, 1150, 1150), [(1, "jump")]),
        ((100, 10_000, 10_000), [(1, "unit-slip")]),
        ((100, 10_000, 100, 10_000, 100), [(1, "unit-slip"), (3, "unit-slip")]),
        ((100, 10_000, 1_000_000, 10_000), [(1, "unit-slip"), (2, "unit-slip")]),
        ((100, 10_000, 10), [(1, "unit-slip"), (2, "unit-slip")]),
        ((100, *[1000] * 5, 100), [(1, "unit-slip")]),
        ((100, *[1000] * 6, 100), [(1, "split-like"), (7, "split-like")]),
        ((100, *[10_000] * 5, 100), [(1, "unit-slip")]),
        ((100, *[10_000] * 6, 100), [(1, "unit-slip"), (7, "unit-slip")]),
        ((*[100] * 9, 1000, 100), [(9, "unit-slip")]),
    ],
)
def test_what_is_a_slip_of_units(closes, found):
    entries = flags(series(*closes), *MOVES)
    assert values(entries, "date", "flag") == [(WEEKDAYS[day], flag) for day, flag in found]


def test_a_slip_that_is_not_undone_has_no_day_on_which_it_is_back():
    assert values(flags(series(100, 10_000, 10_001), *MOVES), "back") == [(None,)]
    table = series(100, 1000, 1000, 100)
    assert values(flags(table, *MOVES, slip_days=2), "flag") == [("unit-slip",)]
    assert values(flags(table, *MOVES, slip_days=1), "flag") == [("split-like",)] * 2
    assert values(flags(series(100, 12_900), *MOVES, slip_tolerance=0.3), "factor") == [(100.0,)]


def test_a_tolerance_for_slips_counts_below_the_largest_jump_and_within_a_day_too():
    wide = {"slip_tolerance": 0.5, "jump_ratio": 9}
    assert values(flags(series(100, 670, 100), *MOVES, **wide), "factor") == [(10.0,)]
    assert flags(series(100, 660, 100), *MOVES, **wide) == []
    table = series(10, 10, high=[67.0, 66.0])
    assert values(flags(table, *MOVES, **wide), "date", "factor") == [(WEEKDAYS[0], 10.0)]


def test_a_slip_is_not_undone_by_another_symbol():
    found = flags(market(A=series(100, 1000), B=series(1000, 100)), *MOVES)
    assert values(found, "symbol", "flag") == [("A", "split-like"), ("B", "split-like")]


def test_a_slip_in_both_closes_is_one_entry_and_one_in_adj_close_alone_is_one_too():
    both = series(100, 10_000, 100, adj_close=[50.0, 5000.0, 50.0])
    assert values(flags(both, *MOVES), "date", "column") == [(WEEKDAYS[1], "close")]
    alone = series(100, 101, 100, adj_close=[50.0, 5050.0, 50.0])
    assert values(flags(alone, *MOVES), "date", "column", "flag", "back") == [
        (WEEKDAYS[1], "adj_close", "unit-slip", WEEKDAYS[2])
    ]


def test_a_price_that_is_a_multiple_of_its_own_close_is_a_slip_in_that_column():
    bar = {"open": [10.0, 10.0], "high": [10.5, 1050.0], "low": [9.5, 0.95]}
    assert flags(series(10.0, 10.0, **bar), *MOVES) == [
        entry(
            WEEKDAYS[1],
            "unit-slip",
            column="high",
            price=1050.0,
            close=10.0,
            ratio=105.0,
            factor=100.0,
        ),
        entry(
            WEEKDAYS[1], "unit-slip", column="low", price=0.95, close=10.0, ratio=0.095, factor=0.1
        ),
    ]
    for close, high, low in ((10, 80, 1.25), (10, 10, 0), (10, None, -9), (0, 10, 0)):
        bar = {"high": [10.5, high], "low": [9.5, low]}
        assert flags(series(10.0, close, **bar), *MOVES) == []  # wide, but no power of ten
