"""What a run shows while it runs: a line per step with its progress, and a summary at the end.

On a terminal, moving lines replace Snakemake's own messages, which are in its log as usual
(`.snakemake/log/`). Elsewhere, in a pipe, a file or CI, Snakemake's messages stay, and a line is
added as each step ends.

Snakemake looks for logger plugins among installed packages before it reads a Snakefile, so a
workflow cannot bring one. This is a handler of the standard library that reads the same events and
replaces Snakemake's own. The plugin `rich` (0.5.1) does not suit: it has one bar per rule, which
counts jobs, and our rules have one job each. It knows nothing of the progress inside a job, breaks
when a job writes to the same terminal, and fails when a report is made after the run.
"""

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snakemake.logging import logger
from snakemake_interface_executor_plugins.settings import ExecMode
from snakemake_interface_logger_plugins.common import LogEvent

from running.jobs import Job, JobFollower

from pricewright.steplog.last_run import failure_reason, step_line
from pricewright.steplog.log import STDERR

if TYPE_CHECKING:
    from running.live import Lines


_ROUTINE = (
    "Adding ",
    "Building DAG",
    "Complete log",
    "Conda environments: ignored",
    "Creating report",
    "Elapsed time",
    "Exiting because a job execution failed",
    "Loading script code",
    "Report created",
    "Select jobs",
    "Shutting down",
    "Trying to restart",
    "Using shell",
    "WorkflowError:\nAt least one job did not complete",
)
"""Routine messages of Snakemake that the lines replace. Any other message is shown."""


def watch(workflow: Any) -> None:
    """Show this run line by line, unless it is a job, a dry run or a module."""
    settings, inner = workflow.output_settings, _default_handler()
    if (
        inner is None
        or settings.dryrun
        or workflow.exec_mode != ExecMode.DEFAULT
        or not workflow.modifier.is_main_snakefile()
    ):
        return
    inner.nocolor |= bool(os.environ.get("NO_COLOR"))
    quiet = {str(word).rpartition(".")[2].lower() for word in settings.quiet or ()}
    if quiet & {"all", "progress", "rules"}:
        os.environ[STDERR], shown = "ERROR", JobFollower(inner)
    elif drawable(inner.stream, os.environ) and not (settings.verbose or settings.debug_dag):
        os.environ[STDERR], shown = "CRITICAL", Drawn(inner)
    else:
        shown = Plain(inner)
    logger.removeHandler(inner)
    logger.addHandler(shown)


def drawable(stream: Any, environment: Mapping[str, str]) -> bool:
    """Whether lines can move on this stream: a terminal in front of a person."""
    dumb = environment.get("TERM", "dumb") in ("dumb", "unknown")
    return bool(stream.isatty()) and not dumb and not environment.get("CI")


def _default_handler() -> Any:
    """Snakemake's own handler; None if a logger plugin replaced it."""
    return next((one for one in logger.handlers if one.name == "DefaultStreamHandler"), None)


class Plain(JobFollower):
    """All messages of Snakemake, and a line as each step ends; nothing moves."""

    def ended(self, job: Job, record: logging.LogRecord) -> None:
        self.said(record)
        self.inner.stream.write(job.finished(record.created) + "\n")
        self.inner.flush()


class Drawn(JobFollower):
    """A line for each step: a bar and its pace while it runs, then its result."""

    def __init__(self, inner: logging.StreamHandler[Any], lines: "Lines | None" = None) -> None:
        super().__init__(inner)
        self._lines = lines
        self._unexplained: list[logging.LogRecord] = []
        self._reasons: dict[str, str] = {}

    def begun(self, record: logging.LogRecord) -> None:
        if self._lines is None:
            from running.live import Lines  # slow to import, and a run often has nothing to do

            self._lines = Lines(
                self.inner.stream, colours=not getattr(self.inner, "nocolor", False)
            )
        self._lines.show(self.running)

    def ended(self, job: Job, record: logging.LogRecord) -> None:
        if self._lines:
            self._lines.add("✓", job.finished(record.created), "green")

    def failed(self, job: Job, record: logging.LogRecord) -> None:
        sentence = failure_reason(job.events())
        unexplained, self._unexplained = self._unexplained, []
        if not sentence:  # then only Snakemake's messages explain the failure
            for each in (*unexplained, record):
                self._write(each)
        elif self._lines and sentence != self._reasons.get(job.name):
            self._lines.add("✗", step_line(job.name, record.created - job.since, sentence), "red")
        self._reasons[job.name] = sentence

    def said(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == LogEvent.ERROR and getattr(record, "exception", "") == "RuleException":
            self._unexplained.append(record)  # until the step's log is known
        elif event in (None, LogEvent.ERROR, LogEvent.GROUP_ERROR) and not str(
            record.msg
        ).startswith(_ROUTINE):
            self._write(record)

    def end(self) -> None:
        unexplained, self._unexplained = self._unexplained, []
        for record in unexplained:
            self._write(record)
        if self._lines:
            self._lines.stop()

    def concluded(self, record: logging.LogRecord) -> None:
        self._write(record, "")

    def _write(self, record: logging.LogRecord, style: str = "yellow") -> None:
        if self._lines is None:
            self.inner.handle(record)
        elif self.inner.filter(record):
            style = "red" if record.levelno >= logging.ERROR else style
            self._lines.write(self.inner.format(record), style)
