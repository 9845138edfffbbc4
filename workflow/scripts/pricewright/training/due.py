"""Decide whether to train a model, or to score the one in place on the day's prices.

The decision depends on the prices, the settings, the code, the model in place and what the watch
found, never on the clock.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from pricewright.evaluation.acceptance import Criteria, failed
from pricewright.evaluation.forecast_tables import ForecastFiles
from pricewright.files.clock import date_of
from pricewright.files.disk import read_whole
from pricewright.files.documents import parse_json
from pricewright.files.errors import Refusal
from pricewright.files.provenance import code_digest
from pricewright.forecasting.histories import unfit_symbols
from pricewright.forecasting.model_file import ModelDocument
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings, TrainWhen
from pricewright.training.sharding import ShardResult
from pricewright.training.source import ModelSource
from pricewright.training.training import (
    BuiltModel,
    LeakCheck,
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
    deployed: ModelDocument | None
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
        model = self.deployed[0]
        if _made_of_this(model, self.source, self.settings):
            return self.asked(panel, None, model.get("why"))  # gives the same bytes again
        if why := _why_due(model, self, panel, when, watch):
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
        leak_check: LeakCheck,
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
            leak_check=leak_check,
            tables=tables,
        )
        acceptance = built.document["acceptance"]
        if not task.in_place or acceptance["accepted"]:
            return built
        if not task.in_place[0]["acceptance"]["accepted"]:
            return built  # it was not accepted when trained, either
        why = f"the model in place, scored, is no longer accepted: {failed(acceptance)}"
        anew = self.asked(self.read(), None, why)
        return self.build(anew, criteria, processes, leak_check=leak_check, tables=tables)


def _made_of_this(model: Mapping[str, Any], source: ModelSource, settings: Settings) -> bool:
    """Whether a model was trained on exactly this table, with these settings and this code."""
    return bool(
        model["mode"] == "train"
        and model["data"]["sha256"] == source.sha256
        and model["parameters"] == asdict(settings)
        and model["code"]["sha256"] == code_digest(source.script)
    )


def _why_due(
    model: Mapping[str, Any], now: Situation, panel: Panel, when: TrainWhen, watch: Path | None
) -> str | None:
    newest, cutoff = date_of(int(panel.calendar[-1])), date.fromisoformat(model["cutoff"])
    watched = parse_json(read_whole(watch), str(watch)) if watch and watch.exists() else {}
    alarm = watched.get("red_since")
    reasons = [
        _why_made_otherwise(model, now),
        f"the prices end on {newest}, before those of the model in place, {cutoff}"
        if newest < cutoff
        else None,
        f"the model in place is of {cutoff}, and train.every is {when.every}"
        if when.is_old(cutoff, newest)
        else None,
        f"the watch has been red since {alarm}, and the model in place is of {cutoff}"
        if alarm and alarm >= model["cutoff"]
        else None,
        _why_others(model, now, panel, when),
        _why_restated(model, when, now.source.step_receipts),
    ]
    return next(filter(None, reasons), None)


def _why_made_otherwise(model: Mapping[str, Any], now: Situation) -> str | None:
    changed = [
        f"{name} is {wanted} and was {model['parameters'][name]}"
        for name, wanted in asdict(now.settings).items()
        if model["parameters"][name] != wanted
    ]
    if changed:
        return f"the settings changed: {', '.join(changed)}"
    if model["code"]["sha256"] != code_digest(now.source.script):
        return "the code that makes models changed"
    return None


def _why_others(
    model: Mapping[str, Any], now: Situation, panel: Panel, when: TrainWhen
) -> str | None:
    """The reason, if too many symbols that could be modelled now are not in the model in place."""
    if set(model["symbols"]).issuperset(panel.symbols):
        return None
    fit = fit_symbols(panel, now.settings, unfit_symbols(now.source.step_receipts))
    new = [name for name in fit if name not in model["symbols"]]
    if len(new) > when.new_symbols * len(fit):
        return f"{len(new)} of {len(fit)} symbols are unknown to the model in place"
    return None


def _why_restated(
    model: Mapping[str, Any], when: TrainWhen, receipts: Mapping[str, Any]
) -> str | None:
    now, then = receipts.get("ingest", {}), model["receipts"].get("ingest", {})
    values = sum(now.get(key, 0) - then.get(key, 0) for key in ("restated", "withdrawn"))
    if values > when.restated * model["data"]["rows"]:
        return f"{values} of {model['data']['rows']} prices were restated or withdrawn since"
    return None
