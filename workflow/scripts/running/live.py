"""The moving lines of a run on a terminal, drawn by rich."""

import time
from collections.abc import Callable
from typing import IO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from running.jobs import Job

from pricewright.files.clock import format_duration
from pricewright.files.errors import printable
from pricewright.steplog.last_run import work_at_hand

_BARS = ((100, 20), (70, 10))
"""Pairs of the least width of a terminal and the width of the bar that fits, in columns."""


class Lines:
    """Lines that stay on the screen, and below them a line for each running step."""

    def __init__(
        self,
        stream: IO[str],
        *,
        colours: bool = True,
        console: Console | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock, self._jobs = clock, dict[int, Job]()
        self._console = console or Console(
            file=stream, no_color=not colours, highlight=False, emoji=False, markup=False
        )
        self._live = Live(
            console=self._console, get_renderable=self.at_work, refresh_per_second=4, transient=True
        )

    def show(self, jobs: dict[int, Job]) -> None:
        """Show these jobs for as long as they are in the mapping."""
        self._jobs = jobs
        self._live.start()
        self._live.refresh()

    def add(self, mark: str, text: str, style: str) -> None:
        """Add a line with a coloured mark, cut to the width of the screen."""
        self._live.refresh()  # else the step that has ended would still show below for a moment
        line = Text.assemble((mark, style), " ", text)
        self._console.print(line, no_wrap=True, overflow="ellipsis")

    def write(self, text: str, style: str) -> None:
        """Write a text, wrapped as needed."""
        self._console.print(Text(text, style), soft_wrap=True)

    def stop(self) -> None:
        """Stop drawing; the lines stay and the cursor returns."""
        self._live.stop()

    def at_work(self) -> Table:
        """The running steps at this moment, one per line."""
        table = Table.grid(padding=(0, 1, 0, 0))
        room = next((bar for least, bar in _BARS if self._console.width >= least), 0)
        for width in (17, 10, room + 2, None) if room else (17, 10, None):
            table.add_column(no_wrap=True, overflow="ellipsis", min_width=width)
        for job in list(self._jobs.values()):
            share, words = work_at_hand(job.events())
            took = format_duration(self._clock() - job.since)
            cells: list[RenderableType] = [Text(f"  {job.name:<15}"), Text(f"{took:>10}")]
            if room:
                bar = ProgressBar(1.0, share or 0.0, room, pulse=share is None)
                cells.append(Padding(bar, (0, 1)))
            table.add_row(*cells, Text(printable(words)))
        return table
