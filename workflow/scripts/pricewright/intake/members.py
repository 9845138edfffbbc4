"""The files of a zip archive that holds several; each is a delivery, as in a folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import ZipInfo

from pricewright.files.errors import Refusal
from pricewright.intake.reading.dialect import Limits
from pricewright.intake.reading.packing import Packed, within
from pricewright.intake.reading.zip_archives import (
    member_pieces,
    members_of,
    price_members,
)
from pricewright.intake.sources.items import LocalFile, reason_to_ignore
from pricewright.intake.sources.source import Answer, Item

_OFFICE = {"[Content_Types].xml", "mimetype"}
"""Files that mark a zip archive as an Office document, which is a single table or none."""


@dataclass(frozen=True)
class Member:
    """A file in a zip archive, as a delivery."""

    archive: LocalFile
    info: ZipInfo
    limits: Limits

    @property
    def place(self) -> str:
        """The archive's place and the file's name in it."""
        return f"{self.archive.place}/{self.info.filename}"

    @contextmanager
    def open(self, known: str = "") -> Iterator[Answer]:
        """Ask for its unpacked bytes; the version is that of the archive."""
        with self.archive.open() as answer, self.archive.path.open("rb") as file:
            version = f"{answer.version}, {self.info.filename}"
            packed = Packed(file, self.archive.place, "zip file")
            pieces = within(self.limits, packed, member_pieces(packed, self.info))
            yield Answer(None if known == version else pieces, version)


def with_members(items: Sequence[Item], limits: Limits) -> list[Item]:
    """Replace each archive of several files by these files.

    Files that `reason_to_ignore` names do not count. Raises Refusal for a damaged archive, for a
    name that points outside its folder, and if no file is left.
    """
    found = [each for item in items for each in _members(item, limits)]
    if items and not found:
        raise Refusal(f"{items[0].place}: the zip file holds no file of prices; deliver one.")
    return found


def _members(item: Item, limits: Limits) -> Sequence[Item]:
    if not isinstance(item, LocalFile) or not item.path.stat().st_size:
        return [item]
    with item.path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return [item]
        packed = Packed(file, item.place, "zip file")
        files = price_members(packed, members_of(packed))
    if len(files) < 2 or _OFFICE & {info.filename for info in files}:
        return [item]
    return [
        Member(item, info, limits)
        for info in files
        if not reason_to_ignore(Path(PurePosixPath(info.filename).name), info.file_size)
    ]
