"""The log of a step read back: its lines as events."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

TAIL = 1 << 15
"""Bytes of a log's end that are read: enough for its last words, whatever its length."""

_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([A-Z]+) (\S+) (.*)")
_FIELD = r'\w+=(?:"(?:[^"\\]|\\.)*"|[^\s"=]+)'
_FIELDS = re.compile(rf"(.*?)((?: {_FIELD})*)")
_LONGEST = 2000  # characters of a line in which fields are looked for


@dataclass(frozen=True)
class Event:
    """A line of a log: `time level step text`, the time in UTC; a text is `message key=value …`."""

    moment: datetime
    level: str
    step: str
    text: str
    message: str
    fields: dict[str, str]

    def number(self, name: str) -> float | None:
        """A field's number, if it is there and is one."""
        try:
            return float(self.fields[name])
        except (KeyError, ValueError):
            return None


def parsed(line: str) -> Event | None:
    """The event of a line as `journal` writes it; None for any other, such as a traceback's."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    time, level, step, text = match.groups()
    split = _FIELDS.fullmatch(text) if len(text) < _LONGEST else None
    message, rest = split.groups() if split else (text, "")
    moment = datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    pairs = (field.partition("=") for field in re.findall(_FIELD, rest))
    fields = {name: _unquoted(value) for name, _, value in pairs}
    return Event(moment, level, step, text, message, fields)


def tail(path: Path, since: datetime | None = None) -> Sequence[Event]:
    """The last events of a log, those from a moment on; none if there is no such file."""
    found = filter(None, map(parsed, last_lines(path)))
    return [event for event in found if since is None or event.moment >= since]


def last_lines(path: Path) -> list[str]:
    """The last lines of a log, whole ones; none if there is no such file."""
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - TAIL, 0))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return []
    return lines[size > TAIL : -1]  # what has no line end is still being written


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), text[1:-1])
