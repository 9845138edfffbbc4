"""The report's charts in Vega-Lite: of one symbol, of all symbols together, of the data.

Charts of one symbol only name their data; the page fills it in and draws them:
days   time (ms since 1970), price, lower, upper and fan (the forecast that the bounds belong to);
       the forecasts volatility, var_1 and var_5 of the change since the day before; and beyond,
       the tail of an exception on that day: `1%`, `5%` or null.
hits   time and tail of each exception in the whole evaluation.
Prices and changes are null on future days; a missing forecast is null.
Changes are changes of the logarithm on scale `log` and of the price on scale `level`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pricewright.reporting import figures
from pricewright.reporting.drawing import WIDTH, Ink, Spec
from pricewright.reporting.figures import NAMES, percent

HEIGHT = 170
FEW = 8
"""Up to so many periods each have a label; if there are more, only the first of each year has."""

LATELY = 20
"""The days over which realised volatility is computed."""

_LINES = {"volatility": "forecast", "realised": f"realised, {LATELY} days"}

_BARE = {"ticks": False, "domain": False}
"""An axis that shows names only."""

_TIME = {
    "field": "time",
    "type": "temporal",
    "scale": {"type": "utc"},
    "title": None,
    "axis": {"format": "%b %Y", "tickCount": 4, "labelOverlap": True, "grid": False},
}


def coverage(model: Mapping[str, Any], ink: Ink, width: int = WIDTH) -> Spec:
    """Share of prices within the interval at each horizon, and the share it promises."""
    level = model["parameters"]["level"]
    pooled = model["metrics"]["pooled"]
    points = [
        {"days": days, "share": share, "who": name}
        for who, name in NAMES.items()
        for days, share in enumerate(pooled[who]["by_horizon"]["coverage"], start=1)
        if share is not None
    ]
    lowest = min([point["share"] for point in points], default=level)
    colours = {"domain": list(NAMES.values()), "range": [ink.model, ink.other]}
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
            "y": quantity(
                "share",
                title="prices within the interval",
                axis={"format": ".0%", "tickCount": 5},
                scale={"domain": [max(0.0, min(lowest, level) - 0.05), 1.0], "nice": True},
            ),
            "color": category("who", scale=colours),
            "tooltip": [
                {"field": "who", "title": "forecast"},
                {"field": "days", "title": "days ahead"},
                {"field": "share", "title": "held", "format": ".1%"},
            ],
        },
    }
    promise = _dashed(ink, "y", quantity("level"), level)
    return {"width": width, "height": width // 2, "layer": [lines, promise]}


def titled_coverage(model: Mapping[str, Any], ink: Ink) -> Spec:
    """`coverage` as a file of its own, with a title."""
    level = percent(model["parameters"]["level"])
    title = f"Coverage of the {level} interval (dashed: as promised)"
    return {"title": title} | coverage(model, ink, 560)


def calibration(model: Mapping[str, Any], ink: Ink) -> Spec:
    """The histogram of the probability integral transform, which should be flat."""
    counts = model["metrics"]["pooled"]["pit"]["counts"]
    total, step = sum(counts), 1 / max(len(counts), 1)
    bins = [
        {"from": place / len(counts), "to": (place + 1) / len(counts), "share": count / total}
        for place, count in enumerate(counts)
        if total
    ]
    bars = {
        "data": {"values": bins},
        "mark": {"type": "bar", "color": ink.model, "binSpacing": 2},
        "encoding": {
            "x": quantity(
                "from",
                bin={"binned": True, "step": step},
                title="where prices fell in the forecast distribution",
                axis={"format": ".0%", "values": [0, 0.25, 0.5, 0.75, 1], "grid": False},
            ),
            "x2": {"field": "to"},
            "y": quantity(
                "share",
                title="share of prices",
                axis={"format": ".0%", "tickCount": 4},
                scale={"domainMin": 0},
            ),
        },
    }
    flat = _dashed(ink, "y", quantity("share"), step)
    return {"width": WIDTH, "height": WIDTH // 2, "layer": [bars, flat]}


def skill(rows: Sequence[tuple[str, float | None, float | None, float | None]], ink: Ink) -> Spec:
    """Skill with its interval, row by row: name, skill, lower, upper; right of 0 is better."""
    known = [
        dict(zip(("name", "skill", "lower", "upper"), row, strict=True))
        for row in rows
        if row[1] is not None
    ]
    y = category(
        "name",
        sort=[row["name"] for row in known],
        title=None,
        axis={"labelLimit": 95, "labelExpr": _short(14), **_BARE},
    )
    x = {
        "title": "loss saved relative to the plain random walk",
        "axis": {"format": "+.0%", "tickCount": 5},
    }
    whiskers = {
        "transform": [_known("lower")],
        "mark": {"type": "rule", "strokeWidth": 2, "color": ink.model},
        "encoding": {"y": y, "x": quantity("lower", **x), "x2": {"field": "upper"}},
    }
    dots = {
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1, "color": ink.model},
        "encoding": {"y": y, "x": quantity("skill", **x)},
    }
    return {
        "width": WIDTH - 70,
        "height": {"step": 20},
        "data": {"values": known},
        "layer": [_dashed(ink, "x", quantity("zero", **x), 0), whiskers, dots],
    }


def interval_ratios(model: Mapping[str, Any], max_symbols: int, ink: Ink) -> Spec:
    """Each symbol's interval score over the plain random walk's, worst first; below 1 is better."""
    ratios = figures.interval_ratios(model)
    every: list[dict[str, Any]] = [
        {"symbol": symbol, "ratio": ratio}
        for symbol in figures.worst(model)
        if (ratio := ratios[symbol]) is not None
    ]
    rows = every[:max_symbols]
    lowest, highest = (end([1.0, *(row["ratio"] for row in rows)]) for end in (min, max))
    margin = (highest - lowest) * 0.1 or 0.01
    y = category(
        "symbol",
        sort=[row["symbol"] for row in rows],
        title=None,
        axis={"labelLimit": 300, "labelExpr": _short(40)},
    )
    x = quantity(
        "ratio",
        title="interval score / plain random walk's (left of 1 is better)",
        scale={"domain": [max(lowest - margin, 0.0), highest + margin]},
        axis={"format": ".3~f"},
    )
    stems = {
        "mark": {"type": "rule", "strokeWidth": 3, "color": ink.model},
        "encoding": {"y": y, "x": x, "x2": {"datum": 1}},
    }
    dots = {
        "mark": {"type": "point", "filled": True, "size": 70, "color": ink.model},
        "encoding": {"x": x, "y": y},
    }
    which = f", the worst {len(rows)}" if len(every) > len(rows) else ""
    return {
        "title": f"Interval score relative to the plain random walk{which}",
        "width": 560,
        "height": {"step": 22},
        "data": {"values": rows},
        "layer": [_dashed(ink, "x", x, 1), stems, dots],
    }


def calendar(cells: Sequence[Mapping[str, Any]], flags: Sequence[str], ink: Ink) -> Spec:
    """Flags by period, from cells of flag, period and entries; darker means more entries."""
    periods = list(dict.fromkeys(cell["period"] for cell in cells))
    years = list({period[:4]: period for period in reversed(periods)}.values())
    few = len(periods) <= FEW
    most = max(cell["entries"] for cell in cells)
    labels = {
        "values": periods if few else years,
        "labelExpr": "datum.value" if few else "slice(datum.value, 0, 4)",
        "labelAngle": 0,
        "labelOverlap": True,
        "grid": False,
        "ticks": False,
    }
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
                "axis": labels,
            },
            "y": category("flag", sort=list(flags), title=None, axis=_BARE),
            "opacity": quantity(
                "entries",
                scale={"type": "sqrt", "domain": [0, most], "range": [0.06, 1]},
                legend=None,
            ),
            "tooltip": [{"field": "flag"}, {"field": "period"}, {"field": "entries"}],
        },
    }


def price(scale: str, ink: Ink) -> Spec:
    """The price with the forecast intervals, past and future."""
    fan = {
        "mark": {"type": "area", "opacity": 0.3, "color": ink.model},
        "encoding": {
            "x": _TIME,
            "y": quantity("lower", title=None, scale={"zero": False}, axis={"tickCount": 5}),
            "y2": {"field": "upper"},
            "detail": {"field": "fan"},
        },
        "transform": [_known("lower", "upper")],
    }
    line = {
        "transform": [_known("price")],
        "mark": {"type": "line", "strokeWidth": 1.3, "color": ink.text},
        "encoding": {"x": _TIME, "y": quantity("price")},
    }
    return {"datasets": {"days": []}} | _days([fan, line], HEIGHT)


def volatility(scale: str, ink: Ink) -> Spec:
    """The deviation forecast for each day, with the size of the actual change."""
    lines = {
        "transform": [{"fold": list(_LINES), "as": ["kind", "value"]}, _known("value")],
        "mark": {"type": "line", "strokeWidth": 1.5},
        "encoding": {
            "x": _TIME,
            "y": _change("value", scale),
            "color": category(
                "kind",
                scale={"domain": list(_LINES), "range": [ink.model, ink.other]},
                legend={"labelExpr": f"{json.dumps(_LINES)}[datum.label]"},
            ),
        },
    }
    layers = [_bars("size", scale, ink), lines]
    return {"datasets": {"days": []}} | _days(layers, HEIGHT, _changes(scale))


def risk(scale: str, ink: Ink) -> Spec:
    """Each day's change with its value-at-risk; above, all exceptions of the evaluation."""
    tails = {"domain": ["5%", "1%"]}
    colours = {"scale": tails | {"range": [ink.other, ink.bad]}, "legend": None}
    shapes = tails | {"range": ["circle", "diamond"]}
    lines = [
        {
            "transform": [_known(name)],
            "mark": {"type": "line", "strokeWidth": 1.3, "color": ink.model, "strokeDash": dash},
            "encoding": {"x": _TIME, "y": _change(name, scale)},
        }
        for name, dash in (("var_5", [3, 2]), ("var_1", [1, 0]))
    ]
    points = {
        "transform": [_known("beyond")],
        "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
        "encoding": {
            "x": _TIME,
            "y": _change("change", scale),
            "color": category("beyond", **colours),
            "shape": category("beyond", scale=shapes, legend=None),
        },
    }
    strip = {
        "width": WIDTH,
        "height": 34,
        "data": {"name": "hits"},
        "mark": {"type": "tick", "thickness": 1.5, "size": 14},
        "encoding": {
            "x": _TIME,
            "y": category("tail", scale=tails, title=None, axis=_BARE),
            "color": category("tail", **colours),
        },
    }
    layers = [_bars("change", scale, ink), *lines, points]
    return {
        "datasets": {"days": [], "hits": []},
        "vconcat": [strip, _days(layers, HEIGHT - 70, _changes(scale))],
        "spacing": 12,
        "resolve": {"scale": {"x": "independent", "color": "shared"}},
    }


def quantity(field: str, **more: Any) -> Spec:
    """A channel that encodes a field of numbers."""
    return {"field": field, "type": "quantitative"} | more


def category(field: str, **more: Any) -> Spec:
    """A channel that encodes a field of names."""
    return {"field": field, "type": "nominal"} | more


def _short(longest: int) -> str:
    """An expression that leaves out the middle of a long label: names often differ at the end."""
    half = longest // 2
    cut = f"slice(datum.value, 0, {half}) + '…' + slice(datum.value, {1 - half})"
    return f"length(datum.value) > {longest} ? {cut} : datum.value"


def _known(*fields: str) -> Spec:
    """A filter that keeps rows with values in these fields."""
    return {"filter": " && ".join(f"isValid(datum.{field})" for field in fields)}


def _dashed(ink: Ink, channel: str, encoding: Spec, value: float) -> Spec:
    """A dashed line across the chart at a reference value."""
    return {
        "data": {"values": [{encoding["field"]: value}]},
        "mark": {"type": "rule", "strokeDash": [6, 4], "color": ink.muted},
        "encoding": {channel: encoding},
    }


def _days(layers: Sequence[Spec], height: int, transform: Sequence[Spec] = ()) -> Spec:
    """Layers over the days of a symbol."""
    return {
        "width": WIDTH,
        "height": height,
        "data": {"name": "days"},
        "transform": list(transform),
        "layer": list(layers),
    }


def _bars(field: str, scale: str, ink: Ink) -> Spec:
    """A thin bar from 0 for each day's change."""
    return {
        "mark": {"type": "rule", "strokeWidth": 1, "color": ink.grid},
        "encoding": {"x": _TIME, "y": _change(field, scale), "y2": {"datum": 0}},
    }


def _change(field: str, scale: str) -> Spec:
    form = {"format": ".2~%"} if scale == "log" else {}
    return quantity(field, title=None, axis={"tickCount": 4, **form})


def _changes(scale: str) -> list[Spec]:
    """Transforms that add each day's change, on the model's scale, and realised volatility."""
    change = (
        "datum.price > 0 && datum.before > 0 ? log(datum.price / datum.before) : null"
        if scale == "log"
        else "datum.price - datum.before"
    )
    before = {"op": "lag", "field": "price", "as": "before"}
    lately = {"op": "mean", "field": "square", "as": "variance"}  # not "square": it is read again
    return [
        _known("price"),
        {"window": [before], "sort": [{"field": "time"}]},
        _known("before"),
        {"calculate": change, "as": "change"},
        {"calculate": "datum.change * datum.change", "as": "square"},
        {"window": [lately], "frame": [1 - LATELY, 0], "sort": [{"field": "time"}]},
        {"calculate": "sqrt(datum.variance)", "as": "realised"},
        {"calculate": "abs(datum.change)", "as": "size"},
    ]
