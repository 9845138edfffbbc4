"""The command `pricewright` below a project, outside one and without the environment.

Also what `pricewright status` says about the last run.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from conftest import PRICEWRIGHT, STEPS, Project, command, run_pricewright

INSTALLED = "from pricewright.__main__ import installed; installed()"
"""The code of the environment's command."""


def test_the_command_works_from_a_folder_below_the_project(finished: Project):
    below = run_pricewright("status", cwd=finished.folder / "data/raw")
    assert (below.code, below.stdout) == (0, status(finished))


def test_a_path_is_relative_to_the_caller_and_shown_relative_to_the_project(
    project: Project, tmp_path
):
    more = project.folder / "data/more.yaml"
    more.write_text("report: {title: 7}\n")

    def refused(configfile):
        below = project.folder / "data/raw"
        done = run_pricewright("status", "--configfile", configfile, cwd=below)
        assert done.code == 1
        return done.stderr

    assert "config key 'report.title'" in refused("../more.yaml")
    assert refused("none.yaml").startswith("pricewright status: data/raw/none.yaml: no such file")
    outside = tmp_path / "none.yaml"
    assert refused(outside).startswith(f"pricewright status: {outside}: no such file")


@pytest.mark.parametrize("name", ["sign", "status", "verify"])
def test_outside_any_project_the_command_ends_in_one_sentence(tmp_path, name):
    done = run_pricewright(name, cwd=tmp_path)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr == (
        f"pricewright {name}: {tmp_path}: neither this folder nor any above it is a project "
        "with a config/config.yaml; change to a project's folder.\n"
    )


@pytest.mark.parametrize("given", [["status"], ["--help"], ["status", "--help"]])
def test_the_reader_of_the_output_may_stop_early(run_once: Project, given):
    arguments = [sys.executable, PRICEWRIGHT, *given]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(arguments, cwd=run_once.folder, **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_inside_a_release_the_command_finds_the_project_that_released_it(finished: Project):
    release = finished.folder / "production/releases/abc"
    (release / "workflow").mkdir(parents=True)
    (release / "workflow/Snakefile").touch()
    assert run_pricewright("status", cwd=release).stdout.startswith("Last run\n  ingest ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["status"], "has no module 'cyclopts'; build the environment with `make run`, then"),
        (["--help"], "has no module 'cyclopts'; build the environment with `make run`, then"),
        (["predict"], f"has no module 'numpy'; install it: {sys.executable} -m pip install numpy."),
    ],
)
def test_without_the_environment_the_command_says_how_to_create_it(tmp_path, arguments, sentence):
    done = command("-I", "-S", PRICEWRIGHT, *arguments, cwd=tmp_path)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"pricewright: {sys.executable} {sentence}")
    assert len(done.stderr.splitlines()) == 1


def test_an_environments_command_runs_the_code_of_the_current_project(project, tmp_path):
    project.edit(
        "workflow/scripts/pricewright/commands/status.py",
        "[describe_switches(root)]",
        '["  this is the copy"]',
    )
    shared = {"PYTHONPATH": str(Path(PRICEWRIGHT).parent)}
    for folder in (project.folder, project.folder / "config"):
        done = command("-c", INSTALLED, "status", cwd=folder, env=shared)
        assert done.stdout.endswith("Releases\n  this is the copy\n")
    outside = command("-c", INSTALLED, "--help", cwd=tmp_path, env=shared)
    assert outside.stdout.startswith("Usage: pricewright COMMAND")


def test_the_folder_can_be_copied_next_to_a_model_and_predicts(finished: Project, tmp_path):
    shutil.copytree(PRICEWRIGHT, tmp_path / "pricewright")
    shutil.copy(finished.folder / "results/deployed_model.json", tmp_path / "model.json")
    done = command("pricewright", "predict", "--model", "model.json", cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert done.stdout.startswith("symbol  from ")


@pytest.mark.skipif(
    not Path(sys.executable).with_name("pricewright").exists() and not os.environ.get("CI"),
    reason="installed by `make`; in CI it must be",
)
def test_installing_adds_this_command_and_makes_nothing_else_importable(project, tmp_path):
    installed = Path(sys.executable).with_name("pricewright")
    done = subprocess.run([installed, "status"], cwd=project.folder / "data", check=True)
    assert done.returncode == 0
    for name in ("running", "clean", "report"):
        outcome = command("-c", f"import {name}", cwd=tmp_path, env={"PYTHONPATH": ""})
        assert f"No module named '{name}'" in outcome.stderr


@pytest.fixture(scope="module")
def completion(tmp_path_factory) -> str:
    """The script for completion in bash."""
    script = tmp_path_factory.mktemp("bash") / "completion"
    install = ("--install-completion", "--shell", "bash", "--output", script)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(script.parent))
        assert run_pricewright(*install, cwd=script.parent).code == 0
    return str(script)


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("pricewright rol", "rollback"),
        ("pricewright sign --wi", "--withdraw"),
        ("pricewright sign me", "metrics"),
        ("pricewright predict --qu", "--quantiles"),
    ],
)
def test_bash_completes_commands_options_and_gates(completion, line, completed):
    ask = (
        f"source {completion}; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
        f"COMP_LINE='{line}'; COMP_POINT={len(line)}; "
        "$(complete -p pricewright | sed 's/.*-F \\([^ ]*\\).*/\\1/'); echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [completed], done.stderr


# The last run.


def status(project: Project) -> str:
    """The output of `pricewright status`."""
    done = run_pricewright("status", cwd=project.folder)
    assert (done.code, done.stderr) == (0, "")
    return done.stdout


def part(text: str, heading: str) -> list[str]:
    """The lines below a heading."""
    found = re.search(rf"(?:^|\n\n){heading}\n(.*?)(?:\n\n|\n?$)", text, re.DOTALL)
    return found[1].splitlines() if found else []


def test_before_any_run_status_says_how_to_begin(project: Project):
    text = status(project)
    assert part(text, "Last run") == ["  nothing has run yet; begin with `snakemake --cores 1`"]
    assert part(text, "Out of date") == []
    assert part(text, "Releases") == ["  nothing has been released yet"]


def test_after_a_run_status_has_a_line_per_step_and_nothing_is_out_of_date(finished: Project):
    text = status(finished)
    lines = part(text, "Last run")
    assert [line.split()[:2] for line in lines] == [[step, "ok"] for step in STEPS]
    assert all(re.search(r" 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ +\d+\.\d s", line) for line in lines)
    assert "280 rows" in lines[0]
    assert "2 symbols" in lines[2]
    assert part(text, "Out of date") == []


def test_after_a_failure_for_good_status_says_which_step_failed_once_and_why(finished: Project):
    (finished.folder / "data" / "raw" / "small.csv").write_text("<html>Sign in</html>\n")
    finished.configure(retries={"times": 1})
    assert finished.snakemake().code == 1
    text = status(finished)
    first, where, *log = part(text, "Last run")
    assert re.match(r"  ingest          failed .* \d+\.\d s$", first)
    assert where == "    logs/ingest.2.log:"
    assert "ERROR ingest failed for good: data/raw/small.csv" in "\n".join(log)
    assert "data/raw/small.csv" not in "\n".join(part(text, "Out of date"))


def test_status_names_a_source_that_changed_since_the_run(finished: Project):
    path = finished.folder / "data" / "raw" / "small.csv"
    path.write_text(path.read_text() + "2021-01-04,S0,50,1000\n")
    os.utime(path, (0, 0))  # its time does not matter
    source, what_to_do = part(status(finished), "Out of date")
    assert source == "  data/raw/small.csv has changed since the run that wrote results/ingest.json"
    assert "--forcerun ingest" in what_to_do


def test_status_names_a_file_that_no_run_has_read(finished: Project):
    raw = finished.folder / "data" / "raw"
    (raw / "smaller.csv").write_text((raw / "small.csv").read_text() + "2021-01-04,S0,50,1000\n")
    finished.configure(source={"uri": "data/raw/small*.csv"})
    source = "  data/raw/smaller.csv is not among the files that results/ingest.json lists"
    assert source in part(status(finished), "Out of date")


def test_status_says_that_the_code_of_the_workflow_has_changed(finished: Project):
    model = finished.folder / "results" / "model.json"
    document = orjson.loads(model.read_bytes())
    document["code"]["sha256"] = "0" * 64
    model.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    changed = "  results/model.json was made by other code: the workflow has changed since"
    assert changed in part(status(finished), "Out of date")


def test_status_says_that_this_version_cannot_read_the_model_in_production(finished: Project):
    document = orjson.loads((finished.folder / "results" / "model.json").read_bytes())
    document |= {"schema_version": 3, "code": {"sha256": "0" * 64}}
    release = finished.folder / "production" / "releases" / ("1" * 64)
    release.mkdir(parents=True)
    content = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    (release / "model.json").write_bytes(content)
    (finished.folder / "production" / "current").symlink_to(f"releases/{'1' * 64}")
    trouble = part(status(finished), "Releases")[0]
    assert "the model in production: this version of the workflow cannot read it" in trouble
    assert "a model of schema version 3" in trouble


def test_results_restored_from_an_older_delivery_are_out_of_date(finished: Project):
    shutil.copytree(finished.folder / "results", finished.folder / "backup")
    path = finished.folder / "data" / "raw" / "small.csv"
    path.write_text(path.read_text() + "2021-01-04,S0,50,1000\n")
    assert finished.snakemake("--until", "ingest").code == 0
    shutil.rmtree(finished.folder / "results")
    (finished.folder / "backup").rename(finished.folder / "results")
    source = "  data/raw/small.csv has changed since the run that wrote results/ingest.json"
    assert source in part(status(finished), "Out of date")


def test_results_that_a_run_checked_and_kept_are_not_out_of_date(finished: Project):
    config = finished.folder / "config" / "config.yaml"
    config.write_text(config.read_text() + "# a remark\n")
    assert len(part(status(finished), "Out of date")) == 2
    outcome = finished.snakemake()
    assert outcome.ran == []
    assert part(status(finished), "Out of date") == []
