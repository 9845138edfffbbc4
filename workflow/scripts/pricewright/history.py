"""How the attempts at a step went, by the logs that are kept of them."""

import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pricewright.events import Event, parsed, tail
from pricewright.journal import kept, numbered


@dataclass(frozen=True)
class Attempt:
    """One attempt at a step; its events are the first and the last of its log."""

    log: Path
    events: Sequence[Event]

    @property
    def number(self) -> int:
        """Which attempt of its run it is, from 1."""
        return int(self.events[0].number("attempt") or 1)

    @property
    def began(self) -> datetime:
        return self.events[0].moment

    @property
    def ended(self) -> datetime:
        """When its last word was written."""
        return self.events[-1].moment

    @property
    def state(self) -> str:
        """`ok`, `failed`, `running`, or `killed` if it ended without a last word."""
        last = self.events[-1]
        if last.message == "end" or last.level == "ERROR":
            return "ok" if last.message == "end" else "failed"
        return "running" if _at_work(self.events[0]) else "killed"


def attempts(log: Path) -> Sequence[Attempt]:
    """The attempts at a step in the last run that came to it, the first one first.

    log: `logs/<step>.log`; what counts are the numbered ones beside it, which nobody deletes.
    """
    found: list[Attempt] = []
    for number in reversed(kept(log)):
        path = numbered(log, number)
        first = _first(path)
        if first is None:  # killed before its first word
            continue
        found.insert(0, Attempt(path, [first, *tail(path)]))
        if found[0].number == 1:
            break
    return found


def _first(log: Path) -> Event | None:
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            return parsed(file.readline().rstrip("\n"))
    except OSError:
        return None


def _at_work(begin: Event) -> bool:
    """Whether the process that began an attempt is there; of another machine's nothing is known."""
    process = begin.number("pid")
    if process is None:
        return False
    if begin.fields.get("host") != platform.node():
        return True
    # a number may have been given anew; a job's program is called like its step
    return f".{begin.step}.py" in (_command(int(process)) or "")


def _command(process: int) -> str | None:
    """The command line of a process, if there is one of that number."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{process}/cmdline").read_text(errors="replace")
        except OSError:
            return None
    words = ["ps", "-o", "args=", "-p", str(process)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout or None
