"""A job in one line: what its log says of how far it is, what it did, and why it failed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pricewright.clock import duration
from pricewright.events import Event, sentences, tail

LONG = 2.0
"""Seconds from which on a step's work per second is worth telling."""

_UNITS = ("rows", "kept", "symbols")
_FILES = ("output", "artifact", "deployed", "release")


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


def doing(job: Job) -> tuple[float | None, str]:
    """Which share of the work at hand is done, if that is known, and that work in words."""
    for event in reversed(job.events()):
        if event.message == "progress":
            words = list(_counted(event.fields, event.number("seconds") or 0, "of"))
            return event.number("share"), ", ".join([*_named(event), *words])
        if event.number("rows") is not None:
            return None, ", ".join(_counted(event.fields, 0))
    return None, ""


def done(job: Job, seconds: float) -> str:
    """What a step that has ended made: how much, how fast, or which file."""
    for event in reversed(job.events()):
        if event.message == "end":
            words = list(_counted(event.fields, seconds if seconds >= LONG else 0))
            files = [event.fields[name] for name in _FILES if name in event.fields]
            return ", ".join(words or files[:1])
    return ""


def why(job: Job) -> str:
    """The sentence with which a step failed; empty if it left none, for it was killed, say."""
    return ([*sentences(job.events())] or [""])[-1]


def finished(job: Job, at: float) -> str:
    """The line of a step that ended at some time."""
    took = at - job.since
    return f"{job.name:<15} {duration(took):>10}  {done(job, took)}".rstrip()


def _named(event: Event) -> Iterator[str]:
    if "doing" in event.fields:
        yield event.fields["doing"]


def _counted(fields: dict[str, str], seconds: float, of: str = "") -> Iterator[str]:
    """The figures of an event, and the first of them per second."""
    found = [(unit, float(fields[unit])) for unit in _UNITS if fields.get(unit, "").isdigit()]
    for unit, count in found:
        whole = f" of {float(fields[of]):,.0f}" if of in fields else ""
        yield f"{count:,.0f}{whole} {unit}"
    if found and seconds > 0:
        unit, count = found[0]
        rate = count / seconds
        yield f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.2g} {unit}/s"
