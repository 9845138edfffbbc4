"""Prices over http(s): fetched only if they changed, and only from hosts that may be asked.

A request carries its credentials, the headers from config, and the version that we already have.
"""

import base64
import re
import string
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, unquote, urljoin

from pricewright.files.errors import Refusal
from pricewright.files.secrets import expand_variables
from pricewright.intake.sources.addresses import (
    CONTROL,
    URI_KEY,
    WebAddress,
    split_address,
    web_address,
)
from pricewright.intake.sources.http import Reply, ask
from pricewright.intake.sources.source import Answer, Source

_VERSION: Final = re.compile(r"(?:etag ([ -~\x80-\xff]+?))?(?:; )?(?:modified ([ -~]+))?")

_PUBLIC: Final = {"user-agent": "pricewright", "accept": "*/*", "accept-encoding": "identity"}
"""The headers that every host gets, also after a redirect."""

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 5
_MAY_PASS: Final = (408, 425, 429)
_KNOWN: Final = frozenset(HTTPStatus)
_ADVICE: Final = {
    401: "check the user, password or key that source.uri and source.headers send",
    403: "check what source.uri and source.headers send, and whether this user may read it",
    407: "check the user and password in the proxy's environment variable",
}


@dataclass(frozen=True)
class WebFile:
    """A delivery on an http(s) server."""

    source: Source

    @property
    def place(self) -> str:
        return self.source.uri

    @contextmanager
    def open(self, known: str = "") -> Iterator[Answer]:
        """Ask for the delivery; `known` is the version that we already have.

        The bytes are those that are sent: gzip or zstd content stays packed. Raises Refusal for an
        error that no retry will fix, and OSError for one that may pass.
        """
        asked = _conditions(known)
        with closing(self._ask(asked)) as reply:
            if reply.status == HTTPStatus.NOT_MODIFIED and asked:
                yield Answer(chunks=None, version=known)
            else:
                _check_status(reply)
                yield Answer(chunks=reply.body(self.source.max_bytes), version=_version(reply))

    def _ask(self, asked: dict[str, str]) -> Reply:
        """The answer at the end of all redirects."""
        parts = split_address(self.place)
        start = address = web_address(parts, lambda text: expand_variables(text, "source.uri"))
        private = _private_headers(parts.userinfo, self.source.headers)
        for _ in range(1 + _MAX_REDIRECTS):
            headers = _PUBLIC | asked | (private if _same_service(start, address) else {})
            reply = ask(address, headers, self.source)
            if reply.status not in _REDIRECTS:
                return reply
            with closing(reply):
                address = _next(address, reply)
        raise reply.refusal(
            f"the server redirects more than {_MAX_REDIRECTS} times",
            "set source.uri to the address of the delivery",
        )


def _private_headers(userinfo: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers from config and the user from the URI, with their secrets filled in."""
    sent = {}
    for name, value in headers.items():
        text = expand_variables(value, f"source.headers.{name}")
        if CONTROL.search(text) or max(text, default="") > "\xff":
            raise Refusal(
                f"config key 'source.headers.{name}': holds a line break or another character "
                "that a header cannot have; remove it."
            )
        sent[name.lower()] = text
    if userinfo:
        user = expand_variables(unquote(userinfo), "source.uri")
        if CONTROL.search(user):
            raise Refusal(f"{URI_KEY} its user or password holds a line break; remove it.")
        user += "" if ":" in user else ":"
        sent["authorization"] = "Basic " + base64.b64encode(user.encode()).decode("ascii")
    return sent


def _version(reply: Reply) -> str:
    """A server's version of the bytes that it sends: `etag "…"; modified …`, or less, or nothing.

    A modification time equal to the time of the answer is left out: the file may change again
    within that second, and the server would not tell (RFC 9110, 8.8.2.2).
    """
    etag, modified, date = map(reply.header, ("ETag", "Last-Modified", "Date"))
    named = [f"etag {etag}"] if etag else []
    if modified and not (_second(modified) >= _second(date) > 0):
        named.append(f"modified {modified}")
    return "; ".join(named)


def _conditions(known: str) -> dict[str, str]:
    """The headers that ask for an answer only if it differs from the known version."""
    found = _VERSION.fullmatch(known)
    etag, modified = found.groups() if found else (None, None)
    asked = {"if-none-match": etag, "if-modified-since": modified}
    return {name: value for name, value in asked.items() if value}


def _second(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _same_service(one: WebAddress, other: WebAddress) -> bool:
    """Whether private headers for one address may be sent to the other, on the same host."""
    return one.port == other.port or (one.has_default_port and other.has_default_port)


def _next(address: WebAddress, reply: Reply) -> WebAddress:
    """Where a redirect leads, if we follow it: to the same host, and never from https to http."""
    # Header lines are decoded as Latin-1, whatever they are; quoting restores the same bytes.
    location = quote(reply.header("Location").encode("latin-1"), safe=string.punctuation)
    try:
        there = web_address(split_address(urljoin(address.uri, location) if location else ""))
    except (ValueError, Refusal):
        raise reply.refusal(
            "the server redirects to an address that is not http(s)",
            "set source.uri to the right one",
        ) from None
    if (
        there.host.lower() == address.host.lower()
        and (there.port == address.port or there.has_default_port)
        and there.scheme in (address.scheme, "https")
    ):
        return there
    raise reply.refusal(
        f"the server redirects from {address.scheme}://{address.authority} to "
        f"{there.scheme}://{there.authority}",
        "set source.uri to the new address if it is right",
    )


def _check_status(reply: Reply) -> None:
    """Refuse every answer but a whole delivery; raise OSError if another answer may be one."""
    if reply.status == HTTPStatus.OK:
        return
    phrase = HTTPStatus(reply.status).phrase if reply.status in _KNOWN else "(unknown status)"
    what = f"the server answers {reply.status} {phrase}"
    if reply.status in _MAY_PASS or 500 <= reply.status < 600:
        raise reply.may_pass(what)
    if 400 <= reply.status < 500:
        raise reply.refusal(what, _ADVICE.get(reply.status, "correct source.uri"))
    raise reply.refusal(what, "set source.uri to an address that gives the whole delivery")
