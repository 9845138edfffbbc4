"""The watch as a page: one file without requests or scripts, in the style of the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from pricewright.monitoring.watch import TESTS
from pricewright.reporting.charts import category, quantity
from pricewright.reporting.drawing import PAGE, WIDTH, Spec, svg
from pricewright.reporting.figures import figure, percent
from pricewright.reporting.html import part, policy, template
from pricewright.reporting.pictures import Picture

NAMES = {
    "evidence": "all together",
    "exceptions_1": "VaR at 1%",
    "exceptions_5": "VaR at 5%",
    "shortfall": "expected shortfall",
    "calibration": "distribution",
    "ewma": "against EWMA",
    "challenger": "against the newest model",
}
"""The name of each line of evidence."""

COLOURS = [PAGE.text, PAGE.bad, "#cc79a7", PAGE.other, PAGE.model, "#009e73", "#999999"]
"""A colour for each of NAMES: safe for the colour-blind (Okabe & Ito 2008)."""

LEAST = 0.01
"""The smallest evidence drawn; smaller values mean no more."""

LATELY = 60
"""The number of days over which the share within the interval is drawn."""


def render(found: Mapping[str, Any], *, title: str) -> str:
    """The page for the findings of `watch.findings`; the same findings give the same page."""
    style = part("report.css")
    spans = [*found.get("earlier", []), found]
    with_days = any(span.get("by_day") for span in spans)
    return template("monitor.html").render(
        title=title,
        policy=policy([], style),
        style=style,
        found=found,
        names=NAMES,
        tests=TESTS,
        percent=percent,
        figure=figure,
        shown=_shown,
        pictures=[_evidence(spans, found["limits"]), _coverage(spans, found)] if with_days else [],
    )


def _shown(evidence: float) -> str:
    return f"{evidence:,.0f}" if evidence >= 100 or evidence == int(evidence) else f"{evidence:.2f}"


def _evidence(spans: Sequence[Mapping[str, Any]], limits: Mapping[str, float]) -> Picture:
    points = [
        {
            "date": day["date"],
            "evidence": max(day[key], LEAST),
            "of": name,
            "release": span["release"][:12],
        }
        for span in spans
        for day in span["by_day"]
        for key, name in NAMES.items()
        if key in day
    ]
    lines: Spec = {
        "data": {"values": points},
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 1.2},
        "encoding": {
            "x": _TIME,
            "y": quantity(
                "evidence",
                scale={"type": "log"},
                title="evidence against the forecasts",
                axis={"tickCount": 6, "format": "~g"},
            ),
            "color": category(
                "of",
                scale={"domain": list(NAMES.values()), "range": COLOURS},
                legend={"columns": 4},
            ),
            "detail": category("release"),
            "size": {
                "condition": {"test": f"datum.of == '{NAMES['evidence']}'", "value": 3},
                "value": 1.2,
            },
        },
    }
    rules = [
        _rule("limit", limits["yellow"], PAGE.other),
        _rule("limit", limits["red"], PAGE.bad),
        _rule("limit", 1.0, PAGE.grid, dashed=False),
    ]
    return Picture(
        "Evidence against the forecasts, by day",
        "The capital from betting that the forecasts are wrong, starting at 1 with each release "
        "(grey line). Dashed: the limits for the line of all together, yellow at "
        f"{limits['yellow']:g} and red at {limits['red']:g}. Forecasts that are right ever turn "
        f"yellow in at most one case in {limits['yellow']:g}.",
        _over_time(spans, WIDTH * 2 // 3, [*rules, lines]),
    )


def _coverage(spans: Sequence[Mapping[str, Any]], found: Mapping[str, Any]) -> Picture:
    points: list[dict[str, Any]] = []
    window: list[Mapping[str, Any]] = []
    for span in spans:
        for day in span["by_day"]:
            window = [*window, day][-LATELY:]
            forecasts = sum(each["forecasts"] for each in window)
            outside = sum(each["outside"] for each in window)
            points.append({"date": day["date"], "share": 1 - outside / max(forecasts, 1)})
    level = found["coverage"]["promised"]
    line: Spec = {
        "data": {"values": points},
        "mark": {"type": "line", "color": PAGE.model},
        "encoding": {
            "x": _TIME,
            "y": quantity(
                "share",
                title=f"share within, last {LATELY} days",
                axis={"format": ".0%", "tickCount": 5},
                scale={"zero": False, "domainMax": 1},
            ),
        },
    }
    return Picture(
        f"Prices within the {percent(level)} interval, one day ahead",
        f"The share over the last {LATELY} recorded days; dashed: the promised share.",
        _over_time(spans, WIDTH // 2, [_rule("level", level, PAGE.muted), line]),
    )


_TIME: Spec = {
    "field": "date",
    "type": "temporal",
    "scale": {"type": "utc"},
    "title": None,
    "axis": {"format": "%d %b %y", "tickCount": 6, "labelOverlap": True, "grid": False},
}


def _rule(field: str, value: float, colour: str, *, dashed: bool = True) -> Spec:
    """A horizontal line."""
    return {
        "data": {"values": [{field: value}]},
        "mark": {"type": "rule", "color": colour, "strokeDash": [4, 4] if dashed else []},
        "encoding": {"y": quantity(field)},
    }


def _over_time(spans: Sequence[Mapping[str, Any]], height: int, layers: Sequence[Spec]) -> str:
    """A drawn picture of these layers, with a vertical line at the start of each release."""
    begins = [{"date": span["by_day"][0]["date"]} for span in spans if span["by_day"]]
    releases = {
        "data": {"values": begins},
        "mark": {"type": "rule", "color": PAGE.muted, "strokeWidth": 1},
        "encoding": {"x": _TIME},
    }
    return svg({"width": 2 * WIDTH, "height": height, "layer": [releases, *layers]})
