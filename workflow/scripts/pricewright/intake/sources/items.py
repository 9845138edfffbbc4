"""Where prices come from: files, http(s), S3 and SQL."""

from collections.abc import Sequence
from pathlib import Path

from pricewright.files.errors import Refusal
from pricewright.intake.sources.files import is_several, local_files
from pricewright.intake.sources.source import DATABASES, Item, Source, scheme


def items(source: Source, beside: Path | None = None) -> Sequence[Item]:
    """The deliveries that a source has now; `beside` is where files are looked for as well.

    Raises Refusal if the source cannot be, or has none; OSError for trouble that may pass.
    """
    what = scheme(source.uri)
    if what == "file":
        return local_files(source.uri, beside)
    if what in ("http", "https"):
        from pricewright.intake.sources.web import WebFile

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
        from pricewright.intake.sources.s3 import s3_items

        return s3_items(
            source.uri,
            endpoint=source.endpoint,
            region=source.region,
            timeout=source.timeout,
            max_bytes=source.max_bytes,
        )
    if what.partition("+")[0] in DATABASES:
        from pricewright.intake.sources.database import database_item

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
