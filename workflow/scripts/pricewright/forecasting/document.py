"""The part of a model's JSON that forecasts are made from: written, and read with care.

What is read is checked as far as it is used, for whoever forecasts may have nothing but numpy and
the file.
"""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np

from pricewright.files.documents import read_strict
from pricewright.files.errors import Refusal
from pricewright.forecasting import location
from pricewright.forecasting.checked_document import (
    LARGEST,
    LARGEST_VARIANCE,
    CheckedDocument,
    short,
)
from pricewright.forecasting.garch import Garch
from pricewright.forecasting.har import TERMS
from pricewright.forecasting.location import Location
from pricewright.forecasting.model import Fitted, Model
from pricewright.forecasting.settings import Settings, VolatilityKind
from pricewright.forecasting.trees import LAGS, NUMBERS, trees_from_json, trees_to_json
from pricewright.forecasting.volatility import States, Volatility
from pricewright.tables.arrays import Floats
from pricewright.tables.options import bounds, choices, hints

ROUNDING = 1e-9
"""By so little, relatively, a quantile may be below the one before it."""


def to_json(model: Model) -> dict[str, Any]:
    """`parameters`, `distribution`, `har`, `trees` and `symbols` of a model, with forecasts."""
    own = model.settings.distribution != "normal"
    fitted, states = model.fitted, model.states
    garch, weights = fitted.volatility.garch, fitted.volatility.weights
    intervals, (at_risk, shortfall) = model.quantiles(model.bounds), model.losses()
    by_symbol = {
        "scale": np.where(model.levels, "level", "log"),
        "floor": model.floors,
        "observations": states.observations.astype(np.intp),
        "last_date": model.last_days.astype("datetime64[D]").astype(str),
        "last_price": np.array([prices[-1] for prices in model.recent]),
        "location": {
            "level": states.level,
            "slope": fitted.location.slope,
            "intercept": fitted.location.intercept,
            "weight": fitted.location.weight,
            "changes": states.changes,
        },
        "volatility": {
            "kind": np.array(fitted.volatility.kinds(len(model.symbols))),
            "average": states.ewma,
            "averages": states.averages,
            "ranges": None if states.ranges is None else states.ranges.astype(np.intp),
            "garch": {
                "variance": garch.variance,
                "alpha": garch.alpha,
                "persistence": garch.persistence,
                "fall": garch.fall,
                "rise": garch.rise,
                "next": states.garch,
                "converged": garch.converged,
                "steps": garch.steps,
            }
            if garch
            else None,
            "recent": model.recent,
        },
        "shape": model.shapes[..., :-1] if own else None,
        "shortfall": model.shapes[..., -1] if own else None,
        "forecast": {
            "point": model.points(),
            "lower": intervals[..., 0],
            "upper": intervals[..., 1],
            "volatility": np.sqrt(model.variances()),
            "var": at_risk,
            "es": shortfall,
        },
    }
    har = None
    if weights is not None and np.isfinite(weights).all():
        har = {"terms": _terms(), "weights": weights.tolist()}
    trees = fitted.location.trees
    return {
        "parameters": {
            field.name: getattr(model.settings, field.name) for field in fields(Settings)
        },
        "distribution": {
            "probabilities": model.probabilities.tolist(),
            "shape": None if own else model.shapes[0, :, :-1].tolist(),
            "shortfall": None if own else model.shapes[0, :, -1].tolist(),
        },
        "har": har,
        "trees": None if trees is None else trees_to_json(trees),
        "symbols": {symbol: _at(by_symbol, place) for place, symbol in enumerate(model.symbols)},
    }


def _terms() -> list[dict[str, Any]]:
    return [{"of": of, "half_life": life} for of, life in TERMS]


def _at(part: Any, place: int) -> Any:
    """What the symbol at a place has of arrays (S, ...), and of objects of them, as JSON."""
    if isinstance(part, dict):
        return {name: _at(inner, place) for name, inner in part.items()}
    return None if part is None else part[place].tolist()


def from_json(document: Any, name: str, symbols: Sequence[str] | None = None) -> Model:
    """A model from its document; `symbols` are those wanted, if not all.

    Raises Refusal, with the key, for whatever is missing, no number, too large or of another
    shape, and for a symbol that the model does not have.
    """
    reader = CheckedDocument(document, name)
    settings = _settings(reader)
    known = reader.at("symbols")
    if not isinstance(known, dict) or not known:
        reader.refuse("symbols", known, "symbols with their parameters")
    wanted = list(known) if symbols is None else list(symbols)
    for symbol in wanted:
        if symbol not in known:
            raise Refusal(
                f"{name}: the model has no symbol {symbol!r}; it has {_some(list(known))}."
            )
    probabilities = reader.numbers("distribution", "probabilities", least=0.0, most=1.0)
    if len(probabilities) < 2 or not (np.diff(probabilities) > 0).all():
        reader.refuse("distribution.probabilities", probabilities.tolist(), "rising numbers")
    fitted, states = _parameters(reader, settings, wanted)
    return Model(
        settings=settings,
        symbols=wanted,
        levels=np.array(
            [reader.word("symbols", s, "scale", among=("log", "level")) == "level" for s in wanted]
        ),
        floors=np.array([reader.number("symbols", s, "floor", least=0.0) for s in wanted]),
        last_days=np.array([reader.day("symbols", s, "last_date") for s in wanted], dtype=np.int32),
        recent=[_recent(reader, settings, symbol) for symbol in wanted],
        probabilities=probabilities,
        fitted=fitted,
        states=states,
        shapes=_shapes(reader, settings, wanted, len(probabilities)),
    )


def _settings(reader: CheckedDocument) -> Settings:
    values: dict[str, Any] = {}
    kinds = get_type_hints(Settings)
    for key, hint in hints(Settings).items():
        limits = bounds(hint)
        least, most = limits.least or 0.0, limits.most or LARGEST
        if choices(hint):
            values[key] = reader.word("parameters", key, among=choices(hint))
        elif kinds[key] is str:
            values[key] = reader.word("parameters", key)
        elif kinds[key] is float:
            values[key] = reader.number("parameters", key, least=least, most=most)
        elif kinds[key] is int or reader.at("parameters", key) is not None:
            values[key] = reader.whole("parameters", key, least=least, most=most)
    return Settings(**values)


def _parameters(
    reader: CheckedDocument, settings: Settings, symbols: Sequence[str]
) -> tuple[Fitted, States]:
    def each(*path: str, **bounds: float) -> Floats:
        return np.array([reader.number("symbols", s, *path, **bounds) for s in symbols])

    def lists(*path: str, count: int, **bounds: float) -> Floats:
        found = [reader.numbers("symbols", s, *path, count=count, **bounds) for s in symbols]
        return np.array(found)

    among = get_args(VolatilityKind)
    kinds = [reader.word("symbols", s, "volatility", "kind", among=among) for s in symbols]
    variance = {"least": 0.0, "most": LARGEST_VARIANCE}
    garch = next_variance = own = None
    if settings.volatility in ("garch11", "combined"):
        path = ("volatility", "garch")
        garch = Garch(
            variance=each(*path, "variance", **variance),
            alpha=each(*path, "alpha", least=0.0, most=1.0),
            persistence=each(*path, "persistence", least=0.0, most=1.0),
            fall=each(*path, "fall", least=0.0),
            rise=each(*path, "rise", least=0.0),
            converged=np.array([reader.flag("symbols", s, *path, "converged") for s in symbols]),
            steps=each(*path, "steps", least=0.0).astype(np.intp),
        )
        next_variance = each(*path, "next", **variance)
        own = np.array([kind in ("garch11", "combined") for kind in kinds])
    weights = averages = ranges = None
    terms = len(TERMS)
    if reader.at("har") is not None:
        if (found := reader.at("har", "terms")) != _terms():
            reader.refuse("har.terms", found, str(_terms()))
        weights = reader.table("har", "weights", rows=settings.horizon, columns=terms, least=0.0)
    if settings.volatility in ("har", "combined"):
        averages = lists("volatility", "averages", count=terms, **variance)
        ranges = each("volatility", "ranges", least=0.0)
    volatility = Volatility(
        settings.volatility, settings.decay, settings.rolling_days, garch, own, weights
    )
    for symbol, kind, made in zip(symbols, kinds, volatility.kinds(len(symbols)), strict=True):
        if kind != made:
            reader.refuse(f"symbols.{symbol}.volatility.kind", kind, f"{made}, by its parameters")
    trees = changes = None
    if settings.location == "lightgbm":
        if reader.at("trees") is not None:
            trees = trees_from_json(reader, "trees", NUMBERS)
        changes = lists("location", "changes", count=LAGS)
    point = Location(
        settings.location,
        slope=each("location", "slope"),
        intercept=each("location", "intercept"),
        weight=each("location", "weight", least=location.LEAST / 2, most=location.MOST),
        trees=trees,
    )
    states = States(
        observations=each("observations", least=2.0),
        level=each("location", "level"),
        ewma=each("volatility", "average", **variance),
        garch=next_variance,
        averages=averages,
        changes=changes,
        ranges=ranges,
    )
    return Fitted(point, volatility), states


def _recent(reader: CheckedDocument, settings: Settings, symbol: str) -> Floats:
    """Its last price, or as many as a rolling mean and the next ones are made from."""
    place = ("symbols", symbol)
    path = (*place, "volatility", "recent")
    count = 1
    if settings.volatility == "rolling":
        observations = reader.number(*place, "observations", least=2.0)
        count = min(settings.rolling_days + 1, int(observations))
    recent = reader.numbers(*path, count=count)
    logs = reader.word(*place, "scale", among=("log", "level")) == "log"
    if logs and not reader.number(*place, "floor") and (recent <= 0).any():
        reader.refuse(".".join(path), recent.tolist(), "prices above 0, on the scale log")
    if reader.number(*place, "last_price") != recent[-1]:
        reader.refuse(".".join(path), recent.tolist(), "the last price as its last")
    return recent


def _shapes(
    reader: CheckedDocument, settings: Settings, symbols: Sequence[str], count: int
) -> Floats:
    paths: list[tuple[str, ...]] = [("symbols", symbol) for symbol in symbols]
    if settings.distribution == "normal":
        paths = [("distribution",)]
    found = []
    for path in paths:
        shape = reader.table(*path, "shape", rows=settings.horizon, columns=count)
        if (np.diff(shape) < -ROUNDING * np.abs(shape[:, 1:])).any():
            reader.refuse(".".join((*path, "shape")), shape.tolist(), "rows of rising numbers")
        shortfall = reader.numbers(*path, "shortfall", count=settings.horizon)
        found.append(np.concatenate([shape, shortfall[:, None]], axis=1))
    return np.array(found)


def _some(symbols: Sequence[str]) -> str:
    return ", ".join(symbols[:5]) + (f" and {len(symbols) - 5} more" if len(symbols) > 5 else "")


SCHEMA_VERSION = 4
"""Of the models that this code reads."""

TOLERANCE = 1e-6
"""How far, relatively, a forecast may be off the one in the file: kinds of CPU differ by less."""


def open_model(path: Path, symbols: Sequence[str] | None = None) -> tuple[Model, list[str]]:
    """A model, of all its symbols or of some, and all the symbols that its file has.

    Raises Refusal if the file is no model of this schema version, if it lacks a symbol that is
    wanted, or if what it says cannot be, as after an edit by hand: a forecast in it that does
    not follow from its parameters, too.
    """
    whole = read_strict(path)
    if not isinstance(whole, dict) or "schema_version" not in whole:
        raise Refusal(f"{path}: not a model: it has no schema_version; train again.")
    version = whole["schema_version"]
    if isinstance(version, bool) or version != SCHEMA_VERSION:
        raise Refusal(
            f"{path}: a model of schema version {short(repr(version), 20)}, where this code reads "
            f"version {SCHEMA_VERSION}; train again."
        )
    model = from_json(whole, str(path), symbols)
    _check_forecasts(model, whole, path)
    return model, list(whole["symbols"])


def _check_forecasts(model: Model, whole: Any, path: Path) -> None:
    intervals = model.quantiles(model.bounds)
    at_risk, shortfall = model.losses()
    made = {"point": model.points(), "lower": intervals[..., 0], "upper": intervals[..., 1]}
    made |= {"var": at_risk, "es": shortfall}
    for place, symbol in enumerate(model.symbols):
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
