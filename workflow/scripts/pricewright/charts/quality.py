"""Pictures of the data: what was flagged when, what was quarantined for which reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from pricewright.charts.drawing import WIDTH, Ink, Spec

FEW = 8
"""Periods that have a label each; of more, each year's first has one."""


def calendar(cells: Sequence[Mapping[str, Any]], flags: Sequence[str], ink: Ink) -> Spec:
    """Flags by period, for all of them: cells of flag, period and entries; the darker, the more."""
    periods = list(dict.fromkeys(cell["period"] for cell in cells))
    years = list({period[:4]: period for period in reversed(periods)}.values())
    few = len(periods) <= FEW
    most = max((cell["entries"] for cell in cells), default=1)
    return {
        "width": WIDTH * 2,
        "height": {"step": 20},
        "data": {"values": list(cells)},
        "mark": {"type": "rect", "color": ink.bad, "cornerRadius": 2},
        "encoding": {
            "x": {
                "field": "period",
                "type": "ordinal",
                "scale": {"domain": periods, "paddingInner": 0.08},
                "title": None,
                "axis": {
                    "values": periods if few else years,
                    "labelExpr": "datum.value" if few else "slice(datum.value, 0, 4)",
                    "labelAngle": 0,
                    "labelOverlap": True,
                    "grid": False,
                    "ticks": False,
                },
            },
            "y": {
                "field": "flag",
                "type": "nominal",
                "sort": list(flags),
                "title": None,
                "axis": {"ticks": False, "domain": False},
            },
            "opacity": {
                "field": "entries",
                "type": "quantitative",
                "scale": {"type": "sqrt", "domain": [0, most], "range": [0.06, 1]},
                "legend": None,
            },
            "tooltip": [{"field": "flag"}, {"field": "period"}, {"field": "entries"}],
        },
    }
