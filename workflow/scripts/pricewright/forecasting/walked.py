"""What a walk-forward made: forecasts, states and distributions, piece by piece."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricewright.arrays import Flags, Floats, Ints
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.states import States
from pricewright.forecasting.walk import Fitted, Track


@dataclass(frozen=True)
class Piece:
    """What a walk-forward made for some symbols, S of them.

    columns: where they are in the panel of all.
    usable: (K, S), where an origin can be forecast from.  rows: (K, S), the observation at each
    origin, with its states.  centres, variances: (K, S, H), forecasts from there.
    daily_rows: (D, S), all observations from the first origin on, -1 for none; daily_origins, from
    which origin their distribution is, -1 where none can be forecast from; daily_centres,
    daily_variances: forecasts from them of the next.
    fitted: the parameters at the end.  last: the track's last observation of each, P being 1.
    shapes: (D, S or 1, H, Q), the distributions as they were estimated at D dates.
    errors: (S,), from how many errors made out of sample the last of them.
    """

    columns: slice
    usable: Flags
    rows: Ints
    states: States
    centres: Floats
    variances: Floats
    daily_rows: Ints
    daily_origins: Ints
    daily_centres: Floats
    daily_variances: Floats
    fitted: Fitted
    last: Track
    shapes: Floats
    errors: Ints


@dataclass(frozen=True)
class Walked:
    """A walk-forward of all symbols, piece by piece.

    whole: the panel of all.
    held: (K + 1,), which of the distributions held at each origin and holds at the end.
    """

    whole: Panel
    pieces: Sequence[Piece]
    held: Ints

    def panel(self, piece: Piece) -> Panel:
        """A piece's histories, cut out anew each time: those of all pieces are a second panel."""
        return self.whole.columns(piece.columns)

    def shapes(self, piece: Piece) -> Floats:
        """(K + 1, S or 1, H, Q): the distributions of a piece at each origin and at the end."""
        return np.asarray(piece.shapes[self.held])

    def last_shapes(self) -> Floats:
        """(S or 1, H, Q): the distributions at the end, of all symbols or common to them."""
        found = [piece.shapes[self.held[-1]] for piece in self.pieces]
        return found[0] if len(found[0]) == 1 else np.concatenate(found)
