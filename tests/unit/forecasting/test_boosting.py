"""Boosted trees as a location: free of scale, known by their day, and no library to forecast."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from forecasts import (
    chosen,
    garch_changes,
    records_of,
    simulated,
    trained,
    uneven,
    walked,
    weekdays,
)

from conftest import SCRIPTS, command
from pricewright.files.errors import Refusal
from pricewright.forecasting import har, trees
from pricewright.forecasting.panel import NEVER, panel_of
from pricewright.forecasting.timeline import make_timeline
from pricewright.forecasting.trees import (
    FEWEST,
    LAGS,
    grow_trees,
    in_deviations,
    last_changes,
    moves,
    total,
    tree_rows,
)
from pricewright.tables.schema import load

pytestmark = pytest.mark.filterwarnings("error")

TREES = {"location": "lightgbm"}
ALL = (-NEVER, NEVER - 1)


def echoing(days=1000, symbols=3, share=0.6):
    """A panel whose every change has a share of the one before: there is something to learn."""
    changes = garch_changes(days, symbols)
    for day in range(1, days):
        changes[day] += share * changes[day - 1]
    prices = 50 * np.exp(np.cumsum(changes, axis=0))
    histories = [(weekdays(days), prices[:, place]) for place in range(symbols)]
    return panel_of([f"S{number}" for number in range(symbols)], histories)


def same(one, other):
    return trees.trees_to_json(one) == trees.trees_to_json(other)


# What trees look at.


def test_the_last_changes_come_newest_first():
    values = np.cumsum(np.arange(1.0, 15))[:, None]  # changes of 2, 3, …
    found = last_changes(values)
    assert found.shape == (14, 1, LAGS)
    assert found[0, 0].tolist() == [0.0] * LAGS
    assert found[3, 0].tolist() == [4.0, 3.0, 2.0] + [0.0] * (LAGS - 3)
    assert found[-1, 0].tolist() == list(range(14, 4, -1))


def test_last_changes_go_on_from_where_they_were():
    values = simulated(3, 60).values
    whole = last_changes(values)
    for begin in (1, 5, 30):
        start = whole[begin].copy()
        start[1] = np.nan  # this history begins anew
        rest = last_changes(values[begin:], start)
        np.testing.assert_array_equal(rest[:, [0, 2]], whole[begin:, [0, 2]])
        np.testing.assert_array_equal(rest[:, 1], last_changes(values[begin:])[:, 1])


def test_changes_of_nothing_in_units_of_nothing_are_nothing():
    changes = np.array([[0.0] * LAGS, [0.02] * LAGS])
    found = in_deviations(changes, np.array([0.0, 1e-4]))
    assert found.tolist() == [[0.0] * LAGS, [2.0] * LAGS]


@pytest.mark.parametrize("unit", [1e-6, 1024.0])
def test_a_forecast_is_free_of_scale(unit):
    panel = simulated(3, 500)
    found = grow_trees(tree_rows(panel, chosen(**TREES), 1), *ALL)
    changes = last_changes(panel.values)[-1]
    variance = np.array([1e-4, 2e-4, 3e-4])
    plain = moves(found, changes, variance, 5)
    other = moves(found, unit * changes, unit**2 * variance, 5)
    np.testing.assert_allclose(other, unit * plain, rtol=1e-9)
    assert (plain != 0).any()
    assert not moves(found, 0 * changes, 0 * variance, 5).any()


def test_a_forecast_is_what_the_trees_say_in_units_of_a_random_walk_of_as_many_steps():
    panel = echoing()
    found = grow_trees(tree_rows(panel, chosen(**TREES), 1), *ALL)
    changes, variance = last_changes(panel.values)[-1], np.array([1e-4, 2e-4, 3e-4])
    made = moves(found, changes, variance, 5)
    for place, step in np.ndindex(3, 5):
        row = [*in_deviations(changes[place], variance[place]), step + 1.0]
        said = total(found, [np.array(number) for number in row])
        assert made[place, step] == pytest.approx(said * np.sqrt(variance[place] * (step + 1)))
    assert (made != 0).any()


# What they learn from.


@pytest.mark.parametrize("volatility", ["ewma", "rolling"])
def test_a_row_is_an_observation_and_what_came_of_it(volatility):
    panel, settings = simulated(2, 200), chosen(volatility=volatility, **TREES)
    found = tree_rows(panel, settings, 1)
    assert len(found.outcomes) == 2 * (135 * 5 + 4 + 3 + 2 + 1)  # those after the first 60
    values = panel.values[:, 1]
    place = len(found.outcomes) - 1  # the last of all: of the last but one observation, 1 ahead
    assert found.inputs[place, -1] == 1
    changes = np.diff(values)
    squared = changes[:198] ** 2
    if volatility == "rolling":
        variance = squared[-20:].mean()
    else:
        variance = squared[:20].mean()
        for square in squared:
            variance = 0.94 * variance + 0.06 * square
    expected = changes[197 - np.arange(LAGS)] / np.sqrt(variance)
    np.testing.assert_allclose(found.inputs[place, :-1], expected, atol=1e-6)
    np.testing.assert_allclose(found.outcomes[place], changes[198] / np.sqrt(variance), atol=1e-6)
    assert (found.begun[place], found.known[place]) == (panel.days[198, 1], panel.days[199, 1])


def test_an_outcome_is_in_units_of_a_random_walk_of_as_many_steps():
    found = tree_rows(simulated(6, 2000), chosen(horizon=10, **TREES), 1)
    spread = [found.outcomes[found.inputs[:, -1] == step].std() for step in range(1, 11)]
    np.testing.assert_allclose(spread, 1.0, atol=0.15)


@pytest.mark.parametrize("horizon", [1, 5, 10, 60])
def test_of_long_histories_some_rows_are_taken_and_all_steps_alike(horizon, monkeypatch):
    monkeypatch.setattr(har, "ROWS", 3000)
    panel = simulated(2, 1500)
    step = har.row_step(int(panel.counts.sum()), horizon)
    found = tree_rows(panel, chosen(horizon=horizon, **TREES), step)
    assert 3000 / 7 < len(found.outcomes) <= 3000
    counts = np.bincount(found.inputs[:, -1].astype(int), minlength=horizon + 1)[1:]
    assert counts.max() - counts.min() <= 0.1 * counts.mean() + 4


def test_rows_of_levels_begin_where_levels_are_needed():
    panel = uneven()
    found = tree_rows(panel.columns(np.array([4])), chosen(**TREES), 1)
    assert found.begun.min() > panel.days[panel.first[4], 4]


def test_with_few_rows_there_are_no_trees():
    found = tree_rows(simulated(2, 500), chosen(**TREES), 1)
    known = np.sort(found.known)
    assert grow_trees(found, -NEVER, int(known[FEWEST - 2]) - 1) is None
    assert grow_trees(found, *ALL)


def test_with_outcomes_that_are_all_alike_there_are_no_trees():
    found = tree_rows(simulated(2, 500), chosen(**TREES), 1)
    assert grow_trees(replace(found, outcomes=np.full(len(found.outcomes), 0.5)), *ALL) is None


def test_only_outcomes_within_the_days_count():
    panel, settings = simulated(3, 400), chosen(**TREES)
    since, until = int(panel.days[100, 0]), int(panel.days[300, 0])
    plain = grow_trees(tree_rows(panel, settings, 1), since, until)
    found = tree_rows(panel, settings, 1)
    outside = (found.begun < since) | (found.known > until)
    garbage = replace(found, outcomes=np.where(outside, 3.0, found.outcomes))
    assert same(grow_trees(garbage, since, until), plain)
    for last in (found.known == until, found.begun == since):
        changed = replace(found, outcomes=np.where(last, 3.0, found.outcomes))
        assert not same(grow_trees(changed, since, until), plain)


def test_trees_have_the_window_and_the_embargo_of_all_estimates():
    panel = simulated(3, 500)
    settings = chosen(window_days=300, embargo_days=20, refit=60, **TREES)
    (piece,) = walked(panel, settings, to_the_end=False).pieces
    until = int(make_timeline(panel, settings).estimates[-1]) - 20
    expected = grow_trees(tree_rows(panel, settings, 1), until - 300, until)
    assert same(piece.fitted.location.trees, expected)


def test_what_can_be_learned_is_learned():
    panel = echoing()
    (piece,) = walked(panel, chosen(horizon=3, **TREES)).pieces
    columns = np.arange(3)
    rows, centres = piece.rows[:-1], piece.centres[:-1]  # after the last there is no horizon yet
    ahead = panel.values[rows[..., None] + np.arange(1, 4), columns[:, None]]
    last = panel.values[rows, columns][..., None]
    assert np.abs(ahead - centres).mean() < 0.85 * np.abs(ahead - last).mean()


def test_all_pieces_have_the_same_trees_and_they_are_bounded():
    pieces = walked(simulated(70, 120), chosen(refit=20, **TREES)).pieces
    one, two = (piece.fitted.location.trees for piece in pieces)
    assert same(one, two)
    assert 1 <= len(one) <= trees.MOST_TREES
    assert all(2 <= len(tree.leaves) <= trees.MOST_LEAVES for tree in one)


# The model.


def test_a_model_with_trees_says_what_grew_them(tmp_path):
    model = trained(tmp_path, records_of(simulated(2, 300)), refit=20, **TREES)
    assert "lightgbm" in model["code"]["libraries"]
    plain = trained(tmp_path, records_of(simulated(2, 300)), refit=20)
    assert "lightgbm" not in plain["code"]["libraries"]
    assert plain["trees"] is None


def test_the_schema_has_the_bounds_that_the_code_has():
    schema = load("model")
    tree = schema["$defs"]["tree"]["properties"]
    leaves, splits = trees.MOST_LEAVES, trees.MOST_LEAVES - 1
    assert schema["properties"]["trees"]["maxItems"] == trees.MOST_TREES
    assert tree["leaves"]["maxItems"] == leaves
    assert {tree[name]["maxItems"] for name in ("numbers", "thresholds", "children")} == {splits}
    assert tree["numbers"]["items"]["maximum"] == trees.NUMBERS - 1
    child = tree["children"]["items"]["items"]
    assert (child["minimum"], child["maximum"]) == (-leaves, splits - 1)
    changes = schema["$defs"]["symbol"]["properties"]["location"]["properties"]["changes"]
    assert changes["minItems"] == changes["maxItems"] == LAGS


# The library.


def test_without_the_library_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(Refusal) as refusal:
        trained(tmp_path, records_of(simulated(1, 120)), refit=20, **TREES)
    sentence = str(refusal.value)
    assert sentence.startswith("model.location is lightgbm, which cannot be imported (")
    assert "install the package lightgbm" in sentence
    assert "\n" not in sentence
    assert not (tmp_path / "model.json").exists()


def test_without_the_library_a_model_is_scored(tmp_path, monkeypatch):
    records = records_of(simulated(2, 320))
    first = [record for record in records if record["date"] < "2016-02-01"]
    old = trained(tmp_path / "old", first, refit=20, **TREES)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    given = tmp_path / "old" / "model.json"
    scored = trained(tmp_path / "new", records, mode="score", model=given)
    assert old["trees"]
    assert scored["trees"] == old["trees"]
    assert "lightgbm" not in scored["code"]["libraries"]
    beside = trained(tmp_path / "beside", records, champion=given)
    assert beside["champion"]["symbols"] == 2
    now, then = (model["symbols"]["S0"]["location"]["changes"] for model in (scored, old))
    assert now != then


@pytest.mark.parametrize(("kind", "loaded"), [("naive", False), ("lightgbm", True)])
def test_the_library_is_imported_only_when_asked_for_and_says_nothing(tmp_path, kind, loaded):
    trained(tmp_path, records_of(simulated(2, 320)))
    show = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); from pathlib import Path\n"
        "from train_or_score import train_or_score as train\n"
        "from pricewright.forecasting.settings import Settings\n"
        f"settings = Settings(location={kind!r}, horizon=5, refit=50)\n"
        "train(Path('clean.json'), Path('m.json'), settings=settings)\n"
        "print('lightgbm' in sys.modules)"
    )
    done = command("-W", "error", "-c", show, cwd=tmp_path)
    assert (done.code, done.stdout, done.stderr) == (0, f"{loaded}\n", "")
