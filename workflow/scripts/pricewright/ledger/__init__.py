"""The ledger: what was run, decided and released, one line each, that nobody rewrites unseen.

    <folder>/ledger.jsonl        a line of JSON an event; each has the SHA-256 of the line before
    <folder>/torn-<digits>       what a writer that died left of a line

Whoever keeps the digest of a line, as every sign-off does, can tell later whether any line up to
that one was changed, cut or moved.
"""

from pricewright.ledger.appending import append
from pricewright.ledger.checking import Seen, fits, verify
from pricewright.ledger.entries import EMPTY, Entry, head, read

__all__ = ["EMPTY", "Entry", "Seen", "append", "fits", "head", "read", "verify"]
