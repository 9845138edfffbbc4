"""From clean prices to a model document: which symbols are modelled, how, and how well.

The document lists the symbols that cannot be modelled, and those that got a simpler model than the
one chosen, each with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pricewright.evaluation import champion, leakage
from pricewright.evaluation.acceptance import Criteria, judge
from pricewright.evaluation.evaluate import Evaluation, evaluate
from pricewright.evaluation.figures import figures
from pricewright.evaluation.forecast_tables import ForecastFiles
from pricewright.files.clock import date_of
from pricewright.files.errors import Refusal
from pricewright.files.machine import give_back
from pricewright.forecasting import distribution
from pricewright.forecasting.document import from_json, to_json
from pricewright.forecasting.estimates import Estimates
from pricewright.forecasting.histories import unfit_symbols
from pricewright.forecasting.model import Model
from pricewright.forecasting.model_file import ModelDocument
from pricewright.forecasting.panel import NEVER, Panel
from pricewright.forecasting.scales import scaled
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.timeline import Timeline, make_timeline
from pricewright.forecasting.volatility import Start
from pricewright.forecasting.walkforward import Plan, WalkForward, join, make_plan, walk
from pricewright.steplog.log import say
from pricewright.tables.symbol_columns import column_of
from pricewright.training.estimates_file import read_estimates
from pricewright.training.fallbacks import fallbacks
from pricewright.training.sharding import ShardResult
from pricewright.training.source import ModelSource


@dataclass(frozen=True)
class TrainingTask:
    """Which symbols are modelled, on which dates, and how.

    panel: the symbols that can be modelled.  left_out: the others, with reasons.
    described: the whole table, as in `ModelSource.description`.
    given: the model to score, a document and its digest; None to train.
    scored, start: the given model, and the states from which its histories continue.
    why: in mode auto, why the model is trained or scored.
    kept: the file of earlier estimates, if any.  code: the code that makes estimates now.
    """

    panel: Panel
    left_out: list[dict[str, str]]
    timeline: Timeline
    settings: Settings
    described: dict[str, Any]
    given: ModelDocument | None
    scored: Model | None
    start: Start | None
    why: str | None = None
    kept: Path | None = None
    code: str = ""

    @property
    def in_place(self) -> ModelDocument | None:
        """The model in place, if mode auto scores it because training is not due."""
        return self.given if self.why else None

    def plan(self, threads: int) -> Plan:
        """The plan of the walk-forward."""
        if self.scored:
            return Plan(self.timeline, self.settings, model=self.scored, start=self.start)
        plan = make_plan(self.panel, self.timeline, self.settings, threads)
        if self.kept is None:
            return plan
        kept = read_estimates(self.kept, self.code, self.panel.symbols, plan.days)
        return replace(plan, kept=kept)


def choose_symbols(
    panel: Panel, source: ModelSource, settings: Settings, given: ModelDocument | None
) -> TrainingTask:
    """Choose the symbols of a clean table that can be modelled.

    With `given`, a model document and its digest, that model's parameters and settings are used.

    Raises Refusal, with reasons, if no symbol can be modelled.
    """
    source.refuse_changed()
    described = source.description(panel, [] if given else [settings.location])
    scored = from_json(given[0], "the scored model") if given else None
    settings = scored.settings if scored else settings
    panel = panel if scored else scaled(panel, settings.scale)
    kept, left_out = _fit(panel, settings, scored, unfit_symbols(source.step_receipts))
    if not len(kept):
        reasons = "; ".join(f"{out['symbol']}: {out['reason']}" for out in left_out[:3])
        raise Refusal(
            f"{source.name}: no symbol can be modelled ({reasons}); "
            "deliver a longer history, or change model.min_history or model.max_age_days."
        )
    start = None
    if scored:
        scored = scored.of(kept.symbols)
        kept, start = scored.continued(kept, whole=True)
    times = make_timeline(kept, settings)
    return TrainingTask(kept, left_out, times, settings, described, given, scored, start)


def fit_symbols(panel: Panel, settings: Settings, known_unfit: Mapping[str, str]) -> Sequence[str]:
    """The symbols on which a model could be trained; known_unfit: symbols left out in any case,
    with reasons."""
    return _fit(panel, settings, None, known_unfit)[0].symbols


def _fit(
    panel: Panel, settings: Settings, scored: Model | None, known_unfit: Mapping[str, str]
) -> tuple[Panel, list[dict[str, str]]]:
    """The panel of the symbols that can be modelled, and the others with reasons."""
    keep, left_out = [], []
    known: dict[str, bool] = {}
    low = np.asarray((panel.prices <= 0).any(axis=0))
    if scored:
        known = dict(zip(scored.symbols, scored.any_sign.tolist(), strict=True))
    unfit = _unfit(panel, settings)
    for column, symbol in enumerate(panel.symbols):
        reason = known_unfit.get(symbol) or unfit.get(column)
        if scored and not reason:
            if symbol not in known:
                reason = "the scored model does not know it"
            elif low[column] and not known[symbol]:
                reason = "a price is not above 0, but the scored model takes its logarithm"
        if reason:
            left_out.append({"symbol": symbol, "reason": reason})
        else:
            keep.append(column)
    if not left_out:
        return panel, left_out
    return panel.columns(np.array(keep, dtype=np.intp)), left_out


def _unfit(panel: Panel, settings: Settings) -> dict[int, str]:
    """The columns of symbols that cannot be modelled as of their last price, with reasons."""
    columns, counts, least = np.arange(len(panel)), panel.counts, settings.min_history
    ends = counts - 1
    last = panel.days[ends, columns]
    newest = np.maximum(ends - np.arange(least)[:, None], 0)
    same = panel.prices[newest, columns] == panel.prices[ends, columns]
    found = dict[int, str]()
    for column in np.flatnonzero(same.all(axis=0)).tolist():
        prices = panel.prices[: counts[column], column]
        found[column] = (
            "the price never changes"
            if (prices == prices[0]).all()
            else f"the last {least} prices are the same"
        )
    for column in np.flatnonzero(last.max(initial=-NEVER) - last > settings.max_age_days).tolist():
        day = date_of(int(last[column]))
        found[column] = f"the last price is of {day}, more than {settings.max_age_days} days old"
    for column in np.flatnonzero(counts < least).tolist():
        found[column] = f"{counts[column]} observations, fewer than {least}"
    return found


@dataclass(frozen=True)
class BuiltModel:
    """A model document without its schema version, and its evaluation.

    estimates: the GARCH estimates, if any were made.
    """

    document: dict[str, Any]
    evaluation: Evaluation
    estimates: Estimates | None


def build_model(
    task: TrainingTask,
    source: ModelSource,
    criteria: Criteria,
    *,
    deployed: ModelDocument | champion.Unreadable | None,
    processes: int,
    shards: Sequence[ShardResult],
    check_all: bool,
    tables: ForecastFiles | None,
) -> BuiltModel:
    """Train or score, and evaluate, the model of the symbols that can be modelled.

    deployed: the model in place, a document and its digest, to compare with if it can be read.
    shards: the results of shards, used instead of forecasting again.
    check_all: whether the leak check covers all symbols, also if there are many.
    tables: the files into which all forecasts are written.

    Raises Refusal if a forecast knew its future, or if the shards belong to another table.
    """
    given, symbols = task.given, task.panel.symbols
    if given:  # handing a symbol to a process would take longer than scoring it
        processes = 1
    walked, checked = _checked(task, source, shards, processes, every=check_all)
    if given:
        states = given[0]["symbols"]
        known = dict(zip(states, column_of(states, "fallbacks"), strict=True))
    else:
        known = fallbacks(walked)
    model = task.described | to_json(_last_model(walked), [known[name] for name in symbols])
    contest: champion.Contest | dict[str, Any] | None = None
    if isinstance(deployed, champion.Unreadable):
        contest = deployed.record
    elif deployed and all(deployed[0][key] == model[key] for key in ("data", "code", "parameters")):
        # the same model made again is compared with the same champion as before
        contest = deployed[0]["champion"]
    elif deployed and not (given and _digests(deployed) & _digests(given)):
        contest = champion.contest(*deployed, walked, given[0]["cutoff"] if given else None)
    estimates = walked.estimates
    evaluation = evaluate(walked, contest, tables, processes)
    del walked  # the next part needs as much memory
    give_back()
    metrics = _dates(task.timeline, given)
    metrics |= figures(evaluation.summary, symbols)
    record = evaluation.champion
    judged_before = task.in_place or (given and _met_when_trained(given[0], criteria))
    before = "it was judged on unseen dates when it was trained"
    document = {
        "mode": "score" if given else "train",
        "scored_model": {"sha256": given[1], "cutoff": given[0]["cutoff"]} if given else None,
        **({"why": task.why} if task.why else {}),
        **model,
        "left_out": task.left_out,
        "metrics": metrics,
        "leak_check": checked,
        "champion": record,
        "acceptance": judge(
            metrics,
            task.settings.level,
            record,
            criteria,
            not_unseen=before if judged_before else None,
        ),
    }
    return BuiltModel(document, evaluation, estimates)


def _checked(
    task: TrainingTask,
    source: ModelSource,
    shards: Sequence[ShardResult],
    processes: int,
    *,
    every: bool,
) -> tuple[WalkForward, dict[str, Any] | None]:
    """The walk-forward and what the leak check compared, None if nothing is estimated.

    If a leak is found and kept estimates were used, these may be wrong: then all are made again.
    """
    walked = _walked(task, source, shards, processes)
    if task.scored:
        return walked, None
    try:
        return walked, leakage.check(walked, processes, every=every)
    except Refusal as refusal:
        if task.kept is None or shards:
            raise
        say("estimating again", reason=f"{task.kept} may be wrong: {refusal}")
    return _checked(replace(task, kept=None), source, (), processes, every=every)


def _walked(
    task: TrainingTask, source: ModelSource, shards: Sequence[ShardResult], processes: int
) -> WalkForward:
    """The walk-forward, joined from the shards or made here."""
    panel = task.panel
    pieces = [piece for shard in shards for piece in shard.pieces]
    if shards:
        columns = sorted((piece.columns for piece in pieces), key=lambda places: int(places[0]))
        whole = np.array_equal(np.concatenate([[], *columns]), np.arange(len(panel)))
        if not whole or any(shard.sha256 != source.sha256 for shard in shards):
            raise Refusal(
                f"{source.name}: the shards' work is of other prices, or part of it is missing; "
                "run the step again, starting with its shards."
            )
    else:
        pieces = walk(panel, task.plan(processes), processes)
    return join(panel, Plan(task.timeline, task.settings), pieces)


def _digests(model: ModelDocument) -> set[str]:
    """The SHA-256 of a model's document, and of the one that it was scored from, if any."""
    document, sha256 = model
    return {sha256, *([document["scored_model"]["sha256"]] if document["scored_model"] else [])}


def _met_when_trained(document: Mapping[str, Any], criteria: Criteria) -> bool:
    """Whether the figures that a model had when it was trained, of unseen dates, meet the criteria
    of today: it may have been accepted by easier ones."""
    level = document["parameters"]["level"]
    found = judge(document["metrics"], level, document["champion"], criteria)
    return bool(found["accepted"])


def _dates(times: Timeline, given: ModelDocument | None) -> dict[str, Any]:
    origins = times.origins.astype("datetime64[D]")
    known_until = np.datetime64(given[0]["cutoff"] if given else "0000-01-01")
    return {
        "origins": len(origins),
        "first_origin": str(origins[0]) if len(origins) else None,
        "last_origin": str(origins[-1]) if len(origins) else None,
        "origins_the_model_knew": int((origins < known_until).sum()),
    }


def _last_model(walked: WalkForward) -> Model:
    """The model as of the end of a walk-forward."""
    panel, settings = walked.whole, walked.settings
    parts = walked.pieces
    ends, columns = panel.counts - 1, np.arange(len(panel))
    most = parts[0].fitted.volatility.prices_needed
    return Model(
        settings=settings,
        symbols=panel.symbols,
        levels=panel.levels,
        floors=np.zeros(len(panel)) if panel.floors is None else panel.floors[0],
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
