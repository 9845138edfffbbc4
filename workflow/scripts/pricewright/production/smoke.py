"""The smoke test: the model, opened through the link as its users do, forecasts a few symbols."""

from pathlib import Path

import numpy as np

from pricewright.documents import parse_json
from pricewright.errors import Refusal
from pricewright.files import read_whole, sha256
from pricewright.forecasting.opened import open_model
from pricewright.production.link import CURRENT

MODEL = "model.json"
"""What the model is called in a release."""

FEW = 5
"""Symbols that are scored: the first, the last, and some between."""


class SmokeFailure(Refusal):
    """A model that cannot do in production what it is there for."""


def smoke_test(production: Path, expected: str) -> int:
    """Score a few symbols with the model in production; returns how many.

    expected: the SHA-256 of the model that should be there. Raises SmokeFailure if it is not, or
    if it cannot be opened, or forecasts what no price can be.
    """
    path = production / CURRENT / MODEL
    try:
        return _scored(path, expected)
    except Exception as error:  # whatever it is, users would run into it
        why = " ".join(str(error).split()) or type(error).__name__
        raise SmokeFailure(
            f"{path}: failed its smoke test and was taken out of production again: {why}"
        ) from error


def _scored(path: Path, expected: str) -> int:
    content = read_whole(path)
    if sha256(content) != expected:
        raise Refusal(f"it is not the model released (sha256 {sha256(content)[:12]}…).")
    symbols = list(parse_json(content, str(path))["symbols"])
    places = np.unique(np.linspace(0, len(symbols) - 1, FEW).round().astype(int))
    saved = open_model(path, [symbols[place] for place in places.tolist()]).saved
    points, intervals = saved.points(), saved.quantiles(saved.bounds)
    if not (np.isfinite(points).all() and np.isfinite(intervals).all()):
        raise Refusal("it forecasts what is no number.")
    if (np.diff(intervals, axis=-1) < 0).any():
        raise Refusal("it forecasts an interval that ends before it begins.")
    return len(places)
