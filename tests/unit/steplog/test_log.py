"""A line of a log: what is written is read back."""

import logging
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pricewright.files.secrets import read_secret
from pricewright.steplog import log

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


def test_a_line_with_an_impossible_date_is_none_of_ours():
    assert log.parse_line("2026-99-99T00:00:00.000Z INFO clean read rows=1") is None
