"""Train or score: model each symbol's price, and measure how well it would have forecast."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from running import step

from pricewright.evaluation.acceptance import Criteria
from pricewright.evaluation.champion import Unreadable
from pricewright.evaluation.forecast_tables import ForecastFiles
from pricewright.files.errors import Refusal
from pricewright.files.large_arrays import Shelf
from pricewright.files.machine import machine
from pricewright.forecasting.estimates import Estimates
from pricewright.forecasting.histories import read_panel, usual_price
from pricewright.forecasting.model_file import ModelDocument, read_model, write_model
from pricewright.forecasting.panel import Panel
from pricewright.forecasting.settings import Settings, TrainWhen
from pricewright.steplog.log import logger, say
from pricewright.training.due import Situation
from pricewright.training.estimates_file import KEPT, write_estimates
from pricewright.training.sharding import ShardResult, make_tasks
from pricewright.training.source import ModelSource
from pricewright.training.training import TrainingTask


def train_or_score(
    input: Path,
    output: Path | None = None,
    *,
    mode: Literal["auto", "train", "score"] = "train",
    model: Path | None = None,
    settings: Settings = Settings(),
    criteria: Criteria = Criteria(),
    when: TrainWhen = TrainWhen(),
    champion: Path | None = None,
    watch: Path | None = None,
    leak_check: Literal["sample", "all"] = "sample",
    receipts: Sequence[Path] = (),
    backtest: Path | None = None,
    forecasts: Path | None = None,
    daily_forecasts: Path | None = None,
    tasks: Sequence[Path] = (),
    shards: Sequence[Path] = (),
    project: Path | None = None,
    author: str | None = None,
    configfile: Sequence[str] = (),
    keep_models: int = 100,
    threads: int = 1,
) -> None:
    """Train a model on clean prices, or score a given one on them, and evaluate it.

    Each symbol gets a point forecast, a variance forecast and a distribution, on log prices (on
    levels if its prices are often 0 or below, or if `scale` says so). It is evaluated walk-forward
    against the plain random walk, from the same calendar dates for all symbols.

    Parameters
    ----------
    input
        The clean prices, as written by `clean`.
    output
        The model to write: JSON with parameters, forecasts, metrics and provenance.
    mode
        `train` estimates the parameters from the prices. `score` takes them, and all settings
        of the model and its evaluation, from `model`, and only updates its state to the end of
        the prices. `auto` scores the champion, or trains if that is due.
    model
        The model to score.
    settings, criteria
        How the model is made and evaluated, and which criteria it must meet.
    when
        When training is due, in mode auto.
    champion
        The model in place, to compare with; the file need not exist.
    watch
        What `monitor` found, if it has run. If the watch is red, training is due.
    leak_check
        Which symbols are checked for forecasts that knew their future, if there are more than
        64: a sample that differs by date, or all, which takes twice as long as the forecasts.
    receipts
        The receipts of `ingest` and `clean`, to be stored in the model.
    backtest
        Where to write forecasts and outcomes day by day, for charts, as Parquet.
    forecasts
        Where to write, as Parquet, all forecasts behind the figures from the dates of the
        evaluation. Only written together with `daily_forecasts`.
    daily_forecasts
        Where to write, as Parquet, all one-day-ahead forecasts behind the figures.
    tasks
        Where to write the tasks of shards, one file for each, instead of a model.
    shards
        The results of `train_or_score_shard` for all these tasks, to make the model from.
    project
        The folder whose `ledger/` records who made the model. The workflow gives its project,
        also on a cluster node; a shard records nothing. Without a folder nothing is recorded, so
        that trying the command does not begin a ledger.
    author
        Who made the model; by default the name in git's config, else the login.
    configfile
        The config files of the run, also recorded in the ledger.
    keep_models
        How many models that nobody signed or released are kept in `data/models`.
    threads
        How many groups of symbols to work on at a time, each in its own process.
    """
    if mode == "score" and model is None:
        raise Refusal("mode is score, but no model to score is given; set score.model.")
    given = read_model(model) if mode == "score" and model else None
    say("start", input=input, mode=mode, model=model or "new", machine=machine())
    if settings.price == "auto":
        settings = replace(settings, price=usual_price(input))
    read = partial(read_panel, input, given[0]["parameters"]["price"] if given else settings.price)
    panel, sha256, rows = read()
    source = ModelSource(str(input), sha256, rows, receipts, step.FOLDER / "train_or_score.py")
    deployed = _deployed(Path(champion)) if champion is not None else None
    kept = Path(project, KEPT) if project is not None else None
    situation = Situation(partial(_again, read, sha256), source, settings, deployed, kept)
    auto = mode == "auto"
    task = situation.due(panel, when, watch) if auto else situation.asked(panel, given)
    del panel
    if tasks:
        _write_tasks(tasks, task, sha256, threads)
        say("end", symbols=len(task.panel), shards=len(tasks))
        return
    if output is None:
        raise Refusal("no output path given for the model; pass --output.")
    with _tables(forecasts, daily_forecasts) as tables:
        built = situation.build(
            task, criteria, threads, _done(shards), check_all=leak_check == "all", tables=tables
        )
        document = built.document
        if auto:
            say(document["mode"], why=document.get("why"))
        say("params", **document["parameters"])
        digest = write_model(output, document)
        if tables:
            tables.finish(digest)
    if backtest is not None:
        built.evaluation.write_backtest(backtest, digest)
    pooled = document["metrics"]["pooled"]
    for forecaster in ("model", "random_walk"):
        figures = {key: pooled[forecaster][key] for key in ("mase", "rmsse", "coverage")}
        say("metrics", of=forecaster, **figures)
    if kept and built.estimates:
        _keep(kept, built.estimates, built.evaluation.symbols)
    if project is not None:
        step.tell_ledger(
            "pricewright.releases.models.record_training",
            project,
            output,
            document,
            author=author,
            configfile=configfile,
            keep_models=keep_models,
        )
    say("accepted" if document["acceptance"]["accepted"] else "not accepted")
    say("end", symbols=len(document["symbols"]), output=output, sha256=digest)


def _again(read: Callable[[], tuple[Panel, str, int]], sha256: str) -> Panel:
    """The panel, read again; raises Refusal if the table has changed since."""
    panel, found, _ = read()
    if found != sha256:
        raise Refusal("the clean prices changed while they were scored; run the step again.")
    return panel


def _tables(
    forecasts: Path | None, daily: Path | None
) -> AbstractContextManager[ForecastFiles | None]:
    return ForecastFiles(forecasts, daily) if forecasts and daily else nullcontext()


def _keep(path: Path, estimates: Estimates, symbols: Sequence[str]) -> None:
    """Keep the estimates; if that fails, the next training only takes longer."""
    try:
        write_estimates(path, estimates, symbols)
    except OSError as error:
        logger.warning("%s: the estimates could not be kept: %s", path, error)


def _write_tasks(paths: Sequence[Path], task: TrainingTask, sha256: str, threads: int) -> None:
    """Write the tasks of the shards; the writer is imported only if there are any."""
    from pricewright.tables.array_files import write_stored

    parts = make_tasks(task.panel, task.plan(threads), sha256=sha256, count=len(paths))
    for path, part in zip(paths, parts, strict=True):
        write_stored(path, part)


def _done(shards: Sequence[Path]) -> list[ShardResult]:
    """The shards' results; the reader is imported only if there are any."""
    if not shards:
        return []
    from pricewright.tables.array_files import read_stored

    shelf = Shelf()
    return [shelf.put(read_stored(path, ShardResult)) for path in shards]


def _deployed(champion: Path) -> ModelDocument | Unreadable | None:
    """The model in place, if there is one."""
    if not champion.exists():
        return None
    try:
        return read_model(champion)
    except Refusal as refusal:  # an unreadable champion must not stop a new model
        say("no champion", reason=str(refusal))
        return Unreadable.of(champion, refusal)


if __name__ == "__main__":
    step.run(train_or_score)
