"""What can be chosen about a model and its evaluation."""

from dataclasses import dataclass
from typing import Literal

LocationKind = Literal["naive", "drift", "ses", "theta", "lightgbm"]
VolatilityKind = Literal["rolling", "ewma", "garch11", "har", "combined"]
DistributionKind = Literal["normal", "fhs", "conformal"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The units are those of `train_or_score`, which says what each is."""

    price: str
    horizon: int
    level: float
    location: LocationKind
    volatility: VolatilityKind
    distribution: DistributionKind
    decay: float
    rolling_days: int
    calibration: int
    window_days: int | None
    min_history: int
    max_age_days: int
    origins: int
    refit: int
    embargo_days: int
