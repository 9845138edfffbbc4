"""What can be chosen about a model and its evaluation."""

from dataclasses import dataclass

from pricewright.forecasting import distribution, location, volatility


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The units are those of `train_or_score`, which says what each is."""

    price: str
    horizon: int
    level: float
    location: location.Kind
    volatility: volatility.Kind
    distribution: distribution.Kind
    decay: float
    rolling_days: int
    calibration: int
    window_days: int | None
    min_history: int
    max_age_days: int
    origins: int
    refit: int
    embargo_days: int
