"""The lines of a run on a terminal, where they move; drawn by rich."""

import logging
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from snakemake_interface_logger_plugins.common import LogEvent

from pricewright.clock import duration
from pricewright.stepline import doing, line, why
from terminal import Job, Shown

BAR = 20
"""Columns of a bar, on a terminal with room for it."""

ROOM = 70

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


class Drawn(Shown):
    """A line for each step: while it runs a bar and its pace, then what it made."""

    def __init__(
        self,
        inner: logging.StreamHandler[Any],
        *,
        colours: bool = True,
        console: Console | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(inner)
        self._console = console or Console(
            file=inner.stream, no_color=None if colours else True, highlight=False, emoji=False
        )
        self._clock = clock
        self._live = Live(
            console=self._console,
            get_renderable=self.lines,
            refresh_per_second=4,
            transient=True,
        )
        self._unexplained: list[logging.LogRecord] = []
        self._reasons: dict[str, str] = {}

    def lines(self) -> Table:
        """The steps at work, one a line, as they are at this moment."""
        table = Table.grid(padding=(0, 1, 0, 0))
        wide = self._console.width >= ROOM
        for _ in range(4 if wide else 3):
            table.add_column(no_wrap=True, overflow="ellipsis")
        for job in list(self.running.values()):
            share, words = doing(job.events())
            took = duration(self._clock() - job.since)
            cells: list[RenderableType] = [Text(f"  {job.name:<15}"), Text(f"{took:>10}")]
            if wide:
                bar = ProgressBar(1.0, share or 0.0, BAR, pulse=share is None)
                cells.append(Padding(bar, (0, 1)))
            table.add_row(*cells, Text(words))
        return table

    def begun(self, record: logging.LogRecord) -> None:
        if not self._live.is_started:
            self._live.start()
        self._live.refresh()

    def ended(self, job: Job, record: logging.LogRecord) -> None:
        self._print(Text.assemble(("✓ ", "green"), job.finished(record.created)))

    def failed(self, job: Job, record: logging.LogRecord) -> None:
        sentence = why(job.events())
        unexplained, self._unexplained = self._unexplained, []
        if not sentence:  # then what Snakemake knows is all there is
            for each in (*unexplained, record):
                self._show(each)
        elif sentence != self._reasons.get(job.name):
            failed = line(job.name, record.created - job.since, sentence)
            self._print(Text.assemble(("✗ ", "red"), failed))
        self._reasons[job.name] = sentence

    def said(self, record: logging.LogRecord, event: LogEvent | None) -> None:
        if event == LogEvent.ERROR and getattr(record, "exception", "") == "RuleException":
            self._unexplained.append(record)  # until it is known what the step's log says
        elif event in (None, LogEvent.ERROR) and not str(record.msg).startswith(_ROUTINE):
            self._show(record)

    def end(self) -> None:
        self._live.stop()
        for record in self._unexplained:
            self._show(record)
        self._unexplained = []

    def concluded(self, record: logging.LogRecord) -> None:
        if self.inner.filter(record):
            style = "red" if record.levelno >= logging.ERROR else ""
            self._console.print(Text(self.inner.format(record), style), soft_wrap=True)

    def _show(self, record: logging.LogRecord) -> None:
        if not self._live.is_started:
            self.inner.handle(record)
        elif self.inner.filter(record):
            style = "red" if record.levelno >= logging.ERROR else "yellow"
            self._console.print(Text(self.inner.format(record), style), soft_wrap=True)

    def _print(self, text: Text) -> None:
        self._console.print(text, no_wrap=True, overflow="ellipsis")
