"""Decision trees: evaluated for many rows at once with numpy alone, and as JSON.

No row walks down a tree. From the last split to the first, all rows get the value that each split
would give them: a few passes over contiguous numbers. Where a number varies along one axis only,
as the days ahead do, splits by it alone are worked out along that axis alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricewright.arrays import Floats, Ints
from pricewright.forecasting.checked import Checked

MOST_TREES, MOST_LEAVES = 100, 8
"""The most trees of a model, and the most leaves of a tree."""


@dataclass(frozen=True)
class Tree:
    """A tree of n splits, at least one, of which the first is the root, and of n + 1 leaves.

    numbers: (n,), by which of a row's numbers a split goes.  thresholds: (n,), up to which a row
    goes to the left.  children: (n, 2), to the left and to the right: from 0 on a split, which
    comes later in the tree; -1 is the first leaf, -2 the second, ….  leaves: (n + 1,), values.
    """

    numbers: Ints
    thresholds: Floats
    children: Ints
    leaves: Floats

    def values(self, numbers: Sequence[Floats]) -> Floats:
        """The value of each row, in a shape that can be broadcast to that of all its numbers."""
        made: dict[int, Floats] = {-1 - leaf: value for leaf, value in enumerate(self.leaves)}
        for split in range(len(self.numbers) - 1, -1, -1):
            to_the_left, to_the_right = (made.pop(child) for child in self.children[split].tolist())
            is_left = numbers[self.numbers[split]] <= self.thresholds[split]
            made[split] = np.where(is_left, to_the_left, to_the_right)
        return made[0]


def total(trees: Sequence[Tree], numbers: Sequence[Floats]) -> Floats:
    """The sum of the trees' values, in their order, for rows of the numbers' common shape."""
    found = np.zeros(np.broadcast_shapes(*(number.shape for number in numbers)))
    for tree in trees:
        found += tree.values(numbers)
    return found


def written(trees: Sequence[Tree]) -> list[dict[str, Any]]:
    """Trees as JSON: for each an object of its arrays."""
    return [
        {
            "numbers": tree.numbers.tolist(),
            "thresholds": tree.thresholds.tolist(),
            "children": tree.children.tolist(),
            "leaves": tree.leaves.tolist(),
        }
        for tree in trees
    ]


def read(reader: Checked, key: str, numbers: int) -> list[Tree]:
    """The trees at a key of a document, for rows of so many numbers.

    Raises Refusal, with the key, for what is no tree: each split after the first, and each leaf,
    is the child of one split before it.
    """
    found = reader.at(key)
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_TREES:
        reader.refuse(key, found, f"1 to {MOST_TREES} trees")
    each = Checked({key: {str(place): tree for place, tree in enumerate(found)}}, reader.name)
    return [_tree(each, key, str(place), numbers=numbers) for place in range(len(found))]


def _tree(reader: Checked, *path: str, numbers: int) -> Tree:
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
        wants = "each leaf and each split but the first once, after its parent"
        reader.refuse(".".join((*path, "children")), children.tolist(), wants)
    return Tree(
        looked_at.astype(np.intp),
        reader.numbers(*path, "thresholds", count=splits),
        children.astype(np.intp),
        leaves,
    )
