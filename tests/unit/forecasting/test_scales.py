"""On which scale symbols are modelled: as is said of them, else by the signs of prices."""

from dataclasses import replace

import numpy as np
import pytest
from forecasts import chosen, simulated, weekdays

from pricewright.files.errors import Refusal
from pricewright.forecasting import ranges
from pricewright.forecasting.panel import panel_of
from pricewright.forecasting.scales import scaled
from pricewright.forecasting.settings import scale_rules
from pricewright.forecasting.timeline import make_timeline
from pricewright.forecasting.walkforward import walk_forward


def prices_of(*symbols, low=()):
    """A panel in which those in `low` are at -0.5 on their fifth day."""
    histories = []
    for symbol in symbols:
        prices = np.linspace(1.0, 2.0, 10)
        if symbol in low:
            prices[4] = -0.5
        histories.append((weekdays(10), prices))
    return panel_of(list(symbols), histories)


def oil(days=320, day=150, price=-20.0):
    """A panel of GARCH changes in which one symbol has one price below 0."""
    panel = simulated(3, days)
    prices = panel.prices.copy()
    prices[day, 1] = price
    return panel_of(panel.symbols, [(panel.days[:, place], prices[:, place]) for place in range(3)])


def test_a_symbol_that_is_low_on_more_than_one_day_in_a_hundred_is_on_levels_from_then_on():
    found = scaled(prices_of("A", "B", low="B"), "auto")
    assert found.levels.tolist() == [False, True]
    assert found.first.tolist() == [0, 4]
    assert found.floors is None
    prices = np.linspace(1.0, 2.0, 300)
    prices[[120, 130]] = 0.0
    (late,) = scaled(panel_of(["A"], [(weekdays(300), prices)]), "auto").first
    assert late == 130


def test_one_low_price_among_many_leaves_logarithms_which_go_on_as_a_line_from_that_day_on():
    panel = oil()
    found = scaled(panel, "auto")
    before, price = panel.prices[149:151, 1]
    assert not found.levels.any()
    assert found.first.tolist() == [0, 0, 0]
    assert found.floors[:, 1].tolist() == [before, panel.days[150, 1]]
    np.testing.assert_allclose(found.values[:150, 1], np.log(panel.prices[:150, 1]), rtol=1e-12)
    assert found.values[150, 1] - found.values[149, 1] == pytest.approx((price - before) / before)
    later = panel.prices[151:, 1]
    line = np.log(before) + later / before - 1
    expected = np.where(later < before, line, np.log(later))
    assert len(set(later < before)) == 2
    np.testing.assert_allclose(found.values[151:, 1], expected, rtol=1e-12)
    np.testing.assert_allclose(found.values[:, [0, 2]], np.log(panel.prices[:, [0, 2]]), rtol=1e-12)


def test_values_are_prices_again_as_was_known_on_their_day():
    found = scaled(oil(), "auto")
    rows = np.repeat(np.arange(320)[:, None], 3, axis=1)
    back = found.as_prices(found.values[..., None], rows)[..., 0]
    np.testing.assert_allclose(back, found.prices, rtol=1e-12)
    low = np.full((1, 3, 1), np.log(1e-3))
    before, after = (found.as_prices(low, np.full((1, 3), row)) for row in (149, 150))
    np.testing.assert_allclose(before, 1e-3)
    assert after[0, 1, 0] < -100
    np.testing.assert_allclose(after[0, [0, 2]], 1e-3)


def test_a_part_of_a_panel_is_on_the_scales_of_the_whole():
    found = scaled(oil(), "auto")
    for part, rows in (
        (found.until(int(found.days[149, 0])), slice(0, 150)),
        (found.since(int(found.days[200, 0])), slice(200, 320)),
    ):
        np.testing.assert_array_equal(part.values, found.values[rows])
    columns = found.columns(np.array([1, 2]))
    np.testing.assert_array_equal(columns.values, found.values[:, 1:])


def test_nothing_before_a_low_price_knows_of_it():
    """What is made of the days before it is what is made without it, to the last bit."""
    with_it, without = (scaled(oil(day=310, price=last), "auto") for last in (-20, 30))
    settings = chosen(volatility="combined", distribution="conformal")
    timeline = make_timeline(with_it, settings).until(int(with_it.days[310, 0]) - 1)
    one, other = (
        walk_forward(panel, timeline, settings, to_the_end=False).pieces[0]
        for panel in (with_it, without)
    )
    assert one.usable.any()
    np.testing.assert_array_equal(one.variances, other.variances)
    np.testing.assert_array_equal(one.shapes, other.shapes)


def test_a_day_with_a_price_below_a_floor_has_no_range():
    panel = oil()
    bars = np.zeros((2, *panel.prices.shape))
    bars[1] = 1e-4
    found = replace(panel, bars=bars)
    changes = np.diff(found.values, axis=0)
    _, known = ranges.daily(found, changes, np.full(changes.shape, 1.0))
    low = found.prices[:, 1] < found.floors[0, 1]
    low[:150] = False
    np.testing.assert_array_equal(known[:, 1], ~low[1:] & ~low[:-1])
    assert known[:, [0, 2]].all()


def test_levels_that_are_said_hold_for_neighbours_too_and_from_the_first_day_on():
    panel = prices_of("10_YIELD", "2_YIELD", "STOCK", "WTI", low=("2_YIELD", "WTI"))
    found = scaled(panel, "*_YIELD=level")
    assert found.levels.tolist() == [True, True, False, True]
    assert found.first.tolist() == [0, 0, 0, 4]
    np.testing.assert_array_equal(found.values[:, 0], panel.prices[:, 0])
    some = found.columns(np.array([1, 3]))
    assert some.first.tolist() == [0, 4]
    assert scaled(oil(), "*=level").floors is None


def test_logarithms_that_are_said_go_on_as_a_line_however_often_prices_are_low():
    found = scaled(prices_of("A", "B", low="B"), "log")
    assert not found.levels.any()
    assert found.floors[0].tolist() == [0.0, found.prices[3, 1]]


def test_the_first_pattern_that_fits_counts_and_scales_of_all_are_a_word():
    panel = prices_of("A1", "A2", "B")
    assert scaled(panel, "A1=log, A*=level").levels.tolist() == [False, True, False]
    assert scaled(panel, "level").levels.all()
    assert not scaled(panel, "log").levels.any()


def test_a_symbol_to_be_on_logarithms_does_not_begin_with_a_price_of_0_or_below():
    panel = panel_of(["A", "B"], [(weekdays(9), np.ones(9)), (weekdays(9), np.arange(9.0) - 0.5)])
    with pytest.raises(Refusal, match=r"'model.scale': found log for B, .* price -0.5 on \d{4}"):
        scaled(panel, "*=log")


@pytest.mark.parametrize(
    ("said", "idle"),
    [("A=level,C*=log", ["C*"]), ("*=level,A=log", ["A"]), ("A=level,*=log", []), ("auto", [])],
)
def test_a_pattern_that_decides_no_symbol_is_warned_of(said, idle, caplog):
    scaled(prices_of("A", "B"), said)
    assert [record.args[0] for record in caplog.records] == idle


@pytest.mark.parametrize("said", ["logs", "A=", "=log", "A=log,", "", "A=log,B=log,A=level"])
def test_what_is_no_scale_is_refused_with_its_key(said):
    assert scale_rules(said) is None
    with pytest.raises(Refusal, match=r"config key 'model.scale'"):
        chosen(scale=said)
