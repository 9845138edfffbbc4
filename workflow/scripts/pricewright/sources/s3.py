"""Deliveries in an S3 bucket, of AWS or of any other endpoint that speaks its protocol."""

import fnmatch
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pricewright.credentials import expand
from pricewright.errors import Refusal
from pricewright.sources.item import Answer
from pricewright.sources.s3_service import Service, judged

if TYPE_CHECKING:
    from pyarrow import NativeFile

PIECE = 8 << 20
"""Bytes asked for at a time."""


@dataclass(frozen=True, kw_only=True)
class S3Object:
    """One object, as an Item.

    path: bucket/key with the placeholders' values put in, so never to be shown.
    """

    place: str
    path: str = field(repr=False)
    service: Service = field(repr=False)
    max_bytes: int

    @contextmanager
    def open(self, known: str = "") -> Iterator[Answer]:
        """Ask for the object; its version is its ETag, and what is known is not sent again.

        Raises Refusal for an object that is not there, not ours to read or too large, OSError
        for a service that does not answer, a body that ends early, an object that changes
        while it is read.
        """
        path = _checked(self.path, self.place)
        with judged(self.place):
            file = self.service.connect().open_input_file(path)
        with file:
            version, size = _etag(file), file.size()
            if known and version == known:
                yield Answer(None, version)
                return
            if size > self.max_bytes:
                raise Refusal(
                    f"{self.place}: has {size} bytes, more than config key 'source.max_bytes' "
                    f"allows ({self.max_bytes}); deliver less at a time, or allow more."
                )
            yield Answer(self._pieces(file, size, version), version)

    def _pieces(self, file: "NativeFile", size: int, version: str) -> Iterator[bytes]:
        for start in range(0, size, PIECE):
            with judged(self.place):
                piece = _whole(file, start, min(PIECE, size - start))
            yield piece
        with judged(self.place), self.service.connect().open_input_file(self.path) as again:
            if _etag(again) != version:  # then the pieces may be of two objects
                raise OSError("the object changed while it was read")


def s3_items(
    uri: str,
    *,
    endpoint: str | None,
    region: str | None,
    timeout: float = 30.0,
    max_bytes: int = 10_000_000_000,
) -> list[S3Object]:
    """The objects that a URI means: one, all below `…/`, or those whose keys match a glob.

    Many come in the natural order of their keys, 2 before 10; `*`, `?` and `[…]` match within
    one part of a key. timeout: seconds without a byte before giving up. AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN are who asks; without them it is nobody. Raises
    Refusal for a URI that means nothing, OSError for a service that does not answer.
    """
    service = Service(endpoint, region, timeout)
    wild = re.search(r"[*?[]", uri)
    cut = uri.rindex("/", 0, wild.start()) + 1 if wild else len(uri)
    folder, pattern = uri[:cut], uri[cut:]
    path = expand(folder, "source.uri").partition("://")[2]
    bucket, slash, _ = path.partition("/")
    if not bucket or not slash:
        raise Refusal(
            f"config key 'source.uri': {uri!r} names no object; write s3://bucket/key, or "
            "s3://bucket/folder/ for all below it."
        )
    if not folder.endswith("/"):
        return [S3Object(place=uri, path=path, service=service, max_bytes=max_bytes)]
    if "${" in pattern:
        raise Refusal(
            f"config key 'source.uri': {uri!r} has a placeholder after a wildcard; put it before."
        )
    return [
        S3Object(place=folder + name, path=path + name, service=service, max_bytes=max_bytes)
        for name in sorted(_names(service, path, pattern, uri), key=natural)
    ]


def natural(key: str) -> tuple[list[int | str], str]:
    """What sorts keys as people do: numbers in them by value."""
    parts = re.split(r"([0-9]+)", key)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], key


def _names(service: Service, path: str, pattern: str, uri: str) -> list[str]:
    """What follows the folder's path in the keys that a URI means."""
    from pyarrow.fs import FileSelector

    root = _checked(path.rstrip("/"), uri)
    selector = FileSelector(root, recursive=not pattern or "/" in pattern)
    with judged(uri):
        found = service.connect().get_file_info(selector)
    names = [info.path[len(root) + 1 :] for info in found if info.is_file]
    names = [name for name in names if not pattern or _matches(name, pattern)]
    if not names:
        raise Refusal(
            f"{uri}: there is no such object; deliver one, or mend config key 'source.uri'."
        )
    return names


def _matches(name: str, pattern: str) -> bool:
    parts, patterns = name.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


def _checked(path: str, place: str) -> str:
    """A bucket/key that pyarrow takes as it is: it would follow a `..` into another bucket."""
    bucket, *parts = path.split("/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", bucket):
        raise Refusal(f"{place!r}: this is no bucket's name; mend config key 'source.uri'.")
    if {"", ".", ".."} & set(parts) or not path.isprintable():
        raise Refusal(
            f"{place!r}: the key has an empty part, a . or .., or a character that cannot be "
            "printed; give the object another key."
        )
    return path


def _whole(file: "NativeFile", start: int, length: int) -> bytes:
    """Some bytes of an object, or an OSError if the body ended early.

    pyarrow 26 takes a short body for a whole one: what the memory held before then stands for
    the rest. So the last byte is set beforehand, and one of two values has to change.
    """
    piece = bytearray(length)
    for mark in (0x00, 0xFF):
        piece[-1] = mark
        file.seek(start)
        if file.readinto(piece) != length:
            break
        if piece[-1] != mark:
            return bytes(piece)
    raise OSError(f"a body ended early, between bytes {start} and {start + length}")


def _etag(file: "NativeFile") -> str:
    return str(file.metadata().get("ETag", b""), "utf-8", "replace")
