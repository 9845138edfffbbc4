import gzip
from concurrent.futures import ThreadPoolExecutor

import pytest
from forecasts import chosen, simulated, walked

from deliveries import HEAD, in_pieces, read
from pricewright.evaluation.evaluate import evaluate
from pricewright.forecasting import walkforward
from pricewright.steplog import log
from pricewright.steplog.log import Progress


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
    monkeypatch.setattr(log, "say", lambda message, **fields: found.append(fields))
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
        list(pool.map(counted.advance, [1] * 3_999))
    clock.wait(2)
    counted.advance(1)
    assert said[-1]["symbols"] == 4_000


@pytest.fixture
def everything(monkeypatch, said):
    """Whatever is counted is said, however fast it was done."""
    monkeypatch.setattr(log, "SECONDS", -1.0)
    monkeypatch.setattr(log, "SHARE", -1.0)
    return said


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("threads", [1, 4])
def test_a_file_that_is_read_is_counted_to_its_end(
    tmp_path, monkeypatch, everything, *, pack, threads
):
    in_pieces(monkeypatch, 1_000)
    text = HEAD + "".join(f"2024-01-02,S{number},1,2\n" for number in range(1_000))
    read(tmp_path, pack(text.encode()), threads=threads)
    assert len(everything) > 5
    assert everything[-1]["rows"] == 1_000
    assert everything[-1]["share"] == "1.000"
    counts = [fields["rows"] for fields in everything]
    assert counts == sorted(counts)


@pytest.mark.parametrize("processes", [1, 2])
def test_symbols_are_counted_as_they_are_forecast_and_scored(monkeypatch, everything, processes):
    monkeypatch.setattr(walkforward, "MANY", 0)
    panel, settings = simulated(70, 200), chosen(volatility="ewma", distribution="normal")
    evaluate(walked(panel, settings, processes), processes=processes)
    last = {fields["doing"]: fields for fields in everything}
    assert set(last) == {"forecasting", "scoring"}
    assert all(fields["symbols"] == fields["of"] == 70 for fields in last.values())
