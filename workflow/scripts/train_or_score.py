"""Train or score: a model of each symbol's price, and how well it would have forecast."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import step
from pricewright.errors import Refusal
from pricewright.journal import say
from pricewright.model import read_model, write_model
from pricewright.records import read_table
from pricewright.training import Settings, build_model


def train_or_score(
    input: Path,
    output: Path,
    *,
    mode: Literal["train", "score"] = "train",
    model: Path | None = None,
    price: str = "close",
    horizon: int = 10,
    level: float = 0.9,
    decay: float = 0.94,
    min_history: int = 60,
    max_age_days: int = 30,
    origins: int = 50,
    receipts: Sequence[Path] = (),
) -> None:
    """Train a model on clean prices, or score a given one on them, and evaluate it.

    Each symbol gets a random walk with drift and EWMA volatility, on log prices (on levels
    for a series that went to 0 or below), and is evaluated walk-forward beside the plain
    random walk, from the same calendar dates for all symbols.

    Parameters
    ----------
    input
        The clean prices, as `clean` writes them.
    output
        The model to write: JSON with parameters, forecasts, metrics and provenance.
    mode
        `train` estimates the parameters from the records. `score` takes them, and all the
        settings below, from `model`, and only brings its state up to the records' end.
    model
        The model to score.
    price
        The column to model.
    horizon
        How many days ahead to forecast and to evaluate.
    level
        The share of prices that the forecast's interval should hold.
    decay
        The EWMA's decay per day: the weight of yesterday's variance in today's.
    min_history
        The observations that a symbol needs to be modelled, or forecast from a date.
    max_age_days
        A symbol is left out of the model if its last price is older than this many days.
    origins
        From how many past dates to evaluate, a horizon apart.
    receipts
        The receipts of `ingest` and `clean`, to be kept in the model.
    """
    settings = Settings(
        price=price,
        horizon=horizon,
        level=level,
        decay=decay,
        min_history=min_history,
        max_age_days=max_age_days,
        origins=origins,
    )
    if mode == "score" and model is None:
        raise Refusal("mode is score, but no model is given to be scored; see score.model.")
    given = read_model(model) if mode == "score" and model else None
    say("start", input=input, mode=mode, model=model or "new")
    table, sha256 = read_table(input)
    document = build_model(
        table,
        sha256,
        name=str(input),
        settings=settings,
        given=given,
        receipts=receipts,
        script=step.FOLDER / "train_or_score.py",
    )
    say("params", **document["parameters"])
    digest = write_model(output, document)
    pooled = document["metrics"]["pooled"]
    for forecaster in ("model", "random_walk"):
        figures = {key: pooled[forecaster][key] for key in ("mase", "rmsse", "coverage")}
        say("metrics", of=forecaster, **figures)
    say("end", symbols=len(document["symbols"]), output=output, sha256=digest)


if __name__ == "__main__":
    step.run(train_or_score)
