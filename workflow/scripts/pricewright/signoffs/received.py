"""The deliveries that were received, by the ledger, and whether the archive still has them all."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path

from pricewright.files.errors import Refusal, some_of
from pricewright.intake import patches
from pricewright.intake.archive import Archive
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import LEDGER, Entry
from pricewright.signoffs.policy import oneself
from pricewright.steplog.log import logger

EVENT = "received"
"""The ledger's event name for deliveries that were accepted."""


def record_received(root: Path, archive: Archive, author: str | None) -> None:
    """Record the newest acceptance of an archive, once; the earlier ones follow from its bytes.

    Logs a warning if earlier ones are no longer as they are on record. author: as `record_run`
    takes it. Raises what `ledger.append` raises.
    """
    newest, folder = archive.acceptances()[-1], root / LEDGER
    entries = ledger.read(folder)
    for sentence in changed_archives(root, archive.folder, entries):
        logger.warning("%s", sentence)
    if newest.sha256 not in _recorded(entries, archive.source):
        ledger.append(
            folder,
            EVENT,
            who=oneself(author),
            source=archive.source,
            kept_in=os.path.relpath(archive.folder, root),
            acceptance=newest.sha256,
            deliveries=[
                {"place": delivery.place, "sha256": delivery.sha256, "bytes": delivery.bytes}
                for delivery in newest.deliveries
            ],
        )


def changed_archives(root: Path, received: Path, entries: Sequence[Entry]) -> list[str]:
    """A sentence for each source whose record of deliveries is not the one in the ledger.

    received: the folder of all archives; those that were in another folder then may still be there.
    Their bytes are not read: see `lost_bytes`.
    """
    found = []
    folders = _folders(root, received, entries)
    for source in _sources(entries):
        here = set[str]()
        try:
            for folder in folders:
                here |= {each.sha256 for each in Archive(folder, source).acceptances()}
        except Refusal as refusal:
            found.append(str(refusal))
            continue
        recorded = _recorded(entries, source)
        if gone := [entry for digest, entry in recorded.items() if digest not in here]:
            found.append(
                f"{Archive(received, source).history}: lacks what the ledger says was received on "
                f"{gone[0].time} (line {gone[0].sequence}), or was changed; restore the folder "
                "from a backup."
            )
    return found


def lost_bytes(root: Path, received: Path, entries: Sequence[Entry]) -> list[str]:
    """A sentence if the bytes of some deliveries are no longer kept as they were received.

    Besides those in the ledger, the deliveries that an archive has accepted count, and the zip
    archives in which some came: earlier versions, and runs that were killed, left no line about
    them. Reads all bytes: differences are undone, and each digest is computed.
    """
    wanted = {
        delivery["sha256"]: delivery["place"]
        for entry in _lines(entries)
        for delivery in entry.fields["deliveries"]
    }
    folders = _folders(root, received, entries)
    for folder, source in product(folders, _sources(entries)):
        with suppress(Refusal):  # `changed_archives` names it
            for each in Archive(folder, source).known():
                wanted |= {each.sha256: each.place}
                if each.packed_in:
                    wanted |= {each.packed_in: f"{each.place} (the archive around it)"}
    kept = {digest for folder in folders for digest in patches.intact(folder)}
    lost = [f"{digest} ({place})" for digest, place in wanted.items() if digest not in kept]
    if not lost:
        return []
    return [
        f"{received}: {len(lost):,} of the {len(wanted):,} files that were received are missing or "
        f"were changed: {some_of(lost, 3)}; restore them from a backup."
    ]


def _folders(root: Path, received: Path, entries: Sequence[Entry]) -> list[Path]:
    """The folder of all archives, and those of earlier lines: config may have named another."""
    named = [entry.fields.get("kept_in") for entry in _lines(entries)]
    folders = [received, *(Path(root, name) for name in dict.fromkeys(named) if name)]
    return list({os.path.abspath(folder): folder for folder in reversed(folders)}.values())


def _sources(entries: Sequence[Entry]) -> list[str]:
    """The sources of which the ledger has deliveries."""
    return list(dict.fromkeys(entry.fields["source"] for entry in _lines(entries)))


def _recorded(entries: Sequence[Entry], source: str) -> dict[str, Entry]:
    """The lines of the ledger on a source's deliveries, by the digest of the acceptance."""
    return {
        entry.fields["acceptance"]: entry
        for entry in _lines(entries)
        if entry.fields["source"] == source
    }


def _lines(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The lines on deliveries, except those that no run wrote so."""
    needed = {"source", "acceptance", "deliveries"}
    return (entry for entry in entries if entry.event == EVENT and needed <= entry.fields.keys())
