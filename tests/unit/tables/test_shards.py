"""Which symbols a shard has."""

import pytest

from pricewright.files.errors import Refusal
from pricewright.tables.records import Shard

NAMES = sorted(f"S{number}" for number in range(100))


@pytest.mark.parametrize("count", [1, 2, 7, 100, 130])
def test_each_symbol_of_a_table_is_in_one_shard_and_those_in_a_row_are_together(count):
    found = [Shard(number, count).of_symbols(NAMES) for number in range(1, count + 1)]
    assert [name for own, _ in found for name in sorted(own)] == NAMES
    assert max(len(own) for own, _ in found) - min(len(own) for own, _ in found) <= 1
    assert all(own | others == set(NAMES) and not own & others for own, others in found)


def test_a_pair_of_symbols_is_in_one_shard():
    for number in (1, 2, 3):
        own, _ = Shard(number, 3).of_symbols(NAMES, [("S98", "S0"), ("S0", "NEW")])
        assert len(own & {"S98", "S0", "NEW"}) in (0, 3)


@pytest.mark.parametrize("text", ["", "3", "0-of-3", "4-of-3", "1-of-0", "1-of-x", "-1-of-3"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(Refusal, match=r"give one such as 3-of-7\."):
        Shard.parse(text)
