"""What a walk-forward made: forecasts, states and distributions, piece by piece."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pricewright.arrays import Flags, Floats, Ints
from pricewright.forecasting.calibration import Known
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.states import States
from pricewright.forecasting.walk import Fitted, Track


@dataclass(frozen=True)
class Piece:
    """What a walk-forward made for some symbols, S of them.

    columns: (S,), where they are in the panel of all.
    usable: (K, S), where an origin can be forecast from.  rows: (K, S), the observation at each
    origin, with its states.  centres, variances: (K, S, H), forecasts from there.
    daily_rows: (D, S), all observations from the first origin on, -1 for none; daily_origins, from
    which origin their distribution is, -1 where none can be forecast from; daily_centres,
    daily_variances: forecasts from them of the next.
    fitted: the parameters at the end.  last: the track's last observation of each, P being 1.
    shapes: (D, S or 1, H, Q), the distributions as they were estimated at D dates.
    errors: (S,), from how many errors made out of sample the last of them.
    """

    columns: Ints
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

    def __len__(self) -> int:
        return len(self.columns)


@dataclass(frozen=True)
class Made:
    """A piece without its shapes, which are those of all symbols, and what they rest on."""

    piece: Piece
    known: Known

    def __len__(self) -> int:
        return len(self.piece)


@dataclass(frozen=True)
class Walked:
    """A walk-forward of all symbols, piece by piece, in whatever order.

    whole: the panel of all.
    held: (K + 1,), which of the distributions held at each origin and holds at the end.
    """

    whole: Panel
    pieces: Sequence[Piece]
    held: Ints

    @cached_property
    def order(self) -> Ints | slice:
        """Where, of what all pieces have one after the other, each symbol's is."""
        places = np.concatenate([piece.columns for piece in self.pieces])
        return slice(None) if (np.diff(places) > 0).all() else np.argsort(places)

    def panel(self, piece: Piece) -> Panel:
        """A piece's histories, cut out anew each time: those of all pieces are a second panel."""
        return self.whole.columns(piece.columns)

    def shapes(self, piece: Piece) -> Floats:
        """(K + 1, S or 1, H, Q): the distributions of a piece at each origin and at the end."""
        return np.asarray(piece.shapes[self.held])

    def last_shapes(self) -> Floats:
        """(S or 1, H, Q): the distributions at the end, of all symbols or common to them."""
        found = np.concatenate([piece.shapes[self.held[-1]] for piece in self.pieces])
        return found[self.order] if len(found) == len(self.whole) else found[:1]
