"""Gradient-boosted trees: grown by LightGBM, evaluated with numpy alone, and stored as JSON.

One set of trees serves all symbols, so nothing in it depends on their scale. A row has the last
LAGS changes, newest first, in units of the deviation (the root of the model's plain average of
squared changes), and the number of steps ahead. Its outcome is the change of the value by then, in
units of a random walk's deviation after that many steps. Trees are grown at the end of a day from
what was known by then, to minimise the absolute error, and slowly, because there is hardly anything
to learn. LightGBM is imported only to grow trees.

To evaluate a tree, no row walks down it. Instead, from the last split to the first, all rows get
the value that each split would give them, in a few passes over contiguous numbers. If a number
varies along one axis only, such as the days ahead, splits by it are computed along that axis only.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.forecasting import volatility
from pricewright.forecasting.checked_document import CheckedDocument
from pricewright.forecasting.har import WARM_UP, RegressionRows, join_rows, row_step
from pricewright.forecasting.panel import NEVER, Panel, panel_slices, squares
from pricewright.forecasting.settings import Settings
from pricewright.tables.arrays import Floats, Ints

MOST_TREES, MOST_LEAVES = 100, 8
"""The most trees of a model, and the most leaves of a tree."""


@dataclass(frozen=True)
class Tree:
    """A tree of n >= 1 splits, of which the first is the root, and n + 1 leaves.

    numbers: (n,), which of a row's numbers a split looks at.
    thresholds: (n,), up to which a row goes left.
    children: (n, 2), left and right: 0 or more is a split, which comes later in the tree; -1 is the
    first leaf, -2 the second, ….
    leaves: (n + 1,), their values.
    """

    numbers: Ints
    thresholds: Floats
    children: Ints
    leaves: Floats

    def values(self, numbers: Sequence[Floats]) -> Floats:
        """The value of each row, in a shape that broadcasts to that of all its numbers."""
        made: dict[int, Floats] = {-1 - leaf: value for leaf, value in enumerate(self.leaves)}
        for split in range(len(self.numbers) - 1, -1, -1):
            to_the_left, to_the_right = (made.pop(child) for child in self.children[split].tolist())
            is_left = numbers[self.numbers[split]] <= self.thresholds[split]
            made[split] = np.where(is_left, to_the_left, to_the_right)
        return made[0]


def total(trees: Sequence[Tree], numbers: Sequence[Floats]) -> Floats:
    """The sum of the trees' values, in order, for rows of the numbers' common shape."""
    found = np.zeros(np.broadcast_shapes(*(number.shape for number in numbers)))
    for tree in trees:
        found += tree.values(numbers)
    return found


def trees_to_json(trees: Sequence[Tree]) -> list[dict[str, Any]]:
    """Trees as JSON: one object of arrays for each."""
    return [{name: array.tolist() for name, array in vars(tree).items()} for tree in trees]


def trees_from_json(reader: CheckedDocument, numbers: int) -> list[Tree]:
    """The trees of a model document; numbers: how many numbers a row has.

    Raises Refusal, naming the key, for an invalid tree. Each split but the first, and each leaf,
    must be the child of exactly one earlier split.
    """
    found = reader.at("trees")
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_TREES:
        reader.refuse("trees", found, f"1 to {MOST_TREES} trees")
    each = CheckedDocument(
        {"trees": {str(place): tree for place, tree in enumerate(found)}}, reader.name
    )
    return [_tree(each, "trees", str(place), numbers=numbers) for place in range(len(found))]


def _tree(reader: CheckedDocument, *path: str, numbers: int) -> Tree:
    leaves = reader.numbers(*path, "leaves")
    splits = len(leaves) - 1
    if not 1 <= splits < MOST_LEAVES:
        reader.refuse(".".join((*path, "leaves")), leaves.tolist(), f"2 to {MOST_LEAVES} numbers")
    looked_at = reader.numbers(*path, "numbers", count=splits, least=0, most=numbers - 1)
    if (looked_at % 1).any():
        reader.refuse(".".join((*path, "numbers")), looked_at.tolist(), "whole numbers")
    children = reader.table(*path, "children", rows=splits, columns=2)
    wanted = np.delete(np.arange(-splits - 1, splits), splits + 1)  # all but the root
    is_later = (children < 0) | (children > np.arange(splits)[:, None])
    if not (np.array_equal(np.sort(children, axis=None), wanted) and is_later.all()):
        wants = "each leaf, and each split but the first, once, after its parent"
        reader.refuse(".".join((*path, "children")), children.tolist(), wants)
    return Tree(
        looked_at.astype(np.intp),
        reader.numbers(*path, "thresholds", count=splits),
        children.astype(np.intp),
        leaves,
    )


LAGS = 10

NUMBERS = LAGS + 1
"""The numbers in a row: the changes and the steps."""

DIGITS = 6
"""The decimals of all inputs of trees: further ones may depend on the processor, and the way a row
takes must not."""


def last_changes(values: Floats, start: Floats | None = None) -> Floats:
    """(N, S, LAGS): the last changes up to each of values (N, S), newest first.

    start: (S, LAGS), those up to the first value; NaN, or not given, counts as 0.
    """
    none = np.zeros((values.shape[1], LAGS))
    begin = none if start is None else np.where(np.isnan(start), 0.0, start)
    whole = np.concatenate([begin.T[::-1], np.diff(values, axis=0)])
    return np.lib.stride_tricks.sliding_window_view(whole, LAGS, axis=0)[..., ::-1]


def in_deviations(changes: Floats, variance: Floats) -> Floats:
    """(..., LAGS): changes in units of the deviation, 0 where that is 0; variance: (...)."""
    deviation = np.sqrt(variance)[..., None]
    found = np.zeros(changes.shape)
    np.divide(changes, deviation, out=found, where=deviation > 0)
    return found.round(DIGITS)


def moves(trees: Sequence[Tree], changes: Floats, variance: Floats, horizon: int) -> Floats:
    """(..., H): the expected change of the value over 1..H steps, on the scale of the model.

    changes: (..., LAGS), the last ones.  variance: (...), the average of squared changes.
    """
    steps = np.arange(1.0, horizon + 1)
    lags = np.ascontiguousarray(np.moveaxis(in_deviations(changes, variance), -1, 0))[..., None]
    return total(trees, [*lags, steps]) * np.sqrt(variance[..., None] * steps)


FEWEST = 500
"""The fewest rows to learn from."""

CLIP = 5.0
"""Outcomes are clipped to this distance from 0."""

PARAMETERS: dict[str, Any] = {
    "objective": "l1",
    "learning_rate": 0.02,
    "num_leaves": MOST_LEAVES,
    "min_data_in_leaf": 100,
    "max_bin": 63,
    "use_missing": False,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "seed": 1,
    "verbosity": -1,
}


def forests(
    panel: Panel, days: Sequence[int], settings: Settings, threads: int
) -> list[Sequence[Tree] | None]:
    """For each day, the trees grown at its end; None if there was too little history, or if the
    location model has no trees.

    Raises Refusal if LightGBM cannot be imported.
    """
    if settings.location != "lightgbm":
        return [None] * len(days)
    _lightgbm()  # fail before the work begins
    steps = [row_step(int(panel.upto(day).sum()), settings.horizon) for day in days]
    least = min(steps, default=1)
    found = join_rows([tree_rows(part, settings, least) for part, _ in panel_slices(panel)])
    until = [day - settings.embargo_days for day in days]
    window = settings.window_days
    since = [-NEVER if window is None else day - window for day in until]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(partial(grow_trees, found), since, until, steps))


def tree_rows(panel: Panel, settings: Settings, step: int) -> RegressionRows:
    """Every `step`-th pair of an observation and a number of steps ahead as a row of NUMBERS."""
    horizon, values = settings.horizon, panel.values
    plain = volatility.Volatility(settings.volatility, settings.decay, settings.rolling_days)
    variance = volatility.average(plain, squares(values))
    changes = last_changes(values)
    found = []
    for column, count in enumerate(panel.counts.tolist()):
        begin = max(WARM_UP, int(panel.first[column]) + 1)
        pairs = np.arange(0, max(count - begin, 0) * horizon, step)
        at, ahead = begin + pairs // horizon, pairs % horizon + 1
        there = (at + ahead < count) & (variance[np.minimum(at, count - 1), column] > 0)
        at, ahead, pairs = at[there], ahead[there], pairs[there]
        unit = np.sqrt(variance[at, column] * ahead)
        outcomes = (values[at + ahead, column] - values[at, column]) / unit
        lags = in_deviations(changes[at, column], variance[at, column])
        found.append(
            RegressionRows(
                np.concatenate([lags, ahead[:, None]], axis=1),
                outcomes.clip(-CLIP, CLIP).round(DIGITS),
                panel.days[at, column],
                panel.days[at + ahead, column],
                pairs,
            )
        )
    return join_rows(found)


def grow_trees(
    rows: RegressionRows, since: int, until: int, step: int = 1
) -> Sequence[Tree] | None:
    """The trees from every `step`-th row between the days `since` and `until`; None if there are
    too few rows.

    Raises Refusal if LightGBM cannot be imported.
    """
    lightgbm = _lightgbm()
    use = (rows.begun >= since) & (rows.known <= until) & (rows.number % step == 0)
    if use.sum() < FEWEST:
        return None
    data = lightgbm.Dataset(rows.inputs[use], rows.outcomes[use])
    model = lightgbm.train(PARAMETERS, data, num_boost_round=MOST_TREES)
    roots = [tree["tree_structure"] for tree in model.dump_model()["tree_info"]]
    # identical outcomes give one leaf and no split, which forecasts nothing
    return [tree_of(root) for root in roots if "split_feature" in root] or None


def tree_of(root: Mapping[str, Any]) -> Tree:
    """A tree in our form, from LightGBM's description."""
    splits: list[Mapping[str, Any]] = []
    children: list[Sequence[int]] = []
    leaves: list[float] = []

    def place(node: Mapping[str, Any]) -> int:
        if "split_feature" not in node:
            leaves.append(node["leaf_value"])
            return -len(leaves)
        split = len(splits)
        splits.append(node)
        children.append(())
        children[split] = [place(node["left_child"]), place(node["right_child"])]
        return split

    place(root)
    return Tree(
        np.array([split["split_feature"] for split in splits], dtype=np.intp),
        np.array([split["threshold"] for split in splits]),
        np.array(children, dtype=np.intp),
        np.array(leaves),
    )


def _lightgbm() -> ModuleType:
    try:
        import lightgbm
    except (ImportError, OSError) as error:  # OSError: it lacks a system library
        raise Refusal(
            f"model.location is lightgbm, which cannot be imported ({error}); install the package "
            "lightgbm in the version of pyproject.toml, or choose naive."
        ) from None
    return lightgbm
