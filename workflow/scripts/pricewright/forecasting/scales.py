"""On which scale each symbol is modelled, as `model.scale` says.

Prices grow and shrink by shares of themselves, so they are on logarithms; rates and spreads, which
live around zero, move by points, so they are on levels. Who does not say gets levels for a symbol
of which more than one price in a hundred is 0 or below, and logarithms for all others. Where one of
these has such a price, its logarithms go on as a line, below the last price before it and from its
day on: there a change is a share of that price.
"""

from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import scale_rules


def scaled(panel: Panel, said: str) -> Panel:
    """The panel on the scales that are said, from its first row on; on the others as it is.

    Raises Refusal for a symbol that is to be on logarithms and begins with a price without one.
    """
    rules = scale_rules(said) or []
    wanted = [
        next((scale for pattern, scale in rules if fnmatchcase(symbol, pattern)), "auto")
        for symbol in panel.symbols
    ]
    for column, (symbol, scale) in enumerate(zip(panel.symbols, wanted, strict=True)):
        if scale == "log" and (price := panel.prices[0, column]) <= 0:
            day = np.datetime64(int(panel.days[0, column]), "D")
            raise Refusal(
                f"config key 'model.scale': found log for {symbol}, which begins with the price "
                f"{price:g} on {day}; say level or auto for it, or declare a wrong price in "
                "corrections.file."
            )
    declared, logs = (np.array([scale == which for scale in wanted]) for which in ("level", "log"))
    levels = (panel.levels | declared) & ~logs
    return replace(panel, levels=levels, declared=declared).with_floors()
