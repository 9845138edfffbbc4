"""How far a perfect forecast is off by chance: with few dates and many symbols, quite far."""

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

SIGNIFICANT = 0.05
"""A p-value below it is called significant."""


def off_by_chance(model: Mapping[str, Any], chance: float) -> float:
    """How far the share within an interval is off with this probability, if it is right.

    model: with `coverage_error`, that share's standard error, if it is known; else the answer is 0.
    """
    error = model.get("coverage_error")
    if not chance or error is None:
        return 0.0
    return float(NormalDist().inv_cdf(1 - chance / 2) * error)


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
