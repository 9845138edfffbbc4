"""Whole runs in shards: what is made is the same, and only what is needed is made."""

import re
from pathlib import Path

import orjson
import pytest

from conftest import STEPS, Project, as_csv, command, market, small_project

SAME = ("clean.json", "data_quality.json", "backtest.parquet", "report.html")


def market_of_five(folder: Path) -> Project:
    project = small_project(folder)
    (folder / "data" / "raw" / "small.csv").write_text(as_csv(market(symbols=5)))
    return project


@pytest.fixture(scope="module")
def in_one(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A market of five symbols, all in one shard; not to be changed."""
    project = market_of_five(tmp_path_factory.mktemp("one") / "project")
    outcome = project.snakemake()
    assert outcome.code == 0, outcome.stderr
    return project


def made(project: Project) -> dict[str, bytes]:
    files = {name: (project.folder / "results" / name).read_bytes() for name in SAME}
    return project.results() | files


def test_one_shard_is_the_plain_five_steps(in_one):
    assert in_one.snakemake("--forceall", "--dry-run").ran == list(STEPS)
    assert in_one.snakemake("--forceall", "--dry-run", "--config", "shards=1").ran == list(STEPS)


@pytest.mark.parametrize("count", [2, 7])
def test_any_number_of_shards_makes_the_same_bytes(in_one, tmp_path, count):
    project = market_of_five(tmp_path / "project")
    project.configure(shards=count)
    outcome = project.snakemake()
    assert outcome.code == 0, outcome.stderr
    assert outcome.ran.count("clean_shard") == outcome.ran.count("train_or_score_shard") == count
    assert made(project) == made(in_one)
    shard = project.folder / "logs" / "train_or_score_shard" / f"1-of-{count}.log"
    assert " INFO train_or_score_shard end symbols=" in shard.read_text()
    assert f"\ntrain_or_score 2-of-{count} " in outcome.stderr
    assert not (project.folder / "results" / "shards").exists()  # nothing is left behind
    again = project.snakemake()
    assert (again.code, again.ran) == (0, [])
    assert "Nothing to be done" in again.stderr
    project.configure(model={"decay": 0.9})
    outcome = project.snakemake()
    assert outcome.code == 0, outcome.stderr
    assert set(outcome.ran) == {
        *("plan_shards", "train_or_score_shard", "train_or_score", "report", "deploy"),
    }
    assert orjson.loads(project.results()["model.json"])["parameters"]["decay"] == 0.9


def test_what_a_shard_refuses_ends_the_run_in_its_sentence(tmp_path):
    project = market_of_five(tmp_path / "project")
    (project.folder / "config" / "corrections.yaml").write_text(
        "- {symbol: NOBODY, date: 2020-01-03, drop: true, reason: a bank holiday}\n"
    )
    project.configure(shards=2, corrections={"file": "config/corrections.yaml"})
    outcome = project.snakemake()
    assert outcome.code == 1
    assert "config/corrections.yaml:1: NOBODY on 2020-01-03 is not in" in outcome.stderr
    status = command("workflow/scripts/pricewright", "status", cwd=project.folder)
    assert re.search(r"^  clean [12]-of-2 +failed ", status.stdout, re.MULTILINE)
