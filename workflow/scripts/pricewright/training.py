"""From clean prices to a model document: who is modelled, with what, and how well it would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pricewright.arrays import Days
from pricewright.documents import parse_json
from pricewright.errors import Refusal
from pricewright.evaluation import champion
from pricewright.evaluation.acceptance import Thresholds, judge
from pricewright.evaluation.figures import metrics
from pricewright.evaluation.scores import Scores, score
from pricewright.files import read_whole
from pricewright.forecasting import distribution, leakage
from pricewright.forecasting.document import read, written
from pricewright.forecasting.fallbacks import fallbacks, unfit
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.saved import Saved
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.timeline import Timeline, timeline
from pricewright.forecasting.walked import Walked
from pricewright.forecasting.walkforward import walk_forward, walk_given
from pricewright.provenance import code_digest, libraries


@dataclass(frozen=True)
class Built:
    """A model document without its schema version, and what it was computed from."""

    document: dict[str, Any]
    origins: Days
    walked: Walked
    scores: Scores
    settings: Settings


@dataclass(frozen=True)
class Source:
    """Where a model comes from: its table, and what is known of that and of the code."""

    name: str
    sha256: str
    rows: int
    receipts: Sequence[Path]
    script: Path

    def described(self, panel: Panel, asked_for: Sequence[str] = ()) -> dict[str, Any]:
        """`cutoff`, `data`, `receipts` and `code` of a model document.

        asked_for: the optional libraries that it was made with, among other words of config.
        """
        calendar = panel.calendar.astype("datetime64[D]")
        return {
            "cutoff": str(calendar[-1]),
            "data": {
                "path": self.name,
                "sha256": self.sha256,
                "rows": self.rows,
                "symbols": len(panel),
                "first_date": str(calendar[0]),
                "last_date": str(calendar[-1]),
            },
            "receipts": {
                path.stem: parse_json(read_whole(path), str(path))
                for path in map(Path, self.receipts)
            },
            "code": {
                "sha256": code_digest(self.script),
                "libraries": libraries(self.script, asked_for),
            },
        }


def build_model(
    panel: Panel,
    source: Source,
    settings: Settings,
    thresholds: Thresholds,
    *,
    given: tuple[dict[str, Any], str] | None,
    deployed: tuple[dict[str, Any], str] | None,
    processes: int = 1,
) -> Built:
    """The model of a clean table.

    With `given`, a model document and its digest, that model's parameters are scored and none
    are estimated. `deployed` is the model in place, likewise, to compare with.

    Raises Refusal if no symbol can be modelled, with reasons, or if a forecast knew its future.
    """
    scored = read(given[0], "the scored model") if given else None
    settings = scored.settings if scored else settings
    kept, left_out = _chosen(panel, settings, scored)
    if not len(kept):
        reasons = "; ".join(f"{out['symbol']}: {out['reason']}" for out in left_out[:3])
        raise Refusal(
            f"{source.name}: no symbol can be modelled ({reasons or 'there are no records'}); "
            "deliver a longer history, or see model.min_history and model.max_age_days."
        )
    start = None
    if scored:
        scored = scored.of(kept.symbols)
        kept, start = scored.continued(kept, whole=True)
    times = timeline(kept, settings)
    leak_check = None
    if scored:
        shapes = scored.shapes[None]
        walked = walk_given(
            kept,
            times,
            settings,
            fitted=scored.fitted,
            shapes=shapes,
            start=start,
            processes=processes,
        )
    else:
        walked = walk_forward(kept, times, settings, processes)
        leak_check = leakage.check(kept, times, settings, walked, processes)
    scores = score(walked, settings)
    figures = _dates(times, given) | metrics(scores, kept.symbols)
    made = written(_saved(kept, walked, settings))
    for symbol, notes in fallbacks(walked, settings).items():
        kept_notes = given[0]["symbols"][symbol]["fallbacks"] if given else notes
        made["symbols"][symbol]["fallbacks"] = kept_notes
    model = source.described(panel, [] if scored else [settings.location]) | made
    record = None
    if deployed and all(deployed[0][key] == model[key] for key in ("data", "code", "parameters")):
        # made once more, a model is compared with what it was compared with before
        record = deployed[0]["champion"]
    elif deployed:
        record = champion.compare(
            *deployed, scores, panel=kept, timeline=times, settings=settings, processes=processes
        )
    document = {
        "mode": "score" if scored else "train",
        "scored_model": {"sha256": given[1], "cutoff": given[0]["cutoff"]} if given else None,
        **model,
        "left_out": left_out,
        "metrics": figures,
        "leak_check": leak_check,
        "champion": record,
        "acceptance": judge(figures, settings.level, record, thresholds),
    }
    return Built(document, times.origins, walked, scores, settings)


def _dates(times: Timeline, given: tuple[dict[str, Any], str] | None) -> dict[str, Any]:
    origins = times.origins.astype("datetime64[D]")
    known_until = np.datetime64(given[0]["cutoff"] if given else "0000-01-01")
    return {
        "origins": len(origins),
        "first_origin": str(origins[0]) if len(origins) else None,
        "last_origin": str(origins[-1]) if len(origins) else None,
        "origins_the_model_knew": int((origins < known_until).sum()),
    }


def _chosen(
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


def _saved(panel: Panel, walked: Walked, settings: Settings) -> Saved:
    """The model as of the end of a walk-forward."""
    parts = walked.pieces
    ends, columns = panel.counts - 1, np.arange(len(panel))
    most = settings.rolling_days + 1 if settings.volatility == "rolling" else 1
    return Saved(
        settings=settings,
        symbols=panel.symbols,
        levels=panel.levels,
        last_days=panel.days[ends, columns],
        recent=[
            panel.prices[max(end + 1 - most, 0) : end + 1, column]
            for column, end in enumerate(ends.tolist())
        ],
        probabilities=distribution.levels_with(settings.level),
        fitted=parts[0].fitted.joined([part.fitted for part in parts]),
        states=parts[0].last.states.joined([part.last.states.at(0) for part in parts]),
        shapes=walked.last_shapes(),
    )
