"""Recognise a kept delivery from its bytes alone, and unpack it piece by piece."""

import codecs
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from pricewright.files.errors import Refusal
from pricewright.intake.reading.dialect import Limits
from pricewright.intake.reading.kinds import (
    OLD_OFFICE,
    Kind,
    encoding_of,
    is_binary_table,
    kind_of,
)
from pricewright.intake.reading.packing import (
    PIECE,
    Packed,
    Packing,
    gathered,
    nearly_packed,
    packing_of,
    unpacked,
    within,
)

_USUAL = Limits()
_HEAD = 1 << 16
_OLD_WORKBOOKS = tuple(name.encode("utf-16-le") for name in ("Workbook\0", "Book\0"))
_LOCKED = "EncryptedPackage".encode("utf-16-le")


@dataclass(frozen=True)
class Content:
    """A table in some format, in a file that may be packed.

    path: the file; its name means nothing.  name: what errors call it.
    kind: the format of the table.  packing: how the file is packed; None if it is not.
    encoding: of text that is not in UTF-8.
    """

    path: Path
    name: str
    kind: Kind
    packing: Packing | None = None
    limits: Limits = _USUAL
    encoding: str | None = None

    def chunks(self, reached: Callable[[float], object] | None = None) -> Iterator[bytes]:
        """The unpacked bytes in pieces of about 1 MB, with any byte order mark; text in UTF-8.

        Each call starts from the beginning. reached: called at each piece with the share of the
        file read so far. Raises Refusal on reaching bytes that are damaged, cut off, too many, or
        should not be there.
        """
        with self.path.open("rb") as file:
            size = max(os.fstat(file.fileno()).st_size, 1)
            for chunk in self._in_utf8(gathered(self._pieces(file))):
                if reached:
                    reached(file.tell() / size)
                yield chunk

    def whole(self) -> bytes:
        """All unpacked bytes; raises what `chunks` raises."""
        return b"".join(self.chunks())

    def _in_utf8(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        if self.encoding is None:
            yield from chunks
            return
        decoder = codecs.getincrementaldecoder(self.encoding)()
        try:
            for chunk in chunks:
                yield decoder.decode(chunk).encode()
            yield decoder.decode(b"", final=True).encode()
        except UnicodeError:
            raise Refusal(
                f"{self.name}: the text is not in {self.encoding}; correct source.encoding."
            ) from None

    def _pieces(self, file: IO[bytes]) -> Iterator[bytes]:
        if self.packing is None:
            return iter(lambda: file.read(PIECE), b"")
        packed = Packed(file, self.name, f"{self.packing} file")
        if self.packing == "zip":
            from pricewright.intake.reading.zip_archives import (
                member_pieces,
                members_of,
                only_member,
            )

            pieces = member_pieces(packed, only_member(packed, members_of(packed)))
        else:
            pieces = unpacked(packed, self.packing)
        return within(self.limits, packed, pieces)


def recognise(
    path: Path, name: str, limits: Limits = _USUAL, encoding: str | None = None
) -> Content:
    """Recognise the content of the file at `path`, which errors call `name`.

    encoding: of text; None for UTF-8, or what a byte order mark says.

    The file's own name plays no part. Only the beginning is read, except for a workbook, which is
    checked as a whole. Raises Refusal for an empty file, for damage that shows there, for two
    layers of packing, and for a file that is not a table in UTF-8; OSError for errors of the disk.
    """
    plain = Content(Path(path), name, "text", limits=limits)
    size = plain.path.stat().st_size
    if size > limits.max_unpacked_bytes:
        raise Refusal(
            f"{name}: the file has {size} bytes, more than the {limits.max_unpacked_bytes} "
            "allowed; deliver it in parts, or raise source.max_unpacked_bytes."
        )
    head = _head(plain)
    packing = packing_of(head)
    if packing is None:
        if head and (meant := nearly_packed(head)):
            raise Refusal(
                f"{name}: the file begins almost like one packed by {meant}: damaged or cut off; "
                "deliver it again."
            )
        return _of_kind(plain, head, "the file", encoding)
    if packing == "zip":
        with plain.path.open("rb") as file:
            if _is_workbook(file, plain):
                return replace(plain, kind="excel")
    content = replace(plain, packing=packing)
    return _of_kind(content, _head(content), f"the content of the {packing} file", encoding)


def _head(content: Content) -> bytes:
    return next(content.chunks(), b"")[:_HEAD]


def _of_kind(content: Content, head: bytes, holder: str, encoding: str | None) -> Content:
    if inner := packing_of(head):
        if inner == "zip":
            from tempfile import SpooledTemporaryFile

            with SpooledTemporaryFile(max_size=1 << 26) as file:
                file.writelines(content.chunks())
                if _is_workbook(file, content):
                    return replace(content, kind="excel")
        raise Refusal(
            f"{content.name}: {holder} is packed again, by {inner}; pack the file only once."
        )
    if head.startswith(OLD_OFFICE):
        _check_old_workbook(content, holder)
    encoding = encoding or encoding_of(head)
    if encoding and not is_binary_table(head):
        content = replace(content, encoding=encoding)
        head = _head(content)
    return replace(content, kind=kind_of(head, content.name, holder))


def _is_workbook(file: IO[bytes], content: Content) -> bool:
    from pricewright.intake.reading.zip_archives import is_workbook, members_of

    packed = Packed(file, content.name, "zip file")
    return is_workbook(packed, members_of(packed), content.limits)


def _check_old_workbook(content: Content, holder: str) -> None:
    """Refuse an OLE file, such as Office before 2007 wrote, that is locked or not a workbook."""
    before, found = b"", set[bytes]()
    for piece in content.chunks():
        window = before + piece
        found |= {mark for mark in (*_OLD_WORKBOOKS, _LOCKED) if mark in window}
        before = window[-len(_LOCKED) :]
    if _LOCKED in found:
        raise Refusal(
            f"{content.name}: {holder} is locked with a password; save the workbook without one."
        )
    if not found:
        raise Refusal(
            f"{content.name}: {holder} is an Office document, not a workbook; "
            "deliver it as a table."
        )
