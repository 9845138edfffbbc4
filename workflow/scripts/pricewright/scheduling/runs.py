"""Scheduled runs: one process at a time runs the workflow for each due day, in order.

The locks belong to running processes, so a kill leaves none behind. A scheduled run and its child
processes hold `logs/schedule.lock`. Every run of the workflow holds `.snakemake/pricewright.lock`.
If nobody holds the second, a lock that a killed Snakemake left is removed.
"""

import fcntl
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from pathlib import Path

from pricewright.files.clock import Clock, now
from pricewright.files.disk import open_lock
from pricewright.files.documents import read_json, write_json
from pricewright.files.errors import Refusal
from pricewright.scheduling.sessions import PAST, Schedule, timetable
from pricewright.steplog.log import logger, say

LOG, LOG_BEFORE = Path("logs/schedule.log"), Path("logs/schedule.before.log")
"""The log of scheduled runs, and the log before it."""

LONGEST_LOG = 10_000_000
"""In bytes: a longer log is set aside."""

LOCK = Path("logs/schedule.lock")
AT_WORK = Path(".snakemake/pricewright.lock")
LEFT = Path(".snakemake/locks")
"""Where Snakemake keeps its own locks, which a kill leaves behind."""

DONE = Path("logs/schedule.json")
"""The last session with a finished run: `{"exchange": "XNYS", "done": "2026-11-27"}`."""

RECEIPT = Path("results/ingest.json")

Run = Callable[[date | None], int]
"""Runs the workflow as of a day, or as of now for None, and returns its exit code."""


def run_due(root: Path, options: Schedule, run: Run, clock: Clock = now) -> int:
    """Run for each due session, in order; returns the last exit code that is not 0, else 0.

    A session is run as of its day if it is not the newest, or if a later one has begun, whose
    unfinished bar the source may have. A failed run does not hold up later ones. If the newest
    session's run fails, the session is due again at the next call. Each run waits for any other
    run in the project to end first.
    """
    code, failed = 0, set[date]()
    with alone(root / LOCK) as first:
        if not first:
            say("another scheduled run is at work and will run for all due sessions; stopping")
            return 0
        _put_aside(root)
        while True:
            done = last_done(root, options, clock())
            known = timetable(options, clock(), done)
            due = known.due(done, clock())
            if not set(due) - failed:
                say("nothing more is due", exchange=options.exchange, done=done or "never")
                return code
            for day in due:
                if day in failed:
                    continue
                wait_for_others(root)
                missed = day != due[-1]
                as_of = day if missed or known.has_later(day, clock()) else None
                say("a session is due", exchange=options.exchange, day=day, missed=missed)
                if ended := run(as_of):
                    code = ended
                    failed.add(day)
                else:
                    document = {"exchange": options.exchange, "done": day.isoformat()}
                    write_json(root / DONE, document)


def _put_aside(root: Path) -> None:
    """Start a new log once the old one is long; processes that append to it can go on doing so."""
    with suppress(OSError):
        if (root / LOG).stat().st_size > LONGEST_LOG:
            shutil.copyfile(root / LOG, root / LOG_BEFORE)
            os.truncate(root / LOG, 0)


def last_done(root: Path, options: Schedule, at: datetime) -> date | None:
    """The last session of this exchange with a finished run; None if there is none.

    If the file that says so is damaged or of another exchange, there is a warning. Sessions then
    count as done up to the day before the newest price, unless that is older than PAST: the newest
    price may be of an unfinished session.
    """
    if not os.path.lexists(root / DONE):
        return None
    try:
        found = read_json(root / DONE)
        day, exchange = date.fromisoformat(found["done"]), found["exchange"]
        if exchange == options.exchange:
            return day
        why = f"is of {exchange}, but config key 'schedule.exchange' is {options.exchange}"
    except (Refusal, KeyError, TypeError, ValueError):
        why = "is damaged, so that it does not say which session was run last"
    before = None
    with suppress(Refusal, KeyError, TypeError, ValueError):
        newest = date.fromisoformat(read_json(root / RECEIPT)["last_date"])
        before = newest - timedelta(days=1) if newest >= (at - PAST).date() else None
    runs = (
        f"the sessions from {newest} on are run, the newest date in {RECEIPT}"
        if before
        else "only the newest session is run; run earlier ones yourself, with source.last_day"
    )
    logger.warning("%s: %s; %s.", DONE, why, runs)
    return before


def run_workflow(
    root: Path, options: Schedule, configfile: Sequence[Path], day: date | None
) -> int:
    """Run the declared command in a project, as of a day if one is given; returns its exit code."""
    words = shlex.split(options.command)
    if configfile and not any(word.startswith("--configfile") for word in words):
        words += ["--configfile", *map(str, configfile)]
    if (root / LEFT).is_dir() and any((root / LEFT).iterdir()):
        say("a run was killed and left Snakemake's lock; removing the lock")
        _call(root, [*words, "--unlock"])
    return _call(root, _with_config(words, f"source={{last_day: {day}}}") if day else words)


def _with_config(words: Sequence[str], setting: str) -> list[str]:
    """The words of a Snakemake command with one more `--config` setting beside those it has."""
    for at, word in reversed([*enumerate(words)]):  # Snakemake uses only the last option
        if found := re.fullmatch(r"(?:--config(?:=|$)|-C)(.*)", word):
            return [*words[:at], "--config", setting, *filter(None, [found[1]]), *words[at + 1 :]]
    return [*words, "--config", setting]


def _call(root: Path, words: Sequence[str]) -> int:
    """Run a command of this environment; it holds the lock while it lives, even if this process
    ends."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    try:
        return subprocess.run(
            words, cwd=root, env=os.environ | {"PATH": path}, close_fds=False, check=False
        ).returncode
    except OSError as error:
        raise Refusal(
            f"config key 'schedule.command': found {words[0]!r}, which cannot be started "
            f"({error.strerror}); name a command that can."
        ) from None


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Try to take a lock for the block; yields whether it was free.

    Processes started in the block hold the lock, too. The system releases it when the last of them
    ends.
    """
    descriptor = open_lock(path)
    os.set_inheritable(descriptor, True)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except BlockingIOError:
            free = False
        yield free
    finally:
        os.close(descriptor)


def hold(path: Path) -> int:
    """Take a shared lock that shows a run is at work; returns the descriptor to close later."""
    descriptor = open_lock(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH)  # others lock it exclusively only for a moment
    return descriptor


def wait_for_others(root: Path) -> None:
    """Wait until no run of the workflow is active in a project."""
    descriptor = open_lock(root / AT_WORK)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is at work; waiting for it to end")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)
