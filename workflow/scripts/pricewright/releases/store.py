"""The store of releases: folders that are complete, read-only and on the disk before they count.

    <releases>/<digest>/manifest.json    every file's digest, the policy, the replaced release
    <releases>/<digest>/<name>           a file as it was signed
    <releases>/<digest>/<name>.zst       the same, packed (zstd), in a release that is not in use

A file that the previous release also has is stored once, as a hard link. Releasing, rolling back
and tidying up hold an exclusive lock on production.
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
    """Lock out every other release and rollback while the block runs.

    A killed process releases the lock. Raises Refusal at once if another process holds it: it may
    change what is in production, so this request may rest on an outdated view.
    """
    lock = open_lock(production / LOCK)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(
                f"{production}: another release or rollback is under way, so this one did "
                "nothing; run `pricewright status` when the other has ended."
            ) from None
        yield
    finally:
        os.close(lock)


NAME_MANIFEST = "manifest.json"

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """The contents of a release.

    files: the SHA-256 of each file by its path in the release, except the manifest itself.
    covered: the path in the release of each file that people signed, by the path that they signed.
    policy: the digest of the policy that it was signed under.  replaces: the release that was in
    production before it, None if it was the first.  head, lines: the digest of the last line and
    the number of lines of the ledger before the release.
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
        """The manifest's bytes, deterministic: sorted keys, indented by 2."""
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

    Raises Refusal if the bytes do not have that digest or are not a manifest.
    """
    if sha256(content) != digest:
        raise Refusal(f"{name}: is not the manifest of release {digest[:12]}…: it was changed.")
    document: Any = parse_strict(content, name)
    if not isinstance(document, dict):
        raise Refusal(f"{name}: is not a manifest.")
    check(document, "release", f"{name}:")
    for path, kept in document["covered"].items():
        if kept not in document["files"]:
            raise Refusal(f"{name}: 'covered.{path}': 'files' has no {kept!r}.")
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
    """Write the files of a release, given by path, to a folder that does not count yet.

    before: a release that may hold some of the same files; they are hard-linked, not written again.
    When this returns, everything is read-only and on the disk. If it raises, nothing counts.
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
    """Make a prepared release count, under its digest."""
    os.rename(incoming, incoming.with_name(digest))
    sync_folder(incoming.parent)


def open_release(releases: Path, digest: str) -> tuple[Manifest, dict[str, bytes]]:
    """A release's manifest, and its files by path, unpacked.

    Raises Refusal unless it holds exactly the files that its manifest names, with their digests.
    No link is followed.
    """
    folder = releases / digest
    try:
        found = {name: read_regular(folder / name) for name in _names(folder)}
    except FileNotFoundError:
        raise Refusal(f"{folder}: there is no such release, or it is incomplete.") from None
    if NAME_MANIFEST not in found:
        raise Refusal(f"{folder}: has no {NAME_MANIFEST}; it is not a release.")
    manifest = parse_manifest(found.pop(NAME_MANIFEST), digest, str(folder / NAME_MANIFEST))
    contents: dict[str, bytes] = {}
    for name, content in sorted(found.items()):
        own = name if name in manifest.files else name.removesuffix(PACKED)
        if own not in manifest.files:
            raise Refusal(f"{folder / name}: does not belong to the release, which was changed.")
        contents[own] = content if own == name else _unpacked(content, folder / name)
        if sha256(contents[own]) != manifest.files[own]:
            raise Refusal(
                f"{folder / name}: was changed since the release (sha256 "
                f"{sha256(contents[own])[:12]}…, released {manifest.files[own][:12]}…)."
            )
    for name in sorted(manifest.files.keys() - contents.keys()):
        raise Refusal(f"{folder / name}: is missing from its release, which was changed.")
    return manifest, contents


def read_manifest(releases: Path, digest: str) -> Manifest:
    """The manifest of a release; raises Refusal if it is missing or was changed."""
    path = releases / digest / NAME_MANIFEST
    try:
        return parse_manifest(read_regular(path), digest, str(path))
    except FileNotFoundError:
        raise Refusal(f"{path}: there is no such release, or it is incomplete.") from None


PACKED = ".zst"
"""The ending of a packed file's name."""

LARGE = 64 * 1024
"""Files larger than this, in bytes, are packed. Smaller ones would save little, and archives are
packed already."""

_LEVEL = 9
"""The level of zstd: a model of 1,000 symbols shrinks to a quarter of its 11 MB in 0.6 s."""


def pack_release(releases: Path, digest: str, ready: Callable[[str], Path]) -> None:
    """Pack the large files of a release that is not in use.

    ready: gives the path at which the file with a SHA-256 may exist packed already, to be linked.
    If this is killed at any point, the release is still intact: a file may be plain, packed or
    both. Raises Refusal for a release that is not intact, and leaves it as it is.
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
            if not _is_linked(ready(manifest.files[name]), contents[name], made, _read_packed):
                _write(made, zstd.compress(contents[name], level=_LEVEL))
            _take_place(made, folder / f"{name}{PACKED}", folder / name)


def unpack_release(releases: Path, digest: str) -> None:
    """Unpack a release, to use or read it; raises Refusal if it is not intact."""
    folder = releases / digest
    _, contents = open_release(releases, digest)
    for name in contents:
        if (packed := folder / f"{name}{PACKED}").exists():
            with _beside(releases, digest) as made:
                _write(made, contents[name])
                _take_place(made, folder / name, packed)


@contextmanager
def plain_file(releases: Path, digest: str, name: str) -> Iterator[Path]:
    """A file of a release to read while the block runs; a packed file is unpacked elsewhere.

    Raises FileNotFoundError if it is missing. Does not check whether the release is intact.
    """
    path = releases / digest / name
    packed = path.with_name(f"{name}{PACKED}")
    if path.exists() or not packed.exists():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="pricewright-") as folder:
        unpacked = Path(folder) / path.name
        unpacked.write_bytes(_read_packed(packed))
        yield unpacked


def _read_packed(path: Path) -> bytes:
    return _unpacked(read_regular(path), path)


def _unpacked(content: bytes, path: Path) -> bytes:
    unpacking = zstd.ZstdDecompressor()
    try:
        found = unpacking.decompress(content, LARGEST + 1)
    except (zstd.ZstdError, EOFError):
        found = b""
    if not unpacking.eof or unpacking.unused_data or len(found) > LARGEST:
        raise Refusal(f"{path}: was changed and cannot be unpacked; restore it from a backup.")
    return found


@contextmanager
def _beside(releases: Path, digest: str) -> Iterator[Path]:
    """A path at which to make a file of a release; leftovers there do not count."""
    made = releases / f"{_INCOMING}{digest}-file"
    made.unlink(missing_ok=True)
    try:
        yield made
    finally:
        made.unlink(missing_ok=True)


def _take_place(made: Path, path: Path, former: Path) -> None:
    """Move a file into its release's folder, then remove its other form."""
    folder = path.parent
    folder.chmod(0o755)
    os.rename(made, path)
    sync_folder(folder)
    former.unlink()
    folder.chmod(0o555)
    sync_folder(folder)


def drop_release(releases: Path, digest: str) -> None:
    """Remove a release atomically: at any instant it is either intact or does not count."""
    going = releases / f"{_INCOMING}{digest}"
    discard_release(going)
    os.rename(releases / digest, going)
    sync_folder(releases)
    discard_release(going)


def stored_releases(releases: Path) -> list[str]:
    """The digests of the releases in the store, without unfinished ones."""
    if not releases.is_dir():
        return []
    return sorted(path.name for path in releases.iterdir() if not path.name.startswith(_INCOMING))


def clear_unfinished(releases: Path) -> None:
    """Remove the unfinished releases of killed processes."""
    if releases.is_dir():
        for path in releases.glob(f"{_INCOMING}*"):
            discard_release(path)


def discard_release(folder: Path) -> None:
    """Remove a read-only folder, if it exists; links in it are not followed."""
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
    """The files of a release by SHA-256; none if there is no such release."""
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
        twin = there.get(sha256(content))
        if not (twin and _is_linked(twin, content, folder / name)):
            _write(folder / name, content)
    for each in reversed(folders):
        each.chmod(0o555)
        sync_folder(each)


def _is_linked(
    twin: Path, content: bytes, path: Path, read: Callable[[Path], bytes] = read_regular
) -> bool:
    """Whether `twin` holds these bytes, as `read` reads it; if so, link it as `path`."""
    with suppress(OSError, Refusal):
        if read(twin) == content:
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
    """The paths of all files of a release, and of links, which the caller refuses."""
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        raise Refusal(f"{folder}: is a link or a file, but must be a release's folder.")
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _names(folder / entry.name, f"{within}{entry.name}/")
        else:
            yield f"{within}{entry.name}"
