"""Ingest: keep what the source delivers, read it exactly, and account for every row."""

from collections.abc import Collection
from functools import cache
from pathlib import Path

from running import step

from pricewright.files.clock import now
from pricewright.files.documents import write_json
from pricewright.files.errors import Refusal
from pricewright.files.provenance import code_digest
from pricewright.intake.archive import Archive, Mode, Reception
from pricewright.intake.deliveries import save_snapshot
from pricewright.intake.intake import IntakeTerms, take_in
from pricewright.intake.members import with_members
from pricewright.intake.reading.dates import day_after
from pricewright.intake.reading.dialect import Dialect, Limits
from pricewright.intake.receipt import receipt_of
from pricewright.intake.sources.items import EMPTY, has_several, ignored_files, items, without
from pricewright.intake.sources.source import Access, Source
from pricewright.steplog.log import say
from pricewright.tables.prices import write_prices
from pricewright.tables.table_files import is_parquet

MANY = 500_000
"""From this many rows on, Parquet is recommended; config/README.md gives the same number."""


def ingest(
    input: str,
    output: Path,
    *,
    receipt: Path | None = None,
    quarantine: Path | None = None,
    restatements: Path | None = None,
    access: Access = Access(),
    reception: Reception = Reception(),
    dialect: Dialect = Dialect(),
    limits: Limits = Limits(),
    ask: bool = True,
    threads: int = 1,
    project: Path | None = None,
    author: str | None = None,
) -> None:
    """Receive what a source delivers, and write its valid prices.

    The bytes are archived first. Every field is read as text and then parsed exactly. A row that
    does not match the description goes to the quarantine with its line number, a reason and its
    text. Every delivered row is kept (as itself or as part of a daily bar), quarantined, or
    excluded by the source's filter. A price in a later delivery replaces an earlier one. If a
    file is wrong as a whole, the step ends with a one-sentence error.

    Parameters
    ----------
    input
        The source: a path, a folder, a pattern, or a URI with the scheme http, https, s3,
        sqlite or postgresql. `${NAME}` stands for an environment variable, which may be secret.
    output
        Where to write the prices, ordered by symbol and date: Parquet if the file name ends in
        .parquet, else JSON.
    receipt
        Where to write what was received and what happened to it.
    quarantine
        Where to write the quarantined rows.
    restatements
        Where to write what later deliveries changed or withdrew.
    access, reception, dialect, limits
        How to query the source, how its deliveries relate to each other, how the files are
        written, and the size limits.
    ask
        Query the source for new deliveries; otherwise use only what was received before.
    threads
        How many pieces of a file to read in parallel.
    project
        The folder whose `ledger/` records what was received. Without a folder nothing is recorded.
    author
        Who received it; by default the name in git's config, else the login.
    """
    source = Source.of(input, access)
    say("start", source=source.name)
    beside = step.FOLDER.parents[1]
    archive = Archive(reception.received, source.name)
    known = {delivery.place for delivery in archive.known()}
    found = items(source, beside) if ask else []
    offered = with_members(found, limits)
    if ask:
        offered = without(offered, access.leave_out, source.name)
        _say_left_out(source, beside, known)
    several = has_several(input, beside) or len(offered) > len(found)
    if not ask:  # the source may be gone, but past deliveries show whether it has several files
        several |= len(known) > 1
    usual: Mode = "parts" if several else "whole"
    terms = IntakeTerms(
        dialect=dialect,
        mode=usual if reception.deliveries == "auto" else reception.deliveries,
        max_shrink=reception.max_shrink,
        max_quarantined=reception.max_quarantined,
        limits=limits,
        last_day=dialect.calendar.last_day,
        threads=threads,
        code=cache(lambda: code_digest(step.FOLDER / "ingest.py")),
    )
    taken = take_in(offered, archive, terms, day_after(now()))
    if len(taken.state.prices) >= MANY and not is_parquet(output):
        say("recommend format: parquet (JSON is slow and large)", rows=len(taken.state.prices))
    sha256 = write_prices(output, taken.state.prices)
    facts = receipt_of(source.name, taken, output, sha256)
    if receipt is not None:
        write_json(receipt, facts)
    if quarantine is not None:
        write_json(quarantine, [row for part in taken.facts for row in part["entries"]])
    if restatements is not None:
        write_json(restatements, taken.restatements)
    if project is not None:
        step.tell_ledger("pricewright.signoffs.received.record_received", project, archive, author)
    if taken.snapshot.saves_time():
        save_snapshot(archive.history / "snapshot", taken.key(), taken.snapshot, output, sha256)
    say("quarantined", rows=sum(facts["quarantined"].values()), **facts["quarantined"])
    if facts["left_out"]:
        say("left out by source.where", rows=facts["left_out"])
    if facts["last_bar_lost"]:
        count = sum(map(len, facts["last_bar_lost"].values()))
        say("quarantined the last row of days", days=count, symbols=sorted(facts["last_bar_lost"]))
    if facts["in_bars"] != facts["kept"]:
        say("made daily bars", rows=facts["in_bars"], bars=facts["records"]["rows"])
    say("end", rows=facts["rows"], kept=facts["kept"], source=source.name, output=output)


def _say_left_out(source: Source, beside: Path, known: Collection[str]) -> None:
    """Log the files that do not count; raises Refusal for an empty one that had prices before."""
    for file, why in ignored_files(source, beside).items():
        if why == EMPTY and file in known:
            raise Refusal(
                f"{file}: is empty but had prices before; deliver it whole, or remove it (the "
                "prices received before are kept)."
            )
        say("left out", file=file, why=why)


if __name__ == "__main__":
    step.run(ingest)
