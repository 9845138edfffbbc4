import numpy as np
import orjson
import pytest

from conftest import market, write_columns
from flat import train_or_score
from pricewright.files.errors import Refusal
from pricewright.forecasting.model_file import read_model

SMALL = {"horizon": 5, "origins": 20, "min_history": 40, "calibration": 100}


def trained(tmp_path, records, **options):
    columns = {name: [record[name] for record in records] for name in records[0]}
    write_columns(tmp_path / "clean.json", columns)
    output = tmp_path / "model.json"
    train_or_score(tmp_path / "clean.json", output, **(SMALL | options))
    return read_model(output)[0]


def test_symbols_that_cannot_be_modelled_are_listed_with_their_reasons(tmp_path):
    records = market(symbols=4)
    short = [r for r in records if r["symbol"] != "S1"] + [
        r for r in records if r["symbol"] == "S1"
    ][:9]
    ended = [r for r in short if r["symbol"] != "S2" or r["date"] < "2020-05-01"]
    flat = [r | {"close": 7.0} if r["symbol"] == "S3" else r for r in ended]
    model = trained(tmp_path, flat)
    assert list(model["symbols"]) == ["S0"]
    reasons = {out["symbol"]: out["reason"] for out in model["left_out"]}
    assert reasons["S1"] == "9 observations, fewer than 40"
    assert reasons["S2"].startswith("the last price is of 2020-04-30")
    assert reasons["S3"] == "the price never changes"


def test_a_table_of_which_nothing_can_be_modelled_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"no symbol can be modelled \(S0: 9 observations"):
        trained(tmp_path, market(symbols=1, days=9))


def test_the_order_of_the_records_does_not_change_the_model(tmp_path):
    records = market()
    one = trained(tmp_path / "1", records)
    two = trained(tmp_path / "2", records[::-1])
    assert one["symbols"] == two["symbols"]
    assert one["metrics"] == two["metrics"]


def test_a_price_that_stopped_moving_is_left_out(tmp_path):
    records = market()
    last = sorted({record["date"] for record in records})[-45:]
    pegged = [
        r | {"close": 7.0} if r["symbol"] == "S1" and r["date"] in last else r for r in records
    ]
    left_out = trained(tmp_path, pegged)["left_out"]
    assert left_out == [{"symbol": "S1", "reason": "the last 40 prices are the same"}]


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


def test_scoring_what_the_model_was_trained_on_says_so(tmp_path):
    trained(tmp_path / "old", market())
    scored = trained(
        tmp_path / "new", market(), mode="score", model=tmp_path / "old" / "model.json"
    )
    assert scored["metrics"]["origins_the_model_knew"] == 20


def test_score_without_a_model_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"no model is given to be scored; see score\.model"):
        trained(tmp_path, market(), mode="score")


def test_a_symbol_that_the_given_model_does_not_know_is_left_out(tmp_path):
    trained(tmp_path / "old", market(symbols=1))
    scored = trained(
        tmp_path / "new", market(), mode="score", model=tmp_path / "old" / "model.json"
    )
    assert scored["left_out"] == [{"symbol": "S1", "reason": "the scored model does not know it"}]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda model: model.update(schema_version=1), "a model of schema version 1"),
        (lambda model: model.pop("schema_version"), "not a model: it has no schema_version"),
        (lambda model: model.update(note="hi"), "'note': there is no such key"),
        (lambda model: model.pop("cutoff"), "'cutoff' is missing"),
        (
            lambda model: model["symbols"]["S0"]["location"].update(slope="up"),
            "'symbols.S0.location.slope': found \"up\"",
        ),
        (
            lambda model: model["symbols"]["S0"]["volatility"].update(average=-1),
            "allowed: number from 0",
        ),
        (
            lambda model: model["symbols"]["S0"].update(last_price=1e99),
            "'symbols.S0.last_price': found 1e.99",
        ),
        (lambda model: model["acceptance"].update(accepted="yes"), "'acceptance.accepted'"),
        (lambda model: model["data"].update(sha256="?"), "'data.sha256': found \"\\?\""),
        (lambda model: model.update(symbols={}), "'symbols': found {}"),
    ],
)
def test_a_model_edited_by_hand_is_refused_by_its_reader(tmp_path, spoil, sentence):
    model = trained(tmp_path, market())
    spoil(model)
    (tmp_path / "model.json").write_bytes(orjson.dumps(model))
    with pytest.raises(Refusal, match=f"model.json:.*{sentence}"):
        read_model(tmp_path / "model.json")


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema_version": NaN}'])
def test_a_model_that_is_not_json_is_refused(tmp_path, content):
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(Refusal, match=r"model\.json:1: not JSON"):
        read_model(tmp_path / "model.json")
