"""The archive: the bytes of every delivery, under their SHA-256, and the order they came in.

    <folder>/<sha256>                the bytes as received, read-only
    <folder>/<sha256>.from-….zst     or, once replaced, their difference from the replacement
    <folder>/<source>/0001.json      what was accepted first: the deliveries, what they restated
    <folder>/<source>/0002.json      what was accepted next, …

No byte is ever lost. The archive and the config alone determine the prices.
"""

import errno
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pricewright.files.disk import (
    ARRIVING,
    clear_abandoned,
    file_sha256,
    read_whole,
    sha256,
    store_by_digest,
    sync_folder,
)
from pricewright.files.documents import parse_json, write_json
from pricewright.files.errors import Refusal
from pricewright.intake import patches
from pricewright.intake.sources.source import Item
from pricewright.steplog.retries import retry
from pricewright.tables.options import Bounds, Options

_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
"""The system's errors for a folder that is not one or cannot be written to."""

Mode = Literal["whole", "parts", "append"]
"""How a delivery relates to the ones before it; see `Reception.deliveries`."""


@dataclass(frozen=True, kw_only=True)
class Reception(Options):
    """How deliveries are kept, and how each relates to the ones before it."""

    section = "source"

    received: Path = Path("data/received")
    """The folder that keeps all bytes received, and the order they came in."""
    deliveries: Literal["auto", "whole", "parts", "append"] = "auto"
    """`whole`: each delivery is the whole source. `parts`: each file is a part, and a later file of
    the same name replaces it. `append`: each delivery adds to the others and withdraws nothing.
    `auto`: parts for a folder or a pattern, else whole."""
    max_shrink: Annotated[float, Bounds(least=0, most=1)] = 0.1
    """The share by which a delivery may have fewer rows that can be kept than the one it
    replaces."""
    max_quarantined: Annotated[float, Bounds(least=0, most=1)] = 0.5
    """The share of a delivery's rows that may be quarantined; duplicates do not count."""


@dataclass(frozen=True)
class Delivery:
    """One delivery of a source.

    place: where it lay.  sha256, bytes: the digest and size of what was received.
    last_day: the latest date in any time zone when it was received, such as 2024-01-31; a later
    price is from the future.
    version: the source's own name for these bytes, used to ask whether they changed.
    packed_in: the SHA-256 of the zip archive that this delivery came in, if that held several
    files; it is kept as well. Empty if the delivery came by itself.
    """

    place: str
    sha256: str
    bytes: int
    last_day: str
    version: str
    packed_in: str = ""


@dataclass(frozen=True)
class Acceptance:
    """Deliveries that were accepted together, and the restatements that came with them.

    sha256: of the file that records it; empty before it is recorded.
    """

    deliveries: Sequence[Delivery]
    restatements: Sequence[Mapping[str, Any]]
    sha256: str = ""


@dataclass(frozen=True)
class Archive:
    """The archive of one source."""

    folder: Path
    source: str

    @property
    def history(self) -> Path:
        """The folder of this source's acceptances, with a readable name."""
        readable = re.sub(r"[^A-Za-z0-9]+", "-", self.source).strip("-")[-40:].lower()
        return self.folder / f"{readable}-{hashlib.sha256(self.source.encode()).hexdigest()[:8]}"

    def path(self, sha256: str) -> Path:
        """The path of the bytes with this SHA-256."""
        return self.folder / sha256

    def whole(self, delivery: Delivery, *, just_kept: bool = False) -> AbstractContextManager[Path]:
        """A file with a delivery's bytes while the block runs.

        Raises Refusal if the bytes are lost, or if they changed after they were kept.
        """
        return patches.whole(self.folder, delivery.sha256, just_kept=just_kept)

    def pack(self, replaced: Mapping[str, str]) -> None:
        """Store replaced deliveries as differences from their replacements.

        replaced: maps the SHA-256 of a delivery to that of its replacement. Every EACH-th time they
        stay whole.
        """
        if len(self._accepted()) % patches.EACH:
            for old, new in replaced.items():
                patches.replace_by_difference(self.folder, old, new)

    def acceptances(self) -> list[Acceptance]:
        """What was accepted so far, in order; raises Refusal if a file is missing or changed.

        Each file has the SHA-256 of the one before it, so only a change of the newest is not seen.
        """
        found = list[Acceptance]()
        for number, path in enumerate(self._accepted(), start=1):
            if int(path.stem) != number:
                raise Refusal(
                    f"{self._acceptance(number)}: missing, although {path.name} exists; restore it "
                    "from a backup, because it records which deliveries were accepted."
                )
            try:
                content = read_whole(path)
                entry = parse_json(content, str(path))
                deliveries = [Delivery(**delivery) for delivery in entry["deliveries"]]
                restatements, before = entry["restatements"], entry.get("previous")
            except (Refusal, KeyError, TypeError):
                raise _changed(path) from None
            if found and before not in (None, found[-1].sha256):  # older versions wrote none
                raise _changed(self._acceptance(number - 1))
            found.append(Acceptance(deliveries, restatements, sha256(content)))
        return found

    def _accepted(self) -> list[Path]:
        """The files of the acceptances, in order."""
        files = [path for path in self.history.glob("*.json") if path.stem.isdecimal()]
        return sorted(files, key=lambda path: int(path.stem))

    def _acceptance(self, number: int) -> Path:
        return self.history / f"{number:04}.json"

    def accept(self, acceptance: Acceptance) -> None:
        """Add an acceptance; its deliveries count from now on."""
        before = self._accepted()
        document = {
            "source": self.source,
            "previous": file_sha256(before[-1]) if before else None,
            "deliveries": [asdict(delivery) for delivery in acceptance.deliveries],
            "restatements": acceptance.restatements,
        }
        write_json(self._acceptance(len(before) + 1), document)

    def receive(self, item: Item, last: Delivery | None, today: date) -> Delivery | None:
        """Fetch an item's delivery and keep the bytes; None if it is the `last` one again.

        A failure that may pass is tried three times. Raises Refusal for one that will not.
        """
        known = last.version if last and self.path(last.sha256).exists() else ""
        received = self._fetch(item, known)
        if received is None:
            return None
        digest, size, version = received
        if last and last.sha256 == digest:
            return None
        return Delivery(item.place, digest, size, today.isoformat(), version)

    def settle(self) -> None:
        """Flush the names of all kept bytes to disk, and clear up partial files."""
        if self.folder.is_dir():
            clear_abandoned(self.folder, ARRIVING)
            sync_folder(self.folder)

    def keep(self, item: Item) -> str:
        """Keep the bytes of the archive that deliveries came in; returns their SHA-256."""
        received = self._fetch(item, "")
        assert received is not None, "nothing is known"
        return received[0]

    def version(self, item: Item, last: Delivery | None) -> str:
        """The version of the bytes that an item has now, without reading them if possible.

        last: the newest delivery at its place, if there is one. If the source cannot be reached,
        its last version; if it refuses, the refusal.
        """
        known = last.version if last else ""
        try:
            with item.open(known) as answer:
                if answer.chunks is None:
                    return known
                return answer.version or self._store(answer.chunks)[0]
        except OSError:
            return known or (last.sha256 if last else "never reached")
        except Refusal as refusal:
            return str(refusal)

    def known(self) -> list[Delivery]:
        """Every delivery that was accepted so far, in order."""
        return [each for acceptance in self.acceptances() for each in acceptance.deliveries]

    @retry(n_tries=3, delay=0.5, of=lambda self, item, known: item.place)
    def _fetch(self, item: Item, known: str) -> tuple[str, int, str] | None:
        with item.open(known) as answer:
            if answer.chunks is None:
                return None
            return *self._store(answer.chunks), answer.version

    def _store(self, chunks: Iterable[bytes]) -> tuple[str, int]:
        """Keep bytes; returns their SHA-256 and size."""
        try:
            return store_by_digest(self.folder, chunks)
        except OSError as error:
            if error.filename and error.errno in _CLOSED:
                raise Refusal(
                    f"{self.folder}: cannot be written to ({error.strerror}); make it a folder "
                    "that this user may write to, because every delivery's bytes are kept there."
                ) from None
            raise


def _changed(path: Path) -> Refusal:
    return Refusal(
        f"{path}: not as it was written; restore it from a backup, because it records which "
        "deliveries were accepted."
    )
