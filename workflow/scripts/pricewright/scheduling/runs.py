"""Runs by themselves: what is due is run for, day by day in order, by one process at a time.

What keeps others out is held by the processes at work, so that a kill leaves nothing behind:
`logs/schedule.lock` by a scheduled run and what it started, `.snakemake/pricewright.lock` by every
run of the workflow. If nobody holds the second, a lock that a killed Snakemake left is undone.
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
from datetime import date
from pathlib import Path

from pricewright.files.clock import Clock, now
from pricewright.files.disk import open_lock, read_whole
from pricewright.files.documents import parse_json, write_json
from pricewright.files.errors import Refusal
from pricewright.scheduling.sessions import Schedule, timetable
from pricewright.steplog.log import say

LOG, LOG_BEFORE = Path("logs/schedule.log"), Path("logs/schedule.before.log")
"""What scheduled runs say, and what they said before the log was begun anew."""

LONGEST_LOG = 10_000_000
"""In bytes: a longer one is put aside."""

LOCK = Path("logs/schedule.lock")
AT_WORK = Path(".snakemake/pricewright.lock")
LEFT = Path(".snakemake/locks")
"""Where Snakemake keeps its own locks, which a kill leaves behind."""

DONE = Path("logs/schedule.json")
"""For which session a run was done last: `{"exchange": "XNYS", "done": "2026-11-27"}`."""

Run = Callable[[date | None], int]
"""Runs the workflow as of a day, or as of now, and gives its exit code."""


def run_due(root: Path, options: Schedule, run: Run, clock: Clock = now) -> int:
    """Run for each session that is due, in order, until none is; returns the last exit code that
    is not 0, else 0.

    All but the newest are run for as of their day. One that failed keeps no later one waiting; the
    newest, if it failed, is due again at the next call.
    """
    code, failed = 0, set[date]()
    with alone(root / LOCK) as first:
        if not first:
            say("another scheduled run is at work and does what is due, so this one leaves")
            return 0
        _put_aside(root)
        while True:
            done = last_done(root, options)
            due = timetable(options, clock(), done).due(done, clock())
            if not set(due) - failed:
                say("nothing more is due", exchange=options.exchange, done=done or "never")
                return code
            for day in due:
                if day in failed:
                    continue
                newest = day == due[-1]
                say("a session is due", exchange=options.exchange, day=day, missed=not newest)
                if ended := run(None if newest else day):
                    code = ended
                    failed.add(day)
                else:
                    document = {"exchange": options.exchange, "done": day.isoformat()}
                    write_json(root / DONE, document)


def _put_aside(root: Path) -> None:
    """Begin the log anew once it is long; what has it open appends to it, and goes on so."""
    with suppress(OSError):
        if (root / LOG).stat().st_size > LONGEST_LOG:
            shutil.copyfile(root / LOG, root / LOG_BEFORE)
            os.truncate(root / LOG, 0)


def last_done(root: Path, options: Schedule) -> date | None:
    """The session of this exchange that was run for last; None if none was."""
    with suppress(Refusal, KeyError, TypeError, ValueError):
        found = parse_json(read_whole(root / DONE), str(DONE))
        if found["exchange"] == options.exchange:
            return date.fromisoformat(found["done"])
    return None


def run_workflow(
    root: Path, options: Schedule, configfile: Sequence[Path], day: date | None
) -> int:
    """Run the declared command in a project, as of a day if one is given; returns its exit code.

    Waits for a run that somebody else started there.
    """
    wait_for_others(root)
    words = shlex.split(options.command)
    if configfile and not any(word.startswith("--configfile") for word in words):
        words += ["--configfile", *map(str, configfile)]
    if (root / LEFT).is_dir() and any((root / LEFT).iterdir()):
        say("a run was killed and left Snakemake's lock, which is undone")
        _call(root, [*words, "--unlock"])
    return _call(root, _with_config(words, f"source={{last_day: {day}}}") if day else words)


def _with_config(words: Sequence[str], setting: str) -> list[str]:
    """The words of a Snakemake command with one more `--config` setting beside those it has."""
    for at, word in reversed([*enumerate(words)]):  # to Snakemake the last option counts
        if found := re.fullmatch(r"(?:--config(?:=|$)|-C)(.*)", word):
            return [*words[:at], "--config", setting, *filter(None, [found[1]]), *words[at + 1 :]]
    return [*words, "--config", setting]


def _call(root: Path, words: Sequence[str]) -> int:
    """Run a command of the environment; it holds the lock as long as it lives, whatever becomes of
    this process."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    try:
        return subprocess.run(
            words, cwd=root, env=os.environ | {"PATH": path}, close_fds=False, check=False
        ).returncode
    except OSError as error:
        raise Refusal(
            f"config key 'schedule.command': found {words[0]!r}, which does not start "
            f"({error.strerror}); name a command that does."
        ) from None


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Whether this process is the only one that has a lock, which it keeps while the block runs.

    Processes that it starts keep it, too. The system lets go of it when the last of them is gone.
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
    """Show that a run is at work, with others perhaps; returns the descriptor to close after it."""
    descriptor = open_lock(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH)  # nobody has it alone for longer than to look
    return descriptor


def wait_for_others(root: Path) -> None:
    """Wait until no run of the workflow is at work in a project."""
    descriptor = open_lock(root / AT_WORK)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("a run that somebody started is at work; waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)
