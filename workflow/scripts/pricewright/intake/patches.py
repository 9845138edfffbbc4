"""Keep replaced deliveries as byte-exact differences from their replacements.

A source that delivers its whole history each day delivers nearly the same bytes each day. So only
the difference of replaced bytes is kept, as `<sha256>.from-<sha256 of the newer>.zst`, once it has
been seen to restore them. Anyone can restore them with
`zstd -d --long=31 --patch-from=<newer> <difference>`.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pricewright.files.disk import file_sha256, sha256, write_whole
from pricewright.files.errors import Refusal
from pricewright.files.machine import give_back
from pricewright.files.zstandard import zstd

LEAST, MOST = 100_000, 128_000_000
"""Sizes in bytes: a difference of fewer is not worth it, one of more would fill the memory."""

EACH = 16
"""One in this many successive deliveries stays whole, so that damage to one file costs few."""


def replace_by_difference(folder: Path, old: str, new: str) -> None:
    """Replace a file by its difference from another, if that has less than half of its size.

    old, new: the SHA-256 of both; both are files in the folder. The old file is removed once the
    difference is on disk and has been seen to restore it.
    """
    path, newer = folder / old, folder / new
    sizes = [each.stat().st_size if each.exists() else 0 for each in (path, newer)]
    if min(sizes) < LEAST or max(sizes) > MOST:
        return
    give_back()
    content, base = path.read_bytes(), newer.read_bytes()
    difference = _difference(content, base)
    if len(difference) > len(content) / 2 or sha256(_patched(difference, base)) != old:
        return
    kept = folder / f"{old}.from-{new}.zst"
    write_whole(kept, difference)
    os.chmod(kept, 0o444)
    for earlier in set(_differences(folder, old)) - {kept}:
        earlier.unlink()
    path.unlink()


@contextmanager
def whole(folder: Path, digest: str, *, just_kept: bool = False) -> Iterator[Path]:
    """A file with the bytes of a SHA-256: the kept one, or one restored while the block runs.

    just_kept: skip the check of the digest.  Raises Refusal if the file is missing, if it has other
    bytes, or if a difference does not restore it.
    """
    kept = folder / digest
    if kept.is_file():
        if not just_kept and file_sha256(kept) != digest:
            raise Refusal(
                f"{kept}: not the bytes that were received; restore the file from a backup, or "
                "remove it so that the source is asked for it again."
            )
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="pricewright-") as place:
        made = Path(place) / digest
        made.write_bytes(_made_again(folder, digest))
        yield made


def intact(folder: Path) -> set[str]:
    """The SHA-256 of everything that is kept in a folder with its right bytes, whole or as a
    difference; each difference is undone only once."""
    found, differences = set[str](), dict[str, list[Path]]()
    for path in sorted(folder.glob("*.from-*.zst")):
        differences.setdefault(path.name.split(".")[1].removeprefix("from-"), []).append(path)
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.is_file() or "." in path.name or file_sha256(path) != path.name:
            continue
        found.add(path.name)
        waiting = [(path.name, path.read_bytes())] if path.name in differences else []
        while waiting:
            newer, base = waiting.pop()
            for each in differences.pop(newer, ()):
                content = _patched(each.read_bytes(), base)
                digest = each.name.partition(".")[0]
                if sha256(content) == digest:
                    found.add(digest)
                    waiting.append((digest, content))
    return found


def _made_again(folder: Path, digest: str) -> bytes:
    chain: list[Path] = []
    wanted = digest
    while not (folder / wanted).is_file():
        found = [each for each in _differences(folder, wanted) if each not in chain]
        if not found:
            raise Refusal(f"{folder / wanted}: missing; restore the received file from a backup.")
        chain.append(found[0])
        wanted = found[0].name.split(".")[1].removeprefix("from-")
    content = (folder / wanted).read_bytes()
    for difference in reversed(chain):
        content = _patched(difference.read_bytes(), content)
    if sha256(content) != digest:
        raise Refusal(
            f"{folder / digest}: cannot be rebuilt from {chain[0]}; restore both from a backup."
        )
    return content


def _differences(folder: Path, digest: str) -> list[Path]:
    return sorted(folder.glob(f"{digest}.from-*.zst"))


def _difference(content: bytes, base: bytes) -> bytes:
    window = min(max((len(content) + len(base)).bit_length(), 20), 31)
    options: dict[int, int] = {  # a higher level finds no more of the common bytes
        zstd.CompressionParameter.compression_level: 1,
        zstd.CompressionParameter.window_log: window,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
        zstd.CompressionParameter.checksum_flag: 1,
    }
    prefix = zstd.ZstdDict(base, is_raw=True).as_prefix
    compressed: bytes = zstd.compress(content, options=options, zstd_dict=prefix)
    return compressed


def _patched(difference: bytes, base: bytes) -> bytes:
    prefix = zstd.ZstdDict(base, is_raw=True).as_prefix
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 31}
    try:
        content: bytes = zstd.decompress(difference, zstd_dict=prefix, options=options)
    except zstd.ZstdError:
        return b""
    return content
