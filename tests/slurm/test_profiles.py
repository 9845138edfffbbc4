"""The profiles: each is found by its name, says what it lacks, and plans or runs the same steps."""

import os
import re
import stat
import sys
from pathlib import Path

import orjson
import pytest
import yaml

from conftest import ROOT, STEPS, command

NAMES = ("slurm", "lsf", "cluster-generic", "kubernetes")
PROFILES = ROOT / "profiles"
IMPATIENT = str(ROOT / "tests" / "slurm" / "impatient.py")

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


HTCONDOR = {
    "condor_submit": """
        cat > submitted; grep -e ^request -e ^+ submitted | tr "\\n" " " >> asked; echo >> asked
        script=$(sed -n 's/^executable=//p' submitted)
        if [ -e exit-code ]; then sh "$script" > /dev/null 2>&1; echo $? > exit-code
        else echo 137 > exit-code; fi
        echo "7.0 - 7.0"
    """,
    "condor_q": "true",
    "condor_history": 'echo "4 $(cat exit-code)"',
}
"""What stands in for HTCondor's commands. The first job is killed, as one over its memory; later
ones run at once."""

LSF = {
    "badmin": 'echo "MBD configuration:"; for name in LSB_SHAREDIR LSF_CONFDIR; do '
    'echo "    $name = $LSF"; done',
    "lsclusters": 'echo "CLUSTER_NAME STATUS"; echo "desks ok"',
    "bhist": "true",
    "bsub": r"""
        for command; do :; done
        number=$(ls $LSF/jobs | wc -l)
        echo RUN > $LSF/jobs/$number
        echo "$@" >> $LSF/asked
        if [ $number = 0 ]; then echo EXIT > $LSF/jobs/0
        else (sh -c "$command" > /dev/null 2>&1 && echo DONE || echo EXIT) > $LSF/ended.$number &&
          mv $LSF/ended.$number $LSF/jobs/$number & fi
        echo "Job <$number> is submitted to default queue <normal>."
    """,
    "bjobs": 'cd $LSF/jobs; for number in *; do echo "$number $(cat $number)"; done',
}
"""What stands in for those of LSF. The first job is killed, later ones run beside the run."""


def stand_in(commands: dict[str, str], folder: Path) -> str:
    """Write commands that are found before all others; returns the path for programs."""
    folder.mkdir()
    for name, body in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(stat.S_IRWXU)
    return f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"


def test_htcondor_is_used_by_its_commands(finished, run_once, tmp_path):
    """As far as it can be tried without one: quoting, what is asked for, what the answers mean."""
    choose_htcondor(finished.folder / "profiles" / "cluster-generic" / "config.yaml")
    outcome = command(
        *(IMPATIENT, "--workflow-profile", "cluster-generic"),
        *("--forcerun", "ingest", "--until", "ingest"),
        cwd=finished.folder,
        env={"PATH": stand_in(HTCONDOR, tmp_path / "programs")},
    )
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == ["ingest", "ingest"]
    assert finished.results() == run_once.results()
    assert [line.strip() for line in (finished.folder / "asked").read_text().splitlines()] == [
        "request_cpus=4 request_memory=1000 +MaxRuntime=1860",
        "request_cpus=4 request_memory=2000 +MaxRuntime=3720",
    ]


def test_all_steps_are_jobs_of_lsf_and_one_that_is_killed_is_tried_again(
    project, run_once, tmp_path
):
    """The real plugin, with stand-ins for LSF: what it is asked for, and what its answers mean."""
    lsf = tmp_path / "lsf"
    (lsf / "jobs").mkdir(parents=True)
    settings = lsf / "lsbatch" / "desks" / "configdir" / "lsb.params"
    settings.parent.mkdir(parents=True)
    settings.write_text("Begin Parameters\nDEFAULT_QUEUE = normal\nEnd Parameters\n")
    outcome = command(
        *(IMPATIENT, "--workflow-profile", "lsf"),
        cwd=project.folder,
        env={"PATH": stand_in(LSF, tmp_path / "programs"), "LSF": str(lsf)},
        seconds=120,
    )
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == ["ingest", *STEPS]
    assert project.results() == run_once.results()
    killed, again, *others = (lsf / "asked").read_text().splitlines()
    assert " -q normal -W 31 -n 4 -R rusage[mem=250.0] -R span[hosts=1] " in killed
    assert " -q normal -W 62 -n 4 -R rusage[mem=500.0] -R span[hosts=1] " in again
    assert len(others) == len(STEPS) - 1


def choose_htcondor(profile: Path) -> None:
    """Take HTCondor's lines in, and Grid Engine's out."""
    engine, condor = "\n\n# Grid Engine", "\n\n# HTCondor"
    before, rest = profile.read_text().split(engine)
    lines, after = rest.split(condor)[1].split("\n\n", 1)
    lines = lines[lines.index("# cluster-generic-submit-cmd") :].replace("\n# ", "\n")
    profile.write_text(f"{before}\n\n{lines.removeprefix('# ')}\n\n{after}")


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
