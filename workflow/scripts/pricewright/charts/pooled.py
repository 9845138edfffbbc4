"""Pictures of a model over all its symbols: coverage, calibration, skill."""

from collections.abc import Mapping, Sequence
from typing import Any

from pricewright.charts.drawing import WIDTH, Ink, Spec
from pricewright.tables import interval_ratio, worst
from pricewright.verdict import percent

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
