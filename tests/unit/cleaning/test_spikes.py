import numpy as np
import pytest

from price_tables import WEEKDAYS, entry, flags, market, series, values

MOVES = ("unit-slip", "split-like", "jump", "spike")


def quiet(days=60, by=0.004, seed=1):
    """Prices that move by about as much a day."""
    returns = np.random.default_rng(seed).normal(0, by, days)
    return (100 * np.exp(np.cumsum(returns))).round(2).tolist()


def with_spike(prices, day, times):
    return [*prices[:day], round(prices[day] * times, 2), *prices[day + 1 :]]


@pytest.mark.parametrize("times", [0.8, 0.9, 0.95, 1.05, 1.1, 1.22])
def test_a_price_of_a_quiet_symbol_that_is_gone_the_next_day_is_a_spike(times):
    prices = with_spike(quiet(), 30, times)
    (found,) = flags(series(*prices), *MOVES)
    assert found.pop("z") > 5
    assert found == entry(
        WEEKDAYS[30],
        "spike",
        previous_date=WEEKDAYS[29],
        previous=prices[29],
        price=prices[30],
        ratio=prices[30] / prices[29],
        back=WEEKDAYS[31],
        next=prices[31],
    )


def test_a_move_that_stays_and_one_that_is_undone_by_half_are_no_spikes():
    prices = quiet()
    stays = [*prices[:30], *(price * 1.1 for price in prices[30:])]
    assert flags(series(*stays), *MOVES) == []
    half = [*prices[:30], prices[30] * 1.1, *(price * 1.05 for price in prices[31:])]
    assert flags(series(*half), *MOVES) == []
    assert flags(series(*with_spike(prices, 59, 1.1)), *MOVES) == []  # what comes is not known


def test_where_prices_move_as_much_there_are_no_spikes():
    wild = [quiet(250, by=0.03, seed=seed) for seed in range(40)]
    table = market(**{f"S{n:02}": series(*prices) for n, prices in enumerate(wild)})
    assert flags(table, "spike") == []
    some_weeks = quiet(80)
    storm = [price * (1.05 if day % 2 else 1.0) for day, price in enumerate(some_weeks[40:60])]
    assert flags(series(*some_weeks[:40], *storm, *some_weeks[60:]), "spike") == []


def test_what_a_symbol_does_on_more_than_one_day_in_a_hundred_is_usual_for_it():
    ticks = [0.21 if day % 50 == 30 else 0.2 for day in range(240)]
    assert flags(series(*ticks), "spike") == []
    once = [0.21 if day == 130 else 0.2 for day in range(240)]
    assert values(flags(series(*once), "spike"), "date", "z") == [(WEEKDAYS[130], None)]


def test_a_spike_needs_twenty_other_moves_to_be_told_from():
    prices = quiet(23)
    assert values(flags(series(*with_spike(prices, 10, 1.1)), "spike"), "date") == [(WEEKDAYS[10],)]
    assert flags(series(*with_spike(prices[:22], 10, 1.1)), "spike") == []


def test_the_thresholds_of_spikes_can_be_chosen():
    table = series(*with_spike(quiet(), 30, 1.05))
    assert flags(table, "spike", spike_ratio=1.06) == []
    assert flags(table, "spike", spike_z=20) == []
    smaller = series(*with_spike(quiet(), 30, 1.03))
    assert flags(smaller, "spike") == []
    assert len(flags(smaller, "spike", spike_ratio=1.02)) == 1


def test_a_spike_of_both_closes_is_one_entry_and_one_of_adj_close_alone_is_one_too():
    prices, odd = quiet(), with_spike(quiet(), 30, 1.1)
    assert values(flags(series(*odd, adj_close=odd), *MOVES), "column") == [("close",)]
    assert values(flags(series(*prices, adj_close=odd), *MOVES), "column") == [("adj_close",)]


def test_a_spike_is_of_one_symbol_and_a_larger_one_is_called_what_it_is():
    prices, odd = quiet(), with_spike(quiet(), 30, 1.1)
    table = market(A=series(*prices), B=series(*odd), C=series(*prices))
    assert values(flags(table, *MOVES), "symbol", "flag") == [("B", "spike")]
    slip = series(*with_spike(prices, 30, 100))
    assert values(flags(slip, *MOVES), "flag") == [("unit-slip",)]
    jump = series(*with_spike(prices, 30, 1.37))
    assert values(flags(jump, *MOVES), "date", "flag") == [
        (WEEKDAYS[30], "jump"),
        (WEEKDAYS[31], "jump"),
    ]
