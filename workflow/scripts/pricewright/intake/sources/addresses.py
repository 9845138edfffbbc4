"""Web addresses, what config may send, and which hosts may be asked: only those with public IPs."""

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import quote

from pricewright.files.errors import Refusal
from pricewright.files.secrets import PLACEHOLDER, redact

URI_KEY: Final = "config key 'source.uri':"
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Line breaks and other characters that are not allowed in addresses and headers."""

_NAME_OF_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS: Final = re.compile(
    r"accept-encoding|connection|content-.*|expect|host|if-.*|proxy-.*|range|te|trailer"
    r"|transfer-encoding|upgrade",
    re.I,
)
_SECRET: Final = re.compile(r".*(authorization|cookie|key|password|secret|token)", re.I)
_WRITE_NAME = "put it into an environment variable and write ${NAME} there"

_PORTS: Final = {"http": 80, "https": 443}
_URI = re.compile(r"(https?)://([^/?#\\]*)(/[^?#]*)?(?:\?([^#]*))?(?:#.*)?", re.I)
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{0,5}))?")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]*|[0-9]+")
_UNQUOTED = "/%:@!$&'()*+,;=~"  # stay as they are in a path, like letters, digits and "-._"

_PROTOCOL: Final = ipaddress.ip_network("192.0.0.0/24")  # some clouds serve machine secrets here
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_UNICAST: Final = ipaddress.ip_network("2000::/3")  # all IPv6 addresses allocated so far


class AddressParts(NamedTuple):
    """The parts of a web address, each as it was written."""

    scheme: str
    userinfo: str
    host_and_port: str
    path: str
    query: str


@dataclass(frozen=True)
class WebAddress:
    """Where a request goes; all parts but scheme and port may be secret, and `repr` hides them."""

    scheme: str
    host: str = field(repr=False)  # in ASCII, without brackets and trailing dot
    port: int
    target: str = field(repr=False)  # path and query, quoted

    @property
    def authority(self) -> str:
        """Host and port in the form of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.has_default_port else f"{host}:{self.port}"

    @property
    def uri(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def has_default_port(self) -> bool:
        return self.port == _PORTS[self.scheme]

    @property
    def is_number(self) -> bool:
        """Whether the host is an IPv4 address in any notation: no name ends in a number."""
        return bool(_NUMBER.fullmatch(self.host.split(".")[-1]))


def split_address(uri: str) -> AddressParts:
    """Split an http(s) address into its parts; a fragment is dropped.

    Any part may contain placeholders; their values cannot change where the parts end. Raises
    Refusal, which shows nothing of the address, because it may contain a password.
    """
    found = _URI.fullmatch(uri)
    if not found:
        raise Refusal(f"{URI_KEY} not an address such as https://prices.example/a.csv; correct it.")
    scheme, authority, path, query = found.groups(default="")
    userinfo, _, host_and_port = authority.rpartition("@")
    return AddressParts(scheme.lower(), userinfo, host_and_port, path, query)


def web_address(parts: AddressParts, fill: Callable[[str], str] = str) -> WebAddress:
    """Build an address from its parts: fill in each, then quote it as browsers do.

    Raises Refusal, which shows nothing of the address.
    """
    host_and_port, path, query = (fill(part) for part in parts[2:])
    if CONTROL.search(path + query):
        raise Refusal(f"{URI_KEY} holds a line break or another control character; remove it.")
    found = _HOST_AND_PORT.fullmatch(host_and_port)
    host = _plain(found[1]) if found else ""
    if not found or not host:
        raise Refusal(
            f"{URI_KEY} holds no valid host; correct it, and write one with non-ASCII letters in "
            "its xn-- form."
        )
    port = int(found[2] or _PORTS[parts.scheme])
    if not 0 < port < 65536:
        raise Refusal(f"{URI_KEY} holds the port {port}; a port is 1 to 65535.")
    target = quote(path or "/", safe=_UNQUOTED) + ("?" if query else "")
    return WebAddress(parts.scheme, host, port, target + quote(query, safe=_UNQUOTED + "?"))


def check_request(uri: str, headers: Mapping[str, str]) -> None:
    """Check what config says of a request: its address and its headers.

    Raises Refusal for a plain secret, for an address that is not one, and for a header that only
    the program may set.
    """
    parts = split_address(uri)
    user, _, password = parts.userinfo.partition(":")
    secret = password or user
    if parts.userinfo and (not secret or PLACEHOLDER.sub("", secret)):
        raise Refusal(f"{URI_KEY} it holds a plain user or password; {_WRITE_NAME}.")
    for name, value in headers.items():
        key = f"config key 'source.headers.{name}'"
        if not _NAME_OF_HEADER.fullmatch(name):
            raise Refusal(f"config key 'source.headers': {name!r} is not a header; correct it.")
        if _OURS.fullmatch(name):
            raise Refusal(f"{key}: this header cannot be set; remove it.")
        if _SECRET.fullmatch(name) and not PLACEHOLDER.search(value):
            raise Refusal(f"{key}: it holds a plain secret; {_WRITE_NAME}.")
    if parts.userinfo and any(name.lower() == "authorization" for name in headers):
        raise Refusal(f"{URI_KEY} has a user, and source.headers has one too; remove one of them.")
    if "${" not in parts.host_and_port:  # otherwise it is checked when it is asked
        web_address(parts)


def ip_addresses(address: WebAddress) -> list[str]:
    """The IP addresses of a host, in whatever notation; raises OSError if it has none."""
    # RFC 6761: such a name is this machine, whatever name servers say.
    local = address.host.lower().split(".")[-1] == "localhost"
    name = "localhost" if local else address.host
    found = socket.getaddrinfo(name, address.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(end[0]) for *_, end in found))


def check_host(address: WebAddress, found: Iterable[str], allow_hosts: Sequence[str]) -> None:
    """Refuse a host if one of its IP addresses is not public, unless it is allowed by name.

    found: all of its IP addresses.  allow_hosts: hosts as written in addresses.
    """
    allowed = {_in_ascii(host.strip("[]").removesuffix(".")).lower() for host in allow_hosts}
    if address.host.lower() in allowed:
        return
    for ip in found:
        if not is_public(ip):
            raise Refusal(
                redact(
                    f"{URI_KEY} the host {address.host} has the address {ip}, which is loopback, "
                    "private or otherwise not public; if it may be asked, add the host to "
                    "source.allow_hosts."
                )
            )


def is_public(address: str) -> bool:
    """Whether an IP address is public, and so is any address that it wraps."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and ip not in _PROTOCOL
    inside = ip.ipv4_mapped or ip.sixtofour
    if ip in _NAT64:
        inside = ipaddress.IPv4Address(ip.packed[-4:])
    if inside is not None:
        return is_public(str(inside))
    return ip in _UNICAST and ip.is_global


def _plain(host: str) -> str:
    """A host in ASCII, without brackets and trailing dot; empty if it is not a host."""
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return ""
        return host[1:-1]
    plain = _in_ascii(host.removesuffix("."))
    return plain if _NAME.fullmatch(plain) else ""


def _in_ascii(host: str) -> str:
    """A host with non-ASCII letters encoded; empty if that is ambiguous."""
    if host.isascii():
        return host
    host = unicodedata.normalize("NFC", host).lower()
    try:
        encoded = host.encode("idna")
        # Python implements the older standard, which maps some letters to others, such as ß to ss.
        return encoded.decode("ascii") if encoded.decode("idna") == host else ""
    except UnicodeError:
        return ""
