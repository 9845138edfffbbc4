"""The blocked recurrence is the plain loop, whatever columns stand beside each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricewright.forecasting.recurrence import BLOCK, recurrence

pytestmark = pytest.mark.filterwarnings("error")


def by_loop(inflow, factor, start):
    states = [np.broadcast_to(np.asarray(start, float), inflow.shape[1:])]
    for row in inflow:
        states.append(factor * states[-1] + row)
    return np.array(states)


@settings(max_examples=150, derandomize=True)
@given(rows=st.integers(0, 300), columns=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_it_is_the_plain_loop_and_a_column_has_the_same_bytes_alone(rows, columns, seed):
    random = np.random.default_rng(seed)
    inflow = random.normal(size=(rows, columns))
    factor, start = random.uniform(-0.2, 1, columns), random.normal(size=columns)
    found = recurrence(inflow, factor, start)
    assert found.shape == (rows + 1, columns)
    np.testing.assert_allclose(found, by_loop(inflow, factor, start), rtol=1e-11, atol=1e-11)
    for column in range(columns):
        only = slice(column, column + 1)
        alone = recurrence(inflow[:, only], factor[only], start[only])
        assert alone.tobytes() == np.ascontiguousarray(found[:, only]).tobytes()


@pytest.mark.parametrize("rows", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 7])
def test_rows_that_come_later_change_nothing_before(rows):
    inflow = np.random.default_rng(3).normal(size=(rows + 90, 2))
    whole, begun = recurrence(inflow, 0.9, 0.5), recurrence(inflow[:rows], 0.9, 0.5)
    np.testing.assert_array_equal(whole[: rows + 1], begun)


def test_one_factor_and_one_start_are_for_all_columns():
    inflow = np.random.default_rng(4).normal(size=(100, 3))
    each = recurrence(inflow, np.full(3, 0.7), np.full(3, 2.0))
    np.testing.assert_array_equal(recurrence(inflow, 0.7, 2.0), each)


@pytest.mark.parametrize("row", [0, 10, BLOCK, 150])
def test_what_follows_a_row_that_is_not_there_is_not_there_and_nothing_else(row):
    inflow = np.random.default_rng(5).normal(size=(200, 2))
    inflow[row, 0] = np.nan
    found = recurrence(inflow, 0.9, 1.0)
    assert np.isfinite(found[: row + 1, 0]).all()
    assert np.isnan(found[row + 1 :, 0]).all()
    assert np.isfinite(found[:, 1]).all()


def test_what_went_in_is_not_changed():
    inflow = np.random.default_rng(6).normal(size=(130, 2))
    before = inflow.copy()
    recurrence(inflow, 0.5, 1.0)
    np.testing.assert_array_equal(inflow, before)
