"""The last run in plain text: its steps, when, how long, how often, and why one failed.

A step is one line, from its log; its attempts are known by the logs that are kept of them.
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
"""Steps whose work shards may do before them, by the folder of the shards' logs."""

LONG = 2.0
"""Seconds from which on a step's work per second is worth telling."""

LAST = 6
"""Lines of a failed attempt's log that are shown."""

_UNITS = ("rows", "kept", "symbols")
_FILES = ("output", "artifact", "deployed", "model")


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


def last_run(root: Path) -> dict[str, Sequence[Attempt]]:
    """The last attempts at each step that ever began.

    Of the shards of a step those whose work it still waits for, for it failed or is not done.
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
    """The attempts at a step in the last run that came to it, the first one first.

    log: `logs/<step>.log`; what counts are the numbered ones beside it, which nobody deletes.
    """
    found: list[Attempt] = []
    for number in reversed(kept_numbers(log)):
        path = kept_log(log, number)
        first = first_event(path)
        if first is None:  # killed before its first word
            continue
        found.insert(0, Attempt(path, [first, *last_events(path)]))
        if found[0].number == 1:
            break
    return found


def describe_run(run: Mapping[str, Sequence[Attempt]], clock: Clock = now) -> str:
    """A line a step, and of one that failed the end of the log that first said why."""
    lines: list[str] = []
    for step, tries in run.items():
        lines.append(_describe_attempts(step, tries, clock()))
        if tries[-1].state in ("failed", "killed"):
            reason = failure_reason(tries[-1].events)
            log = next(one.log for one in tries if failure_reason(one.events) == reason)
            end = last_lines(log)
            if reason:  # which is for people, and its traceback for who reads the log
                events = ((line, parse_line(line)) for line in end)
                end = [line for line, event in events if event and event.level != "DEBUG"]
            end = end[-LAST:]
            lines += [f"    {log}:", *(f"      {printable(text)}" for text in end)]
    return "\n".join(lines) or "  nothing has run yet; begin with `snakemake --cores 1`"


def step_line(name: str, seconds: float, words: str) -> str:
    """A step, how long it took, and the rest in words, fit for a terminal."""
    return printable(f"{name:<15} {format_duration(seconds):>10}  {words}".rstrip())


def work_at_hand(events: Sequence[Event]) -> tuple[float | None, str]:
    """Which share of the work at hand is done, if that is known, and that work in words."""
    for event in reversed(events):
        if event.message == "progress":
            words = _counts(event.fields, event.number("seconds") or 0)
            doing = [event.fields["doing"]] if "doing" in event.fields else []
            return event.number("share"), ", ".join([*words, *doing])
        if event.number("rows") is not None:
            return None, ", ".join(_counts(event.fields, 0))
    return None, ""


def work_done(events: Sequence[Event], seconds: float) -> str:
    """What a step that has ended made: how much, how fast, or which file."""
    for event in reversed(events):
        if event.message == "end":
            words = list(_counts(event.fields, seconds if seconds >= LONG else 0))
            files = [event.fields[name] for name in _FILES if name in event.fields]
            return ", ".join(words or files[:1])
    return ""


def failure_reason(events: Sequence[Event]) -> str:
    """The sentence with which a step failed; empty if it left none, for it was killed, say."""
    errors = [event.text for event in events if event.level == "ERROR"]
    return errors[-1].removeprefix("failed for good: ").removeprefix("failed: ") if errors else ""


def _counts(fields: Mapping[str, str], seconds: float) -> Iterator[str]:
    """The figures of an event, and the first of them per second."""
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
    """The logs of a step's shards, in their order."""
    logs = [path for path in folder.glob("*-of-*.log") if "." not in path.stem]
    return sorted(logs, key=lambda log: (len(log.stem), log.stem))


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
