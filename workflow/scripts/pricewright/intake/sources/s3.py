"""Deliveries in an S3 bucket, of AWS or of any other endpoint that speaks its protocol.

The service has an endpoint, keys, and errors, each of which may pass or not.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pricewright.files.errors import Refusal
from pricewright.files.secrets import read_secret, redact

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

import fnmatch
from dataclasses import field
from typing import TYPE_CHECKING

from pricewright.files.secrets import expand_variables
from pricewright.intake.sources.source import Answer

if TYPE_CHECKING:
    from pyarrow import NativeFile


_ENDPOINT = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[\w./-]*)?")

_FOR_GOOD: Final = {
    r"AWS Error (ACCESS_DENIED|INVALID_|SIGNATURE_)|HTTP status 40[13]": (
        "access denied; {access}"
    ),
    r"AWS Error NO_SUCH_BUCKET": "there is no such bucket; mend config key 'source.uri'",
    r"AWS Error REQUEST_TIME_TOO_SKEWED": "this machine's clock is wrong; set it",
    r"AWS Error VALIDATION": "the SDK takes no such host; mend config key 'source.endpoint'",
    r"HTTP status (3..|400)": (
        "the service refuses the request, as for a wrong region or a session that has ended; "
        "check config key 'source.region' and AWS_SESSION_TOKEN"
    ),
    r"HTTP status 4(?!08|29)": "the service refuses the request; check config key 'source.uri'",
    r"curlCode: (60|77),": (
        "the endpoint's certificate is not trusted; set AWS_CA_BUNDLE to the file of who signed it"
    ),
}
"""What pyarrow's text says if no retry will help, and the sentence for it."""


@dataclass(frozen=True)
class Service:
    """Where and how objects are asked for; the keys are taken from the environment each time."""

    endpoint: str | None
    region: str | None
    timeout: float

    def connect(self) -> "S3FileSystem":
        """A client that tries once, waits no longer than the timeout and knows no other keys.

        Raises Refusal for an endpoint, a region or keys that cannot be right.
        """
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

        _start_sdk()
        key, hidden = read_secret("AWS_ACCESS_KEY_ID"), read_secret("AWS_SECRET_ACCESS_KEY")
        if bool(key) != bool(hidden):
            absent = "AWS_SECRET_ACCESS_KEY" if key else "AWS_ACCESS_KEY_ID"
            raise Refusal(
                f"environment variable {absent}: is not set, while its other half is; set both, "
                "or neither for a bucket that anybody may read."
            )
        scheme, host = self._endpoint()
        return S3FileSystem(
            access_key=key,
            secret_key=hidden,
            session_token=read_secret("AWS_SESSION_TOKEN") if key else None,
            anonymous=not key,
            region=self._region(),
            scheme=scheme,
            endpoint_override=host,
            connect_timeout=self.timeout,
            request_timeout=self.timeout,
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=1),
            tls_ca_file_path=os.environ.get("AWS_CA_BUNDLE") or None,
        )

    def _endpoint(self) -> tuple[str, str | None]:
        """The scheme, and the host with its port and path, None for AWS's own."""
        where, text = _setting("endpoint", self.endpoint, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        if not text:
            return "https", None
        if not _ENDPOINT.fullmatch(text):  # not shown: it may have a password in it
            raise Refusal(f"{where}: is no endpoint; write https://host or https://host:port.")
        parts = urlsplit(text)
        return parts.scheme, parts.netloc + parts.path

    def _region(self) -> str:
        where, text = _setting("region", self.region, "AWS_REGION", "AWS_DEFAULT_REGION")
        if not re.fullmatch(r"[A-Za-z0-9-]*", text):
            raise Refusal(f"{where}: {text!r} is no region; write one such as eu-central-1.")
        return text or "us-east-1"


@contextmanager
def judged(place: str) -> Iterator[None]:
    """Turn what pyarrow raises into a Refusal, or into an OSError for trouble that may pass.

    pyarrow raises an OSError for everything; only its text tells what happened.
    """
    try:
        yield
    except FileNotFoundError:
        raise Refusal(
            f"{place}: there is no such object; mend config key 'source.uri' (a folder ends in /)."
        ) from None
    except OSError as error:
        text = " ".join(str(error).split())
        for pattern, sentence in _FOR_GOOD.items():
            if re.search(pattern, text):
                said = sentence.format(access=_access())
                raise Refusal(redact(f"{place}: {said}.")) from None
        raise OSError(redact(f"{place}: {text}")) from None


def _access() -> str:
    if read_secret("AWS_ACCESS_KEY_ID"):
        return "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may read"
    return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


def _setting(key: str, value: str | None, *variables: str) -> tuple[str, str]:
    """What to call a setting in an error, and its text: from config, else from the environment."""
    if value:
        return f"config key 'source.{key}'", value
    for name in variables:
        if os.environ.get(name):
            return f"environment variable {name}", os.environ[name]
    return f"config key 'source.{key}'", ""


def _start_sdk() -> None:
    """Start the SDK, once: silent, and without a look into ~/.aws."""
    import pyarrow as pa
    from pyarrow.fs import S3LogLevel, initialize_s3

    files = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    before = {name: os.environ.get(name) for name in files}
    os.environ.update(dict.fromkeys(files, os.devnull))
    try:
        initialize_s3(S3LogLevel.Off)
    except pa.ArrowInvalid:
        pass  # it has been started
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


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
    path = expand_variables(folder, "source.uri").partition("://")[2]
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
