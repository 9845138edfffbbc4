"""The service that S3 objects are asked of: its endpoint, the keys, and what its errors mean."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pricewright.credentials import redacted, secret
from pricewright.errors import Refusal

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

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
        key, hidden = secret("AWS_ACCESS_KEY_ID"), secret("AWS_SECRET_ACCESS_KEY")
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
            session_token=secret("AWS_SESSION_TOKEN") if key else None,
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
                raise Refusal(redacted(f"{place}: {said}.")) from None
        raise OSError(redacted(f"{place}: {text}")) from None


def _access() -> str:
    if secret("AWS_ACCESS_KEY_ID"):
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
