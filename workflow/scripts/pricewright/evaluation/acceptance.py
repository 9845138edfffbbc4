"""Whether a model is good enough to be deployed: each criterion beside its threshold.

Coverage and back-tests are counts, and a perfect forecast, too, is off by chance: with one symbol
and 100 dates its 90 % interval is off by more than 1.5 points nearly every second time. So these
criteria are missed only by more than chance explains.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, Any, Literal

from pricewright.tables.options import Bounds, Options

SIGNIFICANT = 0.05
"""A p-value below it is called significant."""


BY_CHANCE = ", but for chance"
"""How what is said of a criterion ends whose limit is wider than config's."""

_KEYS = {"qlike": "qlike_difference", "kupiec": "kupiec_share"}


def key_of(criterion: str) -> str:
    """The key of config's section `accept` that sets a criterion, where it has one of its own."""
    return _KEYS.get(criterion, criterion)


def off_by_chance(model: Mapping[str, Any], chance: float) -> float:
    """How far the share within an interval is off with this probability, if it is right.

    model: with `coverage_error`, that share's standard error, if it is known; else the answer is 0.
    """
    error = model.get("coverage_error")
    if not chance or error is None:
        return 0.0
    return float(round(NormalDist().inv_cdf(1 - chance / 2), 12) * error)


def failures_by_chance(tests: int, chance: float) -> int:
    """Of so many tests at SIGNIFICANT, how many fail at most, but with this probability."""
    if not chance:
        return 0
    failures, probability = 0, (1 - SIGNIFICANT) ** tests
    below = probability
    while below < 1 - chance and failures < tests:
        failures += 1
        odds = SIGNIFICANT / (1 - SIGNIFICANT)
        probability *= (tests - failures + 1) / failures * odds
        below += probability
    return failures


Champion = Literal["not_worse", "better", "ignore"]


def percent_key(share: float) -> str:
    """0.9 as 90 and 0.01 as 1: the key of a coverage or a tail."""
    return f"{100 * share:.6g}"


@dataclass(frozen=True, kw_only=True)
class Criteria(Options):
    """What is asked of a model before it is deployed."""

    section = "accept"

    mae_ratio: Annotated[float, Bounds(least=0, most=10)] = 1.01
    """Accepted: a mean absolute error of at most so many times the naive forecast's."""
    qlike_difference: Annotated[float, Bounds(least=-10, most=10)] = 0.0
    """Accepted: a QLIKE of the variance above EWMA's by at most so much."""
    coverage_pooled: Annotated[float, Bounds(least=0, most=1)] = 0.015
    """Accepted: an interval that holds a share of prices at most so far off its level."""
    coverage_symbol: Annotated[float, Bounds(least=0, most=1)] = 0.04
    """Accepted: the same for each symbol that was forecast from"""
    enough_origins: Annotated[int, Bounds(least=1, most=10_000)] = 100
    """at least so many dates."""
    interval_ratio: Annotated[float, Bounds(least=0, most=10)] = 1.0
    """Accepted: an interval score of at most so many times that of constant normal intervals."""
    kupiec_share: Annotated[float, Bounds(least=0, most=1)] = 0.9
    """Accepted: a value-at-risk that passes Kupiec's test for at least this share of symbols."""
    chance: Annotated[float, Bounds(least=0, most=0.5)] = 0.05
    """Accepted: coverage and Kupiec's tests no further off than they are by chance, too; each limit
    is so wide that at most this share of perfect forecasts miss it. 0: no wider."""
    beat_champion: Champion = "not_worse"
    """Accepted: a model that is not significantly worse than the champion, one that is
    significantly better, or any (ignore)."""


def judge(
    metrics: Mapping[str, Any],
    level: float,
    champion: Mapping[str, Any] | None,
    thresholds: Criteria,
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
    held = pooled["model"]["coverage"]
    ours, plain = (pooled[who]["interval_score"] for who in ("model", "random_walk"))
    criteria = {
        "mae_ratio": _criterion(
            pooled["mae_ratio"], thresholds.mae_ratio, "error of the point forecast over naive's"
        ),
        "qlike": _criterion(
            pooled["volatility"]["qlike_difference"],
            thresholds.qlike_difference,
            "QLIKE of the variance less EWMA's",
        ),
        "qlike_worse": _criterion(worse, 0, "symbols with a QLIKE significantly above EWMA's"),
        "coverage_pooled": _criterion(
            None if held is None else abs(held - level),
            max(thresholds.coverage_pooled, off_by_chance(pooled["model"], thresholds.chance)),
            f"share within the {100 * level:.6g}% interval, off what it promises",
            thresholds.coverage_pooled,
        ),
        "coverage_symbol": _coverage_by_symbol(by_symbol, level, thresholds),
        "interval_ratio": _criterion(
            ours / plain if ours is not None and plain else None,
            thresholds.interval_ratio,
            "interval score over that of normal intervals of constant width",
        ),
        "kupiec": _kupiec(pooled["var"], thresholds),
    }
    if metrics["origins_the_model_knew"]:
        criteria["unseen"] = _criterion(
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


def _coverage_by_symbol(
    by_symbol: Mapping[str, Any], level: float, thresholds: Criteria
) -> dict[str, Any]:
    """The worst of the symbols with origins enough, beside its limit; met, if there are none."""
    seen = [
        found["model"]
        for found in by_symbol.values()
        if found["origins"] >= thresholds.enough_origins
    ]
    each = thresholds.chance / max(len(seen), 1)  # one of so many is off by chance the sooner
    limits = [max(thresholds.coverage_symbol, off_by_chance(model, each)) for model in seen]
    off = [abs(model["coverage"] - level) for model in seen]
    value, limit = max(
        zip(off, limits, strict=True),
        key=lambda pair: pair[0] - pair[1],
        default=(None, thresholds.coverage_symbol),
    )
    return {
        **_criterion(
            value,
            limit,
            f"the same of the worst symbol by its own limit, of {len(seen)} with "
            f"{thresholds.enough_origins} origins or more",
            thresholds.coverage_symbol,
        ),
        "met": value is None or value <= limit,
    }


def _kupiec(tails: Mapping[str, Any], thresholds: Criteria) -> dict[str, Any]:
    """The tail that is worst beside its limit, among those with tests."""
    shares = []
    for found in tails.values():
        tested = found["tested"]
        if tested:
            by_chance = 1 - failures_by_chance(tested, thresholds.chance / len(tails)) / tested
            shares.append((found["passed"] / tested, min(thresholds.kupiec_share, by_chance)))
    value, limit = min(
        shares, key=lambda pair: pair[0] - pair[1], default=(None, thresholds.kupiec_share)
    )
    return _criterion(
        value,
        limit,
        "share of symbols whose value-at-risk passes Kupiec's test, at 1% and 5%",
        thresholds.kupiec_share,
        side="least",
    )


def failed(acceptance: Mapping[str, Any]) -> str:
    """The criteria that are not met, in one line: each with its value and limit."""
    said = []
    for name, found in acceptance["criteria"].items():
        value, limit = found["value"], found["limit"]
        value = f"{value:.4g}" if isinstance(value, int | float) else value or "unknown"
        wanted = (
            f"wanted {limit}"
            if isinstance(limit, str)
            else f"at {found['side']} {limit:.4g} is wanted"
        )
        if not found["met"]:
            said.append(f"{key_of(name)} is {value}, {wanted}")
    return "; ".join(said)


def _criterion(
    value: float | None,
    limit: float,
    what: str,
    threshold: float | None = None,
    *,
    side: Literal["most", "least"] = "most",
) -> dict[str, Any]:
    """A value beside its limit; if that is wider than its threshold, `what` says why."""
    met = value is not None and (value <= limit if side == "most" else value >= limit)
    if threshold is not None and limit != threshold:
        what = f"{what}; {threshold:g}{BY_CHANCE}"
    return {"value": value, "limit": limit, "side": side, "met": met, "what": what}
