"""The manifest of a release: every file's digest, the policy, and what it took the place of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pricewright.errors import Refusal
from pricewright.files import sha256
from pricewright.forecasting.strict import parse_strict
from pricewright.schema import check

NAME = "manifest.json"

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """What a release consists of.

    files: each file's path in the release to its SHA-256, the manifest itself left out.
    covered: the path of each file that people signed, as they signed it, to its path here.
    policy: the digest of the policy that it was signed under.  replaces: the release that was in
    production before it, None if it was the first.  head, lines: of the ledger as it was before.
    """

    files: Mapping[str, str]
    covered: Mapping[str, str]
    policy: str
    replaces: str | None
    head: str
    lines: int

    def signed(self) -> dict[str, str]:
        """The SHA-256 of each file that people signed, by the path that they signed."""
        return {path: self.files[name] for path, name in self.covered.items()}

    def written(self) -> bytes:
        """The manifest's bytes, the same for the same release: keys in order, indented by 2."""
        document = {
            "schema_version": SCHEMA_VERSION,
            "files": dict(self.files),
            "covered": dict(self.covered),
            "policy": self.policy,
            "replaces": self.replaces,
            "ledger": {"head": self.head, "lines": self.lines},
        }
        check(document, "release", f"{NAME}:")
        layout = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps(document, option=layout)


def parsed(content: bytes, digest: str, name: str) -> Manifest:
    """The manifest of the release `digest`.

    Raises Refusal if the bytes are not those that the digest is of, or not a manifest.
    """
    if sha256(content) != digest:
        raise Refusal(f"{name}: is not the manifest of release {digest[:12]}…: it was changed.")
    document: Any = parse_strict(content, name)
    if not isinstance(document, dict):
        raise Refusal(f"{name}: is no manifest.")
    check(document, "release", f"{name}:")
    for path, kept in document["covered"].items():
        if kept not in document["files"]:
            raise Refusal(f"{name}: 'covered.{path}': there is no file {kept!r} in it.")
    return Manifest(
        document["files"],
        document["covered"],
        document["policy"],
        document["replaces"],
        document["ledger"]["head"],
        document["ledger"]["lines"],
    )
