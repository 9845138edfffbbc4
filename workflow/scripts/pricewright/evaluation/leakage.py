"""A check, at each run, that no forecast from the past knew its future.

Everything is made once more from prices of which all that came after a cutoff are replaced by
garbage. Whatever was known and forecast up to the cutoff must be the same to the last bit: from
each origin, and from each day of which a forecast of the next one is judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from zlib import crc32

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.forecasting.panel import NEVER, SLICE_WIDTH, Panel
from pricewright.forecasting.walkforward import Forecasts, Plan, WalkForward, join, walk_forward
from pricewright.tables.arrays import Days, Floats, exp, where

DOING = "checking for leaks"


def check(
    walked: WalkForward, processes: int = 1, *, again: Sequence[Forecasts] = ()
) -> dict[str, object]:
    """Check all origins with garbage after the last, and the first with garbage after it.

    The first is where histories are shortest; of many symbols it is checked for those with the
    shortest. again: what was made of each symbol with garbage after the last, if that is done.
    Returns what was compared, for the record. Raises Refusal that names the column, the symbol
    and the day of the first number that changed.
    """
    panel, origins = walked.whole, walked.timeline.origins
    if not len(origins):
        return {"cutoffs": [], "columns": []}
    first, last = int(origins[0]), int(origins[-1])
    _compare(walked, last, processes, again)
    if again or len(panel) > SLICE_WIDTH:  # in one piece, as what it is compared with
        panel = panel.columns(np.sort(np.argsort(panel.counts, kind="stable")[:SLICE_WIDTH]))
        walked = _again(panel, walked.timeline.until(first), walked.settings, processes)
    columns = _compare(walked, first, processes)
    return {"cutoffs": [str(np.datetime64(day, "D")) for day in (first, last)], "columns": columns}


_again = partial(walk_forward, to_the_end=False, doing=DOING)


def _compare(
    walked: WalkForward, cutoff: int, processes: int, remade: Sequence[Forecasts] = ()
) -> list[str]:
    """The names of the columns that are the same up to a day, whatever comes after it."""
    panel, settings = walked.whole, walked.settings
    early, garbled = walked.timeline.until(cutoff), garble(panel, cutoff)
    again = (
        join(garbled, Plan(early, settings), remade)
        if remade
        else _again(garbled, early, settings, processes)
    )
    columns: dict[str, None] = {}
    for made, other in zip(walked.pieces, again.pieces, strict=True):
        known = zip(
            _known(walked, made, early.origins, cutoff),
            _known(again, other, early.origins, cutoff),
            strict=True,
        )
        symbols = [panel.symbols[place] for place in made.columns]
        for (name, one, days), (_, two, _) in known:
            columns[name] = None
            _same(name, one, two, days=days, symbols=symbols, cutoff=cutoff)
    return list(columns)


def garble(panel: Panel, cutoff: int) -> Panel:
    """The panel with garbage for every price and bar after a day; its days and signs stay.

    A symbol's garbage is the same whichever others there are.
    """
    prices = panel.prices.copy()
    bars = None if panel.bars is None else panel.bars.copy()
    begins = panel.upto(cutoff)
    for column, (symbol, begin) in enumerate(zip(panel.symbols, begins.tolist(), strict=True)):
        count = int(panel.counts[column])
        random = np.random.Generator(np.random.PCG64([cutoff, crc32(symbol.encode())]))
        prices[begin:count, column] *= exp(random.normal(0, 1, count - begin))
        if bars is not None:
            bars[:, begin:count, column] *= exp(random.normal(0, 1, (2, count - begin)))
    return replace(panel, prices=prices, bars=bars)


def _known(
    walked: WalkForward, piece: Forecasts, origins: Days, cutoff: int
) -> Iterator[tuple[str, Floats, Days]]:
    """What was known and forecast, by name and in order of its use: (K, S, …) each, and the days
    (K,) or (K, S) on which it was. What stands where there is no forecast is of no matter."""
    count = len(origins)
    usable = piece.usable[:count]
    yield "usable", usable.astype(np.float64), origins
    forecasts = {"centre": piece.centres, "variance": piece.variances}
    for name, part in (piece.states.arrays() | forecasts).items():
        yield name, where(usable, part[:count]), origins
    yield "shape", walked.shapes(piece)[:count], origins
    panel, rows = walked.panel(piece), piece.daily_rows
    days = np.where(rows >= 0, panel.days[rows, np.arange(len(panel))], NEVER)
    reach = int((days <= cutoff).any(axis=1).sum())
    days = days[:reach]
    early = (days <= cutoff) & (piece.daily_origins[:reach] >= 0)
    for name, part in (("centre", piece.daily_centres), ("variance", piece.daily_variances)):
        yield f"daily {name}", where(early, part[:reach]), days


def _same(
    name: str, one: Floats, two: Floats, *, days: Days, symbols: Sequence[str], cutoff: int
) -> None:
    changed = (one != two) & ~(np.isnan(one) & np.isnan(two))
    if not changed.any():
        return
    place = np.argwhere(changed)[0]
    symbol = "all symbols" if changed.shape[1] == 1 < len(symbols) else symbols[place[1]]
    step = f"[{place[2]}]" if len(place) > 2 else ""
    day = days[place[0]] if days.ndim == 1 else days[place[0], place[1]]
    raise Refusal(
        f"leak: column {name}{step} of {symbol} at {np.datetime64(int(day), 'D')} "
        f"changed when the prices after {np.datetime64(cutoff, 'D')} were replaced by garbage, so "
        "it knew them; nothing here can be trusted until that is mended in the code."
    )
