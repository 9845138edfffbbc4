"""Deliveries over time: the newest price wins, and what it took the place of is written down.

What was read before is kept, so that a new delivery does not mean reading the old ones again.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from pricewright.files.disk import file_sha256, read_whole, whole_file
from pricewright.files.documents import parse_json, write_json
from pricewright.files.large_arrays import new_array
from pricewright.intake.restatements import Changed, Entries, Places, restated
from pricewright.tables.prices import (
    Floats,
    Ints,
    Prices,
    read_prices,
    recode,
    write_prices,
)
from pricewright.tables.stored_values import Merge, MergedValues, PartedValues
from pricewright.tables.table_files import is_parquet


@dataclass(frozen=True)
class State:
    """The prices after some deliveries.

    origins: (n,) the delivery that each price is from, by number.
    superseded: by delivery, how many of its rows a later one took the place of.
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
    """The state after further deliveries, in their order, and what they restate.

    `digests` has the SHA-256 of each delivery, of those before and of the new ones. Costs one
    copy of the state, and a sort of what is new.
    """
    first = len(state.superseded)
    if not len(state.prices) and len(new) == 1:
        origins = new_array(len(new[0]), np.int32)
        origins.fill(first)
        return State(new[0], origins, [*state.superseded, 0]), []
    names = names_of([state.prices, *new])
    columns = columns_of([state.prices, *new])
    fresh = [_aligned(prices, names, columns) for prices in new]
    symbols = recode(state.prices.names, state.prices.symbols, names)
    old = replace(state.prices, names=names, symbols=symbols)
    place = _Places(old)
    known = [at[~added] for at, added in map(place.of, fresh)]
    touched = np.unique(np.concatenate(known))
    pile = _stacked([_rows(old, touched, columns), *fresh])
    numbers = [np.full(len(prices), first + n, np.int32) for n, prices in enumerate(fresh)]
    origins = np.concatenate([state.origins[touched], *numbers])
    order = np.argsort(pile.keys, kind="stable")  # of one key, the oldest first
    pile, origins = _rows(pile, order, columns), origins[order]
    keys = pile.keys
    again = np.flatnonzero(keys[1:] == keys[:-1])
    changed = {
        name: Changed.of((column[again], again), (column[again + 1], again + 1))
        for name, column in pile.values.items()
    }
    entries = restated(pile, (origins, origins), changed, digests)
    taken = np.bincount(origins[again], minlength=first + len(new))
    superseded = taken + np.concatenate([state.superseded, np.zeros(len(new))]).astype(int)
    last = np.delete(np.arange(len(pile)), again)
    newest = _rows(pile, last, columns)
    at, added = place.of(newest)
    merge = Merge(at + np.cumsum(added) - added, added, len(old))
    prices = Prices(
        names,
        merge.merged(old.symbols, newest.symbols),
        merge.merged(old.days, newest.days),
        _merged(old, newest, merge),
    )
    return State(prices, merge.merged(state.origins, origins[last]), superseded.tolist()), entries


def _merged(old: Prices, newest: Prices, merge: Merge) -> Mapping[str, Floats]:
    if isinstance(old.values, PartedValues):
        return MergedValues(old.values, newest.values, merge)
    held = _aligned(old, old.names, list(newest.values)).values
    return {name: merge.merged(held[name], column) for name, column in newest.values.items()}


class _Places:
    """Where prices stand, or would, among others."""

    def __init__(self, among: Prices) -> None:
        self._days = among.days
        self._begins = among.begins

    def of(self, prices: Prices) -> tuple[Places, npt.NDArray[np.bool_]]:
        """How many of the others come before each (n,), and which of them are not there.

        Both have the same names.
        """
        at, end = self._begins[prices.symbols], self._begins[prices.symbols + 1]
        last = end.copy()
        while (open_ := np.flatnonzero(at < last)).size:  # all are bisected at a time
            middle = (at[open_] + last[open_]) // 2
            before = self._days[middle] < prices.days[open_]
            at[open_[before]] = middle[before] + 1
            last[open_[~before]] = middle[~before]
        added = at == end
        added[~added] = self._days[at[~added]] != prices.days[~added]
        return at, added


def names_of(tables: Sequence[Prices]) -> list[str]:
    """The symbols of some tables, sorted."""
    return sorted({name for prices in tables for name in prices.names})


def columns_of(tables: Sequence[Prices]) -> list[str]:
    """The columns that some tables have, in order."""
    return list(dict.fromkeys(name for prices in tables for name in prices.values))


def _aligned(prices: Prices, names: Sequence[str], columns: Sequence[str]) -> Prices:
    """The same prices, with these names, which hold theirs, and just these columns."""
    values = prices.values
    if list(values) != list(columns):
        missing = np.full(len(prices), np.nan)
        values = {name: values.get(name, missing) for name in columns}
    symbols = recode(prices.names, prices.symbols, names)
    return replace(prices, names=names, symbols=symbols, values=values)


def _rows(prices: Prices, rows: Places, columns: Sequence[str]) -> Prices:
    """Some rows, with just these columns; without any, no column is read."""
    missing = np.full(len(rows), np.nan)
    values = {
        name: prices.values[name][rows] if len(rows) and name in prices.values else missing
        for name in columns
    }
    return replace(prices, symbols=prices.symbols[rows], days=prices.days[rows], values=values)


def _stacked(tables: Sequence[Prices]) -> Prices:
    return replace(
        tables[0],
        symbols=np.concatenate([prices.symbols for prices in tables]),
        days=np.concatenate([prices.days for prices in tables]),
        values={
            name: np.concatenate([prices.values[name] for prices in tables])
            for name in tables[0].values
        },
    )


SNAPSHOT_FROM = 200_000
"""Fewer rows are read again sooner than a snapshot is written."""


@dataclass(frozen=True)
class Snapshot:
    """The state after some deliveries, and what became of each: `facts`, plain enough for JSON."""

    state: State
    facts: Any


def save_snapshot(
    folder: Path, key: str, snapshot: Snapshot, checkpoint: Path, sha256: str
) -> None:
    """Keep a snapshot, whose prices are also in the checkpoint, under a key.

    The checkpoint's bytes are shared where the file system can, and never written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "snapshot.json").unlink(missing_ok=True)
    if is_parquet(checkpoint):
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
    """The snapshot of a key, if there is one whose bytes are as they were written."""
    if not (folder / "snapshot.json").exists():
        return None
    document = parse_json(read_whole(folder / "snapshot.json"), str(folder / "snapshot.json"))
    if document["key"] != key():
        return None
    for part in ("prices", "origins"):
        path = folder / f"{part}.parquet"
        if not path.exists() or document.get(part) != file_sha256(path):
            return None
    prices = read_prices(folder / "prices.parquet", document["prices"])
    origins = pa.parquet.read_table(folder / "origins.parquet")["origin"].to_numpy()
    state = State(prices, np.asarray(origins, dtype=np.int32), document["superseded"])
    return Snapshot(state, document["facts"])


def _share(checkpoint: Path, kept: Path) -> None:
    kept.unlink(missing_ok=True)
    try:
        os.link(checkpoint, kept)
    except OSError:  # another file system, or one without links
        shutil.copyfile(checkpoint, kept)
