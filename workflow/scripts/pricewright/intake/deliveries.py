"""Deliveries over time: the newest price wins, and the price it supersedes is recorded.

The state so far is kept as a snapshot, so that a new delivery does not need all of the old ones
to be read again.
"""

import os
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from pricewright.files.disk import file_sha256, whole_file
from pricewright.files.documents import read_json, write_json
from pricewright.files.errors import Refusal
from pricewright.files.large_arrays import Shelf, joined, new_array
from pricewright.intake.merge import KeptValues, Merge, MergedValues, Pile, in_groups
from pricewright.intake.reading.instants import FIRST, without_span
from pricewright.intake.restatements import Entries
from pricewright.intake.shared_days import shared_days
from pricewright.tables.prices import (
    Ints,
    Prices,
    drop_unused_names,
    read_prices,
    write_prices,
)
from pricewright.tables.table_files import is_parquet


@dataclass(frozen=True)
class State:
    """The prices after some deliveries.

    origins: (n,) the number of the delivery that each price comes from.
    superseded: for each delivery, how many of its rows a later one superseded; of intraday bars,
    also how many became part of a later delivery's bar.
    """

    prices: Prices
    origins: Ints
    superseded: Sequence[int] = ()


def empty_state() -> State:
    """The state before the first delivery."""
    empty = np.array([], dtype=np.int32)
    return State(Prices([], empty, empty, {}), empty)


def apply_deliveries(
    state: State, new: Sequence[Prices], digests: Sequence[str]
) -> tuple[State, Entries]:
    """The state after further deliveries, applied in order, and what they restate.

    digests: the SHA-256 of each delivery, of the earlier ones and the new ones. Works through one
    group of symbols at a time; values stay where they are until they are asked for. Intraday bars
    of one day are joined, if they follow each other; raises Overlap if they cannot be.
    """
    before = len(state.superseded)
    if not len(state.prices) and len(new) == 1:
        origins = new_array(len(new[0]), np.int32)
        origins.fill(before)
        return State(new[0], origins, [*state.superseded, 0]), []
    whole = [state.prices, *new]
    rows = sum(map(len, whole))
    names, columns = names_of(whole), columns_of(whole)
    numbers = (np.broadcast_to(np.int32(before + n), len(prices)) for n, prices in enumerate(new))
    came = [state.origins, *numbers]
    superseded = np.concatenate([state.superseded, np.zeros(len(new))]).astype(int)
    shared = shared_days(whole, came, names, digests) if FIRST in columns else None
    if shared:  # their bars, the newest of all, are nobody's rows and take the place of one
        whole, came = [*whole, shared.bars], [*came, shared.origins]
        superseded -= np.bincount(shared.origins, minlength=len(superseded))
    old, *newer = in_groups(whole, came, names)
    symbols, days, origins = (new_array(rows, np.int32) for _ in range(3))
    merges, entries, end, shelf = list[Merge](), Entries(), 0, Shelf()
    for group in range(len(old.bounds) - 1):
        pile = Pile.of(old, newer, group)
        merge = pile.merge()
        begin, end = end, end + merge.count
        symbols[begin:end], days[begin:end], origins[begin:end] = pile.merged(merge)
        merges.append(shelf.put(merge))
        superseded += np.bincount(pile.origins[pile.again], minlength=len(superseded))
        entries += pile.entries(names, columns, digests) if shared is None else []
    values = MergedValues(old, newer, columns, merges)
    return State(
        Prices(names, symbols[:end], days[:end], values), origins[:end], superseded.tolist()
    ), entries if shared is None else shared.entries


def without(state: State, gone: Collection[int]) -> State | None:
    """The state without some of its deliveries, given by number.

    None if no delivery is left, or if a remaining one has rows that a later one superseded: the
    superseding rows may be those of the deliveries that are gone. None also if intraday bars were
    joined: they may have a share of these deliveries.
    """
    if FIRST in state.prices.values and any(state.superseded):
        return None
    counts = enumerate(state.superseded)
    kept = [number for number, _ in counts if number not in gone]
    if not kept or any(state.superseded[number] for number in kept if number < max(gone)):
        return None
    now = np.full(len(state.superseded), -1, dtype=np.int32)
    now[kept] = np.arange(len(kept), dtype=np.int32)
    prices, origins = state.prices, state.origins
    keep = joined((now[origins[rows]] >= 0 for rows in prices.blocks()), len(prices), np.bool_)
    count = int(np.count_nonzero(keep))

    def column(values: Ints) -> Ints:
        return joined((values[rows][keep[rows]] for rows in prices.blocks()), count, np.int32)

    values = KeptValues(prices, keep, list(prices.values))
    left = Prices(prices.names, column(prices.symbols), column(prices.days), values)
    numbers = column(origins)
    numbers[...] = now[numbers]
    return State(drop_unused_names(left), numbers, [state.superseded[number] for number in kept])


def with_values_alone(state: State) -> State:
    """The state without the span of its bars."""
    prices = state.prices
    if FIRST not in prices.values:
        return state
    keep = np.ones(len(prices), dtype=np.bool_)
    values = KeptValues(prices, keep, without_span(prices.values))
    return replace(state, prices=replace(prices, values=values))


def names_of(tables: Sequence[Prices]) -> list[str]:
    """The symbols of all tables, sorted."""
    return sorted(set[str]().union(*(prices.names for prices in tables)))


def columns_of(tables: Sequence[Prices]) -> list[str]:
    """The columns that any of the tables has, in order."""
    return list(dict.fromkeys(name for prices in tables for name in prices.values))


SNAPSHOT_FROM = 200_000
"""Fewer rows are faster to read again than to write as a snapshot, unless in many files."""

SNAPSHOT_FROM_FILES = 100
"""From this many current deliveries, opening them takes longer than loading a snapshot."""


@dataclass(frozen=True)
class Snapshot:
    """The state after some deliveries, and what happened to each: `facts`, as plain JSON values."""

    state: State
    facts: Any

    def saves_time(self) -> bool:
        """Whether reading the deliveries again would take longer than keeping the snapshot."""
        return len(self.state.prices) >= SNAPSHOT_FROM or len(self.facts) >= SNAPSHOT_FROM_FILES


SNAPSHOT_FILES = ("snapshot.json", "prices.parquet", "origins.parquet")


def save_snapshot(
    folder: Path, key: str, snapshot: Snapshot, checkpoint: Path, sha256: str
) -> None:
    """Keep a snapshot under a key; the checkpoint also holds its prices, without a span.

    Where the file system allows it, the snapshot shares the checkpoint's bytes; they are never
    written to.
    """
    if not folder.is_dir():
        folder.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (folder / name for name in SNAPSHOT_FILES):
        if path.is_dir():  # somebody created it by hand
            shutil.rmtree(path)
    (folder / "snapshot.json").unlink(missing_ok=True)
    if is_parquet(checkpoint) and FIRST not in snapshot.state.prices.values:
        _share(checkpoint, folder / "prices.parquet")
    else:
        sha256 = write_prices(folder / "prices.parquet", snapshot.state.prices)
    origins = folder / "origins.parquet"
    with whole_file(origins) as file:
        pa.parquet.write_table(pa.table({"origin": snapshot.state.origins}), file)
    document = {
        "key": key,
        "prices": sha256,
        "origins": file_sha256(origins),
        "superseded": snapshot.state.superseded,
        "facts": snapshot.facts,
    }
    write_json(folder / "snapshot.json", document)


def load_snapshot(folder: Path, key: Callable[[], str]) -> Snapshot | None:
    """The snapshot of a key, if there is one and its bytes are unchanged."""
    document = _document(folder)
    if not document or document["key"] != key():
        return None
    for part in ("prices", "origins"):
        path = folder / f"{part}.parquet"
        if not path.is_file() or document[part] != file_sha256(path):
            return None
    prices = read_prices(folder / "prices.parquet", document["prices"])
    origins = pa.parquet.read_table(folder / "origins.parquet")["origin"].to_numpy()
    state = State(prices, np.asarray(origins, dtype=np.int32), document["superseded"])
    return Snapshot(state, document["facts"])


def _document(folder: Path) -> dict[str, Any] | None:
    """The document of a snapshot, or None if it cannot be read; it can always be made again."""
    path = folder / "snapshot.json"
    try:
        found = read_json(path) if path.is_file() else None
    except Refusal:
        return None
    named = {"key", "prices", "origins", "superseded", "facts"}
    return found if isinstance(found, dict) and found.keys() == named else None


def _share(checkpoint: Path, kept: Path) -> None:
    kept.unlink(missing_ok=True)
    try:
        os.link(checkpoint, kept)
    except OSError:  # a different file system, or one without links
        shutil.copyfile(checkpoint, kept)
