"""Timers: a systemd user timer, or lines in the crontab, that start a project's due runs.

systemd can use the exchange's time zone. Not every cron can, so its lines use the machine's clock,
with one time each for summer and winter; a run that starts too early finds nothing due. Neither
knows holidays: the run itself finds out what is due.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pricewright.files.disk import write_whole
from pricewright.files.errors import Refusal
from pricewright.scheduling.runs import LOG
from pricewright.scheduling.sessions import Timetable
from pricewright.steplog.log import logger

Kind = Literal["systemd", "cron"]

ENVIRONMENT = Path(".env")
"""Lines `NAME='value'` with passwords and services for timed runs, which have no login shell."""

_PATIENCE = 60  # seconds for an answer of systemd or cron

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Timer:
    """The timer of a project.

    project: its folder.  program: the folder of this package.  configfile: files that override
    config/config.yaml, by paths relative to the project.
    """

    project: Path
    program: Path
    configfile: Sequence[Path] = ()

    @property
    def name(self) -> str:
        """The timer's name, different for each project."""
        words = re.sub(r"[^a-z0-9]+", "-", self.project.name.lower()).strip("-") or "project"
        return f"pricewright-{words}-{hashlib.sha256(bytes(self.project)).hexdigest()[:8]}"

    @property
    def command(self) -> str:
        """The shell command that the timer runs."""
        words = [sys.executable, str(self.program), "schedule", "--run"]
        words += [word for file in self.configfile for word in ("--configfile", str(file))]
        return (
            f"cd {shlex.quote(str(self.project))} && mkdir -p {LOG.parent} && set -a && "
            f"{{ [ ! -f {ENVIRONMENT} ] || . ./{ENVIRONMENT}; }} && "
            f"exec {shlex.join(words)} >>{LOG} 2>&1"
        )

    def service(self) -> str:
        """The systemd service unit."""
        quoted = re.sub(r'(["\\])', r"\\\1", self.command).replace("%", "%%").replace("$", "$$")
        return (
            "[Unit]\n"
            f"Description=Pricewright: run what is due in {_plain(self.project)}\n\n"
            "[Service]\n"
            "Type=oneshot\n"
            f'ExecStart=/bin/sh -c "{quoted}"\n'
        )

    def unit(self, timetable: Timetable, at: datetime) -> str:
        """The systemd timer unit. Times at which the machine was off run when it is up again."""
        calendar = "".join(
            f"OnCalendar={_weekdays(days)} *-*-* {due:%H:%M:%S} {timetable.zone.key}\n"
            for due, days in timetable.usual(at, timetable.zone)
        )
        return (
            "[Unit]\n"
            f"Description=Pricewright: after the close of {timetable.exchange}, "
            f"in {_plain(self.project)}\n\n"
            "[Timer]\n"
            f"{calendar}"
            "Persistent=true\n\n"
            "[Install]\n"
            "WantedBy=timers.target\n"
        )

    def cron_lines(self, timetable: Timetable, at: datetime) -> list[str]:
        """The timer's lines for the crontab, in the machine's time zone."""
        command = self.command.replace("%", "\\%")
        return [
            f"{due.minute} {due.hour} * * {_cron_days(days)} {command} # {self.name}"
            for due, days in timetable.usual(at, None)
        ]

    @property
    def units(self) -> tuple[Path, Path]:
        """The paths at which systemd looks for the two units: the service and the timer."""
        home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        folder = Path(home) / "systemd" / "user"
        return folder / f"{self.name}.service", folder / f"{self.name}.timer"

    def there(self) -> list[str]:
        """What is installed of the timer: paths of units, and lines of the crontab."""
        lines = _read_crontab() if shutil.which("crontab") else []
        return [*(str(path) for path in self.units if path.exists()), *self._own(lines)]

    def install(self, kind: Kind, timetable: Timetable, at: datetime) -> list[str]:
        """Install the timer in place of an earlier one; returns what is installed.

        Raises Refusal if systemd or cron does not accept it.
        """
        if kind == "cron":
            self._write_lines(self.cron_lines(timetable, at))
            try:
                self._remove_units()
            except Refusal as refusal:  # a broken systemd may be why cron is asked for
                logger.warning("the systemd timer could not be removed: %s", refusal)
        else:
            self._enable_units(timetable, at)
            self._remove_lines()
        return self.there()

    def _enable_units(self, timetable: Timetable, at: datetime) -> None:
        """Write and enable the units; if systemd does not accept them, restore the earlier ones."""
        service, unit = self.units
        was = {path: path.read_bytes() if path.exists() else None for path in self.units}
        write_whole(service, self.service().encode())
        write_whole(unit, self.unit(timetable, at).encode())
        try:
            _systemctl("daemon-reload")
            _systemctl("enable", "--now", unit.name)
        except Refusal:
            for path, content in was.items():
                path.unlink() if content is None else write_whole(path, content)
            with suppress(Refusal):
                _systemctl("daemon-reload")
            raise

    def remove(self) -> list[str]:
        """Remove the timer; returns what was installed of it."""
        was = self.there()
        self._remove_units()
        self._remove_lines()
        return was

    def _remove_units(self) -> None:
        if any(path.exists() for path in self.units):
            _systemctl("disable", "--now", self.units[1].name)
            for path in self.units:
                path.unlink(missing_ok=True)
            _systemctl("daemon-reload")

    def _remove_lines(self) -> None:
        if shutil.which("crontab") and self._own(_read_crontab()):
            self._write_lines([])

    def _write_lines(self, own: Sequence[str]) -> None:
        """Replace this timer's lines in the crontab with these."""
        lines = _read_crontab()
        was = self._own(lines)
        _write_crontab([*(line for line in lines if line not in was), *own])

    def _own(self, lines: Iterable[str]) -> list[str]:
        return [line for line in lines if line.endswith(f"# {self.name}")]


def usual_kind() -> Kind:
    """The kind of timer that this machine has: systemd user timers, else a crontab.

    Raises Refusal if it has neither.
    """
    if shutil.which("systemctl") and _run("systemctl", "--user", "show-environment")[0] == 0:
        return "systemd"
    if shutil.which("crontab"):
        return "cron"
    raise Refusal(
        "this machine has neither systemd user timers nor a crontab; set up another scheduler to "
        "run `pricewright schedule --run` after the close."
    )


def _weekdays(days: Iterable[int]) -> str:
    return ",".join(DAYS[day] for day in sorted(days))


def _cron_days(days: Iterable[int]) -> str:
    return ",".join(str(day) for day in sorted((day + 1) % 7 for day in days))


def _plain(path: Path) -> str:
    """A path for a unit's description, where % and line breaks have a meaning."""
    return str(path).replace("%", "%%").replace("\n", " ")


def _read_crontab() -> list[str]:
    code, out, errors = _run("crontab", "-l")
    if code and "no crontab" not in errors.lower():
        raise Refusal(f"crontab -l: {errors.strip() or 'it failed'}; nothing was changed.")
    return out.splitlines() if not code else []


def _write_crontab(lines: Sequence[str]) -> None:
    code, _, errors = _run("crontab", "-", given="".join(f"{line}\n" for line in lines))
    if code:
        raise Refusal(f"crontab: {errors.strip() or 'it failed'}; the crontab is unchanged.")


def _systemctl(*words: str) -> None:
    code, _, errors = _run("systemctl", "--user", *words)
    if code:
        raise Refusal(
            f"systemctl --user {' '.join(words)}: {errors.strip() or 'it failed'}; correct the "
            "cause, or use --timer cron."
        )


def _run(*words: str, given: str = "") -> tuple[int, str, str]:
    try:
        done = subprocess.run(
            words, input=given, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
    except FileNotFoundError:
        raise Refusal(
            f"{words[0]}: this machine does not have it; install it, or use another --timer."
        ) from None
    except subprocess.TimeoutExpired:
        raise Refusal(
            f"{' '.join(words)}: no answer in {_PATIENCE} seconds; correct the cause."
        ) from None
    return done.returncode, done.stdout, done.stderr
