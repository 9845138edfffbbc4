"""What can be chosen about a model, its evaluation, when it is trained anew, how it is watched."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Literal

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
    refit: Annotated[int, Bounds(least=1, most=10_000)] = 10
    """Parameters are estimated anew at every so many-th of these dates."""
    embargo_days: Annotated[int, Bounds(least=0, most=10_000)] = 0
    """Calendar days before a date whose prices are no part of an estimate as of it."""


@dataclass(frozen=True, kw_only=True)
class Settings(EvaluationSettings, ModelSettings):
    """How a model is made and evaluated."""


_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"([1-9]\d{0,3}) (day|week|month|year)s?")


@dataclass(frozen=True, kw_only=True)
class TrainWhen(Options):
    """When a model is trained anew, in mode auto."""

    section = "train"

    every: Annotated[str | None, Bounds(least=1)] = "1 month"
    """When the model in place is so old, by the dates of its prices and the newest: as `2 weeks`,
    `1 month`, or a weekday, from the first price on or after it; none: its age does not count."""
    new_symbols: Annotated[float, Bounds(least=0, most=1)] = 0.05
    """When more than this share of the symbols that can be modelled are unknown to it."""
    restated: Annotated[float, Bounds(least=0, most=1)] = 0.01
    """When more than this share of the prices it was trained on were restated or withdrawn."""

    def __post_init__(self) -> None:
        """Raise Refusal for a value that its type does not allow, and for an age that is none."""
        super().__post_init__()
        if self.every is not None and not (self.every in _DAYS or _SPAN.fullmatch(self.every)):
            self.refuse("every", "allowed: as in 10 days, 2 weeks, 1 month, friday, or null")

    def is_old(self, cutoff: date, newest: date) -> bool:
        """Whether a model with prices up to a day is too old, where the newest are of another."""
        if self.every is None or newest <= cutoff:
            return False
        if self.every in _DAYS:
            ahead = (_DAYS.index(self.every) - cutoff.weekday() - 1) % 7 + 1
            return (newest - cutoff).days >= ahead
        count, unit = self.every.split(" ")
        return newest >= _later(cutoff, int(count), unit.removesuffix("s"))


def _later(day: date, count: int, unit: str) -> date:
    """So much later; where a month is too short, its last day."""
    if unit in ("day", "week"):
        return date.fromordinal(day.toordinal() + count * (7 if unit == "week" else 1))
    months = day.month - 1 + count * (12 if unit == "year" else 1)
    year, month = day.year + months // 12, months % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


@dataclass(frozen=True, kw_only=True)
class WatchLimits(Options):
    """From which evidence on the watch is yellow, and red."""

    section = "watch"

    yellow: Annotated[float, Bounds(above=1, most=1e9)] = 20.0
    """The evidence from which on it is yellow: a release that is right gets there in one of so many
    cases at most, however long it is watched."""
    red: Annotated[float, Bounds(above=1, most=1e9)] = 100.0
    """The evidence from which on it is red: a model is trained, and people are asked to decide."""

    def __post_init__(self) -> None:
        """Raise Refusal for a value that its type does not allow, and for limits out of order."""
        super().__post_init__()
        if self.red < self.yellow:
            self.refuse("red", f"allowed: watch.yellow, which is {self.yellow:g}, or more")
