"""The part of a model's JSON that forecasts are made from: written, and read with care.

What is read is checked as far as it is used, for whoever forecasts may have nothing but numpy and
the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np

from pricewright.files.documents import read_strict
from pricewright.files.errors import Refusal
from pricewright.forecasting import location, trees, volatility
from pricewright.forecasting import trees as lagged
from pricewright.forecasting.checked_document import LARGEST, LARGEST_VARIANCE, CheckedDocument
from pricewright.forecasting.garch import Garch
from pricewright.forecasting.har import HALF_LIVES
from pricewright.forecasting.location import Location
from pricewright.forecasting.model import Model
from pricewright.forecasting.settings import Settings, VolatilityKind
from pricewright.forecasting.track import Fitted
from pricewright.forecasting.volatility import States
from pricewright.tables.arrays import Floats

LEAST_OF = {"rolling_days": 2, "horizon": 1}
"""The least of a whole number among the settings, if it is not 0."""

MOST_STEPS = 250
"""The most steps ahead that a model forecasts."""

ROUNDING = 1e-9
"""By so little, relatively, a quantile may be below the one before it."""


def written(saved: Model) -> dict[str, Any]:
    """`parameters`, `distribution`, `har`, `trees` and `symbols` of a model, with forecasts."""
    own = saved.settings.distribution != "normal"
    fitted, states = saved.fitted, saved.states
    found = fitted.volatility.garch
    points, variances = saved.points(), saved.variances()
    intervals = saved.quantiles(saved.bounds)
    weights, grown = fitted.volatility.weights, fitted.location.trees
    symbols = {}
    for place, symbol in enumerate(saved.symbols):
        by_location = {
            "level": states.level[place],
            "slope": fitted.location.slope[place],
            "intercept": fitted.location.intercept[place],
            "weight": fitted.location.weight[place],
        }
        by_garch = None
        if found is not None and states.garch is not None:
            by_garch = {
                "variance": float(found.variance[place]),
                "alpha": float(found.alpha[place]),
                "persistence": float(found.persistence[place]),
                "next": float(states.garch[place]),
                "converged": bool(found.converged[place]),
                "steps": int(found.steps[place]),
            }
        symbols[symbol] = {
            "scale": "level" if saved.levels[place] else "log",
            "observations": int(states.observations[place]),
            "last_date": str(np.datetime64(int(saved.last_days[place]), "D")),
            "last_price": float(saved.recent[place][-1]),
            "location": {
                **{name: float(value) for name, value in by_location.items()},
                "changes": None if states.changes is None else states.changes[place].tolist(),
            },
            "volatility": {
                "kind": fitted.volatility.kinds(len(saved.symbols))[place],
                "average": float(states.ewma[place]),
                "averages": None if states.averages is None else states.averages[place].tolist(),
                "garch": by_garch,
                "recent": saved.recent[place].tolist(),
            },
            "shape": saved.shapes[place].tolist() if own else None,
            "forecast": {
                "point": points[place].tolist(),
                "lower": intervals[place, :, 0].tolist(),
                "upper": intervals[place, :, 1].tolist(),
                "volatility": np.sqrt(variances[place]).tolist(),
            },
        }
    return {
        "parameters": {
            field.name: getattr(saved.settings, field.name) for field in fields(Settings)
        },
        "distribution": {
            "probabilities": saved.probabilities.tolist(),
            "shape": None if own else saved.shapes[0].tolist(),
        },
        "har": None
        if weights is None or not np.isfinite(weights).all()
        else {"half_lives": list(HALF_LIVES), "weights": weights.tolist()},
        "trees": None if grown is None else trees.written(grown),
        "symbols": symbols,
    }


def read(document: Any, name: str, symbols: Sequence[str] | None = None) -> Model:
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
        last_days=np.array([reader.day("symbols", s, "last_date") for s in wanted], dtype=np.int32),
        recent=[_recent(reader, settings, symbol) for symbol in wanted],
        probabilities=probabilities,
        fitted=fitted,
        states=states,
        shapes=_shapes(reader, settings, wanted, len(probabilities)),
    )


def _settings(reader: CheckedDocument) -> Settings:
    values: dict[str, Any] = {}
    hints = get_type_hints(Settings)
    for key in (field.name for field in fields(Settings)):
        kind = hints[key]
        if kind is str:
            values[key] = reader.word("parameters", key)
        elif kind is float:
            values[key] = reader.number("parameters", key, least=0.5, most=0.999)
        elif kind in (int, int | None):
            whole = reader.at("parameters", key)
            if whole is None and kind is not int:
                values[key] = None
                continue
            values[key] = reader.whole("parameters", key, least=LEAST_OF.get(key, 0))
        else:
            values[key] = reader.word("parameters", key, among=get_args(kind))
    if values["horizon"] > MOST_STEPS:
        reader.refuse("parameters.horizon", values["horizon"], f"1 to {MOST_STEPS}")
    return Settings(**values)


def _parameters(
    reader: CheckedDocument, settings: Settings, symbols: Sequence[str]
) -> tuple[Fitted, States]:
    def each(*path: str, least: float = -LARGEST, most: float = LARGEST) -> Floats:
        found = [reader.number("symbols", s, *path, least=least, most=most) for s in symbols]
        return np.array(found)

    kinds = [
        reader.word("symbols", s, "volatility", "kind", among=get_args(VolatilityKind))
        for s in symbols
    ]
    garch = next_variance = own = None
    if settings.volatility in ("garch11", "combined"):
        path = ("volatility", "garch")
        garch = Garch(
            variance=each(*path, "variance", least=0.0, most=LARGEST_VARIANCE),
            alpha=each(*path, "alpha", least=0.0, most=1.0),
            persistence=each(*path, "persistence", least=0.0, most=1.0),
            converged=np.array([reader.flag("symbols", s, *path, "converged") for s in symbols]),
            steps=each(*path, "steps", least=0.0).astype(np.intp),
        )
        next_variance = each(*path, "next", least=0.0, most=LARGEST_VARIANCE)
        own = np.array([kind in ("garch11", "combined") for kind in kinds])
    weights = averages = None
    if reader.at("har") is not None:
        lives = reader.numbers("har", "half_lives", count=len(HALF_LIVES))
        if lives.tolist() != list(HALF_LIVES):
            reader.refuse("har.half_lives", lives.tolist(), str(list(HALF_LIVES)))
        weights = reader.table(
            "har", "weights", rows=settings.horizon, columns=len(HALF_LIVES), least=0.0
        )
    if settings.volatility in ("har", "combined"):
        count = len(HALF_LIVES)
        averages = np.array(
            [
                reader.numbers(
                    *("symbols", s, "volatility", "averages"),
                    count=count,
                    least=0.0,
                    most=LARGEST_VARIANCE,
                )
                for s in symbols
            ]
        )
    model = volatility.Volatility(
        settings.volatility, settings.decay, settings.rolling_days, garch, own, weights
    )
    for symbol, kind, made in zip(symbols, kinds, model.kinds(len(symbols)), strict=True):
        if kind != made:
            reader.refuse(f"symbols.{symbol}.volatility.kind", kind, f"{made}, by its parameters")
    grown = changes = None
    if settings.location == "lightgbm":
        if reader.at("trees") is not None:
            grown = trees.read(reader, "trees", lagged.NUMBERS)
        count = lagged.LAGS
        found = [reader.numbers("symbols", s, "location", "changes", count=count) for s in symbols]
        changes = np.array(found)
    place_of = Location(
        settings.location,
        slope=each("location", "slope"),
        intercept=each("location", "intercept"),
        weight=each("location", "weight", least=location.LEAST / 2, most=location.MOST),
        trees=grown,
    )
    states = States(
        observations=each("observations", least=2.0),
        level=each("location", "level"),
        ewma=each("volatility", "average", least=0.0, most=LARGEST_VARIANCE),
        garch=next_variance,
        averages=averages,
        changes=changes,
    )
    return Fitted(place_of, model), states


def _recent(reader: CheckedDocument, settings: Settings, symbol: str) -> Floats:
    """Its last price, or as many as a rolling mean and the next ones are made from."""
    place = ("symbols", symbol)
    path = (*place, "volatility", "recent")
    count = 1
    if settings.volatility == "rolling":
        observations = reader.number(*place, "observations", least=2.0)
        count = min(settings.rolling_days + 1, int(observations))
    recent = reader.numbers(*path, count=count)
    if reader.word(*place, "scale", among=("log", "level")) == "log" and (recent <= 0).any():
        reader.refuse(".".join(path), recent.tolist(), "prices above 0, on the scale log")
    if reader.number(*place, "last_price") != recent[-1]:
        reader.refuse(".".join(path), recent.tolist(), "the last price as its last")
    return recent


def _shapes(
    reader: CheckedDocument, settings: Settings, symbols: Sequence[str], count: int
) -> Floats:
    paths: list[tuple[str, ...]] = [("symbols", symbol, "shape") for symbol in symbols]
    if settings.distribution == "normal":
        paths = [("distribution", "shape")]
    found = []
    for path in paths:
        shape = reader.table(*path, rows=settings.horizon, columns=count)
        if (np.diff(shape) < -ROUNDING * np.abs(shape[:, 1:])).any():
            reader.refuse(".".join(path), shape.tolist(), "rows of rising numbers")
        found.append(shape)
    return np.array(found)


def _some(symbols: Sequence[str]) -> str:
    return ", ".join(symbols[:5]) + (f" and {len(symbols) - 5} more" if len(symbols) > 5 else "")


SCHEMA_VERSION = 2
"""Of the models that this code reads."""

TOLERANCE = 1e-6
"""How far, relatively, a forecast may be off the one in the file: kinds of CPU differ by less."""


@dataclass(frozen=True)
class ModelFile:
    """A model of the symbols that are wanted; `known` are all that the file has."""

    saved: Model
    known: Sequence[str]


def open_model(path: Path, symbols: Sequence[str] | None = None) -> ModelFile:
    """A model, of all its symbols or of some.

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
            f"{path}: a model of schema version {_short(version)}, where this code reads version "
            f"{SCHEMA_VERSION}; train again."
        )
    saved = read(whole, str(path), symbols)
    _check_forecasts(saved, whole, path)
    return ModelFile(saved, list(whole["symbols"]))


def _check_forecasts(saved: Model, whole: Any, path: Path) -> None:
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
