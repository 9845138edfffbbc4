"""One shard of the walk-forward: the work that each symbol needs on its own."""

from pathlib import Path

from running import step

from pricewright.files.machine import machine
from pricewright.steplog.log import say
from pricewright.tables.array_files import read_stored, write_stored
from pricewright.training.sharding import ShardTask, forecast_shard


def train_or_score_shard(input: Path, output: Path, *, threads: int = 1) -> None:
    """Estimate, update and forecast the symbols of a shard, as planned by `train_or_score`.

    Parameters
    ----------
    input
        The task, as written by `train_or_score`.
    output
        The result, from which `train_or_score` makes the model.
    threads
        How many groups of symbols to work on at a time, each in its own process.
    """
    say("start", input=input, machine=machine())
    task = read_stored(input, ShardTask)
    write_stored(output, forecast_shard(task, threads))
    say("end", symbols=len(task.panel), output=output)


if __name__ == "__main__":
    step.run(train_or_score_shard)
