"""Measure false alarms of the watch over a release, and how soon it notices a fault.

Uses simulated records: standard normal forecasts for correlated prices, checked every day.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from pricewright.forecasting.distribution import SHORTFALL
from pricewright.monitoring import evidence
from pricewright.monitoring.record import LEVELS, RIVAL_LEVELS
from pricewright.tables.arrays import Floats

COMMON = 0.6
"""The share of each price's deviation that is common to all."""

DAYS = 2500
YELLOW, RED = 20, 100
CASES = {
    "twice as forecast, from the first day": (2.0, 0),
    "twice as forecast, after 125 right days": (2.0, 125),
    "half more than forecast, after 125 right days": (1.5, 125),
    "half of what is forecast, from the first day": (0.5, 0),
    "two thirds of what is forecast, from the first day": (2 / 3, 0),
}
"""How far the deviation is off the forecast, and from which day."""


def won(seed: int, days: int, symbols: int, scale: Callable[[int], float]) -> Floats:
    """(T,): the combined evidence of all tests by day; the rival forecast is a fifth wider."""
    random = np.random.default_rng(seed)
    shared, own = random.normal(size=(days, 1)), random.normal(size=(days, symbols))
    scales = np.array([[scale(day)] for day in range(days)])
    came = scales * (COMMON * shared + np.sqrt(1 - COMMON**2) * own)
    standard = NormalDist()
    quantiles = np.broadcast_to(
        [standard.inv_cdf(level) for level in LEVELS], (*came.shape, len(LEVELS))
    )
    ours = quantiles[..., [LEVELS.index(level) for level in RIVAL_LEVELS]]
    at_risk = standard.inv_cdf(SHORTFALL)
    expected = -standard.pdf(at_risk) / SHORTFALL
    tests = [
        evidence.exceptions(came, quantiles[..., 0], LEVELS[0]),
        evidence.exceptions(came, quantiles[..., 1], LEVELS[1]),
        evidence.shortfall(
            came, np.full(came.shape, at_risk), np.full(came.shape, expected), SHORTFALL
        ),
        evidence.calibration(came, quantiles, LEVELS),
        evidence.rival(came, ours, 1.2 * ours, RIVAL_LEVELS),
    ]
    return np.mean([evidence.process(values) for values in tests], axis=0)


def main() -> None:
    """Print the figures of docs/daily.md."""
    for symbols in (1, 5, 50):
        right = np.array([won(seed, DAYS, symbols, lambda day: 1.0).max() for seed in range(100)])
        yellow, red = (f"{(right >= limit).mean():.0%}" for limit in (YELLOW, RED))
        print(f"{symbols:>3} symbols: right for ten years, yellow {yellow}, red {red}", flush=True)
        for name, (factor, begin) in CASES.items():
            after = []
            for seed in range(40):
                found = won(
                    seed, begin + 250, symbols, lambda day, f=factor, b=begin: f if day >= b else 1
                )
                first = evidence.first_at(found[begin:], RED)
                after.append(np.inf if first is None else first + 1)
            print(f"    {name}: red after {np.median(after):.0f} days", flush=True)


if __name__ == "__main__":
    main()
