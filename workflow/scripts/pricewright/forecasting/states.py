"""What a forecast begins from, and what brings it forward by an observation."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from pricewright.arrays import Floats


@dataclass(frozen=True)
class States:
    """Of symbols (..., S), after an observation each.

    observations: how many there were so far.  level: of the location, on its scale.  ewma: the
    average of squared changes, or their rolling mean.  garch: its variance of the next change.
    averages: (..., S, K), those of the HAR.  changes: (..., S, L), the last ones, the newest first,
    for trees.  What a model does not use is None.
    """

    observations: Floats
    level: Floats
    ewma: Floats
    garch: Floats | None
    averages: Floats | None
    changes: Floats | None = None

    def at(self, *places: Any) -> Self:
        """The states at some places of the arrays' first axes."""
        found: Any = {name: None if part is None else part[places] for name, part in self.items()}
        return type(self)(**found)

    def items(self) -> list[tuple[str, Floats | None]]:
        """The arrays by name."""
        return [(field.name, getattr(self, field.name)) for field in fields(self)]

    def joined(self, parts: Sequence[Self]) -> Self:
        """The states (S,) of several groups of symbols together."""
        found: Any = {
            name: None
            if part is None
            else np.concatenate([getattr(group, name) for group in parts])
            for name, part in self.items()
        }
        return type(self)(**found)

    def empty(self, *shape: int) -> Self:
        """States of the same kind, all NaN, (*shape, S)."""
        inner = self.observations.ndim
        found: Any = {
            name: None if part is None else np.full((*shape, *part.shape[inner:]), np.nan)
            for name, part in self.items()
        }
        return type(self)(**found)


@dataclass(frozen=True)
class Start:
    """Where histories go on that began before a panel does.

    states: (S,), after the panel's first observations, NaN for a history that begins there.
    earlier: (n, S), the squared changes before, for a rolling mean; NaN where there are none.
    """

    states: States
    earlier: Floats

    def of(self, columns: Any) -> Self:
        """The same for some of the symbols."""
        return type(self)(self.states.at(columns), self.earlier[:, columns])
