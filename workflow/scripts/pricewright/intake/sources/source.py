"""What every kind of source offers: items, each of which can be asked for its delivery."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from glob import has_magic
from pathlib import PurePath
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit

from pricewright.files.errors import Refusal
from pricewright.files.secrets import refuse_plain_secrets
from pricewright.intake.sources.addresses import check_request
from pricewright.tables.options import Bounds, Options


@dataclass(frozen=True)
class Answer:
    """A source's answer when it is asked for a delivery.

    chunks: the bytes as they arrive, or None if nothing changed since the known version.
    version: the source's own name for these bytes, such as an ETag; empty if it gives none.
    """

    chunks: Iterator[bytes] | None
    version: str = ""


class Item(Protocol):
    """One delivery that a source has now."""

    @property
    def place(self) -> str:
        """Where the delivery lies, as config names it, without secrets."""

    def open(self, known: str = "") -> AbstractContextManager[Answer]:
        """Ask for the delivery; `known` is the version that we already have.

        Raises Refusal for an error that no retry will fix, and OSError for one that may pass. The
        iterator raises the same, and ends normally only if every byte has arrived.
        """


DATABASES = ("sqlite", "postgresql", "postgres")


@dataclass(frozen=True, kw_only=True)
class Access(Options):
    """How to ask a source for its deliveries."""

    section = "source"

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    """Headers to send to a web server."""
    allow_hosts: Sequence[str] = ()
    """Hosts that may be asked although their address is not public."""
    endpoint: str | None = None
    """The S3 service to ask, if it is not Amazon's."""
    region: Annotated[str | None, Bounds(least=1)] = None
    """The S3 region."""
    table: Annotated[str | None, Bounds(least=1)] = None
    """The database table to read."""
    query: Annotated[str | None, Bounds(least=1)] = None
    """The query to read instead, with parameters such as `:day`."""
    parameters: dict[str, Any] = field(default_factory=dict, repr=False)
    """The values of the query's parameters."""
    timeout: Annotated[float, Bounds(above=0, most=3600)] = 30.0
    """Seconds to wait for a connection, and for the next bytes."""
    max_seconds: Annotated[float, Bounds(above=0)] = 3600.0
    """Seconds that a web server may take to send a whole delivery."""
    leave_out: Sequence[str] = ()
    """The names, or patterns such as `dividends*`, of files in a folder, a bucket or a zip archive
    that hold no prices."""
    max_bytes: Annotated[int, Bounds(least=1)] = 10_000_000_000
    """The most bytes that a delivery may have."""


@dataclass(frozen=True, kw_only=True)
class Source(Access):
    """Where prices come from, and how to ask for them.

    Raises Refusal if the URI or a header contains a plain secret, if a request cannot be made of
    them, or if the URI names a database without exactly one of table and query.
    """

    uri: str

    @classmethod
    def of(cls, uri: str, access: Access) -> "Source":
        """The source at a URI, with these access options."""
        return cls(uri=uri, **vars(access))

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_plain_secrets(self.uri, "source.uri")
        if scheme(self.uri) in ("http", "https"):
            check_request(self.uri, self.headers)
        is_database = scheme(self.uri).partition("+")[0] in DATABASES
        asked = [name for name in ("table", "query") if getattr(self, name) is not None]
        if is_database and len(asked) != 1:
            found = " and ".join(asked) or "neither it nor a query"
            raise Refusal(
                f"config key 'source.table': found {found}, allowed: either source.table or "
                "source.query, because source.uri is a database."
            )
        if asked and not is_database:
            self.refuse(asked[0], "allowed: null, because source.uri is not a database")

    @property
    def name(self) -> str:
        """The source's name wherever it is written, without secrets."""
        if self.query:
            asked = f"{self.query} {sorted(self.parameters.items())}"
            return f"{self.uri}#{hashlib.sha256(asked.encode()).hexdigest()[:8]}"
        return f"{self.uri}#{self.table}" if self.table else self.uri

    @property
    def title(self) -> str:
        """The title of a report on its prices: the name of the file, folder or table."""
        if self.table:
            return self.table[-60:]
        path = self.uri if scheme(self.uri) == "file" else urlsplit(self.uri).path
        names = [part for part in PurePath(path).parts if not has_magic(part)]
        return (names[-1].partition(".")[0] if names else "")[:60].strip("/") or "Prices"


def scheme(uri: str) -> str:
    """A URI's scheme in lower case; `file` for a path."""
    before, separator, _ = uri.partition("://")
    return before.lower() if separator else "file"


def natural_order(name: str) -> tuple[list[int | str], str]:
    """A key that sorts the numbers in names by value: 2 before 10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name
