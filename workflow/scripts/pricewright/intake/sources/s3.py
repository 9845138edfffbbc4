"""Deliveries in an S3 bucket, on AWS or any other service that speaks its protocol."""

import fnmatch
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow.fs import (
    AwsStandardS3RetryStrategy,
    FileSelector,
    S3FileSystem,
    S3LogLevel,
    initialize_s3,
)

from pricewright.files.errors import Refusal
from pricewright.files.secrets import expand_variables, read_secret, redact
from pricewright.intake.sources.source import Answer, Source, natural_order

PIECE = 8 << 20
"""Bytes requested at a time."""

_ENDPOINT = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[\w./-]*)?")

_FOR_GOOD: Final = {
    r"AWS Error (ACCESS_DENIED|INVALID_|SIGNATURE_)|HTTP status 40[13]": (
        "access denied; {access}"
    ),
    r"AWS Error NO_SUCH_BUCKET": "there is no such bucket; correct config key 'source.uri'",
    r"AWS Error REQUEST_TIME_TOO_SKEWED": "this machine's clock is wrong; set it",
    r"AWS Error VALIDATION": "the SDK refuses this host; correct config key 'source.endpoint'",
    r"HTTP status (3..|400)": (
        "the service refuses the request, perhaps for a wrong region or an expired session; "
        "check config key 'source.region' and AWS_SESSION_TOKEN"
    ),
    r"HTTP status 4(?!08|29)": "the service refuses the request; check config key 'source.uri'",
    r"curlCode: (60|77),": (
        "the endpoint's certificate is not trusted; set AWS_CA_BUNDLE to its authority's file"
    ),
}
"""Patterns of pyarrow's errors that no retry will fix, and the sentence for each."""


@dataclass(frozen=True)
class S3Object:
    """One object, as an Item.

    path: bucket/key with the placeholders filled in; it must never be shown.  size: in bytes, if it
    was listed.
    """

    place: str
    path: str = field(repr=False)
    source: Source = field(repr=False)
    size: int | None = None

    @contextmanager
    def open(self, known: str = "") -> Iterator[Answer]:
        """Ask for the object; its version is its ETag, and a known version is not sent again.

        Raises Refusal for an object that is missing, not readable by us or too large. Raises
        OSError for a service that does not answer, a body that ends early, and an object that
        changes while it is read.
        """
        path = _checked(self.path, self.place)
        with _plain_errors(self.place):
            file = _connect(self.source).open_input_file(path)
        with file:
            version, size = _etag(file), file.size()
            if known and version == known:
                yield Answer(None, version)
                return
            if size > self.source.max_bytes:
                raise Refusal(
                    f"{self.place}: has {size} bytes, more than config key 'source.max_bytes' "
                    f"allows ({self.source.max_bytes}); deliver less at a time, or raise it."
                )
            yield Answer(self._pieces(file, size, version), version)

    def _pieces(self, file: pa.NativeFile, size: int, version: str) -> Iterator[bytes]:
        for start in range(0, size, PIECE):
            with _plain_errors(self.place):
                piece = _read_exactly(file, start, min(PIECE, size - start))
            yield piece
        with (
            _plain_errors(self.place),
            _connect(self.source).open_input_file(self.path) as again,
        ):
            if _etag(again) != version:  # in that case the pieces may be of two objects
                raise OSError("the object changed while it was read")


def s3_items(source: Source) -> list[S3Object]:
    """The objects that a source's URI names: one, all below `…/`, or those matching a pattern.

    Several come in the natural order of their keys, 2 before 10; `*`, `?` and `[…]` match within
    one part of a key. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN are the
    credentials; without them, requests are anonymous. Raises Refusal for a URI that names nothing,
    and OSError for a service that does not answer.
    """
    uri = source.uri
    wild = re.search(r"[*?[]", uri)
    cut = uri.rindex("/", 0, wild.start()) + 1 if wild else len(uri)
    folder, pattern = uri[:cut], uri[cut:]
    path = expand_variables(folder, "source.uri").partition("://")[2]
    bucket, slash, _ = path.partition("/")
    if not bucket or not slash:
        raise Refusal(
            f"config key 'source.uri': {uri!r} names no object; write s3://bucket/key, or "
            "s3://bucket/folder/ for all below it."
        )
    if not folder.endswith("/"):
        return [S3Object(uri, path, source)]
    if "${" in pattern:
        raise Refusal(
            f"config key 'source.uri': {uri!r} has a placeholder after a wildcard; put it before."
        )
    sizes = _sizes(source, path, pattern)
    return [
        S3Object(folder + name, path + name, source, sizes[name])
        for name in sorted(sizes, key=natural_order)
    ]


def _sizes(source: Source, path: str, pattern: str) -> dict[str, int]:
    """The sizes of the objects that a URI names, by key without the path of the folder."""
    root = _checked(path.rstrip("/"), source.uri)
    selector = FileSelector(root, recursive=not pattern or "/" in pattern)
    with _plain_errors(source.uri):
        found = _connect(source).get_file_info(selector)
    sizes = {info.path[len(root) + 1 :]: info.size for info in found if info.is_file}
    sizes = {name: sizes[name] for name in sizes if not pattern or _matches(name, pattern)}
    if not sizes:
        raise Refusal(
            f"{source.uri}: no such object; deliver one, or correct config key 'source.uri'."
        )
    return sizes


def _matches(name: str, pattern: str) -> bool:
    parts, patterns = name.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


def _checked(path: str, place: str) -> str:
    """A bucket/key that pyarrow can take as it is; it would follow a `..` into another bucket."""
    bucket, *parts = path.split("/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", bucket):
        raise Refusal(f"{place!r}: not the name of a bucket; correct config key 'source.uri'.")
    if {"", ".", ".."} & set(parts) or not path.isprintable():
        raise Refusal(
            f"{place!r}: the key has an empty part, a . or .., or an unprintable character; give "
            "the object another key."
        )
    return path


def _read_exactly(file: pa.NativeFile, start: int, length: int) -> bytes:
    """Read some bytes of an object; raises OSError if the body ends early.

    pyarrow 26 takes a short body for a complete one: whatever was in memory before stands for the
    rest. So the last byte is set beforehand, and one of two different values has to change.
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


def _etag(file: pa.NativeFile) -> str:
    return str(file.metadata().get("ETag", b""), "utf-8", "replace")


def _connect(source: Source) -> S3FileSystem:
    """A client that tries once, waits no longer than the timeout and knows no other keys.

    Reads the keys from the environment each time. Raises Refusal for an invalid endpoint, region or
    pair of keys.
    """
    _start_sdk()
    key, hidden = read_secret("AWS_ACCESS_KEY_ID"), read_secret("AWS_SECRET_ACCESS_KEY")
    if bool(key) != bool(hidden):
        absent = "AWS_SECRET_ACCESS_KEY" if key else "AWS_ACCESS_KEY_ID"
        raise Refusal(
            f"environment variable {absent}: not set, but the other half of the key is; set both, "
            "or neither for a public bucket."
        )
    where, endpoint = _setting(
        "endpoint", source.endpoint, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"
    )
    if endpoint and not _ENDPOINT.fullmatch(endpoint):  # not shown: it may hold a password
        raise Refusal(f"{where}: not an endpoint; write https://host or https://host:port.")
    where, region = _setting("region", source.region, "AWS_REGION", "AWS_DEFAULT_REGION")
    if not re.fullmatch(r"[A-Za-z0-9-]*", region):
        raise Refusal(f"{where}: {region!r} is not a region; write one such as eu-central-1.")
    parts = urlsplit(endpoint or "https:")
    return S3FileSystem(
        access_key=key,
        secret_key=hidden,
        session_token=read_secret("AWS_SESSION_TOKEN") if key else None,
        anonymous=not key,
        region=region or "us-east-1",
        scheme=parts.scheme,
        endpoint_override=parts.netloc + parts.path or None,  # None is AWS's own
        connect_timeout=source.timeout,
        request_timeout=source.timeout,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=1),
        tls_ca_file_path=os.environ.get("AWS_CA_BUNDLE") or None,
    )


def _setting(key: str, value: str | None, *variables: str) -> tuple[str, str]:
    """A setting's name for errors and its text: from config, else from the environment."""
    if not value:
        for name in variables:
            if os.environ.get(name):
                return f"environment variable {name}", os.environ[name]
    return f"config key 'source.{key}'", value or ""


def _start_sdk() -> None:
    """Start the SDK once, silent and without reading ~/.aws."""
    files = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    before = {name: os.environ.get(name) for name in files}
    os.environ.update(dict.fromkeys(files, os.devnull))
    try:
        initialize_s3(S3LogLevel.Off)
    except pa.ArrowInvalid:
        pass  # already started
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _plain_errors(place: str) -> Iterator[None]:
    """Turn pyarrow's errors into a Refusal, or into an OSError if they may pass.

    pyarrow raises OSError for everything; only its text tells what happened.
    """
    try:
        yield
    except FileNotFoundError:
        raise Refusal(
            f"{place}: no such object; correct config key 'source.uri' (a folder ends in /)."
        ) from None
    except OSError as error:
        text = " ".join(str(error).split())
        known = read_secret("AWS_ACCESS_KEY_ID")
        check = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may read"
        access = check if known else "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        for pattern, sentence in _FOR_GOOD.items():
            if re.search(pattern, text):
                raise Refusal(redact(f"{place}: {sentence.format(access=access)}.")) from None
        raise OSError(redact(f"{place}: {text}")) from None
