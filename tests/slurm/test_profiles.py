"""The profiles: each is found by its name, says what it lacks, and plans or runs the same steps."""

import os
import re
import stat
from pathlib import Path

import orjson
import pytest
import yaml

from conftest import ROOT, STEPS, command

NAMES = ("slurm", "cluster-generic", "kubernetes")
PROFILES = ROOT / "profiles"

WITHOUT_PLUGINS = """
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: "_plugin_" not in name and real(name, *rest)
from snakemake.cli import main
main()
"""


def settings(name):
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text())


def test_there_is_no_other_profile():
    assert {folder.name for folder in PROFILES.iterdir()} == {"default", *NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_takes_the_place_of_the_default_one_with_all_that_it_sets(name):
    found = settings(name)
    assert found["executor"] == name
    assert settings("default").items() <= found.items()


@pytest.mark.parametrize("name", ["default", *NAMES])
def test_every_entry_of_a_profile_is_explained_above_it(name):
    blocks = (PROFILES / name / "config.yaml").read_text().strip().split("\n\n")
    assert [block for block in blocks if not block.startswith(("#", "executor: "))] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_plugin_that_is_missing_is_one_sentence(project, name):
    arguments = ("-c", WITHOUT_PLUGINS, "--workflow-profile", name, "--dry-run")
    outcome = command(*arguments, cwd=project.folder)
    assert outcome.code == 1
    *_, last = outcome.stderr.splitlines()
    assert re.fullmatch(rf"profiles/{name}: .* is missing; pip install snakemake-\S+", last)
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize("form", [["--workflow-profile", "slurm"], ["--profile", "profiles/slurm"]])
def test_both_ways_to_name_a_profile_plan_the_same_steps(project, form):
    outcome = command("-m", "snakemake", *form, "--dry-run", cwd=project.folder)
    assert outcome.code == 0, outcome.stderr
    assert sorted(outcome.ran) == sorted(STEPS)
    assert "profiles/slurm" in outcome.stderr


def test_what_a_job_asks_for_is_left_open_until_its_input_is_there(project):
    planned = project.snakemake("--dry-run").stdout
    for asked in ("runtime=31", "mem_mb=1000", "disk_mb=1100"):  # in no order
        assert f" {asked}" in planned
    assert planned.count("mem_mb=<TBD>") == 4


def test_what_every_job_asks_for_is_known_once_all_inputs_are_there(run_once):
    planned = run_once.snakemake("--dry-run", "--forceall").stdout
    assert "<TBD>" not in planned
    assert planned.count("mem_mb=") == 5


RUN = """
    for script; do :; done
    if [ -e exit-code ]; then sh "$script" > /dev/null 2>&1; echo $? > exit-code
    else echo 137 > exit-code; fi
"""
"""The first job is killed, as one over its memory; later ones run at once."""

BATCH = {
    "bsub": f'echo "$@" >> asked; {RUN} echo "Job <7> is submitted to queue <normal>."',
    "bjobs": 'case "$*,$(cat exit-code)" in *" 7,0") echo DONE ;; *" 7,"*) echo EXIT ;; esac',
    "qsub": f'echo "$@" >> asked; {RUN} echo 7',
    "qstat": "exit 1",
    "qacct": 'echo "jobnumber 7"; echo "failed 0"; echo "exit_status $(cat exit-code)"',
    "condor_submit": """
        cat > submitted; grep -e ^request -e ^+ submitted | tr "\\n" " " >> asked; echo >> asked
        set -- $(sed -n 's/^executable=//p' submitted)
    """
    + f'{RUN} echo "7.0 - 7.0"',
    "condor_q": "true",
    "condor_history": 'echo "4 $(cat exit-code)"',
}
"""What stands in for the commands of LSF, Grid Engine and HTCondor."""

ASKED = {
    "LSF": [
        "-n 4 -R span[hosts=1] -M 1000 -R rusage[mem=1000] -W 31",
        "-n 4 -R span[hosts=1] -M 2000 -R rusage[mem=2000] -W 62",
    ],
    "Grid Engine": [
        "-pe smp 4 -l h_vmem=251M -l h_rt=1860",
        "-pe smp 4 -l h_vmem=501M -l h_rt=3720",
    ],
    "HTCondor": [
        "request_cpus=4 request_memory=1000 +MaxRuntime=1860",
        "request_cpus=4 request_memory=2000 +MaxRuntime=3720",
    ],
}


@pytest.mark.parametrize("system", ASKED)
def test_a_batch_system_is_used_by_its_commands(finished, run_once, tmp_path, system):
    """As far as it can be tried without one: quoting, what is asked for, what the answers mean."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, body in BATCH.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(stat.S_IRWXU)
    choose(finished.folder / "profiles" / "cluster-generic" / "config.yaml", system)
    outcome = command(
        *(str(ROOT / "tests" / "slurm" / "impatient.py"), "--workflow-profile", "cluster-generic"),
        *("--forcerun", "ingest", "--until", "ingest"),
        cwd=finished.folder,
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
    )
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == ["ingest", "ingest"]
    assert finished.results() == run_once.results()
    said = (finished.folder / "asked").read_text().splitlines()
    assert len(said) == 2
    assert all(asked in line for asked, line in zip(ASKED[system], said, strict=True))


def choose(profile: Path, system: str) -> None:
    """Take a batch system's lines in, and LSF's out."""
    kept, taken = [], system == "LSF"
    for block in profile.read_text().split("\n\n"):
        heading = block.splitlines()[0]
        if heading.startswith(f"# {system}"):
            lines = block.splitlines()[1:]
            begin = next(i for i, line in enumerate(lines) if "cluster-generic-submit" in line)
            kept.append("\n".join(line.removeprefix("# ") for line in lines[begin:]))
            taken = True
        elif not heading.startswith(("# LSF", "# Grid Engine", "# HTCondor")):
            kept.append(block)
    assert taken
    profile.write_text("\n\n".join(kept) + "\n")


def test_the_steps_go_to_the_deployed_model_with_objects_in_the_place_of_files(project, desk):
    """As on Kubernetes, but with the jobs here: without a cluster no more can be tried."""
    desk.put("raw", {"small.csv": (project.folder / "data" / "raw" / "small.csv").read_bytes()})
    desk.put("pricewright", {})
    source = {"uri": "s3://raw/small.csv", "endpoint": desk.endpoint, "region": "us-east-1"}
    project.configure(source=source)
    arguments = ("--workflow-profile", "kubernetes", "--storage-s3-endpoint-url", desk.endpoint)
    planned = command("-m", "snakemake", *arguments, "--dry-run", cwd=project.folder)
    assert planned.code == 0, planned.stderr
    assert sorted(planned.ran) == sorted(STEPS)
    here = ("--executor", "local", "--cores", "1")
    outcome = command("-m", "snakemake", *arguments, *here, cwd=project.folder, seconds=120)
    assert outcome.code == 0, outcome.stderr
    stored = desk.client.get_object(Bucket="pricewright", Key="results/deployed_model.json")
    assert orjson.loads(stored["Body"].read())["symbols"]
    again = command("-m", "snakemake", *arguments, *here, cwd=project.folder)
    assert again.ran == []
    assert not (project.folder / "results").exists()
