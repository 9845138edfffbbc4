from pathlib import Path

import pytest
from forecasts import trained

import deploy as step
from conftest import market
from deploy import deploy
from pricewright.evaluation.acceptance import failed, key_of
from pricewright.files.errors import Refusal
from pricewright.forecasting.model_file import read_model, write_model
from report import report


@pytest.fixture(scope="module")
def unaccepted(tmp_path_factory):
    """A model of few days, which misses a criterion, and its report."""
    folder = tmp_path_factory.mktemp("model")
    assert not trained(folder, market())["acceptance"]["accepted"]
    report(folder / "model.json", folder / "report.txt")
    return folder


@pytest.fixture
def accepted(unaccepted, tmp_path):
    """The same model, as if it met all criteria."""
    document = read_model(unaccepted / "model.json")[0]
    document["acceptance"]["accepted"] = True
    for found in document["acceptance"]["criteria"].values():
        found["met"] = True
    write_model(tmp_path / "model.json", document)
    report(tmp_path / "model.json", tmp_path / "report.txt")
    return tmp_path


def test_an_accepted_model_is_deployed_byte_for_byte(accepted):
    deploy(accepted / "report.txt", accepted / "deployed.json")
    assert (accepted / "deployed.json").read_bytes() == (accepted / "model.json").read_bytes()


def test_an_unaccepted_model_is_refused_in_a_sentence_with_its_criteria(unaccepted, tmp_path):
    (tmp_path / "deployed.json").write_bytes(b"before")
    with pytest.raises(Refusal) as refusal:
        deploy(unaccepted / "report.txt", tmp_path / "deployed.json")
    sentence = str(refusal.value)
    acceptance = read_model(unaccepted / "model.json")[0]["acceptance"]
    assert sentence.startswith(f"{unaccepted / 'model.json'}: is not accepted")
    assert failed(acceptance) in sentence
    missed = [item for item in acceptance["criteria"].items() if item[1]["met"] is False]
    assert missed
    for name, found in missed:
        assert f"{key_of(name)} is " in sentence or found["what"] in sentence
    assert "accept.allow_unaccepted: true" in sentence
    assert "\n" not in sentence
    assert (tmp_path / "deployed.json").read_bytes() == b"before"


def test_an_unaccepted_model_is_deployed_byte_for_byte_if_config_allows_it(unaccepted, tmp_path):
    deploy(unaccepted / "report.txt", tmp_path / "deployed.json", allow_unaccepted=True)
    assert (tmp_path / "deployed.json").read_bytes() == (unaccepted / "model.json").read_bytes()


@pytest.mark.parametrize("allowed", [False, True])
def test_only_the_reported_model_is_ever_deployed(accepted, allowed):
    other, page = accepted / "other.json", accepted / "report.txt"
    other.write_bytes((accepted / "model.json").read_bytes() + b"\n")
    with pytest.raises(Refusal, match=r"other\.json: is not the model that .*report\.txt reports"):
        deploy(page, accepted / "deployed.json", model=other, allow_unaccepted=allowed)
    assert not (accepted / "deployed.json").exists()


def test_a_model_swapped_after_it_was_judged_is_refused(
    accepted, unaccepted, tmp_path, monkeypatch
):
    """The deployed bytes must be the judged ones, whatever happens to the file in between."""
    swapped = tmp_path / "swapped.json"
    swapped.write_bytes((accepted / "model.json").read_bytes())
    reported = unaccepted / "report.txt"
    read = step.read_model

    def then_swap(path: Path):
        found = read(path)
        swapped.write_bytes((unaccepted / "model.json").read_bytes())
        return found

    monkeypatch.setattr(step, "read_model", then_swap)
    with pytest.raises(Refusal, match="is not the model"):
        deploy(reported, tmp_path / "deployed.json", model=swapped)
    assert not (tmp_path / "deployed.json").exists()
