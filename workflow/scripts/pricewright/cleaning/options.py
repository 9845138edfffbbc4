"""What can be chosen about cleaning: what becomes of what is missing, and what is flagged."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pricewright.tables.options import Bounds, Options

Missing = Literal["zero", "ffill", "drop"]


@dataclass(frozen=True, kw_only=True)
class MissingRules(Options):
    """What becomes of a row in which a value is missing."""

    section = "missing"

    missing_price: Missing = "ffill"
    """For a missing price: `zero` writes 0; `ffill` carries the symbol's last value forward, never
    across symbols or backwards in time, and drops the rows before its first; `drop` drops the
    row."""
    missing_volume: Missing = "zero"
    """The same for a missing volume."""


@dataclass(frozen=True, kw_only=True)
class FlagThresholds(Options):
    """From which point on something is flagged as suspicious; see the flags' functions."""

    section = "quality"

    jump_ratio: Annotated[float, Bounds(above=1, most=100)] = 1.25
    """A jump: a price at least so many times the one before, or its inverse; `jump_z`, too."""
    jump_z: Annotated[float, Bounds(above=0, most=100)] = 8.0
    """A jump: a log return of so many robust standard deviations of the symbol's own."""
    spike_ratio: Annotated[float, Bounds(above=1, most=100)] = 1.04
    """A spike: a price, gone the next day, at least so many times those beside it, or the other
    way round; `spike_z`, too."""
    spike_z: Annotated[float, Bounds(above=0, most=100)] = 5.0
    """A spike: so many robust standard deviations of the symbol's moves in the weeks about it."""
    slip_tolerance: Annotated[float, Bounds(least=0, most=0.5)] = 0.2
    """How far, as a share, a move may be off 10, 100, 1000 … to be a slip of units."""
    slip_days: Annotated[int, Bounds(least=1, most=250)] = 5
    """After how many prices a tenfold price is no slip any more, if it stays."""
    split_tolerance: Annotated[float, Bounds(least=0, most=0.1)] = 0.02
    """How far, as a share, a move may be off the ratio of a split."""
    stale_days: Annotated[int, Bounds(least=2, most=1000)] = 5
    """How many equal prices in a row are flagged."""
    same_days: Annotated[int, Bounds(least=2, most=30)] = 3
    """Over how many dates in a row two symbols may not have equal prices."""
    same_ticks: Annotated[int, Bounds(least=1, most=100_000)] = 20
    """Over how many units of their last digit such prices must range, not to be chance; five times
    as many if they are a single day's, and its volume differs."""
    gap_days: Annotated[int, Bounds(least=1, most=1000)] = 5
    """How many business days in a row may lack a price."""
    holiday_share: Annotated[float, Bounds(least=0, most=0.5)] = 0.05
    """A holiday: a date on which less than this share of the active symbols has a price."""
    holiday_symbols: Annotated[int, Bounds(least=2, most=100_000)] = 10
    """A holiday: only where at least so many symbols are active."""
