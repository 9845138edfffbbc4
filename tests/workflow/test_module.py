"""Pricewright as a module of another Snakemake workflow, also with a folder as its prefix."""

import os
import re
import shutil
import subprocess

import orjson
import pytest

from running.startup import AS_A_MODULE

from conftest import STEPS, Project, command, run_pricewright
from people import signers_line
from pricewright.files.disk import sha256
from pricewright.signoffs import ledger, statements
from pricewright.signoffs.signed_files import GATES

MODULE = """
configfile: "outer.yaml"

rule all:
    input: "outer.txt"

module prices:
    snakefile: {snakefile}
    config: config["prices"]

use rule * from prices as prices_*

rule outer:
    input: "results/deployed_model.json"
    output: "outer.txt"
    shell: "cp {{input}} {{output}}"
"""


def committed(project: Project) -> str:
    """Put the project's files into a git repository; returns the URL of its folder."""
    for words in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=all"],
    ):
        subprocess.run(["git", *words], cwd=project.folder, check=True)
    return project.folder.as_uri()


@pytest.mark.parametrize("by_url", [False, True], ids=["by path", "by URL"])
def test_it_works_as_a_module_in_another_workflow(finished, run_once, tmp_path, by_url):
    tmp_path = tmp_path / "outer"
    tmp_path.mkdir()
    environment = {"HOME": str(tmp_path)}
    snakefile = f'"{finished.folder}/workflow/Snakefile"'
    if by_url:
        snakefile = 'github("desk/pricewright", path="workflow/Snakefile", branch="main")'
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{committed(finished)}.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/desk/pricewright",
        }
        shutil.copytree(finished.folder / "data", tmp_path / "data")
    (tmp_path / "Snakefile").write_text(MODULE.format(snakefile=snakefile))
    config = (finished.folder / "config" / "config.yaml").read_text()
    indented = "".join(f"  {line}\n" for line in config.splitlines())
    (tmp_path / "outer.yaml").write_text("prices:\n" + indented)
    outcome = command("-m", "snakemake", "--cores", "1", cwd=tmp_path, env=environment, seconds=120)
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == [*(f"prices_{name}" for name in STEPS), "outer"]
    assert outcome.stderr.count(AS_A_MODULE) == 1
    assert (tmp_path / "outer.txt").read_bytes() == run_once.results()["deployed_model.json"]
    _, entry, report = ledger.read(tmp_path / "ledger")
    assert report.event == "report"
    assert entry.fields["run"] == sha256((tmp_path / "outer.txt").read_bytes())
    status = run_pricewright("status", cwd=tmp_path)
    assert status.code == 0, status.stderr
    assert re.search(r"^  deploy +ok ", status.stdout, re.MULTILINE)
    reported = command(
        "-m", "snakemake", "--report", "outer.html", cwd=tmp_path, env=environment, seconds=120
    )
    assert reported.code == 0, reported.stderr
    assert "An optional feature failed" not in reported.stderr
    assert "Raw market prices to a deployed model" in (tmp_path / "outer.html").read_text()


PREFIXED = """
configfile: "outer.yaml"

module prices:
    snakefile: "{folder}/workflow/Snakefile"
    config: config
    {prefix}

use rule * from prices as prices_*

use rule clean from prices as prices_clean with:
    resources:
        mem_mb=900,

use rule ingest from prices as prices_ingest with:
    resources:
        mem_mb=lambda wildcards, attempt: 900 * attempt,

rule all:
    input: "stocks/results/deployed_model.json"
    default_target: True
"""


BELOW = ['prefix: "stocks"', 'replace_prefix: {"results/": "stocks/results/"}']


@pytest.fixture
def outer(request, finished, tmp_path):
    """A workflow with this one as a module below a folder, and with overridden resources."""
    folder, below = tmp_path / "outer", getattr(request, "param", BELOW[0])
    shutil.copytree(finished.folder / "data", folder / "data")
    shutil.rmtree(folder / "data" / "received")
    (folder / "Snakefile").write_text(PREFIXED.format(folder=finished.folder, prefix=below))
    shutil.copy(finished.folder / "config" / "config.yaml", folder / "outer.yaml")
    return Project(folder)


@pytest.mark.parametrize("outer", BELOW, indirect=True, ids=["prefix", "replace_prefix"])
def test_a_module_with_a_prefix_reads_and_writes_only_below_the_prefix(outer):
    outcome = outer.snakemake()
    assert outcome.code == 0, outcome.stderr
    assert {path.name for path in outer.folder.iterdir()} <= {
        *("Snakefile", "outer.yaml", "data", "stocks", ".snakemake", "logs")
    }
    assert {path.name for path in (outer.folder / "stocks").iterdir()} >= {
        *("results", "ledger", "data")
    }
    deployed = outer.folder / "stocks" / "results" / "deployed_model.json"
    champion = sha256(deployed.read_bytes())
    assert outer.snakemake().ran == []
    outcome = outer.snakemake("--config", "model={decay: 0.9}")
    assert outcome.code == 0, outcome.stderr
    assert orjson.loads(deployed.read_bytes())["champion"]["sha256"] == champion
    entries = ledger.read(outer.folder / "stocks" / "ledger")
    assert [entry.event for entry in entries] == ["received", *["run", "report"] * 2]
    status = run_pricewright("status", cwd=outer.folder / "stocks")
    assert "Sign-offs" in status.stdout


@pytest.fixture(params=["", BELOW[0]], ids=["no prefix", "prefix"])
def desk(request, finished, keys, tmp_path):
    """An outer workflow whose module has a config and a project folder of its own."""
    folder = tmp_path / "desk"
    project = folder / "stocks" if request.param else folder
    (project / "config").mkdir(parents=True)
    shutil.copytree(finished.folder / "data" / "raw", folder / "data" / "raw")
    (folder / "Snakefile").write_text(DESK.format(folder=finished.folder, prefix=request.param))
    shutil.copy(finished.folder / "config" / "config.yaml", folder / "desk.yaml")
    author = signers_line("author", keys["author"], statements.namespace("author"))
    reviewer = signers_line("reviewer", keys["reviewer"])
    (project / "config" / "signers").write_text(author + reviewer)
    return Project(folder), project


DESK = """
configfile: "desk.yaml"

module prices:
    snakefile: "{folder}/workflow/Snakefile"
    config: config
    {prefix}

use rule * from prices as prices_*
"""


def test_people_sign_for_a_module_in_its_folder_and_production_releases_it(desk, keys):
    outer, project = desk
    config = os.path.relpath(outer.folder / "desk.yaml", project)
    assert outer.snakemake("prices_deploy").code == 0
    outcome = outer.snakemake("prices_production")
    assert outcome.code == 1
    assert ("the messages below are about stocks/" in outcome.stderr) == (project != outer.folder)
    asked = re.findall(r"pricewright sign \w+", outcome.stderr)
    assert set(asked) == {f"pricewright sign {gate}" for gate in ("author", *GATES)}
    for gate in ("author", *GATES):
        key = keys["author" if gate == "author" else "reviewer"]
        words = ("sign", gate, "--key", key, "--configfile", config, "--yes")
        done = run_pricewright(*words, cwd=project)
        assert done.code == 0, done.stderr
    outcome = outer.snakemake("prices_production")
    assert outcome.code == 0, outcome.stderr
    released = (project / "production/current/model.json").read_bytes()
    assert released == (project / "results/deployed_model.json").read_bytes()
    done = run_pricewright("verify", "--rebuild", "--configfile", config, cwd=project)
    assert done.code == 0, done.stdout + done.stderr


def test_with_overridden_resources_wrong_data_fails_once_in_a_sentence(outer):
    with (outer.folder / "data" / "raw" / "small.csv").open("a") as file:
        file.write('2024-01-01,S0,"1,1\n')
    outcome = outer.snakemake()
    assert outcome.code == 1
    assert outcome.ran == ["prices_ingest"]
    assert "Trying to restart" not in outcome.stderr
    assert "Cannot restore" not in outcome.stderr
    (log,) = outer.folder.rglob("ingest.?.log")
    assert "small.csv:282: a quote on this line is never closed" in log.read_text()


def test_with_overridden_resources_a_passing_fault_is_retried_after_a_wait(outer, failing):
    clean = "stocks/results/prices_clean.json"
    outcome = outer.snakemake(clean, env=failing("prices_raw.json", 2))
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == ["prices_ingest"] * 3 + ["prices_clean"]
    assert re.findall(r"mem_mb=(\d+)", outcome.stderr)[:4] == ["900", "1800", "2700", "900"]
    logs = sorted(outer.folder.rglob("ingest.?.log"))
    waits = [re.findall(r" wait attempt=(\d) seconds=([\d.]+)", log.read_text()) for log in logs]
    assert waits == [[], [("2", "0.05")], [("3", "0.1")]]
