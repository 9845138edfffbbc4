"""Where prices come from: files, http(s), S3 and SQL."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pricewright.credentials import refuse_written_out
from pricewright.errors import Refusal
from pricewright.sources.item import Item
from pricewright.sources.local import is_several, local_files

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


def items(source: Source, beside: Path | None = None) -> Sequence[Item]:
    """The deliveries that a source has now; `beside` is where files are looked for as well.

    Raises Refusal if the source cannot be, or has none; OSError for trouble that may pass.
    """
    what = scheme(source.uri)
    if what == "file":
        return local_files(source.uri, beside)
    if what in ("http", "https"):
        from pricewright.sources.web import WebFile

        return [
            WebFile(
                place=source.uri,
                headers=source.headers,
                allow_hosts=source.allow_hosts,
                timeout=source.timeout,
                max_bytes=source.max_bytes,
            )
        ]
    if what == "s3":
        from pricewright.sources.s3 import s3_items

        return s3_items(
            source.uri,
            endpoint=source.endpoint,
            region=source.region,
            timeout=source.timeout,
            max_bytes=source.max_bytes,
        )
    if what.partition("+")[0] in DATABASES:
        from pricewright.sources.database import database_item

        return [database_item(source)]
    raise Refusal(
        f"config key 'source.uri': found the scheme {what!r}, allowed: a path, file, http, https, "
        "s3, sqlite, postgresql."
    )


def has_several(uri: str) -> bool:
    """Whether a source may have any number of deliveries at once."""
    if scheme(uri) == "s3":
        return uri.endswith("/") or any(mark in uri for mark in "*?[")
    return scheme(uri) == "file" and is_several(uri)
