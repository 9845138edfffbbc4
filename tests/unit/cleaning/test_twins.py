import numpy as np
import pandas as pd
import pytest

from price_tables import WEEKDAYS, entry, flags, market, series, values, walk
from pricewright.cleaning import series as windows

BAR = ("open", "high", "low", "close")


def bars(*rows, **columns) -> pd.DataFrame:
    """One symbol's days of open, high, low and close."""
    table = pd.DataFrame(rows, columns=BAR, dtype="float64")
    return pd.DataFrame({"date": WEEKDAYS[: len(rows)]}).join(table).assign(**columns)


def test_a_day_on_which_all_four_prices_are_anothers_is_the_same():
    first = bars((20, 21, 19.9, 20.5), (20.5, 21.5, 20.5, 21.33))
    second = bars((20, 21, 19.9, 20.6), (20.5, 21.5, 20.5, 21.33))
    assert flags(market(A=first, B=second), "same-as") == [
        entry(
            WEEKDAYS[1],
            "same-as",
            symbol="B",
            column="open,high,low,close",
            other="A",
            price=21.33,
            last=WEEKDAYS[1],
            rows=1,
            equal_volume=None,
        )
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
    assert both(*[10 / 3] * 4) == []
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
