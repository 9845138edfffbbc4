"""The archive: every delivery's bytes as received, under their SHA-256, and the order they came in.

    <folder>/<sha256>                the bytes, read-only
    <folder>/<sha256>.from-….zst     or, once replaced, their difference from what came then
    <folder>/<source>/0001.json      what was accepted first: the deliveries, what they restated
    <folder>/<source>/0002.json      what was accepted next, …

No byte is ever lost. Which prices there are follows from the archive and the config alone.
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
    read_whole,
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
"""What the system says of a folder that cannot be written to, or is none."""

Mode = Literal["whole", "parts", "append"]
"""What a delivery is to the ones before it; see `Reception.deliveries`."""


@dataclass(frozen=True, kw_only=True)
class Reception(Options):
    """How deliveries are kept, and what each is to the ones before it."""

    section = "source"

    received: Path = Path("data/received")
    """The folder that keeps all bytes received, and the order they came in."""
    deliveries: Literal["auto", "whole", "parts", "append"] = "auto"
    """`whole`: each delivery is the whole source. `parts`: each file is a part, which a later file
    of the same name replaces. `append`: each delivery adds, and nothing is withdrawn. `auto`: parts
    for a folder or a pattern, else whole."""
    max_shrink: Annotated[float, Bounds(least=0, most=1)] = 0.1
    """By which share a delivery may have fewer rows that can be kept than the one in whose stead it
    comes."""
    max_quarantined: Annotated[float, Bounds(least=0, most=1)] = 0.5
    """Which share of a delivery's rows may be quarantined, those aside that only repeat another."""


@dataclass(frozen=True)
class Delivery:
    """One delivery of a source.

    place: where it lay.  sha256, bytes: of what was received.  last_day: the latest date on any
    calendar when it was received, as in 2024-01-31: later prices are from the future.
    version: the source's own name for these bytes, to ask whether they changed.
    packed_in: the SHA-256 of the zip archive of several files that this one came in, which is kept
    as well; empty if it came by itself.
    """

    place: str
    sha256: str
    bytes: int
    last_day: str
    version: str
    packed_in: str = ""


@dataclass(frozen=True)
class Acceptance:
    """Deliveries that were accepted together, and the restatements that came with them."""

    deliveries: Sequence[Delivery]
    restatements: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Archive:
    """The archive of one source."""

    folder: Path
    source: str

    @property
    def history(self) -> Path:
        """Where this source's acceptances are: a folder with a name that a person can tell."""
        readable = re.sub(r"[^A-Za-z0-9]+", "-", self.source).strip("-")[-40:].lower()
        return self.folder / f"{readable}-{hashlib.sha256(self.source.encode()).hexdigest()[:8]}"

    def path(self, sha256: str) -> Path:
        """Where some bytes are kept."""
        return self.folder / sha256

    def whole(self, delivery: Delivery, *, just_kept: bool = False) -> AbstractContextManager[Path]:
        """A file with a delivery's bytes while the block runs; raises Refusal if it is lost, or if
        it was not just kept and was changed since."""
        return patches.whole(self.folder, delivery.sha256, just_kept=just_kept)

    def pack(self, replaced: Mapping[str, str]) -> None:
        """Keep bytes that were replaced as their difference from those in whose stead these came.

        replaced: by the SHA-256 of the ones that of the others. Now and then they stay whole.
        """
        if len(self._accepted()) % patches.EACH:
            for old, new in replaced.items():
                patches.replace_by_difference(self.folder, old, new)

    def acceptances(self) -> list[Acceptance]:
        """What was accepted so far, in order; raises Refusal if that is not there as it was."""
        found = []
        for number, path in enumerate(self._accepted(), start=1):
            if int(path.stem) != number:
                raise Refusal(
                    f"{self._acceptance(number)}: is not there, though {path.name} is; put it back "
                    "from a backup, for what came is counted by it."
                )
            try:
                entry = parse_json(read_whole(path), str(path))
                deliveries = [Delivery(**delivery) for delivery in entry["deliveries"]]
                found.append(Acceptance(deliveries, entry["restatements"]))
            except (Refusal, KeyError, TypeError):
                raise Refusal(
                    f"{path}: is not what was written; put it back from a backup, for it says what "
                    "came."
                ) from None
        return found

    def _accepted(self) -> list[Path]:
        """The files of what was accepted, in order."""
        files = [path for path in self.history.glob("*.json") if path.stem.isdecimal()]
        return sorted(files, key=lambda path: int(path.stem))

    def _acceptance(self, number: int) -> Path:
        return self.history / f"{number:04}.json"

    def accept(self, acceptance: Acceptance) -> None:
        """Add an acceptance; from here on it is part of what there is."""
        number = len(self._accepted()) + 1
        document = {
            "source": self.source,
            "deliveries": [asdict(delivery) for delivery in acceptance.deliveries],
            "restatements": acceptance.restatements,
        }
        write_json(self._acceptance(number), document)

    def receive(self, item: Item, last: Delivery | None, today: date) -> Delivery | None:
        """Ask an item for its delivery and keep the bytes; None if it is the `last` one again.

        Trouble that may pass is tried three times. Raises Refusal for what will not.
        """
        known = last.version if last and self.path(last.sha256).exists() else ""
        received = self._fetch(item, known)
        if received is None:
            return None
        sha256, size, version = received
        if last and last.sha256 == sha256:
            return None
        return Delivery(item.place, sha256, size, today.isoformat(), version)

    def settle(self) -> None:
        """See that the names of all bytes that were kept are on the disk, and none of others."""
        if self.folder.is_dir():
            clear_abandoned(self.folder, ARRIVING)
            sync_folder(self.folder)

    def keep(self, item: Item) -> str:
        """Keep the bytes of what deliveries came in; returns their SHA-256."""
        received = self._fetch(item, "")
        assert received is not None, "nothing is known"
        return received[0]

    def version(self, item: Item, last: Delivery | None) -> str:
        """What names the bytes that an item has now, without reading them if that can be.

        last: the newest delivery of its place, if there is one. A source that cannot be reached
        has what it had; one that refuses, its refusal.
        """
        try:
            with item.open(last.version if last else "") as answer:
                if answer.chunks is None and last:
                    return last.version
                return answer.version or self._store(answer.chunks or ())[0]
        except OSError:
            return (last.version or last.sha256) if last else "never reached"
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
        """Keep bytes; returns their SHA-256 and number."""
        try:
            return store_by_digest(self.folder, chunks)
        except OSError as error:
            if error.filename and error.errno in _CLOSED:
                raise Refusal(
                    f"{self.folder}: cannot be written to ({error.strerror}); make it a folder "
                    "that this user may write to, for every byte that comes is kept there."
                ) from None
            raise
