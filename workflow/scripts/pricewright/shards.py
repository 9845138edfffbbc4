"""Shards: groups of symbols, equally many in each, on which jobs work side by side."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricewright.arrays import Ints
from pricewright.errors import Refusal
from pricewright.files import sha256


@dataclass(frozen=True)
class Shard:
    """The number-th of some shards, from 1; as text `3-of-7`."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard of a text; raises Refusal for what is none."""
        found = re.fullmatch(r"(\d{1,9})-of-(\d{1,9})", text)
        if found and 1 <= int(found[1]) <= int(found[2]):
            return cls(int(found[1]), int(found[2]))
        raise Refusal(f"shard {text!r}: found that, where one as 3-of-7 is needed.")

    def own(self, symbols: Sequence[str]) -> Ints:
        """(n,): which of some symbols are this shard's."""
        return shares(symbols, self.of)[self.number - 1]


def shares(symbols: Sequence[str], count: int) -> list[Ints]:
    """Which of some symbols, which are sorted, are of each of so many shards, rising.

    They are dealt out in the order of their SHA-256: a shard has as many as any other, or one
    more, and like names, which may have like histories, are not together.
    """
    order = sorted(range(len(symbols)), key=lambda place: sha256(symbols[place].encode()))
    return [np.array(sorted(order[first::count]), dtype=np.intp) for first in range(count)]
