import json
from copy import deepcopy
from functools import reduce

import numpy as np
import pytest
from forecasts import trained

from conftest import market
from pricewright.files.errors import Refusal
from pricewright.forecasting.document import from_json
from pricewright.forecasting.model_file import named_model, read_model


def test_score_brings_a_given_models_state_up_to_date_and_keeps_its_parameters(tmp_path):
    records = market(days=260)
    dates = sorted({record["date"] for record in records})
    old = [record for record in records if record["date"] <= dates[149]]
    new = [record for record in records if record["date"] > dates[149]]
    model = trained(tmp_path / "old", old)
    given = tmp_path / "old" / "model.json"
    scored = trained(tmp_path / "new", new, mode="score", model=given, horizon=99)
    whole = trained(tmp_path / "all", records, mode="score", model=given)
    assert scored["mode"] == "score"
    assert scored["scored_model"]["cutoff"] == model["cutoff"] == dates[149]
    assert scored["parameters"] == model["parameters"]
    assert scored["har"] == model["har"]
    assert scored["symbols"]["S0"]["shape"] == model["symbols"]["S0"]["shape"]
    assert scored["metrics"]["origins_the_model_knew"] == 0
    assert scored["leak_check"] is None
    for symbol in ("S0", "S1"):
        ours, all_over = scored["symbols"][symbol], whole["symbols"][symbol]
        assert ours["observations"] == all_over["observations"] == 260
        np.testing.assert_allclose(
            ours["forecast"]["upper"], all_over["forecast"]["upper"], rtol=1e-9
        )


def test_a_symbol_that_the_given_model_does_not_know_is_left_out(tmp_path):
    trained(tmp_path / "old", market(symbols=1))
    given = tmp_path / "old" / "model.json"
    scored = trained(tmp_path / "new", market(), mode="score", model=given)
    assert scored["left_out"] == [{"symbol": "S1", "reason": "the scored model does not know it"}]
    # and what it was trained on, it knew
    assert scored["metrics"]["origins_the_model_knew"] == 19


def test_of_what_comes_after_its_last_day_a_model_knew_nothing(tmp_path):
    """Its last day is one of the dates: what is forecast from it came later."""
    records = market(days=160)
    dates = sorted({record["date"] for record in records})
    trained(tmp_path / "old", [record for record in records if record["date"] <= dates[140]])
    given = tmp_path / "old" / "model.json"
    metrics = trained(tmp_path / "new", records, mode="score", model=given)["metrics"]
    assert (metrics["first_origin"], metrics["last_origin"]) == (dates[55], dates[150])
    assert metrics["origins_the_model_knew"] == len(range(55, 140, 5))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model's document, not to be changed."""
    return trained(tmp_path_factory.mktemp("model"), market())


def test_a_quantile_between_two_of_the_model_is_on_the_line_between_their_logarithms(model):
    found = from_json(model, "m.json")
    below, between, above = np.moveaxis(np.log(found.quantiles([0.3, 0.325, 0.4])), -1, 0)
    np.testing.assert_allclose(between, 0.75 * below + 0.25 * above, rtol=1e-12)
    assert (below < between).all()


@pytest.mark.parametrize("price", [44.2352, 0.1 + 0.2, 1e-5, 7.0])
def test_a_naive_point_is_the_last_price_to_the_digit(tmp_path, price):
    records = market(days=90)
    last = {record["symbol"]: record for record in records}
    for record in last.values():
        record["close"] = price
    model = trained(tmp_path, records)
    for symbol in last:
        assert model["symbols"][symbol]["forecast"]["point"] == [price] * 5


def test_score_without_a_model_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"no model to score is given; set score\.model"):
        trained(tmp_path, market(), mode="score")


@pytest.mark.parametrize(
    ("part", "changes", "sentence"),
    [
        ("", {"schema_version": 1}, "a model of schema version 1"),
        ("", {"schema_version": None}, "not a model: it has no schema_version"),
        ("", {"note": "hi"}, "'note': there is no such key"),
        ("", {"cutoff": None}, "'cutoff' is missing"),
        ("symbols.S0.location", {"slope": "up"}, "'symbols.S0.location.slope': found \"up\""),
        ("symbols.S0.volatility", {"average": -1}, "allowed: number from 0"),
        ("symbols.S0", {"last_price": 1e99}, "'symbols.S0.last_price': found 1e.99"),
        ("acceptance", {"accepted": "yes"}, "'acceptance.accepted'"),
        ("data", {"sha256": "?"}, "'data.sha256': found \"\\?\""),
        ("", {"symbols": {}}, "'symbols': found {}"),
        ("symbols.S0", {"shape": reduce(lambda inner, _: [inner], range(400), 0.0)}, "brackets"),
        ("metrics.by_symbol.S0.var", {"5": None}, "'metrics.by_symbol.S0.var.5' is missing"),
    ],
)
def test_a_model_edited_by_hand_is_refused_by_its_reader(tmp_path, model, part, changes, sentence):
    document = deepcopy(model)
    edited = reduce(dict.__getitem__, filter(None, part.split(".")), document)
    for key, value in changes.items():
        edited[key] = value
        if value is None:
            del edited[key]
    (tmp_path / "model.json").write_text(json.dumps(document))
    with pytest.raises(Refusal, match=f"model.json:.*{sentence}"):
        read_model(tmp_path / "model.json")


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema_version": NaN}'])
def test_a_model_that_is_not_json_is_refused(tmp_path, content):
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(Refusal, match=r"model\.json:1: not JSON"):
        read_model(tmp_path / "model.json")


@pytest.mark.parametrize("count", [0, 2])
def test_a_page_that_does_not_name_one_model_is_refused(count):
    page = count * f"  model  results/model.json\n  sha256 {64 * 'a'}\n"
    with pytest.raises(Refusal, match=f"report.txt: names {count} models with their sha256, but"):
        named_model(page, "report.txt")
