"""What is due is run for in order, by one process at a time, and a kill leaves nothing behind."""

import json
import os
import shlex
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conftest import SCRIPTS, wait_until
from pricewright.files.errors import Refusal
from pricewright.scheduling.runs import (
    AT_WORK,
    DONE,
    LEFT,
    LOCK,
    LOG,
    LOG_BEFORE,
    LONGEST_LOG,
    RECEIPT,
    alone,
    hold,
    run_due,
    run_workflow,
    wait_for_others,
)
from pricewright.scheduling.sessions import Schedule

NEW_YORK = Schedule(exchange="XNYS")
SUNDAY = datetime(2026, 11, 29, tzinfo=UTC)  # the last sessions were on 23, 24, 25 and 27


@pytest.fixture
def desk(tmp_path):
    """Runs what is due, with a stand-in for the workflow; tells which days that was run for."""

    def run(*codes, at=SUNDAY, options=NEW_YORK):
        left, days = list(codes), []

        def workflow(day):
            days.append(day and str(day))
            return left.pop(0) if left else 0

        return run_due(tmp_path, options, workflow, lambda: at), days

    return run


def done_for(folder, day, exchange="XNYS"):
    (folder / DONE).parent.mkdir(exist_ok=True)
    (folder / DONE).write_text(json.dumps({"exchange": exchange, "done": day}))


def receipt_of(folder, last_date):
    (folder / RECEIPT).parent.mkdir()
    (folder / RECEIPT).write_text(json.dumps({"last_date": last_date}))


def last_done(folder):
    return json.loads((folder / DONE).read_text())["done"]


def test_the_first_run_is_of_the_newest_session_and_the_next_finds_nothing_due(desk, tmp_path):
    assert desk() == (0, [None])
    assert last_done(tmp_path) == "2026-11-27"
    assert desk() == (0, [])
    assert desk(at=datetime(2026, 11, 30, 21, 29, tzinfo=UTC)) == (0, [])
    assert desk(at=datetime(2026, 11, 30, 21, 30, tzinfo=UTC)) == (0, [None])


def test_missed_days_are_run_for_in_order_each_as_of_its_day_and_the_newest_as_of_now(
    desk, tmp_path
):
    done_for(tmp_path, "2026-11-23")
    assert desk() == (0, ["2026-11-24", "2026-11-25", None])
    assert last_done(tmp_path) == "2026-11-27"


def test_a_missed_day_that_fails_keeps_no_later_one_waiting(desk, tmp_path):
    done_for(tmp_path, "2026-11-23")
    assert desk(1) == (1, ["2026-11-24", "2026-11-25", None])
    assert last_done(tmp_path) == "2026-11-27"


def test_the_newest_day_is_due_again_if_it_failed(desk, tmp_path):
    done_for(tmp_path, "2026-11-25")
    assert desk(3) == (3, [None])
    assert last_done(tmp_path) == "2026-11-25"
    monday = datetime(2026, 11, 30, 22, tzinfo=UTC)
    assert desk(at=monday) == (0, ["2026-11-27", None])


def test_a_session_is_run_as_of_its_day_once_a_later_one_has_begun(desk, tmp_path):
    done_for(tmp_path, "2026-11-25")
    before_the_open = datetime(2026, 11, 30, 14, 29, tzinfo=UTC)
    assert desk(3, at=before_the_open) == (3, [None])
    assert desk(at=before_the_open.replace(minute=30)) == (0, ["2026-11-27"])


def test_a_session_that_begins_during_the_wait_for_another_run_counts(tmp_path, monkeypatch):
    now, days = [SUNDAY], []

    def wait(root):
        now[0] = datetime(2026, 11, 30, 15, tzinfo=UTC)

    monkeypatch.setattr("pricewright.scheduling.runs.wait_for_others", wait)
    run_due(tmp_path, NEW_YORK, lambda day: days.append(str(day)), lambda: now[0])
    assert days == ["2026-11-27"]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ('{"exchange": "XLON", "done": "2026-11-27"}', "is of XLON, but config key 'schedule.exch"),
        ("{", "is damaged"),
        ('{"exchange": "XNYS", "done": 3}', "is damaged"),
        ("[]", "is damaged"),
    ],
)
def test_without_a_record_that_counts_the_newest_price_says_where_to_begin(
    desk, tmp_path, caplog, written, why
):
    (tmp_path / DONE).parent.mkdir()
    (tmp_path / DONE).write_text(written)
    assert desk(1) == (1, [None])
    assert why in caplog.text
    assert "only the newest session is run" in caplog.text
    receipt_of(tmp_path, "2026-11-24")  # its bar may be unfinished, so that day is run again
    assert desk() == (0, ["2026-11-24", "2026-11-25", None])
    assert "the sessions from 2026-11-24 on are run, the newest date in results/in" in caplog.text


def test_a_newest_price_of_long_ago_does_not_bring_back_a_year_of_sessions(desk, tmp_path):
    done_for(tmp_path, "2026-11-27", "XLON")
    receipt_of(tmp_path, "2025-11-24")
    assert desk() == (0, [None])


def test_a_session_that_closes_while_another_is_run_for_is_run_for_as_well(tmp_path):
    now, days = [SUNDAY], []

    def workflow(day):
        days.append(day)
        now[0] = datetime(2026, 11, 30, 22, tzinfo=UTC)
        return 0

    assert run_due(tmp_path, NEW_YORK, workflow, lambda: now[0]) == 0
    assert days == [None, None]


def process(code, folder, **environment):
    """A Python of its own that imports what is tested, and prints a line when it is under way."""
    head = (
        f"import sys, time; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "from datetime import UTC, datetime\n"
        "from pathlib import Path\n"
        "from pricewright.scheduling.runs import *\n"
        "from pricewright.scheduling.sessions import Schedule\n"
        f"root = Path({str(folder)!r})\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", head + code],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


RUN_DUE = """
def clock(): return datetime(2026, 11, 29, tzinfo=UTC)
options = Schedule(exchange="XNYS", command={command!r})
sys.exit(run_due(root, options, lambda day: run_workflow(root, options, (), day), clock))
"""


def slow(folder):
    """A command that says when it is under way, and ends when it may."""
    code = (
        "import os, time; from pathlib import Path; print(os.getpid(), flush=True)\n"
        "while not Path('may_end').exists(): time.sleep(0.01)\n"
        "with open('runs', 'a') as file: file.write('x')\n"
    )
    (folder / "slow.py").write_text(code)
    return shlex.join([sys.executable, "slow.py"])


def test_a_run_knows_what_the_environment_of_its_timer_holds(tmp_path, monkeypatch):
    monkeypatch.setenv("DESK_TOKEN", "of the desk")
    command = shlex.join(["sh", "-c", 'echo "$DESK_TOKEN" > told'])
    assert run_workflow(tmp_path, Schedule(exchange="XNYS", command=command), (), None) == 0
    assert (tmp_path / "told").read_text() == "of the desk\n"


def test_a_run_that_overlaps_the_one_before_leaves_and_nothing_is_run_twice(tmp_path, desk):
    first = process(RUN_DUE.format(command=slow(tmp_path)), tmp_path)
    first.stdout.readline()
    assert desk() == (0, [])
    (tmp_path / "may_end").touch()
    assert first.wait(60) == 0
    assert (tmp_path / "runs").read_text() == "x"
    assert desk() == (0, [])


def test_a_kill_of_all_leaves_no_lock_and_the_day_is_due_still(tmp_path, desk):
    first = process(RUN_DUE.format(command=slow(tmp_path)), tmp_path)
    worker = int(first.stdout.readline())
    first.kill()
    first.wait(60)
    assert desk() == (0, [])  # what it started is at work still, and keeps the lock
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: is_free(tmp_path / LOCK))
    assert desk() == (0, [None])


def is_free(path):
    with alone(path) as free:
        return free


HOLD = "hold(root / AT_WORK); print('at work', flush=True); time.sleep(60)"


def test_a_scheduled_run_waits_for_one_that_somebody_started(tmp_path):
    somebody = process(HOLD, tmp_path)
    somebody.stdout.readline()
    waiting = process("wait_for_others(root); print('free', flush=True)", tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(1)
    somebody.kill()
    assert waiting.wait(60) == 0
    somebody.wait(60)


def test_runs_that_people_start_do_not_wait_for_each_other(tmp_path):
    for descriptor in [hold(tmp_path / AT_WORK), hold(tmp_path / AT_WORK)]:
        os.close(descriptor)
    wait_for_others(tmp_path)


@pytest.fixture
def echo(tmp_path):
    """A command that writes down what it was given."""
    (tmp_path / "echo.py").write_text(
        "import json, sys\n"
        "with open('given', 'a') as file: print(json.dumps(sys.argv[1:]), file=file)\n"
    )
    command = shlex.join([sys.executable, "echo.py"])

    def given(rest="", files=(), day=None):
        (tmp_path / "given").unlink(missing_ok=True)
        options = Schedule(exchange="XNYS", command=f"{command} {rest}")
        assert run_workflow(tmp_path, options, files, day) == 0
        return [json.loads(line) for line in (tmp_path / "given").read_text().splitlines()]

    return given


DAY = datetime(2026, 11, 24).date()


def test_a_missed_day_is_given_as_the_last_one_beside_what_the_command_says(echo):
    as_of = "source={last_day: 2026-11-24}"
    assert echo() == [[]]
    assert echo("--cores 2", [Path("a.yaml")]) == [["--cores", "2", "--configfile", "a.yaml"]]
    assert echo(day=DAY) == [["--config", as_of]]
    for said in ("--config mode=score", "--config=mode=score", "-C mode=score", "-Cmode=score"):
        assert echo(f"{said} -k", day=DAY) == [["--config", as_of, "mode=score", "-k"]]
    twice = "-C shards=2 --config mode=score"  # of which Snakemake takes the last
    assert echo(twice, day=DAY) == [["-C", "shards=2", "--config", as_of, "mode=score"]]
    assert echo("--cores 1", day=DAY) == [["--cores", "1", "--config", as_of]]
    assert echo("--configfile b.yaml", [Path("a.yaml")]) == [["--configfile", "b.yaml"]]


def test_a_lock_that_a_killed_snakemake_left_is_undone_first(echo, tmp_path):
    (tmp_path / LEFT).mkdir(parents=True)
    (tmp_path / LEFT / "0.output.lock").touch()
    assert echo("--cores 1") == [["--cores", "1", "--unlock"], ["--cores", "1"]]


def test_a_command_that_is_not_there_is_refused(tmp_path):
    options = Schedule(exchange="XNYS", command="no-such-program")
    with pytest.raises(
        Refusal, match=r"'schedule\.command': found 'no-such-program', which cannot"
    ):
        run_workflow(tmp_path, options, (), None)


def test_a_long_log_is_put_aside_and_begun_anew(tmp_path):
    (tmp_path / "logs").mkdir()
    for size, kept in ((LONGEST_LOG, True), (LONGEST_LOG + 1, False)):
        with (tmp_path / LOG).open("wb") as file:
            file.truncate(size)
        run_due(tmp_path, Schedule(exchange="XNYS"), lambda day: 0)
        assert (tmp_path / LOG).stat().st_size == (size if kept else 0)
    assert (tmp_path / LOG_BEFORE).stat().st_size == LONGEST_LOG + 1
