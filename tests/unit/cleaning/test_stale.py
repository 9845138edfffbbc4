import pandas as pd

from suspects import WEEKDAYS, flags, market, series, values


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
