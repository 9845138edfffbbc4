"""The scale on which each symbol is modelled, from the config key `model.scale`.

Prices move in proportion to themselves, so they are modelled as logarithms. Rates and spreads move
by points around zero, so they are modelled as levels. By default a symbol is modelled on levels if
more than one price in 100 is zero or negative, else on logarithms. If a symbol on logarithms has
such a price, then from that day on its logarithm continues as a straight line below the last price
before it: there a change is a share of that price.
"""

from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np

from pricewright.files.clock import date_of
from pricewright.files.errors import Refusal
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import scale_rules
from pricewright.steplog.log import logger


def scaled(panel: Panel, said: str) -> Panel:
    """The panel with the scales declared in `said`; other symbols keep their scale.

    Warns of a pattern that no symbol needs. Raises Refusal for a symbol declared to be on
    logarithms whose first price is 0 or below.
    """
    rules = dict(scale_rules(said) or [])
    fits = [
        next((pattern for pattern in rules if fnmatchcase(symbol, pattern)), None)
        for symbol in panel.symbols
    ]
    for pattern in rules:
        if pattern not in fits:
            logger.warning(
                "config key 'model.scale': %r decides no symbol, because none fits it, or an "
                "earlier pattern fits them; correct the pattern, or remove it.",
                pattern,
            )
    wanted = ["auto" if pattern is None else rules[pattern] for pattern in fits]
    for column, (symbol, scale) in enumerate(zip(panel.symbols, wanted, strict=True)):
        if scale == "log" and (price := panel.prices[0, column]) <= 0:
            day = date_of(int(panel.days[0, column]))
            raise Refusal(
                f"config key 'model.scale': found log for {symbol}, which begins with the price "
                f"{price:g} on {day}; set level or auto for it, or declare a wrong price in "
                "corrections.file."
            )
    declared, logs = (np.array([scale == which for scale in wanted]) for which in ("level", "log"))
    levels = (panel.levels | declared) & ~logs
    return replace(panel, levels=levels, declared=declared).with_floors()
