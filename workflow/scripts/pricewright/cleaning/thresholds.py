"""From where on a price is suspicious: every threshold of the flags, with its default."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FlagThresholds:
    """The config section `quality`; see each flag's function for how a threshold is used.

    jump_ratio: a move counts as large from this multiple of the previous price on, or from
    its inverse.  jump_z: and as extreme from this robust z-score of its log return on.
    slip_tolerance: how far, as a share, a move may be off 10, 100, 1000 … for a slip of units.
    slip_days: after how many prices a tenfold price is no slip any more, if it stays.
    split_tolerance: how far, as a share, a move may be off the ratio of a split.
    stale_days: how many equal prices in a row make a run.
    same_days: how many dates in a row two symbols have equal prices.
    same_ticks: over how many units of their last digit equal prices must range, not to be
    chance; five times as many if they are a single day's, and its volume differs.
    gap_days: how many business days in a row may lack a price.
    holiday_share: below which share of the active symbols a date with prices is a holiday.
    holiday_symbols: how many symbols must be active for that share to say something.
    """

    jump_ratio: float = 1.25
    jump_z: float = 8.0
    slip_tolerance: float = 0.2
    slip_days: int = 5
    split_tolerance: float = 0.02
    stale_days: int = 5
    same_days: int = 3
    same_ticks: int = 20
    gap_days: int = 5
    holiday_share: float = 0.05
    holiday_symbols: int = 10
