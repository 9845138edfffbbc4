"""Secrets: read from environment variables and kept out of everything that is written."""

import os
import re
from typing import Final

from pricewright.files.errors import Refusal

PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""`${NAME}` stands for the environment variable of that name."""

_SECRET_NAME = re.compile(
    r"(^|[^a-z])((api)?(key|token)|passw(or)?d|pwd|secret|sig(nature)?|auth(orization)?|jwt)$", re.I
)
_SECRETS: Final[set[str]] = set()


def expand_variables(text: str, key: str) -> str:
    """Replace each `${NAME}` in a text from config with that environment variable.

    The inserted values count as secrets from then on: see `redact`. `key` is the config key that
    errors name. Raises Refusal for a variable that is not set.
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
    """An environment variable, None if empty or unset; its value counts as secret from then on."""
    value = os.environ.get(name)
    if value:
        _SECRETS.add(value)
    return value or None


def refuse_plain_secrets(uri: str, key: str) -> None:
    """Raise Refusal for a URI that contains a password or key in plain text.

    That is the password before the host, and every query parameter whose name is that of a secret.
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
                f"config key '{key}': found {name!r} in plain text; put it into an environment "
                f"variable and give the variable's name, such as ${{PRICES_{variable}}}."
            )


def redact(text: str) -> str:
    """The text with every secret used so far replaced by ***, plain or URL-quoted.

    A secret of up to three characters, which hides nothing, is replaced only as a word of its own.
    """
    if not _SECRETS:
        return text
    from urllib.parse import quote, quote_plus

    for value in sorted(_SECRETS, key=len, reverse=True):
        quoted = {quote(value), quote(value, safe=""), quote_plus(value), repr(value)[1:-1]}
        for form in {value} | quoted:
            if len(value) > 3:
                text = text.replace(form, "***")
            else:
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "***", text)
    return text
