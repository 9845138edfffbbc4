"""Versions of Snakemake: the oldest allowed, the newest, and one with different internals."""

import re
import tomllib
from importlib import metadata

import pytest

from conftest import ROOT, STEPS

OLDEST = ROOT / ".venv" / "oldest"
"""The folder to which `make test` installs the oldest one."""


def test_the_allowed_range_of_snakemake_is_what_the_tests_try():
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (asked,) = [one for one in dependencies if one.startswith("snakemake ")]
    oldest = re.search(r"==(\d+\.\d+)", (ROOT / "requirements-oldest.lock").read_text())[1]
    major, minor = metadata.version("snakemake").split(".")[:2]
    assert asked == f"snakemake >={oldest},<{major}.{int(minor) + 1}"
    assert f'min_version("{oldest}")' in (ROOT / "workflow" / "Snakefile").read_text()


def test_the_oldest_snakemake_makes_the_same_bytes(project, run_once):
    assert OLDEST.is_dir(), "the oldest Snakemake is not there; `make test` installs it"
    outcome = project.snakemake(env={"PYTHONPATH": str(OLDEST)})
    assert (outcome.code, outcome.ran) == (0, list(STEPS)), outcome.stderr
    assert project.results() == run_once.results()
    assert (project.folder / "results/run_report.html").exists()
    assert (project.folder / "results/dag.svg").exists()


PRIVATE = {
    "records": ("dag_settings", "dag.rule_dot", "snakemake.sourcecache", "settings.enums"),
    "resources": ("remote_exec", "is_storage", "workflow.local_exec"),
    "run_report": ("snakemake.report.html_reporter", "create_report"),
    "overrides": ("snakemake.iocontainers", "snakemake.persistence", "job.restart_times"),
    "startup": (
        "workflow.overwrite_configfiles",
        "modifier.is_main_snakefile",
        "workflow.exec_mode",
    ),
    "params": ("workflow.attempt", "workflow.storage_settings"),
    "terminal": ("workflow.output_settings", "workflow.exec_mode"),
}
"""Private parts of Snakemake, by the module that uses them."""


def without(project, parts):
    """The project, run by a Snakemake that lacks some parts."""
    project.loses_comforts = True
    for module, names in parts.items():
        for name in names:
            part = name.rpartition(".")[2]
            project.edit(f"workflow/scripts/running/{module}.py", part, "no_such_part")


def test_without_snakemakes_private_parts_a_run_only_loses_comforts(project, run_once):
    without(project, PRIVATE)
    outcome = project.snakemake()
    assert (outcome.code, outcome.ran) == (0, list(STEPS)), outcome.stderr
    assert project.results() == run_once.results()
    warnings = [
        line for line in outcome.stderr.splitlines() if "An optional feature failed" in line
    ]
    for lost in ("picture of the DAG", "no run report", "imports pandas", "own lines"):
        assert any(lost in line for line in warnings), lost
    assert "Traceback" not in outcome.stderr
    assert not (project.folder / "results/run_report.html").exists()
    assert '"event":"run"' in (project.folder / "ledger/ledger.jsonl").read_text()


def test_without_the_dag_a_run_only_loses_its_records(project, run_once):
    project.loses_comforts = True
    project.edit("workflow/scripts/running/records.py", "dag.finished(", "dag.no_such_part(")
    outcome = project.snakemake()
    assert outcome.code == 0
    assert project.results() == run_once.results()
    assert "the run leaves no records" in outcome.stderr
    assert '"event":"run"' in (project.folder / "ledger/ledger.jsonl").read_text()


@pytest.mark.parametrize("part", ["create_report", "_DATA"])
def test_a_run_report_that_cannot_be_made_harmless_is_not_written(finished, part):
    without(finished, {"run_report": (part,)})
    (finished.folder / "results/run_report.html").unlink()
    outcome = finished.snakemake()
    assert outcome.code == 0
    assert not (finished.folder / "results/run_report.html").exists()
    assert "there is no run report" in outcome.stderr
