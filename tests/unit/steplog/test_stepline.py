import pytest

from conftest import SCRIPTS
from pricewright.files.clock import format_duration
from pricewright.steplog.last_run import (
    SHARDS,
    STEPS,
    failure_reason,
    step_line,
    work_at_hand,
    work_done,
)
from pricewright.steplog.log import parse_line


def log(*texts):
    events = [parse_line(f"2026-11-24T21:41:40.609Z {text}") for text in texts]
    assert None not in events
    return events


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-0.01, "0.0 s"),
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7_380, "2 h 03 min"),
    ],
)
def test_a_span_of_time_is_told_in_the_units_that_people_use(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("texts", "share", "words"),
    [
        (
            [
                "start",
                'progress doing="checking for leaks" symbols=640 of=5000 share=0.128 seconds=8',
            ],
            0.128,
            "640 of 5,000 symbols, 80/s, checking for leaks",
        ),
        # the pace is that of the last line
        (
            ["progress rows=10 share=0.1 seconds=1", "progress rows=90 share=0.9 seconds=3"],
            0.9,
            "90 rows, 30/s",
        ),
        (["start", "read rows=2250000"], None, "2,250,000 rows"),
        ([], None, ""),
    ],
)
def test_a_step_at_work_tells_its_share_its_count_and_its_pace(texts, share, words):
    assert work_at_hand(log(*(f"INFO a {text}" for text in texts))) == (share, words)


@pytest.mark.parametrize(
    ("text", "seconds", "words"),
    [
        ("end rows=12154 kept=12150 output=a.json", 0.4, "12,154 rows, 12,150 kept"),
        ("end rows=12154 kept=12154", 4.0, "12,154 rows, 3,038/s"),
        ("end symbols=5 output=model.json", 10.0, "5 symbols, 0.5/s"),
        ("end artifact=results/report.txt", 9.0, "results/report.txt"),
        ("end", 1.0, ""),
    ],
)
def test_a_step_that_ended_tells_what_it_made_and_its_pace_if_it_took_long(text, seconds, words):
    assert work_done(log("INFO a start rows=1", f"INFO a {text}"), seconds) == words


def test_a_step_that_did_not_end_made_nothing():
    assert work_done(log("INFO a progress rows=1 seconds=2"), 3) == ""


def test_why_is_the_last_error_without_its_heading():
    events = log(
        "ERROR clean   bob must sign",
        "ERROR clean failed for good: a.json:3: wrong; mend it.",
    )
    assert failure_reason(events) == "a.json:3: wrong; mend it."
    assert (
        failure_reason(log("ERROR clean failed: OSError: [Errno 5] full"))
        == "OSError: [Errno 5] full"
    )
    assert failure_reason(log("WARNING clean failed attempt 1: full")) == ""


def test_lines_of_several_steps_stand_below_each_other():
    lines = [step_line("ingest", 0.4, "1 row"), step_line("train_or_score", 125, "2 symbols")]
    assert lines == ["ingest               0.4 s  1 row", "train_or_score  2 min 05 s  2 symbols"]


def test_the_last_run_has_every_step():
    scripts = {script.stem for script in SCRIPTS.glob("*.py")}
    assert {*STEPS, *SHARDS.values()} == scripts
