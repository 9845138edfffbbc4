from math import log

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ROOT
from pricewright.quality import windows
from pricewright.quality.flags import FLAGS, flag_prices, quality_document
from pricewright.quality.thresholds import Thresholds

WEEKDAYS = [str(day.date()) for day in pd.bdate_range("2024-01-02", "2024-12-24")]
MOVES = ("unit-slip", "split-like", "jump")
BAR = ("open", "high", "low", "close")


def series(*closes, dates=WEEKDAYS, **columns) -> pd.DataFrame:
    """One series without a symbol, on weekdays from 2024-01-02 on; None is missing."""
    closes = pd.Series(closes, dtype="float64")
    return pd.DataFrame({"date": list(dates)[: len(closes)], "close": closes} | columns)


def market(**symbols: pd.DataFrame) -> pd.DataFrame:
    """The tables of several symbols as one, in order of symbol and date."""
    return pd.concat(
        [table.assign(symbol=symbol) for symbol, table in sorted(symbols.items())],
        ignore_index=True,
    )


def walk(days: int, by: float = 1.01) -> list[float]:
    """Prices that rise and fall by turns, each time by as much."""
    return [100.0 * (by if day % 2 else 1.0) for day in range(days)]


def flags(table: pd.DataFrame, *codes: str, **thresholds):
    """The entries with these codes, once it is seen that the table stays as it was."""
    before = table.copy(deep=True)
    found = flag_prices(table, Thresholds(**thresholds))
    pd.testing.assert_frame_equal(table, before)
    return [entry for entry in found if entry["flag"] in codes]


def values(entries, *names):
    return [tuple(entry[name] for name in names) for entry in entries]


# Moves: jumps


def test_a_move_up_by_a_quarter_or_down_by_a_fifth_is_large():
    assert flags(series(100, 125), *MOVES) == [
        {
            "symbol": None,
            "date": "2024-01-03",
            "flag": "jump",
            "column": "close",
            "previous_date": "2024-01-02",
            "previous": 100.0,
            "price": 125.0,
            "ratio": 1.25,
            "z": None,
        }
    ]
    assert values(flags(series(100, 78), *MOVES), "flag", "ratio") == [("jump", 0.78)]
    assert len(flags(series(100, 80), *MOVES)) == 1
    assert flags(series(100, 124.9, 100), *MOVES) == []
    assert flags(series(100, 110), *MOVES, jump_ratio=1.1) != []
    assert flags(series(100, 110), *MOVES, jump_ratio=1.11) == []


def test_a_large_move_is_no_jump_for_a_symbol_that_often_moves_so():
    calm, wild = series(*walk(30), 137), series(*walk(30, by=1.2), 164)
    assert values(flags(calm, *MOVES), "date", "flag") == [(WEEKDAYS[30], "jump")]
    assert flags(wild, *MOVES) == []
    assert values(flags(wild, *MOVES, jump_z=1), "date") == [(WEEKDAYS[30],)]


def test_a_symbol_with_few_moves_has_no_usual_one():
    assert values(flags(series(*walk(19, by=1.2), 164), *MOVES), "date", "z") == [
        (WEEKDAYS[19], None)
    ]
    assert flags(series(*walk(20, by=1.2), 164), *MOVES) == []


def test_a_symbol_that_hardly_ever_moves_has_no_score():
    (found,) = flags(series(*[100.0] * 30, 130), *MOVES)
    assert (found["flag"], found["z"]) == ("jump", None)


def test_the_score_counts_median_absolute_deviations_from_the_median_log_return():
    prices = [100.0]
    for day in range(21):
        prices.append(prices[-1] * (1.04 if day % 2 == 0 else 0.99))
    (found,) = flags(series(*prices, prices[-1] * 1.4), *MOVES)
    # 22 returns, sorted: 10 of ln 0.99, 11 of ln 1.04, one of ln 1.4; the median is ln 1.04.
    # 22 deviations from it: 11 of 0, 10 of ln(1.04 / 0.99), one more; the median is half of that.
    assert found["z"] == pytest.approx(log(1.4 / 1.04) / (1.4826 * log(1.04 / 0.99) / 2))
    assert flags(series(*prices, prices[-1] * 1.39), *MOVES) == []  # 7.9 of them


def test_a_move_is_from_the_last_price_above_zero_of_the_same_symbol():
    (found,) = flags(series(100, None, 0, -5, 130), *MOVES)
    assert (found["previous_date"], found["date"]) == (WEEKDAYS[0], WEEKDAYS[4])
    assert flags(market(A=series(100, 101), B=series(500, 501)), *MOVES) == []


def test_each_symbol_has_its_own_usual_move():
    wild, calm = [*walk(30, by=1.2), 164], [*walk(30), 137]
    found = flags(market(A=series(*wild), B=series(*calm), C=series(*wild)), *MOVES)
    assert values(found, "symbol", "date") == [("B", WEEKDAYS[30])]


# Moves: slips of units


@pytest.mark.parametrize("factor", [10.0, 100.0, 1000.0, 0.1, 0.01, 0.001])
def test_a_slip_of_units_that_comes_back_is_one_entry(factor):
    assert flags(series(100, 101 * factor, 102), *MOVES) == [
        {
            "symbol": None,
            "date": WEEKDAYS[1],
            "flag": "unit-slip",
            "column": "close",
            "previous_date": WEEKDAYS[0],
            "previous": 100.0,
            "price": 101 * factor,
            "ratio": 101 * factor / 100,
            "factor": factor,
            "back": WEEKDAYS[2],
        }
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
        {
            "symbol": None,
            "date": WEEKDAYS[1],
            "flag": "unit-slip",
            "column": "high",
            "price": 1050.0,
            "close": 10.0,
            "ratio": 105.0,
            "factor": 100.0,
        },
        {
            "symbol": None,
            "date": WEEKDAYS[1],
            "flag": "unit-slip",
            "column": "low",
            "price": 0.95,
            "close": 10.0,
            "ratio": 0.095,
            "factor": 0.1,
        },
    ]
    for close, high, low in ((10, 80, 1.25), (10, 10, 0), (10, None, -9), (0, 10, 0)):
        bar = {"high": [10.5, high], "low": [9.5, low]}
        assert flags(series(10.0, close, **bar), *MOVES) == []  # wide, but no power of ten


# Moves: splits


@pytest.mark.parametrize(
    ("price", "split"),
    [
        (80, "5:4"),
        (75, "4:3"),
        (66.6, "3:2"),
        (60, "5:3"),
        (50, "2:1"),
        (40, "5:2"),
        (33.4, "3:1"),
        (25, "4:1"),
        (20, "5:1"),
        (16.7, "6:1"),
        (14.3, "7:1"),
        (12.5, "8:1"),
        (11.1, "9:1"),
        (10, "10:1"),
        (8.3, "12:1"),
        (6.67, "15:1"),
        (5, "20:1"),
        (4, "25:1"),
        (3.33, "30:1"),
        (2.5, "40:1"),
        (2, "50:1"),
        (200, "1:2"),
        (1000, "1:10"),
        (2500, "1:25"),
        (49.1, "2:1"),
        (50.9, "2:1"),
        (48.9, None),
        (51.1, None),
        (133, None),
        (45, None),
    ],
)
def test_an_extreme_move_by_the_ratio_of_a_split_looks_like_one(price, split):
    (found,) = flags(series(100, price), *MOVES)
    assert found.get("split") == split
    assert found["flag"] == ("split-like" if split else "jump")


def test_a_split_that_adj_close_does_not_move_with_is_confirmed():
    table = series(100.0, 55.0, 55.5, adj_close=[50.0, 55.0, 55.5])
    assert flags(table, *MOVES) == [
        {
            "symbol": None,
            "date": WEEKDAYS[1],
            "flag": "split-like",
            "column": "close",
            "previous_date": WEEKDAYS[0],
            "previous": 100.0,
            "price": 55.0,
            "ratio": 0.55,
            "z": None,
            "split": "2:1",
            "adj_close_ratio": 1.1,
            "confirmed": True,
        }
    ]


@pytest.mark.parametrize(
    ("closes", "adjusted", "found"),
    [
        ((100, 50), (50, 25), [("close", "split-like", False)]),
        ((100, 50), (50, None), [("close", "split-like", None)]),
        ((100, 50), (0, 50), [("close", "split-like", None)]),
        ((100, 84), (80, 84), [("close", "split-like", True)]),  # 5:4, and not even large
        ((100, 1.015), (1, 1), [("close", "split-like", True)]),  # 100:1, and no slip
        ((100, 67.5), (50, 67.5), [("close", "split-like", True)]),  # nearer to 2:1 than to 1
        ((100, 72.5), (50, 72.5), [("close", "jump", None)]),
        ((100, 45), (50, 27), [("close", "jump", None)]),
        ((100, 90), (50, 49.5), []),  # a dividend
        ((100, 100), (50, 25), [("adj_close", "jump", None)]),
        ((100, 101), (50, 101), [("adj_close", "jump", None)]),
    ],
)
def test_what_adj_close_says_about_a_move(closes, adjusted, found):
    table = series(*closes, adj_close=pd.Series(adjusted, dtype="float64"))
    entries = flags(table, *MOVES)
    assert [(e["column"], e["flag"], e.get("confirmed")) for e in entries] == found


def test_a_confirmed_split_needs_no_calm_symbol_and_an_adjusted_price_none():
    wild = walk(30, by=1.5)
    table = series(*wild, 75, adj_close=[*np.array(wild) / 2, 75])
    assert values(flags(table, *MOVES), "flag", "confirmed") == [("split-like", True)]
    slip = series(*wild, 100 * wild[-1], adj_close=[*np.array(wild) / 2, 50 * wild[-1]])
    assert values(flags(slip, *MOVES), "flag", "column") == [("unit-slip", "close")]
    only = series(100, 50).rename(columns={"close": "adj_close"})
    assert values(flags(only, *MOVES), "flag", "column") == [("jump", "adj_close")]


# The real samples


def stocks() -> pd.DataFrame:
    table = pd.read_csv(ROOT / "data" / "raw" / "stocks.csv.gz", keep_default_na=False)
    names = {"Ticker": "symbol", "Adj Close": "adj_close"}
    return table.rename(columns=lambda name: names.get(name, name.lower()))


def test_the_real_fall_of_apple_is_a_jump_and_the_real_splits_are_confirmed():
    found = flags(stocks(), *FLAGS)
    assert values(found, "symbol", "date", "flag", "previous", "price") == [
        ("AAPL", "2000-06-21", "split-like", 101.25, 55.63),
        ("AAPL", "2000-09-29", "jump", 53.5, 25.75),
        ("AAPL", "2005-02-28", "split-like", 88.99, 44.86),
        ("MSFT", "2003-02-18", "split-like", 48.3, 24.96),
    ]
    assert found[1]["ratio"] == pytest.approx(1 - 0.519, abs=0.0005)
    assert [(e["split"], e["confirmed"]) for e in found if e["flag"] == "split-like"] == [
        ("2:1", True)
    ] * 3


# Runs


def test_five_equal_prices_in_a_row_are_stale_and_four_are_not():
    table = series(1, 2, 2, 2, 2, 3, 4, 4, 4, 4, 4, 5)
    assert flags(table, "stale") == [
        {
            "symbol": None,
            "date": WEEKDAYS[6],
            "flag": "stale",
            "column": "close",
            "price": 4.0,
            "last": WEEKDAYS[10],
            "rows": 5,
            "same": ["close"],
            "zero_volume": None,
        }
    ]
    assert values(flags(table, "stale", stale_days=4), "date", "rows") == [
        (WEEKDAYS[1], 4),
        (WEEKDAYS[6], 5),
    ]
    assert values(flags(table.iloc[:11], "stale"), "last") == [(WEEKDAYS[10],)]


def test_a_run_ends_with_its_symbol_but_not_where_a_price_is_missing():
    table = market(A=series(1, 2, 2, 2), B=series(2, 2, 2, 1))
    assert flags(table, "stale") == []
    assert values(flags(series(2, 2, None, 2, 2, 2), "stale"), "last", "rows") == [(WEEKDAYS[5], 5)]
    assert flags(series(*[0.0] * 6), "stale") == []


def test_a_stale_run_says_what_else_stayed_the_same_and_how_often_nothing_was_traded():
    table = series(
        *[2.0] * 6,
        open=[1.5] * 6,
        high=[3.0, *[2.5] * 5],
        low=[1.0] * 3 + [None] + [1.0] * 2,
        volume=pd.array([0, 5, None, 0, 0, 7], dtype="Int64"),
    )
    assert values(flags(table, "stale"), "same", "zero_volume") == [(["open", "close"], 3)]
    assert values(flags(table.iloc[1:], "stale"), "same", "zero_volume") == [
        (["open", "high", "close"], 2)
    ]


def test_zeros_and_prices_below_zero_are_one_entry_a_run_and_column():
    table = series(1, 0, 0, -2, -37.63, 1, 0, low=[1.0, 1.0, 0.0, -3.0, -40.0, 1.0, 1.0])
    assert values(
        flags(table, "zero", "negative"), "date", "flag", "column", "last", "rows", "lowest"
    ) == [
        (WEEKDAYS[1], "zero", "close", WEEKDAYS[2], 2, 0.0),
        (WEEKDAYS[2], "zero", "low", WEEKDAYS[2], 1, 0.0),
        (WEEKDAYS[3], "negative", "close", WEEKDAYS[4], 2, -37.63),
        (WEEKDAYS[3], "negative", "low", WEEKDAYS[4], 2, -40.0),
        (WEEKDAYS[6], "zero", "close", WEEKDAYS[6], 1, 0.0),
    ]
    both = market(A=series(1, 0), B=series(0, 1))
    assert values(flags(both, "zero"), "symbol", "rows") == [("A", 1), ("B", 1)]


def test_a_price_that_moves_without_trade_is_odd_where_there_is_trade_on_nine_days_of_ten():
    volume = pd.array([1] * 8 + [0, 0], dtype="Int64")
    prices = [10.0 + day for day in range(9)] + [18.0]
    assert flags(series(*prices, volume=volume), "zero-volume") == []  # 8 of 10
    volume[9] = 5
    assert flags(series(*prices, volume=volume), "zero-volume") == [
        {
            "symbol": None,
            "date": WEEKDAYS[8],
            "flag": "zero-volume",
            "column": "close",
            "previous_date": WEEKDAYS[7],
            "previous": 17.0,
            "price": 18.0,
        }
    ]
    volume[8], volume[9] = 5, 0  # the last price is the one before
    assert flags(series(*prices, volume=volume), "zero-volume") == []
    never = pd.array([0] * 10, dtype="Int64")
    quiet, busy = series(*prices, volume=never), series(*prices, volume=volume)
    assert flags(market(A=quiet, B=busy), "zero-volume") == []


# The same as another symbol


def bars(*rows, **columns) -> pd.DataFrame:
    """One symbol's days of open, high, low and close."""
    table = pd.DataFrame(rows, columns=BAR, dtype="float64")
    return pd.DataFrame({"date": WEEKDAYS[: len(rows)]}).join(table).assign(**columns)


def test_a_day_on_which_all_four_prices_are_anothers_is_the_same():
    first = bars((20, 21, 19.9, 20.5), (20.5, 21.5, 20.5, 21.33))
    second = bars((20, 21, 19.9, 20.6), (20.5, 21.5, 20.5, 21.33))
    assert flags(market(A=first, B=second), "same-as") == [
        {
            "symbol": "B",
            "date": WEEKDAYS[1],
            "flag": "same-as",
            "column": "open,high,low,close",
            "other": "A",
            "price": 21.33,
            "last": WEEKDAYS[1],
            "rows": 1,
            "equal_volume": None,
        }
    ]


@pytest.mark.parametrize(
    ("high", "volumes", "count"),
    [
        (21.50, (7, 8), 1),
        (21.49, (7, 8), 0),
        (20.70, (7, 7), 1),
        (20.69, (7, 7), 0),
        (20.70, (0, 0), 0),
        (20.70, (7, 8), 0),
    ],
)
def test_a_narrow_day_may_be_the_same_by_chance_unless_the_volume_is_too(high, volumes, count):
    bar = (20.51, high, 20.50, 20.57)
    table = market(A=bars(bar, volume=[volumes[0]]), B=bars(bar, volume=[volumes[1]]))
    assert len(flags(table, "same-as")) == count


def test_three_days_of_close_alone_are_the_same_if_they_move_by_enough_of_their_digits():
    def both(*closes):
        return flags(market(A=series(*closes), B=series(*closes)), "same-as")

    assert values(both(1.00, 1.10, 1.21), "date", "column", "last", "rows") == [
        (WEEKDAYS[0], "close", WEEKDAYS[2], 3)
    ]
    assert both(1.01, 1.10, 1.20) == []  # 19 units of the last digit
    assert len(both(1.01, 1.10, 1.21)) == 1
    assert len(both(10, 20, 30)) == 1
    assert both(10, 20, 29) == []
    assert len(both(1.012345678901, 1.012345678911, 1.012345678921)) == 1
    assert both(13.2, 13.200000000000001, 13.3) == []  # what arithmetic leaves is no digit
    assert both(1.00, 1.50) == []
    assert both(1.00000001, 1.00000011, 1.00000020) == []
    assert len(both(1.00000001, 1.00000011, 1.00000021)) == 1
    assert both(1.5, 1.5, 1.5, 1.5) == []
    assert both(-1.00, -1.10, -1.19) == []


def test_the_same_prices_are_one_entry_a_run():
    prices = [10.0, 11.5, 12.3, 13.1, 9.9, 9.1, 8.4, 7.7]
    table = market(A=series(*prices), B=series(*prices), C=series(*walk(8)))
    assert values(flags(table, "same-as"), "symbol", "other", "last", "rows") == [
        ("B", "A", WEEKDAYS[7], 8)
    ]
    table.loc[8 + 3, "close"] = 13.2
    assert values(flags(table, "same-as"), "symbol", "date", "last", "rows") == [
        ("B", WEEKDAYS[0], WEEKDAYS[2], 3),
        ("B", WEEKDAYS[4], WEEKDAYS[7], 4),
    ]
    table.loc[8 + 5, "close"] = 9.2
    assert values(flags(table, "same-as"), "rows") == [(3,)]
    assert flags(table, "same-as", same_days=4) == []


def test_a_run_of_the_same_prices_takes_in_days_on_which_they_stay():
    prices = series(*[10.0] * 4, 11.5, 12.3, *[12.7] * 7, 13.1, 13.2)
    table = market(A=prices, B=prices)
    assert values(flags(table, "same-as"), "date", "last", "rows") == [
        (WEEKDAYS[0], WEEKDAYS[14], 15)
    ]


def test_a_run_ends_with_the_first_of_its_symbols():
    ends, follows = series(10.0, 11.5, 12.3), series(15.0, 16.0, dates=WEEKDAYS[3:])
    both = series(10.0, 11.5, 12.3, 15.0)
    found = flags(market(A=ends, B=follows, C=both), "same-as")
    assert values(found, "symbol", "other", "rows") == [("C", "A", 3)]


def test_without_one_of_the_four_prices_a_day_alone_is_not_the_same():
    days = bars((20, 25.11, 19, 22), (20, 26, 19, 22), (20, 27, 19, 22)).drop(columns="close")
    assert flags(market(A=days[:1], B=days[:1]), "same-as") == []
    assert values(flags(market(A=days, B=days), "same-as"), "column") == [("open,high,low",)]


def test_adj_close_alone_can_be_the_same_and_zero_has_no_sign():
    prices = series(-0.0, 11.5, 12.3).rename(columns={"close": "adj_close"})
    other = series(0.0, 11.5, 12.3).rename(columns={"close": "adj_close"})
    found = flags(market(A=prices, B=other), "same-as")
    assert values(found, "column", "rows") == [("adj_close", 3)]


def test_of_three_equal_symbols_each_later_one_is_the_same_as_the_first():
    prices = series(10.0, 11.5, 12.3)
    found = flags(market(A=prices, B=prices, C=prices), "same-as")
    assert values(found, "symbol", "other") == [("B", "A"), ("C", "A")]


def test_the_same_prices_on_other_dates_or_to_fewer_digits_are_others():
    prices = (10.0, 11.5, 12.3, 13.4)
    later = series(*prices, dates=WEEKDAYS[1:])
    assert flags(market(A=series(*prices), B=later), "same-as") == []
    nearly = series(10.0, 11.5, np.nextafter(12.3, 13))
    assert flags(market(A=series(*prices[:3]), B=nearly), "same-as") == []
    missing = bars((20, 21, None, 20.5))
    assert flags(market(A=missing, B=missing), "same-as") == []
    twice = series(*prices[:2], *prices[:2], *prices[:2])
    assert flags(twice, "same-as") == []


def test_narrow_days_in_a_row_are_the_same_once_they_range_far_enough():
    days = [(20.5, 20.6, 20.5, 20.6), (20.6, 20.6, 20.6, 20.6), (20.6, 20.8, 20.6, 20.7)]
    assert flags(market(A=bars(*days), B=bars(*days)), "same-as") == []
    days[2] = (22.6, 22.8, 22.5, 22.7)
    assert values(flags(market(A=bars(*days), B=bars(*days)), "same-as"), "rows") == [(3,)]


def test_equal_volumes_of_a_run_are_counted():
    prices = (10.0, 11.5, 12.3, 13.4)
    first = series(*prices, volume=[1.0, 0.0, 3.0, None])
    second = series(*prices, volume=[1.0, 0.0, 4.0, None])
    assert values(flags(market(A=first, B=second), "same-as"), "equal_volume") == [(1,)]


def test_equal_hashes_are_no_equal_prices(monkeypatch):
    monkeypatch.setattr(windows, "_MIX", np.uint64(0))
    table = market(A=series(10.0, 11.5, 12.3), B=series(20.0, 21.5, 22.3))
    assert flags(table, "same-as") == []


# Days


def test_a_price_of_a_saturday_or_sunday_is_flagged():
    dates = ["2024-01-05", "2024-01-06", "2024-01-07", "2024-01-08", "2024-01-13"]
    assert flags(series(*walk(5), dates=dates), "weekend") == [
        {
            "symbol": None,
            "date": date,
            "flag": "weekend",
            "column": "close",
            "weekday": weekday,
            "regular": False,
            "last": date,
            "rows": 1,
        }
        for date, weekday in (
            ("2024-01-06", "Saturday"),
            ("2024-01-07", "Sunday"),
            ("2024-01-13", "Saturday"),
        )
    ]
    assert flags(series(1, None, None, 2, dates=dates), "weekend") == []


def test_a_symbol_that_has_a_price_on_most_weekends_has_one_entry_for_each_day():
    daily = [str(day.date()) for day in pd.date_range("2024-01-01", "2024-01-28")]
    table = market(A=series(*walk(28), dates=daily), B=series(*walk(8)))
    assert values(flags(table, "weekend"), "symbol", "date", "weekday", "regular", "rows") == [
        ("A", "2024-01-06", "Saturday", True, 4),
        ("A", "2024-01-07", "Sunday", True, 4),
    ]
    assert values(flags(table, "weekend"), "last") == [("2024-01-27",), ("2024-01-28",)]
    three = flags(series(*walk(21), dates=daily), "weekend")
    assert values(three, "regular") == [(False,)] * 6
    saturdays = ["2024-01-06", "2024-01-13", "2024-01-20", "2024-01-27"]
    eight_weeks = series(*walk(6), dates=["2024-01-01", *saturdays, "2024-02-26"])
    assert values(flags(eight_weeks, "weekend"), "regular", "rows") == [(True, 4)]
    and_a_day = series(*walk(6), dates=["2024-01-01", *saturdays, "2024-02-27"])
    assert values(flags(and_a_day, "weekend"), "regular", "rows") == [(False, 1)] * 4


def test_a_price_of_new_years_or_christmas_day_is_flagged():
    dates = ["2023-12-25", "2023-12-26", "2023-12-27", "2024-01-01", "2024-01-02"]
    assert flags(series(*walk(5), dates=dates), "holiday") == [
        {
            "symbol": None,
            "date": date,
            "flag": "holiday",
            "column": "close",
            "prices": 1,
            "active": 1,
        }
        for date in ("2023-12-25", "2024-01-01")
    ]
    assert flags(series(None, 1, 2, None, 3, dates=dates), "holiday") == []


def test_new_years_day_in_a_market_that_trades_is_one_entry_for_all():
    dates = ["2023-12-29", "2024-01-01", "2024-01-02"]
    all_trade = market(**{f"S{n:02}": series(1, 2, 3, dates=dates) for n in range(10)})
    (found,) = flags(all_trade, "holiday")
    assert (found["symbol"], found["date"], found["prices"], found["active"]) == (
        None,
        "2024-01-01",
        10,
        10,
    )
    half = all_trade[(all_trade["date"] != dates[1]) | (all_trade["symbol"] < "S05")]
    assert values(flags(half, "holiday"), "symbol", "prices") == [(None, 5)]
    less_than_half = all_trade[(all_trade["date"] != dates[1]) | (all_trade["symbol"] < "S04")]
    assert values(flags(less_than_half, "holiday"), "symbol") == [
        ("S00",),
        ("S01",),
        ("S02",),
        ("S03",),
    ]
    assert len(flags(all_trade[all_trade["symbol"] < "S09"], "holiday")) == 9


def one_prints(symbols: int) -> pd.DataFrame:
    """A Wednesday on which the first of some symbols has a price alone."""
    rest = {f"S{n:02}": series(1, 3, dates=["2024-01-02", "2024-01-04"]) for n in range(1, symbols)}
    return market(S00=series(1, 2, 3), **rest)


def test_a_day_on_which_nearly_no_other_symbol_has_a_price_is_a_holiday():
    assert flags(one_prints(20), "holiday") == []
    (found,) = flags(one_prints(21), "holiday")
    assert (found["symbol"], found["date"], found["prices"], found["active"]) == (
        "S00",
        "2024-01-03",
        1,
        21,
    )
    assert len(flags(one_prints(10), "holiday", holiday_share=0.2)) == 1
    assert flags(one_prints(9), "holiday", holiday_share=0.2) == []
    assert len(flags(one_prints(9), "holiday", holiday_share=0.2, holiday_symbols=9)) == 1
    weekend = one_prints(21).replace({"2024-01-03": "2024-01-06", "2024-01-04": "2024-01-08"})
    assert flags(weekend, "holiday") == []


def test_a_symbol_that_has_ended_or_not_begun_is_not_missed_on_a_day():
    ended = {f"E{n:02}": series(1, 2) for n in range(15)}
    later = {f"L{n:02}": series(1, 2, dates=WEEKDAYS[3:]) for n in range(15)}
    table = market(A=series(1, 2, 3, 4, 5), **ended, **later)
    assert flags(table, "holiday", holiday_symbols=1) == []


# Gaps


def test_more_than_five_weekdays_without_a_price_are_a_gap_in_a_single_series():
    def without(first, last):
        dates = WEEKDAYS[:first] + WEEKDAYS[last + 1 : 30]
        return flags(series(*walk(len(dates)), dates=dates), "gap")

    assert without(3, 7) == []
    assert without(3, 8) == [
        {
            "symbol": None,
            "date": WEEKDAYS[3],
            "flag": "gap",
            "column": "close",
            "last": WEEKDAYS[8],
            "days": 6,
        }
    ]
    assert without(4, 9)[0]["date"] == WEEKDAYS[4]
    assert [WEEKDAYS[4], WEEKDAYS[9]] == ["2024-01-08", "2024-01-15"]  # weekends at both ends
    empty = series(None, None, 1, 2, None, dates=[*WEEKDAYS[:2], *WEEKDAYS[20:22], WEEKDAYS[40]])
    assert flags(empty, "gap") == []
    named = series(1, 2, dates=["2024-01-05", "2024-01-16"]).assign(symbol="A")
    assert values(flags(named, "gap"), "symbol", "date", "last", "days") == [
        ("A", "2024-01-08", "2024-01-15", 6)
    ]
    assert flags(named, "gap", gap_days=6) == []


def test_a_gap_is_counted_in_days_on_which_at_least_half_of_the_others_have_a_price():
    full, gap = series(*walk(20)), series(*walk(20)).drop(index=range(5, 11))
    table = market(A=full, B=gap)
    assert flags(table, "gap") == [
        {
            "symbol": "B",
            "date": WEEKDAYS[5],
            "flag": "gap",
            "column": "close",
            "last": WEEKDAYS[10],
            "days": 6,
        }
    ]
    assert flags(table, "gap", gap_days=6) == []
    assert flags(market(A=full, B=gap.drop(index=range(11, 20))), "gap") == []  # B has ended
    no_price = market(A=full, B=series(*walk(5), *[None] * 6, *walk(9)))
    assert len(flags(no_price, "gap")) == 1
    closed = market(A=full.drop(index=[6, 7]), B=gap)  # on two of the six nobody trades
    assert flags(closed, "gap") == []


def test_a_hole_in_the_whole_table_is_one_entry_without_a_symbol():
    gap = series(*walk(20)).drop(index=range(5, 11))
    assert values(flags(market(A=gap, B=gap, C=gap), "gap"), "symbol", "date", "last", "days") == [
        (None, WEEKDAYS[5], WEEKDAYS[10], 6)
    ]
    table = market(A=gap, B=gap, C=series(*walk(20)))
    assert values(flags(table, "gap"), "symbol", "days") == [(None, 6)]


def test_weekly_prices_have_a_gap_only_where_more_than_five_weeks_are_missing():
    weeks = WEEKDAYS[::5]
    assert flags(series(*walk(40), dates=weeks), "gap") == []
    assert flags(series(*walk(20), dates=weeks), "gap") == []
    five, six = weeks[:20] + weeks[25:], weeks[:20] + weeks[26:]
    assert flags(series(*walk(len(five)), dates=five), "gap") == []
    assert values(flags(series(*walk(len(six)), dates=six), "gap"), "days") == [(34,)]
    daily = series(*walk(len(WEEKDAYS)))
    table = market(A=daily, B=daily, C=series(*walk(len(six)), dates=six))
    assert values(flags(table, "gap"), "symbol", "days") == [("C", 34)]
    table = market(A=daily, B=daily, C=series(*walk(len(five)), dates=five))
    assert flags(table, "gap") == []
    fortnights = WEEKDAYS[::10]
    assert flags(series(*walk(21), dates=fortnights), "gap") == []
    assert len(flags(series(*walk(20), dates=fortnights), "gap")) == 19
    monthly = series(*walk(11), dates=WEEKDAYS[::22])
    assert len(flags(monthly, "gap")) == 10  # too few to know that it is monthly


# All of it


def dirty() -> pd.DataFrame:
    """Symbols with something of everything."""
    days = WEEKDAYS[:60]
    clean = [round(100 + 7 * np.sin(day) + day / 10, 2) for day in range(60)]
    slip, jump, stale = list(clean), list(clean), list(clean)
    slip[20] *= 100
    jump[30:] = [price * 1.4 for price in clean[30:]]
    stale[10:20] = [0.0, 0.0, -1.0, *[5.0] * 7]
    volume = pd.array([1000 + day for day in range(60)], dtype="Int64")
    volume[12] = 0
    table = market(
        A=series(*clean, dates=days, volume=volume),
        B=series(*clean, dates=days, volume=volume),
        C=series(*slip, dates=days, volume=volume),
        D=series(*jump, dates=[*days[:-1], "2024-12-25"], volume=volume),
        E=series(*stale, dates=[*days[:-1], "2024-12-28"], volume=volume),
        F=series(*[price / 2 for price in clean], dates=days, volume=volume).drop(
            index=range(40, 50)
        ),
    )
    table["adj_close"] = table["close"] / 2
    half = (table["symbol"] == "F") & (table["date"] < days[30])
    table.loc[half, "close"] *= 3
    return table


def test_every_flag_is_found_in_order_of_symbol_date_and_flag():
    found = flags(dirty(), *FLAGS)
    assert {entry["flag"] for entry in found} == set(FLAGS)
    places = [(e["symbol"] or "", e["date"], e["flag"], e["column"]) for e in found]
    assert places == sorted(places)


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(random):
    table = dirty()
    expected = flag_prices(table)
    rows = list(range(len(table)))
    random.shuffle(rows)
    assert flag_prices(table.iloc[rows]) == expected


@pytest.mark.parametrize(
    "kinds",
    [
        {"date": "datetime64[s]"},
        {"date": "datetime64[ns]", "symbol": "category"},
        {"date": "object", "symbol": "object"},
        {"date": "category", "volume": "float64"},
    ],
)
def test_the_kind_of_a_column_does_not_matter(kinds):
    table = dirty()
    assert flag_prices(table.astype(kinds)) == flag_prices(table)


def test_categories_in_any_order_some_of_them_unused_do_not_matter():
    table = dirty()
    table["symbol"] = pd.Categorical(table["symbol"], categories=list("ZFEDCBA"), ordered=True)
    assert flag_prices(table) == flag_prices(dirty())


def test_whole_numbers_are_prices_too():
    table = series(100, None, 50).astype({"close": "Int64"})
    assert values(flags(table, *MOVES), "previous", "price") == [(100.0, 50.0)]


def test_times_of_day_are_kept_in_the_dates():
    dates = ["2024-01-05T16:00:00", "2024-01-06T16:00:00"]
    for table in (series(1, 2, dates=dates), series(1, 2, dates=pd.to_datetime(dates))):
        assert values(flags(table, "weekend"), "date") == [("2024-01-06T16:00:00",)]


@pytest.mark.parametrize(
    "table",
    [
        series(),
        series().assign(symbol=pd.Series(dtype=object)),
        series(1),
        series(None, None),
        market(A=series(None), B=series(None, None)),
        pd.DataFrame({"date": WEEKDAYS[:3], "volume": [1, 2, 3]}),
        pd.DataFrame({"date": WEEKDAYS[:3]}),
        bars((1, 2, 1, 2)),
        series(1e308, 1e-308, 1e308),
    ],
)
def test_a_table_with_next_to_nothing_in_it_has_a_document(table):
    found = flag_prices(table)
    assert orjson.loads(orjson.dumps(quality_document(found, table)))["flagged"] == found


def test_the_document_counts_every_flag_and_lists_every_entry():
    table = dirty()
    found = flag_prices(table)
    document = quality_document(found, table, Thresholds(jump_z=9.0))
    assert (document["rows"], document["symbols"]) == (350, 6)
    assert list(document["flags"]) == list(FLAGS)
    assert sum(document["flags"].values()) == len(found)
    assert document["flags"]["unit-slip"] == len(flags(table, "unit-slip"))
    assert document["flagged"] == found
    assert document["thresholds"]["jump_z"] == 9.0
    most = [entry["entries"] for entry in document["worst"]]
    assert most == sorted(most, reverse=True)
    assert sum(most) == len(found)
    assert quality_document([], series())["symbols"] == 0
    assert quality_document([], series(1, 2))["symbols"] == 1


def test_at_most_twenty_symbols_are_the_worst_in_order_of_symbol():
    zeros = market(**{f"S{n:02}": series(0) for n in range(25)})
    document = quality_document(flag_prices(zeros), zeros)
    assert [entry["symbol"] for entry in document["worst"]] == [f"S{n:02}" for n in range(20)]
    assert document["flags"]["zero"] == 25


@settings(max_examples=40)
@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, width=64)), max_size=40))
def test_any_prices_at_all_have_a_document_in_json(closes):
    table = market(A=series(*closes), B=series(*closes[::-1]))
    found = flag_prices(table)
    document = orjson.loads(orjson.dumps(quality_document(found, table)))
    assert document["flagged"] == found
