"""A check, on every run, that no past forecast knew its future.

All forecasts are made again from prices in which everything after a cutoff is replaced by garbage.
The states and forecasts up to the cutoff must be the same to the last bit, from each origin and
from each day whose one-day-ahead forecast is judged. With many symbols only a sample is checked, a
different one for each date: an error in the code affects all symbols alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from zlib import crc32

import numpy as np

from pricewright.files.clock import date_of
from pricewright.files.errors import Refusal
from pricewright.forecasting.panel import NEVER, SLICE_WIDTH, Panel
from pricewright.forecasting.walkforward import Forecasts, WalkForward, walk_forward
from pricewright.tables.arrays import Days, Floats, Ints, exp, where

DOING = "checking for leaks"


def check(walked: WalkForward, processes: int = 1, *, every: bool = False) -> dict[str, object]:
    """Check all dates with garbage after the first date, after the last estimate and after the last
    date.

    With more than SLICE_WIDTH symbols, only SLICE_WIDTH of them are checked. After the first date,
    where histories are shortest, these are the symbols with the shortest histories. After one of
    the two later cutoffs, chosen by the newest day of the prices, they are a sample that depends on
    that day. With `every`, all symbols are checked after both later cutoffs. Before that, these
    symbols walked by themselves must give exactly the numbers that they have among all symbols.

    Returns what was compared, for the record. Raises Refusal, naming the column, the symbol and the
    day of the first number that changed.
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
        "cutoffs": [str(date_of(day)) for day in sorted({first, *late})],
        "columns": compared,
        "symbols": len(some.whole),
    }


def _of(walked: WalkForward, columns: Ints, cutoff: int, processes: int) -> WalkForward:
    """The walk-forward of some symbols by themselves, up to a day, with the GARCH estimates of the
    full run. The run on garbage estimates again."""
    panel, early = walked.whole.columns(columns), walked.timeline.until(cutoff)
    kept = walked.estimates.of(columns).until(cutoff) if walked.estimates else None
    return _again(panel, early, walked.settings, processes, kept=kept)


_again = partial(walk_forward, to_the_end=False, doing=DOING)


def _chosen(panel: Panel, day: int) -> Ints:
    """SLICE_WIDTH symbols of a panel, in order: different ones each day, equal on all machines."""
    marks = np.array([crc32(f"{day} {symbol}".encode()) for symbol in panel.symbols])
    return np.sort(np.argsort(marks, kind="stable")[:SLICE_WIDTH])


def _as_among_all(some: WalkForward, walked: WalkForward) -> None:
    """Raise Refusal unless symbols have the same numbers by themselves as among all symbols.

    Numbers estimated over all symbols are left out, because among fewer symbols they differ.
    """
    place = {
        walked.whole.symbols[column]: (piece, at)
        for piece in walked.pieces
        for at, column in enumerate(piece.columns)
    }
    days, why = some.timeline.dates, "is different among all symbols than by itself"
    for piece in some.pieces:
        for at, column in enumerate(piece.columns.tolist()):
            symbol = some.whole.symbols[column]
            other, where_other = place[symbol]
            theirs = dict(_alone(other, len(days)))
            for name, values in _alone(piece, len(days)):
                one, two = values[:, at : at + 1], theirs[name][:, where_other : where_other + 1]
                _same(name, one, two, days=days, symbols=[symbol], why=why)


def _alone(piece: Forecasts, count: int) -> Iterator[tuple[str, Floats]]:
    """The numbers of a piece that depend on each symbol alone, at the first origins: (K, S, …)
    each."""
    alone = {"centre": piece.centres} if piece.fitted.location.trees is None else {}
    return _from_origins(piece, count, alone)


def _from_origins(
    piece: Forecasts, count: int, forecasts: dict[str, Floats]
) -> Iterator[tuple[str, Floats]]:
    """The states of a piece and some forecasts by name, at the first origins: (K, S, …) each.
    Values where there is no forecast are masked."""
    usable = piece.usable[:count]
    yield "usable", usable.astype(np.float64)
    for name, part in (piece.states.arrays() | forecasts).items():
        yield name, where(usable, part[:count])


def _compare(walked: WalkForward, cutoff: int, processes: int) -> list[str]:
    """Compare with a run on garbage after `cutoff`; returns the names of the columns compared."""
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
                f"changed when the prices after {date_of(cutoff)} were replaced by "
                "garbage, so it knew them"
            )
            _same(name, one, two, days=days, symbols=symbols, why=why)
    return list(columns)


def garble(panel: Panel, cutoff: int) -> Panel:
    """The panel with garbage for every price and bar after a day; days and signs stay.

    A symbol's garbage does not depend on which other symbols there are.
    """
    prices = panel.prices.copy()
    bars = None if panel.bars is None else panel.bars.copy()
    begins = panel.upto(cutoff)
    for column, (symbol, begin) in enumerate(zip(panel.symbols, begins.tolist(), strict=True)):
        count = int(panel.counts[column])
        random = np.random.Generator(np.random.PCG64([cutoff % 2**32, crc32(symbol.encode())]))
        prices[begin:count, column] *= exp(random.normal(0, 1, count - begin))
        if bars is not None:
            bars[:, begin:count, column] *= exp(random.normal(0, 1, (2, count - begin)))
    return replace(panel, prices=prices, bars=bars)


def _known(
    walked: WalkForward, piece: Forecasts, dates: Days, cutoff: int
) -> Iterator[tuple[str, Floats, Days]]:
    """The states and forecasts by name, in order of their use: (K, S, …) each, and their days, (K,)
    or (K, S). Values where there is no forecast are masked."""
    forecasts = {"centre": piece.centres, "variance": piece.variances}
    for name, values in _from_origins(piece, len(dates), forecasts):
        yield name, values, dates
    yield "shape", walked.shapes(piece)[: len(dates)], dates
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
        f"leak: column {name}{step} of {symbol} at {date_of(int(day))} {why}; do not "
        "trust these results until the code is fixed."
    )
