"""The same steps as jobs of a real Slurm: the same bytes, whatever happens to jobs and nodes.

In the project that these runs share, `step.py` has some more lines. A step takes as many megabytes
as a file `ballast` says; and while there is a file `hold.<step>` it waits, and leaves a file
`held.<step>`, so that a test knows when it is at work.

Each test is a story, and all stories go on side by side on the one Slurm, for most of a story is
waiting. What happens to one must not happen to the others: only one is where a node dies.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from running.step import OUTRUN

from cluster import Job, Slurm
from conftest import ROOT, STEPS, Outcome, Project, copy_project

pytest_plugins = ["cluster"]

PROFILE = ("--workflow-profile", "slurm", "--slurm-status-command", "squeue")
APART = ("--default-resources", "slurm_partition=apart")
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
    plugins: Path
    runs: list[subprocess.Popen[str]] = field(default_factory=list)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a run; whoever does so waits for its end."""
        python = Path(sys.executable)
        path = f"{python.parent}:{os.environ['PATH']}"
        run = subprocess.Popen(
            [python, ROOT / "tests" / "slurm" / "impatient.py", *PROFILE, *arguments],
            cwd=self.folder,
            env=os.environ | {"PATH": path, "PYTHONPATH": str(self.plugins)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.runs.append(run)
        return run

    def run(self, *arguments: str) -> Outcome:
        return end_of(self.begin(*arguments))

    def begin_held(self, step: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a run, and see a step at work."""
        (self.folder / f"hold.{step}").touch()
        run = self.begin(*arguments)
        self.slurm.wait_for((self.folder / f"held.{step}").exists)
        return run

    def forget(self) -> None:
        """Be as if nothing had run."""
        for name in ("results", "logs", ".snakemake"):
            shutil.rmtree(self.folder / name)

    def let_go(self) -> None:
        for file in self.folder.glob("hold.*"):
            file.unlink()

    def jobs(self, rule: str | None = None, state: str | None = None) -> list[Job]:
        """Its jobs, or those of a rule or in a state, in order of submission."""
        return [
            job
            for job in self.slurm.jobs(self.folder)
            if rule in (None, job.rule) and state in (None, job.state)
        ]

    def queue(self) -> list[str]:
        return self.slurm.queue(self.folder)


def end_of(run: subprocess.Popen[str]) -> Outcome:
    stdout, stderr = run.communicate(timeout=300)
    return Outcome(run.returncode, stdout, stderr)


def ended_well(run: subprocess.Popen[str]) -> bool:
    outcome = end_of(run)
    assert outcome.code == 0, outcome.stderr
    return True


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The sample, run on this machine as by default; not to be changed."""
    made = Project(copy_project(tmp_path_factory.mktemp("local") / "project"))
    made.edit("workflow/scripts/running/step.py", CALL, HELD + CALL)
    made.configure(retries={"delay": 0.05})
    outcome = made.snakemake()
    assert outcome.code == 0, outcome.stderr
    return made


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slurm's plugin without the others, which each start of Snakemake would import as well."""
    folder = tmp_path_factory.mktemp("plugins")
    for name in ("snakemake_executor_plugin_slurm", "snakemake_executor_plugin_slurm_jobstep"):
        found = find_spec(name)
        assert found, f"{name} is not on Python's path: make test-cluster puts it there"
        (folder / name).symlink_to(*found.submodule_search_locations)
    return folder


Story = Callable[[OnSlurm, Project], None]
"""Given the project with everything done, and one like it that stays so."""

STORIES: dict[str, Story] = {}


def story(told: Story) -> Story:
    STORIES[told.__name__] = told
    return told


@pytest.fixture(scope="module")
def stories(
    request: pytest.FixtureRequest,
    slurm: Slurm,
    local: Project,
    plugins: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[None]]]:
    """Those that were asked for, going on. At the end of each, its queue must be empty."""

    def tell(told: Story, folder: Path) -> None:
        project = OnSlurm(shutil.copytree(local.folder, folder / "project"), slurm, plugins)
        try:
            told(project, local)
            assert project.queue() == []
        finally:
            for run in project.runs:
                run.kill()  # where a story went wrong, or a run is not waited for
                run.communicate()
            slurm.cancel(project.queue())

    asked = {item.name for item in request.session.items}
    with ThreadPoolExecutor(len(STORIES)) as pool:
        yield {
            name: pool.submit(tell, told, tmp_path_factory.mktemp("story"))
            for name, told in STORIES.items()
            if f"test_on_slurm[{name}]" in asked
        }


@story
def six_shards_on_three_nodes_of_which_one_dies_come_to_the_same_bytes(shared, local):
    shared.forget()
    run = shared.begin_held("train_or_score_shard", "--config", "shards=6")
    shared.slurm.wait_for(lambda: len(shared.jobs("train_or_score_shard", "RUNNING")) == 6)
    shards = shared.jobs("train_or_score_shard")
    dying = shards[0].node
    doomed = [job for job in shards if job.node == dying]
    shared.slurm.cut_power(dying, doomed)
    try:
        shared.let_go()
        assert ended_well(run)
    finally:
        shared.slurm.restore_power(dying)
    once = [*STEPS, "plan_shards"]
    six = {"clean_shard": 6, "train_or_score_shard": 6}
    assert Counter(job.rule for job in shared.jobs()) == Counter(once) + Counter(six)
    assert {job.state for job in shared.jobs()} == {"COMPLETED"}
    assert {job.node for job in shared.jobs("clean_shard")} == {"n1", "n2", "n3"}
    assert {job.node for job in shards} == {"n1", "n2", "n3"}
    after = {job.id: job for job in shared.jobs("train_or_score_shard")}
    again = {job.id for job in after.values() if job.restarts}
    assert again == {job.id for job in doomed}
    assert {after[id].restarts for id in again} == {1}
    assert dying not in {after[id].node for id in again}
    assert shared.results() == local.results()


@story
def a_killed_run_of_the_sample_that_is_started_again_does_nothing_twice_that_was_done(done, local):
    done.forget()
    run = done.begin_held("report", *APART)
    run.kill()
    assert end_of(run).ran == ["ingest", "clean", "train_or_score", "report"]
    done.let_go()  # nobody waits for this job now: it comes to its end all the same
    done.slurm.wait_for(lambda: not done.queue())
    assert done.run("--unlock").code == 0
    outcome = done.run(*APART)
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == ["deploy"]
    assert [(job.rule, job.state) for job in done.jobs()] == [(s, "COMPLETED") for s in STEPS]
    assert done.results() == local.results()
    assert done.snakemake().ran == []


@story
def a_job_that_a_killed_run_left_ends_when_the_next_run_begins(done, local):
    done.forget()
    run = done.begin_held("train_or_score", *APART)
    run.kill()
    end_of(run)
    (left,) = done.jobs("train_or_score")
    assert done.run("--unlock").code == 0
    again = done.begin(*APART)
    done.slurm.wait_for(lambda: done.jobs("train_or_score")[0].state == "FAILED")
    assert OUTRUN in (done.folder / "logs" / "train_or_score.1.log").read_text()
    done.let_go()
    assert ended_well(again)
    states = [(job.id == left.id, job.state) for job in done.jobs("train_or_score")]
    assert states == [(True, "FAILED"), (False, "COMPLETED")]
    assert done.results() == local.results()


@story
def a_job_over_its_time_is_ended_and_tried_again_with_more(done, local):
    run = done.begin_held("deploy", "--forcerun", "deploy", *APART)
    (job,) = done.jobs()
    done.slurm.let_time_pass(job)
    done.slurm.wait_for(lambda: len(done.jobs()) == 2)
    done.let_go()
    assert ended_well(run)
    ended, again = done.jobs()
    assert (ended.state, again.state) == ("TIMEOUT", "COMPLETED")
    assert (job.limit, again.limit) == ("00:11:00", "00:22:00")
    assert (ended.partition, again.partition) == ("apart", "apart")
    assert done.results() == local.results()


@story
def a_job_over_its_memory_is_killed_and_tried_again_with_more(done, local):
    (done.folder / "ballast").write_text("800")
    run = done.begin_held("deploy", "--forcerun", "deploy", *APART)
    done.slurm.wait_for(lambda: len(done.jobs()) == 2)
    done.let_go()
    assert ended_well(run)
    tries = [(job.memory, job.state) for job in done.jobs()]
    assert tries == [("700M", "FAILED"), ("1400M", "COMPLETED")]
    logs = (done.folder / "logs").glob("deploy.*.log")
    assert len(list(logs)) == 3  # here, and one in each of the jobs: none tries again by itself
    assert done.results() == local.results()


@story
def a_job_that_somebody_cancels_is_tried_again(done, local):
    run = done.begin_held("deploy", "--forcerun", "deploy", *APART)
    done.slurm.cancel(done.queue())
    done.let_go()
    assert ended_well(run)
    assert [job.state for job in done.jobs()] == ["CANCELLED", "COMPLETED"]
    assert done.results() == local.results()


@story
def an_interrupted_run_takes_its_jobs_with_it(done, local):
    run = done.begin_held("deploy", "--forcerun", "deploy", *APART)
    run.send_signal(signal.SIGINT)
    assert end_of(run).code != 0
    done.slurm.wait_for(lambda: not done.queue())
    assert [job.state for job in done.jobs()] == ["CANCELLED"]


@pytest.mark.parametrize("name", STORIES)
def test_on_slurm(stories, name):
    stories[name].result()
