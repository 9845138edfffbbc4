"""From clean prices to a model document: who is modelled, with what, and how well it did."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricewright.documents import parse_json
from pricewright.errors import Refusal
from pricewright.files import read_whole
from pricewright.provenance import code_digest, libraries
from pricewright.randomwalk import Walk, forecast, walk
from pricewright.series import History, histories
from pricewright.walkforward import Plan, evaluate

METHOD = "random walk with drift, EWMA volatility, normal intervals"


@dataclass(frozen=True, kw_only=True)
class Settings(Plan):
    """What can be chosen about a model; the units are those of `train_or_score`."""

    price: str
    decay: float


def build_model(
    table: pd.DataFrame,
    data_sha256: str,
    *,
    name: str,
    settings: Settings,
    given: tuple[dict[str, Any], str] | None,
    receipts: Sequence[Path],
    script: Path,
) -> dict[str, Any]:
    """The model document of a clean table, without its schema version.

    `name` is the table's file and `data_sha256` that of its bytes.
    With `given`, a model document and its digest, that model's parameters are scored and
    none are estimated. `script` is whose code the document names.

    Raises Refusal if no symbol can be modelled, with each one's reason.
    """
    scored = given[0] if given else None
    if scored:
        chosen = {field.name: scored["parameters"][field.name] for field in fields(Settings)}
        settings = Settings(**chosen)
    found = histories(table, settings.price, name)
    cutoff = max((history.dates[-1] for history in found), default=np.datetime64("NaT"))
    members: list[tuple[History, Walk]] = []
    left_out: list[dict[str, str]] = []
    for history in found:
        reason = _unfit(history, cutoff, settings) or _unknown(history, scored)
        if reason:
            left_out.append({"symbol": history.symbol, "reason": reason})
        else:
            members.append((history, _walk(history, settings, scored)))
    if not members:
        reasons = "; ".join(f"{out['symbol']}: {out['reason']}" for out in left_out[:3])
        raise Refusal(
            f"{name}: no symbol can be modelled ({reasons or 'there are no records'}); "
            "deliver a longer history, or see model.min_history and model.max_age_days."
        )
    pooled, by_symbol, origins = evaluate(members, settings)
    known_until = np.datetime64(scored["cutoff"] if scored else "0000-01-01")
    return {
        "mode": "score" if scored else "train",
        "scored_model": {"sha256": given[1], "cutoff": given[0]["cutoff"]} if given else None,
        "cutoff": str(cutoff),
        "data": {
            "path": name,
            "sha256": data_sha256,
            "rows": len(table),
            "symbols": len(found),
            "first_date": str(min(history.dates[0] for history in found)),
            "last_date": str(cutoff),
        },
        "receipts": {
            path.stem: parse_json(read_whole(path), str(path)) for path in map(Path, receipts)
        },
        "code": {
            "sha256": code_digest(script),
            "libraries": libraries(script),
        },
        "parameters": {"method": METHOD, **asdict(settings)},
        "symbols": {history.symbol: _state(history, path, settings) for history, path in members},
        "left_out": left_out,
        "metrics": {
            "origins": len(origins),
            "first_origin": str(origins[0]) if len(origins) else None,
            "last_origin": str(origins[-1]) if len(origins) else None,
            "origins_the_model_knew": int((origins < known_until).sum()),
            "pooled": pooled,
            "by_symbol": by_symbol,
        },
    }


def _unfit(history: History, cutoff: np.datetime64, settings: Settings) -> str | None:
    """Why a symbol cannot be modelled, if it cannot."""
    if len(history.prices) < settings.min_history:
        return f"{len(history.prices)} observations, fewer than {settings.min_history}"
    if cutoff - history.dates[-1] > np.timedelta64(settings.max_age_days, "D"):
        return f"the last price is of {history.dates[-1]}, over {settings.max_age_days} days old"
    if (history.prices == history.prices[0]).all():
        return "the price never changes"
    return None


def _unknown(history: History, scored: dict[str, Any] | None) -> str | None:
    """Why a given model cannot say anything about a symbol, if it cannot."""
    if scored is None:
        return None
    state = scored["symbols"].get(history.symbol)
    if state is None:
        return "the scored model does not know it"
    if state["scale"] == "log" and history.scale == "level":
        return "a price is not above 0, and the scored model takes its logarithm"
    return None


def _walk(history: History, settings: Settings, scored: dict[str, Any] | None) -> Walk:
    if scored is None:
        return walk(history, settings.decay)
    state = scored["symbols"][history.symbol]
    follows = history.dates[0] > np.datetime64(state["last_date"])
    return walk(
        history,
        settings.decay,
        drift=state["drift"],
        variance=state["volatility"] ** 2 if follows else None,
        scale=state["scale"],
    )


def _state(history: History, path: Walk, settings: Settings) -> dict[str, Any]:
    """What is needed to forecast a symbol, and the forecasts from its last price."""
    last = len(path.values) - 1
    made = forecast(path, np.array([last]), settings.horizon, settings.level)
    return {
        "scale": path.scale,
        "observations": len(history.prices),
        "last_date": str(history.dates[-1]),
        "last_price": float(history.prices[-1]),
        "drift": float(path.drift[-1]),
        "volatility": float(np.sqrt(path.variance[-1])),
        "forecast": {
            "median": made.median[0].tolist(),
            "lower": made.lower[0].tolist(),
            "upper": made.upper[0].tolist(),
        },
    }
