"""A model's card: Markdown that says what the model's document says, and runs nothing."""

import re

import pytest
import yaml
from forecasts import trained

from conftest import market
from pricewright.reporting.card import model_card

SHA256 = "ab" * 32


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("model"), market(symbols=3), refit=10)


def card(model, **changes):
    return model_card(model | changes, title="Prices", sha256=SHA256)


def test_it_has_the_sections_of_a_card_and_metadata(model):
    text = card(model)
    _, header, body = text.split("---\n", 2)
    assert yaml.safe_load(header)["model_name"] == "Prices"
    assert re.findall("^## (.*)$", body, re.MULTILINE) == [
        "Model details",
        "Intended use",
        "Training data",
        "Evaluation",
        "Compared with the model it replaces",
        "Limits",
    ]
    assert f"`{SHA256}`" in body
    assert "S0, S1, S2." in body


def test_each_criterion_is_a_row_with_what_was_found(model):
    rows = [line for line in card(model).splitlines() if line.startswith("| ")][1:]
    criteria = model["acceptance"]["criteria"]
    assert len(rows) == len(criteria)
    for row, found in zip(rows, criteria.values(), strict=True):
        met = {True: "met", False: "NOT MET", None: "not judged"}[found["met"]]
        assert row.endswith(f"| {met} |")


def test_what_is_left_out_and_simpler_than_chosen_is_said_and_much_is_counted(model):
    many = [{"symbol": f"T{n}", "reason": "too young"} for n in range(30)]
    text = card(model, left_out=many)
    assert "- Left out of the model: T0: too young" in text
    assert "- Left out of the model: and 10 more" in text
    assert text.count("too young") == 20


def test_no_text_of_config_or_data_is_markup(model):
    bad = "<script>x</script> [a](b) `c` \x1b[2J\n# heading"
    receipts = {"ingest": {**RECEIPT, "source": bad}}
    text = model_card(model | {"receipts": receipts}, title=bad, sha256=SHA256)
    body = text.split("---\n", 2)[2]
    assert not re.search(r"(?<!\\)[<\[]", body)
    assert body.count("\n# ") == 1
    assert "\x1b" not in text.split("---\n", 2)[2]


RECEIPT = {
    **{"sha256": SHA256, "rows": 1, "symbols": 1, "quarantined": {}, "restated": 0},
    **{"rescaled": 0, "withdrawn": 0, "first_date": "2020-01-01", "last_date": "2020-01-02"},
    **{"left_out": 0, "in_bars": 1, "kept": 1, "missing": {}},
}


def test_a_model_that_was_not_evaluated_says_so(tmp_path):
    text = card(trained(tmp_path, market(symbols=1, days=43), min_history=40, calibration=100))
    assert "Not evaluated: no history is long enough." in text
