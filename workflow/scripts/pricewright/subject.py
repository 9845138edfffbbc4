"""Who of a clean table is modelled, from when on, and how."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pricewright.errors import Refusal
from pricewright.forecasting.document import read
from pricewright.forecasting.fallbacks import unfit
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.saved import Saved
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.states import Start
from pricewright.forecasting.timeline import Timeline, timeline


@dataclass(frozen=True)
class Subject:
    """Who is modelled, from when on, and how.

    scored: the model whose parameters are taken, and start: where its histories go on; None to
    estimate.
    """

    panel: Panel
    left_out: list[dict[str, str]]
    timeline: Timeline
    settings: Settings
    scored: Saved | None
    start: Start | None


def chosen(
    panel: Panel, name: str, settings: Settings, given: tuple[dict[str, Any], str] | None
) -> Subject:
    """Of a clean table, whose name is for errors, those that can be modelled.

    With `given`, a model document and its digest, that model's parameters and settings are taken.
    Raises Refusal if no symbol can be modelled, with reasons.
    """
    scored = read(given[0], "the scored model") if given else None
    settings = scored.settings if scored else settings
    kept, left_out = _fit(panel, settings, scored)
    if not len(kept):
        reasons = "; ".join(f"{out['symbol']}: {out['reason']}" for out in left_out[:3])
        raise Refusal(
            f"{name}: no symbol can be modelled ({reasons or 'there are no records'}); "
            "deliver a longer history, or see model.min_history and model.max_age_days."
        )
    start = None
    if scored:
        scored = scored.of(kept.symbols)
        kept, start = scored.continued(kept, whole=True)
    return Subject(kept, left_out, timeline(kept, settings), settings, scored, start)


def _fit(
    panel: Panel, settings: Settings, scored: Saved | None
) -> tuple[Panel, list[dict[str, str]]]:
    """The panel of those that can be modelled, and why the others cannot."""
    cutoff = int(panel.calendar[-1]) if len(panel.calendar) else 0
    keep, left_out = [], []
    known = dict(zip(scored.symbols, scored.levels.tolist(), strict=True)) if scored else {}
    for column, symbol in enumerate(panel.symbols):
        reason = unfit(panel, column, cutoff, settings)
        if scored and not reason:
            if symbol not in known:
                reason = "the scored model does not know it"
            elif panel.levels[column] and not known[symbol]:
                reason = "a price is not above 0, and the scored model takes its logarithm"
        if reason:
            left_out.append({"symbol": symbol, "reason": reason})
        else:
            keep.append(column)
    if not left_out:
        return panel, left_out
    return panel.columns(np.array(keep, dtype=np.intp)), left_out
