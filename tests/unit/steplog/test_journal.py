import re

import pytest

from pricewright.files.errors import Refusal
from pricewright.steplog import log as journal

LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture(autouse=True)
def no_handlers_left():
    yield
    for handler in list(journal.logger.handlers):
        handler.close()
        journal.logger.removeHandler(handler)


def test_a_line_is_time_level_step_message_and_figures(tmp_path):
    journal.to_file(tmp_path / "clean.log", "clean")
    journal.say("rows in/out: 2/2", output="a b.json", share=0.123456789, quote='"')
    line = (tmp_path / "clean.log").read_text()
    assert re.fullmatch(
        LINE + r' INFO clean rows in/out: 2/2 output="a b\.json" share=0\.123457 quote="\\""\n',
        line,
    )


def test_each_attempt_keeps_its_log(tmp_path):
    for attempt in range(1, 13):
        kept = journal.to_file(tmp_path / "clean.log", "clean")
        assert kept == (tmp_path / f"clean.{attempt - 1}.log" if attempt > 1 else None)
        journal.say(f"attempt {attempt}")
        for handler in list(journal.logger.handlers):
            handler.close()
            journal.logger.removeHandler(handler)
    assert (tmp_path / "clean.log").read_text().endswith("clean attempt 12\n")
    for attempt in range(1, 13):
        log = (tmp_path / f"clean.{attempt}.log").read_text()
        assert log.endswith(f"clean attempt {attempt}\n")


def fail(error: BaseException) -> None:
    try:
        raise error
    except BaseException as caught:
        journal.failure(caught)


def test_a_refusal_is_one_sentence_on_the_terminal_and_a_traceback_in_the_file(tmp_path, capsys):
    journal.to_stderr("clean")
    journal.to_file(tmp_path / "clean.log", "clean")
    fail(Refusal("a.json:3: wrong; mend it."))
    terminal = capsys.readouterr().err
    assert re.fullmatch(
        LINE + r" ERROR clean failed for good: a\.json:3: wrong; mend it\.\n", terminal
    )
    assert "Traceback" in (tmp_path / "clean.log").read_text()


def test_a_defect_shows_its_traceback_where_there_is_no_file_to_hold_it(capsys):
    journal.to_stderr("clean")
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
        (KeyboardInterrupt(), "failed: KeyboardInterrupt", None),
    ],
)
def test_a_log_tells_whether_its_attempt_failed_for_good(tmp_path, error, last_words, for_good):
    journal.to_file(tmp_path / "clean.log", "clean")
    fail(error)
    assert (tmp_path / "clean.log").read_text().endswith(f" ERROR clean {last_words}\n")
    assert journal.failed_for_good(tmp_path / "clean.log") == for_good


def test_a_log_that_is_not_there_tells_nothing(tmp_path):
    assert journal.failed_for_good(tmp_path / "clean.log") is None
