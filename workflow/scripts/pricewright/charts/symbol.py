"""Pictures of one symbol: its price and forecasts, its volatility, its value-at-risk.

Each takes the same data by name, so that a page can draw it for any symbol:
days   time (ms since 1970), price, lower, upper and fan (which forecast these bounds are of); of
       the change since the day before volatility, var_1, var_5 as they were forecast, and beyond,
       the tail of the exception that it was: `1%`, `5%` or null.
hits   time and tail of each exception of the whole evaluation.
The price and its changes are null on the days to come, and so is a forecast that there is not.
Changes are those of logarithms where the scale is `log`, of prices where it is `level`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pricewright.charts.drawing import WIDTH, Ink, Spec

Data = Mapping[str, Sequence[Mapping[str, Any]]]

EMPTY: Data = {"days": [], "hits": []}
HEIGHT = 170
LATELY = 20
"""The days over which volatility is said to be realised."""

_LINES = {"volatility": "forecast", "realised": f"realised, {LATELY} days"}

_TIME = {
    "field": "time",
    "type": "temporal",
    "scale": {"type": "utc"},
    "title": None,
    "axis": {"format": "%b %y", "tickCount": 4, "labelOverlap": True, "grid": False},
}


def price(data: Data, scale: str, ink: Ink) -> Spec:
    """The price within the intervals that were forecast, and that of the days to come."""
    fan = {
        "mark": {"type": "area", "opacity": 0.3, "color": ink.model},
        "encoding": {
            "x": _TIME,
            "y": {
                "field": "lower",
                "type": "quantitative",
                "title": None,
                "scale": {"zero": False},
                "axis": {"tickCount": 5},
            },
            "y2": {"field": "upper"},
            "detail": {"field": "fan"},
        },
    }
    line = {
        "transform": [{"filter": "isValid(datum.price)"}],
        "mark": {"type": "line", "strokeWidth": 1.3, "color": ink.text},
        "encoding": {"x": _TIME, "y": {"field": "price", "type": "quantitative"}},
    }
    bounded = {"filter": "isValid(datum.lower) && isValid(datum.upper)"}
    return _chart(data, [fan | {"transform": [bounded]}, line])


def volatility(data: Data, scale: str, ink: Ink) -> Spec:
    """The deviation forecast for each day beside the size of the change that came."""
    y = {"type": "quantitative", "title": None, "axis": _axis(scale)}
    bars = {
        "mark": {"type": "rule", "strokeWidth": 1, "color": ink.grid},
        "encoding": {"x": _TIME, "y": y | {"field": "size"}, "y2": {"datum": 0}},
    }
    lines = {
        "transform": [
            {"fold": list(_LINES), "as": ["kind", "value"]},
            {"filter": "isValid(datum.value)"},
        ],
        "mark": {"type": "line", "strokeWidth": 1.5},
        "encoding": {
            "x": _TIME,
            "y": y | {"field": "value"},
            "color": {
                "field": "kind",
                "type": "nominal",
                "scale": {"domain": list(_LINES), "range": [ink.model, ink.other]},
                "legend": {"labelExpr": f"{json.dumps(_LINES)}[datum.label]"},
            },
        },
    }
    return _chart(data, [bars, lines], _changes(scale))


def risk(data: Data, scale: str, ink: Ink) -> Spec:
    """Each day's change beside its value-at-risk; above, all exceptions of the evaluation."""
    y = {"type": "quantitative", "title": None, "axis": _axis(scale)}
    colour = {
        "field": "beyond",
        "type": "nominal",
        "scale": {"domain": ["5%", "1%"], "range": [ink.other, ink.bad]},
        "legend": None,
    }
    bars = {
        "mark": {"type": "rule", "strokeWidth": 1, "color": ink.grid},
        "encoding": {"x": _TIME, "y": y | {"field": "change"}, "y2": {"datum": 0}},
    }
    lines = [
        {
            "transform": [{"filter": f"isValid(datum.{name})"}],
            "mark": {"type": "line", "strokeWidth": 1.3, "color": ink.model, "strokeDash": dash},
            "encoding": {"x": _TIME, "y": y | {"field": name}},
        }
        for name, dash in (("var_5", [3, 2]), ("var_1", [1, 0]))
    ]
    points = {
        "transform": [{"filter": "isValid(datum.beyond)"}],
        "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
        "encoding": {"x": _TIME, "y": y | {"field": "change"}, "color": colour},
    }
    strip = {
        "width": WIDTH,
        "height": 34,
        "data": {"name": "hits"},
        "mark": {"type": "tick", "thickness": 1.5, "size": 14},
        "encoding": {
            "x": _TIME,
            "y": {
                "field": "tail",
                "type": "nominal",
                "scale": {"domain": ["5%", "1%"]},
                "title": None,
                "axis": {"ticks": False, "domain": False},
            },
            "color": colour | {"field": "tail"},
        },
    }
    below = {
        "width": WIDTH,
        "height": HEIGHT - 70,
        "data": {"name": "days"},
        "transform": _changes(scale),
        "layer": [bars, *lines, points],
    }
    return {
        "datasets": dict(data),
        "vconcat": [strip, below],
        "spacing": 12,
        "resolve": {"scale": {"x": "independent", "color": "shared"}},
    }


def _chart(data: Data, layers: Sequence[Spec], transform: Sequence[Spec] = ()) -> Spec:
    return {
        "datasets": {"days": data["days"]},
        "data": {"name": "days"},
        "width": WIDTH,
        "height": HEIGHT,
        "transform": list(transform),
        "layer": list(layers),
    }


def _axis(scale: str) -> Spec:
    return {"tickCount": 4} | ({"format": ".2~%"} if scale == "log" else {})


def _changes(scale: str) -> list[Spec]:
    """Of days with a price: the change, on the scale of the model, and what was realised lately."""
    change = "log(datum.price / datum.before)" if scale == "log" else "datum.price - datum.before"
    before = {"op": "lag", "field": "price", "as": "before"}
    lately = {"op": "mean", "field": "square", "as": "square"}
    return [
        {"filter": "isValid(datum.price)"},
        {"window": [before], "sort": [{"field": "time"}]},
        {"filter": "isValid(datum.before)"},
        {"calculate": change, "as": "change"},
        {"calculate": "datum.change * datum.change", "as": "square"},
        {"window": [lately], "frame": [1 - LATELY, 0], "sort": [{"field": "time"}]},
        {"calculate": "sqrt(datum.square)", "as": "realised"},
        {"calculate": "abs(datum.change)", "as": "size"},
    ]
