"""The model in production, built again from the raw bytes that are kept, and nothing else."""

import contextlib
import shutil
import zipfile
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import orjson
import pytest

from conftest import SCRIPTS, as_csv, market
from firm import make_results
from pricewright.configuration.config import ingest_options
from pricewright.files.errors import Refusal
from pricewright.forecasting.model_file import read_model, write_model
from pricewright.releases.rebuild import Steps, _differences, _made, rebuild
from report import report
from step_functions import clean, ingest, train_or_score


@pytest.fixture
def steps():
    return Steps(
        ingest=ingest,
        clean=clean,
        train_or_score=train_or_score,
        script=SCRIPTS / "train_or_score.py",
    )


@pytest.fixture
def released(firm):
    firm.signed_release(0)
    return firm


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


@pytest.mark.parametrize("gone", ["earlier", "deliveries"])
def test_of_whole_deliveries_only_the_one_that_counted_is_needed(firm, steps, gone):
    for seed in (1, 2, 3):
        make_results(firm.root, seed=seed)
    receipt = read_model(firm.root / "results/model.json")[0]["receipts"]["ingest"]
    assert [len(receipt[which]) for which in ("earlier", "deliveries")] == [2, 1]
    firm.remade()
    firm.release()
    for delivery in receipt[gone]:
        (firm.root / "data/received" / delivery["sha256"]).unlink()
    problems = rebuild(firm.root, steps)
    if gone == "earlier":
        assert problems == []
    else:
        assert receipt["sha256"] in problems[0]
        assert "missing; restore the received file" in problems[0]


def test_a_model_that_was_compared_with_another_and_came_after_other_prices(firm, steps):
    make_results(firm.root, seed=1)
    make_results(firm.root, seed=2)
    document, _ = read_model(firm.root / "results/model.json")
    assert document["champion"]
    assert document["receipts"]["ingest"]["earlier"]
    firm.remade()
    firm.release()
    assert rebuild(firm.root, steps) == []


def test_corrections_and_a_scored_model_are_taken_from_the_evidence(firm, steps):
    date, _, close, _ = (firm.root / "data/small.csv").read_text().splitlines()[60].split(",")
    corrections = firm.root / "corrections.yaml"
    corrections.write_text(
        f"- {{symbol: S0, date: {date}, column: close, was: {close}, value: 50.0, reason: slip}}\n"
    )
    shutil.copy(firm.made[0] / "results/model.json", firm.root / "given.json")
    firm.config |= {"mode": "score", "score": {"model": "given.json"}}
    firm.config["corrections"] = {"file": "corrections.yaml"}
    make_results(firm.root, config=firm.config)
    firm.remade()
    firm.release()
    corrections.unlink()
    (firm.root / "given.json").unlink()
    assert rebuild(firm.root, steps) == []


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
        (change_kept, "not the bytes that were received"),
        (remove_kept, "missing; restore the received file"),
        (remove_order, "lacks the deliveries that the model was made from"),
    ],
)
def test_kept_bytes_that_were_changed_or_are_gone_are_not_built_on(
    released, steps, spoil, sentence
):
    spoil(released.root / "data/received")
    (problem,) = rebuild(released.root, steps)
    assert sentence in problem


def released_after(firm, change):
    """Signed, accepted and deployed, but changed by hand: only building it again shows that."""
    path = firm.root / "results/model.json"
    document, _ = read_model(path)
    change(document)
    write_model(path, document)
    with contextlib.chdir(firm.root):
        report(Path("results/model.json"), Path("results/report.txt"))
    (firm.root / "results/deployed_model.json").write_bytes(path.read_bytes())
    firm.remade()
    firm.release()


def scaled(value, factor):
    """Every number with a fraction that is in a value, times a factor."""
    if isinstance(value, dict):
        return {key: scaled(part, factor) for key, part in value.items()}
    if isinstance(value, list):
        return [scaled(part, factor) for part in value]
    return value * factor if isinstance(value, float) else value


def test_a_model_that_the_bytes_do_not_come_to_is_told_with_what_differs(firm, steps):
    def better(document):
        document["metrics"]["pooled"]["model"]["mase"] = 0.5

    released_after(firm, better)
    (problem,) = rebuild(firm.root, steps)
    assert "the kept raw bytes give another model" in problem
    assert "they differ in metrics; made on a cluster's node, here is Linux" in problem


def test_a_model_of_which_only_the_last_digits_differ_is_the_same(firm, steps):
    """As of a library that rounds otherwise."""

    def rounded_otherwise(document):
        document["metrics"] = scaled(document["metrics"], 1 - 1e-12)
        document["har"]["weights"][0][0] += 1e-12

    released_after(firm, rounded_otherwise)
    told = []
    assert rebuild(firm.root, steps, tell=told.append) == []
    (sentence,) = told
    assert "rebuilt with each number within 1e-09 and the same decisions" in sentence
    assert "; made on a cluster's node, here is Linux" in sentence


def test_more_than_the_last_digits_is_a_finding(firm, steps):
    def off(document):
        document["metrics"] = scaled(document["metrics"], 1 - 1e-8)

    released_after(firm, off)
    (problem,) = rebuild(firm.root, steps)
    assert "they differ in metrics;" in problem


def test_another_decision_is_a_finding_however_near_the_numbers_are(firm, steps):
    def accepted(document):
        document["acceptance"]["criteria"]["qlike"]["met"] ^= True

    released_after(firm, accepted)
    (problem,) = rebuild(firm.root, steps)
    assert "they differ in acceptance;" in problem


def test_another_layout_is_a_finding(released, steps):
    def train(*arguments, **options):
        train_or_score(*arguments, **options)
        path = Path("results/model.json")
        path.write_bytes(path.read_bytes().replace(b"\n  ", b" "))

    other = Steps(**(vars(steps) | {"train_or_score": train}))
    (problem,) = rebuild(released.root, other)
    assert "they differ in layout only" in problem


def test_what_another_python_and_other_libraries_made_is_named_and_compared(firm, steps):
    """A digest of code is of one version of Python: the code in the evidence has it here."""

    def made_elsewhere(document):
        document["code"]["sha256"] = "0" * 64
        document["code"]["libraries"] |= {"python": "3.99", "numpy": "9.8.7", "vanished": "1.0"}
        document["metrics"] = scaled(document["metrics"], 1 - 1e-12)

    firm.code = "0" * 64
    released_after(firm, made_elsewhere)
    told = []
    assert rebuild(firm.root, steps, tell=told.append) == []
    (sentence,) = told
    assert "made with numpy 9.8.7, python 3.99, vanished 1.0 on a cluster's node, " in sentence
    assert f"here is numpy {version('numpy')}, python 3." in sentence
    assert "vanished not used on " in sentence


def test_a_comparison_is_taken_over_whatever_made_the_model(firm, steps):
    make_results(firm.root, seed=1)
    make_results(firm.root, seed=2)

    def made_elsewhere(document):
        assert document["champion"]
        document["code"]["libraries"]["numpy"] = "9.8.7"

    released_after(firm, made_elsewhere)
    assert rebuild(firm.root, steps) == []


def test_of_other_libraries_parquet_has_other_bytes():
    model = {
        "code": {"libraries": {"pyarrow": "1"}},
        "data": {"path": "results/prices_clean.parquet", "sha256": "1", "rows": 3},
        "receipts": {"ingest": {"rows": 3, "records": {"sha256": "1"}}},
    }
    other = {
        "code": {"libraries": {"pyarrow": "2"}},
        "data": model["data"] | {"sha256": "2"},
        "receipts": {"ingest": {"rows": 3, "records": {"sha256": "2"}}},
    }
    assert _differences(model, other) == {}
    assert _differences(model, other | {"code": model["code"]}).keys() == {"data", "receipts"}
    other["receipts"]["ingest"]["rows"] = 4
    assert _differences(model, other).keys() == {"receipts"}


def test_other_code_than_made_the_model_does_not_pretend_to_build_it_again(released, steps):
    other = Steps(**(vars(steps) | {"script": SCRIPTS / "clean.py"}))
    (problem,) = rebuild(released.root, other)
    assert "it was made by code with digest" in problem
    assert "use that in production/current/code.zip" in problem


def test_code_that_was_replaced_in_the_release_is_not_taken_for_that_of_the_model(released, steps):
    current = released.root / "production" / "current"
    contents = {path.name: path.read_bytes() for path in current.iterdir() if path.is_file()}
    packed = BytesIO(contents["code.zip"])
    with zipfile.ZipFile(packed, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("workflow/scripts/train_or_score.py", "print('another model')")
    with pytest.raises(Refusal, match="is not the code that made the model"):
        _made(released.root, contents | {"code.zip": packed.getvalue()}, steps)


def test_a_model_of_another_schema_version_is_first_of_all_of_other_code(released, steps):
    """The code that made it could rebuild it, so nothing need be trained again."""
    other = Steps(**(vars(steps) | {"script": SCRIPTS / "clean.py"}))
    current = released.root / "production" / "current"
    contents = {path.name: path.read_bytes() for path in current.iterdir() if path.is_file()}
    document = orjson.loads(contents["model.json"]) | {"schema_version": 3}
    with pytest.raises(Refusal, match="it was made by code with digest"):
        _made(released.root, contents | {"model.json": orjson.dumps(document)}, other)


def test_with_nothing_in_production_there_is_nothing_to_build(firm, steps):
    (problem,) = rebuild(firm.root, steps)
    assert "nothing is in production" in problem
