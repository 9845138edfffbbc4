"""Schedule: a timer that runs the workflow after each session of an exchange, and what it runs."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from pricewright.commands.options import ConfigFiles
from pricewright.configuration.config import WORKFLOW, config_of_run, read_incomplete_config
from pricewright.files.clock import now
from pricewright.files.errors import Refusal
from pricewright.notices.facts import STATUS, Notice
from pricewright.notices.messages import tell
from pricewright.notices.options import Notify
from pricewright.scheduling.runs import LOG, last_done, run_due, run_workflow
from pricewright.scheduling.sessions import Schedule, timetable
from pricewright.scheduling.timers import Kind, Timer, usual_kind
from pricewright.signoffs import ledger
from pricewright.signoffs.policy import last_config_files
from pricewright.steplog.last_run import last_run
from pricewright.steplog.log import logger
from pricewright.tables.options import make


def schedule(
    *,
    show: bool = False,
    remove: bool = False,
    run: bool = False,
    timer: Kind | None = None,
    configfile: ConfigFiles = (),
) -> None:
    """Have the workflow run by itself, after the close of an exchange.

    Writes a timer that runs after each session of `schedule.exchange` in config, and starts it.
    Holidays, half days and changes of the clocks are known.

    ```
    pricewright schedule
    pricewright schedule --show
    pricewright schedule --remove
    ```

    Parameters
    ----------
    show
        Write nothing; print the timer as it would be written, what is there of it, and when it
        would run next.
    remove
        Take the timer away.
    run
        Run now what is due, as the timer does: for each session since the last that was run for, in
        order. If another such run is at work, it leaves that to it.
    timer
        systemd, a user's own timer, or cron, a line of the crontab; if not given, systemd where
        there is one.
    """
    if show + remove + run > 1:
        raise Refusal("--show, --remove and --run: found several, allowed: one of them.")
    root = Path()
    if run:
        if code := _run(root, configfile):
            sys.exit(code)
        return
    project = Path.cwd()
    if remove:
        removed = Timer(project, _PROGRAM).remove()
        for was in removed:
            print(f"Removed: {was}")
        if not removed:
            print("There is no timer of this project.")
        return
    config, configfile = config_of_run(root, configfile)
    options, at = make(Schedule, config["schedule"]), now()
    made = Timer(project, _PROGRAM, configfile)
    known = timetable(options, at)
    if show:
        with suppress(Refusal):
            timer = timer or usual_kind()
        print(_texts(made, timer or "systemd", known, at))
        print(f"There is now: {', '.join(made.there()) or 'nothing'}.")
        print(f"Run for last: {last_done(root, options) or 'never'}.")
    else:
        kind = timer or usual_kind()
        for there in made.install(kind, known, at):
            print(f"Made: {there}")
        if kind == "systemd":
            print("It runs while you are logged in; always, after `loginctl enable-linger`.")
        print(f"What it says is in {LOG}.")
    for session in known.after(at, 3):
        print(f"{session.day}: at {session.due.astimezone(known.zone):%Y-%m-%d %H:%M %Z}")


_PROGRAM = WORKFLOW / "workflow/scripts/pricewright"


def _texts(made: Timer, kind: Kind, known: Any, at: Any) -> str:
    if kind == "cron":
        return "\n".join(made.cron_lines(known, at))
    service, unit = made.units
    return f"# {service}\n{made.service()}\n# {unit}\n{made.unit(known, at)}"


def _run(root: Path, files: Sequence[Path]) -> int:
    """Run what is due; people are told also of what ends before the workflow could tell it."""
    try:
        config, files = config_of_run(root, files)
        options = make(Schedule, config["schedule"])
        return run_due(root, options, partial(_run_once, root, config, options, files))
    except Refusal as refusal:
        with suppress(Exception):
            given = list(files) or last_config_files(ledger.read(root / ledger.LEDGER))
            _tell(root, read_incomplete_config(given), str(refusal))
        raise


def _run_once(
    root: Path, config: dict[str, Any], options: Schedule, files: Sequence[Path], day: date | None
) -> int:
    began = now()
    code = run_workflow(root, options, files, day)
    tries = [attempt for each in last_run(root).values() for attempt in each]
    if code and not any(one.began >= began and one.state != "ok" for one in tries):
        _tell(root, config, f"A scheduled run ended with exit code {code} before any step began.")
    return code


def _tell(root: Path, config: dict[str, Any], why: str) -> None:
    """Tell people of a run that failed before it could tell them itself."""
    options = make(Notify, config.get("notify") or {})
    text = why if options.reasons else "A scheduled run failed before any step began."
    found = [Notice("failed", f"{text} {LOG} says why.", STATUS, why)]
    title = (config.get("report") or {}).get("title") or Path.cwd().name
    for untold in tell(root, options, title, found):
        logger.warning(untold)
