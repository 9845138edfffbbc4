"""Processes: results in their order, errors as they are, and nobody left behind."""

import os
import signal
import subprocess
import sys
import time
from itertools import count, islice
from unittest.mock import ANY

import psutil
import pytest

from conftest import ROOT, SCRIPTS
from pricewright.files.errors import Refusal
from pricewright.forecasting.processes import AHEAD, map_in_processes


def squared(number):
    return number**2, os.getpid()


def refuse(number):
    raise Refusal(f"prices.csv:{number}: is no price; mend it.")


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_are_in_the_order_of_the_pieces_and_made_elsewhere():
    found = list(map_in_processes(squared, range(20), 2))
    assert [square for square, _ in found] == [number**2 for number in range(20)]
    assert os.getpid() not in {process for _, process in found}
    assert {process for _, process in map_in_processes(squared, range(3), 1)} == {os.getpid()}


def test_pieces_are_taken_as_they_are_needed():
    """Those that are ready at a time are few, however many there are."""
    taken = []

    def pieces():
        for number in islice(count(), 50):
            taken.append(number)
            yield number

    with pytest.raises(Refusal):
        list(map_in_processes(refuse, pieces(), 2))
    assert len(taken) <= 2 * AHEAD + 1


def test_a_refusal_arrives_as_it_is():
    with pytest.raises(Refusal, match=r"^prices.csv:0: is no price; mend it\.$"):
        list(map_in_processes(refuse, range(3), 2))


def test_a_process_that_is_killed_is_a_want_of_memory_and_the_next_call_works():
    with pytest.raises(MemoryError, match="killed"):
        list(map_in_processes(die, range(3), 2))
    assert list(map_in_processes(squared, [3], 2)) == [(9, ANY)]


def test_workers_end_when_whoever_started_them_is_killed():
    work = "list(map_in_processes(squared, range(4), 2)); time.sleep(120)"
    code = f"import time; from test_parallel import *; {work}"
    path = os.pathsep.join(map(str, (SCRIPTS, ROOT / "tests", ROOT / "tests/unit/forecasting")))
    run = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path})
    workers: list[psutil.Process] = []
    deadline = time.monotonic() + 60
    while len(workers) < 2 and time.monotonic() < deadline:
        found = psutil.Process(run.pid).children(recursive=True)
        workers = [child for child in found if "--process-name" in child.cmdline()]
        time.sleep(0.1)
    assert len(workers) == 2
    run.kill()
    run.wait()
    gone, alive = psutil.wait_procs(workers, timeout=20)
    for left in alive:
        left.kill()
    assert len(gone) == 2
