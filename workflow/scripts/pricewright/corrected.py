"""Prices as delivered, in order and corrected: all of them, or a shard's, which are then joined."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pricewright.cleaning import in_order
from pricewright.corrections.applied import Change, apply_corrections
from pricewright.corrections.declared import read_corrections
from pricewright.documents import parse_json, write_json
from pricewright.errors import Refusal
from pricewright.files import file_sha256, read_whole
from pricewright.parts import joined, read_share
from pricewright.records import read_table, write_table
from pricewright.shards import Shard


@dataclass(frozen=True)
class Corrected:
    """A table in order of symbol and date, corrected, and what became of its rows.

    sha256: of the file that they were delivered in, and whole: how many rows it has.  rows: how
    many of them these were, all or a shard's, and distinct: how many without exact duplicates.
    changes: what each correction did, in the corrections' order.
    """

    table: pd.DataFrame
    sha256: str
    whole: int
    rows: int
    distinct: int
    changes: list[Change]


def correct(path: Path, corrections: Path | None, shard: Shard | None = None) -> Corrected:
    """The prices of a file, or a shard's of them, in order and with the corrections of another.

    A correction of a symbol that is not there is the business of all. Raises Refusal for what
    `in_order`, `read_corrections` and `apply_corrections` refuse.
    """
    declared = (
        read_corrections(read_whole(corrections), str(corrections))
        if corrections is not None
        else []
    )
    if shard is None:
        table, sha256 = read_table(path)
        whole = len(table)
    else:
        share = read_share(path, shard)
        table, sha256, whole = share.table, share.sha256, share.whole
        declared = [each for each in declared if each.symbol not in share.others]
    ordered = in_order(table, str(path))
    corrected, changes = apply_corrections(ordered, declared, str(path))
    return Corrected(corrected, sha256, whole, len(table), len(ordered), changes)


def keep_part(path: Path, receipt: Path, part: Corrected) -> None:
    """Write a shard's table as Parquet, and the rest as JSON, for `join_parts`."""
    write_table(path, part.table)
    write_json(
        receipt,
        {
            "sha256": part.sha256,
            "whole": part.whole,
            "rows": part.rows,
            "distinct": part.distinct,
            "changes": part.changes,
        },
    )


def join_parts(path: Path, parts: Sequence[Path], receipts: Sequence[Path]) -> Corrected:
    """What `correct` makes of a file, from what the shards made of it.

    Raises Refusal if that was another file, or if a row of it is in no part.
    """
    sha256 = file_sha256(path)
    found = [parse_json(read_whole(receipt), str(receipt)) for receipt in receipts]
    for receipt, part in zip(receipts, found, strict=True):
        if part["sha256"] != sha256:
            raise Refusal(f"{receipt}: is of other prices than {path}; run its shard again.")
    rows, whole = sum(part["rows"] for part in found), found[0]["whole"]
    if rows != whole:
        raise Refusal(
            f"{path}: has {whole:,} rows, and the shards' parts were made of {rows:,}; run the "
            "step again from its shards on."
        )
    changes = [change for part in found for change in part["changes"]]
    return Corrected(
        joined(parts),
        sha256,
        whole,
        rows,
        sum(part["distinct"] for part in found),
        sorted(changes, key=lambda change: change["line"]),
    )
