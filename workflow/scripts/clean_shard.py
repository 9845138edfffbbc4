"""Clean one shard: order the prices of some symbols and apply the declared corrections."""

from pathlib import Path

from running import step

from pricewright.cleaning.corrected_table import correct, keep_part
from pricewright.steplog.log import say
from pricewright.tables.records import Shard


def clean_shard(
    input: Path, output: Path, receipt: Path, *, shard: str, corrections: Path | None = None
) -> None:
    """Do the part of `clean` that can be done shard by shard: order and correct the prices.

    Parameters
    ----------
    input
        The prices of all shards, as `ingest` writes them.
    output
        The shard's prices, as Parquet.
    receipt
        What happened to the shard's rows. `clean` reads both files.
    shard
        Which shard, such as 3-of-7.
    corrections
        The declared corrections of all shards, a YAML list.
    """
    say("start", input=input, shard=shard)
    part = correct(input, corrections, Shard.parse(shard))
    keep_part(output, receipt, part)
    say("end", rows=part.distinct, output=output)


if __name__ == "__main__":
    step.run(clean_shard)
