"""From clean prices to a model document: who is modelled, with what, and how well it would do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pricewright.evaluation import champion, leakage
from pricewright.evaluation.acceptance import Criteria, judge
from pricewright.evaluation.figures import metrics
from pricewright.evaluation.scores import Scores, score
from pricewright.files.disk import read_whole
from pricewright.files.documents import parse_json
from pricewright.files.errors import Refusal
from pricewright.files.provenance import code_digest, libraries
from pricewright.forecasting import distribution
from pricewright.forecasting.document import written
from pricewright.forecasting.model import Model
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.track import Timeline, make_plan
from pricewright.forecasting.walkforward import (
    WalkForward,
    follow_given,
    walk,
    walked,
    walked_given,
)
from pricewright.tables.arrays import Days
from pricewright.training.sharding import GivenModel, ShardResult, ShardTask, to_score, to_train
from pricewright.training.symbols import Subject, chosen, fallbacks


@dataclass(frozen=True)
class Built:
    """A model document without its schema version, and what it was computed from."""

    document: dict[str, Any]
    origins: Days
    walked: WalkForward
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

    def read_receipts(self) -> dict[str, Any]:
        """The receipts of the steps before, each by its step."""
        return {
            path.stem: parse_json(read_whole(path), str(path)) for path in map(Path, self.receipts)
        }

    def unfit(self) -> dict[str, str]:
        """The symbols that the receipts say are not to be modelled, and why.

        They have ended, as declared; or their newest delivered price was quarantined: what is
        known of them is not their present.
        """
        receipts = self.read_receipts()
        lost = receipts.get("ingest", {}).get("newest_lost", {})
        changes = receipts.get("clean", {}).get("corrections", [])
        names = {
            each["symbol"]: each["to"]
            for each in changes
            if each["action"] == "rename" and each["date"] is None
        }
        return {
            names.get(symbol, symbol): f"its newest delivered price, of {day}, is quarantined"
            for symbol, day in lost.items()
        } | {
            each["symbol"]: f"it ended on {each['date']}, as declared"
            for each in changes
            if each["action"] == "delisted"
        }

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
            "receipts": self.read_receipts(),
            "code": {
                "sha256": code_digest(self.script),
                "libraries": libraries(self.script, asked_for),
            },
        }


def tasks(subject: Subject, sha256: str, count: int, threads: int = 1) -> Iterator[ShardTask]:
    """What each of so many shards is to do; sha256: of the clean table."""
    panel, times, settings = subject.panel, subject.timeline, subject.settings
    if subject.scored is None or subject.start is None:
        return to_train(panel, times, settings, sha256=sha256, count=count, threads=threads)
    given = GivenModel(times, subject.scored.fitted, subject.start)
    return to_score(panel, settings, given, sha256=sha256, count=count)


def build_model(
    panel: Panel,
    source: Source,
    settings: Settings,
    thresholds: Criteria,
    *,
    given: tuple[dict[str, Any], str] | None,
    deployed: tuple[dict[str, Any], str] | None,
    processes: int = 1,
    shards: Sequence[ShardResult] = (),
) -> Built:
    """The model of a clean table.

    `given`, a model document and its digest, is scored and nothing estimated. `deployed` is the
    model in place, likewise, to compare with. What `shards` did is not done again.

    Raises Refusal if no symbol can be modelled, with reasons, or if a forecast knew its future.
    """
    subject = chosen(panel, source.name, settings, given, source.unfit())
    kept, times, settings = subject.panel, subject.timeline, subject.settings
    walk_forward, leak_check = _walked(subject, source, shards, processes)
    del shards  # what was made for the check is as large as what is still needed
    scores = score(walk_forward, settings)
    figures = _dates(times, given) | metrics(scores, kept.symbols)
    made_of = written(_saved(kept, walk_forward, settings))
    for symbol, notes in fallbacks(walk_forward, settings).items():
        kept_notes = given[0]["symbols"][symbol]["fallbacks"] if given else notes
        made_of["symbols"][symbol]["fallbacks"] = kept_notes
    model = source.described(panel, [] if given else [settings.location]) | made_of
    record = None
    if deployed and all(deployed[0][key] == model[key] for key in ("data", "code", "parameters")):
        # made once more, a model is compared with what it was compared with before
        record = deployed[0]["champion"]
    elif deployed:
        record = champion.compare(
            *deployed, scores, panel=kept, timeline=times, settings=settings, processes=processes
        )
    document = {
        "mode": "score" if given else "train",
        "scored_model": {"sha256": given[1], "cutoff": given[0]["cutoff"]} if given else None,
        **model,
        "left_out": subject.left_out,
        "metrics": figures,
        "leak_check": leak_check,
        "champion": record,
        "acceptance": judge(figures, settings.level, record, thresholds),
    }
    return Built(document, times.origins, walk_forward, scores, settings)


def _walked(
    subject: Subject, source: Source, shards: Sequence[ShardResult], processes: int
) -> tuple[WalkForward, dict[str, Any] | None]:
    """The walk-forward, by the shards or anew, and the record of its check for leaks."""
    panel, times, settings = subject.panel, subject.timeline, subject.settings
    followed, made, again = (
        [part for shard in shards for part in getattr(shard, name)]
        for name in ("followed", "made", "checked")
    )
    if shards:
        places = [piece.columns for piece in [*followed, *(part.piece for part in made)]]
        whole = np.array_equal(np.sort(np.concatenate([[], *places])), np.arange(len(panel)))
        if not whole or any(shard.sha256 != source.sha256 for shard in shards):
            raise Refusal(
                f"{source.name}: the shards' work is of other prices than these, or some of it is "
                "not there; run the step again from its shards on."
            )
    if subject.scored and subject.start:
        given = subject.scored
        if not shards:
            followed = follow_given(
                panel,
                times,
                settings,
                fitted=given.fitted,
                start=subject.start,
                processes=processes,
            )
        return walked_given(panel, times, given.shapes[None], followed), None
    if not shards:
        made = walk(panel, make_plan(panel, times, settings, processes), settings, processes)
    found = walked(panel, times, settings, made)
    return found, leakage.check(panel, times, settings, found, processes, again=again)


def _dates(times: Timeline, given: tuple[dict[str, Any], str] | None) -> dict[str, Any]:
    origins = times.origins.astype("datetime64[D]")
    known_until = np.datetime64(given[0]["cutoff"] if given else "0000-01-01")
    return {
        "origins": len(origins),
        "first_origin": str(origins[0]) if len(origins) else None,
        "last_origin": str(origins[-1]) if len(origins) else None,
        "origins_the_model_knew": int((origins < known_until).sum()),
    }


def _saved(panel: Panel, walked: WalkForward, settings: Settings) -> Model:
    """The model as of the end of a walk-forward."""
    parts, order = walked.pieces, walked.order
    ends, columns = panel.counts - 1, np.arange(len(panel))
    most = settings.rolling_days + 1 if settings.volatility == "rolling" else 1
    return Model(
        settings=settings,
        symbols=panel.symbols,
        levels=panel.levels,
        last_days=panel.days[ends, columns],
        recent=[
            panel.prices[max(end + 1 - most, 0) : end + 1, column]
            for column, end in enumerate(ends.tolist())
        ],
        probabilities=distribution.levels_with(settings.level),
        fitted=parts[0].fitted.joined([part.fitted for part in parts]).of(order),
        states=parts[0].last.states.joined([part.last.states.at(0) for part in parts]).at(order),
        shapes=walked.last_shapes(),
    )
