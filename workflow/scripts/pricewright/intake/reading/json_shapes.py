"""JSON as our parser reads it, and the shapes in which rows are not objects."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from json import JSONDecodeError
from typing import Any, Final

from pricewright.intake.reading.titles import is_code

BLANK: Final = " \t\r\n"
MARK: Final = "\0"
"""Put before the digits of a number. No text can begin with it: JSON allows it only as an escape,
and a record with that escape is bad."""


class Ambiguous(Exception):
    """Raised for several arrays that may each be the records, or for two columns of one name."""


class Twice:
    """An object with a repeated key."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys


_DIGITS = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|NaN|-?Infinity")


def _object(pairs: list[tuple[str, Any]]) -> Any:
    if len(pairs) == 1 and pairs[0][0].startswith("$"):
        return _of_kind(*pairs[0])
    record = dict(pairs)
    return record if len(record) == len(pairs) else Twice([key for key, _ in pairs])


def _of_kind(kind: str, value: Any) -> Any:
    """Unwrap a value whose object gives its type, as in MongoDB exports: `{"$numberLong": "7"}`."""
    if kind.startswith("$number") and isinstance(value, str) and _DIGITS.fullmatch(value):
        return MARK + value
    return value if kind in ("$date", "$oid") else {kind: value}


decode = json.JSONDecoder(
    parse_float=MARK.__add__,
    parse_int=MARK.__add__,
    parse_constant=MARK.__add__,
    object_pairs_hook=_object,
).raw_decode
"""Decode the value at a place in a text; returns it and its end. Numbers are marked digits."""

_INDEX_KEY = re.compile(r"\d+|\d{4}-\d{2}-\d{2}.*")
_DATE_KEY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8,}")


def as_lines(text: str) -> str | None:
    """Rewrite a file of another shape as JSON Lines; None if it has none of these shapes.

    - arrays in an array, one per row, with or without an array of their columns' names
    - an object of objects, whose keys are dates or symbols or, as in pandas, columns
    - arrays of objects or of arrays, each under its symbol
    - objects that hold one array each
    - arrays of equal length, anywhere, each under its column's name

    Raises Ambiguous if several arrays could be the rows.
    """
    return _rewritten(text, _records)


def held_rows(text: str) -> str | None:
    """Rewrite rows as JSON Lines that lie in one array in each of several objects, or in the only
    array of objects at any depth; None if there are none."""
    return _rewritten(text, _held_rows)


def _rewritten(text: str, find: Callable[[Any], list[dict[str, Any]]]) -> str | None:
    """The records that are found in a document, as JSON Lines; None if there are none."""
    text = text.lstrip(BLANK)
    try:
        document, end = decode(text)
    except (JSONDecodeError, RecursionError):
        return None
    if text[end:].strip(BLANK):
        return None  # more text follows, as in JSON Lines
    return "\n".join(map(_spelled, find(document))) or None


def _records(document: Any) -> list[dict[str, Any]]:
    if isinstance(document, list):
        return _listed(document) or held(document)
    if not isinstance(document, dict):
        return []
    parts = [document, *document.values()]
    objects = list(filter(_is_object, parts))
    shapes = (_arrays_by_symbol, _by_symbol, _keyed, _by_date, _named)
    of_objects = chain(*(map(shape, objects) for shape in shapes))
    found = next(filter(None, chain(map(held, parts), of_objects)), [])
    lists = [] if found else list(filter(None, map(_in_lists, objects)))
    return found or (lists[0] if len(lists) == 1 else _side_by_side(document))


def _held_rows(document: Any) -> list[dict[str, Any]]:
    parts = document.values() if isinstance(document, dict) else [document]
    return next(filter(None, map(held, parts)), []) or _deep(document)


def held(value: Any) -> list[dict[str, Any]]:
    """The rows of objects that each hold one array of rows, with the object's own values added.

    The symbol is a value of the object, or its key.
    """
    holders = value if isinstance(value, list) else []
    if isinstance(value, dict) and all(map(is_code, value)):
        holders = [part | {"symbol": key} for key, part in value.items() if isinstance(part, dict)]
        holders = holders if len(holders) == len(value) else []
    rows: list[dict[str, Any]] = []
    for holder in holders:
        arrays = [part for part in holder.values() if _are_rows(part)] if _is_object(holder) else []
        if len(arrays) != 1:
            return []
        said = {key: cell for key, cell in holder.items() if _is_flat([cell])}
        rows += [said | row for row in arrays[0]]
    return rows


def _deep(document: Any) -> list[dict[str, Any]]:
    """The rows of the only array of objects, each of which may wrap one, as `_source` or `node`.

    None for an array at the top that wraps nothing, because that is read as it is.
    """
    tables = list(_tables(document))
    rows: list[dict[str, Any]] = []
    if len(tables) != 1:
        return rows
    table = [unwrapped(row) for row in tables[0]]
    wrapped = [[cell for cell in row.values() if _is_object(cell)] for row in table]
    if tables[0] in document.values() and not any(wrapped):
        return rows
    for row, inner in zip(table, wrapped, strict=True):
        cells = row | inner[0] if len(inner) == 1 else row
        rows.append({key: cell for key, cell in cells.items() if _is_flat([cell])})
    return rows


_VALUE_KEYS: Final = frozenset(("v", "val", "value", "#text"))
_MOST_LISTED: Final = 16  # numbers of a list that may be columns; a longer one is a table


def unwrapped(record: dict[str, Any]) -> dict[str, Any]:
    """A record with the value alone in place of `{"v": value}`, as the Bank of Canada writes it.

    The numbers of a list beside other values are also columns: `v.1`, `v.2` and so on.
    """
    found = {key: _only_value(cell) for key, cell in record.items()}
    lists = [(key, cell) for key, cell in found.items() if isinstance(cell, list)]
    if len(lists) == len(found):
        return found
    for key, cells in lists:
        numbers = [cell for cell in cells if cell is not None]
        if numbers and len(cells) <= _MOST_LISTED and all(map(_is_number, numbers)):
            listed = {f"{key}.{place}": cell for place, cell in enumerate(cells, 1)}
            found |= {name: cell for name, cell in listed.items() if name not in record}
    return found


def _only_value(cell: Any) -> Any:
    if not isinstance(cell, dict) or len(cell) != 1:
        return cell
    key, value = next(iter(cell.items()))
    is_text = isinstance(value, str) and not _is_number(value)
    is_plain = value.isprintable() if is_text else _is_flat([value])
    return value if key in _VALUE_KEYS and is_plain else cell


def _tables(value: Any) -> Iterator[list[dict[str, Any]]]:
    for part in value.values() if _is_object(value) else ():
        if _are_rows(part):
            yield part
        else:
            yield from _tables(part)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_object, value))


def _arrays_by_symbol(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of arrays of arrays, each under its symbol, as from Kraken."""
    tables = {key: _listed(part) for key, part in value.items() if isinstance(part, list)}
    widths = {len(row) for table in tables.values() for row in table}
    if not tables or not all(map(is_code, tables)) or not all(tables.values()) or len(widths) > 1:
        return []
    return [row | {"symbol": symbol} for symbol, rows in tables.items() for row in rows]


def _by_symbol(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of arrays of objects, all with the same keys, each under its symbol."""
    if len(value) < 2 or not all(map(is_code, value)):
        return []
    arrays = [rows for rows in value.values() if isinstance(rows, list)]
    rows = list(chain.from_iterable(arrays))
    if len(arrays) < len(value) or not all(isinstance(row, dict) for row in rows):
        return []
    if not rows or any(row.keys() != rows[0].keys() or not _is_flat(row.values()) for row in rows):
        return []
    return [{"symbol": symbol} | row for symbol, rows in value.items() for row in rows]


def _named(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an array of arrays whose columns are named by another array.

    A third array may hold the dates. Such data come from pandas (split), Nasdaq and Moscow.
    """
    lists = {key: part for key, part in value.items() if isinstance(part, list) and part}
    tables = [rows for rows in lists.values() if isinstance(rows[0], list) and _listed(rows)]
    names = [part for key, part in lists.items() if key != "index" and _are_names(part)]
    if len(tables) != 1 or len(names) != 1 or len(names[0]) != len(tables[0][0]):
        return []
    rows = [dict(zip(names[0], cells, strict=True)) for cells in tables[0]]
    index = lists.get("index", [])
    if len(index) != len(rows) or index == [f"{MARK}{row}" for row in range(len(rows))]:
        return rows
    return [{"date": key} | row for key, row in zip(index, rows, strict=True)]


def _are_names(part: list[Any]) -> bool:
    return all(isinstance(name, str) and not _is_number(name) for name in part) and len(
        set(part)
    ) == len(part)


def _listed(rows: list[Any]) -> list[dict[str, Any]]:
    """The rows of an array of arrays; their columns have no names."""
    if not rows or not all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows):
        return []
    return [{f"column {n}": cell for n, cell in enumerate(row, 1)} for row in rows]


def _in_lists(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the one array of arrays in an object; several arrays of pairs are joined."""
    lists = {
        key: rows
        for key, rows in value.items()
        if isinstance(rows, list) and rows and isinstance(rows[0], list)
    }
    tables = {key: table for key, rows in lists.items() if (table := _listed(rows))}
    if len(tables) < 2:
        return next(iter(tables.values()), [])
    firsts = [[row["column 1"] for row in table] for table in tables.values()]
    if any(len(table[0]) != 2 for table in tables.values()) or firsts.count(firsts[0]) < len(
        firsts
    ):
        raise Ambiguous(f"{' and '.join(map(repr, tables))} are all arrays of rows")
    return [
        {"column 1": rows[0]["column 1"]}
        | {key: row["column 2"] for key, row in zip(tables, rows, strict=True)}
        for rows in zip(*tables.values(), strict=True)
    ]


def _keyed(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an object of objects: by date or symbol or, as in pandas, by column."""
    if not value or not all(_is_object(row) and _is_flat(row.values()) for row in value.values()):
        return []
    by_date = any(map(_DATE_KEY.match, value))
    index = next(iter(value.values()))
    if index and not by_date and all(map(_INDEX_KEY.fullmatch, index)):
        is_numbered = list(index) == [str(number) for number in range(len(index))]
        return [
            ({} if is_numbered else {"date": key})
            | {title: cells.get(key) for title, cells in value.items()}
            for key in dict.fromkeys(chain.from_iterable(value.values()))
        ]
    return [{"date" if by_date else "symbol": key} | row for key, row in value.items()]


def _by_date(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an object of numbers, each under its date."""
    if len(value) < 2 or not all(map(_DATE_KEY.fullmatch, value)):
        return []
    if not all(cell is None or _is_number(cell) for cell in value.values()):
        return []
    return [{"date": key, "value": cell} for key, cell in value.items()]


def _side_by_side(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of arrays of equal length, anywhere, each under its column's name."""
    by_length: dict[int, dict[str, list[Any]]] = {}
    seen: set[str] = set()
    for key, cells in _arrays(document):
        if key in seen:
            named = f"{key!r} is the name of several arrays"
            raise Ambiguous(named if key else "there are several tables of arrays")
        seen.add(key)
        by_length.setdefault(len(cells), {})[key] = cells
    columns = max(by_length.values(), key=len, default={})
    if len(columns) < 2:
        return []
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _arrays(value: Any) -> Iterator[tuple[str, list[Any]]]:
    parts = value.items() if isinstance(value, dict) else [("", each) for each in value]
    for key, part in parts:
        if isinstance(part, list) and part and _is_flat(part):
            yield key, part
        elif isinstance(part, dict | list):
            yield from _arrays(part)


def _is_flat(cells: Iterable[Any]) -> bool:
    return not any(isinstance(cell, dict | list | Twice) for cell in cells)


def _spelled(record: dict[str, Any]) -> str:
    """A record as JSON, with the original digits of each number."""
    cells = (
        f"{json.dumps(key)}:{cell[1:] if _is_number(cell) else json.dumps(cell)}"
        for key, cell in record.items()
    )
    return "{" + ",".join(cells) + "}"


def _is_number(cell: Any) -> bool:
    return isinstance(cell, str) and cell.startswith(MARK)
