"""What happens to earlier releases: they are packed, and dropped when config says so.

The release in production and the one before it stay as they are.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pricewright.files.clock import Clock, parse_time
from pricewright.files.errors import Refusal
from pricewright.releases import store
from pricewright.releases.history import releases_folder
from pricewright.releases.models import packed_model
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import (
    DROPPED,
    LEDGER,
    PASSED,
    Entry,
    dropped_releases,
    in_production,
    release_before,
    switches,
)
from pricewright.signoffs.statements import preserve_statement, read_all_statements
from pricewright.signoffs.validity import EVENTS
from pricewright.steplog.log import in_words, logger, say


def tidy(root: Path, keep_days: int | None, *, who: str, clock: Clock) -> None:
    """Drop and pack earlier releases after a switch, while the lock of `one_at_a_time` is held.

    keep_days: days for which a release is kept after it was last in production; None: for ever.
    Errors are only logged as warnings, because production itself is as it should be.
    """
    folder = releases_folder(root)
    try:
        entries, there = ledger.read(root / LEDGER), set(store.stored_releases(folder))
        dropped = there & set(dropped_releases(entries))
        if keep_days is not None:
            old = _old(entries, clock() - timedelta(days=keep_days))
            for digest in sorted(there & old.keys() - dropped):
                facts = {"release": digest, "model": old[digest], "keep_releases_days": keep_days}
                for kept in read_all_statements(folder / digest):
                    preserve_statement(root, kept)
                ledger.append(root / LEDGER, DROPPED, who=who, clock=clock, **facts)
                dropped.add(digest)  # on record before it is gone
        for digest in sorted(dropped):
            store.drop_release(folder, digest)
            say("dropped", release=digest)
    except (Refusal, OSError) as error:
        logger.warning("earlier releases were not tidied up: %s", in_words(error))
        return
    for digest in sorted(there - dropped - {in_production(entries), release_before(entries)}):
        try:
            store.pack_release(folder, digest, lambda sha256: packed_model(root, sha256))
        except (Refusal, OSError) as error:
            logger.warning("release %s was not packed: %s", digest[:12], in_words(error))


def _old(entries: Sequence[Entry], limit: datetime) -> dict[str, str]:
    """The releases that nobody has needed since `limit`, each with the SHA-256 of its model.

    Excludes the release in production, the one before, and those whose model was signed since.
    """
    last: dict[str, str] = {}
    models: dict[str, str] = {}
    current: str | None = None
    for begun, end in switches(entries):
        release = str(begun.fields["release"])
        models[release] = str(begun.fields.get("model"))
        if end and end.event == PASSED:
            if current:
                last[current] = end.time
            current = release
        last[release] = end.time if end else begun.time
    signed = {
        entry.fields.get("run")
        for entry in entries
        if entry.event in EVENTS.values() and parse_time(entry.time) >= limit
    }
    kept = {in_production(entries), release_before(entries)}
    return {
        release: models[release]
        for release, time in last.items()
        if parse_time(time) < limit and release not in kept and models[release] not in signed
    }
