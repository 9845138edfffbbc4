"""The deliveries that a source has now: files, a web page, a bucket or a database."""

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from pricewright.files.disk import refuse_missing
from pricewright.files.errors import Refusal
from pricewright.intake.sources.source import (
    DATABASES,
    Answer,
    Item,
    Source,
    natural_order,
    scheme,
)

Some = TypeVar("Some", bound=Item)
_PIECE = 4_000_000
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", "~")
_NO_PRICES = re.compile(
    r"(readme|license|licence|copying|notice|changelog)(\..*)?|_(success|started|committed).*"
    r"|thumbs\.db|desktop\.ini|.*\.(md|rst|html?|pdf|rtf|docx?|pptx?|od[tp]|md5|sha\d+|sha\d+sums?"
    r"|crc|asc|sig|log)",
    re.IGNORECASE,
)
"""Names of files that lie beside prices but hold none."""


def items(source: Source, beside: Path | None = None) -> Sequence[Item]:
    """The deliveries that a source has now; files are also looked for in the folder `beside`.

    Raises Refusal if the source is impossible or has none, and OSError for a failure that may pass.
    """
    what = scheme(source.uri)
    if what == "file":
        return local_files(source.uri, beside)
    if what in ("http", "https"):
        from pricewright.intake.sources.web import WebFile

        return [WebFile(source)]
    if what == "s3":
        from pricewright.intake.sources.s3 import s3_items

        found = s3_items(source)
        if has_several(source.uri):
            found = [item for item in found if not reason_to_ignore(Path(item.place), item.size)]
        if not found:
            raise Refusal(f"{source.uri}: no object there holds prices; deliver one.")
        return found
    if what.partition("+")[0] in DATABASES:
        from pricewright.intake.sources.database import Query

        return [Query(source)]
    raise Refusal(
        f"config key 'source.uri': found the scheme {what!r}, allowed: a path, file, http, https, "
        "s3, sqlite, postgresql."
    )


def without(found: Sequence[Some], leave_out: Sequence[str], uri: str) -> list[Some]:
    """Remove the deliveries whose names match a name or pattern; raises Refusal if none is left."""
    kept = [
        item
        for item in found
        if not any(fnmatchcase(Path(item.place).name, name) for name in leave_out)
    ]
    if found and not kept:
        raise Refusal(f"{uri}: source.leave_out leaves out all of its files; correct it.")
    return kept


def has_several(uri: str, beside: Path | None = None) -> bool:
    """Whether a source may have any number of deliveries at once; `beside` as in `items`."""
    if scheme(uri) == "s3":
        return uri.endswith("/") or glob.has_magic(uri)
    return scheme(uri) == "file" and _is_several(Path(*_root_and_path(uri, beside)))


@dataclass(frozen=True)
class LocalFile:
    """A file as a delivery; `place` is its name in config and messages."""

    place: str
    path: Path

    @contextmanager
    def open(self, known: str = "") -> Iterator[Answer]:
        """Ask for the bytes. Their version changes with every write: it has the file's number and
        the time of change set by the system, not by the writer."""
        with refuse_missing(self.place):  # only the opening: later errors concern other files
            opened = self.path.open("rb", buffering=0)
        with opened as file:
            facts = os.fstat(file.fileno())
            version = f"file {facts.st_ino} of {facts.st_size} bytes, changed {facts.st_ctime_ns}"
            chunks = iter(lambda: file.read(_PIECE), b"")
            yield Answer(None if known == version else chunks, version)


def local_files(uri: str, beside: Path | None = None) -> list[LocalFile]:
    """The files that a path, a `file:` URI, a folder or a pattern names, with 2 before 10.

    In a folder, files that `reason_to_ignore` names do not count. A path
    that names nothing here is also tried in the folder `beside`. Raises Refusal if there are none.
    """
    root, here = _root_and_path(uri, beside)
    if files := _deliveries(root / here):
        return [
            LocalFile(str(file.relative_to(root) if root == beside else file), file)
            for file in sorted(files, key=lambda file: natural_order(str(file)))
        ]
    what = "no file there" if _is_several(here) else "no such file"
    below = here.rglob("*") if here.is_dir() else iter(())
    if deep := next(
        (file for file in below if file.is_file() and not reason_to_ignore(file)), None
    ):
        stars = "/".join("*" for _ in deep.relative_to(here).parts)
        raise Refusal(
            f"{uri}: the files are in subfolders, such as {deep}; set source.uri: {here / stars}, "
            "which matches them."
        )
    raise Refusal(f"{uri}: {what}; deliver it, or check source.uri.")


def ignored_files(source: Source, beside: Path | None = None) -> dict[str, str]:
    """The files of a folder, pattern or bucket that do not count, and why, except hidden ones.

    Includes the subfolders of a folder that contain files.
    """
    if not has_several(source.uri, beside):
        return {}
    if scheme(source.uri) == "s3":
        from pricewright.intake.sources.s3 import s3_items

        paths = {Path(item.place): item for item in s3_items(source)}
        return {
            item.place: why
            for path, item in paths.items()
            if not path.name.startswith(".") and (why := reason_to_ignore(path, item.size))
        }
    root, path = _root_and_path(source.uri, beside)
    files = [file for file in sorted(_files(root / path)) if not file.name.startswith(".")]
    found = {file: why for file in files if (why := reason_to_ignore(file))}
    for folder in sorted((root / path).glob("[!.]*/")) if (root / path).is_dir() else ():
        if any(file.is_file() for file in folder.rglob("[!.]*")):
            found[folder] = "a folder; only a pattern would match its files"
    return {str(file.relative_to(root) if root == beside else file): found[file] for file in found}


def reason_to_ignore(file: Path, size: int | None = None) -> str:
    """Why a file among several is not a delivery; empty if it is one.  size: if known.

    These do not count: hidden files, unfinished ones (`.part`, `.tmp`, …), empty ones, and those
    whose names show that they hold no prices (`README`, `_SUCCESS`, `.sha256`, …).
    """
    if file.name.startswith("."):
        return "hidden"
    if file.name.startswith("~$"):
        return "left by Excel beside an open workbook"
    if file.name.endswith(_UNFINISHED):
        return "still being written"
    if _NO_PRICES.fullmatch(file.name):
        return "its name says that it holds no prices"
    return "" if (file.stat().st_size if size is None else size) else EMPTY


EMPTY = "empty"


def _root_and_path(uri: str, beside: Path | None) -> tuple[Path, Path]:
    """The folder to start from, and the path that a path or a `file:` URI names.

    The folder is this one, or `beside` if the path names nothing here and something there.
    """
    path = Path(unquote(urlsplit(uri).path)) if uri.lower().startswith("file:") else Path(uri)
    elsewhere = beside is not None and not _deliveries(path) and _deliveries(beside / path)
    return (beside if beside is not None and elsewhere else Path()), path


def _deliveries(path: Path) -> list[Path]:
    """The files that a path names and that count."""
    files = _files(path)
    return [each for each in files if not reason_to_ignore(each)] if _is_several(path) else files


def _is_several(path: Path) -> bool:
    """Whether a path may name any number of files: a folder, or a pattern."""
    return path.is_dir() or (not path.exists() and glob.has_magic(str(path)))


def _files(path: Path) -> list[Path]:
    """The file at a path, or those in a folder or matched by a pattern."""
    found: Iterable[Path] = [path]
    if path.is_dir():
        found = path.iterdir()
    elif not path.exists():
        found = map(Path, glob.glob(str(path), recursive=True))
    return [file for file in found if file.is_file()]
