"""Clean: prices in order, corrected as declared, nothing missing, what is odd flagged."""

from collections.abc import Sequence
from pathlib import Path

from running import step

from pricewright.cleaning.corrections import correct, join_parts
from pricewright.cleaning.flags import flag_prices, quality_document
from pricewright.cleaning.missing import Missing, settle
from pricewright.cleaning.series import FlagThresholds
from pricewright.files.documents import write_json
from pricewright.steplog.log import say
from pricewright.tables.records import write_table


def clean(
    input: Path,
    output: Path,
    *,
    receipt: Path | None = None,
    quality: Path | None = None,
    corrections: Path | None = None,
    parts: Sequence[Path] = (),
    part_receipts: Sequence[Path] = (),
    missing_price: Missing = "zero",
    missing_volume: Missing = "zero",
    jump_ratio: float = 1.25,
    jump_z: float = 8.0,
    slip_tolerance: float = 0.2,
    slip_days: int = 5,
    split_tolerance: float = 0.02,
    stale_days: int = 5,
    same_days: int = 3,
    same_ticks: int = 20,
    gap_days: int = 5,
    holiday_share: float = 0.05,
    holiday_symbols: int = 10,
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
        Where to write what became of each row: rows in, out, duplicates, dropped, filled.
    quality
        Where to write the flags, by symbol and date.
    corrections
        The declared corrections, a YAML list; config/README.md says how.
    parts
        What `clean_shard` made of the input: all shards, and it is not done again.
    part_receipts
        Their receipts, in the same order.
    missing_price
        For a missing price: `zero` writes 0; `ffill` carries the symbol's last value
        forward, never across symbols or backwards in time; `drop` drops the row.
    missing_volume
        The same for a missing volume.
    jump_ratio
        A price is flagged if it is at least so many times the one before, or the other way
        round, and
    jump_z
        its log return is so many robust standard deviations of the symbol's own.
    slip_tolerance
        How far, as a share, a move may be off 10, 100, 1000 … to be a slip of units.
    slip_days
        After how many prices a tenfold price is no slip any more, if it stays.
    split_tolerance
        How far, as a share, a move may be off the ratio of a split.
    stale_days
        How many equal prices in a row are flagged.
    same_days
        Over how many dates in a row two symbols may not have equal prices.
    same_ticks
        Over how many units of their last digit such prices must range, not to be chance.
    gap_days
        How many business days in a row may lack a price.
    holiday_share
        The share of active symbols below which a date with prices is taken for a holiday,
    holiday_symbols
        if at least so many symbols are active.
    """
    say("start", input=input)
    made = join_parts(input, parts, part_receipts) if parts else correct(input, corrections)
    corrected = made.table
    say("read", rows=made.rows)
    thresholds = FlagThresholds(
        jump_ratio=jump_ratio,
        jump_z=jump_z,
        slip_tolerance=slip_tolerance,
        slip_days=slip_days,
        split_tolerance=split_tolerance,
        stale_days=stale_days,
        same_days=same_days,
        same_ticks=same_ticks,
        gap_days=gap_days,
        holiday_share=holiday_share,
        holiday_symbols=holiday_symbols,
    )
    document = quality_document(flag_prices(corrected, thresholds), corrected, thresholds)
    settled, filled = settle(
        corrected, str(input), missing_price=missing_price, missing_volume=missing_volume
    )
    written = write_table(output, settled)
    counts = {
        "rows_in": made.rows,
        "rows_out": len(settled),
        "duplicates": made.rows - made.distinct,
        "dropped": made.distinct - len(settled),
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
    say(f"rows in/out: {made.rows}/{len(settled)}", flagged=len(document["flagged"]))
    say("end", rows=len(settled), output=output)


if __name__ == "__main__":
    step.run(clean)
