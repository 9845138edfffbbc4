"""`production/current`: a link that points at a complete release at every instant."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pricewright.files.disk import point_link, sync_folder
from pricewright.files.errors import Refusal

CURRENT = "current"
_NEXT, _BACK = ".next", ".back"
_TARGET = re.compile(r"releases/([0-9a-f]{64})")


class LinkAstray(Refusal):
    """The link was not made by a release or rollback, or contradicts the ledger."""


def read_link(production: Path) -> str | None:
    """The digest of the release that the link points at, None if there is no link.

    Raises LinkAstray if it is not a link to a release.
    """
    link = production / CURRENT
    try:
        target = os.readlink(link)
    except FileNotFoundError:
        return None
    except OSError:
        target = "nothing, because it is not a link"
    found = _TARGET.fullmatch(target)
    if not found:
        raise LinkAstray(
            f"{link}: points at {target}, but must point at a release; no release or rollback "
            "made it: remove it, then run `pricewright verify`."
        )
    return found[1]


@contextmanager
def pointing_at(production: Path, digest: str) -> Iterator[None]:
    """Point the link at a release while the block runs, and keep it if the block succeeds.

    If the block raises, the old link is restored. The link for the way back is made before the
    swap, so that a full disk cannot prevent it. `recover` has removed leftovers.
    """
    link, following, back = (production / name for name in (CURRENT, _NEXT, _BACK))
    before = read_link(production)
    if before:
        os.symlink(f"releases/{before}", back)
    os.symlink(f"releases/{digest}", following)
    os.replace(following, link)
    try:
        sync_folder(production)
        yield
    except BaseException:
        if before:
            os.replace(back, link)
        else:
            os.unlink(link)
        sync_folder(production)
        raise
    with suppress(OSError):  # the next caller will do it
        remove_leftovers(production)


def set_link(production: Path, digest: str | None) -> None:
    """Point the link at a release, or remove it."""
    if digest:
        return point_link(production / CURRENT, f"releases/{digest}")
    os.unlink(production / CURRENT)
    sync_folder(production)


def remove_leftovers(production: Path) -> None:
    """Remove what a killed process left next to the link."""
    for name in (_NEXT, _BACK):
        with suppress(FileNotFoundError):
            os.unlink(production / name)
