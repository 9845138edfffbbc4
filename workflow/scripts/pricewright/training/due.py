"""Decide whether to train a model, or to score the one in place on the day's prices.

The decision depends on the prices, the settings, the code, the model in place and what the watch
found, never on the clock.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from pricewright.evaluation.acceptance import Criteria, failed
from pricewright.evaluation.champion import Unreadable
from pricewright.evaluation.forecast_tables import ForecastFiles
from pricewright.files.clock import date_of
from pricewright.files.documents import read_json
from pricewright.files.errors import Refusal, count_of
from pricewright.files.provenance import code_digest
from pricewright.forecasting.histories import unfit_symbols
from pricewright.forecasting.model_file import ModelDocument
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings, TrainWhen
from pricewright.training.sharding import ShardResult
from pricewright.training.source import ModelSource
from pricewright.training.training import (
    BuiltModel,
    TrainingTask,
    build_model,
    choose_symbols,
    fit_symbols,
)


@dataclass(frozen=True)
class Situation:
    """The source of the clean prices, the settings, and the model in place, if any.

    read: reads the panel. Callers pass the panel in; it is not stored here, because a second one
    would soon be in memory.
    kept: the file of earlier estimates, if any.
    """

    read: Callable[[], Panel]
    source: ModelSource
    settings: Settings
    deployed: ModelDocument | Unreadable | None
    kept: Path | None = None

    def asked(
        self, panel: Panel, given: ModelDocument | None, why: str | None = None
    ) -> TrainingTask:
        """The task to score the given model, or to train; raises what `choose_symbols` raises."""
        task = choose_symbols(panel, self.source, self.settings, given)
        return replace(task, why=why, kept=self.kept, code=str(self.source.made_by()))

    def due(self, panel: Panel, when: TrainWhen, watch: Path | None = None) -> TrainingTask:
        """The task to score the model in place, or to train if that is due.

        watch: the file of what `monitor` found, which need not exist.
        """
        if self.deployed is None:
            return self.asked(panel, None, "there is no model in place")
        if isinstance(self.deployed, Unreadable):
            return self.asked(panel, None, f"there is a model in place, but {self.deployed.why}")
        model = self.deployed[0]
        if _made_of_this(model, self.source, self.settings):
            return self.asked(panel, None, model.get("why"))  # gives the same bytes again
        if why := next(_reasons(model, self, panel, when, watch), None):
            return self.asked(panel, None, why)
        try:
            why = f"the model in place, of {model['cutoff']}, is not due"
            return self.asked(panel, self.deployed, why)
        except Refusal as refusal:
            return self.asked(panel, None, f"the model in place cannot be scored: {refusal}")

    def build(
        self,
        task: TrainingTask,
        criteria: Criteria,
        processes: int,
        shards: Sequence[ShardResult] = (),
        *,
        check_all: bool,
        tables: ForecastFiles | None,
    ) -> BuiltModel:
        """The model, scored or trained. If mode auto scores the model in place and it is no longer
        accepted, a new one is trained instead."""
        built = build_model(
            task,
            self.source,
            criteria,
            deployed=None if task.in_place else self.deployed,
            processes=processes,
            shards=shards,
            check_all=check_all,
            tables=tables,
        )
        acceptance = built.document["acceptance"]
        if not task.in_place or acceptance["accepted"]:
            return built
        if not task.in_place[0]["acceptance"]["accepted"]:
            return built  # it was not accepted when trained, either
        why = f"the model in place, scored, is no longer accepted: {failed(acceptance)}"
        anew = self.asked(self.read(), None, why)
        return self.build(anew, criteria, processes, check_all=check_all, tables=tables)


def _made_of_this(model: Mapping[str, Any], source: ModelSource, settings: Settings) -> bool:
    """Whether a model was trained on exactly this table, with these settings and this code."""
    return bool(
        model["mode"] == "train"
        and model["data"]["sha256"] == source.sha256
        and model["parameters"] == asdict(settings)
        and model["code"]["sha256"] == code_digest(source.script)
    )


def _reasons(
    model: Mapping[str, Any], now: Situation, panel: Panel, when: TrainWhen, watch: Path | None
) -> Iterator[str]:
    """Yield the reasons to train, although there is a model in place."""
    watched = read_json(watch) if watch and watch.exists() else {}
    changed = [
        f"{name} is {wanted} and was {model['parameters'][name]}"
        for name, wanted in asdict(now.settings).items()
        if model["parameters"][name] != wanted
    ]
    if changed:
        yield f"the settings changed: {', '.join(changed)}"
    if model["code"]["sha256"] != code_digest(now.source.script):
        yield "the code that makes models changed"
    newest, cutoff = date_of(int(panel.calendar[-1])), date.fromisoformat(model["cutoff"])
    if newest < cutoff:
        yield f"the prices end on {newest}, before those of the model in place, {cutoff}"
    if when.is_old(cutoff, newest):
        yield f"the model in place is of {cutoff}, and train.every is {when.every}"
    if (alarm := watched.get("red_since")) and alarm >= model["cutoff"]:
        yield f"the watch has been red since {alarm}, and the model in place is of {cutoff}"
    if not set(model["symbols"]).issuperset(panel.symbols):
        fit = fit_symbols(panel, now.settings, unfit_symbols(now.source.step_receipts))
        new = [name for name in fit if name not in model["symbols"]]
        if len(new) > when.new_symbols * len(fit):
            yield f"the model in place does not know {len(new)} of {count_of(len(fit), 'symbol')}"
    ours, theirs = (
        receipts.get("ingest", {}) for receipts in (now.source.step_receipts, model["receipts"])
    )
    values = sum(ours.get(key, 0) - theirs.get(key, 0) for key in ("restated", "withdrawn"))
    rows = model["data"]["rows"]
    if values > when.restated * rows:
        yield f"{values} of {rows} prices were restated or withdrawn since"
