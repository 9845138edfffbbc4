"""The jobs of a run, followed through Snakemake's log events."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from running.comforts import comfort

from pricewright.steplog.last_run import step_line, work_done
from pricewright.steplog.log import STDERR, Event, first_event, last_events


@dataclass(frozen=True)
class Job:
    """A step that Snakemake started, its log, and the time in seconds since 1970."""

    name: str
    log: Path
    since: float

    def events(self) -> Sequence[Event]:
        """The last events of this attempt, without those of an earlier one in the same log."""
        # times in a log are truncated to milliseconds
        return last_events(self.log, datetime.fromtimestamp(self.since - 0.001, UTC))

    def finished(self, at: float) -> str:
        """The line of a step that ended at this time; on a cluster it also waited in the queue."""
        events, begun = self.events(), first_event(self.log)
        worked = (events[-1].moment - begun.moment).total_seconds() if events and begun else 0.0
        return step_line(self.name, at - self.since, work_done(events, worked))


class JobFollower(logging.Handler):
    """Follows the jobs and shows the records; subclasses choose how.

    inner: Snakemake's own handler, which filters, formats and writes records as its options say.
    """

    def __init__(self, inner: logging.StreamHandler[Any]) -> None:
        super().__init__()
        self.name, self.inner = "StepLines", inner
        self.running: dict[int, Job] = {}
        self._last: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record now or, if it is marked LAST, at the end."""
        try:
            if getattr(record, "last", False):
                self._last.append(record)
            else:
                self._follow(record, getattr(record, "event", None))
        except Exception as error:  # another Snakemake may have other events
            self._give_up(record, error)

    def _give_up(self, record: logging.LogRecord, error: Exception) -> None:
        """Let Snakemake's own handler show everything from here on."""
        os.environ[STDERR] = "INFO"  # the steps log to standard error again
        logger.removeHandler(self)
        logger.addHandler(self.inner)
        with comfort("Snakemake's own lines are shown from here on"):
            self.end()
            raise error
        self.inner.handle(record)

    def close(self) -> None:
        """Show the records marked LAST; a second call shows nothing."""
        self.end()
        last, self._last = self._last, []
        for record in last:
            self.concluded(record)
        self.inner.flush()
        super().close()

    def _follow(self, record: Any, event: LogEvent | None) -> None:
        if event == LogEvent.JOB_INFO and record.log:
            name = " ".join([record.rule_name.removesuffix("_shard"), *record.wildcards.values()])
            self.running[record.jobid] = Job(name, Path(record.log[0]), record.created)
            self.begun(record)
        elif event == LogEvent.JOB_FINISHED and record.job_id in self.running:
            self.ended(self.running.pop(record.job_id), record)
        elif event == LogEvent.JOB_ERROR and record.jobid in self.running:
            self.failed(self.running.pop(record.jobid), record)
        else:
            self.said(record)

    def begun(self, record: logging.LogRecord) -> None:
        """A step begins."""
        self.said(record)

    def ended(self, job: Job, record: logging.LogRecord) -> None:
        """A step has succeeded."""
        self.said(record)

    def failed(self, job: Job, record: logging.LogRecord) -> None:
        """An attempt at a step has failed."""
        self.said(record)

    def said(self, record: logging.LogRecord) -> None:
        """Snakemake logs anything else."""
        self.inner.handle(record)

    def end(self) -> None:
        """Only records marked LAST will follow."""

    def concluded(self, record: logging.LogRecord) -> None:
        """Show a record marked LAST."""
        self.inner.handle(record)
