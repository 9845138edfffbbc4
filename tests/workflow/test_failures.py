"""Passing failures are retried, permanent ones are not, and every log is kept."""

import os
import re
import signal
import time
from datetime import datetime

from running.step import ORPHANED

from conftest import STEPS, begin, wait_until
from pricewright.steplog.log import KILLED


def times(log):
    stamps = re.findall(r"^(\S+)Z ", log, re.MULTILINE)
    return [datetime.fromisoformat(stamp) for stamp in stamps]


def started(project, env=None):
    """A run that goes on meanwhile."""
    return begin("-m", "snakemake", "--cores", "1", cwd=project.folder, env=env)


def test_a_job_that_fails_for_a_while_is_retried_after_growing_waits(project, failing):
    project.configure(retries={"times": 3, "delay": 0.4})
    outcome = project.snakemake(env=failing("prices_clean.json", 2))
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == ["ingest", "clean", "clean", "clean", *STEPS[2:]]
    first, *more = map(int, re.findall(r"mem_mb=(\d+)", outcome.stderr)[1:4])
    assert more == [2 * first, 3 * first]
    logs = project.folder / "logs"
    first, second, last = ((logs / f"clean{n}.log").read_text() for n in (".1", ".2", ""))
    assert "Input/output error" in first
    assert "Input/output error" in second
    assert "Traceback" in first
    assert " wait attempt=2 seconds=0.4" in second
    assert " wait attempt=3 seconds=0.8" in last
    assert "rows in/out: 280/280" in last
    assert (times(last)[2] - times(last)[1]).total_seconds() >= 0.8


def test_a_deployment_that_fails_for_a_while_is_written_within_the_job(finished, failing):
    forced = ("--forcerun", "deploy")
    outcome = finished.snakemake(*forced, env=failing("deployed_model.json", 2))
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == ["deploy"]
    log = (finished.folder / "logs" / "deploy.log").read_text()
    assert [line.split(" ", 3)[3] for line in log.splitlines() if "attempt " in line] == [
        "failed attempt 1: [Errno 5] Input/output error: 'results/deployed_model.json'",
        "attempt 2 to place results/deployed_model.json",
        "failed attempt 2: [Errno 5] Input/output error: 'results/deployed_model.json'",
        "attempt 3 to place results/deployed_model.json",
    ]


def test_bad_data_fails_once_with_its_sentence_last_and_corrected_data_is_read(project):
    prices = project.folder / "data" / "raw" / "small.csv"
    good = prices.read_text()
    prices.write_text(good + '2024-01-01,S0,"1,1\n')
    (project.folder / "logs").mkdir()
    stale = project.folder / "logs" / "deploy.log"
    stale.write_text("2026-01-01T00:00:00.000Z ERROR deploy failed for good: long ago.\n")
    os.utime(stale, (0, 0))
    outcome = project.snakemake()
    assert outcome.code == 1
    assert "long ago" not in outcome.stderr
    sentence = "data/raw/small.csv:282: a quote on this line is never closed"
    assert outcome.ran == ["ingest"]
    assert outcome.stderr.count("Error in rule ingest") == 1
    (log,) = (project.folder / "logs").glob("ingest.?.log")
    assert f"ERROR ingest failed for good: {sentence}" in log.read_text().splitlines()[-1]
    for vain in ("Trying to restart", "Cannot restore"):
        assert vain not in outcome.stderr
    assert not (project.folder / "results" / "prices_raw.json").exists()
    assert f"logs/ingest.log: ingest failed for good: {sentence}" in outcome.stderr
    prices.write_text(good)
    mended = project.snakemake("results/prices_raw.json")
    assert (mended.code, mended.ran) == (0, ["ingest"]), mended.stderr


def test_after_a_failure_the_same_command_fails_until_the_data_are_corrected(finished):
    before, path = finished.results(), finished.folder / "data/raw/small.csv"
    good = path.read_bytes()
    path.write_text("date,symbol,close,volume\n2024-01-02,S0,45.1.2,5\n")
    for _ in range(2):
        outcome = finished.snakemake()
        assert (outcome.code, outcome.ran) == (1, ["ingest"])
    path.write_bytes(good)
    assert finished.snakemake().code == 0
    assert finished.results() == before
    assert finished.snakemake().ran == []


def test_an_error_at_import_reaches_the_log(project, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "pyarrow.py").write_text("raise ImportError('pyarrow is broken')\n")
    outcome = project.snakemake(env={"PYTHONPATH": str(tmp_path / "broken")})
    assert outcome.code == 1
    log = (project.folder / "logs" / "ingest.1.log").read_text()
    assert "Traceback" in log
    assert log.splitlines()[-1].endswith(
        "ERROR ingest failed for good: unexpected ImportError: pyarrow is broken"
    )


def test_code_that_does_not_parse_is_named_before_anything_runs(project):
    (project.folder / "workflow" / "scripts" / "pricewright" / "reporting" / "text.py").write_text(
        "def f(:\n"
    )
    outcome = project.snakemake()
    assert (outcome.code, outcome.ran) == (1, [])
    assert "text.py" in outcome.stderr


def test_a_run_killed_in_the_middle_is_resumed_where_it_was(project, failing):
    project.configure(retries={"times": 1, "delay": 30})
    run = started(project, failing("model.json", 1))
    wait_until((project.folder / "logs" / "train_or_score.2.log").exists)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert "one that was killed left its lock; wait for it to end" in project.snakemake().stderr
    assert project.snakemake("--unlock").code == 0
    outcome = project.snakemake()
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == list(STEPS[2:])


def test_a_step_that_is_killed_each_time_is_named_at_the_end_with_what_may_help(project):
    project.configure(retries={"times": 1, "delay": 0.05})
    script = "workflow/scripts/clean.py"
    project.edit(
        script, '    say("read"', '    __import__("os").kill(__import__("os").getpid(), 9)  #'
    )
    outcome = project.snakemake()
    assert (outcome.code, outcome.ran) == (1, ["ingest", "clean", "clean"])
    assert f"logs/clean.log: clean {KILLED}" in outcome.stderr.splitlines()[-1]


def test_a_step_ends_with_a_snakemake_that_is_killed_and_writes_nothing_later(project, failing):
    project.configure(retries={"times": 1, "delay": 3})
    run = started(project, failing("model.json", 1))
    log = project.folder / "logs" / "train_or_score.2.log"
    wait_until(lambda: log.exists() and " wait " in log.read_text())
    run.kill()
    time.sleep(1)  # meanwhile nobody waits for the killed process
    run.wait()
    time.sleep(5)
    assert log.read_text().splitlines()[-1].endswith(f"ERROR train_or_score failed: {ORPHANED}")
    assert not (project.folder / "results" / "model.json").exists()
    assert project.snakemake("--unlock").code == 0
    assert project.snakemake().ran == list(STEPS[2:])


def test_a_run_interrupted_as_a_step_begins_is_resumed_by_the_same_command(project):
    run = started(project)
    wait_until(lambda: [*(project.folder / ".snakemake" / "scripts").glob("*.clean.py")])
    os.killpg(run.pid, signal.SIGINT)
    run.wait()
    outcome = project.snakemake()
    assert outcome.code == 0, outcome.stderr
    # on a busy machine clean may end first
    assert outcome.ran in (list(STEPS[1:]), list(STEPS[2:]))
