"""First-order linear recurrences for many series at once, with no loop over every row.

x[t+1] = factor * x[t] + inflow[t], as exponentially weighted averages and GARCH variances are.
The rows are cut into blocks that advance side by side, and each block's state is then carried
into the next. Blocks have a fixed length and all operations are by element, so that a column's
result is the same to the byte whatever other columns are there.
"""

import numpy as np

from pricewright.arrays import Floats

BLOCK = 64


def recurrence(inflow: Floats, factor: Floats | float, start: Floats | float) -> Floats:
    """(n+1, S): the start and the state after each row of `inflow` (n, S).

    `factor` and `start` are (S,), or one for all. What follows a row that is not finite is not.
    """
    rows, columns = inflow.shape
    blocks = -(-rows // BLOCK)
    states = np.zeros((BLOCK, blocks, columns))
    whole = rows // BLOCK
    by_block = inflow[: whole * BLOCK].reshape(whole, BLOCK, columns)
    states[:, :whole] = by_block.transpose(1, 0, 2)
    states[: rows - whole * BLOCK, whole:] = inflow[whole * BLOCK :, None]
    carried = np.empty((BLOCK, 1, columns))  # what is left of a block's start after each row
    carried[0] = factor
    passed = np.empty((blocks, columns))
    for row in range(1, BLOCK):
        np.multiply(carried[row - 1], factor, out=carried[row])
        np.multiply(states[row - 1], factor, out=passed)
        states[row] += passed
    starts = np.empty((blocks + 1, columns))
    starts[0] = start
    for block in range(blocks):
        np.multiply(starts[block], carried[-1, 0], out=starts[block + 1])
        starts[block + 1] += states[-1, block]
    states += carried * starts[:-1]
    result = np.empty((rows + 1, columns))
    result[0] = start
    result[1 : 1 + whole * BLOCK].reshape(whole, BLOCK, columns)[:] = states[:, :whole].transpose(
        1, 0, 2
    )
    result[1 + whole * BLOCK :] = states[: rows - whole * BLOCK, whole:].reshape(-1, columns)
    return result
