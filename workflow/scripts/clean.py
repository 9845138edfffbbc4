"""Clean: records without exact duplicates or missing values, in order of symbol and date."""

from dataclasses import asdict
from pathlib import Path

import step
from pricewright.cleaning import Missing, clean_prices
from pricewright.documents import write_json
from pricewright.files import read_whole, sha256
from pricewright.journal import say
from pricewright.records import parse_records, write_records


def clean(
    input: Path,
    output: Path,
    *,
    receipt: Path | None = None,
    missing_price: Missing = "zero",
    missing_volume: Missing = "zero",
) -> None:
    """Drop exact duplicates from records of prices and settle their missing values.

    Parameters
    ----------
    input
        The records: a JSON array of flat objects with ISO dates, as `ingest` writes them.
    output
        The records to write, in order of symbol and date; its folder is made if need be.
    receipt
        Where to write what became of each row: rows in, out, duplicates, dropped, filled.
    missing_price
        For a missing price: `zero` writes 0; `ffill` carries the symbol's last value
        forward, never across symbols or backwards in time; `drop` drops the row.
    missing_volume
        The same for a missing volume.
    """
    say("start", input=input)
    content = read_whole(input)
    table, accounting = clean_prices(
        parse_records(content, str(input)),
        str(input),
        missing_price=missing_price,
        missing_volume=missing_volume,
    )
    written = write_records(output, table)
    if receipt is not None:
        files = {
            "input": {"path": str(input), "sha256": sha256(content)},
            "records": {"path": str(output), "sha256": sha256(written)},
        }
        write_json(receipt, asdict(accounting) | files)
    say(
        f"rows in/out: {accounting.rows_in}/{accounting.rows_out}",
        duplicates=accounting.duplicates,
        dropped=accounting.dropped,
        filled=sum(accounting.filled.values()),
    )
    say("end", output=output)


if __name__ == "__main__":
    step.run(clean)
