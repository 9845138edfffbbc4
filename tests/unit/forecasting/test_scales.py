"""On which scale symbols are modelled: as is said of them, else by the signs of prices."""

import numpy as np
import pytest
from forecasts import chosen, weekdays

from pricewright.files.errors import Refusal
from pricewright.forecasting.panel import panel_of
from pricewright.forecasting.scales import scaled
from pricewright.forecasting.settings import scale_rules


def prices_of(*symbols, low=()):
    """A panel in which those in `low` are at -0.5 on their fifth day."""
    histories = []
    for symbol in symbols:
        prices = np.linspace(1.0, 2.0, 10)
        if symbol in low:
            prices[4] = -0.5
        histories.append((weekdays(10), prices))
    return panel_of(list(symbols), histories)


def test_who_does_not_say_gets_levels_where_there_is_no_logarithm_from_that_day_on():
    found = scaled(prices_of("A", "B", low="B"), "auto")
    assert found.levels.tolist() == [False, True]
    assert found.first.tolist() == [0, 4]


def test_levels_that_are_said_hold_for_neighbours_too_and_from_the_first_day_on():
    panel = prices_of("10_YIELD", "2_YIELD", "STOCK", "WTI", low=("2_YIELD", "WTI"))
    found = scaled(panel, "*_YIELD=level")
    assert found.levels.tolist() == [True, True, False, True]
    assert found.first.tolist() == [0, 0, 0, 4]
    np.testing.assert_array_equal(found.values[:, 0], panel.prices[:, 0])
    some = found.columns(np.array([1, 3]))
    assert some.first.tolist() == [0, 4]


def test_the_first_pattern_that_fits_counts_and_scales_of_all_are_a_word():
    panel = prices_of("A1", "A2", "B")
    assert scaled(panel, "A1=log, A*=level").levels.tolist() == [False, True, False]
    assert scaled(panel, "level").levels.all()
    assert not scaled(panel, "log").levels.any()


def test_a_symbol_to_be_on_logarithms_has_none_of_a_price_of_0_or_below():
    with pytest.raises(Refusal, match=r"'model.scale': found log for B, .* price -0.5 on \d{4}"):
        scaled(prices_of("A", "B", low="B"), "*=log")


@pytest.mark.parametrize("said", ["logs", "A=", "=log", "A=log,", ""])
def test_what_is_no_scale_is_refused_with_its_key(said):
    assert scale_rules(said) is None
    with pytest.raises(Refusal, match=r"config key 'model.scale'"):
        chosen(scale=said)
