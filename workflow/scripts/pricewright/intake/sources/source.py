"""What every kind of source offers: items, each a delivery that can be asked for."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from pricewright.files.secrets import refuse_written_out


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


DATABASES = ("sqlite", "postgresql", "postgres")


@dataclass(frozen=True, kw_only=True)
class Source:
    """What config says about where prices come from; see config/README.md for each.

    Raises Refusal if a secret is written out in the URI.
    """

    uri: str
    headers: Mapping[str, str] = field(default_factory=dict)
    allow_hosts: Sequence[str] = ()
    endpoint: str | None = None
    region: str | None = None
    table: str | None = None
    query: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 30.0
    max_bytes: int = 10_000_000_000

    def __post_init__(self) -> None:
        refuse_written_out(self.uri, "source.uri")

    @property
    def name(self) -> str:
        """What the source is called wherever it is written: no secret is in it."""
        if not (self.table or self.query):
            return self.uri
        asked = f"{self.query} {sorted(self.parameters.items())}" if self.query else ""
        what = hashlib.sha256(asked.encode()).hexdigest()[:8] if self.query else self.table
        return f"{self.uri}#{what}"


def scheme(uri: str) -> str:
    """A URI's scheme, in small letters; `file` for a path."""
    before, separator, _ = uri.partition("://")
    return before.lower() if separator else "file"
