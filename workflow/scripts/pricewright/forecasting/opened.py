"""A model's file, opened by whoever has nothing but numpy and that file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pricewright.arrays import Floats
from pricewright.errors import Refusal
from pricewright.forecasting import document
from pricewright.forecasting.saved import Saved
from pricewright.forecasting.strict import read_json

SCHEMA_VERSION = 2
"""Of the models that this code reads."""

TOLERANCE = 1e-6
"""How far, relatively, a forecast may be off the one in the file: kinds of CPU differ by less."""


@dataclass(frozen=True)
class Opened:
    """A model of the symbols that are wanted; `known` are all that the file has."""

    saved: Saved
    known: Sequence[str]


def open_model(path: Path, symbols: Sequence[str] | None = None) -> Opened:
    """A model, of all its symbols or of some.

    Raises Refusal if the file is no model of this schema version, if it lacks a symbol that is
    wanted, or if what it says cannot be, as after an edit by hand: a forecast in it that does
    not follow from its parameters, too.
    """
    whole = read_json(path)
    if not isinstance(whole, dict) or "schema_version" not in whole:
        raise Refusal(f"{path}: not a model: it has no schema_version; train again.")
    version = whole["schema_version"]
    if isinstance(version, bool) or version != SCHEMA_VERSION:
        raise Refusal(
            f"{path}: a model of schema version {_short(version)}, where this code reads version "
            f"{SCHEMA_VERSION}; train again."
        )
    saved = document.read(whole, str(path), symbols)
    _check_forecasts(saved, whole, path)
    return Opened(saved, list(whole["symbols"]))


def _check_forecasts(saved: Saved, whole: Any, path: Path) -> None:
    intervals = saved.quantiles(saved.bounds)
    made = {"point": saved.points(), "lower": intervals[..., 0], "upper": intervals[..., 1]}
    for place, symbol in enumerate(saved.symbols):
        found = whole["symbols"][symbol].get("forecast")
        for name, prices in made.items():
            if not isinstance(found, dict) or not _is_near(found.get(name), prices[place]):
                raise Refusal(
                    f"{path}: 'symbols.{symbol}.forecast.{name}' does not follow from the model's "
                    "parameters, as after an edit by hand; train again."
                )


def _is_near(found: Any, made: Floats) -> bool:
    if not isinstance(found, list) or len(found) != len(made):
        return False
    if not all(type(price) in (int, float) for price in found):
        return False
    return np.allclose(np.array(found, dtype=np.float64), made, rtol=TOLERANCE, atol=0.0)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 20 else text[:17] + "..."
