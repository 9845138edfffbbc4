"""Mode auto with Snakemake and the commands, as a desk uses them."""

import shutil

import orjson
import pytest

from conftest import STEPS, Project, run_pricewright, small_project
from people import signers_line
from pricewright.signoffs import ledger


@pytest.fixture(scope="module")
def first_day(tmp_path_factory, keys):
    """A project in mode auto that has trained its first model; do not change it."""
    project = small_project(tmp_path_factory.mktemp("daily") / "project")
    signoffs = {gate: {"exclude_author": False} for gate in ("metrics", "deploy")}
    project.configure(mode="auto", signoffs=signoffs)
    (project.folder / "config/signers").write_text(signers_line("reviewer", keys["reviewer"]))
    assert project.snakemake().code == 0
    return project


@pytest.fixture
def daily(first_day, tmp_path):
    """A copy of that project."""
    return Project(shutil.copytree(first_day.folder, tmp_path / "project", symlinks=True))


def model(project):
    return orjson.loads((project.folder / "results/model.json").read_bytes())


def sign(project, keys, gate):
    return run_pricewright(*("sign", gate, "--key", keys["reviewer"], "--yes"), cwd=project.folder)


def with_a_day_more(project):
    """Add one more day of each symbol's prices."""
    path = project.folder / "data/raw/small.csv"
    head, *rows = path.read_text().splitlines()
    last = {row.split(",")[1]: row.split(",") for row in rows}
    days = [
        ",".join(["2020-07-15", symbol, f"{float(close) * 1.01:.4f}", volume])
        for symbol, (_, _, close, volume) in last.items()
    ]
    path.write_text("\n".join([head, *rows, *days]) + "\n")


def test_files_signed_on_a_training_day_are_released_on_a_scoring_day(daily, keys):
    assert model(daily)["why"] == "there is no model in place"
    signed = sign(daily, keys, "source")
    assert signed.code == 0, signed.stderr
    with_a_day_more(daily)
    assert sorted(daily.snakemake().ran) == sorted([*STEPS, "monitor"])
    assert model(daily)["mode"] == "score"
    status = run_pricewright("status", cwd=daily.folder).stdout
    assert "source   ok       1 of 1, by reviewer" in status
    for gate in ("metrics", "report", "deploy"):
        signed = sign(daily, keys, gate)
        assert signed.code == 0, signed.stderr
    assert "production/candidate/report.txt" in signed.stdout
    released = daily.snakemake("production")
    assert released.code == 0, released.stderr
    in_production = orjson.loads((daily.folder / "production/current/model.json").read_bytes())
    assert (in_production["mode"], model(daily)["mode"]) == ("train", "score")
    newest = (daily.folder / "production/forecasts/newest.csv").read_text()
    assert "2020-07-15" in newest.splitlines()[1]
    assert daily.snakemake().ran == ["monitor"]
    assert daily.snakemake().ran == []
    assert run_pricewright("verify", "--rebuild", cwd=daily.folder).code == 0
    modes = [
        entry.fields["mode"]
        for entry in ledger.read(daily.folder / "ledger")
        if "mode" in entry.fields
    ]
    assert modes == ["train", "score"]


def test_a_lost_candidate_comes_back_with_the_next_run_signed_as_it_was(daily, keys):
    assert sign(daily, keys, "source").code == 0
    shutil.rmtree(daily.folder / "production")
    assert daily.snakemake().ran == []
    status = run_pricewright("status", cwd=daily.folder).stdout
    assert "source   ok       1 of 1, by reviewer" in status


def test_a_candidate_lost_after_a_scoring_day_is_reported_with_its_remedy(daily):
    with_a_day_more(daily)
    assert daily.snakemake().code == 0
    shutil.rmtree(daily.folder / "production/candidates")
    idle = daily.snakemake()
    assert idle.ran == []
    for told in (idle.stderr, run_pricewright("status", cwd=daily.folder).stdout):
        assert "production/candidate/ingest.json: no such file; run `snakemake --cores 1`" in told
        assert "train a model with `snakemake --cores 1 --forcerun train_or_score`" in told
    assert daily.snakemake("--forcerun", "train_or_score").code == 0
    assert model(daily)["mode"] == "train"
    assert "no such file" not in run_pricewright("status", cwd=daily.folder).stdout


def test_a_forced_rerun_of_a_training_day_writes_the_same_bytes(daily):
    before = daily.results()
    assert daily.snakemake("--forceall").code == 0
    assert daily.results()["model.json"] == before["model.json"]
    assert daily.results()["report.txt"] == before["report.txt"]


def test_shards_decide_as_one_job_does(daily):
    with_a_day_more(daily)
    daily.configure(shards=2)
    assert daily.snakemake().code == 0
    assert model(daily)["mode"] == "score"
