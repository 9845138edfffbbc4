"""Timers: a systemd user timer, or lines of the crontab, that have a project run what is due.

systemd knows the exchange's own clock. Not every cron does: its lines are for the machine's clock,
for summer and for winter, and the one that comes too early finds nothing due. Neither knows
holidays; what is due, the run itself finds out.
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
"""Lines `NAME='value'` for what a timer runs, which has nobody's shell: passwords, services."""

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Timer:
    """The timer of a project.

    project: its folder.  program: the folder of this package.  configfile: what is laid over
    config/config.yaml, by paths from the project.
    """

    project: Path
    program: Path
    configfile: Sequence[Path] = ()

    @property
    def name(self) -> str:
        """What it is called, for each project otherwise."""
        words = re.sub(r"[^a-z0-9]+", "-", self.project.name.lower()).strip("-") or "project"
        return f"pricewright-{words}-{hashlib.sha256(bytes(self.project)).hexdigest()[:8]}"

    @property
    def command(self) -> str:
        """What it has a shell run."""
        words = [sys.executable, str(self.program), "schedule", "--run"]
        words += [word for file in self.configfile for word in ("--configfile", str(file))]
        return (
            f"cd {shlex.quote(str(self.project))} && mkdir -p {LOG.parent} && set -a && "
            f"{{ [ ! -f {ENVIRONMENT} ] || . ./{ENVIRONMENT}; }} && "
            f"exec {shlex.join(words)} >>{LOG} 2>&1"
        )

    def service(self) -> str:
        """The unit that systemd runs."""
        quoted = re.sub(r'(["\\])', r"\\\1", self.command).replace("%", "%%").replace("$", "$$")
        return (
            "[Unit]\n"
            f"Description=Pricewright: what is due in {_plain(self.project)}\n\n"
            "[Service]\n"
            "Type=oneshot\n"
            f'ExecStart=/bin/sh -c "{quoted}"\n'
        )

    def unit(self, timetable: Timetable, at: datetime) -> str:
        """The unit that says when. What the machine slept through runs when it is up again."""
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
        """The lines of a crontab, on the machine's clock."""
        command = self.command.replace("%", "\\%")
        return [
            f"{due.minute} {due.hour} * * {_cron_days(days)} {command} # {self.name}"
            for due, days in timetable.usual(at, None)
        ]

    @property
    def units(self) -> tuple[Path, Path]:
        """Where systemd looks for the two units: the service and the timer."""
        home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        folder = Path(home) / "systemd" / "user"
        return folder / f"{self.name}.service", folder / f"{self.name}.timer"

    def there(self) -> list[str]:
        """What is there of it: the units' paths, and the crontab's lines."""
        lines = _read_crontab() if shutil.which("crontab") else []
        return [*(str(path) for path in self.units if path.exists()), *self._own(lines)]

    def install(self, kind: Kind, timetable: Timetable, at: datetime) -> list[str]:
        """Put it there, in place of what was; returns what is there of it.

        Raises Refusal if systemd or cron does not take it.
        """
        if kind == "cron":
            self._write_lines(self.cron_lines(timetable, at))
            try:
                self._remove_units()
            except Refusal as refusal:  # which may be why cron is asked for
                logger.warning("the timer of systemd is still there, too: %s", refusal)
        else:
            self._enable_units(timetable, at)
            self._remove_lines()
        return self.there()

    def _enable_units(self, timetable: Timetable, at: datetime) -> None:
        """Write and enable the units; where systemd does not take them, those before are back."""
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
        """Take it away; returns what was there of it."""
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
        """Give the crontab these lines in place of those that it has of this timer."""
        lines = _read_crontab()
        was = self._own(lines)
        _write_crontab([*(line for line in lines if line not in was), *own])

    def _own(self, lines: Iterable[str]) -> list[str]:
        return [line for line in lines if line.endswith(f"# {self.name}")]


def usual_kind() -> Kind:
    """What this machine has: systemd's timers for users, else a crontab.

    Raises Refusal if it has neither.
    """
    if shutil.which("systemctl") and _run("systemctl", "--user", "show-environment")[0] == 0:
        return "systemd"
    if shutil.which("crontab"):
        return "cron"
    raise Refusal(
        "this machine has neither systemd timers for users nor a crontab; have its scheduler run "
        "`pricewright schedule --run` after the close."
    )


def _weekdays(days: Iterable[int]) -> str:
    return ",".join(DAYS[day] for day in sorted(days))


def _cron_days(days: Iterable[int]) -> str:
    return ",".join(str(day) for day in sorted((day + 1) % 7 for day in days))


def _plain(path: Path) -> str:
    """A path in a unit's description, where % and line breaks mean something."""
    return str(path).replace("%", "%%").replace("\n", " ")


def _read_crontab() -> list[str]:
    code, out, errors = _run("crontab", "-l")
    if code and "no crontab" not in errors.lower():
        raise Refusal(f"crontab -l: {errors.strip() or 'it failed'}; nothing was changed.")
    return out.splitlines() if not code else []


def _write_crontab(lines: Sequence[str]) -> None:
    code, _, errors = _run("crontab", "-", given="".join(f"{line}\n" for line in lines))
    if code:
        raise Refusal(f"crontab: {errors.strip() or 'it failed'}; it has what it had.")


def _systemctl(*words: str) -> None:
    code, _, errors = _run("systemctl", "--user", *words)
    if code:
        raise Refusal(
            f"systemctl --user {' '.join(words)}: {errors.strip() or 'it failed'}; see to it, or "
            "give --timer cron."
        )


def _run(*words: str, given: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        words, input=given, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr
