"""The numbers to look at first, each with what it is to be compared with."""

from collections.abc import Mapping
from typing import Any

from pricewright.evaluation.acceptance import percent_key
from pricewright.html.figures import FORMS
from pricewright.tables import TAILS
from pricewright.verdict import percent


def tiles(model: Mapping[str, Any]) -> list[dict[str, str]]:
    """Label, the number's pointer and form, and what stands beside it."""
    pooled, level = model["metrics"]["pooled"], percent(model["parameters"]["level"])
    walk, found = pooled["random_walk"]["coverage"], pooled["volatility"]
    made = [
        ("Prices kept", "/data/rows", "count", _came(model)),
        (
            f"Prices within the {level} interval",
            "/metrics/pooled/model/coverage",
            "share",
            f"promised {level}; random walk {_shown(walk, 'share')}",
        ),
        (
            "Interval score",
            "/acceptance/criteria/interval_ratio/value",
            "ratio",
            "times the random walk's; below 1 is better",
        ),
        (
            "Error of the point forecast",
            "/metrics/pooled/mae_ratio",
            "ratio",
            "times the last price's; below 1 is better",
        ),
        (
            "Volatility: QLIKE less EWMA's",
            "/metrics/pooled/volatility/over_dates",
            "signed",
            f"95% interval {_shown(found['lower'], 'signed')} to "
            f"{_shown(found['upper'], 'signed')}; below 0 is better",
        ),
    ]
    for tail in TAILS:
        var = pooled["var"][percent_key(tail)]
        made.append(
            (
                f"Days beyond the {percent(tail)} value-at-risk",
                f"/metrics/pooled/var/{percent_key(tail)}/share",
                "share",
                _passed(var),
            )
        )
    modelled = f"of {len(model['symbols']):,} modelled; {len(model['left_out']):,} left out"
    made.append(("Symbols evaluated", "/metrics/pooled/symbols", "count", modelled))
    return [dict(zip(("label", "pointer", "form", "beside"), tile, strict=True)) for tile in made]


def _came(model: Mapping[str, Any]) -> str:
    came = model["receipts"].get("ingest")
    if came is None:
        return "no receipt says of how many"
    quarantined = sum(came["quarantined"].values())
    return f"of {came['rows']:,} delivered; {quarantined:,} quarantined"


def _passed(var: Mapping[str, int]) -> str:
    if not var["tested"]:
        return "no symbol has days enough for a test"
    return f"{var['passed']:,} of {var['tested']:,} symbols pass Kupiec's test"


def _shown(value: float | None, form: str) -> str:
    return "unknown" if value is None else FORMS[form](value)
