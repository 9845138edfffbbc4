"""One shard's share of the forecasts of the past: what needs no other symbol than its own."""

from pathlib import Path

from running import step

from pricewright.files.machine import machine
from pricewright.steplog.log import say
from pricewright.tables.array_files import read_stored, write_stored
from pricewright.training.sharding import ShardTask, forecast_shard


def train_or_score_shard(input: Path, output: Path, *, threads: int = 1) -> None:
    """Estimate, follow and forecast the symbols of a shard, as `train_or_score` planned it.

    Parameters
    ----------
    input
        The task, as `train_or_score` writes it.
    output
        What was done, for `train_or_score` to make the model from.
    threads
        On how many groups of symbols to work at a time, each in a process of its own.
    """
    say("start", input=input, machine=machine())
    task = read_stored(input, ShardTask)
    write_stored(output, forecast_shard(task, threads))
    say("end", symbols=len(task.panel), output=output)


if __name__ == "__main__":
    step.run(train_or_score_shard)
