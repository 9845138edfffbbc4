"""What was read before, kept so that a new delivery does not mean reading the old ones again.

A snapshot only saves time: it is used if it was made from the same deliveries, by the same code
and config, and if its bytes are still those that were written. Without it, the same comes from
the archive's bytes.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from pricewright.checkpoint import is_parquet, read_prices, write_prices
from pricewright.deliveries import State
from pricewright.documents import parse_json, write_json
from pricewright.files import file_sha256, read_whole, whole_file

WORTH_IT = 200_000
"""Fewer rows are read again sooner than a snapshot is written."""


@dataclass(frozen=True)
class Snapshot:
    """The state after some deliveries, and what became of each: `facts`, plain enough for JSON."""

    state: State
    facts: Any


def save(folder: Path, key: str, snapshot: Snapshot, checkpoint: Path, sha256: str) -> None:
    """Keep a snapshot, whose prices are also in the checkpoint, under a key.

    The checkpoint's bytes are shared where the file system can, and never written to.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if is_parquet(checkpoint):
        _share(checkpoint, folder / "prices.parquet")
    else:
        sha256 = write_prices(folder / "prices.parquet", snapshot.state.prices)
    with whole_file(folder / "origins.parquet") as file:
        pa.parquet.write_table(pa.table({"origin": snapshot.state.origins}), file)
    document = {
        "key": key,
        "prices": sha256,
        "superseded": snapshot.state.superseded,
        "facts": snapshot.facts,
    }
    write_json(folder / "snapshot.json", document)


def load(folder: Path, key: Callable[[], str]) -> Snapshot | None:
    """The snapshot of a key, if there is one whose bytes are as they were written."""
    if not (folder / "snapshot.json").exists():
        return None
    document = parse_json(read_whole(folder / "snapshot.json"), str(folder / "snapshot.json"))
    if document["key"] != key() or document["prices"] != file_sha256(folder / "prices.parquet"):
        return None
    prices = read_prices(folder / "prices.parquet")
    origins = pa.parquet.read_table(folder / "origins.parquet")["origin"].to_numpy()
    state = State(prices, np.array(origins, dtype=np.int32), document["superseded"])
    return Snapshot(state, document["facts"])


def _share(checkpoint: Path, kept: Path) -> None:
    try:
        os.link(checkpoint, kept)
    except OSError:  # another file system, or one without links
        shutil.copyfile(checkpoint, kept)
