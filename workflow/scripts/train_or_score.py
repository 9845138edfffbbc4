"""Train or score: a model of each symbol's price, and how well it would have forecast."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from running import step

from pricewright.evaluation.acceptance import Criteria
from pricewright.evaluation.backtest import write_backtest
from pricewright.files.errors import Refusal
from pricewright.forecasting.histories import read_panel
from pricewright.forecasting.model_file import read_model, write_model
from pricewright.forecasting.settings import Settings
from pricewright.steplog.log import say
from pricewright.training.sharding import ShardResult
from pricewright.training.symbols import chosen
from pricewright.training.training import Source, build_model
from pricewright.training.training import tasks as to_do


def train_or_score(
    input: Path,
    output: Path | None = None,
    *,
    mode: Literal["train", "score"] = "train",
    model: Path | None = None,
    price: str = "close",
    horizon: int = 10,
    level: float = 0.9,
    location: Literal["naive", "drift", "ses", "theta", "lightgbm"] = "naive",
    volatility: Literal["rolling", "ewma", "garch11", "har", "combined"] = "combined",
    distribution: Literal["normal", "fhs", "conformal"] = "conformal",
    decay: float = 0.94,
    rolling_days: int = 60,
    calibration: int = 500,
    window_days: int | None = None,
    min_history: int = 60,
    max_age_days: int = 30,
    origins: int = 100,
    refit: int = 5,
    embargo_days: int = 0,
    mae_ratio: float = 1.01,
    qlike_difference: float = 0.0,
    coverage_pooled: float = 0.015,
    coverage_symbol: float = 0.04,
    enough_origins: int = 100,
    interval_ratio: float = 1.0,
    kupiec_share: float = 0.9,
    chance: float = 0.05,
    champion: Path | None = None,
    beat_champion: Literal["not_worse", "better", "ignore"] = "not_worse",
    receipts: Sequence[Path] = (),
    backtest: Path | None = None,
    tasks: Sequence[Path] = (),
    shards: Sequence[Path] = (),
    threads: int = 1,
) -> None:
    """Train a model on clean prices, or score a given one on them, and evaluate it.

    Each symbol gets a point forecast, a variance forecast and a distribution, on log prices (on
    levels for a series that went to 0 or below), and is evaluated walk-forward beside the plain
    random walk, from the same calendar dates for all symbols.

    Parameters
    ----------
    input
        The clean prices, as `clean` writes them.
    output
        The model to write: JSON with parameters, forecasts, metrics and provenance.
    mode
        `train` estimates the parameters from the records. `score` takes them, and all the
        settings of the model and its evaluation, from `model`, and only brings its state up to
        the records' end.
    model
        The model to score.
    price
        The column to model.
    horizon
        How many days ahead to forecast and to evaluate.
    level
        The share of prices that the forecast's interval should hold.
    location
        The point forecast: the last price (naive), with the mean change (drift), simple
        exponential smoothing (ses), the theta method, or gradient-boosted trees over all symbols
        on their last changes (lightgbm, to be installed besides); no skill is to be expected.
    volatility
        The variance forecast: the mean of the last squared changes (rolling), their
        exponentially weighted average (ewma), GARCH(1,1) (garch11), one regression over all
        symbols on averages of squared changes (har), or the geometric mean of the last two.
    distribution
        The shape around the point forecast: normal, filtered historical simulation (fhs), or
        the quantiles of earlier standardised errors (conformal).
    decay
        The EWMA's decay per day: the weight of yesterday's variance in today's.
    rolling_days
        How many squared changes `rolling` averages.
    calibration
        From how many past days' errors the distribution is made.
    window_days
        Parameters are estimated from so many calendar days; from all, if none.
    min_history
        The observations that a symbol needs to be modelled, or forecast from a date.
    max_age_days
        A symbol is left out of the model if its last price is older than this many days.
    origins
        From how many past dates to evaluate, a horizon apart.
    refit
        Parameters are estimated anew at every so many-th of these dates.
    embargo_days
        Calendar days before a date whose prices are no part of an estimate as of it.
    mae_ratio
        Accepted: a mean absolute error of at most so many times the naive forecast's.
    qlike_difference
        Accepted: a QLIKE of the variance above EWMA's by at most so much.
    coverage_pooled
        Accepted: an interval that holds a share of prices at most so far off its level.
    coverage_symbol
        Accepted: the same for each symbol that was forecast from
    enough_origins
        at least so many dates.
    interval_ratio
        Accepted: an interval score of at most so many times that of constant normal intervals.
    kupiec_share
        Accepted: a value-at-risk that passes Kupiec's test for at least this share of symbols.
    chance
        Accepted: coverage and Kupiec's tests no further off than they are by chance, too; each
        limit is so wide that at most this share of perfect forecasts miss it. 0: no wider.
    champion
        The model now deployed, to compare with, if it is there.
    beat_champion
        Accepted: a model that is not significantly worse than the champion, one that is
        significantly better, or any (ignore).
    receipts
        The receipts of `ingest` and `clean`, to be kept in the model.
    backtest
        Where to write what was forecast and happened day by day, for pictures, as Parquet.
    tasks
        Where to write, in place of a model, what each of so many shards of symbols is to do.
    shards
        What `train_or_score_shard` made of these tasks: all of them, and it is not done again.
    threads
        On how many groups of symbols to work at a time, each in a process of its own.
    """
    settings = Settings(
        price=price,
        horizon=horizon,
        level=level,
        location=location,
        volatility=volatility,
        distribution=distribution,
        decay=decay,
        rolling_days=rolling_days,
        calibration=calibration,
        window_days=window_days,
        min_history=min_history,
        max_age_days=max_age_days,
        origins=origins,
        refit=refit,
        embargo_days=embargo_days,
    )
    thresholds = Criteria(
        mae_ratio=mae_ratio,
        qlike_difference=qlike_difference,
        coverage_pooled=coverage_pooled,
        coverage_symbol=coverage_symbol,
        enough_origins=enough_origins,
        interval_ratio=interval_ratio,
        kupiec_share=kupiec_share,
        chance=chance,
        beat_champion=beat_champion,
    )
    if mode == "score" and model is None:
        raise Refusal("mode is score, but no model is given to be scored; see score.model.")
    given = read_model(model) if mode == "score" and model else None
    say("start", input=input, mode=mode, model=model or "new")
    panel, sha256, rows = read_panel(input, given[0]["parameters"]["price"] if given else price)
    if tasks:
        from pricewright.tables.array_files import write_stored

        subject = chosen(panel, str(input), settings, given)
        for path, task in zip(tasks, to_do(subject, sha256, len(tasks), threads), strict=True):
            write_stored(path, task)
        say("end", symbols=len(subject.panel), shards=len(tasks))
        return
    if output is None:
        raise Refusal("output: found no path, where one is needed to write the model; name one.")
    deployed = _deployed(Path(champion)) if champion is not None else None
    source = Source(str(input), sha256, rows, receipts, step.FOLDER / "train_or_score.py")
    built = build_model(
        panel,
        source,
        settings,
        thresholds,
        given=given,
        deployed=deployed,
        processes=threads,
        shards=_done(shards),
    )
    document = built.document
    say("params", **document["parameters"])
    digest = write_model(output, document)
    if backtest is not None:
        write_backtest(
            backtest,
            digest,
            origins=built.origins,
            walked=built.walked,
            scores=built.scores,
            settings=built.settings,
        )
    pooled = document["metrics"]["pooled"]
    for forecaster in ("model", "random_walk"):
        figures = {key: pooled[forecaster][key] for key in ("mase", "rmsse", "coverage")}
        say("metrics", of=forecaster, **figures)
    say("accepted" if document["acceptance"]["accepted"] else "not accepted")
    say("end", symbols=len(document["symbols"]), output=output, sha256=digest)


def _done(shards: Sequence[Path]) -> list[ShardResult]:
    """What the shards did; what it is read with is not imported where there are none."""
    if not shards:
        return []
    from pricewright.tables.array_files import read_stored

    return [read_stored(path, ShardResult) for path in shards]


def _deployed(champion: Path) -> tuple[dict[str, Any], str] | None:
    """The model in place, if there is one that this code reads."""
    if not champion.exists():
        return None
    try:
        return read_model(champion)
    except Refusal as refusal:  # what cannot be compared with does not stop a new model
        say("no champion", reason=str(refusal))
        return None


if __name__ == "__main__":
    step.run(train_or_score)
