"""A panel in pieces, each small enough that its numbers fit a processor's cache."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pricewright.arrays import Ints
from pricewright.forecasting.panel import Panel

WIDTH = 64
"""Symbols that are worked on at a time."""


@dataclass(frozen=True)
class Part:
    """The histories of some symbols, and where these are in the panel of all."""

    panel: Panel
    columns: Ints


def pieces(panel: Panel) -> Iterator[Part]:
    """The panel in parts, each cut out when it is asked for."""
    places = np.arange(len(panel))
    for begin in range(0, len(panel), WIDTH):
        some = slice(begin, begin + WIDTH)
        yield Part(panel.columns(some), places[some])
