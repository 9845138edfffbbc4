"""The log of a step: one line an event, to a file and to standard error, every attempt kept.

A line is `time level step message key=value …`, the time in UTC. A traceback follows its
line in the file only; on the terminal an error is one sentence.
"""

import logging
import re
import sys
import time
from pathlib import Path
from typing import Any

from pricewright.errors import Refusal

logger = logging.getLogger("pricewright")
logger.setLevel(logging.DEBUG)

_FOR_GOOD = "failed for good: "


def say(message: str, **fields: object) -> None:
    """Log an event, with its figures as key=value."""
    logger.info(message, extra={"fields": fields})


def to_stderr(step: str) -> None:
    """Send the step's events to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.INFO)
    _attach(handler, step)


def to_file(path: Path, step: str) -> Path | None:
    """Send an attempt's events to the log `<stem>.log`, and to `<stem>.<n>.log`, n counting up.

    The first is always of the newest attempt, for whoever starts an attempt may delete it;
    the second is kept for good. Returns the kept log of the attempt before, if there is one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = re.compile(re.escape(path.stem) + r"\.(\d+)" + re.escape(path.suffix))
    numbers = [int(m[1]) for file in path.parent.iterdir() if (m := kept.fullmatch(file.name))]
    previous, number = max(numbers, default=0), max(numbers, default=0) + 1
    for file in (path, _numbered(path, number)):
        _attach(logging.FileHandler(file, mode="w", encoding="utf-8"), step)
    return _numbered(path, previous) if previous else None


def failure(error: BaseException, *, for_good: bool) -> None:
    """Log why the step ends: a sentence for everyone, the traceback for the file.

    With no file to hold it, the traceback of a defect (anything that `describe` calls
    unexpected) goes to standard error.
    """
    in_file = any(isinstance(handler, logging.FileHandler) for handler in logger.handlers)
    unexpected = describe(error).startswith("unexpected")
    level = logging.ERROR if unexpected and not in_file else logging.DEBUG
    logger.log(level, "traceback", exc_info=error)
    logger.error("%s%s", _FOR_GOOD if for_good else "failed: ", describe(error))


def describe(error: BaseException) -> str:
    """An error as one sentence on one line."""
    text = " ".join(str(error).split())
    if isinstance(error, Refusal):
        return text
    return f"unexpected {type(error).__name__}" + (f": {text}" if text else "")


def failed_for_good(path: Path) -> str | None:
    """The sentence with which the attempt that wrote this log failed for good, if it did."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    _, found, sentence = lines[-1].partition(f" {_FOR_GOOD}") if lines else ("", "", "")
    return sentence if found else None


class _Line(logging.Formatter):
    """`2026-11-23T05:00:00.123Z INFO clean rows in/out: 2/2 output=results/prices_clean.json`"""

    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def __init__(self, step: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {step} %(message)s%(figures)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = getattr(record, "fields", {})
        record.figures = "".join(f" {key}={_quoted(value)}" for key, value in fields.items())
        record.message = " ".join(record.message.splitlines())
        return super().formatMessage(record)


def _quoted(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    if text and re.fullmatch(r'[^\s"=]+', text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _attach(handler: logging.Handler, step: str) -> None:
    handler.setFormatter(_Line(step))
    logger.addHandler(handler)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.{number}{path.suffix}")
