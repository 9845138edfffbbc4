from copy import deepcopy

import pytest

from conftest import market
from pricewright import charts
from pricewright.documents import write_columns
from pricewright.errors import Refusal
from pricewright.model import read_model
from pricewright.page import WIDTH, compose, named_model, percent, verdict
from train_or_score import train_or_score


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    records = market(symbols=3)
    columns = {name: [record[name] for record in records] for name in records[0]}
    write_columns(folder / "clean.json", columns)
    train_or_score(folder / "clean.json", folder / "model.json", horizon=5, origins=8)
    return read_model(folder / "model.json")[0]


def page(model, **settings):
    defaults = {
        "model_path": "results/model.json",
        "sha256": "a" * 64,
        "title": "Prices",
        "digits": 3,
        "max_symbols": 20,
        "written": {"report": "results/report.txt"},
    }
    return compose(model, **(defaults | settings))


def with_mase(model, ours, plain):
    changed = deepcopy(model)
    changed["metrics"]["pooled"]["model"]["mase"] = ours
    changed["metrics"]["pooled"]["random_walk"]["mase"] = plain
    return changed


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


def test_no_skill_is_said_in_words(model):
    assert verdict(with_mase(model, 1.02, 1.0)).startswith("No skill in the point forecast")
    assert "0.980 times" in verdict(with_mase(model, 0.98, 1.0))


def test_what_was_not_evaluated_is_said_in_words(model):
    assert verdict(with_mase(model, None, None)).startswith("Not evaluated")


def test_a_score_on_known_dates_is_marked_as_flattering(model):
    known = deepcopy(model)
    known["metrics"]["origins_the_model_knew"] = 3
    assert "Caution: 3 of the 8 dates" in verdict(known)


def test_of_many_symbols_the_worst_are_shown_and_the_rest_counted(model):
    by_symbol = model["metrics"]["by_symbol"]
    worst = max(
        by_symbol, key=lambda s: by_symbol[s]["model"]["mase"] / by_symbol[s]["random_walk"]["mase"]
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
    changed = deepcopy(model)
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
    changed["receipts"] = {"ingest": receipt, "clean": cleaned}
    text = page(changed)
    assert "quarantine  7 rows: 4 conflict, 2 duplicate, 1 other" in text
    assert "changes     2 values restated, 1 rows withdrawn" in text
    assert "flagged     3 flags: 3 stale" in text
    assert max(map(len, text.splitlines())) <= WIDTH
