"""Trainings are listed with what they came to; their models are found again by digest."""

import contextlib
import json
import os
import re

import pytest

from conftest import run_pricewright
from pricewright.commands.compare import compare
from pricewright.commands.history import history
from pricewright.files.documents import parse_json
from pricewright.files.errors import Refusal
from pricewright.forecasting.model_file import read_model
from pricewright.releases.models import FOLDER, find_model, record_training, trainings
from pricewright.signoffs import ledger


def trained(desk, which):
    """The model of a run; returns its digest."""
    desk.train(which)
    return read_model(desk.root / "results/model.json")[1]


def kept(firm):
    return {path.name.partition(".")[0] for path in (firm.root / FOLDER).iterdir()}


def aged(firm, digest, days):
    """Let a kept model be from so many days ago."""
    path = firm.root / FOLDER / f"{digest}.json.zst"
    then = path.stat().st_mtime - days * 86400
    os.utime(path, (then, then))


@pytest.fixture
def desk(firm, monkeypatch):
    """A firm in its folder whose trainings are recorded, and whose kept models stay."""
    monkeypatch.chdir(firm.root)
    train, models, aside = firm.train, firm.root / FOLDER, firm.root / "aside"
    firm.keep_models = 100

    def record(who):
        output = firm.root / "results/model.json"
        if aside.exists():
            aside.rename(models)
        document, _ = read_model(output)
        record_training(firm.root, output, document, author=who, keep_models=firm.keep_models)

    def keeping(which):
        if models.exists():
            models.rename(aside)
        train(which)

    firm.train, firm.record_run = keeping, record
    return firm


def test_the_ledger_has_what_a_training_came_to_once(desk):
    digest = trained(desk, 1)
    desk.record_run("author")
    (told,) = [entry for entry in ledger.read(desk.root / "ledger") if "criteria" in entry.fields]
    acceptance = read_model(desk.root / "results/model.json")[0]["acceptance"]
    assert (told.fields["run"], told.fields["mode"], told.fields["symbols"]) == (digest, "train", 2)
    assert told.fields["accepted"] == acceptance["accepted"]
    criteria = {name: found["value"] for name, found in acceptance["criteria"].items()}
    assert told.fields["criteria"] == criteria


def test_a_model_is_found_by_its_digest_and_is_the_bytes_that_it_was(desk):
    first, second = trained(desk, 0), trained(desk, 1)
    for digest in (first, second):
        document, found = find_model(desk.root, digest[:8])
        assert found == digest
        assert document["receipts"]
    assert find_model(desk.root, "last")[1] == second
    assert find_model(desk.root, "results/model.json")[1] == second


def test_the_models_of_releases_have_names(desk):
    with pytest.raises(Refusal, match="production: nothing has been released yet"):
        find_model(desk.root, "production")
    desk.signed_release(0)
    first = read_model(desk.root / "results/model.json")[1]
    desk.signed_release(1)
    second = read_model(desk.root / "results/model.json")[1]
    assert find_model(desk.root, "production")[1] == second
    assert find_model(desk.root, "previous")[1] == first


@pytest.mark.parametrize("text", ["", "abc", "f" * 64, "..", "results"])
def test_what_means_no_model_is_refused(desk, text):
    trained(desk, 0)
    with pytest.raises(
        Refusal,
        match=r"no model's digest begins with that|a model's digest needs at least 4 digits",
    ):
        find_model(desk.root, text)


def test_the_oldest_go_but_for_those_that_were_signed_or_released(desk):
    desk.signed_release(1)
    first = read_model(desk.root / "results/model.json")[1]
    second, third = trained(desk, 0), trained(desk, 2)
    for days, digest in enumerate((third, second, first)):
        aged(desk, digest, days)
    desk.keep_models = 1
    desk.record_run("author")
    assert kept(desk) == {first, third}
    with pytest.raises(Refusal, match=r"no longer kept \(history\.keep_models and"):
        find_model(desk.root, second)


def test_a_kept_model_that_was_changed_is_refused(desk):
    digest = trained(desk, 0)
    path = desk.root / FOLDER / f"{digest}.json.zst"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(Refusal, match="was changed or damaged"):
        find_model(desk.root, digest)


def test_history_lists_the_newest_first_with_verdict_and_release(desk, capsys):
    desk.signed_release(1)
    first = read_model(desk.root / "results/model.json")[1]
    second = trained(desk, 2)
    history(limit=1)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["trained", "by", "model"]
    assert [re.search(r"[0-9a-f]{12}", row)[0] for row in rows] == [second[:12]]
    history(format="json")
    found = json.loads(capsys.readouterr().out)
    by_model = {each["run"]: each["release"] for each in found}
    assert (by_model[second], by_model[first]) == (None, "in production")
    assert [each.model for each in trainings(desk.root)] == [each["run"] for each in found]


def test_before_any_training_history_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    history()
    assert "No model has been trained here yet" in capsys.readouterr().out


def test_compare_says_what_changed_and_what_was_tested(desk, capsys):
    first, second = trained(desk, 0), trained(desk, 1)
    compare(first, second, format="json")
    found = json.loads(capsys.readouterr().out)
    assert found["models"] == [first, second]
    assert found["config"] == found["gone"] == found["new"] == []
    assert "data.sha256" in {name for name, _, _ in found["made"]}
    one, other = (find_model(desk.root, digest)[0] for digest in (first, second))
    mase = [model["metrics"]["pooled"]["model"]["mase"] for model in (one, other)]
    assert ["model.mase", *mase] in found["figures"]
    compare(first, second)
    text = capsys.readouterr().out
    assert f"A  {first}" in text
    assert re.search(r"model\.mase +\S+ -> \S+  \([+-]", text)
    assert "may be chance" in text


def test_compare_says_whose_figures_are_of_dates_that_it_was_trained_on(desk, capsys):
    trained(desk, 0)
    path = desk.root / "results/model.json"
    document = parse_json(path.read_bytes(), "model")
    document["metrics"]["origins_the_model_knew"] = 3
    (desk.root / "scored.json").write_text(json.dumps(document))
    compare("last", "scored.json")
    text = " ".join(capsys.readouterr().out.split())
    assert "Caution: B was trained on 3 of the " in text
    assert "Caution: A" not in text


def test_from_a_folder_below_a_path_is_the_callers(desk):
    trained(desk, 0)
    told = run_pricewright("compare", "model.json", "last", cwd=desk.root / "results")
    assert told.code == 0, told.stderr
    assert "They are the same model." in told.stdout


def test_a_model_beside_itself_has_no_changes(desk, capsys):
    trained(desk, 0)
    compare("last", "last", format="json")
    found = json.loads(capsys.readouterr().out)
    assert not any(found[part] for part in ("made", "libraries", "config", "figures", "gone"))


def test_config_and_symbols_that_changed_are_named(desk, capsys):
    trained(desk, 0)
    path = desk.root / "results/model.json"
    document = parse_json(path.read_bytes(), "model")
    document["parameters"] |= {"decay": 0.9, "price": "adj_close"}
    for part in (document["symbols"], document["metrics"]["by_symbol"]):
        part["T9"] = part.pop("S1")
    (desk.root / "other.json").write_text(json.dumps(document))
    compare("last", "other.json")
    text = capsys.readouterr().out
    assert re.search(r"decay +0\.94 -> 0\.9  \(-0\.04\)", text)
    assert re.search(r"price +close -> adj_close\n", text)
    assert "Gone symbols\n  S1" in text
    assert "New symbols\n  T9" in text
    assert "figures are over different symbols" in text
    compare("last", "other.json", format="html")
    page = capsys.readouterr().out
    cells = re.findall(r"<th scope=\"row\">(.*?)</th><td>(.*?)</td>", page)
    assert ("decay", "0.94 -&gt; 0.9  (-0.04)") in cells
    assert "<h2>Gone symbols</h2>\n  <p>S1</p>" in page
    assert "<script" not in page
    assert "://" not in page
    for part in (document["symbols"], document["metrics"]["by_symbol"]):
        del part["T9"]
    (desk.root / "fewer.json").write_text(json.dumps(document))
    compare("last", "fewer.json")
    assert "figures are over different symbols" in capsys.readouterr().out


def test_a_record_of_a_test_beside_the_other_is_told(desk, capsys):
    first = trained(desk, 0)
    path = desk.root / "results/model.json"
    document = parse_json(path.read_bytes(), "model")
    record = {"sha256": first, "cutoff": "2020-01-01", "verdict": "better", "reason": None}
    record |= {"symbols": 2, "origins": 25, "origins_it_knew": 0, "metrics": None}
    record |= {"difference": -0.021, "lower": -0.04, "upper": -0.002}
    document["champion"] = record
    (desk.root / "other.json").write_text(json.dumps(document))
    with contextlib.chdir(desk.root):
        compare(first, "other.json")
    assert "on 25 dates that A was not trained on: better; B's pinball loss differs by -2.10%" in (
        capsys.readouterr().out
    )
    record |= {"verdict": "not comparable", "reason": "it knew all dates", "difference": None}
    (desk.root / "other.json").write_text(json.dumps(document))
    with contextlib.chdir(desk.root):
        compare(first, "other.json")
    assert "not comparable with A when it was trained: it knew all dates." in (
        capsys.readouterr().out
    )
