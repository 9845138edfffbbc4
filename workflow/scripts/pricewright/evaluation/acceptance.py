"""Whether a model is good enough to be deployed: each criterion beside its threshold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SIGNIFICANT = 0.05
"""A p-value below it is called significant."""

Champion = Literal["not_worse", "better", "ignore"]


def percent_key(share: float) -> str:
    """0.9 as 90 and 0.01 as 1: the key of a coverage or a tail."""
    return f"{100 * share:.6g}"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What is asked of a model; see config's section `accept`."""

    mae_ratio: float
    qlike_difference: float
    coverage_pooled: float
    coverage_symbol: float
    enough_origins: int
    interval_ratio: float
    kupiec_share: float
    beat_champion: Champion


def judge(
    metrics: Mapping[str, Any],
    level: float,
    champion: Mapping[str, Any] | None,
    thresholds: Thresholds,
) -> dict[str, Any]:
    """`accepted`, and the criteria by name: value, limit, whether it is met, and in words.

    A criterion that nothing can be computed for is not met: there is no acceptance unseen. Only
    that of each symbol's coverage is, if no symbol has origins enough.
    """
    pooled, by_symbol = metrics["pooled"], metrics["by_symbol"]
    variances = [found["volatility"] for found in by_symbol.values()]
    worse = sum(
        found["p_value_holm"] is not None
        and found["p_value_holm"] < SIGNIFICANT
        and found["qlike"] > found["ewma_qlike"]
        for found in variances
    )
    seen = [
        abs(found["model"]["coverage"] - level)
        for found in by_symbol.values()
        if found["origins"] >= thresholds.enough_origins
    ]
    held = pooled["model"]["coverage"]
    ours, plain = (pooled[who]["interval_score"] for who in ("model", "random_walk"))
    tests = [found for found in pooled["var"].values() if found["tested"]]
    shares = [found["passed"] / found["tested"] for found in tests]
    criteria = {
        "mae_ratio": _at_most(
            pooled["mae_ratio"], thresholds.mae_ratio, "error of the point forecast over naive's"
        ),
        "qlike": _at_most(
            pooled["volatility"]["qlike_difference"],
            thresholds.qlike_difference,
            "QLIKE of the variance less EWMA's",
        ),
        "qlike_worse": _at_most(worse, 0, "symbols with a QLIKE significantly above EWMA's"),
        "coverage_pooled": _at_most(
            None if held is None else abs(held - level),
            thresholds.coverage_pooled,
            f"share within the {100 * level:.6g}% interval, off what it promises",
        ),
        "coverage_symbol": {
            **_at_most(
                max(seen, default=None),
                thresholds.coverage_symbol,
                f"the same of the worst symbol, of {len(seen)} with "
                f"{thresholds.enough_origins} origins or more",
            ),
            "met": max(seen, default=0.0) <= thresholds.coverage_symbol,
        },
        "interval_ratio": _at_most(
            ours / plain if ours is not None and plain else None,
            thresholds.interval_ratio,
            "interval score over that of normal intervals of constant width",
        ),
        "kupiec": _at_least(
            min(shares, default=None) if tests or not by_symbol else None,
            thresholds.kupiec_share,
            "share of symbols whose value-at-risk passes Kupiec's test, at 1% and 5%",
        ),
    }
    if metrics["origins_the_model_knew"]:
        criteria["unseen"] = _at_most(
            metrics["origins_the_model_knew"], 0, "dates in the time the model was trained on"
        )
    if champion is not None and thresholds.beat_champion != "ignore":
        wanted = ["better"] if thresholds.beat_champion == "better" else ["better", "no difference"]
        verdict = champion["verdict"]
        criteria["champion"] = {
            "value": verdict,
            "limit": " or ".join(wanted),
            "side": "one",
            "met": verdict in wanted or (verdict == "not comparable" and len(wanted) > 1),
            "what": "beside the model now deployed",
        }
    return {"accepted": all(found["met"] for found in criteria.values()), "criteria": criteria}


def failed(acceptance: Mapping[str, Any]) -> str:
    """The criteria that are not met, in one line: each with its value and limit."""
    return "; ".join(
        f"{name} is {_shown(found['value'])}, {_bound(found)}"
        for name, found in acceptance["criteria"].items()
        if not found["met"]
    )


def _shown(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


def _bound(found: Mapping[str, Any]) -> str:
    if isinstance(found["limit"], str):
        return f"wanted {found['limit']}"
    return f"at {found['side']} {found['limit']:g} is wanted"


def _at_most(value: float | None, limit: float, what: str) -> dict[str, Any]:
    met = value is not None and value <= limit
    return {"value": value, "limit": limit, "side": "most", "met": met, "what": what}


def _at_least(value: float | None, limit: float, what: str) -> dict[str, Any]:
    met = value is not None and value >= limit
    return {"value": value, "limit": limit, "side": "least", "met": met, "what": what}
