"""Clean, a shard of it: the prices of some symbols in order, corrected as declared."""

from pathlib import Path

from running import step

from pricewright.cleaning.corrected_table import correct, keep_part
from pricewright.steplog.log import say
from pricewright.tables.records import Shard


def clean_shard(
    input: Path, output: Path, receipt: Path, *, shard: str, corrections: Path | None = None
) -> None:
    """Do of `clean` what needs no other symbol than a shard's: put in order, and correct.

    Parameters
    ----------
    input
        The prices of all shards, as `ingest` writes them.
    output
        The shard's prices, as Parquet.
    receipt
        What became of its rows; `clean` takes both.
    shard
        Which shard, as 3-of-7.
    corrections
        The declared corrections of all shards, a YAML list.
    """
    say("start", input=input, shard=shard)
    part = correct(input, corrections, Shard.parse(shard))
    keep_part(output, receipt, part)
    say("end", rows=part.distinct, output=output)


if __name__ == "__main__":
    step.run(clean_shard)
