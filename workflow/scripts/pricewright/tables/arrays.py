"""Arrays of numbers: their types, and sums that no other column can change.

How numpy groups a sum over rows depends on the number of columns and on their layout in memory.
These sums go row by row instead, so that a column's result is the same bytes alone and among
others, and stays so when another, longer column adds rows of nothing to it.
"""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Days = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


def sums(values: Floats) -> Floats:
    """The sum over the first axis of values (T, ...), row by row."""
    columns = math.prod(values.shape[1:])
    if columns > 1:
        return np.asarray(np.add.reduce(np.ascontiguousarray(values), axis=0))
    # a single column would be added up pairwise; so it gets a second
    rows = np.repeat(values.reshape(len(values), columns), 2, axis=1)
    return np.asarray(np.add.reduce(rows, axis=0)[:columns].reshape(values.shape[1:]))


def where(there: Flags, values: Floats) -> Floats:
    """The values (A, B, ...) that are there, by (A, B) or more of their axes; else NaN."""
    axes = (1,) * (values.ndim - there.ndim)
    return np.where(there.reshape(*there.shape, *axes), values, np.nan)


def count(values: Floats) -> Ints:
    """How many values (T, S, ...) are there, which is to say not NaN, in each column: (S,)."""
    others = tuple(axis for axis in range(values.ndim) if axis != 1)
    return np.asarray(np.count_nonzero(~np.isnan(values), axis=others), dtype=np.intp)


@np.errstate(all="ignore")
def total(values: Floats) -> Floats:
    """The sum of the values (T, S, ...) that are there in each column: (S,), 0 for none."""
    found = sums(np.where(np.isnan(values), 0.0, values))
    while found.ndim > 1:
        found = sums(np.moveaxis(found, -1, 0))
    return found


@np.errstate(all="ignore")
def mean(values: Floats) -> Floats:
    """The mean of the values (T, S, ...) that are there in each column: (S,), NaN for none."""
    return total(values) / count(values)
