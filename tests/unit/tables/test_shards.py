"""Which symbols a shard has."""

import numpy as np
import pytest

from pricewright.files.errors import Refusal
from pricewright.tables.records import Shard, shares

NAMES = sorted(f"S{number}" for number in range(100))


@pytest.mark.parametrize("count", [1, 2, 7, 100, 130])
def test_each_symbol_is_in_one_shard_and_all_have_equally_many(count):
    dealt = shares(NAMES, count)
    assert len(dealt) == count
    assert sorted(np.concatenate(dealt).tolist()) == list(range(100))
    sizes = [len(share) for share in dealt]
    assert max(sizes) - min(sizes) <= 1
    assert all((np.diff(share) > 0).all() for share in dealt)


def test_the_shares_are_the_same_on_every_machine():
    dealt = [[NAMES[place] for place in share] for share in shares(NAMES[:6], 3)]
    assert dealt == [["S11", "S13"], ["S1", "S12"], ["S0", "S10"]]


def test_shards_have_the_symbols_that_shares_deals_them():
    dealt = shares(NAMES, 3)
    for number in (1, 2, 3):
        found = Shard.parse(f"{number}-of-3").own(NAMES)
        np.testing.assert_array_equal(found, dealt[number - 1])


@pytest.mark.parametrize("text", ["", "3", "0-of-3", "4-of-3", "1-of-0", "1-of-x", "-1-of-3"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(Refusal, match=r"where one as 3-of-7 is needed\."):
        Shard.parse(text)
