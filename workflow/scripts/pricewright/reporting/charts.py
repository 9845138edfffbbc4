"""The report's charts, in Vega-Lite: of one symbol, of all symbols together, of the data.

Those of one symbol take the same data by name, so that a page can draw them for any symbol:
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

from pricewright.reporting.drawing import WIDTH, Ink, Spec
from pricewright.reporting.text import interval_ratio, worst
from pricewright.reporting.verdict import percent

NAMES = {"model": "model", "random_walk": "plain random walk"}


def coverage(model: Mapping[str, Any], ink: Ink, width: int = WIDTH) -> Spec:
    """Share of prices within the interval at each horizon, beside the share it promises."""
    level = model["parameters"]["level"]
    pooled = model["metrics"]["pooled"]
    points = [
        {"days": days, "share": share, "who": name}
        for who, name in NAMES.items()
        for days, share in enumerate(pooled[who]["by_horizon"]["coverage"], start=1)
        if share is not None
    ]
    lowest = min([point["share"] for point in points], default=level)
    lines = {
        "data": {"values": points},
        "mark": {"type": "line", "point": {"filled": True, "size": 40}},
        "encoding": {
            "x": {
                "field": "days",
                "type": "ordinal",
                "title": "days ahead",
                "axis": {"labelAngle": 0, "labelOverlap": True, "grid": False},
            },
            "y": {
                "field": "share",
                "type": "quantitative",
                "title": "prices within the interval",
                "axis": {"format": ".0%", "tickCount": 5},
                "scale": {"domain": [max(0.0, min(lowest, level) - 0.05), 1.0], "nice": True},
            },
            "color": _who(ink),
            "tooltip": [
                {"field": "who", "title": "forecast"},
                {"field": "days", "title": "days ahead"},
                {"field": "share", "title": "held", "format": ".1%"},
            ],
        },
    }
    promise = {
        "data": {"values": [{"level": level}]},
        "mark": {"type": "rule", "strokeDash": [6, 4], "color": ink.muted},
        "encoding": {"y": {"field": "level", "type": "quantitative"}},
    }
    return {"width": width, "height": width // 2, "layer": [lines, promise]}


def calibration(model: Mapping[str, Any], ink: Ink) -> Spec:
    """The histogram of the probability integral transform; flat is right."""
    counts = model["metrics"]["pooled"]["pit"]["counts"]
    total = sum(counts)
    bins = [
        {"from": place / len(counts), "to": (place + 1) / len(counts), "share": count / total}
        for place, count in enumerate(counts)
        if total
    ]
    bars = {
        "data": {"values": bins},
        "mark": {"type": "bar", "color": ink.model, "binSpacing": 2},
        "encoding": {
            "x": {
                "field": "from",
                "type": "quantitative",
                "bin": {"binned": True, "step": 1 / max(len(counts), 1)},
                "title": "where prices fell in the forecast distribution",
                "axis": {"format": ".0%", "values": [0, 0.25, 0.5, 0.75, 1], "grid": False},
            },
            "x2": {"field": "to"},
            "y": {
                "field": "share",
                "type": "quantitative",
                "title": "share of prices",
                "axis": {"format": ".0%", "tickCount": 4},
                "scale": {"domainMin": 0},
            },
        },
    }
    flat = {
        "data": {"values": [{"share": 1 / max(len(counts), 1)}]},
        "mark": {"type": "rule", "strokeDash": [6, 4], "color": ink.muted},
        "encoding": {"y": {"field": "share", "type": "quantitative"}},
    }
    return {"width": WIDTH, "height": WIDTH // 2, "layer": [bars, flat]}


def skill(rows: Sequence[tuple[str, float | None, float | None, float | None]], ink: Ink) -> Spec:
    """Skill with its interval, row by row: name, skill, lower, upper; right of 0 is better."""
    known = [
        {"name": name, "skill": found, "lower": lower, "upper": upper}
        for name, found, lower, upper in rows
        if found is not None
    ]
    order = [row["name"] for row in known]
    y = {
        "field": "name",
        "type": "nominal",
        "sort": order,
        "title": None,
        "axis": {"labelLimit": 95, "ticks": False, "domain": False},
    }
    x = {
        "type": "quantitative",
        "title": "loss saved beside the plain random walk",
        "axis": {"format": "+.0%", "tickCount": 5},
    }
    whiskers = {
        "transform": [{"filter": "isValid(datum.lower)"}],
        "mark": {"type": "rule", "strokeWidth": 2, "color": ink.model},
        "encoding": {"y": y, "x": x | {"field": "lower"}, "x2": {"field": "upper"}},
    }
    dots = {
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1, "color": ink.model},
        "encoding": {"y": y, "x": x | {"field": "skill"}},
    }
    zero = {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "strokeDash": [6, 4], "color": ink.muted},
        "encoding": {"x": x | {"field": "zero"}},
    }
    return {
        "width": WIDTH - 70,
        "height": {"step": 20},
        "data": {"values": known},
        "layer": [zero, whiskers, dots],
    }


def interval_ratios(model: Mapping[str, Any], max_symbols: int, ink: Ink) -> Spec:
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
        "mark": {"type": "rule", "strokeWidth": 3, "color": ink.model},
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
        "mark": {"type": "point", "filled": True, "size": 70, "color": ink.model},
        "encoding": {key: stems["encoding"][key] for key in ("x", "y")},
    }
    rule = {
        "data": {"values": [{"ratio": 1}]},
        "mark": {"type": "rule", "strokeDash": [6, 4], "color": ink.muted},
        "encoding": {"x": stems["encoding"]["x"]},
    }
    shown = f", the worst {len(order)}" if count > len(order) else ""
    return {
        "title": f"Interval score beside the plain random walk{shown}",
        "width": 560,
        "height": {"step": 22},
        "data": {"values": ratios},
        "layer": [rule, stems, dots],
    }


def titled_coverage(model: Mapping[str, Any], ink: Ink) -> Spec:
    """`coverage` as a file of its own, which has to say what it is."""
    title = (
        f"Coverage of the {percent(model['parameters']['level'])} interval (dashed: as promised)"
    )
    return {"title": title} | coverage(model, ink, 560)


def _who(ink: Ink) -> Spec:
    colours = {"domain": list(NAMES.values()), "range": [ink.model, ink.other]}
    return {"field": "who", "type": "nominal", "scale": colours}


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
