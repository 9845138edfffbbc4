import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from pricewright import progress
from pricewright.progress import Progress


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said(monkeypatch):
    """What was said, a dict each."""
    found = []
    monkeypatch.setattr(progress, "say", lambda message, **fields: found.append(fields))
    return found


def test_work_that_is_done_within_a_second_is_not_spoken_of(said, clock):
    counted = Progress("rows", 10, clock=clock)
    for _ in range(10):
        clock.wait(0.09)
        counted.advance(1)
    assert said == []


def test_a_line_has_the_count_of_how_many_the_share_and_the_seconds(said, clock):
    counted = Progress("symbols", 200, "scoring", clock=clock)
    clock.wait(4)
    counted.advance(50)
    assert said == [
        {"doing": "scoring", "symbols": 50, "of": 200, "share": "0.250", "seconds": "4.0"}
    ]


def test_there_is_a_line_a_second_at_most_and_a_hundred_in_all(said, clock):
    counted = Progress("symbols", 100_000, clock=clock)
    for _ in range(10_000):
        clock.wait(0.1)
        counted.advance(10)
    assert 90 <= len(said) <= 100
    slow = Progress("symbols", 1000, clock=clock)
    said.clear()
    for _ in range(50):
        clock.wait(0.5)
        slow.advance(20)
    assert len(said) == 25


def test_with_no_end_in_sight_the_lines_become_fewer(said, clock):
    counted = Progress("rows", clock=clock)
    for _ in range(2_000):
        clock.wait(2)
        counted.advance(100)
    assert all("share" not in fields and "of" not in fields for fields in said)
    assert 50 < len(said) < 200


def test_a_share_that_is_told_from_outside_never_falls_and_never_passes_one(said, clock):
    counted = Progress("rows", clock=clock)
    for share in (0.5, 0.2, 1.2):
        counted.reached(share)
        clock.wait(2)
        counted.advance(1)
    assert [fields["share"] for fields in said] == ["0.500", "1.000"]


def test_no_count_is_lost_between_threads(said, clock):
    counted = Progress("symbols", 4_000, clock=clock)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(counted.counted(lambda one: one, lambda one: 1), range(3_999)))
    clock.wait(2)
    counted.advance(1)
    assert said[-1]["symbols"] == 4_000


def test_what_is_counted_returns_what_it_returned(said, clock):
    counted = Progress("symbols", 3, clock=clock).counted(str.upper, len)
    assert counted("abc") == "ABC"


def test_a_line_in_the_log_is_read_back_as_it_was_meant(tmp_path, clock):
    from pricewright import journal
    from pricewright.events import tail

    journal.to_file(tmp_path / "a.log", "train")
    counted = Progress("symbols", 8, "checking for leaks", clock=clock)
    clock.wait(2)
    counted.advance(2)
    for handler in list(journal.logger.handlers):
        handler.close()
        journal.logger.removeHandler(handler)
    [event] = tail(tmp_path / "a.log")
    assert event.message == "progress"
    assert event.fields["doing"] == "checking for leaks"
    assert event.number("share") == 0.25
    assert re.fullmatch(r"[\d.]+", event.fields["seconds"])
