"""Which symbols of a clean table are modelled, from when on, and how.

Who cannot be modelled is left out, who got something simpler than was chosen is named, with why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.forecasting import distribution
from pricewright.forecasting.document import read
from pricewright.forecasting.model import Model
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.track import Timeline, make_timeline
from pricewright.forecasting.volatility import GARCH_CHANGES, Start
from pricewright.forecasting.walkforward import Forecasts, WalkForward


def unfit(panel: Panel, column: int, cutoff: int, settings: Settings) -> str | None:
    """Why a symbol cannot be modelled as of a day, if it cannot."""
    count = int(panel.counts[column])
    prices = panel.prices[:count, column]
    last = int(panel.days[count - 1, column])
    if count < settings.min_history:
        return f"{count} observations, fewer than {settings.min_history}"
    if cutoff - last > settings.max_age_days:
        day = np.datetime64(last, "D")
        return f"the last price is of {day}, over {settings.max_age_days} days old"
    if (prices == prices[0]).all():
        return "the price never changes"
    if (prices[-settings.min_history :] == prices[-1]).all():
        return f"the last {settings.min_history} prices are the same"
    return None


def fallbacks(walked: WalkForward, settings: Settings) -> dict[str, list[str]]:
    """By symbol, what it got in place of what was chosen, and why; for most there is nothing."""
    found = {}
    for piece in walked.pieces:
        panel = walked.panel(piece)
        kinds = piece.fitted.volatility.kinds(len(panel))
        for place, symbol in enumerate(panel.symbols):
            notes = [
                "scale: levels, for a price of 0 or below has no logarithm"
                if panel.levels[place]
                else None,
                _location(piece, settings),
                _volatility(piece, place, kinds[place], int(panel.counts[place]) - 1, settings),
                _distribution(int(piece.errors[place]), settings),
            ]
            found[symbol] = [note for note in notes if note]
    return found


def _location(piece: Forecasts, settings: Settings) -> str | None:
    if settings.location != "lightgbm" or piece.fitted.location.trees is not None:
        return None
    return "location: naive, for there is too little history to grow trees from"


def _volatility(
    piece: Forecasts, place: int, kind: str, changes: int, settings: Settings
) -> str | None:
    model = piece.fitted.volatility
    if kind == settings.volatility:
        return None
    if model.own_garch is None or model.own_garch[place]:
        reason = "there is too little history for the regression of har"
    elif changes < GARCH_CHANGES:
        reason = f"{changes} changes are fewer than {GARCH_CHANGES}"
    else:
        reason = "its GARCH did not converge"
    return f"volatility: {kind}, for {reason}"


def _distribution(errors: int, settings: Settings) -> str | None:
    if settings.distribution == "normal" or errors >= distribution.FEWEST:
        return None
    instead = "normal" if settings.distribution == "fhs" else "mostly that of all symbols"
    return (
        f"distribution: {instead}, for {errors} errors made out of sample are fewer than "
        f"{distribution.FEWEST}"
    )


@dataclass(frozen=True)
class Subject:
    """Who is modelled, from when on, and how.

    scored: the model whose parameters are taken, and start: where its histories go on; None to
    estimate.
    """

    panel: Panel
    left_out: list[dict[str, str]]
    timeline: Timeline
    settings: Settings
    scored: Model | None
    start: Start | None


def chosen(
    panel: Panel,
    name: str,
    settings: Settings,
    given: tuple[dict[str, Any], str] | None,
    known_unfit: Mapping[str, str],
) -> Subject:
    """Of a clean table, whose name is for errors, those that can be modelled.

    known_unfit: symbols that are left out whatever their prices, and why. With `given`, a model
    document and its digest, that model's parameters and settings are taken.

    Raises Refusal if no symbol can be modelled, with reasons.
    """
    scored = read(given[0], "the scored model") if given else None
    settings = scored.settings if scored else settings
    kept, left_out = _fit(panel, settings, scored, known_unfit)
    if not len(kept):
        reasons = "; ".join(f"{out['symbol']}: {out['reason']}" for out in left_out[:3])
        raise Refusal(
            f"{name}: no symbol can be modelled ({reasons or 'there are no records'}); "
            "deliver a longer history, or see model.min_history and model.max_age_days."
        )
    start = None
    if scored:
        scored = scored.of(kept.symbols)
        kept, start = scored.continued(kept, whole=True)
    return Subject(kept, left_out, make_timeline(kept, settings), settings, scored, start)


def _fit(
    panel: Panel, settings: Settings, scored: Model | None, known_unfit: Mapping[str, str]
) -> tuple[Panel, list[dict[str, str]]]:
    """The panel of those that can be modelled, and why the others cannot."""
    cutoff = int(panel.calendar[-1]) if len(panel.calendar) else 0
    keep, left_out = [], []
    known = dict(zip(scored.symbols, scored.levels.tolist(), strict=True)) if scored else {}
    for column, symbol in enumerate(panel.symbols):
        reason = known_unfit.get(symbol) or unfit(panel, column, cutoff, settings)
        if scored and not reason:
            if symbol not in known:
                reason = "the scored model does not know it"
            elif panel.levels[column] and not known[symbol]:
                reason = "a price is not above 0, and the scored model takes its logarithm"
        if reason:
            left_out.append({"symbol": symbol, "reason": reason})
        else:
            keep.append(column)
    if not left_out:
        return panel, left_out
    return panel.columns(np.array(keep, dtype=np.intp)), left_out
