"""The same steps as jobs of a real Slurm: the same bytes, whatever happens to jobs and nodes.

In the project that these runs share, `step.py` has some more lines. A step takes as many megabytes
as a file `ballast` says; and while there is a file `hold.<step>` it waits, and leaves a file
`held.<step>`, so that a test knows when it is at work.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cluster import Job, Slurm
from conftest import ROOT, STEPS, Outcome, Project, copy_project

pytest_plugins = ["cluster"]

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


@dataclass
class OnSlurm(Project):
    """A project whose steps are jobs of Slurm."""

    slurm: Slurm
    runs: list[subprocess.Popen[str]] = field(default_factory=list)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a run; whoever does so waits for its end."""
        python = Path(sys.executable)
        run = subprocess.Popen(
            [python, ROOT / "tests" / "slurm" / "impatient.py", *PROFILE, *arguments],
            cwd=self.folder,
            env=os.environ | {"PATH": f"{python.parent}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.runs.append(run)
        return run

    def run(self, *arguments: str) -> Outcome:
        return end_of(self.begin(*arguments))

    def begin_held(self, step: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a run that does a step again, and see that step at work."""
        (self.folder / f"hold.{step}").touch()
        run = self.begin("--forcerun", step, *arguments)
        self.slurm.wait_for((self.folder / f"held.{step}").exists)
        return run

    def let_go(self) -> None:
        for file in self.folder.glob("hold.*"):
            file.unlink()

    def jobs(self) -> list[Job]:
        return self.slurm.jobs(self.folder)

    def queue(self) -> list[str]:
        return self.slurm.queue(self.folder)


def end_of(run: subprocess.Popen[str]) -> Outcome:
    stdout, stderr = run.communicate(timeout=120)
    return Outcome(run.returncode, stdout, stderr)


def ended_well(run: subprocess.Popen[str]) -> bool:
    outcome = end_of(run)
    assert outcome.code == 0, outcome.stderr
    return True


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The sample, run on this machine as by default; not to be changed."""
    made = Project(copy_project(tmp_path_factory.mktemp("local") / "project"))
    made.edit("workflow/scripts/step.py", CALL, HELD + CALL)
    made.configure(retries={"delay": 0.05})
    outcome = made.snakemake()
    assert outcome.code == 0, outcome.stderr
    return made


@pytest.fixture
def done(slurm: Slurm, local: Project, tmp_path: Path) -> Iterator[OnSlurm]:
    """The project with everything done here; in the end, its queue must be empty."""
    with copied(slurm, local, tmp_path) as project:
        yield project


@contextlib.contextmanager
def copied(slurm: Slurm, local: Project, folder: Path) -> Iterator[OnSlurm]:
    project = OnSlurm(shutil.copytree(local.folder, folder / "project"), slurm)
    yield project
    left = project.queue()
    for run in project.runs:
        run.kill()  # where a test went wrong, or a run is not waited for
        run.communicate()
    slurm.cancel(project.queue())
    assert left == []


@pytest.fixture(scope="module", autouse=True)
def overdue(
    slurm: Slurm, local: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[OnSlurm, Job, subprocess.Popen[str]]]:
    """A run with a job whose time is up, begun before all others: Slurm takes its time, too."""
    with copied(slurm, local, tmp_path_factory.mktemp("overdue")) as project:
        run = project.begin_held("deploy", "--default-resources", "slurm_partition=apart")
        (job,) = project.jobs()
        slurm.let_time_pass(job)
        yield project, job, run
        if run.poll() is None:  # the test that waits for it was not asked for
            run.send_signal(signal.SIGINT)
            end_of(run)
            slurm.wait_for(lambda: not project.queue())


def test_the_sample_goes_to_the_deployed_model_as_jobs_and_comes_to_the_same_bytes(done, local):
    for folder in ("results", "logs", ".snakemake"):
        shutil.rmtree(done.folder / folder)
    outcome = done.run()
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == list(STEPS)
    assert [(job.rule, job.state) for job in done.jobs()] == [(s, "COMPLETED") for s in STEPS]
    assert done.results() == local.results()
    assert done.snakemake().ran == []


def test_a_node_that_dies_under_a_job_costs_no_attempt_and_the_bytes_are_the_same(done, local):
    run = done.begin_held("train_or_score", "--until", "train_or_score")
    (job,) = done.jobs()
    done.slurm.cut_power(job)
    try:
        done.let_go()
        assert ended_well(run)
    finally:
        done.slurm.restore_power(job.node)
    (again,) = done.jobs()
    assert (again.id, again.restarts, again.state) == (job.id, 1, "COMPLETED")
    assert again.node != job.node
    assert done.results() == local.results()


def test_a_job_over_its_memory_is_killed_and_tried_again_with_more(done, local):
    (done.folder / "ballast").write_text("800")
    run = done.begin_held("deploy")
    done.slurm.wait_for(lambda: len(done.jobs()) == 2)
    done.let_go()
    assert ended_well(run)
    tries = [(job.memory, job.state) for job in done.jobs()]
    assert tries == [("700M", "FAILED"), ("1400M", "COMPLETED")]
    logs = (done.folder / "logs").glob("deploy.*.log")
    assert len(list(logs)) == 3  # here, and one in each of the jobs: none tries again by itself
    assert done.results() == local.results()


def test_a_job_that_somebody_cancels_is_tried_again(done, local):
    run = done.begin_held("deploy")
    done.slurm.cancel(done.queue())
    done.let_go()
    assert ended_well(run)
    assert [job.state for job in done.jobs()] == ["CANCELLED", "COMPLETED"]
    assert done.results() == local.results()


def test_a_killed_run_that_is_started_again_does_nothing_twice_that_was_done(done, local):
    for name in ("report.txt", "deployed_model.json"):
        (done.folder / "results" / name).unlink()
    run = done.begin_held("report")
    run.kill()
    assert end_of(run).ran == ["report"]
    done.let_go()  # nobody waits for this job now: it comes to its end all the same
    done.slurm.wait_for(lambda: not done.queue())
    assert done.run("--unlock").code == 0
    outcome = done.run()
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == ["deploy"]
    jobs = [(job.rule, job.state) for job in done.jobs()]
    assert jobs == [("report", "COMPLETED"), ("deploy", "COMPLETED")]
    assert done.results() == local.results()


def test_an_interrupted_run_takes_its_jobs_with_it(done):
    run = done.begin_held("deploy")
    run.send_signal(signal.SIGINT)
    assert end_of(run).code != 0
    done.slurm.wait_for(lambda: not done.queue())
    assert [job.state for job in done.jobs()] == ["CANCELLED"]


THREE = """
rule all:
    input: expand("{part}.txt", part=range(3))

rule clean:
    output: "{part}.txt"
    threads: 3
    resources: mem_mb=500, runtime=10
    shell: "echo $SLURMD_NODENAME > {output}"
"""


def test_jobs_of_one_rule_are_one_submission_and_all_nodes_work(done):
    (done.folder / "three.smk").write_text(THREE)
    outcome = done.run("--snakefile", "three.smk")
    assert outcome.code == 0, outcome.stderr
    nodes = [(done.folder / f"{part}.txt").read_text().strip() for part in range(3)]
    assert sorted(nodes) == ["n1", "n2", "n3"]
    assert len({job.array for job in done.jobs()}) == 1


def test_a_job_over_its_time_is_ended_and_tried_again_with_more(overdue, local):
    project, job, run = overdue
    project.slurm.wait_for(lambda: len(project.jobs()) == 2)
    project.let_go()
    assert ended_well(run)
    ended, again = project.jobs()
    assert (ended.state, again.state) == ("TIMEOUT", "COMPLETED")
    assert (job.limit, again.limit) == ("00:11:00", "00:22:00")
    assert (ended.partition, again.partition) == ("apart", "apart")
    assert project.results() == local.results()
