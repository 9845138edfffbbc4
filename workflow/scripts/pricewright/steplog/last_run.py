"""The last run in plain text: each step's time, duration and attempts, and why a step failed.

A step is one line, made from its log. Its attempts are known from the kept logs.
"""

import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pricewright.files.clock import Clock, format_duration, format_time, now
from pricewright.files.errors import printable
from pricewright.steplog.log import (
    KILLED,
    Event,
    first_event,
    kept_log,
    kept_numbers,
    last_events,
    last_lines,
    parse_line,
)

STEPS = ("ingest", "clean", "monitor", "train_or_score", "report", "deploy", "production")

SHARDS = {"clean": "clean_shard", "train_or_score": "train_or_score_shard"}
"""Steps that may have shards: the name of the folder with the shards' logs."""

LONG = 2.0
"""From this many seconds on, a step's work per second is shown."""

LAST = 6
"""How many lines of a failed attempt's log are shown."""

_UNITS = ("rows", "kept", "symbols")
_FILES = ("output", "artifact", "deployed", "model")


@dataclass(frozen=True)
class Attempt:
    """One attempt at a step; `events` are the first event of its log and the last ones."""

    log: Path
    events: Sequence[Event]

    @property
    def number(self) -> int:
        """The number of the attempt within its run, from 1."""
        return int(self.events[0].number("attempt") or 1)

    @property
    def began(self) -> datetime:
        return self.events[0].moment

    @property
    def ended(self) -> datetime:
        """The time of the last event."""
        return self.events[-1].moment

    @property
    def state(self) -> str:
        """`ok`, `failed`, `running`, or `killed` if it ended without logging the end."""
        last = self.events[-1]
        if last.message == "end" or last.level == "ERROR":
            return "ok" if last.message == "end" else "failed"
        return "running" if _at_work(self.events[0]) else "killed"


def last_run(root: Path) -> dict[str, Sequence[Attempt]]:
    """The attempts in the last run of each step that ever began.

    Shards are included if their step still waits for them: they failed or are not done.
    """
    found: dict[str, Sequence[Attempt]] = {}
    for step in STEPS:
        tries = attempts(root / "logs" / f"{step}.log")
        since = tries[0].began if tries else datetime.min.replace(tzinfo=UTC)
        for log in _shards(root / "logs" / SHARDS[step]) if step in SHARDS else []:
            own = attempts(log)
            if own and own[-1].began > since and own[-1].state != "ok":
                found[f"{step} {log.stem}"] = own
        found[step] = tries
    return {step: tries for step, tries in found.items() if tries}


def attempts(log: Path) -> Sequence[Attempt]:
    """The attempts at a step in the last run that reached it, in order.

    log: `logs/<step>.log`. The numbered logs beside it are read, because nobody deletes those.
    """
    found: list[Attempt] = []
    for number in reversed(kept_numbers(log)):
        path = kept_log(log, number)
        first = first_event(path)
        if first is None:  # killed before its first event
            continue
        found.insert(0, Attempt(path, [first, *last_events(path)]))
        if found[0].number == 1:
            break
    return found


def describe_run(run: Mapping[str, Sequence[Attempt]], clock: Clock = now) -> str:
    """One line per step; for a failed step the end of the first log that gives the reason, for a
    killed one that of the last."""
    lines: list[str] = []
    for step, tries in run.items():
        lines.append(_describe_attempts(step, tries, clock()))
        if tries[-1].state in ("failed", "killed"):
            reason = failure_reason(tries[-1].events)
            alike = [one for one in tries if failure_reason(one.events) == reason]
            log = alike[0].log if reason else tries[-1].log
            end = last_lines(log)
            if reason:  # the sentence suffices here; the traceback stays in the log
                events = ((line, parse_line(line)) for line in end)
                end = [line for line, event in events if event and event.level != "DEBUG"]
            end = [*end[-LAST:], *([] if reason else [f"it {KILLED}"])]
            lines += [f"    {log}:", *(f"      {printable(text)}" for text in end)]
    return "\n".join(lines) or "  nothing has run yet; begin with `snakemake --cores 1`"


def step_line(name: str, seconds: float, words: str) -> str:
    """A line for a terminal: a step, its duration, and the rest in words."""
    return printable(f"{name:<15} {format_duration(seconds):>10}  {words}".rstrip())


def work_at_hand(events: Sequence[Event]) -> tuple[float | None, str]:
    """The share of the current work that is done, None if unknown, and the work in words."""
    for event in reversed(events):
        if event.message == "progress":
            words = _counts(event.fields, event.number("seconds") or 0)
            doing = [event.fields["doing"]] if "doing" in event.fields else []
            return event.number("share"), ", ".join([*words, *doing])
        if event.number("rows") is not None:
            return None, ", ".join(_counts(event.fields, 0))
    return None, ""


def work_done(events: Sequence[Event], seconds: float) -> str:
    """What a step that has ended did: how much, how fast, or which file it made."""
    for event in reversed(events):
        if event.message == "end":
            words = list(_counts(event.fields, seconds if seconds >= LONG else 0))
            files = [event.fields[name] for name in _FILES if name in event.fields]
            return ", ".join(words or files[:1])
    return ""


def failure_reason(events: Sequence[Event]) -> str:
    """The sentence with which a step failed; empty if there is none, such as after a kill."""
    errors = [event.text for event in events if event.level == "ERROR"]
    return errors[-1].removeprefix("failed for good: ").removeprefix("failed: ") if errors else ""


def _counts(fields: Mapping[str, str], seconds: float) -> Iterator[str]:
    """The counts of an event, and the first of them per second."""
    found = [(unit, int(fields[unit])) for unit in _UNITS if fields.get(unit, "").isdecimal()]
    if fields.get("kept") == fields.get("rows"):
        found = [(unit, count) for unit, count in found if unit != "kept"]
    whole = f" of {int(fields['of']):,}" if fields.get("of", "").isdecimal() else ""
    for unit, count in found:
        yield f"{count:,}{whole} {unit.removesuffix('s') if count == 1 and not whole else unit}"
    if found and seconds > 0:
        rate = found[0][1] / seconds
        yield f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"


def _describe_attempts(step: str, tries: Sequence[Attempt], at: datetime) -> str:
    last = tries[-1]
    running = last.state == "running"
    seconds = ((at if running else last.ended) - tries[0].began).total_seconds()
    words = work_at_hand(last.events)[1] if running else work_done(last.events, seconds)
    if len(tries) > 1:
        words = ", ".join(filter(None, [f"{len(tries)} attempts", words]))
    times = f"{format_time(tries[0].began)} {format_duration(seconds):>10}"
    return printable(f"  {step:<15} {last.state:<7} {times}  {words}".rstrip())


def _shards(folder: Path) -> list[Path]:
    """The logs of a step's shards, in order."""
    logs = [path for path in folder.glob("*-of-*.log") if "." not in path.stem]
    return sorted(logs, key=lambda log: (len(log.stem), log.stem))


def _at_work(begin: Event) -> bool:
    """Whether the process that began an attempt still runs; True if it was on another machine."""
    process = begin.number("pid")
    if process is None:
        return False
    if begin.fields.get("host") != platform.node():
        return True
    # the number may belong to a new process by now, but a job's command line names its step
    return f".{begin.step}.py" in _command(int(process))


def _command(process: int) -> str:
    """The command line of a process, empty if it does not exist."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{process}/cmdline").read_text(errors="replace")
        except OSError:
            return ""
    words = ["ps", "-o", "args=", "-p", str(process)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout
