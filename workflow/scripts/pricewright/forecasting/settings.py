"""What can be chosen about a model and its evaluation."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pricewright.tables.options import Bounds, Options

LocationKind = Literal["naive", "drift", "ses", "theta", "lightgbm"]
VolatilityKind = Literal["rolling", "ewma", "garch11", "har", "combined"]
DistributionKind = Literal["normal", "fhs", "conformal"]


SCALES = ("auto", "log", "level")


def scale_rules(said: str) -> list[tuple[str, str]] | None:
    """Patterns of symbols with a scale each, the first that fits to count, from a text as `level`
    or `*_YIELD=level, WTI=log`; None if it is none."""
    if said in SCALES:
        return [("*", said)]
    parts = [part.rpartition("=") for part in said.split(",")]
    found = [(pattern.strip(), scale.strip()) for pattern, _, scale in parts]
    return found if all(pattern and scale in SCALES for pattern, scale in found) else None


@dataclass(frozen=True, kw_only=True)
class ModelSettings(Options):
    """How a model is made."""

    section = "model"

    price: Literal["auto", "open", "high", "low", "close", "adj_close"] = "auto"
    """The column to model; auto: adj_close, which knows of splits and dividends, if there is one,
    else close."""
    horizon: Annotated[int, Bounds(least=1, most=250)] = 10
    """How many days ahead to forecast and to evaluate."""
    level: Annotated[float, Bounds(least=0.5, most=0.99)] = 0.9
    """The share of prices that the forecast's interval should hold."""
    scale: Annotated[str, Bounds(least=1)] = "auto"
    """On which scale to model: log, level, or auto, which is log for all but symbols of which more
    than one price in 100 is 0 or below; or by patterns of symbols, as in *_YIELD=level,WTI=log, the
    first that fits."""
    location: LocationKind = "naive"
    """The point forecast: the last price (naive), with the mean change (drift), simple exponential
    smoothing (ses), the theta method, or gradient-boosted trees over all symbols on their last
    changes (lightgbm, to be installed besides); no skill is to be expected."""
    volatility: VolatilityKind = "combined"
    """The variance forecast: the mean of the last squared changes (rolling), their exponentially
    weighted average (ewma), GARCH(1,1) (garch11), one regression over all symbols on averages of
    the days' ranges, squared changes and falls (har), or the geometric mean of the last two, in
    which har counts three times as much where a symbol has ranges (combined)."""
    distribution: DistributionKind = "conformal"
    """The shape around the point forecast: normal, filtered historical simulation (fhs), or the
    quantiles of earlier standardised errors (conformal)."""
    decay: Annotated[float, Bounds(least=0.5, most=0.999)] = 0.94
    """The EWMA's decay per day: the weight of yesterday's variance in today's."""
    rolling_days: Annotated[int, Bounds(least=2, most=10_000)] = 60
    """How many squared changes `rolling` averages."""
    calibration: Annotated[int, Bounds(least=100, most=100_000)] = 500
    """From how many past days' errors the distribution is made; conformal takes twice as many, and
    of those for more than a day ahead, which overlap, every second one."""
    window_days: Annotated[int | None, Bounds(least=30, most=100_000)] = None
    """Parameters are estimated from so many calendar days; from all, if none."""
    min_history: Annotated[int, Bounds(least=30, most=10_000)] = 60
    """The observations that a symbol needs to be modelled, or forecast from a date."""
    max_age_days: Annotated[int, Bounds(least=1, most=100_000)] = 30
    """A symbol is left out of the model if its last price is older than this many days."""

    def __post_init__(self) -> None:
        """Raise Refusal for a value that its type does not allow, and for a scale that is none."""
        super().__post_init__()
        if not isinstance(self.scale, str) or scale_rules(self.scale) is None:
            self.refuse("scale", "allowed: auto, log or level, or as in *_YIELD=level,WTI=log")


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings(Options):
    """How a model is evaluated, walk-forward."""

    section = "evaluation"

    origins: Annotated[int, Bounds(least=20, most=10_000)] = 100
    """From how many past dates to evaluate, a horizon apart."""
    refit: Annotated[int, Bounds(least=1, most=10_000)] = 5
    """Parameters are estimated anew at every so many-th of these dates."""
    embargo_days: Annotated[int, Bounds(least=0, most=10_000)] = 0
    """Calendar days before a date whose prices are no part of an estimate as of it."""


@dataclass(frozen=True, kw_only=True)
class Settings(EvaluationSettings, ModelSettings):
    """How a model is made and evaluated."""
