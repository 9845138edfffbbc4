"""First-order linear recurrences for many series at once, without a loop over every row.

x[t+1] = factor * x[t] + inflow[t], as in exponentially weighted averages and GARCH variances. The
rows are cut into blocks that advance side by side: once to find what each block adds, and, after
that has been carried from block to block, once more for all states. Blocks have a fixed length and
all operations are elementwise, so a column's result is the same to the byte whatever other columns
there are.
"""

import numpy as np

from pricewright.tables.arrays import Floats

BLOCK = 64
"""The number of rows of a block; a power of 2."""


def recurrence(inflow: Floats, factor: Floats | float, start: Floats | float) -> Floats:
    """(n+1, S): the start, and the state after each row of `inflow` (n, S).

    factor, start: (S,), or one number for all. After a row that is not finite, no state is.
    """
    rows = len(inflow)
    return from_blocks(states_before(blocks(inflow, rows + 1), factor, start), rows + 1)


def blocks(values: Floats, rows: int | None = None) -> Floats:
    """Values (n, S) in blocks (BLOCK, K, S) with room for `rows` rows, or n; 0 past the end.

    Row t is at [t % BLOCK, t // BLOCK].
    """
    given, columns = values.shape
    count = -(-(given if rows is None else rows) // BLOCK)
    full = given // BLOCK
    made = np.zeros((BLOCK, count, columns))
    made[:, :full] = values[: full * BLOCK].reshape(full, BLOCK, columns).transpose(1, 0, 2)
    if full < count:
        made[: given - full * BLOCK, full] = values[full * BLOCK :]
    return made


def from_blocks(blocks: Floats, rows: int) -> Floats:
    """(rows, S): the first rows of values in blocks."""
    length, count, columns = blocks.shape
    made = np.empty((count * length, columns))
    made.reshape(count, length, columns)[:] = blocks.transpose(1, 0, 2)
    return made[:rows]


def states_before(
    inflow: Floats, factor: Floats | float, start: Floats | float, out: Floats | None = None
) -> Floats:
    """(BLOCK, K, S): the state before each row of `inflow`, both in blocks.

    out: the array to write to, because allocating one costs as much as the work.
    """
    length, count, columns = inflow.shape
    states = np.empty(inflow.shape) if out is None else out
    # factors in full and rows cut once: the overhead of numpy calls dominates these loops
    by = np.full((count, columns), factor, dtype=np.float64)
    added, rows = np.zeros((count, columns)), list(inflow)
    for row in rows:
        np.multiply(added, by, out=added)
        np.add(added, row, out=added)
    over = by[0].copy()
    for _ in range(length.bit_length() - 1):
        np.multiply(over, over, out=over)
    states[0, 0] = start
    starts = list(states[0])
    for here, then, more in zip(starts, starts[1:], added, strict=False):
        np.multiply(here, over, out=then)
        np.add(then, more, out=then)
    here = states[0]
    for row, then in zip(rows, states[1:], strict=False):
        np.multiply(here, by, out=then)
        np.add(then, row, out=then)
        here = then
    return states
