"""Whole runs, as a user starts them."""

import os
import re
import shutil
import subprocess

import orjson
import pytest

from running.records import layout_engines, presentable

from conftest import CHECKPOINTS, ROOT, STEPS, Project, command, copy_project
from pricewright.signoffs import ledger


def test_one_run_makes_every_checkpoint_log_and_record(run_once):
    results = run_once.folder / "results"
    written = {*CHECKPOINTS, "dag.svg", "run_report.html", "ingest.json", "clean.json"}
    written |= {"report.html", "report_symbols.csv", "backtest.parquet"}
    written |= {"forecasts.parquet", "daily_forecasts.parquet"}
    written |= {"quarantine.json", "restatements.json", "data_quality.json"}
    assert written <= {path.name for path in results.iterdir()}
    assert {path.name for path in (run_once.folder / "logs").iterdir()} == {
        f"{name}{attempt}.log" for name in STEPS for attempt in ("", ".1")
    }
    assert run_once.results()["model.json"] == run_once.results()["deployed_model.json"]
    run = ledger.read(run_once.folder / "ledger")[1]
    assert "numpy takes" in run.fields["machine"]
    assert run.fields["machine"] in (run_once.folder / "logs/train_or_score.log").read_text()


def test_a_second_run_runs_nothing_and_imports_nothing_heavy(finished):
    outcome = command("-X", "importtime", "-m", "snakemake", "--cores", "1", cwd=finished.folder)
    assert (outcome.code, outcome.ran) == (0, [])
    assert "Nothing to be done" in outcome.stderr
    imported = set(re.findall(r"^import time:.*\| +([\w.]+)$", outcome.stderr, re.MULTILINE))
    assert "snakemake.workflow" in imported
    assert not imported & {"pandas", "pyarrow", "vl_convert"}


def test_a_deleted_page_is_made_again(finished):
    path = finished.folder / "results" / "report.html"
    before = path.read_bytes()
    path.unlink()
    assert "report" in finished.snakemake().ran
    assert path.read_bytes() == before


def test_a_forced_run_writes_the_same_bytes_also_in_a_folder_whose_path_has_spaces(
    run_once, tmp_path
):
    moved = Project(tmp_path / "my prices" / "this year's")
    shutil.copytree(run_once.folder, moved.folder)
    assert moved.snakemake("--forceall").ran == list(STEPS)
    for path in (run_once.folder / "results").rglob("*"):
        if path.is_file() and path.name != "run_report.html":
            again = moved.folder / path.relative_to(run_once.folder)
            assert again.read_bytes() == path.read_bytes(), path
    events = [entry.event for entry in ledger.read(moved.folder / "ledger")]
    assert events == ["received", "run", "report"]  # because they are the same


@pytest.mark.parametrize("file", ["data/raw/small.csv", "results/prices_raw.json"])
def test_a_file_that_was_only_touched_makes_nothing_run(finished, file):
    os.utime(finished.folder / file)
    assert finished.snakemake().ran == []


def test_no_artifact_contains_its_time_host_or_folder(run_once):
    secrets = [secret.encode() for secret in (str(run_once.folder), os.uname().nodename)]
    results = run_once.folder / "results"
    for path in results.rglob("*"):
        if path.is_file() and path.name not in ("run_report.html", "dag.svg"):
            content = path.read_bytes()
            assert not [secret for secret in secrets if len(secret) > 3 and secret in content], path


def laid_out(graph):
    """Draw a graph as SVG."""
    words = [layout_engines()[0], "-Tsvg"]
    return subprocess.run(words, input=graph, capture_output=True, text=True, check=True).stdout


def test_the_picture_of_the_dag_is_the_rulegraph_that_snakemake_prints(finished):
    rulegraph = presentable(finished.snakemake("--rulegraph").stdout)
    drawn = laid_out(rulegraph)
    assert (finished.folder / "results" / "dag.svg").read_text() == drawn
    assert set(STEPS) <= set(re.findall(r">(\w+)</text>", drawn))


def test_the_picture_of_the_steps_on_the_page_has_the_rules_and_edges_of_snakemakes(finished):
    drawn = (finished.folder / "workflow" / "page" / "dag.svg").read_text()
    graph = finished.snakemake("--rulegraph").stdout
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', graph))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", graph)}
    assert set(re.findall(r'data-rule="(\w+)"', drawn)) == set(STEPS)
    assert set(re.findall(r'data-edge="(\w+) (\w+)"', drawn)) == {
        edge for edge in edges if "all" not in edge
    }


def test_a_machine_without_dot_draws_the_dag_as_well(finished, tmp_path):
    for name in ("bash", "sh", "which"):  # with the last a plugin looks for Slurm
        (tmp_path / name).symlink_to(shutil.which(name))
    (finished.folder / "results" / "dag.svg").unlink()
    outcome = finished.snakemake("--forcerun", "deploy", env={"PATH": str(tmp_path)})
    assert outcome.code == 0, outcome.stderr
    assert "train_or_score" in (finished.folder / "results" / "dag.svg").read_text()


def test_a_run_in_another_directory_uses_what_is_there_and_the_workflows_own_sample(
    run_once, tmp_path
):
    outcome = run_once.snakemake("--directory", str(tmp_path / "elsewhere"))
    assert outcome.code == 0, outcome.stderr
    elsewhere = tmp_path / "elsewhere" / "results"
    assert {name: (elsewhere / name).read_bytes() for name in CHECKPOINTS} == run_once.results()


def test_the_workflows_own_file_from_elsewhere_has_the_default_profile(run_once, tmp_path):
    snakefile = str(run_once.folder / "workflow" / "Snakefile")
    outcome = command("-m", "snakemake", "-n", "--cores", "1", "-s", snakefile, cwd=tmp_path)
    assert outcome.code == 0, outcome.stderr
    assert "workflow/profiles/default for setting default command line" in outcome.stderr


SAMPLES = {
    "stocks": ([], 12_154, 12_154, 5, "2013-03-01"),
    # 41 currencies on 6,533 days, 63,728 quotes missing; 11 ended, and the lev never moves
    "fx": (["--configfile", "config/examples/fx.yaml"], 267_853, 204_125, 29, "2024-07-05"),
    # 8,611 days, 290 of them without trading
    "oil": (["--configfile", "config/examples/oil.yaml"], 8_611, 8_321, 1, "2019-01-03"),
}


# The causes of the flags were looked up by hand. Stocks: the splits are Apple's 2:1 splits of
# 2000-06-21 and 2005-02-28 and Microsoft's of 2003-02-18, which close shows and adj_close does not.
# The jump is Apple's fall from 53.50 to 25.75 on 2000-09-29, after a profit warning. Oil: the price
# fell by a third, as in a 3:2 split, on 1991-01-17, when the Gulf War began. Currencies: the real
# rose for a day on 2015-09-24, as the rouble did on 2018-04-11, and eleven are no longer quoted.
FLAGS = {
    "stocks": {"split-like": 3, "jump": 1},
    "fx": {"split-like": 1, "jump": 4, "stale": 115, "gap": 1, "spike": 2, "ended": 11},
    "oil": {"split-like": 1},
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_each_sample_makes_a_deployed_model(tmp_path, sample):
    arguments, delivered, kept, symbols, cutoff = SAMPLES[sample]
    project = Project(copy_project(tmp_path / "project"))
    outcome = project.snakemake(*arguments)
    assert outcome.code == 0, outcome.stderr
    model = orjson.loads(project.results()["deployed_model.json"])
    assert model["receipts"]["ingest"]["rows"] == model["receipts"]["ingest"]["kept"] == delivered
    flags = model["receipts"]["clean"]["flags"]
    assert {flag: count for flag, count in flags.items() if count} == FLAGS[sample]
    assert model["data"]["rows"] == kept
    assert (len(model["symbols"]), model["cutoff"]) == (symbols, cutoff)
    assert model["metrics"]["origins"] == 100
    assert model["acceptance"]["accepted"]
    assert all(found["met"] is not False for found in model["acceptance"]["criteria"].values())
    if sample == "stocks":  # the sample that README quotes
        readme = (ROOT / "README.md").read_text()
        quoted = re.search(r"```text\n(Verdict\n.*?)```", readme, re.DOTALL)
        assert quoted[1] in project.results()["report.txt"].decode()
        drawn = (project.folder / "results/figures/coverage.svg").read_bytes()
        assert drawn == (ROOT / "docs/coverage.svg").read_bytes()
    os.utime(project.folder / "results" / "prices_raw.json")
    assert project.snakemake(*arguments).ran == []


def test_tables_in_parquet_make_the_same_model(finished):
    before = finished.model()
    finished.configure(format="parquet")
    outcome = finished.snakemake()
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == list(STEPS)
    after = finished.model()
    for part in ("symbols", "metrics", "parameters", "cutoff"):
        assert after[part] == before[part]
    assert after["data"]["path"] == "results/prices_clean.parquet"
    assert finished.snakemake().ran == []


def test_a_declared_correction_is_applied_and_listed_beside_what_it_changed(project):
    path = project.folder / "data" / "raw" / "small.csv"
    date, symbol, close, volume = path.read_text().splitlines()[60].split(",")
    slipped = ",".join([date, symbol, repr(float(close) * 100), volume])
    path.write_text(path.read_text().replace(f"{date},{symbol},{close},{volume}", slipped))
    (project.folder / "corrections.yaml").write_text(
        f"- {{symbol: {symbol}, date: {date}, column: close, was: {float(close) * 100!r}, "
        f"value: {close}, reason: delivered in cents}}\n"
    )
    path = "results/clean.json"
    assert project.snakemake(path).ran == ["ingest", "clean"]
    assert orjson.loads((project.folder / path).read_bytes())["flags"]["unit-slip"] == 1
    project.configure(corrections={"file": "corrections.yaml"})
    assert project.snakemake(path).ran == ["clean"]
    receipt = orjson.loads((project.folder / path).read_bytes())
    assert receipt["flags"]["unit-slip"] == 0
    assert receipt["corrected"] == len(receipt["corrections"]) == 1
    assert receipt["corrections"][0]["reason"] == "delivered in cents"


def test_mode_score_evaluates_a_given_model_and_deploys_the_result(finished):
    kept = finished.folder / "champion.json"
    kept.write_bytes(finished.results()["model.json"])
    finished.configure(mode="score", score={"model": "champion.json"})
    outcome = finished.snakemake()
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran == ["train_or_score", "report", "deploy"]
    model = finished.model()
    assert model["mode"] == "score"
    assert model["symbols"] == orjson.loads(kept.read_bytes())["symbols"]
    assert "Caution" in finished.results()["report.txt"].decode()


def test_a_mistake_in_config_stops_the_run_before_it_begins(project):
    project.configure(model={"horizn": 5})
    outcome = project.snakemake()
    assert outcome.code == 1
    assert outcome.ran == []
    sentence = "config key 'model.horizn': there is no such key; did you mean"
    assert outcome.stderr.splitlines()[-1].startswith(sentence)
    assert not (project.folder / "results").exists()


def test_the_workflow_passes_snakemakes_lint():
    outcome = command("-m", "snakemake", "--lint", cwd=ROOT)
    assert outcome.code == 0, outcome.stderr
