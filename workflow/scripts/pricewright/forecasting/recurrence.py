"""First-order linear recurrences for many series at once, with no loop over every row.

x[t+1] = factor * x[t] + inflow[t], as exponentially weighted averages and GARCH variances are.
The rows are cut into blocks that advance side by side: once for what each block adds, and, when
that has been carried from block to block, once more for all states. Blocks have a fixed length
and all operations are by element, so that a column's result is the same to the byte whatever
other columns are there.
"""

import numpy as np

from pricewright.arrays import Floats, sums

BLOCK = 64
"""Rows of a block; a power of 2."""


def recurrence(inflow: Floats, factor: Floats | float, start: Floats | float) -> Floats:
    """(n+1, S): the start and the state after each row of `inflow` (n, S).

    `factor` and `start` are (S,), or one for all. What follows a row that is not finite is not.
    """
    rows = len(inflow)
    return whole(before(blocks(inflow, rows + 1), factor, start), rows + 1)


def blocks(values: Floats, rows: int | None = None) -> Floats:
    """Values (n, S) in blocks, (BLOCK, K, S), that hold `rows` rows or all; 0 past the end.

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


def whole(blocks: Floats, rows: int) -> Floats:
    """The first rows (n, S) of what is in blocks."""
    length, count, columns = blocks.shape
    made = np.empty((count * length, columns))
    made.reshape(count, length, columns)[:] = blocks.transpose(1, 0, 2)
    return made[:rows]


def block_sums(blocks: Floats) -> Floats:
    """(S,): the sums of what is in blocks; rows of 0 change nothing."""
    return sums(sums(blocks))


def before(
    inflow: Floats, factor: Floats | float, start: Floats | float, out: Floats | None = None
) -> Floats:
    """(BLOCK, K, S): the state before each row of `inflow`, both in blocks.

    `out` is where to write it, for memory that is new costs as much as the work.
    """
    length, count, columns = inflow.shape
    by = np.broadcast_to(np.asarray(factor, dtype=np.float64), (count, columns))
    added = np.zeros((count, columns))
    for row in inflow:
        added *= by
        added += row
    over = by[0].copy() if count else np.empty(columns)
    for _ in range(length.bit_length() - 1):
        over *= over
    states = np.empty(inflow.shape) if out is None else out
    if not count:
        return states
    states[0, 0] = start
    for block in range(1, count):
        np.multiply(states[0, block - 1], over, out=states[0, block])
        states[0, block] += added[block - 1]
    for row in range(1, length):
        np.multiply(states[row - 1], by, out=states[row])
        states[row] += inflow[row - 1]
    return states
