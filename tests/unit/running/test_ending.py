import threading
import time
from types import SimpleNamespace

import pytest
from snakemake.logging import logger
from snakemake.scheduling.job_scheduler import JobScheduler

from running import records, startup


@pytest.fixture
def timers():
    """Two timers of an hour: one that Snakemake started, and one of the host's own."""
    before = set(threading.enumerate())
    JobScheduler._schedule_reevalutation(SimpleNamespace(_open_jobs=threading.Semaphore()), 3600)
    (of_snakemake,) = set(threading.enumerate()) - before
    own = threading.Timer(3600, print)
    own.start()
    yield of_snakemake, own
    for timer in (of_snakemake, own):
        timer.cancel()


def test_only_snakemakes_own_timers_end_with_a_run(timers):
    of_snakemake, own = timers
    records._end_now()
    assert of_snakemake.finished.is_set()
    assert not own.finished.is_set()


@pytest.fixture
def workflow(monkeypatch):
    """A workflow that begins in this process, with nothing of Snakemake's own exchanged."""
    monkeypatch.setattr(startup, "spare_pandas", lambda: None)
    monkeypatch.setattr(startup, "is_main", lambda workflow: True)
    monkeypatch.setattr(startup, "cancel_all", lambda executor: None)
    monkeypatch.setattr("running.terminal.watch", lambda workflow: None)
    monkeypatch.setattr(startup, "_RUN", {"began": 0.0})
    yield SimpleNamespace()
    logger.filters[:] = [one for one in logger.filters if not isinstance(one, startup.Overheard)]


def test_each_run_in_a_process_has_its_own_beginning_and_hears_of_itself_alone(workflow):
    heard = []
    for number in (1, 2):
        before = time.time()
        startup.begin(workflow, lambda workflow, number=number: heard.append(number))
        assert startup.began() >= before
    logger.warning("Nothing to be done (all requested files are present and up to date).")
    assert heard == [2]


def test_a_process_that_is_not_snakemakes_keeps_its_garbage_collector(monkeypatch):
    frozen = []
    monkeypatch.setattr(records.gc, "freeze", lambda: frozen.append(True))
    monkeypatch.delitem(records.sys.modules, "snakemake.cli", raising=False)
    records.let_go()
    assert frozen == []
