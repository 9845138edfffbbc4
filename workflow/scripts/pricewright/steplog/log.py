"""The log of a step: lines are written and read back, every attempt is kept, progress is logged.

A line is `time level step message key=value …`, with the time in UTC. It goes to a file and to
standard error. Tracebacks go only to the file; on the terminal an error is one sentence.
`parse_line` reads what `say` writes. To keep that unambiguous, a space is put before `=` in
messages, and values that could be misread are quoted as in JSON.
"""

import errno
import json
import logging
import math
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pricewright.files.errors import MAY_PASS, Refusal
from pricewright.files.secrets import redact

logger = logging.getLogger("pricewright")
logger.setLevel(logging.DEBUG)

STDERR = "PRICEWRIGHT_STDERR"
"""The environment variable with the lowest level of events that a job also sends to standard
error."""

_FOR_GOOD = "failed for good: "

TAIL = 1 << 15
"""How many bytes at a log's end are read: enough for its last events, however long it is."""

_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([A-Z]+) (\S+) (.*)")
_FIELD_NAME = re.compile(r"( \w+)=")
_FIELD = re.compile(r' (\w+)=("(?:[^"\\]|\\.)*"|[^\s"=]+)')

SECONDS = 1.0
"""The least time between two lines of progress; work done within the first needs none."""

SHARE = 0.01
"""The least share of all work between two lines of progress, so a log has at most a hundred."""


@dataclass(frozen=True)
class Event:
    """A line of a log: `time level step text`, time in UTC; the text is `message key=value …`."""

    moment: datetime
    level: str
    step: str
    text: str
    message: str
    fields: dict[str, str]

    def number(self, name: str) -> float | None:
        """A field as a number; None if it is missing or not a number."""
        try:
            return float(self.fields[name])
        except (KeyError, ValueError):
            return None


def say(message: str, **fields: object) -> None:
    """Log an event, with fields as key=value."""
    logger.info(message, extra={"fields": fields})


def to_stderr(step: str, level: str = "INFO") -> None:
    """Send the step's events at or above a level to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)
    _attach(handler, step)


def to_file(path: Path, step: str, keep_days: float | None = None) -> Path | None:
    """Send an attempt's events to `<stem>.log`, and to `<stem>.<n>.log`, where n counts up.

    The first is always of the newest attempt, because Snakemake may delete it when it starts one.
    The second is kept: forever, or for `keep_days`, except that the newest one before it is never
    deleted. Returns the kept log of the previous attempt, if there is one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = kept_numbers(path)
    oldest = time.time() - (keep_days or math.inf) * 86400
    for number in numbers[:-1]:
        with suppress(FileNotFoundError):
            if kept_log(path, number).stat().st_mtime < oldest:
                kept_log(path, number).unlink()
    for file in (path, kept_log(path, max(numbers, default=0) + 1)):
        _attach(logging.FileHandler(file, mode="w", encoding="utf-8"), step)
    return kept_log(path, numbers[-1]) if numbers else None


def kept_numbers(path: Path) -> list[int]:
    """The numbers of the kept logs of a step, in order."""
    if not path.parent.is_dir():
        return []
    name = re.compile(re.escape(path.stem) + r"\.(\d+)" + re.escape(path.suffix))
    return sorted(int(m[1]) for file in path.parent.iterdir() if (m := name.fullmatch(file.name)))


def kept_log(path: Path, number: int) -> Path:
    """The path of an attempt's kept log, beside the log of the newest attempt."""
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def attempts_since(moment: float, path: Path) -> int:
    """The number of attempts at a step whose kept logs began since a time in seconds since 1970."""
    count = 0
    for number in reversed(kept_numbers(path)):
        begun = first_event(kept_log(path, number))
        if begun:
            if begun.moment.timestamp() < moment - 0.001:  # a log's times are cut to milliseconds
                break
            count += 1
    return count


def failure(error: BaseException) -> None:
    """Log why a step ends: the sentence everywhere, the traceback only to the file.

    Errors that may pass are logged as `failed`, all others as `failed for good`. Without a file,
    the traceback of an unexpected error goes to standard error.
    """
    in_file = any(isinstance(handler, logging.FileHandler) for handler in logger.handlers)
    hidden = in_file or isinstance(error, (Refusal, *MAY_PASS))
    logger.log(logging.DEBUG if hidden else logging.ERROR, "traceback", exc_info=error)
    logger.error("%s%s", "failed: " if isinstance(error, MAY_PASS) else _FOR_GOOD, _sentence(error))


def failed_for_good(path: Path) -> str | None:
    """The sentence with which the attempt that wrote this log failed for good, if it did."""
    lines = last_lines(path)
    _, found, sentence = lines[-1].partition(f" {_FOR_GOOD}") if lines else ("", "", "")
    return sentence if found else None


KILLED = (
    "was killed before it could say why, often for lack of memory or time; see the messages of the "
    "system or the cluster, then run the same command again."
)
LISTED = "  "
"""The prefix of error lines that a step logs before its last sentence, to explain it."""


def reasons(path: Path) -> list[str]:
    """Why the ended attempt that wrote this log failed: the step with its last sentence, and then
    the lines that explain it; empty if it did not fail."""
    events = last_events(path)
    if not events or events[-1].message == "end":
        return []
    if events[-1].level != "ERROR":
        return [f"{events[-1].step} {KILLED}"]
    listed = [event.text for event in events[:-1] if event.level == "ERROR"]
    said = f"{events[-1].step} {events[-1].text}"
    return [said, *(text[len(LISTED) :] for text in listed if text.startswith(LISTED))]


_AGAIN = "then run the same command again."
_REMEDIES: Final = {
    errno.ENOSPC: f"; free some space, {_AGAIN}",
    errno.EDQUOT: f"; free some space, {_AGAIN}",
    errno.EACCES: f"; give this user permission, {_AGAIN}",
    errno.EPERM: f"; give this user permission, {_AGAIN}",
    errno.EROFS: f"; make it writable, {_AGAIN}",
}
"""What to do about trouble that does not pass on its own."""


def denied_or_full(error: BaseException | None) -> str | None:
    """A sentence on a denied permission or a full disk, with what to do; None for another error."""
    if not isinstance(error, OSError) or not (remedy := _REMEDIES.get(error.errno or 0)):
        return None
    path = error.filename2 or error.filename or os.getcwd()
    return f"{path}: {str(error.strerror).lower()}{remedy}"


def in_words(error: BaseException) -> str:
    """An error for people, on a denied permission or a full disk with what to do."""
    return denied_or_full(error) or str(error)


def _sentence(error: BaseException) -> str:
    """An error on one line: a Refusal's text unchanged, other errors with their type."""
    text = " ".join(str(error).split())
    if isinstance(error, Refusal):
        return text
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    kind = ("" if isinstance(error, MAY_PASS) else "unexpected ") + type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0, "") if isinstance(error, OSError) else ""
    return f"{kind}: {text}{remedy}" if text else kind


class _Line(logging.Formatter):
    """`2026-11-23T05:00:00.123Z INFO clean rows in/out: 2/2 output=results/prices_clean.json`"""

    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def __init__(self, step: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {step} %(message)s%(figures)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the traceback if there is one, and with all secrets removed."""
        return redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = getattr(record, "fields", {})
        record.figures = "".join(f" {key}={_quoted(value)}" for key, value in fields.items())
        encodable = record.message.encode(errors="backslashreplace").decode()  # a file's odd name
        record.message = " ".join(encodable.splitlines())
        if record.levelno < logging.ERROR:  # errors have no fields, so their text stays unchanged
            record.message = _FIELD_NAME.sub(r"\1 =", record.message)
        return super().formatMessage(record)


def _quoted(value: Any) -> str:
    text = redact(f"{value:.6g}" if isinstance(value, float) else str(value))  # before quoting
    if text.isprintable() and re.fullmatch(r'[^\s"=]+', text):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _attach(handler: logging.Handler, step: str) -> None:
    handler.setFormatter(_Line(step))
    logger.addHandler(handler)


def parse_line(line: str) -> Event | None:
    """Parse a line as it is written above; None for other lines, such as those of a traceback."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    time, level, step, text = match.groups()
    try:
        moment = datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:  # an impossible date, so the line was not written here
        return None
    begin = _FIELD_NAME.search(text) if level != "ERROR" else None
    message, rest = (text[: begin.start()], text[begin.start() :]) if begin else (text, "")
    fields = {name: _unquoted(value) for name, value in _FIELD.findall(rest)}
    return Event(moment, level, step, text, message, fields)


def last_events(path: Path, since: datetime | None = None) -> Sequence[Event]:
    """The last events of a log, from `since` on if it is given; empty if there is no such file."""
    found = filter(None, map(parse_line, last_lines(path)))
    return [event for event in found if since is None or event.moment >= since]


def first_event(path: Path) -> Event | None:
    """The first event of a log; None if there is no event yet or no such file."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return parse_line(file.readline().rstrip("\n"))
    except OSError:
        return None


def last_lines(path: Path) -> list[str]:
    """The last complete lines of a log; empty if there is no such file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - TAIL, 0))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return []
    return lines[size > TAIL : -1]  # text without a line end is still being written


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text))
    except ValueError:  # the line was not written here
        return text


class Progress:
    """Count work, from any thread, and log it in lines that begin with `progress`.

    unit: what is counted, in the plural, such as `rows`.  total: the number in all, if known.
    doing: what is being done, if a step does several things in turn.
    """

    def __init__(
        self,
        unit: str,
        total: int | None = None,
        doing: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._unit, self._total, self._clock = unit, total, clock
        self._named = {"doing": doing} if doing else {}
        self._lock = threading.Lock()
        self._began = self._said_at = clock()
        self._done, self._share, self._said = 0, None if total is None else 0.0, 0.0

    def reached(self, share: float) -> None:
        """Set the share that is done, if the total is unknown; it never decreases."""
        with self._lock:
            self._share = max(self._share or 0.0, min(share, 1.0))

    def advance(self, count: int) -> None:
        """Add to the count of what is done."""
        with self._lock:
            self._done += count
            if self._total:
                self._share = self._done / self._total
            share, now = self._share, self._clock()
            reached = float(self._done) if share is None else share
            # without a known end, log whenever the count has grown by a twentieth
            least = 0.05 * self._said if share is None else SHARE
            if now - self._said_at >= SECONDS and reached - self._said >= least:
                self._said, self._said_at = reached, now
                self._say(now - self._began)

    def _say(self, seconds: float) -> None:
        fields: dict[str, object] = self._named | {self._unit: self._done}
        if self._total is not None:
            fields["of"] = self._total
        if self._share is not None:
            fields["share"] = f"{self._share:.3f}"
        say("progress", **fields, seconds=f"{seconds:.1f}")
