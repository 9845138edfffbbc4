"""Zip archives: the one file in them, or the workbook that they are."""

import errno
import stat
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from itertools import chain
from zipfile import BadZipFile, ZipFile, ZipInfo

from pricewright.intake.reading.dialect import Limits
from pricewright.intake.reading.packing import Packed, one_stream, within

_METHODS = {8: "deflate", 12: "bzip2", 93: "zstd", 95: "xz"}
_STORED = 0
_LOCAL = struct.Struct("<4s22x2H")  # a member's own header: signature, lengths of name and extra
_END = struct.Struct("<4s6xH8xH")  # the last record: signature, members, length of comment
_WORKBOOKS = ("xl/workbook.xml", "xl/workbook.bin")
_MANY = 0xFFFF  # members, if another record has their number
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument.spreadsheet"


def members_of(packed: Packed) -> list[ZipInfo]:
    """The members that an archive lists, including folders.

    Raises Refusal if the list cannot be read, or if the file holds more before the first member or
    after the end of the list than the list accounts for, such as two archives in a row.
    """
    damaged = packed.refusal("is cut off or damaged: its list of files cannot be read")
    try:
        with ZipFile(packed.file) as archive:
            members, comment = archive.infolist(), archive.comment
    except (BadZipFile, NotImplementedError, ValueError) as error:
        trouble = error.__context__
        if isinstance(trouble, OSError) and trouble.errno != errno.EINVAL:
            raise trouble from None  # a disk error; EINVAL is a seek to before the start
        raise damaged from None
    packed.file.seek(-_END.size - len(comment), 2)
    signature, listed, length = _END.unpack(packed.file.read(_END.size))
    offsets = [member.header_offset for member in members] or [0]
    if (signature, length, min(offsets)) != (b"PK\x05\x06", len(comment), 0):
        raise packed.refusal("holds bytes that it does not list", "pack the file again")
    if max(offsets) > packed.file.tell() or listed not in (len(members), _MANY):
        raise damaged
    return members


def is_workbook(packed: Packed, members: list[ZipInfo], limits: Limits) -> bool:
    """Whether an archive is a workbook: xlsx, xlsb or ods.

    If so, all of it is unpacked and checked here, because the library that reads it does not.
    """
    names = {member.filename: member for member in members}
    if "[Content_Types].xml" in names:
        if not any(name in names for name in _WORKBOOKS):
            raise packed.refusal("is an Office document, not a workbook", "deliver it as a table")
    elif "mimetype" in names:
        if not next(member_pieces(packed, names["mimetype"]), b"").startswith(_OPEN_DOCUMENT):
            return False
    else:
        return False
    workbook = Packed(packed.file, packed.name, "workbook")
    pieces = chain.from_iterable(member_pieces(workbook, member) for member in members)
    deque(within(limits, workbook, pieces), maxlen=0)
    return True


def price_members(packed: Packed, members: list[ZipInfo]) -> list[ZipInfo]:
    """The files of an archive, except those that a Mac adds.

    Raises Refusal for a name that points outside the archive's folder, and for a link.
    """
    for member in members:
        name = member.orig_filename
        if name.startswith("/") or name[1:2] == ":" or "\\" in name or ".." in name.split("/"):
            raise packed.refusal(
                f"has a member {name!r}, which points outside its folder",
                "pack the file under its plain name",
            )
    files = [member for member in members if not member.filename.endswith("/")]
    files = [member for member in files if not member.filename.startswith("__MACOSX/")]
    if any(stat.S_ISLNK(member.external_attr >> 16) for member in files):
        raise packed.refusal("holds a symbolic link", "pack the file that it points to")
    return files


def only_member(packed: Packed, members: list[ZipInfo]) -> ZipInfo:
    """The one file of an archive; raises Refusal for several or none, and like `price_members`."""
    files = price_members(packed, members)
    if len(files) != 1:
        raise packed.refusal(f"holds {len(files)} files", "deliver each file by itself")
    return files[0]


def member_pieces(packed: Packed, member: ZipInfo) -> Iterator[bytes]:
    """The content of a member; raises Refusal if its length or checksum is not as declared."""
    name = member.filename
    if member.flag_bits & 1:
        raise packed.refusal(f"locks {name!r} with a password", "pack it without one")
    if member.compress_type not in (_STORED, *_METHODS):
        raise packed.refusal(
            f"packs {name!r} by method {member.compress_type}, which is not supported",
            "pack it by deflate",
        )
    checksum, length = 0, 0
    for piece in _raw_pieces(packed, member):
        length += len(piece)
        if length > member.file_size:
            break
        checksum = zlib.crc32(piece, checksum)
        yield piece
    if length != member.file_size:
        raise packed.refusal(
            f"declares {member.file_size} bytes for {name!r}, which has "
            f"{'more' if length > member.file_size else length}",
            "pack the file again",
        )
    if checksum != member.CRC:
        raise packed.refusal(f"is damaged: {name!r} does not match its checksum")


def _raw_pieces(packed: Packed, member: ZipInfo) -> Iterator[bytes]:
    cut = packed.refusal("is cut off or damaged: it does not hold the files that it lists")
    packed.file.seek(member.header_offset)
    header = packed.file.read(_LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
        raise cut
    start = member.header_offset + _LOCAL.size + sum(_LOCAL.unpack(header)[1:])
    packed.jump(start, member.compress_size)
    if member.compress_type == _STORED:
        yield from iter(packed.read, b"")
    else:
        unused = yield from one_stream(packed, _METHODS[member.compress_type], packed.read())
        if unused:
            raise packed.refusal(
                f"declares {member.compress_size} packed bytes for {member.filename!r}, "
                "which has fewer",
                "pack the file again",
            )
    if packed.left:
        raise cut
