"""What a run shows while it runs: a line a step with its progress, and its last word last.

On a terminal the lines take the place of Snakemake's own and move; what it says is in its log,
`.snakemake/log/`, as ever. Elsewhere, in a pipe, a file or CI, all that Snakemake says stays, and
a line is added as each step ends.

Snakemake looks for its logger plugins among installed packages before it reads a Snakefile, so a
workflow cannot bring one. This is a handler of the standard library's, which reads the same
events, in the place of Snakemake's own. The plugin `rich` (0.5.1) cannot do it: it has one bar a
rule, of its jobs, of which each of ours has one, knows nothing of what goes on inside, is torn by
what a job writes to the same terminal, and fails when a report is made after the run.
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
"""What Snakemake says in any run, and the lines say better. Anything else is shown."""


def watch(workflow: Any) -> None:
    """Have this run shown line by line, if it is one, and nobody asked for something else."""
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
    """Whether lines can move there: a terminal that a person looks at."""
    dumb = environment.get("TERM", "dumb") in ("dumb", "unknown")
    return bool(stream.isatty()) and not dumb and not environment.get("CI")


def _default_handler() -> Any:
    """Snakemake's own; none, if a logger plugin took its place."""
    return next((one for one in logger.handlers if one.name == "DefaultStreamHandler"), None)


class Plain(JobFollower):
    """All that Snakemake says, and a line as each step ends; nothing moves."""

    def ended(self, job: Job, record: logging.LogRecord) -> None:
        self.said(record)
        self.inner.stream.write(job.finished(record.created) + "\n")
        self.inner.flush()


class Drawn(JobFollower):
    """A line for each step: while it runs a bar and its pace, then what it made."""

    def __init__(self, inner: logging.StreamHandler[Any], lines: "Lines | None" = None) -> None:
        super().__init__(inner)
        self._lines = lines
        self._unexplained: list[logging.LogRecord] = []
        self._reasons: dict[str, str] = {}

    def begun(self, record: logging.LogRecord) -> None:
        if self._lines is None:
            from running.live import Lines  # takes a while to load, and often nothing is to be done

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
        if not sentence:  # then what Snakemake knows is all there is
            for each in (*unexplained, record):
                self._write(each)
        elif self._lines and sentence != self._reasons.get(job.name):
            self._lines.add("✗", step_line(job.name, record.created - job.since, sentence), "red")
        self._reasons[job.name] = sentence

    def said(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == LogEvent.ERROR and getattr(record, "exception", "") == "RuleException":
            self._unexplained.append(record)  # until it is known what the step's log says
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
