"""A line of a log: what is written is read back; and the logs that are kept of attempts."""

import logging
import os
import re
import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pricewright.files.errors import Refusal
from pricewright.files.secrets import read_secret
from pricewright.steplog import log

AT = "2026-11-24T21:41:40.609Z"
LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def let_go():
    """Close the logs that are open."""
    for handler in list(log.logger.handlers):
        handler.close()
        log.logger.removeHandler(handler)


@pytest.fixture(autouse=True)
def no_handlers_left():
    yield
    let_go()


# Lines.


def test_a_line_is_time_level_step_message_and_fields(tmp_path):
    log.to_file(tmp_path / "clean.log", "clean")
    log.say("rows in/out: 2/2", output="a b.json", share=0.123456789, quote='"')
    line = (tmp_path / "clean.log").read_text()
    said = ' INFO clean rows in/out: 2/2 output="a b.json" share=0.123457 quote="\\""\n'
    assert re.fullmatch(LINE + re.escape(said), line)
    event = log.parse_line(AT + said[:-1])
    assert event.moment == datetime(2026, 11, 24, 21, 41, 40, 609_000, UTC)
    assert (event.level, event.step, event.message) == ("INFO", "clean", "rows in/out: 2/2")
    assert event.fields == {"output": "a b.json", "share": "0.123457", "quote": '"'}
    assert event.number("share") == 0.123457
    assert event.number("output") is None
    assert event.number("nothing") is None


@pytest.mark.parametrize(
    "line",
    [
        *("", "Traceback (most recent call last):", f"{AT} INFO", "2026-11-24 INFO a b"),
        "2026-99-99T00:00:00.000Z INFO clean read rows=1",
    ],
)
def test_what_is_no_line_of_ours_is_no_event(line):
    assert log.parse_line(line) is None


def test_in_a_line_of_absurd_length_no_fields_are_looked_for():
    event = log.parse_line(f"{AT} ERROR clean " + "a=b " * 100_000 + '"')
    assert event is not None
    assert event.fields == {}


TEXT = st.text(max_size=60)
VALUE = TEXT | st.integers() | st.floats() | st.sampled_from(['"', "\\", "a=b", "", "x\u2028y"])


def written(message, fields, level=logging.INFO):
    """A line as the file's handler writes it."""
    record = logging.makeLogRecord({"msg": message, "levelno": level, "fields": fields})
    record.levelname = logging.getLevelName(level)
    return log._Line("clean").format(record)


@given(message=TEXT, fields=st.dictionaries(st.from_regex(r"[a-z]\w*", fullmatch=True), VALUE))
@example(message="set a=b", fields={})
@example(message="read", fields={"path": 'C:\\new\n"x" y=1', "rows": 10**9, "text": "x" * 5000})
def test_an_event_that_is_written_is_read_back(message, fields):
    line = written(message, fields)
    assert line.encode()
    assert len(line.splitlines()) == 1
    event = log.parse_line(line)
    assert (event.level, event.step) == ("INFO", "clean")
    encodable = message.encode(errors="backslashreplace").decode()
    one_line = " ".join(encodable.splitlines())
    assert event.message == re.sub(r"( \w+)=", r"\1 =", one_line)
    as_text = {
        name: f"{value:.6g}" if isinstance(value, float) else str(value)
        for name, value in fields.items()
    }
    assert event.fields == as_text


@given(sentence=TEXT)
@example(sentence='rita\'s line has no namespaces="metrics" in it')
def test_an_errors_sentence_is_read_back_as_it_is(sentence):
    event = log.parse_line(written(sentence, {}, logging.ERROR))
    encodable = sentence.encode(errors="backslashreplace").decode()
    assert event.text == " ".join(encodable.splitlines())
    assert event.fields == {}


@pytest.mark.parametrize("secret", ['quo"ted-secret', "secret-é\twith tab", "plain-secret-1"])
def test_a_secret_is_in_no_line_however_its_value_is_quoted(secret, monkeypatch):
    monkeypatch.setenv("PRICES_TOKEN", secret)
    assert read_secret("PRICES_TOKEN") == secret
    line = written(f"asked with {secret}", {"header": f"Bearer {secret}"})
    assert secret not in line
    assert secret not in log.parse_line(line).fields["header"]


# Files.


def test_each_attempt_keeps_its_log(tmp_path):
    for attempt in range(1, 13):
        kept = log.to_file(tmp_path / "clean.log", "clean")
        assert kept == (tmp_path / f"clean.{attempt - 1}.log" if attempt > 1 else None)
        log.say(f"attempt {attempt}")
        let_go()
    assert (tmp_path / "clean.log").read_text().endswith("clean attempt 12\n")
    for attempt in range(1, 13):
        text = (tmp_path / f"clean.{attempt}.log").read_text()
        assert text.endswith(f"clean attempt {attempt}\n")


def fail(error: BaseException) -> None:
    try:
        raise error
    except BaseException as caught:
        log.failure(caught)


def test_logs_of_earlier_attempts_go_when_they_are_old_but_the_last_stays(tmp_path):
    for number, days in ((1, 10), (2, 1), (3, 10)):
        path = tmp_path / f"clean.{number}.log"
        path.write_text("x\n")
        then = time.time() - days * 86400
        os.utime(path, (then, then))
    assert log.to_file(tmp_path / "clean.log", "clean", 3) == tmp_path / "clean.3.log"
    assert log.kept_numbers(tmp_path / "clean.log") == [2, 3, 4]


def test_a_refusal_is_one_sentence_on_the_terminal_and_a_traceback_in_the_file(tmp_path, capsys):
    log.to_stderr("clean")
    log.to_file(tmp_path / "clean.log", "clean")
    fail(Refusal("a.json:3: wrong; mend it."))
    terminal = capsys.readouterr().err
    assert re.fullmatch(
        LINE + r" ERROR clean failed for good: a\.json:3: wrong; mend it\.\n", terminal
    )
    assert "Traceback" in (tmp_path / "clean.log").read_text()


def test_a_defect_shows_its_traceback_where_there_is_no_file_to_hold_it(capsys):
    log.to_stderr("clean")
    fail(KeyError("close"))
    terminal = capsys.readouterr().err
    assert "Traceback" in terminal
    assert terminal.endswith("failed for good: unexpected KeyError: 'close'\n")


@pytest.mark.parametrize(
    ("error", "last_words", "for_good"),
    [
        (Refusal("a.json:3: wrong."), "failed for good: a.json:3: wrong.", "a.json:3: wrong."),
        (ValueError("x"), "failed for good: unexpected ValueError: x", "unexpected ValueError: x"),
        (OSError(5, "Input/output error"), "failed: OSError: [Errno 5] Input/output error", None),
        (MemoryError(), "failed: MemoryError", None),
        (KeyboardInterrupt(), "failed: interrupted", None),
    ],
)
def test_a_log_tells_whether_its_attempt_failed_for_good(tmp_path, error, last_words, for_good):
    log.to_file(tmp_path / "clean.log", "clean")
    fail(error)
    assert (tmp_path / "clean.log").read_text().endswith(f" ERROR clean {last_words}\n")
    assert log.failed_for_good(tmp_path / "clean.log") == for_good


def test_an_error_that_no_retry_helps_says_what_to_do(tmp_path):
    log.to_file(tmp_path / "clean.log", "clean")
    fail(OSError(28, "No space left on device", "results/a.json"))
    said = "failed: OSError: [Errno 28] No space left on device: 'results/a.json'; free some space"
    assert f" {said}, then run the same command again.\n" in (tmp_path / "clean.log").read_text()


def test_only_the_end_of_a_large_log_is_read_and_only_whole_lines(tmp_path):
    path, line = tmp_path / "a.log", f"{AT} INFO clean progress rows=1\n"
    path.write_text(line * 5_000 + f"{AT} INFO clean half a li")
    found = log.last_events(path)
    assert 0 < len(found) <= log.TAIL // len(line)
    assert {event.message for event in found} == {"progress"}


def test_what_was_said_before_a_moment_is_left_out_and_bytes_that_are_no_text_no_trouble(tmp_path):
    path = tmp_path / "a.log"
    text = f"{AT} INFO clean one\n2026-11-24T21:41:41.000Z INFO clean two\n"
    path.write_bytes(b"\xff\xfe\n" + text.encode())
    assert [event.message for event in log.last_events(path)] == ["one", "two"]
    since = datetime(2026, 11, 24, 21, 41, 41, tzinfo=UTC)
    assert [event.message for event in log.last_events(path, since)] == ["two"]


def test_a_log_that_is_not_there_has_no_lines_and_tells_nothing(tmp_path):
    assert log.last_lines(tmp_path / "a.log") == []
    assert list(log.last_events(tmp_path)) == []
    assert log.failed_for_good(tmp_path / "a.log") is None


def test_the_reasons_of_a_failure_are_its_sentence_and_what_explains_it(tmp_path):
    path = tmp_path / "deploy.log"
    begin = "2026-01-01T00:00:00.000Z"
    lines = [
        f'{begin} INFO deploy start note="an ERROR of old"',
        f"{begin} ERROR deploy   missing: b",
    ]
    path.write_text("\n".join([*lines, f"{begin} ERROR deploy failed for good: a."]) + "\n")
    assert log.reasons(path) == ["deploy failed for good: a.", "missing: b"]
    path.write_text("\n".join(lines[:1]) + "\n")
    assert log.reasons(path) == [f"deploy {log.KILLED}"]
    path.write_text(f"{lines[0]}\n{begin} INFO deploy end\n")
    assert log.reasons(path) == []
    assert log.reasons(tmp_path / "none.log") == []
