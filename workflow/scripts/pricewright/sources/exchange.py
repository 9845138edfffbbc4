"""One http(s) request: to the IP addresses that were checked, or through the desk's proxy."""

import http.client
from collections.abc import Mapping, Sequence
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import LocationParseError
from urllib3.util import Url, make_headers, parse_url
from urllib3.util.response import assert_header_parsing

from pricewright.errors import Refusal
from pricewright.sources.addresses import WebAddress, check_host, resolve
from pricewright.sources.replies import TROUBLE, Reply, in_our_words


def ask(
    address: WebAddress,
    *,
    place: str,
    headers: Mapping[str, str],
    allow_hosts: Sequence[str],
    timeout: float,
) -> Reply:
    """Ask for what lies at an address.

    place: how errors name it. timeout: seconds to connect, and between two pieces. Raises
    Refusal for a host that may not be asked or does not prove who it is, and OSError for
    all else that goes wrong before the answer's header lines have come.
    """
    proxy = _proxy(address)
    try:
        found = resolve(address)
    except OSError as error:
        if proxy is None or address.is_number:
            raise in_our_words(error, place, timeout) from None
        found = []  # a desk's own names may be known to its proxy only
    check_host(address, found, allow_hosts)
    target, headers = address.target, {"host": address.authority, "connection": "close", **headers}
    # We connect to what was checked: asked again, a name may have another address. A proxy
    # does ask again; it has to guard its network itself.
    ends = [(ip, address.port) for ip in found]
    if proxy is not None:
        ends = [(str(proxy.host), proxy.port or 80)]
        place = f"{place} (through the proxy {proxy.netloc})"
        if address.scheme == "http":
            target, headers = address.uri, {**headers, **_proxy_headers(proxy)}
    try:
        connection = _connected(address, ends, proxy, timeout)
        try:
            line = connection.sock
            connection.request("GET", target, headers=headers, preload_content=False)
            response = connection.getresponse()
        except BaseException:
            connection.close()
            raise
    except TROUBLE as error:
        raise in_our_words(error, place, timeout) from None
    response.length_remaining = None  # else urllib3 would stop at it; see _Response
    return Reply(place=place, timeout=timeout, connection=connection, line=line, response=response)


def _connected(
    address: WebAddress, ends: Sequence[tuple[str, int]], proxy: Url | None, timeout: float
) -> HTTPConnection:
    """A connection to the first of some ends (IP address or proxy, port) that takes one."""
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
        except TROUBLE:
            connection.close()
            if (host, port) == ends[-1]:
                raise
    raise AssertionError("a host that was found has an address")


class _Response(http.client.HTTPResponse):
    """An answer that can be read past its declared length, so that a longer one is seen."""

    def begin(self) -> None:
        super().begin()
        assert_header_parsing(self.msg)  # urllib3 only logs it, with the URL, and loses the rest
        if self.length is not None:
            self.length += 1


def _proxy(address: WebAddress) -> Url | None:
    """The proxy that the environment has for an address, if one applies."""
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
            f"environment variable {address.scheme.upper()}_PROXY or ALL_PROXY: names no proxy "
            "that can be used; write http://host:port."
        )
    return proxy


def _proxy_headers(proxy: Url) -> dict[str, str]:
    return make_headers(proxy_basic_auth=unquote(proxy.auth)) if proxy.auth else {}
