"""Arrays of numbers: types, and sums, logarithms and exponentials that are the same everywhere.

The way numpy groups a sum over rows depends on the number of columns and their layout in memory.
The sums here go row by row instead. So a column's result has the same bytes alone and among
others, and also when a longer column pads it with missing rows.

Numpy chooses its logarithm by processor, so the last bits vary. The functions here use only sums,
products and quotients, which IEEE 754 fixes exactly. Do not take powers of arrays: write them with
`exp`, or as products.
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
"""Numbers of this magnitude or more are rejected as input."""


def as_numbers(found: Any, shape: Sequence[int]) -> npt.NDArray[Any] | None:
    """Nested lists, or an array, as an array of finite numbers; None unless they fit the shape.

    Whole numbers stay integers.
    """
    if isinstance(found, np.ndarray):
        return found if found.dtype.kind in "fiu" and found.shape == tuple(shape) else None
    values = [found]
    for count in shape:
        if not all(isinstance(part, list) and len(part) == count for part in values):
            return None
        values = list(chain.from_iterable(values))
    kinds = set(map(type, values))
    if not kinds <= {int, float}:  # neither true nor "1" is a number
        return None
    try:
        numbers = np.array(values, dtype=np.float64).reshape(shape)
    except OverflowError:  # an integer of 400 digits, for example
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
    # numpy would sum a single column pairwise, so it gets a second
    rows = np.repeat(values.reshape(len(values), columns), 2, axis=1)
    return np.asarray(np.add.reduce(rows, axis=0)[:columns].reshape(values.shape[1:]))


def where(there: Flags, values: Floats) -> Floats:
    """Values (A, B, ...), with NaN where `there` is False; `there` has their first axes."""
    axes = (1,) * (values.ndim - there.ndim)
    return np.where(there.reshape(*there.shape, *axes), values, np.nan)


def count(values: Floats) -> Ints:
    """The number of values (T, S, ...) that are not NaN in each column: (S,)."""
    others = tuple(axis for axis in range(values.ndim) if axis != 1)
    return np.asarray(np.count_nonzero(~np.isnan(values), axis=others), dtype=np.intp)


@np.errstate(all="ignore")
def total(values: Floats) -> Floats:
    """The sum of the values (T, S, ...) that are not NaN in each column: (S,), 0 for none."""
    found = sums(np.where(np.isnan(values), 0.0, values))
    while found.ndim > 1:
        found = sums(np.moveaxis(found, -1, 0))
    return found


@np.errstate(all="ignore")
def mean(values: Floats) -> Floats:
    """The mean of the values (T, S, ...) that are not NaN in each column: (S,), NaN for none."""
    return total(values) / count(values)


_LN2 = 0.6931471805599453
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""The logarithm of 2, whole and as two parts; the first has so few digits that products with it are
exact."""

_OF_LOG = (
    *(1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01),
    *(2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01),
    6.666666666666735130e-01,
)
_OF_EXP = (
    *(4.13813679705723846039e-08, -1.65339022054652515390e-06, 6.61375632143793436117e-05),
    *(-2.77777777770155933842e-03, 1.66666666666666019037e-01),
)
"""The polynomials of fdlibm (Sun Microsystems 1993), highest power first."""

_SURELY_NORMAL = 1000
"""For powers of 2 up to this magnitude, a number is neither infinite nor subnormal."""

_POWER_BIT = 52
"""The bit at which a number's exponent begins."""

_ROOT = int(np.float64(0.5**0.5).view(np.int64))
_LEAST = float(np.finfo(np.float64).tiny)


PIECE = 2**13
"""This many numbers fit into a processor's cache while a function is computed."""


def _by_pieces(function: Callable[[Floats], Floats], values: Floats | float) -> Floats:
    """Apply an elementwise function to the values, piece by piece."""
    given = np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
    if len(given) <= PIECE:
        return function(given).reshape(np.shape(values))
    found = np.empty(len(given))
    for begin in range(0, len(given), PIECE):
        found[begin : begin + PIECE] = function(given[begin : begin + PIECE])
    return found.reshape(np.shape(values))


def log(values: Floats | float) -> Floats:
    """The natural logarithm, to 3 units in the last place; for values <= 0, the same as numpy's."""
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
    """The exponential function, to 1 unit in the last place; 0 or infinite, without a warning,
    where the result is too small or too large."""
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
    """A polynomial without a constant term."""
    found = values * coefficients[0]
    for coefficient in coefficients[1:]:
        found += coefficient
        found *= values
    return found
