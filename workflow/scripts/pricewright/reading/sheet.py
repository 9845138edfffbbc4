"""What every reader gives: blocks of rows as they stand in the delivery, and the text of each."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Lines = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bad:
    """A row that cannot be kept: its line, the reason's code, the field at fault, its own text."""

    line: int
    reason: str
    field: str | None
    text: str


@dataclass(frozen=True)
class Block:
    """Some rows of a delivery, in its order.

    columns: title -> values (n,): text, or the types that the format has; null is no value.
    lines: (n,) the line, row or record, counted from 1, that each begins on.
    bad: the rows of this block that could not be put into columns.
    """

    columns: dict[str, pa.Array]
    lines: Lines
    bad: list[Bad] = field(default_factory=list)


class Sheet(Protocol):
    """A delivery as a reader sees it."""

    @property
    def titles(self) -> Sequence[str]:
        """The names of the columns, in order, each once."""

    def blocks(self, titles: Collection[str] = ()) -> Iterator[Callable[[], Block]]:
        """The blocks, in order, each as a call that reads it; calls may run side by side.

        Of the columns, those in `titles` are needed, or all if none are named.
        """

    def texts(self, lines: Sequence[int]) -> dict[int, str]:
        """The delivered text of the rows that begin on some lines."""
