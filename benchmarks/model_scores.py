"""The accuracy table of `models.py`, from forecasts that were all made from the same dates."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pricewright.evaluation.metrics import (
    diebold_mariano,
    inside,
    interval_score,
    joint_score,
    mae_ratio,
    qlike,
)
from pricewright.forecasting.panel import from_scale
from pricewright.tables.arrays import Floats

LEVEL = 0.9
NAIVE = "naive, combined, conformal"
EWMA = "naive, ewma, conformal"
CONSTANT = "constant variance, normal"
HEADER = (
    f"{'':32}{'MAE / naive':>13}{'QLIKE - EWMA(0.94)':>27}{'90% interval':>16}{'ES - EWMA':>13}\n"
    f"{'':32}{'median':>7}{'mean':>6}{'1 day':>9}{'t':>5}{'10 days':>8}{'t':>5}"
    f"{'held':>8}{'score':>8}{'1 day':>8}{'t':>5}"
)
BOUND = 1.6448536269514722


@dataclass(frozen=True)
class Row:
    """What a row of the table says; NaN where a contender makes no such forecast."""

    mae_median: float
    mae_mean: float
    qlike: tuple[float, float]
    qlike_ahead: tuple[float, float]
    held: float
    score: float
    joint: tuple[float, float]

    def text(self, name: str) -> str:
        """The row as it is printed, with a dash for what there is not."""
        cells = [
            (self.mae_median, "7.3f"),
            (self.mae_mean, "6.3f"),
            *((self.qlike[0], "+9.4f"), (self.qlike[1], "+5.1f")),
            *((self.qlike_ahead[0], "+8.4f"), (self.qlike_ahead[1], "+5.1f")),
            *((100 * self.held, "7.1f"), (self.score, "8.3f")),
            *((self.joint[0], "+8.3f"), (self.joint[1], "+5.1f")),
        ]
        made = [_cell(value, form) for value, form in cells]
        made.insert(-3, "%" if np.isfinite(self.held) else " ")
        return f"{name:32}{''.join(made)}"


def _cell(value: float, form: str) -> str:
    if np.isfinite(value):
        return format(value, form)
    return "-".rjust(int(form.lstrip("+").split(".")[0]))


class Table:
    """What happened, and the forecasts by which all others are measured."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given, self.levels = given, given["levels"]
        self.rows, steps = np.maximum(given["rows"], 0), np.arange(1, int(given["horizon"]) + 1)
        self.columns = np.arange(self.rows.shape[1])
        ahead = given["rows"][..., None] + steps
        self.there = given["usable"][..., None] & (ahead < given["counts"][:, None])
        at = np.where(self.there, ahead, 0)
        self.actual = np.where(self.there, given["prices"][at, self.columns[:, None]], np.nan)
        changes = np.diff(given["values"], axis=0) ** 2
        self.so_far = np.concatenate([np.zeros((1, len(self.columns))), np.cumsum(changes, axis=0)])
        total = self.so_far[at[..., -1], self.columns] - self.so_far[self.rows, self.columns]
        self.ahead = np.where(self.there[..., -1], total, np.nan)
        day = np.maximum(given["daily_rows"], 0)
        use = (given["daily_rows"] >= 0) & given["usable"][given["daily_origins"]]
        day = np.minimum(day, len(changes) - 1)
        self.next = np.where(use, changes[day, self.columns], np.nan)
        moves = np.diff(given["values"], axis=0)
        self.change = np.where(use, moves[day, self.columns], np.nan)
        self.naive = self._errors(f"{NAIVE}/centres")
        self.constant = self._interval(*self._constant(steps))
        self.benchmark = self._variance_losses(EWMA)
        self.tail = self._tail_losses(EWMA)

    def constant_row(self) -> Row:
        """The naive forecast with intervals of constant variance: what scores are divided by."""
        return self._row(np.ones(len(self.columns)), None, self.constant, None)

    def row(self, name: str) -> Row:
        """All that one contender's forecasts come to."""
        ratios = mae_ratio(self._errors(f"{name}/centres"), self.naive)
        losses = self._variance_losses(name) if f"{name}/daily" in self.given else None
        interval = None
        if f"{name}/lower" in self.given:
            interval = self._interval(self.given[f"{name}/lower"], self.given[f"{name}/upper"])
        tail = self._tail_losses(name) if f"{name}/tail" in self.given else None
        return self._row(ratios, losses, interval, tail)

    def _row(self, ratios: Floats, losses: Any, interval: Any, tail: Any) -> Row:
        nothing = (np.nan, np.nan)
        found, ahead = nothing, nothing
        if losses is not None:
            found, ahead = (_compared(a, b) for a, b in zip(losses, self.benchmark, strict=True))
        held = score = np.nan
        if interval is not None:
            used = self.there.any(axis=(0, 2))
            held = float(np.nanmean(interval[0][:, used], axis=(0, 2)).mean())
            own, plain = (
                np.nanmean(each[1][:, used], axis=(0, 2)) for each in (interval, self.constant)
            )
            score = float((own / plain).mean())
        joint = nothing if tail is None else _compared(tail, self.tail)
        median, mean = float(np.nanmedian(ratios)), float(np.nanmean(ratios))
        return Row(median, mean, found, ahead, held, score, joint)

    def _errors(self, key: str) -> Floats:
        return self.actual - from_scale(self.given[key], self.levels)

    def _interval(self, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
        low, high = from_scale(lower, self.levels), from_scale(upper, self.levels)
        return inside(self.actual, low, high), interval_score(self.actual, low, high, LEVEL)

    def _constant(self, steps: Any) -> tuple[Floats, Floats]:
        """Bounds around the last value by the mean of all squared changes up to then."""
        last = self.given["values"][self.rows, self.columns][..., None]
        mean = self.so_far[self.rows, self.columns] / np.maximum(self.rows, 1)
        width = BOUND * np.sqrt(mean[..., None] * steps)
        return last - width, last + width

    def _tail_losses(self, name: str) -> Floats:
        """(D, S): the joint score of value-at-risk and expected shortfall at 97.5 %."""
        tail = self.given[f"{name}/tail"]
        return joint_score(self.change, tail[..., 0], tail[..., 1], 0.025)

    def _variance_losses(self, name: str) -> tuple[Floats, Floats]:
        """QLIKE of the next day (D, S), and of all days ahead (K, S)."""
        daily, ahead = self.given[f"{name}/daily"], self.given[f"{name}/variances"][..., -1]
        return qlike(self.next, daily), qlike(self.ahead, ahead)


def _compared(loss: Floats, other: Floats) -> tuple[float, float]:
    """The mean over symbols of their mean difference; Diebold-Mariano's t over the dates.

    The test is of the mean over symbols at each date.
    """
    difference = loss - other
    difference = difference[:, np.isfinite(difference).any(axis=0)]
    mean = float(np.nanmean(np.nanmean(difference, axis=0)))
    dates = np.isfinite(difference).any(axis=1)
    by_date = np.nanmean(difference[dates], axis=1)[:, None]
    if not by_date.any():
        return 0.0, np.nan
    return mean, float(diebold_mariano(by_date, np.zeros_like(by_date)).statistic[0])
