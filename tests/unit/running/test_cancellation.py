"""An interrupted run cancels its jobs, also those that its executor has just let out of sight."""

import stat
import threading
from types import SimpleNamespace

import pytest
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

from running.overrides import cancel_all


class Cluster(RemoteExecutor):
    """An executor with some jobs, that asks for their status until it is let go on."""

    def __init__(self, *jobs):
        self.cancelled = []
        self.asking, self.answer = threading.Event(), threading.Event()
        self.active_jobs, self.lock = list(jobs), threading.Lock()
        self.wait, self._tmpdir = True, None
        settings = SimpleNamespace(init_seconds_before_status_checks=0)
        self.workflow = SimpleNamespace(
            executor_plugin=SimpleNamespace(common_settings=settings),
            remote_execution_settings=SimpleNamespace(immediate_submit=True),
        )
        self.wait_thread = threading.Thread(target=self._wait_thread)
        self.wait_thread.start()
        assert self.asking.wait(10)

    async def check_active_jobs(self, active_jobs):
        self.asking.set()
        self.answer.wait(10)
        for job in active_jobs:
            yield job

    async def sleep(self):
        pass

    def cancel_jobs(self, active_jobs):
        self.cancelled += active_jobs
        self.answer.set()

    def run_job(self, job):
        """Nothing is submitted here."""


@pytest.fixture(autouse=True)
def patched(monkeypatch):
    monkeypatch.setattr(RemoteExecutor, "cancel", RemoteExecutor.cancel)
    cancel_all(RemoteExecutor)
    cancel_all(RemoteExecutor)  # once more changes nothing


def test_jobs_whose_status_is_being_asked_for_are_cancelled():
    cluster = Cluster("job")
    cluster.cancel()
    assert cluster.cancelled == ["job"]


def test_jobs_that_were_about_to_be_submitted_are_cancelled_by_the_name_of_the_run(
    tmp_path, monkeypatch
):
    scancel = tmp_path / "scancel"
    scancel.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    scancel.chmod(scancel.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    cluster = Cluster()
    cluster.run_uuid = "pricewright_1"
    cluster.cancel()
    assert (tmp_path / "asked").read_text() == "--name=pricewright_1\n"
