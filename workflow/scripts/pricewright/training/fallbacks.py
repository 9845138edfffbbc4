"""What a symbol got instead of the chosen model, in words."""

import numpy as np

from pricewright.forecasting import distribution
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import WITH_HAR, Settings
from pricewright.forecasting.track import known_values
from pricewright.forecasting.volatility import GARCH_CHANGES
from pricewright.forecasting.walkforward import Forecasts, WalkForward


def fallbacks(walked: WalkForward) -> dict[str, list[str]]:
    """For each symbol, notes on what it got instead of the chosen model, and why; mostly none."""
    settings, day = walked.settings, int(walked.whole.calendar[-1])
    found = {}
    for piece in walked.pieces:
        panel = walked.panel(piece)
        for place, symbol in enumerate(panel.symbols):
            notes = []
            if panel.levels[place] and (panel.declared is None or not panel.declared[place]):
                notes.append("scale: levels, because more than one price in 100 was 0 or below")
            if panel.floors is not None and (floor := panel.floors[0, place]) > 0:
                notes.append(
                    f"scale: below {floor:g} logarithms continue as a straight line, because a "
                    "price of 0 or below has none"
                )
            if settings.location == "lightgbm" and piece.fitted.location.trees is None:
                notes.append("location: naive, because there is too little history for trees")
            notes += _simpler_volatility(piece, place, panel, day, settings)
            errors = int(piece.errors[place])
            if settings.distribution != "normal" and errors < distribution.FEWEST:
                simpler = (
                    "normal" if settings.distribution == "fhs" else "mostly that of all symbols"
                )
                notes.append(
                    f"distribution: {simpler}, because {errors} out-of-sample errors are fewer "
                    f"than {distribution.FEWEST}"
                )
            found[symbol] = notes
    return found


def _simpler_volatility(
    piece: Forecasts, place: int, panel: Panel, day: int, settings: Settings
) -> list[str]:
    """A note if a symbol has another volatility than the chosen one; day: the end of the estimate's
    data, but for the embargo."""
    model = piece.fitted.volatility
    kind = model.kinds(len(piece))[place]
    if kind == settings.volatility:
        return []
    reasons = []
    if model.garch is not None and not model.garch.converged[place]:
        own = panel.columns(np.array([place]))
        changes = np.diff(known_values(own, day, settings)[:, 0])
        changes = changes[np.isfinite(changes)]
        if len(changes) < GARCH_CHANGES:
            reasons.append(f"{len(changes)} changes are fewer than {GARCH_CHANGES}")
        elif not changes.any():
            reasons.append("its price did not change in the days that are estimated from")
        else:
            reasons.append("its GARCH did not converge")
    if settings.volatility in WITH_HAR and kind not in WITH_HAR:
        reasons.append("there is too little history for the regression of har")
    return [f"volatility: {kind}, because {' and '.join(reasons)}"]
