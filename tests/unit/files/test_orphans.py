"""A process ends with the one that it works for."""

import subprocess
import sys

import pytest

from conftest import SCRIPTS

WORKER = """
import sys, time
sys.path.insert(0, {scripts!r})
from pricewright.files.orphans import end_with

def last():
    print("the last word", flush=True)
    if {fails}:
        raise OSError("the disk is full")

end_with(int(sys.argv[1]), last)
print("at work", flush=True)
time.sleep(60)
"""


def worker(process, *, fails=False):
    code = WORKER.format(scripts=str(SCRIPTS), fails=fails)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(process)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.parametrize("fails", [False, True])
def test_a_worker_ends_with_the_killed_process_that_nobody_has_waited_for(fails):
    with subprocess.Popen(["sleep", "60"]) as other, worker(other.pid, fails=fails) as own:
        assert own.stdout.readline() == "at work\n"
        other.kill()
        assert own.wait(10) == 1
        assert own.stdout.read() == "the last word\n"


def test_a_worker_of_a_process_that_is_gone_already_ends_at_once():
    gone = subprocess.Popen(["true"])
    gone.wait()
    with worker(gone.pid) as own:
        assert own.wait(10) == 1
