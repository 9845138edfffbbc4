"""The report's pictures: Vega-Lite, drawn to SVG with no browser and no network.

One grammar of graphics serves the still pictures here and the interactive ones of a page.
"""

import json
from collections.abc import Mapping
from typing import Any

import vl_convert

from pricewright.verdict import percent

_CONFIG = {
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "background": "white",
    "axis": {"labelFontSize": 12, "titleFontSize": 13, "titleFontWeight": "normal"},
    "legend": {"labelFontSize": 12, "title": None, "orient": "top"},
    "title": {"fontSize": 15, "anchor": "start"},
    "view": {"stroke": None},
}
_NAMES = {"model": "model", "random_walk": "plain random walk"}
_COLOURS = {"domain": list(_NAMES.values()), "range": ["#0072b2", "#e69f00"]}


def coverage(model: Mapping[str, Any]) -> bytes:
    """Share of prices within the interval at each horizon, beside the share it promises."""
    level = model["parameters"]["level"]
    pooled = model["metrics"]["pooled"]
    points = [
        {"days": days, "share": share, "who": name}
        for who, name in _NAMES.items()
        for days, share in enumerate(pooled[who]["by_horizon"]["coverage"], start=1)
        if share is not None
    ]
    lowest = min([point["share"] for point in points], default=level)
    scale = {"domain": [max(0.0, min(lowest, level) - 0.05), 1.0], "nice": True}
    lines = {
        "data": {"values": points},
        "mark": {"type": "line", "point": {"filled": True, "size": 50}},
        "encoding": {
            "x": {
                "field": "days",
                "type": "ordinal",
                "title": "days ahead",
                "axis": {"labelAngle": 0},
            },
            "y": {
                "field": "share",
                "type": "quantitative",
                "title": "prices within the interval",
                "axis": {"format": ".0%"},
                "scale": scale,
            },
            "color": {"field": "who", "type": "nominal", "scale": _COLOURS},
        },
    }
    promise = {
        "data": {"values": [{"level": level}]},
        "mark": {"type": "rule", "strokeDash": [6, 4], "color": "#555555"},
        "encoding": {"y": {"field": "level", "type": "quantitative"}},
    }
    title = f"Coverage of the {percent(level)} interval (dashed: as promised)"
    return _svg({"title": title, "width": 560, "height": 280, "layer": [lines, promise]})


def skill(model: Mapping[str, Any], max_symbols: int) -> bytes:
    """Each symbol's interval score over the plain random walk's, worst first; below 1 is better."""
    ratios = [
        {
            "symbol": symbol,
            "ratio": scores["model"]["interval_score"] / scores["random_walk"]["interval_score"],
        }
        for symbol, scores in model["metrics"]["by_symbol"].items()
        if scores["random_walk"]["interval_score"]
    ]
    ratios = sorted(ratios, key=lambda point: (-point["ratio"], point["symbol"]))[:max_symbols]
    order = [point["symbol"] for point in ratios]
    reach = max([abs(point["ratio"] - 1) for point in ratios], default=0.0) * 1.1 or 0.01
    stems = {
        "mark": {"type": "rule", "strokeWidth": 3, "color": "#0072b2"},
        "encoding": {
            "y": {"field": "symbol", "type": "nominal", "sort": order, "title": None},
            "x": {
                "field": "ratio",
                "type": "quantitative",
                "title": "interval score / plain random walk's",
                "scale": {"domain": [1 - reach, 1 + reach]},
                "axis": {"format": ".3f"},
            },
            "x2": {"datum": 1},
        },
    }
    dots = {
        "mark": {"type": "point", "filled": True, "size": 70, "color": "#0072b2"},
        "encoding": {key: stems["encoding"][key] for key in ("x", "y")},
    }
    shown = f", the worst {len(ratios)}" if len(ratios) == max_symbols else ""
    return _svg(
        {
            "title": f"Interval score beside the plain random walk{shown}",
            "width": 560,
            "height": {"step": 22},
            "data": {"values": ratios},
            "layer": [stems, dots],
        }
    )


def _svg(chart: dict[str, Any]) -> bytes:
    spec = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _CONFIG} | chart
    drawn: str = vl_convert.vegalite_to_svg(json.dumps(spec), allowed_base_urls=[])
    return drawn.encode()
