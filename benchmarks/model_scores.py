"""The accuracy table of `models.py`, from forecasts that all have the same dates."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pricewright.evaluation.metrics import (
    diebold_mariano,
    inside,
    interval_score,
    joint_score,
    mae_ratio,
    pinball,
    qlike,
)
from pricewright.forecasting.panel import from_scale
from pricewright.tables.arrays import Floats

LEVEL = 0.9
NAIVE = "naive, combined, conformal"
EWMA = "naive, ewma, conformal"
RIVAL = "arch GJR-GARCH-t"
CONSTANT = "constant variance, normal"
HEADER = (
    f"{'':32}{'MAE / naive':>13}{'QLIKE - EWMA(0.94)':>27}{'90% interval':>16}{'ES - EWMA':>13}"
    f"{'interval / GJR-t':>25}{'CRPS / GJR-t':>25}\n"
    f"{'':32}{'median':>7}{'mean':>6}{'1 day':>9}{'t':>5}{'10 days':>8}{'t':>5}"
    f"{'held':>8}{'score':>8}{'1 day':>8}{'t':>5}"
    f"{'1 day':>7}{'t':>5}{'10 days':>8}{'t':>5}{'1 day':>7}{'t':>5}{'10 days':>8}{'t':>5}"
)
BOUND = 1.6448536269514722
LARGEST = 1000.0
"""Larger values count as infinite, such as some EGARCH variances, and are not printed."""


@dataclass(frozen=True)
class Row:
    """A row of the table; NaN where a contender makes no such forecast."""

    mae_median: float
    mae_mean: float
    qlike: tuple[float, float]
    qlike_ahead: tuple[float, float]
    held: float
    score: float
    joint: tuple[float, float]
    beside_rival: tuple[tuple[float, float], ...]

    def text(self, name: str) -> str:
        """The printed row, with a dash for missing figures."""
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
        for place, (ratio, t) in enumerate(self.beside_rival):
            made += [_cell(ratio, "8.3f" if place % 2 else "7.3f"), _cell(t, "+5.1f")]
        return f"{name:32}{''.join(made)}"


def _cell(value: float, form: str) -> str:
    if abs(value) < LARGEST:
        return format(value, form)
    return "-".rjust(int(form.lstrip("+").split(".")[0]))


class Table:
    """The outcomes, and the forecasts that all others are compared with."""

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
        self.rival = self._distribution_losses(RIVAL) if f"{RIVAL}/next" in given else None

    def constant_row(self) -> Row:
        """The naive forecast with intervals of constant variance, by which scores are divided."""
        return self._row(np.ones(len(self.columns)), None, self.constant, None)

    def row(self, name: str) -> Row:
        """All figures of one contender's forecasts."""
        ratios = mae_ratio(self._errors(f"{name}/centres"), self.naive)
        losses = self._variance_losses(name) if f"{name}/daily" in self.given else None
        interval = None
        if f"{name}/lower" in self.given:
            interval = self._interval(self.given[f"{name}/lower"], self.given[f"{name}/upper"])
        tail = whole = None
        if f"{name}/next" in self.given:
            tail, whole = self._tail_losses(name), self._distribution_losses(name)
        return self._row(ratios, losses, interval, tail, whole)

    def _row(self, ratios: Floats, losses: Any, interval: Any, tail: Any, whole: Any = None) -> Row:
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
        beside = (nothing,) * 4
        if whole is not None and self.rival is not None:
            beside = tuple(_ratio(a, b) for a, b in zip(whole, self.rival, strict=True))
        median, mean = float(np.nanmedian(ratios)), float(np.nanmean(ratios))
        return Row(median, mean, found, ahead, held, score, joint, beside)

    def _errors(self, key: str) -> Floats:
        return self.actual - from_scale(self.given[key], self.levels)

    def _interval(self, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
        low, high = from_scale(lower, self.levels), from_scale(upper, self.levels)
        return inside(self.actual, low, high), interval_score(self.actual, low, high, LEVEL)

    def _constant(self, steps: Any) -> tuple[Floats, Floats]:
        """Bounds around the last value from the mean of all squared changes so far."""
        last = self.given["values"][self.rows, self.columns][..., None]
        mean = self.so_far[self.rows, self.columns] / np.maximum(self.rows, 1)
        width = BOUND * np.sqrt(mean[..., None] * steps)
        return last - width, last + width

    def _tail_losses(self, name: str) -> Floats:
        """(D, S): the joint score of value-at-risk and expected shortfall at 97.5 %."""
        found, grid = self.given[f"{name}/next"], self.given["grid"].tolist()
        return joint_score(self.change, found[..., grid.index(0.025)], found[..., -1], 0.025)

    def _distribution_losses(self, name: str) -> list[Floats]:
        """The interval score and CRPS of each next day (D, S), and of the price on the last day
        ahead (K, S): intervals of one and of many days, then CRPS of one and of many."""
        grid, values = self.given["grid"].tolist(), self.given["values"]
        day = np.maximum(self.given["daily_rows"], 0)
        moved = np.minimum(day + 1, len(values) - 1)
        found: list[list[Floats]] = [[], []]
        for now, happened, quantiles in (
            (
                values[day, self.columns],
                np.where(np.isnan(self.change), np.nan, self.given["prices"][moved, self.columns]),
                self.given[f"{name}/next"][..., :-1],
            ),
            (values[self.rows, self.columns], self.actual[..., -1], self.given[f"{name}/far"]),
        ):
            prices = from_scale(now[..., None] + quantiles, self.levels)
            low, high = (prices[..., grid.index(bound)] for bound in (0.05, 0.95))
            found[0].append(interval_score(happened, low, high, LEVEL))
            losses = [pinball(happened, prices[..., k], level) for k, level in enumerate(grid)]
            found[1].append(2 * np.mean(losses, axis=0))
        return found[0] + found[1]

    def _variance_losses(self, name: str) -> tuple[Floats, Floats]:
        """QLIKE of the next day (D, S), and of all days ahead (K, S)."""
        daily, ahead = self.given[f"{name}/daily"], self.given[f"{name}/variances"][..., -1]
        return qlike(self.next, daily), qlike(self.ahead, ahead)


def _ratio(loss: Floats, other: Floats) -> tuple[float, float]:
    """The mean over symbols of the ratio of their mean losses; Diebold-Mariano's t over the dates,
    of losses in units of the other's mean."""
    both = np.isfinite(loss) & np.isfinite(other)
    used = both.any(axis=0)
    ours, theirs = (np.where(both, part, np.nan)[:, used] for part in (loss, other))
    unit = np.nanmean(theirs, axis=0)
    t = _compared(ours / unit, theirs / unit)[1]
    return float(np.mean(np.nanmean(ours, axis=0) / unit)), t


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
