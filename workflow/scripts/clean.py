"""Clean: order the prices, apply declared corrections, settle missing values, flag oddities."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from running import step

from pricewright.cleaning.corrected_table import correct, join_parts, write_settled
from pricewright.cleaning.flags import Quality
from pricewright.cleaning.missing import settle_missing
from pricewright.cleaning.options import FlagThresholds, MissingRules
from pricewright.files.documents import write_json
from pricewright.files.errors import some_of
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
    modelled: Literal["auto", "open", "high", "low", "close", "adj_close"] = "auto",
    missing: MissingRules = MissingRules(),
    flags: FlagThresholds = FlagThresholds(),
) -> None:
    """Order the prices, apply declared corrections, flag what is odd, settle missing values.

    Exact duplicates are dropped. A flag changes nothing: a person judges what is suspicious but
    possible, and can declare a correction.

    Parameters
    ----------
    input
        The prices, as `ingest` writes them: Parquet, or a JSON array of flat objects.
    output
        Where to write the prices, ordered by symbol and date: Parquet if the file name ends in
        .parquet, else JSON.
    receipt
        Where to write the counts: rows in, out, duplicate, removed by corrections and dropped,
        corrections applied, and values filled; with the symbols whose newest row is dropped, and
        those without any adj_close.
    quality
        Where to write the flags, by symbol and date.
    corrections
        The declared corrections, a YAML list; config/README.md describes them.
    parts
        The outputs of `clean_shard` for all shards; the input is then not corrected again.
    part_receipts
        The receipts of the parts, in the same order.
    modelled
        The column that will be modelled; `auto` is adj_close or close. If it is open, high or low,
        it is a price like any other, and not completed from the close.
    missing
        What to do with a row that lacks a value.
    flags
        The thresholds for flags.
    """
    say("start", input=input)
    made = join_parts(input, parts, part_receipts) if parts else correct(input, corrections)
    say("read", rows=made.rows)
    delisted = {change["symbol"] for change in made.changes if change["action"] == "delisted"}
    found = Quality(flags, delisted)
    settle = partial(settle_missing, missing=missing, modelled=modelled)
    written = write_settled(output, input, made, settle, found.add)
    document = found.document(found.entries(lambda symbols: made.part(symbols).groups()))
    ended = {entry["symbol"] for entry in document["flagged"] if entry["flag"] == "ended"}
    newest_dropped = {
        symbol: day for symbol, day in written.newest_dropped.items() if symbol not in ended
    }
    counts = {
        "rows_in": made.rows,
        "rows_out": written.rows,
        "duplicates": made.rows - made.distinct,
        "removed": made.distinct - made.left,
        "dropped": made.left - written.rows,
        "corrected": len(made.changes),
        "filled": written.filled,
        "newest_dropped": newest_dropped,
        "without_adj_close": written.without_adj_close,
        "flags": document["flags"],
    }
    if receipt is not None:
        files = {
            "input": {"path": str(input), "sha256": made.sha256},
            "records": {"path": str(output), "sha256": written.sha256},
        }
        write_json(receipt, counts | {"corrections": made.changes} | files)
    if quality is not None:
        write_json(quality, document)
    for column, count in written.filled.items():
        say("filled missing values", column=column, values=count)
    for message, names in (
        ("no adj_close, so close is taken for it", written.without_adj_close),
        ("the newest row is incomplete, so it is dropped", list(newest_dropped)),
    ):
        if names:
            say(message, symbols=len(names), named=some_of(names))
    say(f"rows in/out: {made.rows}/{written.rows}", flagged=len(document["flagged"]))
    say("end", rows=written.rows, output=output)


if __name__ == "__main__":
    step.run(clean)
