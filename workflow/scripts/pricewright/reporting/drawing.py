"""How pictures are drawn: Vega-Lite to SVG without browser or network, or by the page's script.

Vega-Lite is a grammar of graphics as data. Python draws the pictures that a page always has; the
page itself draws those of a symbol. Vega's expression interpreter needs no `eval`, so the page can
have a strict content security policy.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import vl_convert

from pricewright.files.disk import write_whole

Spec = dict[str, Any]

WIDTH = 330
"""Width of a plot on the page, in pixels: with its axis it is as wide as a phone."""

_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
_BUNDLE = Path(__file__).parent / "__pycache__" / f"vega-{version('vl-convert-python')}.js"


@dataclass(frozen=True)
class Ink:
    """The colours of a picture: safe for the colour-blind (Okabe & Ito 2008)."""

    model: str
    other: str
    bad: str
    text: str
    muted: str
    grid: str
    paper: str


FILE = Ink("#0072b2", "#e69f00", "#b3261e", "#000000", "#555555", "#dddddd", "white")
"""The colours of a picture in a file of its own."""

_INKS = ("model", "other", "bad", "text", "muted", "grid")

PAGE = Ink(**{name: f"var(--{name})" for name in _INKS}, paper="transparent")
"""The colours of a picture in the page, whose style sheet sets them for light and dark mode."""


def svg(chart: Spec, ink: Ink = PAGE) -> str:
    """A picture as SVG: deterministic, without scripts or addresses."""
    drawn: str = vl_convert.vegalite_to_svg(json.dumps(whole(chart, ink)), allowed_base_urls=[])
    return drawn


def library() -> str:
    """Vega for a browser, as one script that defines `vegaEmbed`.

    Bundling takes seconds, so the script is cached next to the code's bytecode if that folder can
    be written.
    """
    with suppress(OSError):
        return _BUNDLE.read_text(encoding="utf-8")
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    with suppress(OSError):
        write_whole(_BUNDLE, bundle.encode())
    return bundle


def whole(chart: Spec, ink: Ink = PAGE) -> Spec:
    """A chart with its colours, fonts and margins."""
    config = {
        "font": _FONT,
        "background": ink.paper,
        "padding": 5 if ink is FILE else {"left": 12, "right": 12, "top": 4, "bottom": 4},
        "axis": {
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelColor": ink.text,
            "titleColor": ink.text,
            "gridColor": ink.grid,
            "domainColor": ink.muted,
            "tickColor": ink.muted,
        },
        "legend": {
            "labelFontSize": 12,
            "title": None,
            "orient": "top",
            "labelColor": ink.text,
            "symbolStrokeWidth": 2,
        },
        "title": {"fontSize": 15, "anchor": "start", "color": ink.text},
        "view": {"stroke": None},
    }
    return {"config": config} | chart
