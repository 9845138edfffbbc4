"""What a symbol got instead of the chosen model, in words."""

from pricewright.forecasting import distribution
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.volatility import GARCH_CHANGES
from pricewright.forecasting.walkforward import Forecasts, WalkForward


def fallbacks(walked: WalkForward) -> dict[str, list[str]]:
    """For each symbol, notes on what it got instead of the chosen model, and why; mostly none."""
    settings = walked.settings
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
            notes += _simpler_volatility(piece, place, int(panel.counts[place]) - 1, settings)
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
    piece: Forecasts, place: int, changes: int, settings: Settings
) -> list[str]:
    model = piece.fitted.volatility
    kind = model.kinds(len(piece))[place]
    if kind == settings.volatility:
        return []
    if model.garch is None or model.garch.converged[place]:
        reason = "there is too little history for the regression of har"
    elif changes < GARCH_CHANGES:
        reason = f"{changes} changes are fewer than {GARCH_CHANGES}"
    else:
        reason = "its GARCH did not converge"
    return [f"volatility: {kind}, because {reason}"]
