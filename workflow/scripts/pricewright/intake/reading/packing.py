"""Unpack packed deliveries piece by piece, within limits: gzip, bzip2, xz and Zstandard."""

import sys
import zlib
from collections.abc import Generator, Iterable, Iterator
from typing import IO, Literal, Protocol

from pricewright.files.errors import Refusal
from pricewright.intake.reading.dialect import Limits

Packing = Literal["gzip", "bzip2", "xz", "zstd", "zip"]

PIECE = 1 << 20
"""The approximate number of unpacked bytes in a piece."""

_BLOCK = 1 << 16  # packed bytes at a time; few, because a bomb's ratio is judged by what was read
_JUDGED_FROM = 10_000_000  # unpacked bytes; a few repeated lines may reach any ratio
_XZ_MEMORY = 1 << 29  # a window of 4 GB is legal, but the output of `xz -9` needs 65 MB

_BLOCKS_OF_BZIP2 = (b"1AY&SY", b"\x17rE8P\x90")
_SKIPPABLE = tuple(bytes([first]) + b"\x2a\x4d\x18" for first in range(0x50, 0x60))
_MAGICS: dict[Packing, tuple[bytes, ...]] = {
    "gzip": (b"\x1f\x8b\x08",),
    "bzip2": tuple(b"BZh%d" % level + b for level in range(1, 10) for b in _BLOCKS_OF_BZIP2),
    "xz": (b"\xfd7zXZ\x00",),
    "zstd": (b"\x28\xb5\x2f\xfd", *_SKIPPABLE),
    "zip": (b"PK\x03\x04", b"PK\x05\x06"),
}
_LONGEST_MAGIC = 10


def packing_of(head: bytes) -> Packing | None:
    """How the file that begins with `head` is packed; None if it is not."""
    return next((packing for packing, magics in _MAGICS.items() if head.startswith(magics)), None)


def nearly_packed(head: bytes) -> Packing | None:
    """The packing of a file whose magic has one wrong byte, or is cut off."""
    for packing, magics in _MAGICS.items():
        for magic in magics:
            if magic in _SKIPPABLE:  # a text may begin with all but one byte of these
                continue
            differing = sum(ours != theirs for ours, theirs in zip(magic, head, strict=False))
            if head and differing == (1 if len(head) >= len(magic) else 0):
                return packing
    return None


class Packed:
    """A packed file being read: `taken` bytes so far, and at most `left` more."""

    def __init__(self, file: IO[bytes], name: str, what: str) -> None:
        self.file, self.name, self.what = file, name, what
        self.taken, self.left = 0, sys.maxsize

    def read(self) -> bytes:
        """The next block; empty at the end."""
        block = self.file.read(min(_BLOCK, self.left))
        self.taken += len(block)
        self.left -= len(block)
        return block

    def jump(self, offset: int, length: int) -> None:
        """Continue elsewhere in the file, for at most `length` bytes."""
        self.file.seek(offset)
        self.left = length

    def refusal(self, found: str, remedy: str = "deliver it again") -> Refusal:
        """The refusal that says what is wrong with the file."""
        return Refusal(f"{self.name}: the {self.what} {found}; {remedy}.")


def unpacked(packed: Packed, packing: Packing) -> Iterator[bytes]:
    """All streams of a file, one after another, such as gzip's members or Zstandard's frames.

    Zeros after a gzip or xz stream are padding, from block devices or by the xz format.
    Raises Refusal for a file that is damaged, cut off, or continues with other bytes.
    """
    data = packed.read()
    while data:
        data = yield from one_stream(packed, packing, data)
        if packing in ("gzip", "xz"):
            data = data.lstrip(b"\0")
            while not data and (data := packed.read()):
                data = data.lstrip(b"\0")
        while len(data) < _LONGEST_MAGIC and (more := packed.read()):
            data += more
        if data and packing_of(data) != packing:
            raise packed.refusal("continues with other bytes after its end", "pack the file again")


def one_stream(packed: Packed, packing: str, data: bytes) -> Generator[bytes, None, bytes]:
    """One stream that begins with `data`; returns the bytes read beyond its end."""
    decompressor, broken = _decompressor(packing)
    while not decompressor.eof:
        try:
            piece = decompressor.decompress(data, PIECE)
        except broken as error:
            reason = str(error).rpartition(": ")[2]
            if "memory" in reason.lower():
                raise packed.refusal(
                    "needs more memory to unpack than prices should",
                    "pack it again, with a smaller window",
                ) from None
            raise packed.refusal(f"is damaged ({reason})") from None
        if piece:
            yield piece
        data = b""
        if decompressor.needs_input and not decompressor.eof:
            data = packed.read()
            if not data and not piece:
                raise packed.refusal("is cut off before its end")
    return decompressor.unused_data


def within(limits: Limits, packed: Packed, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pass on pieces; raises Refusal once they exceed the limits."""
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > limits.max_unpacked_bytes:
            raise packed.refusal(
                f"unpacks to more than {limits.max_unpacked_bytes} bytes",
                "deliver it in parts, or raise source.max_unpacked_bytes",
            )
        if total > max(_JUDGED_FROM, limits.max_ratio * packed.taken):
            raise packed.refusal(
                f"unpacks to more than {limits.max_ratio:g} times its size, unlike prices",
                "check where it comes from, or raise source.max_ratio",
            )
        yield piece


def gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of at least PIECE, except for the last."""
    held: list[bytes] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length >= PIECE:
            yield b"".join(held)
            held, length = [], 0
    if held:
        yield b"".join(held)


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Deflate:
    """zlib's decompressor with the interface of the others, which keep unused input."""

    def __init__(self, wbits: int) -> None:
        self._zlib = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


def _decompressor(packing: str) -> tuple[_Decompressor, tuple[type[Exception], ...]]:
    """A decompressor for one stream, and the errors that it raises for damaged data."""
    if packing == "bzip2":
        import bz2

        return bz2.BZ2Decompressor(), (OSError,)
    if packing == "xz":
        import lzma

        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY), (lzma.LZMAError,)
    if packing == "zstd":
        from pricewright.files.zstandard import zstd

        return zstd.ZstdDecompressor(), (zstd.ZstdError,)
    return _Deflate({"gzip": 16 + zlib.MAX_WBITS, "deflate": -zlib.MAX_WBITS}[packing]), (
        zlib.error,
    )
