"""The report's pictures: Vega-Lite, drawn to SVG with no browser and no network.

One grammar of graphics serves the still pictures here and the interactive ones of a page.
"""

import json
from collections.abc import Mapping
from typing import Any

import vl_convert

from pricewright.tables import interval_ratio, worst
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
                "axis": {"labelAngle": 0, "labelOverlap": True},
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
    by_symbol = model["metrics"]["by_symbol"]
    known = {symbol: interval_ratio(scores) for symbol, scores in by_symbol.items()}
    order = [symbol for symbol in worst(model) if known[symbol] >= 0]
    count, order = len(order), order[:max_symbols]
    ratios = [{"symbol": symbol, "ratio": known[symbol]} for symbol in order]
    lowest, highest = (f([1.0, *(known[symbol] for symbol in order)]) for f in (min, max))
    margin = (highest - lowest) * 0.1 or 0.01
    ends = [max(lowest - margin, 0.0), highest + margin]
    stems = {
        "mark": {"type": "rule", "strokeWidth": 3, "color": "#0072b2"},
        "encoding": {
            "y": {
                "field": "symbol",
                "type": "nominal",
                "sort": order,
                "title": None,
                "axis": {"labelLimit": 300},
            },
            "x": {
                "field": "ratio",
                "type": "quantitative",
                "title": "interval score / plain random walk's (left of 1 is better)",
                "scale": {"domain": ends},
                "axis": {"format": ".3~f"},
            },
            "x2": {"datum": 1},
        },
    }
    dots = {
        "mark": {"type": "point", "filled": True, "size": 70, "color": "#0072b2"},
        "encoding": {key: stems["encoding"][key] for key in ("x", "y")},
    }
    rule = {
        "data": {"values": [{"ratio": 1}]},
        "mark": {"type": "rule", "strokeDash": [6, 4], "color": "#555555"},
        "encoding": {"x": stems["encoding"]["x"]},
    }
    shown = f", the worst {len(order)}" if count > len(order) else ""
    return _svg(
        {
            "title": f"Interval score beside the plain random walk{shown}",
            "width": 560,
            "height": {"step": 22},
            "data": {"values": ratios},
            "layer": [rule, stems, dots],
        }
    )


def _svg(chart: dict[str, Any]) -> bytes:
    spec = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _CONFIG} | chart
    drawn: str = vl_convert.vegalite_to_svg(json.dumps(spec), allowed_base_urls=[])
    return drawn.encode()
