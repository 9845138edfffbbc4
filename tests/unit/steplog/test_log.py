"""A line of a log: what is written is read back."""

import logging
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pricewright.steplog import log

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
VALUE = TEXT | st.integers() | st.floats() | st.sampled_from(['"', "\\", "a=b", "", "x\u2028y"])


def written(message, fields, level=logging.INFO):
    """A line as the file's handler writes it."""
    record = logging.makeLogRecord({"msg": message, "levelno": level, "fields": fields})
    record.levelname = logging.getLevelName(level)
    return log._Line("clean").format(record)


@settings(deadline=None)
@given(message=TEXT, fields=st.dictionaries(st.from_regex(r"[a-z]\w*", fullmatch=True), VALUE))
@example(message="set a=b", fields={})
@example(message="read", fields={"path": 'C:\\new\n"x" y=1', "rows": 10**9, "text": "x" * 5000})
def test_an_event_that_is_written_is_read_back(message, fields):
    line = written(message, fields)
    assert len(line.splitlines()) == 1
    event = log.parse(line)
    assert (event.level, event.step) == ("INFO", "clean")
    one_line = " ".join(message.splitlines())
    assert event.message == re.sub(r"( \w+)=", r"\1 =", one_line)
    as_text = {
        name: f"{value:.6g}" if isinstance(value, float) else str(value)
        for name, value in fields.items()
    }
    assert event.fields == as_text


@settings(deadline=None)
@given(sentence=TEXT)
@example(sentence='rita\'s line has no namespaces="metrics" in it')
def test_an_errors_sentence_is_read_back_as_it_is(sentence):
    event = log.parse(written(sentence, {}, logging.ERROR))
    assert event.text == " ".join(sentence.splitlines())
    assert event.fields == {}
