"""On which scale each symbol is modelled, as `model.scale` says.

Prices grow and shrink by shares of themselves, so they are on logarithms; rates and spreads, which
live around zero, move by points, so they are on levels. Who does not say gets levels for a symbol
with a price of 0 or below, which has no logarithm, and logarithms for all others.
"""

from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import scale_rules


def scaled(panel: Panel, said: str) -> Panel:
    """The panel on the scales that are said, from its first row on; on the others as it is.

    Raises Refusal for a symbol that is to be on logarithms and has a price without one.
    """
    rules = scale_rules(said) or []
    wanted = [
        next((scale for pattern, scale in rules if fnmatchcase(symbol, pattern)), "auto")
        for symbol in panel.symbols
    ]
    for column, (symbol, scale) in enumerate(zip(panel.symbols, wanted, strict=True)):
        if scale == "log" and panel.levels[column]:
            row = int((panel.prices[:, column] <= 0).argmax())
            price, day = panel.prices[row, column], np.datetime64(int(panel.days[row, column]), "D")
            raise Refusal(
                f"config key 'model.scale': found log for {symbol}, which has the price {price:g} "
                f"on {day}; say level or auto for it, or declare a wrong price in corrections.file."
            )
    declared = np.array([scale == "level" for scale in wanted], dtype=bool)
    return replace(panel, levels=panel.levels | declared, declared=declared)
