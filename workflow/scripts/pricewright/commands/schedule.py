"""Schedule: a timer that runs the workflow after each session of an exchange."""

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
    """Run the workflow automatically after the close of an exchange.

    Writes and starts a timer that runs after each session of config's `schedule.exchange`. It
    knows holidays, half days and clock changes.

    ```
    pricewright schedule
    pricewright schedule --show
    pricewright schedule --remove
    ```

    Parameters
    ----------
    show
        Change nothing: print the timer as it would be written, what is installed, and when it
        would next run.
    remove
        Remove the timer.
    run
        Run now what is due, as the timer does: one run for each session since the last one that
        was run, in order. Does nothing if another such run is active.
    timer
        systemd, a timer of the user, or cron, a line in the crontab; if not given, systemd where
        the machine has it.
    """
    if show + remove + run > 1:
        raise Refusal("--show, --remove and --run exclude each other; give one of them.")
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
            print("This project has no timer.")
        return
    config, configfile = config_of_run(root, configfile)
    options, at = make(Schedule, config["schedule"]), now()
    made = Timer(project, _PROGRAM, configfile)
    known = timetable(options, at)
    if show:
        with suppress(Refusal):
            timer = timer or usual_kind()
        print(_texts(made, timer or "systemd", known, at))
        print(f"Installed now: {', '.join(made.there()) or 'nothing'}.")
        print(f"Last session run: {last_done(root, options, at) or 'none'}.")
    else:
        kind = timer or usual_kind()
        for there in made.install(kind, known, at):
            print(f"Made: {there}")
        if kind == "systemd":
            print("It runs while you are logged in; for always, run `loginctl enable-linger`.")
        print(f"Its output goes to {LOG}.")
    for session in known.after(at, 3):
        print(f"{session.day}: at {session.due.astimezone(known.zone):%Y-%m-%d %H:%M %Z}")


_PROGRAM = WORKFLOW / "workflow/scripts/pricewright"


def _texts(made: Timer, kind: Kind, known: Any, at: Any) -> str:
    if kind == "cron":
        return "\n".join(made.cron_lines(known, at))
    service, unit = made.units
    return f"# {service}\n{made.service()}\n# {unit}\n{made.unit(known, at)}"


def _run(root: Path, files: Sequence[Path]) -> int:
    """Run what is due; also notify people of failures before the workflow itself could."""
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
    """Notify people of a run that failed before it could notify them itself."""
    reasons = (config.get("notify") or {}).get("reasons")
    text = why if reasons else "A scheduled run failed before any step began."
    found = [Notice("failed", f"{text} See {LOG} for the reason.", STATUS, why)]
    for untold in tell(root, config, found):
        logger.warning(untold)
