"""Arrays of numbers: their types, and sums and logarithms that are the same bytes everywhere.

How numpy groups a sum over rows depends on the number of columns and on their layout in memory.
These sums go row by row instead, so that a column's result is the same bytes alone and among
others, and stays so when another, longer column adds rows of nothing to it.

Which logarithm numpy takes depends on the processor, and so do its last bits. These are made of
sums, products and quotients, which IEEE 754 leaves no choice about. A power of an array is another
matter: write it as `exp`, or as products.
"""

import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Days = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

LARGEST_POSSIBLE = 1e300
"""What is not below it, on either side of 0, is no number to reckon with."""


def as_numbers(found: Any, shape: Sequence[int]) -> npt.NDArray[Any] | None:
    """Lists in lists, or an array, as finite numbers of a shape; None if that is not what they
    are. Whole numbers stay such."""
    if isinstance(found, np.ndarray):
        return found if found.dtype.kind in "fiu" and found.shape == tuple(shape) else None
    values = [found]
    for count in shape:
        if not all(isinstance(part, list) and len(part) == count for part in values):
            return None
        values = list(chain.from_iterable(values))
    kinds = set(map(type, values))
    if not kinds <= {int, float}:  # true is no number, nor is "1"
        return None
    try:
        numbers = np.array(values, dtype=np.float64).reshape(shape)
    except OverflowError:  # of an integer of 400 digits
        return None
    most = np.abs(numbers).max(initial=0.0)
    if not most < LARGEST_POSSIBLE:
        return None
    return numbers.astype(np.int64) if kinds == {int} and most < 2**53 else numbers


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


_LN2 = 0.6931471805599453
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""The logarithm of 2; and in two parts, of which the first has few digits and so exact products."""

_OF_LOG = (
    *(1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01),
    *(2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01),
    6.666666666666735130e-01,
)
_OF_EXP = (
    *(4.13813679705723846039e-08, -1.65339022054652515390e-06, 6.61375632143793436117e-05),
    *(-2.77777777770155933842e-03, 1.66666666666666019037e-01),
)
"""The polynomials of fdlibm (Sun Microsystems 1993), the highest power first."""

_SURELY_NORMAL = 1000
"""Up to this power of 2, on either side of 0, a number is neither infinite nor short of digits."""

_POWER_BIT = 52
"""From which bit on a number holds its power of 2."""

_ROOT = int(np.float64(0.5**0.5).view(np.int64))
_LEAST = float(np.finfo(np.float64).tiny)


PIECE = 2**13
"""So many numbers at a time stay in a processor's cache while a function is worked out."""


def _by_pieces(function: Callable[[Floats], Floats], values: Floats | float) -> Floats:
    """A function of each of some values, and of each alone."""
    given = np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
    if len(given) <= PIECE:
        return function(given).reshape(np.shape(values))
    found = np.empty(len(given))
    for begin in range(0, len(given), PIECE):
        found[begin : begin + PIECE] = function(given[begin : begin + PIECE])
    return found.reshape(np.shape(values))


def log(values: Floats | float) -> Floats:
    """The natural logarithm, to 3 units in the last place; of what is not above 0 as numpy's."""
    return _by_pieces(_log, values)


def _log(given: Floats) -> Floats:
    bits = given.view(np.int64)
    power = (bits - _ROOT) >> 52
    excess = (bits - (power << 52)).view(np.float64)  # the number, now about 1
    excess -= 1
    share = excess / (excess + 2)
    found = _polynomial(share * share, _OF_LOG)
    found += 2
    found *= share
    exponent = power.astype(np.float64)
    found += exponent * _LN2_LOW
    found += exponent * _LN2_HIGH
    odd = ~((given >= _LEAST) & (given < np.inf))
    if odd.any():
        found[odd] = np.log(given[odd])
        tiny = (given > 0) & (given < _LEAST)
        found[tiny] = _log(given[tiny] * 2.0**54) - 54 * _LN2
    return found


@np.errstate(over="ignore", invalid="ignore")
def exp(values: Floats | float) -> Floats:
    """The exponential function, to a unit in the last place; 0 or infinite where that is too far.

    Neither of these is anything to warn of.
    """
    return _by_pieces(_exp, values)


def _exp(given: Floats) -> Floats:
    given = np.clip(given, -800.0, 800.0)
    power = np.rint(given / _LN2)
    low = power * _LN2_LOW
    high = power * _LN2_HIGH
    np.subtract(given, high, out=high)
    rest = high - low
    even = _polynomial(rest * rest, _OF_EXP)
    np.subtract(rest, even, out=even)
    rest *= even
    rest /= np.subtract(2, even, out=even)
    low -= rest
    low -= high
    found = np.subtract(1, low, out=low)
    exponent = power.astype(np.int64)
    if np.fmax.reduce(np.abs(power), axis=None, initial=0) > _SURELY_NORMAL:
        found = np.ldexp(found, exponent.astype(np.int32))
    else:
        bits = found.view(np.int64)
        bits += exponent << _POWER_BIT
    return found


def _polynomial(values: Floats, coefficients: Sequence[float]) -> Floats:
    """Without a constant term."""
    found = values * coefficients[0]
    for coefficient in coefficients[1:]:
        found += coefficient
        found *= values
    return found
