"""Who cannot be modelled, who got something simpler than was chosen, and why."""

import numpy as np

from pricewright.forecasting import distribution
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.volatility import GARCH_CHANGES
from pricewright.forecasting.walked import Piece, Walked


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


def fallbacks(walked: Walked, settings: Settings) -> dict[str, list[str]]:
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


def _location(piece: Piece, settings: Settings) -> str | None:
    if settings.location != "lightgbm" or piece.fitted.location.trees is not None:
        return None
    return "location: naive, for there is too little history to grow trees from"


def _volatility(
    piece: Piece, place: int, kind: str, changes: int, settings: Settings
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
