import numpy as np
import pandas as pd

from price_tables import WEEKDAYS, entry, flags, market, series, values


def test_five_equal_prices_in_a_row_are_stale_and_four_are_not():
    table = series(1, 2, 2, 2, 2, 3, 4, 4, 4, 4, 4, 5)
    assert flags(table, "stale") == [
        entry(
            WEEKDAYS[6],
            "stale",
            price=4.0,
            last=WEEKDAYS[10],
            rows=5,
            same=["close"],
            zero_volume=None,
        )
    ]
    assert values(flags(table, "stale", stale_days=4), "date", "rows") == [
        (WEEKDAYS[1], 4),
        (WEEKDAYS[6], 5),
    ]
    assert values(flags(table.iloc[:11], "stale"), "last") == [(WEEKDAYS[10],)]


DATES = [str(day.date()) for day in pd.bdate_range("2015-01-01", periods=2_000)]


def ticking(days=1_000, seed=1):
    """Prices of a coarse tick, of whose changes seven in ten are zero."""
    moves = np.random.default_rng(seed).choice([-1, 1, *[0] * 5], days)
    return (0.05 + 0.01 * (np.abs(np.cumsum(moves)) % 5)).round(2).tolist()


def test_repeated_prices_are_no_sign_where_most_changes_are_zero_but_a_stuck_price_is():
    prices = ticking()
    assert flags(series(*prices, dates=DATES), "stale") == []
    stuck = [*prices[:500], *[prices[499]] * 60, *prices[500:]]
    assert values(flags(series(*stuck, dates=DATES), "stale"), "last") == [(DATES[559],)]
    half = [*prices, *[prices[-1]] * 1_000]
    assert values(flags(series(*half, dates=DATES), "stale"), "last") == [(DATES[1_999],)]


def test_repeated_prices_without_trade_are_stale_also_where_most_changes_are_zero():
    table = series(*ticking(), 0.33, *[0.33] * 6, dates=DATES, volume=[5] * 1_001 + [0] * 6)
    assert values(flags(table, "stale"), "rows", "zero_volume") == [(7, 6)]


def test_weekly_prices_that_are_carried_forward_are_stale():
    weekly = np.repeat(np.arange(100.0, 160.0), 5)
    assert len(flags(series(*weekly, dates=DATES), "stale")) == 60


def test_a_peg_that_breaks_is_stale_before_and_after():
    table = series(*[1515.0] * 500, *[89_500.0] * 5, dates=DATES)
    assert values(flags(table, "stale"), "rows") == [(500,), (5,)]


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
        entry(WEEKDAYS[8], "zero-volume", previous_date=WEEKDAYS[7], previous=17.0, price=18.0)
    ]
    volume[8], volume[9] = 5, 0  # the last price is the one before
    assert flags(series(*prices, volume=volume), "zero-volume") == []
    never = pd.array([0] * 10, dtype="Int64")
    quiet, busy = series(*prices, volume=never), series(*prices, volume=volume)
    assert flags(market(A=quiet, B=busy), "zero-volume") == []


def untraded(*days, closes=None, count=40):
    """A symbol that is traded daily, but on some days: these repeat the price before."""
    prices = [10.0 + day % 7 for day in range(count)]
    volume = pd.array([5] * count, dtype="Int64")
    for day in days:
        prices[day], volume[day] = prices[day - 1], 0
    return series(*(closes or prices), volume=volume)


def test_a_day_without_trade_that_repeats_the_price_of_a_symbol_that_trades_daily_is_a_filler():
    assert flags(untraded(10, 20, 21), "filler", "zero-volume") == [
        entry(
            WEEKDAYS[day],
            "filler",
            price=10.0 + (day - 1) % 7,
            last=WEEKDAYS[day + rows - 1],
            rows=rows,
        )
        for day, rows in ((10, 1), (20, 2))
    ]
    assert flags(untraded(*range(1, 40, 5)), "filler") == []  # often not traded: nothing is odd
    many = untraded(10, 11, 12, 13)
    assert values(flags(many, "filler", "stale"), "flag") == [("stale",)]


def test_weekends_that_are_filled_in_are_fillers_though_they_are_two_days_of_seven():
    dates = [str(day.date()) for day in pd.date_range("2024-01-01", "2024-03-31")]
    weekends = [day for day in range(91) if day % 7 > 4]
    table = untraded(*weekends, count=91).assign(date=dates)
    assert values(flags(table, "filler"), "date", "rows")[:2] == [
        ("2024-01-06", 2),
        ("2024-01-13", 2),
    ]


def test_a_day_that_is_filled_in_for_half_of_the_market_is_one_entry():
    filled = {f"S{n:02}": untraded(10, 20) for n in range(5)}
    others = {f"S{n:02}": untraded(20) for n in range(5, 10)}
    found = flags(market(**filled, **others), "filler")
    assert values(found, "symbol", "date", "prices", "active") == [
        (None, WEEKDAYS[10], 5, 10),
        (None, WEEKDAYS[20], 10, 10),
    ]
    few = flags(market(**filled), "filler")
    assert values(few, "symbol", "date")[:2] == [("S00", WEEKDAYS[10]), ("S00", WEEKDAYS[20])]
    less = flags(market(**filled, **others, S10=untraded(20)), "filler")
    assert values(less, "symbol")[1:] == [(f"S{n:02}",) for n in range(5)]
