"""`production/current`: one link, which points at a whole release at every instant."""

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
    """A link that is not what a release or a rollback made it."""


def read_link(production: Path) -> str | None:
    """The digest of the release that the link points at, None if there is no link.

    Raises LinkAstray if what is there is not a link to a release.
    """
    link = production / CURRENT
    try:
        target = os.readlink(link)
    except FileNotFoundError:
        return None
    except OSError:
        target = "nothing, for it is no link"
    found = _TARGET.fullmatch(target)
    if not found:
        raise LinkAstray(
            f"{link}: points at {target}, where it should point at a release; it was not put "
            "there by a release or a rollback: remove it, and see `pricewright verify`."
        )
    return found[1]


@contextmanager
def pointing_at(production: Path, digest: str) -> Iterator[None]:
    """Point the link at a release while the block runs, and for good if it ends well.

    If the block raises, the link is what it was; the way back is laid before the swap, so that
    a disk that is full then cannot bar it.
    """
    link, following, back = (production / name for name in (CURRENT, _NEXT, _BACK))
    remove_leftovers(production)
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
    with suppress(OSError):  # the next one who comes will do it
        remove_leftovers(production)


def set_link(production: Path, digest: str | None) -> None:
    """Point the link at a release, or remove it."""
    remove_leftovers(production)
    if digest:
        return point_link(production / CURRENT, f"releases/{digest}")
    with suppress(FileNotFoundError):
        os.unlink(production / CURRENT)
    sync_folder(production)


def remove_leftovers(production: Path) -> None:
    """Remove what a process that died left beside the link."""
    for name in (_NEXT, _BACK):
        with suppress(FileNotFoundError):
            os.unlink(production / name)
