"""The last run in plain text: its steps, when, how long, how often, and why one failed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pricewright.clock import Clock, duration, now, stamp
from pricewright.decisions.wording import printable
from pricewright.events import last_lines
from pricewright.history import Attempt, attempts
from pricewright.stepline import doing, done, why

STEPS = ("ingest", "clean", "train_or_score", "report", "deploy", "production")

SHARDS = {"clean": "clean_shard", "train_or_score": "train_or_score_shard"}
"""Steps whose work shards may do before them, by the folder of the shards' logs."""

LAST = 6
"""Lines of a failed attempt's log that are shown."""


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


def _shards(folder: Path) -> list[Path]:
    """The logs of a step's shards, in their order."""
    logs = [path for path in folder.glob("*-of-*.log") if "." not in path.stem]
    return sorted(logs, key=lambda log: (len(log.stem), log.stem))


def began(root: Path) -> datetime | None:
    """When the last run began, also one that found nothing to do, by the names of Snakemake's logs.

    They hold the local time; None if there was no run.
    """
    logs = (root / ".snakemake" / "log").glob("*.snakemake.log")
    last = max((path.name.removesuffix(".snakemake.log") for path in logs), default=None)
    return datetime.fromisoformat(last).astimezone(UTC) if last else None


def described(run: Mapping[str, Sequence[Attempt]], clock: Clock = now) -> str:
    """A line a step, and the end of the log of one that failed."""
    lines: list[str] = []
    for step, tries in run.items():
        lines.append(_line(step, tries, clock()))
        if tries[-1].state in ("failed", "killed"):
            lines += [f"    {text}" for text in _last_words(tries)]
    return "\n".join(lines) or "  nothing has run yet; begin with `snakemake --cores 1`"


def _line(step: str, tries: Sequence[Attempt], at: datetime) -> str:
    last = tries[-1]
    running = last.state == "running"
    seconds = ((at if running else last.ended) - tries[0].began).total_seconds()
    words = doing(last.events)[1] if running else done(last.events, seconds)
    if len(tries) > 1:
        words = ", ".join(filter(None, [f"{len(tries)} attempts", words]))
    text = f"  {step:<15} {last.state:<7} {stamp(tries[0].began)} {duration(seconds):>10}  {words}"
    return printable(text.rstrip())


def _last_words(tries: Sequence[Attempt]) -> list[str]:
    """The end of the log of the attempt that failed first as the last one did."""
    sentence = why(tries[-1].events)
    first = next(attempt for attempt in tries if why(attempt.events) == sentence)
    return [f"{first.log}:", *(f"  {printable(text)}" for text in last_lines(first.log)[-LAST:])]
