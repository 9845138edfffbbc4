"""Timers: what systemd and cron are given, that they take it, and keep what is not ours."""

import os
import shutil
import subprocess
import sys
import time as clock
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pricewright.files.errors import Refusal
from pricewright.scheduling.runs import LOG
from pricewright.scheduling.sessions import Schedule, timetable
from pricewright.scheduling.timers import Timer, usual_kind

AT = datetime(2026, 11, 20, tzinfo=UTC)
NEW_YORK = timetable(Schedule(exchange="XNYS"), AT)

CRONTAB = """#!/bin/sh
case "$1" in
-l) [ -f "$CRON" ] || { echo "no crontab for ann" >&2; exit 1; }; cat "$CRON" ;;
-) cat > "$CRON" ;;
esac
"""
SYSTEMCTL = '#!/bin/sh\necho "$*" >> "$CALLS"\n[ -z "$NO_SYSTEMD" ]\n'


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose crontab and systemctl are files here."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("crontab", CRONTAB), ("systemctl", SYSTEMCTL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for tool in ("cat", "sh"):
        (programs / tool).symlink_to(shutil.which(tool))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("CRON", str(tmp_path / "cron"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def in_berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    clock.tzset()
    yield
    monkeypatch.undo()
    clock.tzset()


@pytest.fixture
def timer(tmp_path):
    return Timer(tmp_path / "desk", Path("/opt/pricewright"))


def test_the_service_runs_what_is_due_in_the_project_and_its_environment(tmp_path):
    project = tmp_path / 'a "b" $c 100% ü'
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys; print(os.getcwd(), os.environ['TOKEN'], os.getenv('c'), *sys.argv[1:])"
    )
    project.mkdir()
    (project / ".env").write_text("TOKEN='a $c b'\n")
    made = Timer(project, program, [Path("my desk.yaml")])
    [start] = [line for line in made.service().splitlines() if line.startswith("ExecStart=")]
    given = start.removeprefix('ExecStart=/bin/sh -c "').removesuffix('"')
    given = given.replace("$$", "$").replace("%%", "%").replace('\\"', '"').replace("\\\\", "\\")
    assert given == made.command
    subprocess.run(["/bin/sh", "-c", made.command], check=True)
    said = (project / LOG).read_text()
    assert said == f"{project} a $c b None schedule --run --configfile my desk.yaml\n"


def test_the_timer_has_the_clock_of_the_exchange_and_makes_up_for_what_was_slept_through(timer):
    unit = timer.unit(NEW_YORK, AT)
    assert "OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 16:30:00 America/New_York\n" in unit
    assert "Persistent=true\n" in unit
    assert "WantedBy=timers.target\n" in unit


@pytest.mark.parametrize("exchange", ["XNYS", "XSAU", "24/7"])
def test_systemd_takes_the_units(tmp_path, exchange):
    project = tmp_path / "a 100% $desk"
    made = Timer(project, tmp_path / "pricewright")
    service, unit = (tmp_path / path.name for path in made.units)
    service.write_text(made.service())
    unit.write_text(made.unit(timetable(Schedule(exchange=exchange), AT), AT))
    words = ["systemd-analyze", "verify", "--user", str(service), str(unit)]
    environment = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    ours = [line for line in done.stderr.splitlines() if made.name in line]
    assert ours == []
    for line in unit.read_text().splitlines():
        if line.startswith("OnCalendar="):
            words = ["systemd-analyze", "calendar", line.removeprefix("OnCalendar=")]
            subprocess.run(words, check=True, capture_output=True)


@pytest.mark.usefixtures("in_berlin")
def test_cron_has_the_machines_clock_for_summer_and_winter(timer):
    lines = timer.cron_lines(NEW_YORK, AT)
    assert [line.split(" cd ")[0] for line in lines] == [
        "30 21 * * 1,2,3,4,5",
        "30 22 * * 1,2,3,4,5",
    ]
    sunday = timer.cron_lines(timetable(Schedule(exchange="XSAU"), AT), AT)
    assert sunday[0].split(" cd ")[0] == "30 13 * * 0,1,2,3,4"


def test_a_percent_sign_is_no_line_break_to_cron(tmp_path):
    [line, *_] = Timer(tmp_path / "100%", Path("/p")).cron_lines(NEW_YORK, AT)
    assert line.count("%") == line.count("\\%") == 1


@pytest.mark.usefixtures("in_berlin")
def test_a_crontab_keeps_its_other_lines_and_gets_each_timer_once(machine, timer):
    other = Timer(machine / "other", Path("/opt/pricewright"))
    (machine / "cron").write_text("# mine\n5 4 * * * backup\n")
    other.install("cron", NEW_YORK, AT)
    for _ in range(2):
        assert timer.install("cron", NEW_YORK, AT) == timer.cron_lines(NEW_YORK, AT)
    lines = (machine / "cron").read_text().splitlines()
    assert lines == [
        "# mine",
        "5 4 * * * backup",
        *other.cron_lines(NEW_YORK, AT),
        *timer.cron_lines(NEW_YORK, AT),
    ]
    assert timer.remove() == timer.cron_lines(NEW_YORK, AT)
    assert timer.remove() == []
    assert (machine / "cron").read_text().splitlines() == lines[:-2]


def test_a_first_crontab_is_made(machine, timer):
    timer.install("cron", NEW_YORK, AT)
    assert (machine / "cron").read_text().splitlines() == timer.cron_lines(NEW_YORK, AT)


def test_a_machine_without_cron_or_with_one_that_hangs_is_told_so(machine, timer, monkeypatch):
    monkeypatch.setattr("pricewright.scheduling.timers._PATIENCE", 0.2)
    (machine / "bin/crontab").write_text("#!/bin/sh\nexec /bin/sleep 9\n")
    with pytest.raises(Refusal, match=r"^crontab -l: no answer in 0\.2 seconds"):
        timer.install("cron", NEW_YORK, AT)
    (machine / "bin/crontab").unlink()
    with pytest.raises(Refusal, match=r"^crontab: this machine does not have it; install it, or"):
        timer.install("cron", NEW_YORK, AT)


def test_a_crontab_that_cannot_be_read_is_left_alone(machine, timer):
    (machine / "cron").write_text("mine\n")
    (machine / "bin/crontab").write_text('#!/bin/sh\necho "you are not allowed" >&2\nexit 1\n')
    with pytest.raises(Refusal, match="you are not allowed; nothing was changed"):
        timer.install("cron", NEW_YORK, AT)
    assert (machine / "cron").read_text() == "mine\n"


def test_systemd_is_told_of_the_units_and_of_their_end(machine, timer):
    made = timer.install("systemd", NEW_YORK, AT)
    assert made == [str(path) for path in timer.units]
    assert all(path.is_relative_to(machine / "config/systemd/user") for path in timer.units)
    assert timer.units[0].read_text() == timer.service()
    timer.remove()
    assert timer.there() == []
    unit = timer.units[1].name
    assert (machine / "calls").read_text().splitlines() == [
        "--user daemon-reload",
        f"--user enable --now {unit}",
        f"--user disable --now {unit}",
        "--user daemon-reload",
    ]


def test_a_change_from_one_kind_to_the_other_leaves_one_timer(timer, machine):
    timer.install("systemd", NEW_YORK, AT)
    assert timer.install("cron", NEW_YORK, AT) == timer.cron_lines(NEW_YORK, AT)
    assert not timer.units[0].exists()
    timer.install("systemd", NEW_YORK, AT)
    assert (machine / "cron").read_text() == ""


def test_the_machine_is_asked_what_it_has(machine, monkeypatch):
    assert usual_kind() == "systemd"
    monkeypatch.setenv("NO_SYSTEMD", "1")
    assert usual_kind() == "cron"
    (machine / "bin/crontab").unlink()
    with pytest.raises(Refusal, match="neither systemd user timers nor a crontab"):
        usual_kind()


@pytest.mark.parametrize("before", [None, "cron", "systemd"])
def test_where_systemd_refuses_that_is_said_and_the_timer_before_stays(
    machine, timer, monkeypatch, before
):
    later = timetable(Schedule(exchange="XNYS", after_minutes=90), AT)
    if before:
        timer.install(before, NEW_YORK, AT)
    was = [timer.there(), *(path.read_text() for path in timer.units if path.exists())]
    monkeypatch.setenv("NO_SYSTEMD", "1")
    with pytest.raises(Refusal, match="systemctl --user daemon-reload: it failed"):
        timer.install("systemd", later, AT)
    assert [timer.there(), *(path.read_text() for path in timer.units if path.exists())] == was


def test_where_systemd_does_not_take_its_timer_away_cron_has_one_and_that_is_said(
    machine, timer, monkeypatch, caplog
):
    timer.install("systemd", NEW_YORK, AT)
    monkeypatch.setenv("NO_SYSTEMD", "1")
    assert set(timer.cron_lines(NEW_YORK, AT)) <= set(timer.install("cron", NEW_YORK, AT))
    assert "the systemd timer could not be removed" in caplog.text


def test_where_cron_refuses_the_timer_before_stays(machine, timer):
    timer.install("systemd", NEW_YORK, AT)
    (machine / "bin/crontab").write_text('#!/bin/sh\necho "you are not allowed" >&2\nexit 1\n')
    with pytest.raises(Refusal, match="you are not allowed"):
        timer.install("cron", NEW_YORK, AT)
    assert all(path.exists() for path in timer.units)


def test_two_projects_of_one_name_have_timers_of_their_own():
    names = {Timer(Path(folder), Path("/p")).name for folder in ("/a/desk", "/b/desk")}
    assert len(names) == 2
    assert all(name.startswith("pricewright-desk-") for name in names)
    assert sys.executable in Timer(Path("/a"), Path("/p")).command
