"""Trees: what LightGBM says of the same rows, whatever shape these have."""

import lightgbm
import numpy as np
import pytest

from pricewright.forecasting import trees
from pricewright.forecasting.checked_document import CheckedDocument
from pricewright.forecasting.trees import Tree, total, tree_of
from pricewright.tables.arrays import Floats

pytestmark = pytest.mark.filterwarnings("error")

SMALL = {"num_leaves": 8, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1, "seed": 1}


def grown(objective="l2", rows=2000, digits=1, seed=1, **more):
    """LightGBM's model of some made up rows (rows, 4), and its trees as ours."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 4)).round(digits)  # so that many are alike
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + random.normal(size=rows)
    settings = SMALL | {"objective": objective} | more
    model = lightgbm.train(settings, lightgbm.Dataset(x, y), num_boost_round=60)
    found = model.dump_model()["tree_info"]
    return model, [tree_of(tree["tree_structure"]) for tree in found]


@pytest.mark.parametrize("objective", ["l1", "l2", "huber"])
@pytest.mark.parametrize("leaves", [2, 8, 40])
@pytest.mark.parametrize("use_missing", [True, False])
def test_the_total_is_what_lightgbm_predicts_for_rows_on_thresholds_too(
    objective, leaves, use_missing
):
    model, ours = grown(objective, num_leaves=leaves, use_missing=use_missing)
    thresholds = np.unique(np.concatenate([tree.thresholds for tree in ours]))
    thresholds = thresholds[np.abs(thresholds) > 1e-30]  # below, a number is 0 to LightGBM
    edges = np.concatenate([thresholds, np.nextafter(thresholds, 9), np.nextafter(thresholds, -9)])
    random = np.random.default_rng(2)
    for rows in (random.normal(size=(3000, 4)).round(1), random.choice(edges, size=(4000, 4))):
        found = total(ours, list(rows.T))
        np.testing.assert_allclose(found, model.predict(rows), rtol=0, atol=1e-12)
        assert len(np.unique(found)) > leaves


def by_hand(tree: Tree, row: Floats) -> float:
    """Down the tree, from split to split."""
    place = 0
    while place >= 0:
        goes_right = row[tree.numbers[place]] > tree.thresholds[place]
        place = int(tree.children[place, int(goes_right)])
    return float(tree.leaves[-1 - place])


def test_the_value_is_that_of_the_leaf_that_a_row_comes_to():
    tree = Tree(
        np.array([0, 1, 0]),
        np.array([0.5, -1.0, 2.0]),
        np.array([[1, 2], [-1, -2], [-3, -4]]),
        np.array([10.0, 20.0, 30.0, 40.0]),
    )
    rows = np.array([[0.5, -1.0], [0.5, -0.9], [0.6, -5.0], [2.1, 0.0]])
    assert tree.values(list(rows.T)).tolist() == [10.0, 20.0, 30.0, 40.0]
    _, ours = grown(seed=4)
    rows = np.random.default_rng(5).normal(size=(50, 4))
    expected = [[by_hand(tree, row) for row in rows] for tree in ours]
    np.testing.assert_array_equal([tree.values(list(rows.T)) for tree in ours], expected)


def test_rows_of_any_shape_are_what_each_is_alone():
    """As numbers of a date and a symbol beside the days ahead."""
    _, ours = grown()
    random = np.random.default_rng(6)
    wide = [random.normal(size=(7, 5, 1)) for _ in range(3)]
    ahead = random.normal(size=11)
    found = total(ours, [*wide, ahead])
    assert found.shape == (7, 5, 11)
    for place in np.ndindex(found.shape):
        row = np.array([*(number[*place[:2], 0] for number in wide), ahead[place[2]]])
        assert total(ours, list(row[:, None]))[0] == found[place]


def test_what_is_written_is_read_again_the_same():
    model, ours = grown()
    again = trees.trees_from_json(
        CheckedDocument({"trees": trees.trees_to_json(ours)}, "m.json"), 4
    )
    assert trees.trees_to_json(again) == trees.trees_to_json(ours)
    rows = np.random.default_rng(2).normal(size=(100, 4))
    np.testing.assert_array_equal(total(again, list(rows.T)), total(ours, list(rows.T)))
    np.testing.assert_allclose(total(again, list(rows.T)), model.predict(rows), atol=1e-12)
