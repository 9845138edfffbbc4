"""Gradient-boosted trees, grown by LightGBM at the end of a day from what was known by then.

One set is for all series, as the HAR's weights are. A row is a pair of an observation and a number
of steps ahead, as `lagged` has it; its outcome is how far the value had gone by then, in units of
the deviation that a random walk has after so many steps. The trees are grown for the absolute
error, and slowly, for there is hardly anything to be learned.

LightGBM is imported here alone, when trees are to be grown; `trees` is what they forecast with.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import gcd
from types import ModuleType
from typing import Any

import numpy as np

from pricewright.files.errors import Refusal
from pricewright.forecasting import volatility
from pricewright.forecasting.har import WARM_UP
from pricewright.forecasting.panel import NEVER, Panel, panel_slices, squares
from pricewright.forecasting.settings import Settings
from pricewright.forecasting.trees import (
    DIGITS,
    MOST_LEAVES,
    MOST_TREES,
    NUMBERS,
    Tree,
    last_changes,
    scaled,
)
from pricewright.tables.arrays import Days, Floats

ROWS = 20_000
"""About the most rows to learn from."""

FEWEST = 500
"""The rows that are needed."""

CLIP = 5.0
"""No outcome is further from 0."""

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


@dataclass(frozen=True)
class Rows:
    """B rows to learn from, in order of symbols.

    numbers: (B, NUMBERS), what trees look at.  outcomes: (B,).  begun, known: (B,), the day after
    which an outcome begins, and the day on which it is known.
    """

    numbers: Floats
    outcomes: Floats
    begun: Days
    known: Days


def forests(
    panel: Panel,
    days: Sequence[int],
    settings: Settings,
    threads: int = 1,
) -> list[Sequence[Tree] | None]:
    """For each day, the trees grown at its end; None where too little was known, or not asked for.

    Raises Refusal if LightGBM is not there.
    """
    if settings.location != "lightgbm":
        return [None] * len(days)
    _lightgbm()  # before the work begins
    step = every(int(panel.counts.sum()), settings.horizon)
    found = joined([rows(part.panel, settings, step) for part in panel_slices(panel)])
    until = [day - settings.embargo_days for day in days]
    window = settings.window_days
    since = [-NEVER if window is None else day - window for day in until]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(partial(grown, found), since, until))


def every(observations: int, horizon: int) -> int:
    """Every how many-th pair of an observation and a number of steps is a row, of so many in all.

    It has no factor in common with the horizon, so that all numbers of steps come equally often.
    """
    step = -(-observations * horizon // ROWS)
    while gcd(step, horizon) > 1:
        step += 1
    return step


def rows(panel: Panel, settings: Settings, step: int) -> Rows:
    """Every `step`-th pair of an observation and a number of steps ahead as a row."""
    horizon, values = settings.horizon, panel.values
    plain = volatility.Volatility(settings.volatility, settings.decay, settings.rolling_days)
    variance = volatility.average(plain, squares(values))
    changes = last_changes(values)
    found = [Rows(np.empty((0, NUMBERS)), np.empty(0), panel.days[:0, 0], panel.days[:0, 0])]
    for column, count in enumerate(panel.counts.tolist()):
        begin = max(WARM_UP, int(panel.first[column]) + 1)
        pairs = np.arange(0, max(count - begin, 0) * horizon, step)
        at, ahead = begin + pairs // horizon, pairs % horizon + 1
        there = (at + ahead < count) & (variance[np.minimum(at, count - 1), column] > 0)
        at, ahead = at[there], ahead[there]
        unit = np.sqrt(variance[at, column] * ahead)
        outcomes = (values[at + ahead, column] - values[at, column]) / unit
        lags = scaled(changes[at, column], variance[at, column])
        found.append(
            Rows(
                np.concatenate([lags, ahead[:, None]], axis=1),
                outcomes.clip(-CLIP, CLIP).round(DIGITS),
                panel.days[at, column],
                panel.days[at + ahead, column],
            )
        )
    return joined(found)


def joined(parts: Sequence[Rows]) -> Rows:
    """The rows of several panels together."""
    return Rows(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("numbers", "outcomes", "begun", "known")
        )
    )


def grown(rows: Rows, since: int, until: int) -> Sequence[Tree] | None:
    """The trees from what happened after one day and up to another; None if too little did.

    Raises Refusal if LightGBM is not there.
    """
    lightgbm = _lightgbm()
    use = (rows.begun >= since) & (rows.known <= until)
    if use.sum() < FEWEST:
        return None
    data = lightgbm.Dataset(rows.numbers[use], rows.outcomes[use])
    model = lightgbm.train(PARAMETERS, data, num_boost_round=MOST_TREES)
    roots = [tree["tree_structure"] for tree in model.dump_model()["tree_info"]]
    # outcomes that are all alike give one leaf and no split, which is nothing to forecast by
    return [tree_of(root) for root in roots if "split_feature" in root] or None


def tree_of(root: Mapping[str, Any]) -> Tree:
    """A tree as LightGBM describes it, in our form."""
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
    except (ImportError, OSError) as error:  # an OSError is for a part of the system that it needs
        raise Refusal(
            f"model.location is lightgbm, which cannot be imported ({error}); install the package "
            "lightgbm beside the others, of the version in pyproject.toml, or choose naive."
        ) from None
    return lightgbm
