"""The model in production, built again from the raw bytes that are kept, and nothing else."""

import contextlib
import shutil
from pathlib import Path

import pytest

from conftest import as_csv, market
from flat import clean, ingest, train_or_score
from pricewright.configuration.config import ingest_options
from pricewright.forecasting.model_file import read_model, write_model
from pricewright.releases.rebuild import Steps, rebuild
from report import report
from works import code, make_results


@pytest.fixture
def steps():
    return Steps(ingest=ingest, clean=clean, train_or_score=train_or_score, code=code())


@pytest.fixture
def released(works):
    works.signed_release(0)
    return works


def test_the_kept_raw_bytes_come_to_the_model_in_production_and_no_source_is_asked(released, steps):
    here, before = Path.cwd(), released.tree()
    (released.root / "data/small.csv").unlink()
    shutil.rmtree(released.root / "results")
    assert rebuild(released.root, steps) == []
    assert released.tree() == before
    assert Path.cwd() == here


def test_what_was_received_since_is_left_out(released, steps):
    with contextlib.chdir(released.root):
        Path("data/small.csv").write_text(as_csv(market(seed=9)))
        ingest(output=Path("results/prices_raw.json"), **ingest_options(released.config))
    assert rebuild(released.root, steps) == []


def test_a_model_that_was_compared_with_another_and_came_after_other_prices(works, steps):
    make_results(works.root, seed=1)
    make_results(works.root, seed=2)
    document, _ = read_model(works.root / "results/model.json")
    assert document["champion"]
    assert document["receipts"]["ingest"]["earlier"]
    works.remade()
    works.release()
    assert rebuild(works.root, steps) == []


def test_corrections_and_a_scored_model_are_taken_from_the_evidence(works, steps):
    date, _, close, _ = (works.root / "data/small.csv").read_text().splitlines()[60].split(",")
    corrections = works.root / "corrections.yaml"
    corrections.write_text(
        f"- {{symbol: S0, date: {date}, column: close, was: {close}, value: 50.0, reason: slip}}\n"
    )
    shutil.copy(works.made[0] / "results/model.json", works.root / "given.json")
    works.config |= {"mode": "score", "score": {"model": "given.json"}}
    works.config["corrections"] = {"file": "corrections.yaml"}
    make_results(works.root, config=works.config)
    works.remade()
    works.release()
    corrections.unlink()
    (works.root / "given.json").unlink()
    assert rebuild(works.root, steps) == []


def change_kept(archive):
    (path,) = [path for path in archive.iterdir() if path.is_file()]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"1000", b"1001"))


def remove_kept(archive):
    (path,) = [path for path in archive.iterdir() if path.is_file()]
    path.unlink()


def remove_order(archive):
    for path in archive.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (change_kept, "is not there, or not the bytes that were received"),
        (remove_kept, "is not there, or not the bytes that were received"),
        (remove_order, "does not have the deliveries that the model was made from"),
    ],
)
def test_kept_bytes_that_were_changed_or_are_gone_are_not_built_on(
    released, steps, spoil, sentence
):
    spoil(released.root / "data/received")
    (problem,) = rebuild(released.root, steps)
    assert sentence in problem


def test_a_model_that_the_bytes_do_not_come_to_is_told_with_what_differs(works, steps):
    """Signed, accepted and deployed, but made by hand: only building it again shows that."""
    path = works.root / "results/model.json"
    document, _ = read_model(path)
    document["metrics"]["pooled"]["model"]["mase"] = 0.5
    write_model(path, document)
    with contextlib.chdir(works.root):
        report(Path("results/model.json"), Path("results/report.txt"))
    (works.root / "results/deployed_model.json").write_bytes(path.read_bytes())
    works.remade()
    works.release()
    (problem,) = rebuild(works.root, steps)
    assert "the kept raw bytes come to another model" in problem
    assert "they differ in metrics" in problem


def test_other_code_than_made_the_model_does_not_pretend_to_build_it_again(released, steps):
    other = Steps(**(vars(steps) | {"code": "0" * 64}))
    (problem,) = rebuild(released.root, other)
    assert "it was made by code of digest" in problem
    assert "check out that version" in problem


def test_with_nothing_in_production_there_is_nothing_to_build(works, steps):
    (problem,) = rebuild(works.root, steps)
    assert "nothing is in production" in problem
