"""Logarithms and exponentials of our own: exact enough, and the same wherever they are made."""

import numpy as np
import pytest

from pricewright.tables.arrays import exp, log

RANDOM = np.random.default_rng(1)


def off(found, exact):
    """By how many units in the last place, at most."""
    return np.abs((found - exact) / np.spacing(np.abs(exact).astype(float))).max()


@pytest.mark.parametrize(
    "values",
    [
        10.0 ** RANDOM.uniform(-300, 300, 20_000),
        RANDOM.uniform(0.5, 2, 20_000),
        1 + 1e-7 * RANDOM.normal(size=20_000),
        np.array([[1.0, 2.0, 0.5], [np.e, 1e-307, 1e308], [5e-324, 1.7e-310, 2e-308]]),
    ],
)
def test_a_logarithm_is_off_by_three_units_in_the_last_place_at_most(values):
    exact = np.log(values.astype(np.longdouble))
    assert off(log(values)[exact != 0], exact[exact != 0]) < 3
    assert log(values).shape == values.shape


def test_the_logarithm_of_one_is_zero():
    assert log(1.0) == 0


def test_what_has_no_logarithm_is_as_numpy_says():
    with np.errstate(all="ignore"):
        found = log(np.array([0.0, -0.0, -1.0, np.inf, np.nan]))
    np.testing.assert_array_equal(found, [-np.inf, -np.inf, np.nan, np.inf, np.nan])


@pytest.mark.parametrize(
    "values",
    [RANDOM.uniform(-700, 700, 20_000), RANDOM.normal(size=20_000), 1e-9 * RANDOM.normal(size=99)],
)
def test_an_exponential_is_off_by_a_unit_in_the_last_place_at_most(values):
    assert off(exp(values), np.exp(values.astype(np.longdouble))) < 1


@pytest.mark.filterwarnings("error")
def test_an_exponential_of_too_much_is_infinite_of_too_little_nothing_and_of_nan_nan():
    found = exp(np.array([0.0, 1e9, np.inf, -1e9, -np.inf, np.nan]))
    np.testing.assert_array_equal(found, [1, np.inf, np.inf, 0, 0, np.nan])


def test_not_a_column_depends_on_the_layout():
    values = RANDOM.uniform(0.1, 9, (50, 7))
    for function in (log, exp):
        assert function(values.T).T.tobytes() == function(values).tobytes()
        assert function(values[::3, 2]).tobytes() == function(values)[::3, 2].tobytes()
