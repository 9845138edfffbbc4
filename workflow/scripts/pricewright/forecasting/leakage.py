"""A check, at each run, that no forecast from the past knew its future.

Everything is made once more from prices of which all that came after a cutoff are replaced by
garbage. Whatever was known and forecast up to the cutoff must be the same to the last bit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from pricewright.arrays import Days, Floats
from pricewright.errors import Refusal
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.timeline import Timeline
from pricewright.forecasting.walkforward import WIDTH, Walked, walk_forward

_DOING = "checking for leaks"


def check(
    panel: Panel, timeline: Timeline, settings: Settings, walked: Walked, threads: int = 1
) -> dict[str, object]:
    """Check all origins with garbage after the last, and the first with garbage after it.

    The first is where histories are shortest; of many symbols it is checked for those with the
    shortest. Returns what was compared, for the record. Raises Refusal that names the column,
    the symbol and the origin of the first number that changed.
    """
    if not len(timeline.origins):
        return {"cutoffs": [], "columns": []}
    first, last = int(timeline.origins[0]), int(timeline.origins[-1])
    _compare(walked, panel, timeline, settings, cutoff=last, threads=threads)
    early = _upto(timeline, first)
    if len(panel) > WIDTH:
        panel = panel.columns(np.sort(np.argsort(panel.counts, kind="stable")[:WIDTH]))
        walked = walk_forward(panel, early, settings, threads, to_the_end=False, doing=_DOING)
    columns = _compare(walked, panel, timeline, settings, cutoff=first, threads=threads)
    return {"cutoffs": [str(np.datetime64(day, "D")) for day in (first, last)], "columns": columns}


def _compare(
    walked: Walked,
    panel: Panel,
    timeline: Timeline,
    settings: Settings,
    *,
    cutoff: int,
    threads: int,
) -> list[str]:
    """The names of the columns that are the same up to a day, whatever comes after it."""
    early = _upto(timeline, cutoff)
    again = walk_forward(
        spoiled(panel, cutoff), early, settings, threads, to_the_end=False, doing=_DOING
    )
    columns = []
    for (name, one), (_, other) in zip(_columns(walked), _columns(again), strict=True):
        columns.append(name)
        made = one[: len(early.origins)]
        _same(name, made, other, panel=panel, origins=early.origins, cutoff=cutoff)
    return columns


def _upto(timeline: Timeline, day: int) -> Timeline:
    return Timeline(
        timeline.origins[timeline.origins <= day], timeline.estimates[timeline.estimates <= day]
    )


def spoiled(panel: Panel, cutoff: int) -> Panel:
    """The panel with garbage for every price after a day; its days and signs stay."""
    noise = np.random.Generator(np.random.PCG64(cutoff)).normal(0, 1, panel.prices.shape)
    return replace(
        panel, prices=np.where(panel.days > cutoff, panel.prices * np.exp(noise), panel.prices)
    )


def _columns(walked: Walked) -> Iterator[tuple[str, Floats]]:
    """What is known at each origin, by name and in order of its use: (K, S, …) each."""
    usable = np.concatenate([piece.usable for piece in walked.pieces], axis=1)

    def joined(parts: Sequence[Floats]) -> Floats:
        """What stands where there is no forecast is of no matter."""
        found = np.concatenate(parts, axis=1)
        return np.where(usable.reshape(*usable.shape, *[1] * (found.ndim - 2)), found, np.nan)

    yield "usable", usable.astype(np.float64)
    states = [dict(piece.states.items()) for piece in walked.pieces]
    for name in states[0]:
        parts = [part for found in states if (part := found[name]) is not None]
        if parts:
            yield name, joined(parts)
    yield "centre", joined([piece.centres for piece in walked.pieces])
    yield "variance", joined([piece.variances for piece in walked.pieces])
    yield "shape", walked.shapes[walked.held[:-1]]


def _same(
    name: str, one: Floats, other: Floats, *, panel: Panel, origins: Days, cutoff: int
) -> None:
    changed = (one != other) & ~(np.isnan(one) & np.isnan(other))
    if not changed.any():
        return
    place = np.argwhere(changed)[0]
    symbol = "all symbols" if changed.shape[1] == 1 < len(panel) else panel.symbols[place[1]]
    step = f"[{place[2]}]" if len(place) > 2 else ""
    raise Refusal(
        f"leak: column {name}{step} of {symbol} at {np.datetime64(int(origins[place[0]]), 'D')} "
        f"changed when the prices after {np.datetime64(cutoff, 'D')} were replaced by garbage, so "
        "it knew them; nothing here can be trusted until that is mended in the code."
    )
