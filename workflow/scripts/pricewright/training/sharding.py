"""A walk-forward in shards: what each is to do, and what came of it.

What is global is in the plan, which is made of all symbols; what a shard makes of its own does
not depend on who else is in it. So all shards together are the bytes of one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pricewright.evaluation import leakage
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.track import Fitted, Plan, Timeline, make_plan
from pricewright.forecasting.volatility import Start
from pricewright.forecasting.walkforward import CalibratedForecasts, Forecasts, follow_given, walk
from pricewright.tables.arrays import Ints
from pricewright.tables.records import shares


@dataclass(frozen=True)
class GivenModel:
    """A model to be scored: the parameters of a shard's symbols, and where these go on."""

    timeline: Timeline
    fitted: Fitted
    start: Start


@dataclass(frozen=True)
class ShardTask:
    """What a shard is to do.

    sha256: of the clean table.  columns: (S,), where its symbols are among all.  plan: to train by,
    and check: to do so with garbage after the last origin; else the model is given.
    """

    sha256: str
    settings: Settings
    panel: Panel
    columns: Ints
    plan: Plan | None
    check: Plan | None
    given: GivenModel | None


@dataclass(frozen=True)
class ShardResult:
    """What a shard did; where symbols are is among all.

    made, checked: by the task's plans, or followed: with the given model.
    """

    sha256: str
    made: Sequence[CalibratedForecasts]
    checked: Sequence[CalibratedForecasts]
    followed: Sequence[Forecasts]


def to_train(
    panel: Panel,
    timeline: Timeline,
    settings: Settings,
    *,
    sha256: str,
    count: int,
    threads: int = 1,
) -> Iterator[ShardTask]:
    """The tasks of so many shards of a panel, to train and evaluate."""
    plan, check = make_plan(panel, timeline, settings, threads), None
    if len(timeline.origins):
        last = int(timeline.origins[-1])
        early, garbled = leakage.upto(timeline, last), leakage.spoiled(panel, last)
        check = make_plan(garbled, early, settings, threads, to_the_end=False)
    for columns in shares(panel.symbols, count):
        yield ShardTask(sha256, settings, panel.columns(columns), columns, plan, check, None)


def to_score(
    panel: Panel, settings: Settings, given: GivenModel, *, sha256: str, count: int
) -> Iterator[ShardTask]:
    """The tasks of so many shards of a panel, to evaluate a model of all its symbols."""
    for columns in shares(panel.symbols, count):
        own = GivenModel(given.timeline, given.fitted.of(columns), given.start.of(columns))
        yield ShardTask(sha256, settings, panel.columns(columns), columns, None, None, own)


def do(task: ShardTask, processes: int = 1) -> ShardResult:
    """Do what a shard is to do."""
    panel, settings, columns = task.panel, task.settings, task.columns
    made: list[CalibratedForecasts] = []
    checked: list[CalibratedForecasts] = []
    followed: list[Forecasts] = []
    if len(panel) and task.plan:
        made = walk(panel, task.plan, settings, processes)
    if len(panel) and task.check:
        garbled = leakage.spoiled(panel, int(task.check.timeline.origins[-1]))
        checked = walk(garbled, task.check, settings, processes, doing=leakage.DOING)
    if len(panel) and task.given:
        given = task.given
        followed = follow_given(
            panel,
            given.timeline,
            settings,
            fitted=given.fitted,
            start=given.start,
            processes=processes,
        )
    return ShardResult(
        task.sha256,
        [replace(part, piece=_among_all(part.piece, columns)) for part in made],
        [replace(part, piece=_among_all(part.piece, columns)) for part in checked],
        [_among_all(piece, columns) for piece in followed],
    )


def _among_all(piece: Forecasts, columns: Ints) -> Forecasts:
    return replace(piece, columns=columns[piece.columns])
