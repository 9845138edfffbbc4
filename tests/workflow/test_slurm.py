"""The same steps as jobs of a real Slurm: the same bytes, whatever happens to jobs and nodes.

In the project that these runs share, `step.py` has some more lines. A step takes as many megabytes
as a file `ballast` says; and while there is a file `hold.<step>` it waits, and leaves a file
`held.<step>`, so that a test knows when it is at work.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import Slurm
from conftest import CHECKPOINTS, ROOT, STEPS, Outcome, Project, copy_project

pytestmark = pytest.mark.xdist_group("slurm")

PROFILE = ("--workflow-profile", "slurm", "--slurm-status-command", "squeue")
CALL = "        function(**arguments(function, _job))\n"
HELD = """\
        if Path("ballast").exists():
            ballast = b"x" * (int(Path("ballast").read_text()) << 20)
        while Path(f"hold.{_job.rule}").exists():
            Path(f"held.{_job.rule}").touch()
            time.sleep(0.05)
"""


class OnSlurm(Project):
    """A project whose steps are jobs of Slurm."""

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a run; whoever does so waits for its end."""
        python = Path(sys.executable)
        return subprocess.Popen(
            [python, ROOT / "tests" / "impatient.py", *PROFILE, *arguments],
            cwd=self.folder,
            env=os.environ | {"PATH": f"{python.parent}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Outcome:
        return end_of(self.begin(*arguments))

    def hold(self, step: str) -> None:
        (self.folder / f"hold.{step}").touch()

    def let_go(self, step: str) -> None:
        (self.folder / f"hold.{step}").unlink(missing_ok=True)

    def held(self, step: str) -> bool:
        return (self.folder / f"held.{step}").exists()


def end_of(run: subprocess.Popen[str]) -> Outcome:
    stdout, stderr = run.communicate(timeout=120)
    return Outcome(run.returncode, stdout, stderr)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The sample, run on this machine as by default; not to be changed."""
    made = Project(copy_project(tmp_path_factory.mktemp("local") / "project"))
    made.edit("workflow/scripts/step.py", CALL, HELD + CALL)
    made.configure(retries={"delay": 0.05})
    outcome = made.snakemake()
    assert outcome.code == 0, outcome.stderr
    return made


@pytest.fixture
def begun(slurm: Slurm, local: Project, tmp_path: Path) -> Iterator[OnSlurm]:
    """The project with nothing done yet; in the end, nothing of it may be left in the queue."""
    yield from _copied(slurm, local, tmp_path, ("results", "logs", ".snakemake"))


@pytest.fixture
def done(slurm: Slurm, local: Project, tmp_path: Path) -> Iterator[OnSlurm]:
    """The project with everything done; in the end, nothing of it may be left in the queue."""
    yield from _copied(slurm, local, tmp_path, ())


def _copied(
    slurm: Slurm, local: Project, folder: Path, without: tuple[str, ...]
) -> Iterator[OnSlurm]:
    ignored = shutil.ignore_patterns(*without)
    yield OnSlurm(shutil.copytree(local.folder, folder / "project", ignore=ignored))
    left = slurm.queue()
    slurm.empty()
    assert left == []


def test_the_sample_goes_to_the_deployed_model_as_jobs_and_comes_to_the_same_bytes(
    slurm, begun, local
):
    earlier = slurm.jobs()
    outcome = begun.run()
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == list(STEPS)
    jobs = slurm.submitted_after(earlier)
    assert [(job.rule, job.state) for job in jobs] == [(step, "COMPLETED") for step in STEPS]
    assert begun.results() == local.results()
    assert begun.snakemake().ran == []


def test_a_node_that_dies_under_a_job_costs_no_attempt_and_the_bytes_are_the_same(
    slurm, done, local
):
    earlier = slurm.jobs()
    done.hold("train_or_score")
    run = done.begin("--forcerun", "train_or_score", "--until", "train_or_score")
    slurm.wait_for(lambda: done.held("train_or_score"))
    (job,) = slurm.submitted_after(earlier)
    slurm.cut_power(job.node)
    try:
        done.let_go("train_or_score")
        outcome = end_of(run)
    finally:
        slurm.restore_power(job.node)
    assert outcome.code == 0, outcome.stderr
    (again,) = slurm.submitted_after(earlier)
    assert (again.id, again.restarts, again.state) == (job.id, 1, "COMPLETED")
    assert again.node != job.node
    assert done.results() == local.results()


def test_a_job_over_its_memory_is_killed_and_tried_again_with_more(slurm, done, local):
    earlier = slurm.jobs()
    (done.folder / "ballast").write_text("600")
    done.hold("deploy")
    run = done.begin("--forcerun", "deploy")
    slurm.wait_for(lambda: len(slurm.submitted_after(earlier)) == 2)
    done.let_go("deploy")
    outcome = end_of(run)
    assert outcome.code == 0, outcome.stderr
    assert [(job.memory, job.state) for job in slurm.submitted_after(earlier)] == [
        ("500M", "FAILED"),
        ("1000M", "COMPLETED"),
    ]
    assert done.results() == local.results()


def test_a_job_over_its_time_is_ended_and_tried_again_with_more(slurm, done, local):
    earlier = slurm.jobs()
    done.hold("deploy")
    run = done.begin("--forcerun", "deploy")
    slurm.wait_for(lambda: done.held("deploy"))
    (job,) = slurm.submitted_after(earlier)
    slurm.let_time_pass(job)
    slurm.wait_for(lambda: len(slurm.submitted_after(earlier)) == 2)
    done.let_go("deploy")
    outcome = end_of(run)
    assert outcome.code == 0, outcome.stderr
    ended, again = slurm.submitted_after(earlier)
    assert (ended.state, again.state) == ("TIMEOUT", "COMPLETED")
    assert (job.limit, again.limit) == ("00:11:00", "00:21:00")
    assert done.results() == local.results()


def test_a_job_that_somebody_cancels_is_tried_again(slurm, done, local):
    earlier = slurm.jobs()
    done.hold("deploy")
    run = done.begin("--forcerun", "deploy")
    slurm.wait_for(lambda: done.held("deploy"))
    slurm.command("scancel", slurm.submitted_after(earlier)[0].id)
    done.let_go("deploy")
    outcome = end_of(run)
    assert outcome.code == 0, outcome.stderr
    states = [job.state for job in slurm.submitted_after(earlier)]
    assert states == ["CANCELLED", "COMPLETED"]
    assert done.results() == local.results()


def test_a_killed_run_that_is_started_again_does_nothing_twice_that_was_done(slurm, done, local):
    earlier = slurm.jobs()
    for name in CHECKPOINTS[1:]:
        (done.folder / "results" / name).unlink()
    done.hold("train_or_score")
    run = done.begin()
    slurm.wait_for(lambda: done.held("train_or_score"))
    run.kill()
    assert end_of(run).ran == ["clean", "train_or_score"]
    done.let_go("train_or_score")  # nobody waits for this job now; it comes to its end all the same
    slurm.wait_for(lambda: not slurm.queue())
    assert done.run("--unlock").code == 0
    outcome = done.run()
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == ["report", "deploy"]
    jobs = slurm.submitted_after(earlier)
    assert [(job.rule, job.state) for job in jobs] == [(step, "COMPLETED") for step in STEPS[1:]]
    assert done.results() == local.results()


def test_an_interrupted_run_takes_its_jobs_with_it(slurm, done):
    earlier = slurm.jobs()
    done.hold("deploy")
    run = done.begin("--forcerun", "deploy")
    slurm.wait_for(lambda: done.held("deploy"))
    run.send_signal(signal.SIGINT)
    assert end_of(run).code != 0
    slurm.wait_for(lambda: not slurm.queue())
    assert [job.state for job in slurm.submitted_after(earlier)] == ["CANCELLED"]
