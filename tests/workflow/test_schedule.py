"""The command `pricewright schedule`, and the workflow runs that it starts."""

import json
import os
import shutil
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conftest import PRICEWRIGHT, Project, begin, run_pricewright, wait_until
from pricewright.scheduling.runs import DONE, LEFT
from pricewright.scheduling.sessions import Schedule, timetable
from pricewright.signoffs import ledger

ALWAYS = Schedule(exchange="24/7")


@pytest.fixture
def scheduled(finished):
    finished.configure(schedule={"exchange": "24/7"})
    return finished


def newest():
    """The newest session that is due."""
    now = datetime.now(UTC)
    return timetable(ALWAYS, now).due(None, now)[-1]


def done_for(project: Project, day) -> None:
    path = project.folder / DONE
    path.write_text(json.dumps({"exchange": "24/7", "done": str(day)}))


def started(project: Project, **environment: str):
    words = (PRICEWRIGHT, "schedule", "--run")
    return begin(*words, cwd=project.folder, env=environment, stderr=subprocess.PIPE)


def run(project: Project):
    process = started(project)
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


def test_missed_days_are_run_in_order_with_the_prices_of_each_day(scheduled):
    last = newest()
    days = [last - timedelta(days=back) for back in (1, 0)]
    inbox = scheduled.folder / "inbox"
    inbox.mkdir()
    shutil.copy(scheduled.folder / "data/raw/small.csv", inbox / "0.csv")
    for day in [*days, last + timedelta(days=1)]:  # the bar of the last one is unfinished
        rows = "".join(f"{day},{symbol},50.5,1000\n" for symbol in ("S0", "S1"))
        (inbox / f"{day}.csv").write_text(f"date,symbol,close,volume\n{rows}")
    scheduled.configure(source={"uri": "inbox"})
    done_for(scheduled, days[0] - timedelta(days=1))
    code, errors = run(scheduled)
    assert code == 0, errors
    entries = ledger.read(scheduled.folder / "ledger")
    cutoffs = [entry.fields["cutoff"] for entry in entries if "cutoff" in entry.fields]
    assert cutoffs[1:] == [str(day) for day in days]
    as_of = f"source={{last_day: {last}}}"
    assert len(scheduled.snakemake("--config", as_of).ran) == 0
    assert run(scheduled)[1].count("nothing more is due") == 1


def test_a_killed_scheduled_run_is_resumed_by_the_next(scheduled, failing):
    scheduled.configure(retries={"times": 1, "delay": 60}, model={"decay": 0.9})
    killed = started(scheduled, **failing("model.json", 1))
    wait_until((scheduled.folder / "logs" / "train_or_score.3.log").exists)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert list((scheduled.folder / LEFT).iterdir())
    code, errors = run(scheduled)
    assert code == 0, errors
    assert "a run was killed and left Snakemake's lock" in errors
    assert "5 steps in" in errors or "3 steps in" in errors
    assert json.loads((scheduled.folder / DONE).read_text())["done"] >= str(newest())


def test_a_failure_before_any_step_is_announced_once_by_the_scheduled_run(
    scheduled, web_hook, monkeypatch
):
    monkeypatch.setenv("DESK_HOOK", web_hook.url)
    scheduled.configure(notify={"to": ["DESK_HOOK"]})
    (scheduled.folder / "data/raw/small.csv").rename(scheduled.folder / "late.csv")
    for _ in range(2):
        assert run(scheduled)[0] == 1
    assert web_hook.titles() == ["Small market: failed"]
    assert web_hook.texts()[0].startswith("A scheduled run failed before any step began.")
    scheduled.configure(model={"horizon": "soon"})
    assert run(scheduled)[0] == 1
    assert len(web_hook.taken) == 2
    assert not (scheduled.folder / DONE).exists()


def test_a_failed_step_is_announced_once_and_only_by_the_run(scheduled, web_hook, monkeypatch):
    monkeypatch.setenv("DESK_HOOK", web_hook.url)
    scheduled.configure(notify={"to": ["DESK_HOOK"]})
    path = scheduled.folder / "data/raw/small.csv"
    path.write_text("date,symbol,close,volume\n2024-01-02,A,45.1.2,5\n")
    assert run(scheduled)[0] == 1
    assert [text.split(";")[0] for text in web_hook.texts()] == ["ingest failed"]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with a crontab (a file in this test) and without systemd for users."""
    programs = tmp_path / "bin"
    programs.mkdir()
    crontab = f'#!/bin/sh\n[ "$1" = - ] && exec cat > {tmp_path}/cron\nexec cat {tmp_path}/cron\n'
    for name, text in (("crontab", crontab), ("systemctl", "#!/bin/sh\nexit 1\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (tmp_path / "cron").write_text("5 4 * * * backup\n")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def desk(tmp_path):
    """A project with nothing but a config."""
    (tmp_path / "desk/config").mkdir(parents=True)
    config = tmp_path / "desk/config/config.yaml"
    config.write_text("source: {uri: prices.csv}\nschedule: {exchange: XNYS}\n")
    (tmp_path / "desk/mine.yaml").write_text("schedule: {exchange: XTKS, after_minutes: 5}\n")
    return config.parents[1]


def schedule(desk: Path, *arguments: str):
    outcome = run_pricewright("schedule", *arguments, cwd=desk)
    return outcome.code, outcome.stdout, outcome.stderr


def test_a_timer_is_shown_installed_and_removed(desk, machine):
    before = (machine / "cron").read_text()
    code, shown, _ = schedule(desk, "--show")
    assert code == 0
    assert "Installed now: nothing." in shown
    assert "Last session run: none." in shown
    assert (machine / "cron").read_text() == before
    code, made, _ = schedule(desk)
    assert code == 0
    written = (machine / "cron").read_text().removeprefix(before).splitlines()
    assert written
    assert all(f"Made: {line}\n" in made and line in shown for line in written)
    assert schedule(desk, "--show")[1].count(written[0]) == 2
    assert "Removed: " in schedule(desk, "--remove")[1]
    assert (machine / "cron").read_text() == before
    assert schedule(desk, "--remove")[1] == "This project has no timer.\n"


@pytest.mark.usefixtures("machine")
def test_systemd_units_are_shown_with_their_own_config(desk):
    shown = schedule(desk, "--show", "--timer", "systemd", "--configfile", "mine.yaml")[1]
    assert "OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 15:35:00 Asia/Tokyo\n" in shown
    assert "schedule --run --configfile mine.yaml" in shown
    assert "JST" in shown


@pytest.mark.usefixtures("machine")
def test_impossible_schedules_are_refused_in_a_sentence(desk):
    assert "exclude each other" in schedule(desk, "--show", "--remove")[2]
    (desk / "config/config.yaml").write_text("source: {uri: prices.csv}\n")
    code, _, errors = schedule(desk)
    assert code == 1
    assert "pricewright schedule: config key 'schedule.exchange': found null; name" in errors
