"""How the last run went, by the logs that are kept of it."""

import os
import platform
import re
from datetime import UTC, datetime

import pytest

from pricewright.steplog.last_run import _command, attempts, describe_run, last_run

HERE = platform.node()
NOON = datetime(2026, 11, 24, 12, 1, tzinfo=UTC)


@pytest.fixture
def log(tmp_path):
    """Writes the kept log of an attempt: texts at 12:00:00, 12:00:01 and so on."""
    (tmp_path / "logs").mkdir()

    def write(step, number, *texts, attempt=1, host=HERE, pid=10**9, at=0):
        begin = f"INFO {step} begin attempt={attempt} host={host} pid={pid}"
        lines = [
            f"2026-11-24T12:00:{second:02}.000Z {text}\n"
            for second, text in enumerate([begin, *texts], start=at)
        ]
        (tmp_path / "logs" / f"{step}.{number}.log").write_text("".join(lines))

    return write


def told(folder):
    return describe_run(last_run(folder), lambda: NOON)


def test_before_any_run_there_is_nothing_to_tell_and_how_to_begin(tmp_path):
    assert told(tmp_path) == "  nothing has run yet; begin with `snakemake --cores 1`"


def test_a_step_is_a_line_with_when_how_long_and_what_came_of_it(tmp_path, log):
    log("ingest", 1, "INFO ingest start", "INFO ingest end rows=7 kept=7")
    assert told(tmp_path) == (
        "  ingest          ok      2026-11-24T12:00:00Z      2.0 s  7 rows, 3.5/s"
    )


def test_steps_stand_in_the_order_in_which_they_run(tmp_path, log):
    for step in ("deploy", "clean", "report", "ingest"):
        log(step, 1, f"INFO {step} end")
    steps = [line.split()[0] for line in told(tmp_path).splitlines()]
    assert steps == ["ingest", "clean", "report", "deploy"]


def test_of_shards_those_are_told_whose_work_a_step_waits_for(tmp_path, log):
    (tmp_path / "logs" / "clean_shard").mkdir()
    last = {"1-of-12": "INFO x end", "9-of-12": "ERROR x failed: no", "10-of-12": "INFO x start"}
    for shard, text in last.items():
        log(f"clean_shard/{shard}", 1, text)
        (tmp_path / "logs" / "clean_shard" / f"{shard}.log").touch()
    lines = [line.split()[:3] for line in told(tmp_path).splitlines()]
    assert [words for words in lines if words[0] == "clean"] == [
        ["clean", "9-of-12", "failed"],
        ["clean", "10-of-12", "killed"],
    ]
    log("clean", 1, "INFO clean end", at=30)
    assert "of-12" not in told(tmp_path)


def test_of_a_failed_attempt_what_is_for_people_is_told_without_its_traceback(tmp_path, log):
    log("clean", 1, "INFO clean start", "DEBUG clean traceback", "ERROR clean failed: b.json: no")
    path = tmp_path / "logs" / "clean.1.log"
    raised = 'Traceback (most recent call last):\n  File "/a.py", line 1\nOSError: no\n'
    path.write_text(path.read_text().replace("traceback\n", f"traceback\n{raised}"))
    text = told(tmp_path)
    assert "ERROR clean failed: b.json: no" in text
    assert "INFO clean start" in text
    assert not re.search("traceback|line 1", text, re.IGNORECASE)


def test_the_attempts_of_the_last_run_are_told_apart_from_those_before(tmp_path, log):
    log("clean", 1, "ERROR clean failed: OSError: full")
    log("clean", 2, "INFO clean end rows=1", attempt=2)
    log("clean", 9, "ERROR clean failed: OSError: full")
    log("clean", 10, "ERROR clean failed: OSError: full", attempt=2)
    log("clean", 11, "INFO clean end rows=1", attempt=3)
    found = attempts(tmp_path / "logs" / "clean.log")
    assert [(one.log.name, one.number, one.state) for one in found] == [
        ("clean.9.log", 1, "failed"),
        ("clean.10.log", 2, "failed"),
        ("clean.11.log", 3, "ok"),
    ]
    assert "3 attempts, 1 row" in told(tmp_path)


def test_of_a_step_that_failed_the_end_of_the_log_that_says_why_is_shown(tmp_path, log):
    log("ingest", 1, "INFO ingest start", "ERROR ingest failed for good: a:3: wrong; mend it.")
    log("ingest", 2, "ERROR ingest failed for good: a:3: wrong; mend it.", attempt=2)
    first, where, *rest = told(tmp_path).splitlines()
    assert first.startswith("  ingest          failed  ")
    assert where.endswith("logs/ingest.1.log:")
    assert len(rest) == 3
    assert rest[-1].endswith("a:3: wrong; mend it.")


def test_of_a_step_that_was_killed_the_end_of_its_last_log_is_shown_and_what_may_help(
    tmp_path, log
):
    log("clean", 1, "INFO clean read rows=7")
    log("clean", 2, "INFO clean read rows=8", attempt=2)
    _, where, *_, end, hint = told(tmp_path).splitlines()
    assert where.endswith("logs/clean.2.log:")
    assert end.endswith("rows=8")
    assert hint.strip().startswith("it was killed before it could say why, often for lack of mem")


@pytest.mark.parametrize(
    ("host", "command", "state"),
    [
        (HERE, "python /x/.snakemake/scripts/tmp1.clean.py", "running"),
        (HERE, "another program that was given the number", "killed"),
        (HERE, "", "killed"),
        ("elsewhere", "", "running"),
    ],
)
def test_a_step_without_a_last_word_is_at_work_or_was_killed(
    tmp_path, log, monkeypatch, *, host, command, state
):
    monkeypatch.setattr("pricewright.steplog.last_run._command", lambda process: command)
    log("clean", 1, "INFO clean read rows=7", host=host)
    assert told(tmp_path).splitlines()[0].split()[1] == state
    if state == "running":
        assert " 1 min 00 s  7 rows" in told(tmp_path)


def test_this_process_is_there_and_one_that_is_gone_is_not():
    assert "python" in _command(os.getpid())
    assert _command(10**9) == ""


def test_logs_of_other_things_and_empty_ones_are_passed_over(tmp_path, log):
    log("clean", 1, "INFO clean end rows=1")
    (tmp_path / "logs" / "clean.2.log").touch()
    (tmp_path / "logs" / "clean.old.log").write_text("x\n")
    (tmp_path / "logs" / "clean.3.log").write_text("no line of ours\n")
    [only] = attempts(tmp_path / "logs" / "clean.log")
    assert only.log.name == "clean.1.log"


def test_a_log_from_before_attempts_were_numbered_is_one_attempt(tmp_path):
    (tmp_path / "logs").mkdir()
    old = "2026-11-24T12:00:00.000Z INFO clean start\n2026-11-24T12:00:01.000Z INFO clean end\n"
    (tmp_path / "logs" / "clean.1.log").write_text(old)
    assert told(tmp_path) == "  clean           ok      2026-11-24T12:00:00Z      1.0 s"


def test_no_escape_in_a_log_reaches_the_terminal(tmp_path, log):
    log("ingest", 1, "ERROR ingest failed for good: \x1b[2J\x07 in a.csv; mend it.")
    assert told(tmp_path).isascii()
    assert "\x1b" not in told(tmp_path)
    assert "\x07" not in told(tmp_path)
