"""Slips of units: prices in cents for dollars, with a decimal place too few, or in thousands."""

from typing import Final

import numpy as np

from pricewright.quality.panel import Bools, Entry, Floats, Ints, Panel
from pricewright.quality.thresholds import Thresholds

AT_LEAST: Final = 5.0
"""No slip is smaller than this multiple, whatever its tolerance."""


def slips(
    symbol: Ints, place: Ints, ratio: Floats, limits: Thresholds
) -> tuple[Bools, Ints, Floats]:
    """Which moves (m,), in order of symbol and place, are slips, where these end, their factors.

    A slip is a move to about 10, 100, 1000 … times the price before (`slip_tolerance`), or to
    the inverse, that is undone within `slip_days` prices; from 100 on also one that is not,
    whereas a price that stays at ten times or a tenth is rather a split's doing. The end is the
    index of the move that undoes it, which is no slip of its own; -1 for none. Moves that undo
    each other make chains, in which one is a slip and the next its end. NaN is no slip.
    """
    power = _power_of_ten(ratio, limits)
    ends = np.full(len(ratio), -1, dtype=np.int64)
    near = np.flatnonzero(power)
    undone = (
        (symbol[near[1:]] == symbol[near[:-1]])
        & (power[near[1:]] == -power[near[:-1]])
        & (place[near[1:]] - place[near[:-1]] <= limits.slip_days)
    )
    order = np.arange(len(near))
    chain = np.maximum.accumulate(np.where(np.append(False, undone)[: len(near)], 0, order))
    ending = (order - chain) % 2 == 1
    ends[near[:-1][ending[1:]]] = near[1:][ending[1:]]
    return (np.abs(power) >= 2) | (ends >= 0), ends, _factor(power)


def flag_slips_of_a_day(panel: Panel, limits: Thresholds) -> list[Entry]:
    """The flag `unit-slip` of an open, high or low that is about 10, 100 … times its own close."""
    found: list[Entry] = []
    if "close" not in panel.values:
        return found
    close = panel.values["close"]
    for column in ("open", "high", "low"):
        if column in panel.values:
            price = panel.values[column]
            far = (price >= AT_LEAST * close) | (AT_LEAST * price <= close)
            rows = np.flatnonzero(far & (price > 0) & (close > 0))
            ratio = price[rows] / close[rows]
            power = _power_of_ten(ratio, limits)
            rows, ratio, power = rows[power != 0], ratio[power != 0], power[power != 0]
            found += panel.entries(
                "unit-slip",
                column,
                rows,
                price=price[rows],
                close=close[rows],
                ratio=ratio,
                factor=_factor(power),
            )
    return found


def _power_of_ten(ratio: Floats, limits: Thresholds) -> Ints:
    """The power of ten that a ratio is about, 0 if it is about none."""
    exact = np.nan_to_num(np.log10(np.clip(ratio, 1e-300, 1e300)))
    power = np.rint(exact).astype(np.int64)
    near = np.abs(exact - power) <= np.log10(1 + limits.slip_tolerance)
    return np.where(near, power, 0)


def _factor(power: Ints) -> Floats:
    return np.power(10.0, power).astype(np.float64)
