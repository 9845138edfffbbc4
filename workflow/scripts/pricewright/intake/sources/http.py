"""One http(s) request and its answer: either all of its bytes or an error, never only a part.

The request goes to the IP addresses that were checked, or through a proxy.
"""

import base64
import contextlib
import hashlib
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HeaderParsingError, HTTPError, InvalidHeader, LocationParseError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Url, make_headers, parse_url
from urllib3.util.response import assert_header_parsing
from urllib3.util.retry import Retry

from pricewright.files.clock import format_time, now
from pricewright.files.errors import Refusal, TryLater
from pricewright.files.secrets import redact
from pricewright.intake.sources.addresses import WebAddress, check_host, ip_addresses
from pricewright.intake.sources.source import Source

_TROUBLE: Final = (OSError, HTTPError, http.client.HTTPException)
"""What the libraries raise between a request and the end of its answer."""

_PIECE = 1 << 18
_LINGER = 0.2  # seconds that a server may keep the line open to send more than it declared
_MAGIC: Final = {"gzip": b"\x1f\x8b", "x-gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_DIGEST = re.compile(r"\b(sha-256|md5)=:?([A-Za-z0-9+/]+=*)", re.I)


LONGEST_WAIT = 60.0
"""Seconds to wait at most when a server asks to be asked later."""


class Deadline:
    """Cuts a connection when a delivery takes too long, even if a byte arrives now and then."""

    def __init__(self, line: socket.socket, seconds: float) -> None:
        self.seconds, self.has_passed = seconds, False
        self._line = line
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()

    def error(self, place: str) -> Refusal:
        """The refusal of a delivery that was cut."""
        return Refusal(
            redact(
                f"{place}: the delivery took more than {self.seconds:g} seconds; raise "
                "source.max_seconds if that is acceptable."
            )
        )

    def _cut(self) -> None:
        self.has_passed = True
        with contextlib.suppress(OSError):  # closed already
            socket.socket.shutdown(self._line, socket.SHUT_RDWR)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer whose status and headers have arrived; its owner must close it.

    place: the name for errors.  timeout: the seconds allowed between two pieces.
    """

    place: str
    timeout: float
    connection: HTTPConnection
    line: socket.socket
    deadline: Deadline
    response: BaseHTTPResponse

    @property
    def status(self) -> int:
        return self.response.status

    def header(self, name: str) -> str:
        """The value of a header, empty if there is none."""
        return str(self.response.headers.get(name, "")).strip()

    def close(self) -> None:
        self.deadline.cancel()
        self.response.close()
        self.connection.close()

    def body(self, max_bytes: int) -> Iterator[bytes]:
        """The bytes as they are sent; the iterator ends normally only if exactly all arrived.

        Raises Refusal for more bytes than max_bytes, sent or declared, and for an encoding that
        cannot be recognised from the bytes. The iterator raises OSError if the number of bytes is
        not the declared one, or if a digest from the server does not match. An answer with neither
        a length nor chunks ends with the connection; nobody can know whether it is complete.
        """
        declared = self._declared()
        if declared is not None and declared > max_bytes:
            raise self.refusal(
                f"the server declares {declared} bytes, more than {max_bytes}",
                "raise source.max_bytes if that size is right",
            )
        encoding = self.header("Content-Encoding")
        if encoding.lower() not in ("", "identity", *_MAGIC):
            raise self.refusal(
                f"the server sends it encoded as {encoding!r}, although asked not to",
                "have it sent as it is, or as gzip or zstd",
            )
        return self._pieces(declared, max_bytes, _MAGIC.get(encoding.lower(), b""))

    def _pieces(self, declared: int | None, max_bytes: int, magic: bytes) -> Iterator[bytes]:
        promised = self._promised()
        digests = {"sha-256": hashlib.sha256(), "md5": hashlib.md5(usedforsecurity=False)}
        received, start = 0, b""
        while piece := self._read(finished=received == declared):
            received += len(piece)
            if received > max_bytes:
                raise self.refusal(
                    f"the server sends more than {max_bytes} bytes",
                    "raise source.max_bytes if that size is right",
                )
            if declared is not None and received > declared:
                raise self.may_pass(f"more bytes arrived than the {declared} declared")
            for name in {name for name, _ in promised}:
                digests[name].update(piece)
            start += piece[: len(magic) - len(start)]
            yield piece
        if declared is not None and received < declared:
            raise self.may_pass(
                f"only {received} of {declared} bytes arrived, so the delivery is incomplete"
            )
        for name, value in promised:
            if base64.b64encode(digests[name].digest()).decode("ascii") != value:
                raise self.may_pass(f"the body does not match the {name} that the server gives")
        if start != magic:  # packed content is kept packed, and recognised later from its bytes
            raise self.refusal(
                f"the server calls it {self.header('Content-Encoding')}, but it is not",
                "have its Content-Encoding header corrected",
            )

    def _read(self, finished: bool) -> bytes:
        """The next piece; one more read follows the last, to see whether there is more."""
        if finished:
            self.line.settimeout(_LINGER)
        try:
            piece: bytes = self.response.read1(_PIECE, decode_content=False)
        except _TROUBLE as error:
            if finished:
                return b""
            if self.deadline.has_passed:
                raise self.deadline.error(self.place) from None
            raise _plain_error(error, self.place, self.timeout) from None
        if self.deadline.has_passed and not finished:
            raise self.deadline.error(self.place)
        return piece

    def _declared(self) -> int | None:
        """The number of bytes in the body, if the server says so."""
        # The same test as in http.client, which would leave the chunks' own lines in the body.
        transfer = self.response.headers.get("Transfer-Encoding", "")
        length = self.header("Content-Length")
        if transfer.lower() not in ("", "chunked"):
            raise self.refusal(
                f"the server transfers it encoded as {transfer!r}", "have it sent as it is"
            )
        if transfer or not length:
            return None
        if not re.fullmatch(r"[0-9]{1,18}", length):
            raise self.may_pass(f"the server declares a length of {length!r}")
        return int(length)

    def _promised(self) -> list[tuple[str, str]]:
        """The digests that the server gives: (algorithm, value in base64)."""
        fields = [self.header(name) for name in ("Repr-Digest", "Content-Digest", "Digest")]
        found = [(name.lower(), value) for name, value in _DIGEST.findall(", ".join(fields))]
        if value := self.header("Content-MD5"):
            found.append(("md5", value))
        if (value := self.header("x-amz-checksum-sha256")) and "-" not in value:
            found.append(("sha-256", value))  # with a dash, it is a digest of the parts' digests
        return found

    def refusal(self, what: str, advice: str) -> Refusal:
        """A Refusal of this answer, for an error that no retry will fix."""
        return Refusal(redact(f"{self.place}: {what}; {advice}."))

    def may_pass(self, what: str) -> OSError | Refusal:
        """An OSError about this answer, for an error that another answer may not have.

        If the server asks to wait, it is a TryLater, or a Refusal if that is too long to wait here.
        """
        seconds = self._retry_after()
        if seconds > LONGEST_WAIT:
            then = format_time(now() + timedelta(seconds=seconds))
            return self.refusal(f"{what} and asks to wait until {then}", "run again after that")
        text = redact(f"{self.place}: {what}; ask again later.")
        return TryLater(text, seconds) if seconds else OSError(text)

    def _retry_after(self) -> float:
        """The seconds that the server asks to wait (RFC 9110, 10.2.3); 0 if it does not."""
        with contextlib.suppress(InvalidHeader):
            return Retry(retry_after_max=10**9).parse_retry_after(self.header("Retry-After"))
        return 0


def _plain_error(error: BaseException, place: str, timeout: float) -> Refusal | OSError:
    """What to raise for _TROUBLE; the libraries' own texts show the URL with its secrets."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refusal(
            redact(
                f"{place}: the server's certificate is not trusted ({error.verify_message}); have "
                "it corrected, or set SSL_CERT_FILE to the certificate file of its authority."
            )
        )
    if isinstance(error, socket.gaierror):
        why = f"the host's address is not found ({error.strerror})"
    elif isinstance(error, TimeoutError):
        why = f"nothing arrived for {timeout:g} seconds"
    elif isinstance(error, HeaderParsingError):
        why = "the answer's headers are garbled"
    elif isinstance(error, http.client.IncompleteRead):
        why = "the answer broke off, so the delivery is incomplete"
    elif isinstance(error, OSError):
        why = error.strerror or str(error)
    else:
        why = f"the answer is not HTTP ({type(error).__name__})"
    return OSError(redact(f"{place}: {why}; ask again later."))


def ask(address: WebAddress, headers: Mapping[str, str], source: Source) -> Reply:
    """Ask for the delivery at an address, with the source's options.

    Raises Refusal for a host that may not be asked or cannot prove its identity, and OSError for
    any other failure before the answer's headers have arrived.
    """
    place, timeout, proxy = source.uri, source.timeout, _proxy(address)
    try:
        found = ip_addresses(address)
    except OSError as error:
        if proxy is None or address.is_number:
            raise _plain_error(error, place, timeout) from None
        found = []  # perhaps only the proxy knows the names of an internal network
    check_host(address, found, source.allow_hosts)
    target, headers = address.target, {"host": address.authority, "connection": "close", **headers}
    # We connect to the checked addresses: asked again, a name may have another one. A proxy does
    # ask again; it has to guard its network itself.
    ends = [(ip, address.port) for ip in found]
    if proxy is not None:
        ends = [(str(proxy.host), proxy.port or 80)]
        place = f"{place} (through the proxy {proxy.netloc})"
        if address.scheme == "http":
            target, headers = address.uri, {**headers, **_proxy_headers(proxy)}
    try:
        connection = _connected(address, ends, proxy, timeout)
    except _TROUBLE as error:
        raise _plain_error(error, place, timeout) from None
    line = connection.sock
    deadline = Deadline(line, source.max_seconds)
    try:
        connection.request("GET", target, headers=headers, preload_content=False)
        response = connection.getresponse()
    except BaseException as error:
        deadline.cancel()
        connection.close()
        if not isinstance(error, _TROUBLE):
            raise
        if deadline.has_passed:
            raise deadline.error(place) from None
        raise _plain_error(error, place, timeout) from None
    response.length_remaining = None  # otherwise urllib3 would stop there; see _Response
    return Reply(
        place=place,
        timeout=timeout,
        connection=connection,
        line=line,
        deadline=deadline,
        response=response,
    )


def _connected(
    address: WebAddress, ends: Sequence[tuple[str, int]], proxy: Url | None, timeout: float
) -> HTTPConnection:
    """A connection to the first end (IP address or proxy, and port) that accepts one."""
    for host, port in ends:
        connection = HTTPConnection(host, port, timeout=timeout, proxy=proxy)
        if address.scheme == "https":
            connection = HTTPSConnection(
                host, port, timeout=timeout, proxy=proxy, server_hostname=address.host
            )
            if proxy is not None:
                connection.set_tunnel(address.host, address.port, _proxy_headers(proxy))
        connection.response_class = _Response
        try:
            connection.connect()
            return connection
        except _TROUBLE:
            connection.close()
            if (host, port) == ends[-1]:
                raise
    raise AssertionError("a host that was found has an address")


class _Response(http.client.HTTPResponse):
    """An answer that can be read past its declared length, so that excess bytes are noticed."""

    def begin(self) -> None:
        super().begin()
        assert_header_parsing(self.msg)  # urllib3 only logs it, with the URL, and drops the rest
        if self.length is not None:
            self.length += 1


def _proxy(address: WebAddress) -> Url | None:
    """The proxy that the environment sets for an address, if one applies."""
    proxies = getproxies()
    named = proxies.get(address.scheme) or proxies.get("all")
    if not named or proxy_bypass(f"{address.host}:{address.port}"):
        return None
    try:
        proxy = parse_url(named if "://" in named else f"http://{named}")
    except LocationParseError:
        proxy = Url()
    if proxy.scheme != "http" or not proxy.host:
        raise Refusal(
            f"environment variable {address.scheme.upper()}_PROXY or ALL_PROXY: not a usable "
            "proxy; write http://host:port."
        )
    return proxy


def _proxy_headers(proxy: Url) -> dict[str, str]:
    return make_headers(proxy_basic_auth=unquote(proxy.auth)) if proxy.auth else {}
