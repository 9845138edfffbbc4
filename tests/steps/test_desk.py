"""A desk's daily runs: scored, watched, trained when due, and signed by people."""

import os
import random
import signal
import time
from functools import partial

import orjson
import pytest
from desk import SYMBOLS, Desk, prices

from conftest import SCRIPTS
from pricewright.files.errors import Refusal
from pricewright.monitoring.record_days import days, verify_record
from pricewright.monitoring.summary import describe_watch, watch_warning
from pricewright.releases.history import verify_releases
from pricewright.signoffs import ledger

FIRST = 300
"""The number of days with prices when the desk begins."""


@pytest.fixture
def desk(tmp_path, keys):
    return Desk(tmp_path / "desk", keys, SCRIPTS / "train_or_score.py")


def days_of(rows, count):
    """The rows of the first days."""
    return rows[: count * len(SYMBOLS)]


def dated(desk):
    """Every dated file on record, with its bytes."""
    return {
        path.name: path.read_bytes()
        for folder in ("forecasts", "live")
        for path in (desk.root / "production" / folder).glob("2*")
    }


def test_a_scored_day_leaves_signed_files_alone_and_only_people_change_production(desk):
    rows = prices(FIRST + 3)
    desk.run(days_of(rows, FIRST))
    first = desk.covered()
    desk.sign("reviewer", "source")
    desk.run(days_of(rows, FIRST + 1))
    assert [mode for _, mode, _ in desk.modes] == ["train", "score"]
    assert desk.covered() == first
    assert not (desk.root / "production/current").exists()
    released = desk.release()  # with the files signed the day before
    assert (desk.root / "production/current/model.json").read_bytes() == first["results/model.json"]
    assert orjson.loads((desk.root / "results/model.json").read_bytes())["mode"] == "score"
    desk.config["train"]["every"] = "1 day"
    desk.run(days_of(rows, FIRST + 2))
    assert desk.modes[-1][1] == "train"
    assert desk.covered() != first  # another model waits for people
    assert ledger.in_production(ledger.read(desk.root / "ledger")) == released


class Watched:
    """A desk with a release; after each run it checks that nothing on record has changed."""

    def __init__(self, desk, rows):
        self.desk, self.rows, self.kept = desk, rows, {}
        desk.run(days_of(rows, FIRST))
        assert desk.found is None
        self.released = desk.release()

    def run(self, day, change=lambda rows: rows, **options):
        self.desk.run(change(days_of(self.rows, FIRST + day)), **options)
        found = dated(self.desk)
        assert {name: found[name] for name in self.kept} == self.kept
        self.kept = found
        return self.desk.found

    def end(self):
        root = self.desk.root
        assert verify_record(root) == []
        assert verify_releases(root) == []
        assert ledger.verify(root / "ledger") == []
        assert self.desk.on_record() == sorted(self.desk.on_record())


def restated(rows):
    """The rows, with a different price on the second day after the release."""
    row = (FIRST + 1) * len(SYMBOLS)
    return [*rows[:row], rows[row] | {"close": rows[row]["close"] * 1.001}, *rows[row + 1 :]]


def with_commas(rows):
    """The rows in the new format of a vendor that changed it."""
    return [row | {"close": str(row["close"]).replace(".", ",")} for row in rows]


def test_the_record_survives_missed_and_late_days_restatements_and_a_new_format(desk):
    watched = Watched(desk, prices(FIRST + 11))
    assert (watched.run(1)["colour"], watched.run(2)["days"]) == ("green", 2)
    # a day was missed: two prices come at once, and no forecast of the second is on record
    assert watched.run(4)["days"] == 3
    assert len(desk.on_record()) == 4
    watched.run(4, hour=22)  # a holiday: no new prices
    assert len(desk.on_record()) == 4
    watched.run(5, wait=4)  # too late: the outcome could be known by then
    assert [day.late for day in days(desk.root)] == [*[False] * 4, True]
    found = watched.run(7)
    assert (found["days_late"], found["days"]) == (1, 4)  # that day's forecast does not count
    assert watched.run(8, restated)["changed_later"] == 2  # the move to that price and from it
    with pytest.raises(Refusal):
        watched.run(9, with_commas)  # nothing is accepted, nothing is lost
    assert len(desk.on_record()) == 7
    assert watched.run(9)["colour"] == "green"
    watched.end()


def test_doubled_volatility_turns_the_watch_red_and_trains_once_for_people_to_sign(desk):
    watched = Watched(desk, prices(FIRST + 60, doubles=FIRST + 1))
    day = 1
    while watched.run(day)["colour"] != "red":
        day += 1
        assert day < 50
        if desk.found["colour"] == "yellow":
            assert watch_warning(desk.root).startswith("THE WATCH IS YELLOW since ")
    assert desk.modes[-1][1] == "train"
    assert "the watch has been red since" in desk.modes[-1][2]
    assert any("value-at-risk" in reason for reason in desk.found["reasons"])
    watched.run(day + 1)
    assert desk.modes[-1][1] == "score"  # trained once; now people must sign
    assert ledger.in_production(ledger.read(desk.root / "ledger")) == watched.released
    assert describe_watch(desk.root)[0].startswith("red, since ")
    desk.release()
    assert watched.run(day + 2)["colour"] == "green"
    assert [span["release"] for span in desk.found["earlier"]] == [watched.released]
    assert desk.found["earlier"][0]["red_since"]
    assert watch_warning(desk.root) is None
    watched.end()


def killed_while(work, after):
    """Do work in a process and kill it after some seconds; returns whether it was still at work."""
    child = os.fork()
    if not child:
        os.setsid()
        work()
        os._exit(0)
    time.sleep(after)
    ended, _ = os.waitpid(child, os.WNOHANG)
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return not ended


def test_a_day_killed_at_any_instant_is_resumed_and_recorded_once(desk):
    watched = Watched(desk, prices(FIRST + 12))
    moments = random.Random(5)
    begun = time.perf_counter()
    watched.run(1)
    took = time.perf_counter() - begun
    killed = 0
    for day in range(2, 11):
        for _ in range(2):
            killed += killed_while(partial(watched.run, day), took * moments.uniform(0.1, 1.0))
        watched.run(day)
    assert killed > 4
    assert len(desk.on_record()) == 11
    assert desk.found["days"] == 10
    watched.end()
