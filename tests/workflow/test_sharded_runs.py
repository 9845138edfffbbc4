"""Whole runs in shards: the results are the same, and only what is needed is made."""

import re

import orjson

from conftest import STEPS, Project, run_pricewright
from pricewright.signoffs import ledger

SAME = (
    *("clean.json", "data_quality.json", "report.html"),
    *("backtest.parquet", "forecasts.parquet", "daily_forecasts.parquet"),
)


def made(project: Project) -> dict[str, bytes]:
    files = {name: (project.folder / "results" / name).read_bytes() for name in SAME}
    kept = (project.folder / "data/walkforward/garch.parquet").read_bytes()
    return project.results() | files | {"kept": kept}


def test_one_shard_is_the_plain_five_steps(run_once):
    assert run_once.snakemake("--forceall", "--dry-run", "--config", "shards=1").ran == list(STEPS)


def run_in_shards(project: Project, count: int) -> None:
    """Check what holds for a run with any number of shards."""
    project.configure(shards=count)
    outcome = project.snakemake()
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran.count("clean_shard") == outcome.ran.count("train_or_score_shard") == count
    shard = project.folder / "logs" / "train_or_score_shard" / f"1-of-{count}.log"
    assert " INFO train_or_score_shard end symbols=" in shard.read_text()
    assert f"\ntrain_or_score 2-of-{count} " in outcome.stderr
    assert not (project.folder / "results" / "shards").exists()  # nothing is left behind


def test_more_shards_than_symbols_make_the_same_bytes(run_once, project):
    run_in_shards(project, 3)
    assert made(project) == made(run_once)


def test_two_shards_make_the_same_bytes_and_reruns_only_what_changed(run_once, project):
    run_in_shards(project, 2)
    assert made(project) == made(run_once)
    again = project.snakemake()
    assert (again.code, again.ran) == (0, [])
    assert "Nothing to be done" in again.stderr
    _, entry, _ = ledger.read(project.folder / "ledger")
    assert entry.fields["steps"] == ["train_or_score"]
    project.configure(model={"decay": 0.9})
    outcome = project.snakemake()
    assert outcome.code == 0, outcome.stderr
    assert set(outcome.ran) == {
        *("plan_shards", "train_or_score_shard", "train_or_score", "report", "deploy"),
    }
    assert orjson.loads(project.results()["model.json"])["parameters"]["decay"] == 0.9
    events = [one.event for one in ledger.read(project.folder / "ledger")]
    assert events == ["received", "run", "report", "run", "report"]


def test_a_shards_refusal_ends_the_run_with_its_sentence(project):
    (project.folder / "config" / "corrections.yaml").write_text(
        "- {symbol: NOBODY, date: 2020-01-03, drop: true, reason: a bank holiday}\n"
    )
    project.configure(shards=2, corrections={"file": "config/corrections.yaml"})
    outcome = project.snakemake()
    assert outcome.code == 1
    assert "config/corrections.yaml:1: NOBODY on 2020-01-03 is not in" in outcome.stderr
    status = run_pricewright("status", cwd=project.folder)
    assert re.search(r"^  clean [12]-of-2 +failed ", status.stdout, re.MULTILINE)
