"""The options of cleaning: what happens to missing values, and what is flagged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pricewright.tables.options import Bounds, Options

FLAGS: Final[Mapping[str, str]] = {
    "unit-slip": "a price 10, 100, 1000 … times its neighbours",
    "split-like": "a move by the ratio of a split",
    "jump": "a move far beyond the symbol's usual ones",
    "spike": "an outlier that is gone the next day",
    "stale": "the same price many days in a row",
    "same-as": "two symbols with equal prices for days",
    "weekend": "a price on a Saturday or Sunday",
    "holiday": "a price on a day when hardly anything was traded",
    "gap": "business days without a price",
    "ended": "the last price of a symbol, long before the others'",
    "zero": "a price of 0",
    "negative": "a price below 0",
    "zero-volume": "a price on a day without trading",
    "filler": "a day without trading that repeats the previous price",
    "repeat": "a day that repeats all prices and the volume of the previous day",
}
"""The codes of all flags, and what each means."""

Missing = Literal["zero", "ffill", "drop"]


@dataclass(frozen=True, kw_only=True)
class MissingRules(Options):
    """What happens to a row that lacks a value."""

    section = "missing"

    missing_price: Missing = "ffill"
    """For a missing price: `zero` writes 0. `ffill` carries the symbol's last value forward, never
    across symbols or backwards in time, and drops the rows before its first value; beside a close,
    an adj_close is carried by the move of close. `drop` drops the row. Only rows between a symbol's
    first and last modelled price are filled, the others are dropped. A filled price beyond its
    row's low or high is moved to it. With a close, open, high and low are not missing prices: they
    are completed from the close of their row."""
    missing_volume: Missing = "zero"
    """The same for a missing volume."""


@dataclass(frozen=True, kw_only=True)
class FlagThresholds(Options):
    """The thresholds of the flags; each flag's function explains it."""

    section = "quality"

    jump_ratio: Annotated[float, Bounds(above=1, most=100)] = 1.25
    """A jump: a price at least this many times the one before, or the inverse. `jump_z` must hold,
    too."""
    jump_z: Annotated[float, Bounds(above=0, most=100)] = 8.0
    """A jump: a log return at least this many of the symbol's robust standard deviations away."""
    spike_ratio: Annotated[float, Bounds(above=1, most=100)] = 1.04
    """A spike: a price, gone the next day, at least this many times its neighbours, or the inverse.
    `spike_z` must hold, too."""
    spike_z: Annotated[float, Bounds(above=0, most=100)] = 5.0
    """A spike: at least this many robust standard deviations of the symbol's moves in the weeks
    around it."""
    slip_tolerance: Annotated[float, Bounds(least=0, most=0.5)] = 0.2
    """How far, as a share, a slip of units may be from 10, 100, 1000 … times the price."""
    slip_days: Annotated[int, Bounds(least=1, most=250)] = 5
    """A tenfold price is a slip only if it goes back within this many prices."""
    split_tolerance: Annotated[float, Bounds(least=0, most=0.1)] = 0.02
    """How far, as a share, a move may be from the ratio of a split."""
    stale_days: Annotated[int, Bounds(least=2, most=1000)] = 5
    """The number of equal prices in a row from which they are flagged."""
    same_days: Annotated[int, Bounds(least=2, most=30)] = 3
    """The number of dates in a row on which equal prices of two symbols are flagged."""
    same_ticks: Annotated[int, Bounds(least=1, most=100_000)] = 20
    """The range, in units of their last digit, that such prices must have to rule out chance: five
    times as much for a single day on which the volumes differ."""
    gap_days: Annotated[int, Bounds(least=0, most=1000)] = 5
    """How many business days in a row may lack a price."""
    holiday_share: Annotated[float, Bounds(least=0, most=0.5)] = 0.05
    """A holiday: a date on which less than this share of the active symbols has a price."""
    holiday_symbols: Annotated[int, Bounds(least=2, most=100_000)] = 10
    """A holiday: only if at least this many symbols are active."""
