from copy import deepcopy

import pytest

from conftest import market
from pricewright import charts
from pricewright.documents import write_columns
from pricewright.errors import Refusal
from pricewright.model import read_model
from pricewright.page import WIDTH, compose, named_model
from pricewright.verdict import champion, percent, verdict
from train_or_score import train_or_score


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    records = market(symbols=3)
    columns = {name: [record[name] for record in records] for name in records[0]}
    write_columns(folder / "clean.json", columns)
    train_or_score(
        folder / "clean.json",
        folder / "model.json",
        horizon=5,
        origins=20,
        min_history=40,
        calibration=100,
    )
    return read_model(folder / "model.json")[0]


def page(model, **settings):
    defaults = {
        "model_path": "results/model.json",
        "sha256": "a" * 64,
        "title": "Prices",
        "digits": 3,
        "max_symbols": 20,
        "allow_unaccepted": False,
        "written": {"report": "results/report.txt"},
    }
    return compose(model, **(defaults | settings))


def changed(model, **pooled):
    """The model with other figures over all symbols."""
    other = deepcopy(model)
    other["metrics"]["pooled"] |= pooled
    return other


def said(model):
    return " ".join(verdict(model))


def test_the_page_fits_a_terminal(model):
    assert max(map(len, page(model).splitlines())) <= WIDTH


def test_every_number_in_the_table_is_the_models(model):
    text = page(model, digits=4)
    for symbol, scores in model["metrics"]["by_symbol"].items():
        line = next(line for line in text.splitlines() if line.startswith(f"  {symbol} "))
        assert line.split()[1:] == [
            str(scores["origins"]),
            *(f"{scores[who]['mase']:.4f}" for who in ("model", "random_walk")),
            *(f"{scores[who]['rmsse']:.4f}" for who in ("model", "random_walk")),
            *(f"{scores[who]['coverage']:.1%}" for who in ("model", "random_walk")),
        ]


@pytest.mark.parametrize(
    ("share", "text"), [(0.9, "90%"), (0.975, "97.5%"), (0.999, "99.9%"), ((1 - 0.9) / 2, "5%")]
)
def test_a_share_has_the_digits_that_it_has(share, text):
    assert percent(share) == text


def test_both_tables_show_the_same_symbols(model):
    tables = page(model, max_symbols=1).split("Beside the plain random walk")[1]
    scores, forecasts = tables.split("Forecast of the price")
    assert forecasts.splitlines()[3].split()[0] == scores.splitlines()[4].split()[0]


def test_a_naive_point_forecast_claims_no_skill(model):
    assert "The point forecast is the last price: no skill is claimed for it." in said(model)


@pytest.mark.parametrize(
    ("ratio", "p_value", "words"),
    [
        (1.02, 0.01, "No skill in the point forecast: its error is 1.020 times"),
        (0.98, 0.4, "No skill in the point forecast that is more than luck: its error is 0.980"),
        (0.98, 0.004, "The point forecast has skill: its error is 0.980 times the last price's"),
    ],
)
def test_the_skill_of_a_point_forecast_is_said_in_words(model, ratio, p_value, words):
    other = changed(model, mae_ratio=ratio, p_value=p_value)
    other["parameters"]["location"] = "drift"
    assert words in said(other)


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [
        (-0.03, -0.01, "significantly better than EWMA's"),
        (0.01, 0.03, "significantly worse than EWMA's"),
        (-0.01, 0.03, "cannot be told from EWMA's"),
        (None, None, "could not be tested"),
    ],
)
def test_the_skill_of_the_volatility_forecast_is_said_in_words(model, lower, upper, words):
    volatility = model["metrics"]["pooled"]["volatility"] | {"over_dates": 0.0}
    volatility |= {"lower": lower, "upper": upper}
    assert words in said(changed(model, volatility=volatility))


def test_a_verdict_begins_with_acceptance_and_the_criteria_that_are_not_met(model):
    assert verdict(model)[0].startswith("NOT ACCEPTED: ")
    assert "kupiec is unknown, at least 0.9 is wanted" in verdict(model)[0]
    accepted = deepcopy(model)
    accepted["acceptance"]["accepted"] = True
    assert verdict(accepted)[0].startswith("ACCEPTED")


def test_a_deployment_without_acceptance_is_announced_in_capitals(model):
    words = "THIS MODEL IS NOT ACCEPTED AND IS DEPLOYED ALL THE SAME"
    assert words in page(model, allow_unaccepted=True)
    assert words not in page(model)
    accepted = deepcopy(model)
    accepted["acceptance"]["accepted"] = True
    assert words not in page(accepted, allow_unaccepted=True)


RECORD = {
    "sha256": "b" * 64,
    "cutoff": "2020-01-31",
    "reason": None,
    "symbols": 3,
    "origins": 20,
    "origins_it_knew": 0,
    "difference": -0.0123,
    "lower": -0.02,
    "upper": -0.004,
}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (None, "No model was deployed to compare with."),
        (RECORD | {"verdict": "better"}, "Better than the deployed model (bbbbbbbbbbbb…"),
        (
            RECORD | {"verdict": "better"},
            "is -1.23% off that one's (95% interval -2.00% to -0.40%)",
        ),
        (RECORD | {"verdict": "worse"}, "Worse than the deployed model"),
        (RECORD | {"verdict": "no difference"}, "No significant difference from the deployed"),
        (RECORD | {"verdict": "worse", "origins_it_knew": 7}, "7 of these dates"),
        (
            RECORD | {"verdict": "not comparable", "reason": "it forecasts open"},
            "it forecasts open.",
        ),
    ],
)
def test_the_model_beside_the_deployed_one_is_said_in_words(model, record, words):
    other = deepcopy(model) | {"champion": record}
    assert words in " ".join(champion(other))
    assert max(map(len, page(other).splitlines())) <= WIDTH


def test_what_was_not_evaluated_is_said_in_words(model):
    other = deepcopy(model)
    other["metrics"]["pooled"]["model"]["mase"] = None
    assert "Not evaluated" in said(other)


def test_a_score_on_known_dates_is_marked_as_flattering(model):
    known = deepcopy(model)
    known["metrics"]["origins_the_model_knew"] = 3
    assert "Caution: 3 of the 20 dates" in said(known)


def test_every_criterion_is_on_the_page(model):
    lines = page(model).splitlines()
    for name, found in model["acceptance"]["criteria"].items():
        mark = "met" if found["met"] else "NOT MET"
        assert any(line.startswith(f"  {mark} ") and f" {name} " in line for line in lines)


def test_fallbacks_are_listed_with_their_symbols(model):
    assert "S0  volatility: har, for 139 changes are fewer than 250" in page(model)
    assert "(2 more)" in page(model, max_symbols=1).split("Fallbacks")[1]


def test_a_long_symbol_does_not_break_the_page(model):
    long, renamed = "A" * 32, deepcopy(model)
    for part in (renamed["symbols"], renamed["metrics"]["by_symbol"]):
        part[long] = part.pop("S1")
    assert max(map(len, page(renamed).splitlines())) <= WIDTH


def test_of_many_symbols_the_worst_are_shown_and_the_rest_counted(model):
    by_symbol = model["metrics"]["by_symbol"]
    score = "interval_score"
    worst = max(
        by_symbol, key=lambda s: by_symbol[s]["model"][score] / by_symbol[s]["random_walk"][score]
    )
    table = page(model, max_symbols=1).split("Beside the plain random walk")[1]
    assert table.splitlines()[4].startswith(f"  {worst} ")
    assert "(2 more)" in table


def test_the_page_names_its_model_and_is_read_back(model):
    text = page(model, model_path="my results/model.json")
    assert named_model(text, "report.txt") == ("my results/model.json", "a" * 64)


@pytest.mark.parametrize("times", [0, 2])
def test_a_page_that_does_not_name_one_model_is_refused(model, times):
    with pytest.raises(Refusal, match=rf"report\.txt: names {times} models"):
        named_model(page(model) * times, "report.txt")


def test_the_pictures_are_the_same_bytes_each_time_and_ask_for_nothing(model):
    for draw in (charts.coverage, lambda model: charts.skill(model, 20)):
        svg = draw(model)
        assert svg == draw(model)
        assert svg.startswith(b"<svg")
        assert b"href" not in svg
        assert b"<script" not in svg


def test_the_pictures_of_a_model_without_metrics_are_drawn(model):
    empty = deepcopy(model)
    for who in ("model", "random_walk"):
        empty["metrics"]["pooled"][who]["by_horizon"]["coverage"] = [None] * 5
    empty["metrics"]["by_symbol"] = {}
    assert charts.coverage(empty).startswith(b"<svg")
    assert charts.skill(empty, 20).startswith(b"<svg")


def test_the_page_counts_what_was_quarantined_and_flagged_most_first(model):
    other = deepcopy(model)
    receipt = {"source": "a.csv", "sha256": "0" * 64, "rows": 9, "symbols": 1}
    receipt |= {
        "first_date": "2024-01-01",
        "last_date": "2024-01-02",
        "restated": 2,
        "withdrawn": 1,
    }
    receipt["quarantined"] = {"sign": 1, "conflict": 4, "duplicate": 2}
    cleaned = {"duplicates": 0, "dropped": 0, "corrected": 1, "filled": {}}
    cleaned["flags"] = {"jump": 0, "stale": 3}
    other["receipts"] = {"ingest": receipt, "clean": cleaned}
    text = page(other)
    assert "quarantine  7 rows: 4 conflict, 2 duplicate, 1 other" in text
    assert "changes     2 values restated, 1 rows withdrawn" in text
    assert "flagged     3 flags: 3 stale" in text
    assert max(map(len, text.splitlines())) <= WIDTH
