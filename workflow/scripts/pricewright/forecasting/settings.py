"""The options of a model, its evaluation, when it is trained again, and how it is watched."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Literal

from pricewright.tables.options import Bounds, Options

LocationKind = Literal["naive", "drift", "ses", "theta", "lightgbm"]
VolatilityKind = Literal["rolling", "ewma", "garch11", "har", "combined"]
DistributionKind = Literal["normal", "fhs", "conformal"]

WITH_GARCH: Final = ("garch11", "combined")
WITH_HAR: Final = ("har", "combined")
"""The volatilities for which a GARCH per symbol, and the HAR regression, are estimated."""


SCALES = ("auto", "log", "level")


def scale_rules(said: str) -> list[tuple[str, str]] | None:
    """The pairs (pattern of symbols, scale) in a text such as `level` or `*_YIELD=level, WTI=log`.

    The first pattern that fits a symbol counts. None if the text is not of this form, or has a
    pattern twice.
    """
    if said in SCALES:
        return [("*", said)]
    parts = [part.rpartition("=") for part in said.split(",")]
    found = [(pattern.strip(), scale.strip()) for pattern, _, scale in parts]
    once = len(dict(found)) == len(found)
    right = all(pattern and scale in SCALES for pattern, scale in found)
    return found if once and right else None


@dataclass(frozen=True, kw_only=True)
class ModelSettings(Options):
    """How a model is made."""

    section = "model"

    price: Literal["auto", "open", "high", "low", "close", "adj_close"] = "auto"
    """The column to model; auto: adj_close, which accounts for splits and dividends, if there is
    one, else close."""
    horizon: Annotated[int, Bounds(least=1, most=250)] = 10
    """How many days ahead to forecast and to evaluate."""
    level: Annotated[float, Bounds(least=0.5, most=0.99)] = 0.9
    """The share of prices that the forecast's interval should contain."""
    scale: Annotated[str, Bounds(least=1)] = "auto"
    """The scale on which to model: log, level, or auto, which is level for a symbol of which more
    than one price in 100 is 0 or below, else log. Or by patterns of symbols, the first that fits,
    such as *_YIELD=level,WTI=log."""
    location: LocationKind = "naive"
    """The point forecast: the last price (naive), the last price plus the mean change (drift),
    simple exponential smoothing (ses), the theta method, or gradient-boosted trees over all symbols
    on their last changes (lightgbm, which is installed separately). Do not expect skill."""
    volatility: VolatilityKind = "combined"
    """The variance forecast: the mean of the last squared changes (rolling), their exponentially
    weighted average (ewma), GARCH(1,1) (garch11), one regression over all symbols on averages of
    the days' ranges, squared changes and falls (har), or the geometric mean of garch11 and har
    (combined), in which har counts three times as much if a symbol mostly has ranges."""
    distribution: DistributionKind = "conformal"
    """The shape around the point forecast: normal, filtered historical simulation (fhs), or the
    quantiles of earlier standardised errors (conformal)."""
    decay: Annotated[float, Bounds(least=0.5, most=0.999)] = 0.94
    """The EWMA's decay per day: the weight of yesterday's variance in today's."""
    rolling_days: Annotated[int, Bounds(least=2, most=10_000)] = 60
    """The number of squared changes that `rolling` averages."""
    calibration: Annotated[int, Bounds(least=100, most=100_000)] = 500
    """The number of past days whose errors make the distribution. conformal uses twice as many
    days, and of the errors more than a day ahead, which overlap, every second one."""
    window_days: Annotated[int | None, Bounds(least=30, most=100_000)] = None
    """The number of calendar days from which parameters are estimated; null: all."""
    min_history: Annotated[int, Bounds(least=30, most=10_000)] = 60
    """The number of observations that a symbol needs to be modelled, or forecast from a date."""
    max_age_days: Annotated[int, Bounds(least=1, most=100_000)] = 30
    """A symbol is left out of the model if its last price is older than this many days."""

    def __post_init__(self) -> None:
        """Raise Refusal for a value that its type does not allow, and for an invalid scale."""
        super().__post_init__()
        if not isinstance(self.scale, str) or scale_rules(self.scale) is None:
            self.refuse(
                "scale",
                "allowed: auto, log, level, or such as *_YIELD=level,WTI=log, each pattern once",
            )


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings(Options):
    """How a model is evaluated, walk-forward."""

    section = "evaluation"

    origins: Annotated[int, Bounds(least=20, most=10_000)] = 100
    """The number of past dates from which to evaluate, one horizon apart."""
    refit: Annotated[int, Bounds(least=1, most=10_000)] = 10
    """Parameters are estimated again after this many of these dates."""
    embargo_days: Annotated[int, Bounds(least=0, most=10_000)] = 0
    """The number of calendar days before a date that are left out of its estimate."""


@dataclass(frozen=True, kw_only=True)
class Settings(EvaluationSettings, ModelSettings):
    """How a model is made and evaluated."""


_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"([1-9]\d{0,3}) (day|week|month|year)s?")


@dataclass(frozen=True, kw_only=True)
class TrainWhen(Options):
    """When a new model is trained, in mode auto."""

    section = "train"

    every: Annotated[str | None, Bounds(least=1)] = "1 month"
    """When the newest price is this much later than the last price of the model in place: such as
    `2 weeks` or `1 month`. Or a weekday: with the first price on or after it. null: age does not
    count."""
    new_symbols: Annotated[float, Bounds(least=0, most=1)] = 0.05
    """When more than this share of the symbols that can be modelled are unknown to the model in
    place."""
    restated: Annotated[float, Bounds(least=0, most=1)] = 0.01
    """When more than this share of the prices it was trained on were restated or withdrawn."""

    def __post_init__(self) -> None:
        """Raise Refusal for a value that its type does not allow, and for an invalid age."""
        super().__post_init__()
        if self.every is not None and not (self.every in _DAYS or _SPAN.fullmatch(self.every)):
            self.refuse("every", "allowed: such as 10 days, 2 weeks, 1 month, friday, or null")

    def is_old(self, cutoff: date, newest: date) -> bool:
        """Whether a model with prices up to `cutoff` is too old on the day `newest`."""
        if self.every is None or newest <= cutoff:
            return False
        if self.every in _DAYS:
            ahead = (_DAYS.index(self.every) - cutoff.weekday() - 1) % 7 + 1
            return (newest - cutoff).days >= ahead
        count, unit = self.every.split(" ")
        return newest >= _later(cutoff, int(count), unit.removesuffix("s"))


def _later(day: date, count: int, unit: str) -> date:
    """A day later by `count` units; the last day of a month that is too short."""
    if unit in ("day", "week"):
        return date.fromordinal(day.toordinal() + count * (7 if unit == "week" else 1))
    months = day.month - 1 + count * (12 if unit == "year" else 1)
    year, month = day.year + months // 12, months % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


@dataclass(frozen=True, kw_only=True)
class WatchLimits(Options):
    """The evidence from which the watch is yellow, and red."""

    section = "watch"

    yellow: Annotated[float, Bounds(above=1, most=1e9)] = 20.0
    """The evidence from which the watch is yellow. A release whose forecasts are right gets there
    in at most one case in this many, however long it is watched."""
    red: Annotated[float, Bounds(above=1, most=1e9)] = 100.0
    """The evidence from which the watch is red: a model is trained, and people must decide."""

    def __post_init__(self) -> None:
        """Raise Refusal for a value that its type does not allow, and for limits out of order."""
        super().__post_init__()
        if self.red < self.yellow:
            self.refuse("red", f"allowed: watch.yellow, which is {self.yellow:g}, or more")
