"""The days of a walk-forward evaluation: where it forecasts, and where it estimates anew."""

from dataclasses import dataclass

import numpy as np

from pricewright.arrays import Days
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings


@dataclass(frozen=True)
class Timeline:
    """Calendar days, the same for all symbols, a horizon of the joint calendar apart.

    origins: (K,), from which forecasts are evaluated; the last leaves a horizon to score.
    estimates: (E,), at whose end parameters are estimated; those of one hold to the next. The
    first come before the origins, so that errors made out of sample are there to calibrate by;
    the last is the last origin.
    """

    origins: Days
    estimates: Days


def timeline(panel: Panel, settings: Settings) -> Timeline:
    """The timeline of an evaluation; it begins when a first symbol has history enough."""
    calendar = panel.calendar
    step = settings.horizon
    before = -(-settings.calibration // step)
    places = np.arange(len(calendar) - 1 - step, -1, -step)[: settings.origins + before][::-1]
    grid = calendar[places]
    enough = np.sort(panel.days[settings.min_history - 1 : settings.min_history].ravel())
    grid = grid[grid >= enough[0]] if len(enough) else grid[:0]
    estimates = np.union1d(grid[:1], grid[:: -settings.refit])
    return Timeline(grid[-settings.origins :], estimates)
