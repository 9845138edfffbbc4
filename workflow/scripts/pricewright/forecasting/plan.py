"""What a walk-forward of some symbols has to know of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pricewright.arrays import Floats
from pricewright.forecasting import boosting, distribution, har
from pricewright.forecasting.panel import NEVER, Panel
from pricewright.forecasting.pieces import pieces
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.timeline import Timeline
from pricewright.forecasting.trees import Tree


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


def planned(
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
    rows = har.joined([har.rows(part.panel, settings.horizon, step) for part in pieces(panel)])
    result: list[Floats | None] = []
    for day in days:
        until = day - settings.embargo_days
        since = until - settings.window_days if settings.window_days is not None else -NEVER
        result.append(har.weights(rows, since, until, result[-1] if result else None))
    return result
