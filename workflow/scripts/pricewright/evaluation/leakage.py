"""A check, at each run, that no forecast from the past knew its future.

Everything is made once more from prices of which all that came after a cutoff are replaced by
garbage. Whatever was known and forecast up to the cutoff must be the same to the last bit: from
each origin, and from each day of which a forecast of the next one is judged. Of many symbols that
is done for some, others for each date: what is wrong in the code is so for all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from zlib import crc32

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.forecasting.panel import NEVER, SLICE_WIDTH, Panel
from pricewright.forecasting.walkforward import Forecasts, WalkForward, walk_forward
from pricewright.tables.arrays import Days, Floats, Ints, exp, where

DOING = "checking for leaks"


def check(walked: WalkForward, processes: int = 1, *, every: bool = False) -> dict[str, object]:
    """Check all dates with garbage after the last, after the last estimate, and after the first.

    Of more than SLICE_WIDTH symbols so many are checked, unless every one is to be: with one or the
    other of the last two another choice for each day of the prices, which must first come, walked
    by themselves, to the very numbers that they have among all; with the first, where histories are
    shortest, those with the shortest.

    Returns what was compared, for the record. Raises Refusal that names the column, the symbol and
    the day of the first number that changed.
    """
    whole, dates = walked.whole, walked.timeline.dates
    if not len(dates):
        return {"cutoffs": [], "columns": [], "symbols": 0}
    first, last = int(dates[0]), int(dates[-1])
    late = sorted({max(int(walked.timeline.estimates[-1]), first), last})
    in_one = len(whole) <= SLICE_WIDTH and len(walked.pieces) == 1
    some = shortest = walked
    if len(whole) > SLICE_WIDTH and not every:
        late = [late[int(whole.calendar[-1]) % len(late)]]
    if not in_one:
        columns = np.sort(np.argsort(whole.counts, kind="stable")[:SLICE_WIDTH])
        shortest = _of(walked, columns, first, processes)
        chosen = np.arange(len(whole)) if every else _chosen(whole, int(whole.calendar[-1]))
        some = _of(walked, chosen, last, processes)
        _as_among_all(some, walked)
    _compare(shortest, first, processes)
    compared = [_compare(some, cutoff, processes) for cutoff in late][-1]
    return {
        "cutoffs": [str(np.datetime64(day, "D")) for day in sorted({first, *late})],
        "columns": compared,
        "symbols": len(some.whole),
    }


def _of(walked: WalkForward, columns: Ints, cutoff: int, processes: int) -> WalkForward:
    """The walk-forward of some of the symbols by themselves, up to a day, with what was estimated
    among all: with garbage it is estimated anew."""
    panel, early = walked.whole.columns(columns), walked.timeline.until(cutoff)
    kept = walked.estimates.of(columns).until(cutoff) if walked.estimates else None
    return _again(panel, early, walked.settings, processes, kept=kept)


_again = partial(walk_forward, to_the_end=False, doing=DOING)


def _chosen(panel: Panel, day: int) -> Ints:
    """SLICE_WIDTH of a panel's symbols, in order: others for each day, the same on each machine."""
    marks = np.array([crc32(f"{day} {symbol}".encode()) for symbol in panel.symbols])
    return np.sort(np.argsort(marks, kind="stable")[:SLICE_WIDTH])


def _as_among_all(some: WalkForward, walked: WalkForward) -> None:
    """Raise Refusal unless what symbols have of themselves alone is what they have among all.

    What is estimated over all symbols is left out: among fewer it is another.
    """
    place = {
        walked.whole.symbols[column]: (piece, at)
        for piece in walked.pieces
        for at, column in enumerate(piece.columns)
    }
    for piece in some.pieces:
        days = some.timeline.dates
        for at, column in enumerate(piece.columns.tolist()):
            symbol = some.whole.symbols[column]
            other, where_other = place[symbol]
            theirs = dict(_alone(other, len(days)))
            for name, values in _alone(piece, len(days)):
                one, two = values[:, at : at + 1], theirs[name][:, where_other : where_other + 1]
                _same(
                    name,
                    one,
                    two,
                    days=days,
                    symbols=[symbol],
                    why="is another one among all symbols than by itself",
                )


def _alone(piece: Forecasts, count: int) -> Iterator[tuple[str, Floats]]:
    """What each symbol of a piece has of itself alone at the first origins: (K, S, …) each."""
    usable = piece.usable[:count]
    yield "usable", usable.astype(np.float64)
    for name, part in piece.states.arrays().items():
        yield name, where(usable, part[:count])
    if piece.fitted.location.trees is None:
        yield "centre", where(usable, piece.centres[:count])


def _compare(walked: WalkForward, cutoff: int, processes: int) -> list[str]:
    """The names of the columns that are the same up to a day, whatever comes after it."""
    panel, settings = walked.whole, walked.settings
    early, garbled = walked.timeline.until(cutoff), garble(panel, cutoff)
    again = _again(garbled, early, settings, processes)
    columns: dict[str, None] = {}
    for made, other in zip(walked.pieces, again.pieces, strict=True):
        known = zip(
            _known(walked, made, early.dates, cutoff),
            _known(again, other, early.dates, cutoff),
            strict=True,
        )
        symbols = [panel.symbols[place] for place in made.columns]
        for (name, one, days), (_, two, _) in known:
            columns[name] = None
            why = (
                f"changed when the prices after {np.datetime64(cutoff, 'D')} were replaced by "
                "garbage, so it knew them"
            )
            _same(name, one, two, days=days, symbols=symbols, why=why)
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
    walked: WalkForward, piece: Forecasts, dates: Days, cutoff: int
) -> Iterator[tuple[str, Floats, Days]]:
    """What was known and forecast, by name and in order of its use: (K, S, …) each, and the days
    (K,) or (K, S) on which it was. What stands where there is no forecast is of no matter."""
    count = len(dates)
    usable = piece.usable[:count]
    yield "usable", usable.astype(np.float64), dates
    forecasts = {"centre": piece.centres, "variance": piece.variances}
    for name, part in (piece.states.arrays() | forecasts).items():
        yield name, where(usable, part[:count]), dates
    yield "shape", walked.shapes(piece)[:count], dates
    panel, rows = walked.panel(piece), piece.daily_rows
    days = np.where(rows >= 0, panel.days[rows, np.arange(len(panel))], NEVER)
    reach = int((days <= cutoff).any(axis=1).sum())
    days = days[:reach]
    early = (days <= cutoff) & (piece.daily_origins[:reach] >= 0)
    for name, part in (("centre", piece.daily_centres), ("variance", piece.daily_variances)):
        yield f"daily {name}", where(early, part[:reach]), days


def _same(
    name: str, one: Floats, two: Floats, *, days: Days, symbols: Sequence[str], why: str
) -> None:
    changed = (one != two) & ~(np.isnan(one) & np.isnan(two))
    if not changed.any():
        return
    place = np.argwhere(changed)[0]
    symbol = "all symbols" if changed.shape[1] == 1 < len(symbols) else symbols[place[1]]
    step = f"[{place[2]}]" if len(place) > 2 else ""
    day = days[place[0]] if days.ndim == 1 else days[place[0], place[1]]
    raise Refusal(
        f"leak: column {name}{step} of {symbol} at {np.datetime64(int(day), 'D')} {why}; nothing "
        "here can be trusted until that is mended in the code."
    )
