import numpy as np

from price_tables import WEEKDAYS, flags, market, series, values


def traded(seed, again=()):
    """A symbol whose bars and volumes change each day, except that some repeat the day before."""
    closes = 100 + np.cumsum(np.random.default_rng(seed).normal(size=60)).round(2)
    table = series(*closes, open=closes - 0.5, high=closes + 1, low=closes - 1)
    table["volume"] = 1000 + np.arange(60.0) * seed
    for day in again:
        table.loc[day, table.columns[1:]] = table.loc[day - 1, table.columns[1:]]
    return table


def test_a_day_that_repeats_the_prices_and_the_volume_of_the_day_before_is_flagged():
    table = market(A=traded(1, [20]), B=traded(2, [20]), C=traded(3))
    found = flags(table, "repeat")
    assert values(found, "symbol", "date", "previous_date", "column") == [
        ("A", WEEKDAYS[20], WEEKDAYS[19], "close"),
        ("B", WEEKDAYS[20], WEEKDAYS[19], "close"),
    ]


def test_a_day_that_all_symbols_repeat_is_one_entry():
    table = market(**{f"S{n:02}": traded(n, [20, 30][: n % 2 + 1]) for n in range(1, 13)})
    assert values(flags(table, "repeat"), "symbol", "date", "prices", "active") == [
        (None, WEEKDAYS[20], 12, 12),
        (None, WEEKDAYS[30], 6, 12),
    ]


def test_nothing_is_repeated_by_another_volume_no_trade_no_range_or_as_a_habit():
    other, none, flat = (traded(1, [20]) for _ in range(3))
    other.loc[20, "volume"] += 1
    none.loc[19:20, "volume"] = 0
    flat.loc[19:20, ["open", "high", "low"]] = flat.loc[19, "close"]
    for table in (other, none, flat, traded(1, range(2, 60, 2)), traded(1).drop(columns="volume")):
        assert flags(table, "repeat") == []
