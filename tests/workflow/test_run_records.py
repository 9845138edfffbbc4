"""The records of a run: each written on its own, restored if lost, and kept by partial runs."""

import re
import shutil
from pathlib import Path

import pytest

from conftest import STEPS, Project, command
from pricewright.files.disk import file_sha256
from pricewright.signoffs import ledger
from pricewright.signoffs.policy import author_of, last_config_files

RECORDS = ("dag.svg", "run_report.html")


def written(project: Project) -> dict[str, int]:
    """The times at which the existing records were written."""
    paths = {name: project.folder / "results" / name for name in RECORDS}
    return {name: path.stat().st_mtime_ns for name, path in paths.items() if path.is_file()}


def trained_by_somebody(project: Project) -> bool:
    model = file_sha256(project.folder / "results/model.json")
    return author_of(ledger.read(project.folder / "ledger"), model) is not None


def test_a_refused_model_stays_recorded_and_nothing_is_lost_when_it_is_allowed(finished):
    finished.configure(accept={"allow_unaccepted": False, "mae_ratio": 0.5}, model={"decay": 0.9})
    (finished.folder / "desk.yaml").write_text("{}\n")
    before = written(finished)
    outcome = finished.snakemake("--configfile", "desk.yaml")
    assert outcome.code == 1
    assert "is not accepted, so it is not deployed" in outcome.stderr
    assert trained_by_somebody(finished)
    entries = ledger.read(finished.folder / "ledger")
    assert [entry.event for entry in entries] == ["received", *["run", "report"] * 2]
    assert last_config_files(entries) == [Path("desk.yaml")]
    finished.configure(accept={"allow_unaccepted": True})
    outcome = finished.snakemake()
    assert (outcome.code, outcome.ran) == (0, ["report", "deploy"])
    assert trained_by_somebody(finished)
    assert all(written(finished)[name] > before[name] for name in RECORDS)


def test_an_idle_run_restores_missing_records_once_and_then_does_nothing(finished):
    for name in RECORDS:
        (finished.folder / "results" / name).unlink()
    outcome = finished.snakemake()
    assert (outcome.code, outcome.ran) == (0, [])
    assert "Nothing to be done" in outcome.stderr
    made = written(finished)
    assert set(made) == set(RECORDS)
    report = (finished.folder / "results/run_report.html").read_text()
    assert "dag.svg" in report
    assert all(f"results/{name}" in report for name in ("ingest.json", "deployed_model.json"))
    assert finished.snakemake().ran == []
    assert written(finished) == made


def test_a_dry_run_restores_no_records(finished):
    (finished.folder / "results/dag.svg").unlink()
    finished.snakemake("--dry-run")
    assert "dag.svg" not in written(finished)


def test_if_dot_cannot_draw_the_other_engine_does(finished, tmp_path):
    (tmp_path / "dot").write_text('#!/bin/sh\necho "Format: svg not recognized" >&2\nexit 1\n')
    (tmp_path / "dot").chmod(0o755)
    (finished.folder / "results/dag.svg").unlink()
    path = f"{tmp_path}:{Path(shutil.which('sh')).parent}"
    outcome = finished.snakemake(env={"PATH": path})
    assert outcome.code == 0, outcome.stderr
    assert "train_or_score" in (finished.folder / "results/dag.svg").read_text()


@pytest.mark.parametrize(
    "arguments", [["results/prices_raw.json", "-F"], ["-F", "--allowed-rules", "report"]]
)
def test_a_partial_run_leaves_the_records_of_the_whole_run_alone(finished, arguments):
    before = written(finished)
    outcome = finished.snakemake(*arguments)
    assert outcome.code == 0, outcome.stderr
    assert written(finished) == before


def test_records_that_cannot_be_written_cause_a_warning_and_the_run_succeeds(project):
    for name in RECORDS:
        (project.folder / "results" / name).mkdir(parents=True)
    (project.folder / "ledger").write_text("no folder\n")
    project.loses_comforts = True
    outcome = project.snakemake()
    assert (outcome.code, outcome.ran) == (0, list(STEPS)), outcome.stderr
    for lost in ("no picture of the DAG", "no run report", "The ledger does not record this run"):
        assert lost in outcome.stderr
    assert "5 steps in " in outcome.stderr
    for name in RECORDS:
        (project.folder / "results" / name).rmdir()
    (project.folder / "ledger").unlink()
    project.loses_comforts = False
    assert project.snakemake().ran == []
    assert set(written(project)) == set(RECORDS)
    assert project.snakemake("--forcerun", "train_or_score").code == 0
    assert trained_by_somebody(project)


def test_a_job_on_a_cluster_node_is_recorded_and_knows_its_attempt(finished):
    """The command that an executor runs on a node for a retry."""
    shutil.rmtree(finished.folder / "ledger")
    (finished.folder / "desk.yaml").write_text("{}\n")
    outcome = finished.snakemake(
        *("--mode", "remote", "--attempt", "2", "--target-jobs", "train_or_score:", "--force"),
        *("--allowed-rules", "train_or_score", "--no-hooks", "--nolock", "--ignore-incomplete"),
        *("--configfile", "desk.yaml"),
    )
    assert outcome.code == 0, outcome.stderr
    assert trained_by_somebody(finished)
    assert last_config_files(ledger.read(finished.folder / "ledger")) == [Path("desk.yaml")]
    log = (finished.folder / "logs/train_or_score.log").read_text()
    assert " wait attempt=2 seconds=0.05" in log


HOST = """
import threading, time
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import DAGSettings, OutputSettings, ResourceSettings

own = threading.Timer(3600, print)
own.daemon = True
own.start()
for steps in (("deploy",), (), ("deploy",)):
    with SnakemakeApi(OutputSettings()) as api:
        workflow = api.workflow(ResourceSettings(cores=1), snakefile=Path("Snakefile"))
        settings = DAGSettings(forcerun=steps, rerun_triggers=frozenset())
        workflow.dag(settings).execute_workflow(executor="local")
    time.time = lambda now=time.time: now() + 3600
print("own timer", own.is_alive() and not own.finished.is_set())
"""


def test_a_process_that_runs_snakemake_keeps_its_own_timer_and_times_each_run(finished):
    (finished.folder / "results/dag.svg").unlink()
    outcome = command("-c", HOST, cwd=finished.folder)
    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout.splitlines()[-1] == "own timer True"
    assert len(re.findall(r"1 step in [\d.]+ s", outcome.stderr)) == 2  # and not hours
    assert "dag.svg" in written(finished)
