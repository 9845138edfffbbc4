"""Secrets: taken from environment variables, and kept out of everything that is written."""

import os
import re
from typing import Final

from pricewright.files.errors import Refusal

PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""`${NAME}`, for the environment variable of that name."""

_SECRET_NAME = re.compile(r"(^|[^a-z])(api)?(key|token|passw(or)?d|pwd|secret|sig(nature)?)$", re.I)
_SECRETS: Final[set[str]] = set()


def expand_variables(text: str, key: str) -> str:
    """Text from config with each `${NAME}` replaced by that environment variable.

    What was put in counts as secret from here on: see `redact`. `key` is the config key
    that errors name. Raises Refusal for a variable that is not set.
    """

    def value(found: re.Match[str]) -> str:
        known = read_secret(found[1])
        if known is None:
            raise Refusal(
                f"config key '{key}': the environment variable {found[1]} is not set; set it."
            )
        return known

    return PLACEHOLDER.sub(value, text)


def read_secret(name: str) -> str | None:
    """An environment variable's value, None if it is empty or not set; a secret from here on."""
    value = os.environ.get(name)
    if value:
        _SECRETS.add(value)
    return value or None


def refuse_plain_secrets(uri: str, key: str) -> None:
    """Raise Refusal for a URI in which a password or a key stands as it is, for all to read.

    In the part before the host that is a password; in the query, what is called one.
    """
    parts = re.fullmatch(r"[^:]*://([^/?#]*)[^?#]*\??([^#]*).*", uri, re.DOTALL)
    if not parts:
        return
    userinfo = parts[1].rpartition("@")[0]
    found = [("password", userinfo.partition(":")[2])]
    found += [(name, value) for name, _, value in (p.partition("=") for p in parts[2].split("&"))]
    for name, value in found:
        if _SECRET_NAME.search(name) and PLACEHOLDER.sub("", value):
            variable = re.sub(r"[^A-Za-z0-9]+", "_", name).upper()
            raise Refusal(
                f"config key '{key}': found a {name} written out, allowed: the name of an "
                f"environment variable that holds it, as in ${{PRICES_{variable}}}."
            )


def redact(text: str) -> str:
    """Text without any of the secrets that were used so far, plain or quoted as in a URL."""
    if not _SECRETS:
        return text
    from urllib.parse import quote, quote_plus

    for value in sorted(_SECRETS, key=len, reverse=True):
        quoted = {quote(value), quote(value, safe=""), quote_plus(value), repr(value)[1:-1]}
        for form in {value} | quoted:
            text = text.replace(form, "***")
    return text
