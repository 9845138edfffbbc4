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

from pricewright.credentials import redacted
from pricewright.errors import MAY_PASS, Refusal

logger = logging.getLogger("pricewright")
logger.setLevel(logging.DEBUG)

STDERR = "PRICEWRIGHT_STDERR"
"""The environment variable with the least level of a job's events that standard error gets, too."""

_FOR_GOOD = "failed for good: "


def say(message: str, **fields: object) -> None:
    """Log an event, with its figures as key=value."""
    logger.info(message, extra={"fields": fields})


def to_stderr(step: str, level: str = "INFO") -> None:
    """Send the step's events of a level and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)
    _attach(handler, step)


def to_file(path: Path, step: str) -> Path | None:
    """Send an attempt's events to the log `<stem>.log`, and to `<stem>.<n>.log`, n counting up.

    The first is always of the newest attempt, for whoever starts an attempt may delete it;
    the second is kept for good. Returns the kept log of the attempt before, if there is one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = kept(path)
    for file in (path, numbered(path, max(numbers, default=0) + 1)):
        _attach(logging.FileHandler(file, mode="w", encoding="utf-8"), step)
    return numbered(path, numbers[-1]) if numbers else None


def kept(path: Path) -> list[int]:
    """The numbers of the kept logs beside a log, in order."""
    if not path.parent.is_dir():
        return []
    name = re.compile(re.escape(path.stem) + r"\.(\d+)" + re.escape(path.suffix))
    return sorted(int(m[1]) for file in path.parent.iterdir() if (m := name.fullmatch(file.name)))


def numbered(path: Path, number: int) -> Path:
    """The kept log of an attempt, beside the log of the newest."""
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def failure(error: BaseException) -> None:
    """Log why the step ends: a sentence for everyone, the traceback for the file.

    What may pass `failed`, everything else `failed for good`. With no file to hold it, the
    traceback of what nobody expected goes to standard error.
    """
    in_file = any(isinstance(handler, logging.FileHandler) for handler in logger.handlers)
    hidden = in_file or isinstance(error, (Refusal, *MAY_PASS))
    logger.log(logging.DEBUG if hidden else logging.ERROR, "traceback", exc_info=error)
    logger.error("%s%s", "failed: " if isinstance(error, MAY_PASS) else _FOR_GOOD, _sentence(error))


def failed_for_good(path: Path) -> str | None:
    """The sentence with which the attempt that wrote this log failed for good, if it did."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    _, found, sentence = lines[-1].partition(f" {_FOR_GOOD}") if lines else ("", "", "")
    return sentence if found else None


def _sentence(error: BaseException) -> str:
    """An error on one line: a Refusal as it is, anything else with its kind."""
    text = " ".join(str(error).split())
    if isinstance(error, Refusal):
        return text
    kind = ("" if isinstance(error, MAY_PASS) else "unexpected ") + type(error).__name__
    return f"{kind}: {text}" if text else kind


class _Line(logging.Formatter):
    """`2026-11-23T05:00:00.123Z INFO clean rows in/out: 2/2 output=results/prices_clean.json`"""

    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def __init__(self, step: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {step} %(message)s%(figures)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, and a traceback if there is one, without secrets wherever they came from."""
        return redacted(super().format(record))

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
