from datetime import UTC, datetime

import pytest

from pricewright.steplog.log import TAIL, last_events, last_lines, parse_line

AT = "2026-11-24T21:41:40.609Z"


def test_a_line_is_time_level_step_message_and_fields():
    event = parse_line(f'{AT} INFO clean rows in/out: 2/2 output="a b.json" share=0.5 quote="\\""')
    assert event is not None
    assert event.moment == datetime(2026, 11, 24, 21, 41, 40, 609_000, UTC)
    assert (event.level, event.step, event.message) == ("INFO", "clean", "rows in/out: 2/2")
    assert event.fields == {"output": "a b.json", "share": "0.5", "quote": '"'}
    assert event.number("share") == 0.5
    assert event.number("output") is None
    assert event.number("nothing") is None


@pytest.mark.parametrize(
    "line", ["", "Traceback (most recent call last):", f"{AT} INFO", "2026-11-24 INFO a b"]
)
def test_what_is_no_line_of_ours_is_no_event(line):
    assert parse_line(line) is None


def test_a_sentence_that_ends_like_a_field_is_whole_in_the_text():
    event = parse_line(f"{AT} ERROR deploy failed for good: see accept.allow_unaccepted or x=1")
    assert event is not None
    assert event.text.endswith("or x=1")


def test_in_a_line_of_absurd_length_no_fields_are_looked_for():
    event = parse_line(f"{AT} ERROR clean " + "a=b " * 100_000 + '"')
    assert event is not None
    assert event.fields == {}


def test_only_the_end_of_a_large_log_is_read_and_only_whole_lines(tmp_path):
    log = tmp_path / "a.log"
    line = f"{AT} INFO clean progress rows=1\n"
    log.write_text(line * 5_000 + f"{AT} INFO clean half a li")
    found = last_events(log)
    assert 0 < len(found) <= TAIL // len(line)
    assert {event.message for event in found} == {"progress"}


def test_what_was_said_before_a_moment_is_left_out(tmp_path):
    log = tmp_path / "a.log"
    log.write_text(f"{AT} INFO clean one\n2026-11-24T21:41:41.000Z INFO clean two\n")
    since = datetime(2026, 11, 24, 21, 41, 41, tzinfo=UTC)
    assert [event.message for event in last_events(log, since)] == ["two"]


def test_a_log_that_is_not_there_has_no_lines(tmp_path):
    assert last_lines(tmp_path / "a.log") == []
    assert list(last_events(tmp_path)) == []


def test_bytes_that_are_no_text_are_no_trouble(tmp_path):
    (tmp_path / "a.log").write_bytes(b"\xff\xfe\n" + f"{AT} INFO clean one\n".encode())
    assert [event.message for event in last_events(tmp_path / "a.log")] == ["one"]
