"""The store of releases: folders that are complete, read-only and on the disk before they count.

    <releases>/<digest>/manifest.json    every file's digest, the policy, which release it replaced
    <releases>/<digest>/<name>           a file as it was signed
    <releases>/<digest>/<name>.zst       the same, packed (zstd), in a release that is not in use

A file that the release before has, too, is one file with two names (a hard link). Whoever releases,
rolls back or tidies up has production to itself.
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from pricewright.files.disk import LARGEST, open_lock, read_regular, sha256, sync_folder
from pricewright.files.documents import parse_strict
from pricewright.files.errors import Refusal
from pricewright.files.zstandard import zstd
from pricewright.tables.schema import check

LOCK = ".lock"


@contextmanager
def one_at_a_time(production: Path) -> Iterator[None]:
    """Keep every other release and rollback out while the block runs.

    A process that dies lets go by itself. Raises Refusal, at once, if another has it: that one
    may change what is in production, and this one would have been asked for on what was before.
    """
    lock = open_lock(production / LOCK)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(
                f"{production}: another release or rollback is under way, and this one did "
                "nothing; look at `pricewright status` when that one has ended."
            ) from None
        yield
    finally:
        os.close(lock)


NAME_MANIFEST = "manifest.json"

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

    def encode(self) -> bytes:
        """The manifest's bytes, the same for the same release: keys in order, indented by 2."""
        document = {
            "schema_version": SCHEMA_VERSION,
            "files": dict(self.files),
            "covered": dict(self.covered),
            "policy": self.policy,
            "replaces": self.replaces,
            "ledger": {"head": self.head, "lines": self.lines},
        }
        check(document, "release", f"{NAME_MANIFEST}:")
        layout = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps(document, option=layout)


def parse_manifest(content: bytes, digest: str, name: str) -> Manifest:
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


_INCOMING = ".incoming-"


def prepare_release(
    releases: Path, digest: str, files: Mapping[str, bytes], before: str | None = None
) -> Path:
    """Write the files of a release, by their paths in it, to a folder that does not count yet.

    before: a release that may have some of the very files: they are not written again.
    When this returns, all of it is read-only and on the disk. Whatever raises, nothing counts.
    """
    releases.mkdir(parents=True, exist_ok=True)
    for folder in (releases.parent, releases.parent.parent):
        sync_folder(folder)
    incoming = releases / f"{_INCOMING}{digest}"
    discard_release(incoming)
    try:
        _fill(incoming, files, _by_digest(releases, before) if before else {})
    except BaseException:
        discard_release(incoming)
        raise
    return incoming


def place_release(incoming: Path, digest: str) -> None:
    """Let a prepared release count, under its digest."""
    os.rename(incoming, incoming.with_name(digest))
    sync_folder(incoming.parent)


def open_release(releases: Path, digest: str) -> tuple[Manifest, dict[str, bytes]]:
    """A release's manifest, and its files by their paths in it, unpacked.

    Raises Refusal unless it is whole: the very files that its manifest names, with their digests,
    and no others; no link is followed.
    """
    folder = releases / digest
    try:
        found = {name: read_regular(folder / name) for name in _names(folder)}
    except FileNotFoundError:
        raise Refusal(f"{folder}: there is no such release, or it is not whole.") from None
    if NAME_MANIFEST not in found:
        raise Refusal(f"{folder}: has no {NAME_MANIFEST}; it is no release.")
    manifest = parse_manifest(found.pop(NAME_MANIFEST), digest, str(folder / NAME_MANIFEST))
    contents: dict[str, bytes] = {}
    for name, content in sorted(found.items()):
        own = name if name in manifest.files else name.removesuffix(PACKED)
        if own not in manifest.files:
            raise Refusal(f"{folder / name}: is no part of it; the release is not what it was.")
        contents[own] = content if own == name else _unpacked(content, folder / name)
        if sha256(contents[own]) != manifest.files[own]:
            raise Refusal(
                f"{folder / name}: was changed (sha256 {sha256(contents[own])[:12]}…, released "
                f"{manifest.files[own][:12]}…); the release is not what it was."
            )
    for name in sorted(manifest.files.keys() - contents.keys()):
        raise Refusal(
            f"{folder / name}: is not in its release any more; the release is not what it was."
        )
    return manifest, contents


def read_manifest(releases: Path, digest: str) -> Manifest:
    """The manifest of a release; raises Refusal if it is not there, or not what it was."""
    path = releases / digest / NAME_MANIFEST
    try:
        return parse_manifest(read_regular(path), digest, str(path))
    except FileNotFoundError:
        raise Refusal(f"{path}: there is no such release, or it is not whole.") from None


PACKED = ".zst"
"""What the name of a packed file ends in."""

LARGE = 64 * 1024
"""Bytes from which on a file is packed: a smaller one takes a few blocks of the disk all the same,
and an archive is packed already."""

_LEVEL = 9
"""Of zstd: a model of 1,000 symbols has a quarter of its 11 MB, after 0.6 s."""


def pack_release(releases: Path, digest: str, ready: Callable[[str], Path]) -> None:
    """Pack the large files of a release that nobody uses now.

    ready: the path at which a file of a SHA-256 may lie packed already, to be that very file.
    Killed at any instruction, the release is whole: packed, or not, or with some files as both.
    Raises Refusal for a release that is not whole, which is left as it is.
    """
    folder = releases / digest
    large = [
        name
        for name in _names(folder)
        if not name.endswith((PACKED, ".zip", NAME_MANIFEST))
        and (folder / name).lstat().st_size > LARGE
    ]
    if not large:
        return
    manifest, contents = open_release(releases, digest)
    for name in large:
        with _beside(releases, digest) as made:
            if not _is_packed(ready(manifest.files[name]), contents[name], made):
                _write(made, zstd.compress(contents[name], level=_LEVEL))
            _take_place(made, folder / f"{name}{PACKED}", folder / name)


def unpack_release(releases: Path, digest: str) -> None:
    """Unpack a release, to be used or looked at; raises Refusal if it is not whole."""
    folder = releases / digest
    _, contents = open_release(releases, digest)
    for name in contents:
        if (packed := folder / f"{name}{PACKED}").exists():
            with _beside(releases, digest) as made:
                _write(made, contents[name])
                _take_place(made, folder / name, packed)


@contextmanager
def plain_file(releases: Path, digest: str, name: str) -> Iterator[Path]:
    """A file of a release to read while the block runs, unpacked elsewhere if it is packed.

    Raises FileNotFoundError if it is not there. Whether the release is whole is not looked at.
    """
    path = releases / digest / name
    packed = path.with_name(f"{name}{PACKED}")
    if path.exists() or not packed.exists():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="pricewright-") as folder:
        unpacked = Path(folder) / path.name
        unpacked.write_bytes(_unpacked(read_regular(packed), packed))
        yield unpacked


def _unpacked(content: bytes, path: Path) -> bytes:
    unpacking = zstd.ZstdDecompressor()
    try:
        found = unpacking.decompress(content, LARGEST + 1)
    except (zstd.ZstdError, EOFError):
        found = b""
    if not unpacking.eof or unpacking.unused_data or len(found) > LARGEST:
        raise Refusal(f"{path}: was changed: nothing unpacks it; put back the file as it was.")
    return found


def _is_packed(ready: Path, content: bytes, made: Path) -> bool:
    """Whether a file is these bytes, packed; then it is `made`, too."""
    with suppress(OSError, Refusal):
        if _unpacked(read_regular(ready), ready) == content:
            os.link(ready, made, follow_symlinks=False)
            os.chmod(made, 0o444)
            return True
    return False


@contextmanager
def _beside(releases: Path, digest: str) -> Iterator[Path]:
    """Where to make a file of a release; what a process that died left there does not count."""
    made = releases / f"{_INCOMING}{digest}-file"
    made.unlink(missing_ok=True)
    try:
        yield made
    finally:
        made.unlink(missing_ok=True)


def _take_place(made: Path, path: Path, former: Path) -> None:
    """Let a file count in its release's folder, and then its other form no more."""
    folder = path.parent
    folder.chmod(0o755)
    os.rename(made, path)
    sync_folder(folder)
    former.unlink()
    folder.chmod(0o555)
    sync_folder(folder)


def drop_release(releases: Path, digest: str) -> None:
    """Remove a release; from one instant to the next, it is whole or does not count."""
    going = releases / f"{_INCOMING}{digest}"
    discard_release(going)
    os.rename(releases / digest, going)
    sync_folder(releases)
    discard_release(going)


def stored_releases(releases: Path) -> list[str]:
    """What there is in the store, by name, less what is on its way."""
    if not releases.is_dir():
        return []
    return sorted(path.name for path in releases.iterdir() if not path.name.startswith(_INCOMING))


def clear_unfinished(releases: Path) -> None:
    """Remove what a process that died left on its way."""
    if releases.is_dir():
        for path in releases.glob(f"{_INCOMING}*"):
            discard_release(path)


def discard_release(folder: Path) -> None:
    """Remove a read-only folder, if it is there, and never what a link in it points at."""
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            folder.unlink()
            return
    except FileNotFoundError:
        return
    folder.chmod(0o755)
    for path in list(folder.iterdir()):
        discard_release(path)
    folder.rmdir()


def _by_digest(releases: Path, digest: str) -> dict[str, Path]:
    """The files of a release, by their SHA-256; none if it is not there."""
    with suppress(Refusal):
        files = read_manifest(releases, digest).files
        return {found: releases / digest / name for name, found in files.items()}
    return {}


def _fill(folder: Path, files: Mapping[str, bytes], there: Mapping[str, Path]) -> None:
    parts = {part for name in files for part in PurePosixPath(name).parents}
    folders = [folder / part for part in sorted(parts, key=lambda part: len(part.parts))]
    for each in folders:  # the outer ones first
        each.mkdir()
    for name, content in sorted(files.items()):
        if not _is_linked(there.get(sha256(content)), content, folder / name):
            _write(folder / name, content)
    for each in reversed(folders):
        each.chmod(0o555)
        sync_folder(each)


def _is_linked(twin: Path | None, content: bytes, path: Path) -> bool:
    """Whether a file with these bytes is there; then it has this name, too."""
    with suppress(OSError, Refusal):
        if twin and read_regular(twin) == content:
            os.link(twin, path, follow_symlinks=False)
            os.chmod(path, 0o444)
            return True
    return False


def _write(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o444)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fchmod(descriptor, 0o444)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _names(folder: Path, within: str = "") -> Iterator[str]:
    """The paths of all files of a release; a link is named too, to be refused."""
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        raise Refusal(f"{folder}: is a link or a file, where a release's folder is needed.")
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _names(folder / entry.name, f"{within}{entry.name}/")
        else:
            yield f"{within}{entry.name}"
