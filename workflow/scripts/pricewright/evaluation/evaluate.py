"""Evaluate a walk-forward: scores, figures, tables, and the comparison with a champion.

It works on one group of symbols after another, so that individual losses are in memory for a few
symbols only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pricewright.evaluation.backtest import BacktestRows, backtest_rows, write_backtest
from pricewright.evaluation.champion import Contest, Sides
from pricewright.evaluation.forecast_tables import ForecastFiles, forecast_rows
from pricewright.evaluation.scores import score
from pricewright.evaluation.summary import Summary
from pricewright.files.large_arrays import Shelf
from pricewright.files.machine import give_back
from pricewright.forecasting.processes import map_in_processes
from pricewright.forecasting.walkforward import MANY, WalkForward
from pricewright.steplog.log import Progress
from pricewright.tables.arrays import Days

if TYPE_CHECKING:
    from pricewright.evaluation.forecast_tables import Rows


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a walk-forward from its origins (K,), with all symbols in order.

    backtest: the back-test rows, group by group.  champion: the record of the comparison; None
    without a champion.
    """

    symbols: Sequence[str]
    origins: Days
    summary: Summary
    backtest: Sequence[BacktestRows]
    champion: dict[str, Any] | None

    def write_backtest(self, path: Path, model: str) -> None:
        """Write, in one step, the back-test of the model whose document has the SHA-256 `model`."""
        write_backtest(
            path,
            model,
            symbols=self.symbols,
            origins=self.origins,
            rows=self.backtest,
            found=self.summary,
        )


@dataclass(frozen=True)
class _Task:
    """The task for a group of symbols.

    days: the most days with scores of any group.  tables: whether to make the rows of the tables of
    forecasts.
    """

    walked: WalkForward
    days: int
    contest: Contest | None
    tables: bool


@dataclass(frozen=True)
class _Done:
    summary: Summary
    backtest: BacktestRows
    tables: "tuple[Rows, Rows] | None"
    sides: Sides | None


def evaluate(
    walked: WalkForward,
    contest: Contest | dict[str, Any] | None = None,
    tables: ForecastFiles | None = None,
    processes: int = 1,
) -> Evaluation:
    """The evaluation of a walk-forward, whose pieces are consumed (see `take_parts`).

    The result is the same to the byte for any number of processes.

    contest: with a champion, or the record of a champion that cannot be compared.
    tables: the files into which all forecasts are written.
    """
    progress = Progress("symbols", len(walked.whole), "scoring")
    against = contest if isinstance(contest, Contest) else None
    if tables:
        tables.begin()
    summary, scored = None, 0
    backtest, sides, shelf = list[BacktestRows](), list[Sides](), Shelf()
    worth_it = len(walked.pieces) > 1 and walked.whole.counts.sum() >= MANY
    tasks = _tasks(walked, against, tables=tables is not None)
    for done in map_in_processes(_evaluate, tasks, processes if worth_it else 1):
        if summary is None:
            summary = done.summary.blank(len(walked.whole))
        summary.fill(scored, done.summary)
        scored += len(done.backtest.lengths)
        backtest.append(shelf.put(done.backtest))
        sides += [done.sides] if done.sides else []
        if tables and done.tables:
            tables.add(done.tables)
        progress.advance(len(done.backtest.lengths))
        give_back()
    assert summary
    return Evaluation(
        walked.whole.symbols,
        walked.timeline.origins,
        summary,
        backtest,
        contest.result(sides[0].joined(sides)) if isinstance(contest, Contest) else contest,
    )


def _tasks(walked: WalkForward, contest: Contest | None, *, tables: bool) -> Iterator[_Task]:
    days = max(len(piece.daily_rows) for piece in walked.pieces)
    for part in walked.take_parts():
        yield _Task(part, days, contest.of(part.whole.symbols) if contest else None, tables)


def _evaluate(task: _Task) -> _Done:
    scores = score(task.walked)
    return _Done(
        Summary.of_scores(scores, task.days),
        backtest_rows(task.walked, scores),
        forecast_rows(task.walked, scores) if task.tables else None,
        task.contest.sides(task.walked, scores) if task.contest else None,
    )
