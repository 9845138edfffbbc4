"""The ledger's lines, and what each says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pricewright.errors import Refusal
from pricewright.files import sha256
from pricewright.forecasting.strict import parse_strict
from pricewright.regular import read_regular

NAME = "ledger.jsonl"

EMPTY = "0" * 64
"""What stands for the digest of the line before the first."""

OWN = ("sequence", "time", "event", "who", "previous")
"""What every line has; everything else is the event's own."""


@dataclass(frozen=True)
class Entry:
    """An event.

    sequence: its line's number, from 1.  time: in UTC, as in 2026-11-24T20:20:16Z.  who: the
    person.  fields: the event's own.  previous: the SHA-256 of the line before, EMPTY for the
    first.  digest: that of this line, without its end.
    """

    sequence: int
    time: str
    event: str
    who: str
    fields: Mapping[str, Any]
    previous: str
    digest: str


def read(folder: Path) -> list[Entry]:
    """Every entry, in order; none if there is no ledger.

    What a dead writer left of a line is passed over: it never was an entry. Raises Refusal for a
    line that cannot be one; whether the lines fit each other is for `verify` to say.
    """
    path = Path(folder) / NAME
    return [parsed(line, path, number) for number, line in enumerate(lines(path), 1)]


def head(folder: Path) -> str:
    """The SHA-256 of the newest line, EMPTY if there is none."""
    found = lines(Path(folder) / NAME)
    return sha256(found[-1]) if found else EMPTY


def newest(found: list[bytes], path: Path) -> Entry | None:
    """The entry on the last of some lines."""
    return parsed(found[-1], path, len(found)) if found else None


def lines(path: Path) -> list[bytes]:
    """The whole lines of a ledger's file, without their ends; none if there is no such file."""
    try:
        return whole_lines(read_regular(path))
    except FileNotFoundError:
        return []


def whole_lines(content: bytes) -> list[bytes]:
    """The lines of some bytes that have an end."""
    return content.split(b"\n")[:-1]


def parsed(line: bytes, path: Path, number: int) -> Entry:
    """The entry on a line; raises Refusal if it is not written as one."""
    where = f"{path}:{number}"
    document = parse_strict(line, where)
    if not isinstance(document, dict) or list(document)[:5] != list(OWN):
        raise Refusal(f"{where}: not an entry of the ledger; put back the ledger as it was.")
    own = [document.pop(name) for name in OWN]
    if type(own[0]) is not int or not all(isinstance(value, str) for value in own[1:]):
        raise Refusal(f"{where}: not an entry of the ledger; put back the ledger as it was.")
    sequence, time, event, who, previous = own
    return Entry(sequence, time, event, who, document, previous, sha256(line))


def written(entry: Mapping[str, Any]) -> bytes:
    """An entry as a line, without its end; raises ValueError for what JSON cannot say."""
    return json.dumps(entry, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
