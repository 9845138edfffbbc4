"""Shards: groups of symbols, equally many in each, on which jobs work side by side.

A shard reads its rows of a table; those of all shards are joined again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pricewright.files.disk import file_sha256, sha256
from pricewright.files.errors import Refusal
from pricewright.tables.arrays import Flags, Ints
from pricewright.tables.records import frame, is_stored, open_stored, read_table, with_dates


@dataclass(frozen=True)
class Shard:
    """The number-th of some shards, from 1; as text `3-of-7`."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard of a text; raises Refusal for what is none."""
        found = re.fullmatch(r"(\d{1,9})-of-(\d{1,9})", text)
        if found and 1 <= int(found[1]) <= int(found[2]):
            return cls(int(found[1]), int(found[2]))
        raise Refusal(f"shard {text!r}: found that, where one as 3-of-7 is needed.")

    def own(self, symbols: Sequence[str]) -> Ints:
        """(n,): which of some symbols are this shard's."""
        return shares(symbols, self.of)[self.number - 1]


def shares(symbols: Sequence[str], count: int) -> list[Ints]:
    """Which of some symbols, which are sorted, are of each of so many shards, rising.

    They are dealt out in the order of their SHA-256: a shard has as many as any other, or one
    more, and like names, which may have like histories, are not together.
    """
    order = sorted(range(len(symbols)), key=lambda place: sha256(symbols[place].encode()))
    return [np.array(sorted(order[first::count]), dtype=np.intp) for first in range(count)]


Others = frozenset[str | None]


@dataclass(frozen=True)
class Share:
    """A shard's rows of a checkpoint, of which it has `whole` rows and a SHA-256 of all its bytes.

    others: the symbols that are not the shard's.
    """

    table: pd.DataFrame
    sha256: str
    whole: int
    others: Others


def read_share(path: Path, shard: Shard, pairs: Sequence[tuple[str, str]] = ()) -> Share:
    """A shard's rows of a checkpoint; the symbols of a pair are in one shard.

    Rows keep their numbers in the whole, from 0, as their index. A record without a symbol is the
    first shard's, and so is all of a table without symbols. Raises what `read_table` raises.
    """
    if not is_stored(path):
        table, sha256 = read_table(path)
        symbols = pa.array(table["symbol"]) if "symbol" in table.columns else None
        mine, others = _dealt(symbols, len(table), shard, pairs)
        return Share(table[mine], sha256, len(table), others)
    stored = open_stored(path)
    has_symbols = "symbol" in stored.schema_arrow.names
    symbols = stored.read(["symbol"])["symbol"] if has_symbols else None
    mine, others = _dealt(symbols, stored.metadata.num_rows, shard, pairs)
    kept, begin = [stored.schema_arrow.empty_table()], 0
    for group in range(stored.num_row_groups):
        rows = stored.read_row_group(group)
        kept.append(rows.filter(pa.array(mine[begin : begin + len(rows)])))
        begin += len(rows)
    table = frame(pa.concat_tables(kept)).set_index(np.flatnonzero(mine))
    return Share(table, file_sha256(path), len(mine), others)


def _dealt(
    symbols: pa.Array | pa.ChunkedArray | None,
    rows: int,
    shard: Shard,
    pairs: Sequence[tuple[str, str]],
) -> tuple[Flags, Others]:
    """Which of some rows (n,) are a shard's, and the symbols that are not, those of pairs too."""
    first = shard.number == 1
    if symbols is None:
        return np.full(rows, first), frozenset() if first else frozenset({None})
    coded = pa.chunked_array(symbols).dictionary_encode().combine_chunks()
    names = coded.dictionary.to_pylist()
    leaders = {name: name for name in names} | {name: name for pair in pairs for name in pair}
    for one, other in pairs:
        led, leader = leaders[one], leaders[other]
        leaders |= {name: leader for name, found in leaders.items() if found == led}
    dealt = sorted(set(leaders.values()))
    mine = {dealt[place] for place in shard.own(dealt)}
    own = np.array([leaders[name] in mine for name in names] + [first])
    codes = coded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    return own[codes], frozenset(name for name, leader in leaders.items() if leader not in mine)


def joined(paths: Sequence[Path]) -> pd.DataFrame:
    """The rows of all shards' parts, each in order of symbol and date, in that order."""
    parts = [with_dates(open_stored(path).read(), pa.string()) for path in paths]
    runs: list[tuple[str, pa.Table]] = []
    for part in filter(len, parts):
        if "symbol" not in part.column_names:
            runs.append(("", part))
            continue
        for name, begin, end in _runs(part["symbol"]):
            runs.append((name, part.slice(begin, end - begin)))
    runs.sort(key=lambda run: run[0])
    tables = [run for _, run in runs] or parts[:1]
    return frame(pa.concat_tables(tables, promote_options="permissive"))


def _runs(symbols: pa.ChunkedArray) -> list[tuple[str, int, int]]:
    """Each symbol of a column that is in order, with where it begins and ends."""
    coded = symbols.dictionary_encode().combine_chunks()
    codes: Ints = coded.indices.to_numpy()
    begins = np.flatnonzero(np.append(True, np.diff(codes) != 0))
    names = [coded.dictionary[code].as_py() for code in codes[begins].tolist()]
    return list(zip(names, begins.tolist(), [*begins[1:].tolist(), len(codes)], strict=True))
