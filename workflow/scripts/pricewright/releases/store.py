"""The store of releases: folders that are complete, read-only and on the disk before they count.

Each has a manifest: every file's digest, the policy, and which release it took the place of.
Whoever releases, rolls back or tidies up has production to itself.
"""

import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from pricewright.files.disk import open_lock, read_regular, sha256, sync_folder
from pricewright.files.documents import parse_strict
from pricewright.files.errors import Refusal
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


def prepare_release(releases: Path, digest: str, files: Mapping[str, bytes]) -> Path:
    """Write the files of a release, by their paths in it, to a folder that does not count yet.

    When this returns, all of it is read-only and on the disk. Whatever raises, nothing counts.
    """
    releases.mkdir(parents=True, exist_ok=True)
    for folder in (releases.parent, releases.parent.parent):
        sync_folder(folder)
    incoming = releases / f"{_INCOMING}{digest}"
    discard_release(incoming)
    try:
        _fill(incoming, files)
    except BaseException:
        discard_release(incoming)
        raise
    return incoming


def place_release(incoming: Path, digest: str) -> None:
    """Let a prepared release count, under its digest."""
    os.rename(incoming, incoming.with_name(digest))
    sync_folder(incoming.parent)


def open_release(releases: Path, digest: str) -> tuple[Manifest, dict[str, bytes]]:
    """A release's manifest, and its files by their paths in it.

    Raises Refusal unless it is whole: the very files that its manifest names, with their digests,
    and no others; no link is followed.
    """
    folder = releases / digest
    contents: dict[str, bytes] = {}
    try:
        for name in _names(folder):
            contents[name] = read_regular(folder / name)
    except FileNotFoundError:
        raise Refusal(f"{folder}: there is no such release, or it is not whole.") from None
    if NAME_MANIFEST not in contents:
        raise Refusal(f"{folder}: has no {NAME_MANIFEST}; it is no release.")
    manifest = parse_manifest(contents[NAME_MANIFEST], digest, str(folder / NAME_MANIFEST))
    del contents[NAME_MANIFEST]
    for name in sorted(contents.keys() ^ manifest.files.keys()):
        what = "is not in its release any more" if name in manifest.files else "is no part of it"
        raise Refusal(f"{folder / name}: {what}; the release is not what it was.")
    for name, content in sorted(contents.items()):
        if sha256(content) != manifest.files[name]:
            raise Refusal(
                f"{folder / name}: was changed (sha256 {sha256(content)[:12]}…, released "
                f"{manifest.files[name][:12]}…); the release is not what it was."
            )
    return manifest, contents


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


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    parts = {part for name in files for part in PurePosixPath(name).parents}
    folders = [folder / part for part in sorted(parts, key=lambda part: len(part.parts))]
    for each in folders:  # the outer ones first
        each.mkdir()
    for name, content in sorted(files.items()):
        _write(folder / name, content)
    for each in reversed(folders):
        each.chmod(0o555)
        sync_folder(each)


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
