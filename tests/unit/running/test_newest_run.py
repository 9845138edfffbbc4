"""A job ends once a newer run of its project has begun."""

import pytest

from running.newest_run import VARIABLE, announce, is_over, newest, run_of_this_job


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE)
    return tmp_path


def test_a_job_is_over_once_the_next_run_begins():
    announce(alone=True)
    run = run_of_this_job()
    assert run == newest()
    assert not is_over(run)
    announce(alone=True)
    assert is_over(run)
    assert not is_over(run_of_this_job())


def test_a_job_that_waited_in_the_queue_belongs_to_the_run_that_submitted_it(monkeypatch):
    announce(alone=True)
    first = run_of_this_job()
    announce(alone=True)
    monkeypatch.setenv(VARIABLE, first)  # as the cluster hands it down
    assert is_over(run_of_this_job())


def test_where_the_environment_is_not_handed_down_a_job_belongs_to_the_newest_run(monkeypatch):
    announce(alone=True)
    monkeypatch.delenv(VARIABLE)
    assert run_of_this_job() == newest()


def test_runs_without_snakemakes_lock_may_be_at_work_side_by_side():
    announce(alone=True)
    locked = run_of_this_job()
    announce(alone=False)
    assert run_of_this_job() == ""
    assert not is_over("")
    assert not is_over(locked)


def test_without_a_shared_folder_no_job_is_over(monkeypatch):
    assert run_of_this_job() == ""
    assert not is_over("node 1 2")
