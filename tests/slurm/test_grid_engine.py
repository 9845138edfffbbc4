"""The same steps as jobs of a real Grid Engine, by the profile `cluster-generic` as it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, STEPS

pytest_plugins = ["grid_engine"]


@pytest.fixture
def run(grid_engine, project):
    """A run of a project in which nothing has run."""
    impatient = ROOT / "tests" / "slurm" / "impatient.py"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    begun = subprocess.Popen(
        [sys.executable, impatient, "--workflow-profile", "cluster-generic"],
        cwd=project.folder,
        env=os.environ | grid_engine.variables | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield begun
    begun.kill()  # where the test went wrong
    begun.communicate()


def test_a_run_from_nothing_comes_to_the_same_bytes_though_somebody_deletes_a_job(
    grid_engine, run, project, run_once
):
    printed = project.folder / ".snakemake" / "log" / "pricewright-ingest.o1"
    grid_engine.wait_for(
        lambda: run.poll() is not None or (printed.exists() and printed.stat().st_size)
    )
    assert run.poll() is None, run.communicate()[0]
    grid_engine.command("qdel", "1")
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 0, said
    assert project.results() == run_once.results()
    jobs = grid_engine.jobs()
    assert [job["jobname"] for job in jobs] == [
        f"pricewright-{step}" for step in ("ingest", *STEPS)
    ]
    deleted, again, *_ = jobs
    assert deleted["failed"] != "0"
    assert {(job["failed"], job["exit_status"]) for job in jobs[1:]} == {("0", "0")}
    assert deleted["category"].endswith("-l h_rt=1860,mem_free=1000M -pe smp 4")
    assert again["category"].endswith("-l h_rt=3720,mem_free=2000M -pe smp 4")
