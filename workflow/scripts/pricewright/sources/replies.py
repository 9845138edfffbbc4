"""The answer to an http(s) request: all of its bytes or an error, never a part as the whole."""

import base64
import hashlib
import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HeaderParsingError, HTTPError
from urllib3.response import BaseHTTPResponse

from pricewright.credentials import redacted
from pricewright.errors import Refusal

TROUBLE: Final = (OSError, HTTPError, http.client.HTTPException)
"""What the libraries raise between a request and the end of its answer."""

_PIECE = 1 << 18
_LINGER = 0.2  # seconds for a server that holds the line open to send more than it declared
_MAGIC: Final = {"gzip": b"\x1f\x8b", "x-gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_DIGEST = re.compile(r"\b(sha-256|md5)=:?([A-Za-z0-9+/]+=*)", re.I)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer whose status and header lines have come; whoever has it closes it.

    place: how errors name what was asked for. timeout: the seconds between two pieces.
    """

    place: str
    timeout: float
    connection: HTTPConnection
    line: socket.socket
    response: BaseHTTPResponse

    @property
    def status(self) -> int:
        return self.response.status

    def header(self, name: str) -> str:
        """The value of a header, empty if there is none."""
        return str(self.response.headers.get(name, "")).strip()

    def close(self) -> None:
        self.response.close()
        self.connection.close()

    def body(self, max_bytes: int) -> Iterator[bytes]:
        """The bytes as they are sent; the iterator ends normally only if all came, and no others.

        Raises Refusal if they are, or are declared to be, more than max_bytes, or in an encoding
        that nobody could tell from them. The iterator raises OSError if they are not as many
        as declared, or have not the digest that the server gives. What has neither a length
        nor chunks ends where the connection does: whether it is whole cannot be known.
        """
        declared = self._declared()
        if declared is not None and declared > max_bytes:
            raise self.refusal(
                f"the server declares {declared} bytes, more than {max_bytes}",
                "raise source.max_bytes if that many are right",
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
                    "raise source.max_bytes if that many are right",
                )
            if declared is not None and received > declared:
                raise self.may_pass(f"more bytes came than the {declared} declared")
            for name in {name for name, _ in promised}:
                digests[name].update(piece)
            start += piece[: len(magic) - len(start)]
            yield piece
        if declared is not None and received < declared:
            raise self.may_pass(
                f"only {received} bytes came of {declared}, a short body is no delivery"
            )
        for name, value in promised:
            if base64.b64encode(digests[name].digest()).decode("ascii") != value:
                raise self.may_pass(f"what came has not the {name} that the server gives")
        if start != magic:  # what is so encoded is kept so, and recognised later by its content
            raise self.refusal(
                f"the server calls it {self.header('Content-Encoding')}, which it is not",
                "have the header Content-Encoding put right",
            )

    def _read(self, finished: bool) -> bytes:
        """The next piece; one read follows the last, to see whether there is more."""
        if finished:
            self.line.settimeout(_LINGER)
        try:
            return self.response.read1(_PIECE, decode_content=False)
        except TROUBLE as error:
            if finished:
                return b""
            raise in_our_words(error, self.place, self.timeout) from None

    def _declared(self) -> int | None:
        """How many bytes the body has, if the server says so."""
        # Exactly as http.client has it, which would leave the chunks' own lines in the body.
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
            found.append(("sha-256", value))  # with a dash it is a digest of digests of parts
        return found

    def refusal(self, what: str, advice: str) -> Refusal:
        """A sentence on this answer, for what no retry will mend."""
        return Refusal(redacted(f"{self.place}: {what}; {advice}."))

    def may_pass(self, what: str) -> OSError:
        """A sentence on this answer, for what another one may not have."""
        return OSError(redacted(f"{self.place}: {what}; ask again later."))


def in_our_words(error: BaseException, place: str, timeout: float) -> Refusal | OSError:
    """What to raise for TROUBLE: the libraries' own texts show the URL with its secrets."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refusal(
            redacted(
                f"{place}: the server's certificate is not trusted ({error.verify_message}); have "
                "it put right, or name the authority's file in the variable SSL_CERT_FILE."
            )
        )
    if isinstance(error, socket.gaierror):
        why = f"the host's address is not found ({error.strerror})"
    elif isinstance(error, TimeoutError):
        why = f"nothing came for {timeout:g} seconds"
    elif isinstance(error, HeaderParsingError):
        why = "the answer's header lines are garbled"
    elif isinstance(error, http.client.IncompleteRead):
        why = "the answer broke off, and a short body is no delivery"
    elif isinstance(error, OSError):
        why = error.strerror or str(error)
    else:
        why = f"the answer is not HTTP ({type(error).__name__})"
    return OSError(redacted(f"{place}: {why}; ask again later."))
