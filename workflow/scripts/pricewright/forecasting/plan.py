"""What a walk-forward of some symbols has to know of all of them.

The days of a walk-forward evaluation: where it forecasts, and where it estimates anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricewright.forecasting import boosting, distribution, har
from pricewright.forecasting.panel import NEVER, Panel, panel_slices
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.trees import Tree
from pricewright.tables.arrays import Days, Floats


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


def make_timeline(panel: Panel, settings: Settings) -> Timeline:
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


@dataclass(frozen=True)
class Plan:
    """When a walk-forward estimates and forecasts, and what was estimated over all symbols.

    days: at whose ends parameters are estimated.  weights, forests: for each of these days, the
    HAR's (H, K), and the trees.  every: one in so many errors is in the pool of all symbols.
    """

    timeline: Timeline
    days: Sequence[int]
    weights: Sequence[Floats | None]
    forests: Sequence[Sequence[Tree] | None]
    every: int


def make_plan(
    panel: Panel,
    timeline: Timeline,
    settings: Settings,
    threads: int = 1,
    *,
    to_the_end: bool = True,
) -> Plan:
    """The plan of a walk-forward of a panel.

    to_the_end: whether to estimate once more at the end of the panel, for a model to deploy.
    """
    days = timeline.estimates.tolist() + ([int(panel.calendar[-1])] if to_the_end else [])
    return Plan(
        timeline=timeline,
        days=days,
        weights=_har_weights(panel, days, settings),
        forests=boosting.forests(panel, days, settings, threads),
        every=max(-(-len(panel) * settings.calibration // distribution.POOL), 1),
    )


def _har_weights(panel: Panel, days: Sequence[int], settings: Settings) -> list[Floats | None]:
    if settings.volatility not in ("har", "combined"):
        return [None] * len(days)
    step = har.every(int(panel.counts.sum()))
    rows = har.joined(
        [har.rows(part.panel, settings.horizon, step) for part in panel_slices(panel)]
    )
    result: list[Floats | None] = []
    for day in days:
        until = day - settings.embargo_days
        since = until - settings.window_days if settings.window_days is not None else -NEVER
        result.append(har.weights(rows, since, until, result[-1] if result else None))
    return result
