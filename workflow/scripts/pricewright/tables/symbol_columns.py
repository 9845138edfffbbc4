"""Records of symbols, kept as columns so that many symbols do not need a dict each.

In JSON they are an object by symbol. For more than MOST_BY_SYMBOL symbols, they are an object with
`names` and `columns`: in place of a record's value, a column lists every symbol's value in order.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

MOST_BY_SYMBOL = 500
"""Up to this many symbols, a file has readable records; with more, nobody reads them one by one."""


class SymbolColumns(Mapping[str, Any]):
    """Records by symbol, made from columns on access.

    columns: by key, a list or array (S, ...), a mapping of such columns, or None (None for all).
    """

    def __init__(self, names: Sequence[str], columns: Mapping[str, Any]) -> None:
        self.names, self.columns = names, columns

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Each symbol's index in the columns."""
        return {name: place for place, name in enumerate(self.names)}

    def __getitem__(self, symbol: str) -> "SymbolRecord":
        return SymbolRecord(self.columns, self.places[symbol])

    def by_symbol(self) -> dict[str, Any]:
        """All records, in their JSON form."""
        return {symbol: self[symbol].spelled_out() for symbol in self.names}

    def __contains__(self, symbol: object) -> bool:
        return symbol in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class SymbolRecord(Mapping[str, Any]):
    """One symbol's record, whose values are looked up in the columns on access."""

    def __init__(self, columns: Mapping[str, Any], place: int) -> None:
        self._columns, self._place = columns, place

    def __getitem__(self, key: str) -> Any:
        part = self._columns[key]
        if isinstance(part, dict):
            return SymbolRecord(part, self._place)
        return None if part is None else json_value(part[self._place])

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def spelled_out(self) -> dict[str, Any]:
        """The record in its JSON form."""
        return {
            key: value.spelled_out() if isinstance(value, SymbolRecord) else value
            for key, value in self.items()
        }


def column_of(records: Mapping[str, Any], *path: str) -> list[Any]:
    """The value at a path of every symbol's record, in the symbols' order."""
    if not isinstance(records, SymbolColumns):
        return [_follow(record, path) for record in records.values()]
    column = _follow(records.columns, path)
    if column is None:
        return [None] * len(records)
    return [json_value(value) for value in json_value(column)]


def symbol_records(part: Any) -> Mapping[str, Any]:
    """The symbols' records in a part of a JSON document; empty if it has no records or columns.

    In columns, "names" is a list. In records, "names" can be a symbol, but its record is no list.
    """
    if not isinstance(part, Mapping):
        return {}
    names, columns = part.get("names"), part.get("columns")
    if not isinstance(names, list):
        return part
    are_names = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    if not are_names or not isinstance(columns, Mapping) or part.keys() > {"names", "columns"}:
        return {}
    return SymbolColumns(names, columns)


def columns_in_json(found: SymbolColumns) -> dict[str, Any]:
    """Columns in their JSON form, each on a line of its own."""
    import numpy as np
    import orjson

    def written(part: Any) -> Any:
        if isinstance(part, Mapping):
            return {key: written(inner) for key, inner in part.items()}
        if isinstance(part, np.ndarray):
            part = np.ascontiguousarray(part) if part.dtype.kind in "fiub" else part.tolist()
        layout = orjson.OPT_SERIALIZE_NUMPY
        return orjson.Fragment(orjson.dumps(part, default=json_value, option=layout))

    return {"names": written(list(found.names)), "columns": written(found.columns)}


def _follow(node: Any, path: Sequence[str]) -> Any:
    for key in path:
        node = None if node is None else node[key]
    return node


def json_value(value: Any) -> Any:
    """A value in its JSON form, with lists in place of arrays."""
    return value.tolist() if hasattr(value, "tolist") else value
