"""A walk-forward in shards: what each is to do, and what came of it.

A shard has symbols in a row. What is global is in the plan, which is made of all symbols; what a
shard makes of its own does not depend on who else is in it. So all shards together are the bytes
of one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pricewright.forecasting.panel import Panel
from pricewright.forecasting.walkforward import Forecasts, Plan, walk
from pricewright.tables.arrays import Ints


@dataclass(frozen=True)
class ShardTask:
    """What a shard is to do.

    sha256: of the clean table.  columns: (S,), where its symbols are among all.  plan: to forecast
    by.
    """

    sha256: str
    panel: Panel
    columns: Ints
    plan: Plan


@dataclass(frozen=True)
class ShardResult:
    """A shard's forecasts, whose `columns` count among all symbols; sha256: of the clean table."""

    sha256: str
    pieces: Sequence[Forecasts]


def make_tasks(panel: Panel, plan: Plan, *, sha256: str, count: int) -> Iterator[ShardTask]:
    """The tasks of so many shards of a panel; sha256: of the clean table."""
    for columns in np.array_split(np.arange(len(panel)), count):
        own = panel.columns(columns)
        yield ShardTask(sha256, own, columns, plan.of(own.symbols, columns))


def forecast_shard(task: ShardTask, processes: int = 1) -> ShardResult:
    """Do what a shard is to do."""
    pieces = walk(task.panel, task.plan, processes) if len(task.panel) else []
    return ShardResult(task.sha256, _among_all(pieces, task))


def _among_all(pieces: Sequence[Forecasts], task: ShardTask) -> list[Forecasts]:
    return [replace(piece, columns=task.columns[piece.columns]) for piece in pieces]
