"""Rows as exact JSON Lines, in an order that does not depend on where they came from."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from heapq import merge
from itertools import islice
from tempfile import TemporaryFile
from typing import Any

import orjson

IN_MEMORY = 256 << 20
"""Bytes of lines that are sorted at once; beyond it, sorted parts wait on the disk."""

_IN_PIECE = 10_000


def json_lines(
    titles: Sequence[str], batches: Iterable[Sequence[Sequence[Any]]]
) -> Iterator[list[bytes]]:
    """A line for each row, an object with the columns in order.

    Floats are the shortest numbers that are the same, and `"nan"`, `"inf"`, `"-inf"`, which
    JSON has not; None is null; what JSON has no type for is its str().
    """
    for rows in batches:
        columns = [_with_named_floats(column) for column in zip(*rows, strict=True)]
        yield [
            # a copy by the way: what orjson returns keeps the kilobytes that it was written in
            orjson.dumps(dict(zip(titles, row, strict=True)), str) + b"\n"
            for row in zip(*columns, strict=True)
        ]


def in_byte_order(batches: Iterable[list[bytes]]) -> Iterator[bytes]:
    """Lines in the order of their bytes, joined in pieces; equal ones stay as often as they are."""
    held: list[bytes] = []
    runs: list[Iterable[bytes]] = []
    size = 0
    with ExitStack() as files:
        for lines in batches:
            held += lines
            size += sum(map(len, lines))
            if size >= IN_MEMORY:
                run = files.enter_context(TemporaryFile())
                run.writelines(sorted(held))
                run.seek(0)
                runs.append(run)
                held, size = [], 0
        held.sort()
        ordered = merge(*runs, held) if runs else iter(held)
        while piece := b"".join(islice(ordered, _IN_PIECE)):
            yield piece


def _with_named_floats(column: Sequence[Any]) -> Sequence[Any]:
    """A column in which `nan` and the infinities are text: orjson would write null for them."""
    if float not in set(map(type, column)):
        return column
    try:
        if all(map(math.isfinite, filter(None, column))):
            return column
    except TypeError:
        pass  # there is text in it as well
    return [
        str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for value in column
    ]
