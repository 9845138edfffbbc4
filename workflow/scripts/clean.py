"""Clean: prices in order, corrected as declared, nothing missing, what is odd flagged."""

from collections.abc import Sequence
from pathlib import Path

from running import step

from pricewright.cleaning.corrected_table import correct, join_parts, write_settled
from pricewright.cleaning.flags import Quality
from pricewright.cleaning.options import FlagThresholds, MissingRules
from pricewright.files.documents import write_json
from pricewright.steplog.log import say


def clean(
    input: Path,
    output: Path,
    *,
    receipt: Path | None = None,
    quality: Path | None = None,
    corrections: Path | None = None,
    parts: Sequence[Path] = (),
    part_receipts: Sequence[Path] = (),
    missing: MissingRules = MissingRules(),
    flags: FlagThresholds = FlagThresholds(),
) -> None:
    """Put prices in order, correct what is declared, flag what is odd, settle what is missing.

    Exact duplicates are left out. A flag changes nothing: what is suspicious but possible is
    for a person to judge, who can declare a correction.

    Parameters
    ----------
    input
        The prices, as `ingest` writes them: Parquet, or a JSON array of flat objects.
    output
        The prices to write, in order of symbol and date: Parquet if so named, else JSON.
    receipt
        Where to write what became of each row: rows in, out, duplicates, removed as declared,
        dropped, filled.
    quality
        Where to write the flags, by symbol and date.
    corrections
        The declared corrections, a YAML list; config/README.md says how.
    parts
        What `clean_shard` made of the input: all shards, and it is not done again.
    part_receipts
        Their receipts, in the same order.
    missing
        What becomes of a row in which a value is missing.
    flags
        From which point on something is flagged.
    """
    say("start", input=input)
    made = join_parts(input, parts, part_receipts) if parts else correct(input, corrections)
    say("read", rows=made.rows)
    delisted = {change["symbol"] for change in made.changes if change["action"] == "delisted"}
    found = Quality(flags, delisted)
    written, rows_out, filled = write_settled(output, input, made, missing, found.add)
    document = found.document(found.entries(lambda symbols: made.part(symbols).groups()))
    counts = {
        "rows_in": made.rows,
        "rows_out": rows_out,
        "duplicates": made.rows - made.distinct,
        "removed": made.distinct - made.left,
        "dropped": made.left - rows_out,
        "corrected": len(made.changes),
        "filled": filled,
        "flags": document["flags"],
    }
    if receipt is not None:
        files = {
            "input": {"path": str(input), "sha256": made.sha256},
            "records": {"path": str(output), "sha256": written},
        }
        write_json(receipt, counts | {"corrections": made.changes} | files)
    if quality is not None:
        write_json(quality, document)
    say(f"rows in/out: {made.rows}/{rows_out}", flagged=len(document["flagged"]))
    say("end", rows=rows_out, output=output)


if __name__ == "__main__":
    step.run(clean)
