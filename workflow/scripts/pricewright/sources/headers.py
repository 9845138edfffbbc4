"""What a request says besides its address: credentials, config's headers, what we have already."""

import base64
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote

from pricewright.credentials import expand
from pricewright.errors import Refusal
from pricewright.sources.addresses import CONTROL, URI_KEY

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS: Final = re.compile(
    r"accept-encoding|connection|content-.*|expect|host|if-.*|proxy-.*|range|te|trailer"
    r"|transfer-encoding|upgrade",
    re.I,
)
_SECRET: Final = re.compile(r".*(authorization|cookie|key|password|secret|token)", re.I)
_PLACEHOLDERS: Final = re.compile(r"(\$\{[A-Za-z_][A-Za-z0-9_]*\})+")
_VERSION: Final = re.compile(r"(?:etag ([ -~\x80-\xff]+?))?(?:; )?(?:modified ([ -~]+))?")
_ADVICE = "put it into an environment variable and write ${NAME} there"


def check_config(userinfo: str, headers: Mapping[str, str]) -> None:
    """Refuse what may not stand in config: secrets as they are, and headers that are ours."""
    user, _, password = userinfo.partition(":")
    if userinfo and not _PLACEHOLDERS.fullmatch(password or user):
        raise Refusal(f"{URI_KEY} a user or password stands in it as it is; {_ADVICE}.")
    for name, value in headers.items():
        key = f"config key 'source.headers.{name}'"
        if not _NAME.fullmatch(name):
            raise Refusal(f"config key 'source.headers': {name!r} names no header; correct it.")
        if _OURS.fullmatch(name):
            raise Refusal(f"{key}: this header cannot be chosen; take it out.")
        if _SECRET.fullmatch(name) and not _PLACEHOLDERS.search(value):
            raise Refusal(f"{key}: a secret stands in it as it is; {_ADVICE}.")
    if userinfo and any(name.lower() == "authorization" for name in headers):
        raise Refusal(f"{URI_KEY} has a user, and source.headers too; take one of them out.")


def filled(userinfo: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Config's headers and the URI's user with their secrets in place, as they are sent."""
    sent = {}
    for name, value in headers.items():
        text = expand(value, f"source.headers.{name}")
        if CONTROL.search(text) or max(text, default="") > "\xff":
            raise Refusal(
                f"config key 'source.headers.{name}': holds a line break or another character "
                "that no header may have; take it out."
            )
        sent[name.lower()] = text
    if userinfo:
        user = expand(unquote(userinfo), "source.uri")
        if CONTROL.search(user):
            raise Refusal(f"{URI_KEY} its user or password holds a line break; take it out.")
        user += "" if ":" in user else ":"
        sent["authorization"] = "Basic " + base64.b64encode(user.encode()).decode("ascii")
    return sent


def version(etag: str, modified: str, date: str) -> str:
    """How a server names the bytes it sends: `etag "…"; modified …`, or less, or nothing.

    A time of change is left out if it is that of the answer: more may change in that second,
    and the server would not tell (RFC 9110, 8.8.2.2).
    """
    named = [f"etag {etag}"] if etag else []
    if modified and not (_second(modified) >= _second(date) > 0):
        named.append(f"modified {modified}")
    return "; ".join(named)


def conditions(known: str) -> dict[str, str]:
    """The headers that ask for an answer only if it is not the version that is known."""
    found = _VERSION.fullmatch(known)
    etag, modified = found.groups() if found else (None, None)
    return ({"if-none-match": etag} if etag else {}) | (
        {"if-modified-since": modified} if modified else {}
    )


def _second(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return 0.0
