from math import log

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from price_tables import WEEKDAYS, entry, flags, market, series, values, walk
from pricewright.cleaning.options import FLAGS

MOVES = ("unit-slip", "split-like", "jump")
DATES = [str(day.date()) for day in pd.bdate_range("2015-01-01", periods=400)]


def test_a_move_up_by_a_quarter_or_down_by_a_fifth_is_large():
    assert flags(series(100, 125), *MOVES) == [
        entry(
            "2024-01-03",
            "jump",
            previous_date="2024-01-02",
            previous=100.0,
            price=125.0,
            ratio=1.25,
            z=None,
        )
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


def test_a_split_since_the_last_adj_close_is_still_seen_but_not_confirmed():
    table = series(*walk(30), 50, 50.2)
    table["adj_close"] = table["close"].where(table.index < 29)
    (found,) = flags(table, *MOVES)
    assert (found["flag"], found["date"], found["confirmed"]) == ("split-like", WEEKDAYS[30], None)


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


def test_a_spread_that_crosses_zero_has_no_ratios():
    spread = [0.01, 0.9, 0.009, -0.7, 0.5, 0.005, 0.6] * 20
    assert flags(series(*spread), *MOVES, "spike") == []
    rare = [*walk(150), -5.0, *walk(50), 1000.0, *walk(50)]
    assert values(flags(series(*rare), "unit-slip"), "factor") == [(10.0,)]


def test_each_symbol_has_its_own_usual_move():
    wild, calm = [*walk(30, by=1.2), 164], [*walk(30), 137]
    found = flags(market(A=series(*wild), B=series(*calm), C=series(*wild)), *MOVES)
    assert values(found, "symbol", "date") == [("B", WEEKDAYS[30])]


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


def coarse(tick=0.01, low=4, days=200):
    """Prices of a few ticks, most of which repeat the one before."""
    random = np.random.default_rng(3)
    moves = random.choice([-1, 0, 0, 0, 1], days)
    return [round(tick * (low + abs(int(step) % 8 - 4)), 6) for step in np.cumsum(moves)]


def test_a_move_of_a_few_ticks_is_no_split_and_no_jump():
    prices = coarse()
    assert {0.04, 0.05} <= set(prices)
    table = series(*prices, dates=DATES)
    assert flags(table, *MOVES) == []
    assert len(flags(series(*prices, 0.43, dates=DATES), *MOVES)) == 1
    split = flags(series(*prices, 1.6, 0.8, dates=DATES), "split-like")
    assert values(split, "split")[-1:] == [("2:1",)]


def test_a_split_of_a_price_with_a_fine_tick_is_seen_also_if_few_prices_move_at_all():
    rarely = [20.0] * 100 + [10.0] * 50
    assert values(flags(series(*rarely, dates=DATES), *MOVES), "split") == [("2:1",)]


def test_a_split_that_adj_close_does_not_move_with_is_confirmed():
    table = series(100.0, 55.0, 55.5, adj_close=[50.0, 55.0, 55.5])
    assert flags(table, *MOVES) == [
        entry(
            WEEKDAYS[1],
            "split-like",
            previous_date=WEEKDAYS[0],
            previous=100.0,
            price=55.0,
            ratio=0.55,
            z=None,
            split="2:1",
            adj_close_ratio=1.1,
            confirmed=True,
        )
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
