"""Write and read the part of a model's JSON from which forecasts are made.

Everything that is used is checked when read, because a user who forecasts may have nothing but
numpy and the file.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np

from pricewright.files.documents import read_strict
from pricewright.files.errors import Refusal, shortened, some_of
from pricewright.forecasting import location
from pricewright.forecasting.checked_document import (
    LARGEST,
    LARGEST_VARIANCE,
    CheckedDocument,
    CheckedSymbols,
)
from pricewright.forecasting.garch import Garch
from pricewright.forecasting.har import TERMS
from pricewright.forecasting.location import Location
from pricewright.forecasting.model import Model
from pricewright.forecasting.model_file import SCHEMA_VERSION
from pricewright.forecasting.settings import WITH_GARCH, WITH_HAR, Settings, VolatilityKind
from pricewright.forecasting.track import Fitted
from pricewright.forecasting.trees import LAGS, NUMBERS, trees_from_json, trees_to_json
from pricewright.forecasting.volatility import States, Volatility
from pricewright.tables.arrays import Flags, Floats, as_numbers
from pricewright.tables.options import bounds, choices, hints
from pricewright.tables.symbol_columns import SymbolColumns, symbol_records

HAR_TERMS = [{"of": of, "half_life": life} for of, life in TERMS]
"""The averages of the HAR, as a model names them."""

LEAST_FLOOR = 1e-100
"""The lowest floor, so that no price relative to it overflows."""

ROUNDING = 1e-9
"""The relative amount by which a quantile may be below the one before it."""


def to_json(model: Model, fallbacks: Sequence[list[str]]) -> dict[str, Any]:
    """The parts `parameters`, `distribution`, `har`, `trees` and `symbols` of a model document,
    including forecasts.

    fallbacks: for each symbol, notes on what it got instead of the chosen model, and why.
    """
    own = model.settings.distribution != "normal"
    fitted, states = model.fitted, model.states
    garch, weights = fitted.volatility.garch, fitted.volatility.weights
    intervals, (at_risk, shortfall) = model.quantiles(model.bounds), model.losses()
    columns = {
        "scale": np.where(model.levels, "level", "log"),
        "floor": model.floors,
        "observations": states.observations.astype(np.intp),
        "last_date": model.last_days.astype("datetime64[D]").astype(str),
        "last_price": model.last_prices,
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
        "fallbacks": fallbacks,
    }
    har = None
    if weights is not None and np.isfinite(weights).all():
        har = {"terms": HAR_TERMS, "weights": weights.tolist()}
    trees = fitted.location.trees
    return {
        "parameters": asdict(model.settings),
        "distribution": {
            "probabilities": model.probabilities.tolist(),
            "shape": None if own else model.shapes[0, :, :-1].tolist(),
            "shortfall": None if own else model.shapes[0, :, -1].tolist(),
        },
        "har": har,
        "trees": None if trees is None else trees_to_json(trees),
        "symbols": SymbolColumns(model.symbols, columns),
    }


def from_json(document: Any, name: str, symbols: Sequence[str] | None = None) -> Model:
    """A model from its document; symbols: the ones wanted, if not all.

    Raises Refusal, naming the key, for a value that is missing, not a number, too large or of the
    wrong shape, and for a symbol that the model does not have.
    """
    reader = CheckedDocument(document, name)
    settings = _settings(reader)
    known = symbol_records(reader.at("symbols"))
    if not known:
        reader.refuse("symbols", reader.at("symbols"), "symbols with their parameters")
    wanted = list(known) if symbols is None else list(symbols)
    for symbol in wanted:
        if symbol not in known:
            raise Refusal(
                f"{name}: the model has no symbol {symbol!r}; it has {some_of(list(known))}."
            )
    probabilities = reader.numbers("distribution", "probabilities", least=0.0, most=1.0)
    if len(probabilities) < 2 or not (np.diff(probabilities) > 0).all():
        reader.refuse("distribution.probabilities", probabilities.tolist(), "rising numbers")
    each = CheckedSymbols(reader, known, wanted)
    fitted, states = _parameters(reader, each, settings)
    levels = np.array(each.words("scale", among=("log", "level"))) == "level"
    floors = each.numbers("floor", least=0.0)
    for place in np.flatnonzero((floors > 0) & (floors < LEAST_FLOOR))[:1].tolist():
        each.refuse(place, ["floor"], float(floors[place]), f"0 or a number from {LEAST_FLOOR:g}")
    return Model(
        settings=settings,
        symbols=wanted,
        levels=levels,
        floors=floors,
        last_days=each.days("last_date"),
        recent=_recent(each, settings, positive=~levels & (floors == 0)),
        probabilities=probabilities,
        fitted=fitted,
        states=states,
        shapes=_shapes(reader, each, settings, len(probabilities)),
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
    reader: CheckedDocument, each: CheckedSymbols, settings: Settings
) -> tuple[Fitted, States]:
    kinds = each.words("volatility", "kind", among=get_args(VolatilityKind))
    variance = {"least": 0.0, "most": LARGEST_VARIANCE}
    garch = next_variance = None
    if settings.volatility in WITH_GARCH:
        path = ("volatility", "garch")
        garch = Garch(
            variance=each.numbers(*path, "variance", **variance),
            alpha=each.numbers(*path, "alpha", least=0.0, most=1.0),
            persistence=each.numbers(*path, "persistence", least=0.0, most=1.0),
            fall=each.numbers(*path, "fall", least=0.0),
            rise=each.numbers(*path, "rise", least=0.0),
            converged=each.flags(*path, "converged"),
            steps=each.numbers(*path, "steps", least=0.0).astype(np.intp),
        )
        next_variance = each.numbers(*path, "next", **variance)
    weights = averages = ranges = None
    terms = len(TERMS)
    if reader.at("har") is not None:
        if (found := reader.at("har", "terms")) != HAR_TERMS:
            reader.refuse("har.terms", found, str(HAR_TERMS))
        weights = reader.table("har", "weights", rows=settings.horizon, columns=terms, least=0.0)
    if settings.volatility in WITH_HAR:
        averages = each.lists("volatility", "averages", count=terms, **variance)
        ranges = each.numbers("volatility", "ranges", least=0.0)
    volatility = Volatility(
        settings.volatility, settings.decay, settings.rolling_days, garch, weights
    )
    for place, (kind, made) in enumerate(zip(kinds, volatility.kinds(len(kinds)), strict=True)):
        if kind != made:
            each.refuse(place, ("volatility", "kind"), kind, f"{made}, by its parameters")
    trees = changes = None
    if settings.location == "lightgbm":
        if reader.at("trees") is not None:
            trees = trees_from_json(reader, NUMBERS)
        changes = each.lists("location", "changes", count=LAGS)
    point = Location(
        settings.location,
        slope=each.numbers("location", "slope"),
        intercept=each.numbers("location", "intercept"),
        weight=each.numbers("location", "weight", least=location.LEAST / 2, most=location.MOST),
        trees=trees,
    )
    states = States(
        observations=each.numbers("observations", least=2.0),
        level=each.numbers("location", "level"),
        ewma=each.numbers("volatility", "average", **variance),
        garch=next_variance,
        averages=averages,
        changes=changes,
        ranges=ranges,
    )
    return Fitted(point, volatility), states


def _recent(each: CheckedSymbols, settings: Settings, positive: Flags) -> list[Floats]:
    """For each symbol its last price, or as many last prices as a rolling mean needs.

    positive: (S,), whether prices must be above 0, because their logarithms are taken.
    """
    path = ("volatility", "recent")
    counts = np.ones(len(each.names))
    if settings.volatility == "rolling":
        counts = np.minimum(settings.rolling_days + 1, each.numbers("observations", least=2.0))
    last, found = each.numbers("last_price"), []
    for place, (given, count) in enumerate(zip(each.parts(*path), counts.tolist(), strict=True)):
        recent = as_numbers(given, (int(count),))
        if recent is None or not (np.abs(recent) <= LARGEST).all():
            wanted = f"{int(count)} numbers from {-LARGEST:g} to {LARGEST:g}"
            each.refuse(place, path, given, wanted)
        if positive[place] and (recent <= 0).any():
            each.refuse(place, path, recent.tolist(), "prices above 0, on the scale log")
        if last[place] != recent[-1]:
            each.refuse(place, path, recent.tolist(), "the last price as its last")
        found.append(recent)
    return found


def _shapes(
    reader: CheckedDocument, each: CheckedSymbols, settings: Settings, count: int
) -> Floats:
    """(S, H, count + 1), or (1, H, count + 1) if all symbols share one shape."""
    rows = settings.horizon
    if settings.distribution == "normal":
        shapes = reader.table("distribution", "shape", rows=rows, columns=count)[None]
        shortfalls = reader.numbers("distribution", "shortfall", count=rows)[None]
    else:
        shapes = each.tables("shape", rows=rows, columns=count)
        shortfalls = each.lists("shortfall", count=rows)
    falls = (np.diff(shapes) < -ROUNDING * np.abs(shapes[..., 1:])).any(axis=(1, 2))
    for place in np.flatnonzero(falls)[:1].tolist():
        found, wanted = shapes[place].tolist(), "rows of rising numbers"
        if settings.distribution == "normal":
            reader.refuse("distribution.shape", found, wanted)
        each.refuse(place, ("shape",), found, wanted)
    return np.concatenate([shapes, shortfalls[..., None]], axis=-1)


TOLERANCE = 1e-6
"""The relative tolerance for a forecast in the file; kinds of processors differ by less."""


def open_model(path: Path, symbols: Sequence[str] | None = None) -> tuple[Model, list[str]]:
    """A model, with all its symbols or some of them, and the list of all symbols in its file.

    Raises Refusal if the file is not a model of this schema version, if it lacks a wanted symbol,
    or if it contradicts itself, as after an edit by hand: its forecasts must follow from its
    parameters.
    """
    whole = read_strict(path)
    if not isinstance(whole, dict) or "schema_version" not in whole:
        raise Refusal(f"{path}: not a model: it has no schema_version; train again.")
    version = whole["schema_version"]
    if isinstance(version, bool) or version != SCHEMA_VERSION:
        raise Refusal(
            f"{path}: a model of schema version {shortened(repr(version), 20)}, but this code "
            f"reads version {SCHEMA_VERSION}; train again."
        )
    model = from_json(whole, str(path), symbols)
    known = symbol_records(whole["symbols"])
    _check_forecasts(model, CheckedSymbols(CheckedDocument(whole, str(path)), known, model.symbols))
    return model, list(known)


def _check_forecasts(model: Model, each: CheckedSymbols) -> None:
    intervals = model.quantiles(model.bounds)
    at_risk, shortfall = model.losses()
    made = {"point": model.points(), "lower": intervals[..., 0], "upper": intervals[..., 1]}
    made |= {"var": at_risk, "es": shortfall}
    for name, prices in made.items():
        found = each.parts("forecast", name, missing=None)
        if _are_near(found, prices):
            continue
        for place, symbol in enumerate(model.symbols):
            if not _are_near(found[place : place + 1], prices[place : place + 1]):
                raise Refusal(
                    f"{each.name}: 'symbols.{symbol}.forecast.{name}' does not follow from the "
                    "model's parameters, as after an edit by hand; train again."
                )


def _are_near(found: Any, made: Floats) -> bool:
    values = as_numbers(found, made.shape)
    return values is not None and np.allclose(values, made, rtol=TOLERANCE, atol=0.0)
