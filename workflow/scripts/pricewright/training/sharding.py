"""A walk-forward in shards: the task and the result of each.

A shard is a range of consecutive symbols. Everything global is in the plan, which is made from all
symbols; the rest depends on each symbol alone. So any number of shards gives the same bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pricewright.forecasting.panel import Panel
from pricewright.forecasting.walkforward import Forecasts, Plan, walk
from pricewright.tables.arrays import Ints


@dataclass(frozen=True)
class ShardTask:
    """The task of a shard.

    sha256: of the clean table.  panel: the shard's symbols.  columns: (S,), their columns among all
    symbols.  plan: the plan for them.
    """

    sha256: str
    panel: Panel
    columns: Ints
    plan: Plan


@dataclass(frozen=True)
class ShardResult:
    """A shard's forecasts, with `columns` among all symbols; sha256: of the clean table."""

    sha256: str
    pieces: Sequence[Forecasts]


def make_tasks(panel: Panel, plan: Plan, *, sha256: str, count: int) -> Iterator[ShardTask]:
    """Split a panel into `count` tasks; sha256: of the clean table."""
    for columns in np.array_split(np.arange(len(panel)), count):
        own = panel.columns(columns)
        yield ShardTask(sha256, own, columns, plan.of(own.symbols, columns))


def forecast_shard(task: ShardTask, processes: int = 1) -> ShardResult:
    """Do the task of a shard."""
    pieces = walk(task.panel, task.plan, processes) if len(task.panel) else []
    among_all = [replace(piece, columns=task.columns[piece.columns]) for piece in pieces]
    return ShardResult(task.sha256, among_all)
