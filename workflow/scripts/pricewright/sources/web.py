"""Prices from http(s): asked for only if they changed, and only from hosts that may be asked."""

import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urljoin

from pricewright.credentials import expand
from pricewright.errors import Refusal
from pricewright.sources.addresses import WebAddress, split, web_address
from pricewright.sources.headers import check_config, conditions, filled, version
from pricewright.sources.item import Answer

if TYPE_CHECKING:
    from pricewright.sources.replies import Reply

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 5
_MAY_PASS: Final = (408, 425, 429)
_KNOWN: Final = frozenset(HTTPStatus)
_ADVICE: Final = {
    401: "check the user, password or key that source.uri and source.headers send",
    403: "check what source.uri and source.headers send, and whether this user may read it",
    407: "check the user and password in the proxy's environment variable",
}


@dataclass(frozen=True, kw_only=True)
class WebFile:
    """A delivery that an http(s) server has; raises Refusal if a secret stands in config.

    place: its URI and headers: what else to send, as in config, with their `${NAME}`.
    allow_hosts: hosts that may be asked although their IP address is not public.
    timeout: seconds to connect, and between two pieces. max_bytes: the most that is read.
    """

    place: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow_hosts: Sequence[str] = ()
    timeout: float = 30.0
    max_bytes: int = 10_000_000_000

    def __post_init__(self) -> None:
        parts = split(self.place)
        check_config(parts.userinfo, self.headers)
        if "${" not in parts.host_and_port:  # else it is known when it is asked
            web_address(parts)

    @contextmanager
    def open(self, known: str = "") -> Iterator[Answer]:
        """Ask for the delivery, of which we may have the version `known` already.

        The bytes are those that are sent: what the server has as gzip or zstd stays so.
        Raises Refusal for what no retry will mend, OSError for trouble that may pass.
        """
        asked = conditions(known)
        with closing(self._ask(asked)) as reply:
            if reply.status == HTTPStatus.NOT_MODIFIED and asked:
                yield Answer(chunks=None, version=known)
            else:
                _judge(reply)
                named = (reply.header(name) for name in ("ETag", "Last-Modified", "Date"))
                yield Answer(chunks=reply.body(self.max_bytes), version=version(*named))

    def _ask(self, asked: dict[str, str]) -> "Reply":
        """The answer at the end of the redirects."""
        from pricewright.sources.exchange import ask  # which brings urllib3

        parts = split(self.place)
        start = address = web_address(parts, lambda text: expand(text, "source.uri"))
        public = {"user-agent": "pricewright", "accept": "*/*", "accept-encoding": "identity"}
        private = filled(parts.userinfo, self.headers)
        for _ in range(1 + _MAX_REDIRECTS):
            reply = ask(
                address,
                place=self.place,
                headers=public | asked | (private if _same_service(start, address) else {}),
                allow_hosts=self.allow_hosts,
                timeout=self.timeout,
            )
            if reply.status not in _REDIRECTS:
                return reply
            with closing(reply):
                address = _next(address, reply)
        raise reply.refusal(
            f"the server redirects more than {_MAX_REDIRECTS} times",
            "put the address of the delivery into source.uri",
        )


def _same_service(one: WebAddress, other: WebAddress) -> bool:
    """Whether what is private to one address may be sent to the other, on the same host."""
    return one.port == other.port or (one.has_default_port and other.has_default_port)


def _next(address: WebAddress, reply: "Reply") -> WebAddress:
    """Where an answer redirects to, if we follow: to the same host, and not from https to http."""
    # Header lines come as Latin-1, whatever they are: quoted, they are the same bytes again.
    location = quote(reply.header("Location").encode("latin-1"), safe=string.punctuation)
    try:
        there = web_address(split(urljoin(address.uri, location) if location else ""))
    except (ValueError, Refusal):
        raise reply.refusal(
            "the server redirects to what is no http(s) address",
            "put the right one into source.uri",
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
        "put the new address into source.uri if it is right",
    )


def _judge(reply: "Reply") -> None:
    """Refuse every answer that is not a whole delivery; raise OSError if another may be."""
    if reply.status == HTTPStatus.OK:
        return
    phrase = HTTPStatus(reply.status).phrase if reply.status in _KNOWN else "(no known status)"
    what = f"the server answers {reply.status} {phrase}"
    if reply.status in _MAY_PASS or 500 <= reply.status < 600:
        raise reply.may_pass(what)
    if 400 <= reply.status < 500:
        raise reply.refusal(what, _ADVICE.get(reply.status, "correct source.uri"))
    raise reply.refusal(what, "give in source.uri an address that has the whole delivery")
