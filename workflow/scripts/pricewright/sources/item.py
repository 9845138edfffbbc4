"""What every kind of source offers: items, each a delivery that can be asked for."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Answer:
    """What a source says when it is asked for a delivery.

    chunks: the bytes as they come, or None if nothing changed since the version asked about.
    version: the source's own name for these bytes (an ETag, say); empty if it gives none.
    """

    chunks: Iterator[bytes] | None
    version: str = ""


class Item(Protocol):
    """One delivery that a source has now."""

    @property
    def place(self) -> str:
        """Where it lies, as config says it: no secret is in it."""

    def open(self, known: str = "") -> AbstractContextManager[Answer]:
        """Ask for the delivery, of which we may have the version `known` already.

        Raises Refusal for what no retry will mend, OSError for trouble that may pass; the
        iterator does the same, and ends normally only if every byte has come.
        """
