"""What a run shows while it runs: a line a step with its progress, and its last word last.

On a terminal the lines take the place of Snakemake's own and move; what it says is in its log,
`.snakemake/log/`, as ever. Elsewhere, in a pipe, a file or CI, all that Snakemake says stays, and
a line is added as each step ends.

Snakemake looks for its logger plugins among installed packages before it reads a Snakefile, so a
workflow cannot bring one. This is a handler of the standard library's, which reads the same
events, in the place of Snakemake's own. The plugin `rich` cannot do it: it has one bar a rule, of
its jobs, of which each of ours has one, and what a job writes to the same terminal runs into it.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from snakemake.logging import logger
from snakemake_interface_executor_plugins.settings import ExecMode
from snakemake_interface_logger_plugins.common import LogEvent

from pricewright.events import Event, tail
from pricewright.stepline import done, line
from step import STDERR

LAST = {"last": True}
"""What marks a record that is to be shown below everything else."""


def watch(workflow: Any) -> None:
    """Have this run shown line by line, if it is one, and nobody asked for something else."""
    settings, default = workflow.output_settings, _default_handler()
    if (
        default is None
        or settings.dryrun
        or workflow.exec_mode != ExecMode.DEFAULT
        or not workflow.modifier.is_main_snakefile()
    ):
        return
    default.nocolor |= bool(os.environ.get("NO_COLOR"))
    quiet = {str(word).rpartition(".")[2].lower() for word in settings.quiet or ()}
    if quiet & {"all", "progress", "rules"}:
        os.environ[STDERR] = "ERROR"
        shown: Shown = Plain(default, quiet=True)
    elif drawable(default.stream, os.environ) and not (settings.verbose or settings.debug_dag):
        from drawing import Drawn

        os.environ[STDERR] = "CRITICAL"
        shown = Drawn(default, colours=not settings.nocolor)
    else:
        shown = Plain(default)
    logger.removeHandler(default)
    logger.addHandler(shown)


def drawable(stream: Any, environment: Mapping[str, str]) -> bool:
    """Whether lines can move there: a terminal that a person looks at."""
    dumb = environment.get("TERM", "dumb") in ("dumb", "unknown")
    return bool(stream.isatty()) and not dumb and not environment.get("CI")


def _default_handler() -> Any:
    """Snakemake's own; none, if a logger plugin took its place."""
    return next((one for one in logger.handlers if one.name == "DefaultStreamHandler"), None)


@dataclass(frozen=True)
class Job:
    """A step that Snakemake began at some time, in seconds since 1970, and its log."""

    name: str
    log: Path
    since: float

    def events(self) -> Sequence[Event]:
        """The last events of this attempt; what an earlier one left in the log is not its own."""
        # a log's times are cut to milliseconds
        return tail(self.log, datetime.fromtimestamp(self.since - 0.001, UTC))

    def finished(self, at: float) -> str:
        """The line of a step that ended at some time."""
        took = at - self.since
        return line(self.name, took, done(self.events(), took))


class Shown(logging.Handler):
    """Follows the jobs by Snakemake's events, and shows what it must in one way or another."""

    def __init__(self, inner: logging.StreamHandler[Any]) -> None:
        super().__init__()
        self.name, self.inner = "StepLines", inner
        self.running: dict[int, Job] = {}
        self._last: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record of Snakemake's, now or, if it is marked LAST, at the end."""
        try:
            if getattr(record, "last", False):
                self._last.append(record)
            else:
                self._follow(record, getattr(record, "event", None))
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Show what is to stand below everything else; a second time there is nothing left."""
        self.end()
        last, self._last = self._last, []
        for record in last:
            self.concluded(record)
        self.inner.flush()
        super().close()

    def _follow(self, record: Any, event: LogEvent | None) -> None:
        if event == LogEvent.JOB_INFO and record.log:
            self.running[record.jobid] = Job(record.rule_name, Path(record.log[0]), record.created)
            self.begun(record)
        elif event == LogEvent.JOB_FINISHED and record.job_id in self.running:
            self.ended(self.running.pop(record.job_id), record)
        elif event == LogEvent.JOB_ERROR and record.jobid in self.running:
            self.failed(self.running.pop(record.jobid), record)
        else:
            self.said(record, event)

    def begun(self, record: logging.LogRecord) -> None:
        """A step begins."""

    def ended(self, job: Job, record: logging.LogRecord) -> None:
        """A step has ended well."""

    def failed(self, job: Job, record: logging.LogRecord) -> None:
        """An attempt at a step has failed."""

    def said(self, record: logging.LogRecord, event: LogEvent | None) -> None:
        """Snakemake says anything else."""

    def end(self) -> None:
        """Nothing more will come but what is last."""

    def concluded(self, record: logging.LogRecord) -> None:
        """What is to stand below everything else."""
        self.inner.handle(record)


class Plain(Shown):
    """All that Snakemake says, and a line as each step ends; nothing moves."""

    def __init__(self, inner: logging.StreamHandler[Any], quiet: bool = False) -> None:
        super().__init__(inner)
        self._quiet = quiet

    def begun(self, record: logging.LogRecord) -> None:
        self.inner.handle(record)

    def ended(self, job: Job, record: logging.LogRecord) -> None:
        self.inner.handle(record)
        if not self._quiet:
            self.inner.stream.write(job.finished(record.created) + "\n")
            self.inner.flush()

    def failed(self, job: Job, record: logging.LogRecord) -> None:
        self.inner.handle(record)

    def said(self, record: logging.LogRecord, event: LogEvent | None) -> None:
        self.inner.handle(record)
