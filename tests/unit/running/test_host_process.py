import os
import signal
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from snakemake.logging import logger
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake_interface_executor_plugins.settings import ExecMode

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


def workflow(main=True):
    """A workflow that begins in this process, as the main one or as a module of it."""
    modifier = SimpleNamespace(is_main_snakefile=lambda: main)
    return SimpleNamespace(exec_mode=ExecMode.DEFAULT, modifier=modifier)


@pytest.fixture
def heard(monkeypatch, caplog):
    """The runs that hear that they have nothing to do; nothing of Snakemake's own is exchanged."""
    for name in ("spare_pandas", "cancel_all", "try_wrong_data_once"):
        monkeypatch.setattr(startup, name, lambda *_: None)
    monkeypatch.setattr("running.terminal.watch", lambda workflow: None)
    monkeypatch.setattr(startup.current_run, "began", 0.0)
    logger.addHandler(caplog.handler)
    caplog.set_level("INFO", logger=logger.name)
    yield []
    startup.current_run.end()
    logger.removeHandler(caplog.handler)
    logger.removeFilter(startup.hear_that_nothing_is_done)


def nothing_to_do():
    logger.info("Nothing to be done (all requested files are present and up to date).")


def test_each_run_in_a_process_has_its_own_beginning_and_hears_of_itself_alone(heard):
    for number in (1, 2):
        before = time.time()
        startup.begin(workflow(), lambda workflow, number=number: heard.append(number))
        assert startup.current_run.began >= before
    nothing_to_do()
    assert heard == [2]


def test_a_run_that_is_over_does_not_hear_of_another_workflow_in_the_same_process(heard):
    startup.begin(workflow(), heard.append)
    records._end_now()
    nothing_to_do()
    assert heard == []


def test_a_module_says_what_it_leaves_out_and_makes_up_nothing(heard, caplog):
    startup.begin(workflow(main=False), heard.append)
    nothing_to_do()
    assert heard == []
    assert caplog.records[0].msg == startup.AS_A_MODULE


def test_a_process_that_is_not_snakemakes_keeps_its_garbage_collector(monkeypatch):
    frozen = []
    monkeypatch.setattr(records.gc, "freeze", lambda: frozen.append(True))
    monkeypatch.delitem(records.sys.modules, "snakemake.cli", raising=False)
    records.freeze_garbage()
    assert frozen == []


def interrupted():
    raise KeyboardInterrupt


def test_ctrl_c_after_the_steps_ends_the_command_as_it_does_during_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "snakemake.cli", object())
    with pytest.raises(SystemExit) as ended:
        records.ends_quietly(interrupted)()
    assert ended.value.code == 1


def test_ctrl_c_after_the_steps_is_the_business_of_a_host_process(monkeypatch):
    monkeypatch.delitem(sys.modules, "snakemake.cli", raising=False)
    with pytest.raises(KeyboardInterrupt):
        records.ends_quietly(interrupted)()


def test_ctrl_c_waits_until_the_ledger_has_its_line(monkeypatch):
    """And ends the run then."""
    written = []

    def tell_ledger(*_):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        written.append("line")

    monkeypatch.setitem(sys.modules, "snakemake.cli", object())
    monkeypatch.setattr(records, "tell_ledger", tell_ledger)
    monkeypatch.setattr(records, "is_stored", lambda workflow: False)
    monkeypatch.setattr(records, "_steps_done", lambda workflow: ["clean"])
    monkeypatch.setattr(records, "given_config_files", lambda workflow: [])
    with pytest.raises(SystemExit):
        records.leave_records(SimpleNamespace(touch=False), {"signoffs": {"author": None}})
    assert written == ["line"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
