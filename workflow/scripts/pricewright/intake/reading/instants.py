"""When the rows of a bar were: what tells apart the bars that several deliveries have of a day."""

from collections.abc import Iterable
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Instants = npt.NDArray[np.int64]

FIRST, LAST = SPAN = ("first instant", "last instant")
"""Columns of the bars made of intraday rows: the times of the first and of the last row, in
microseconds since the midnight of the day. A row has only the first."""

_BITS: Final = 38  # 76 hours in microseconds: more than a day has in any session and time zone


def instants(days: Ints, times: Instants | Floats | int) -> Instants:
    """One number (n,) for each day and time in microseconds; the numbers sort by day, then time."""
    return (days.astype(np.int64) << _BITS) + np.asarray(times).astype(np.int64)


Instant = TypeVar("Instant", int, Instants)


def day_of(instant: Instant) -> Instant:
    """The day from which `instants` made a number."""
    return (instant + (1 << _BITS - 1)) >> _BITS


def without_span(columns: Iterable[str]) -> list[str]:
    """The columns that hold values, not times."""
    return [name for name in columns if name not in SPAN]
