"""Ingest: what the source delivers, kept, read exactly, and every row of it accounted for."""

from contextlib import suppress
from functools import cache
from pathlib import Path

from running import step

from pricewright.files.clock import now
from pricewright.files.disk import read_regular
from pricewright.files.documents import parse_json, write_json
from pricewright.files.errors import Refusal
from pricewright.files.provenance import code_digest
from pricewright.intake.archive import Archive, Mode, Reception
from pricewright.intake.deliveries import Snapshot, save_snapshot
from pricewright.intake.intake import IntakeTerms, take_in
from pricewright.intake.members import with_members
from pricewright.intake.reading.dates import day_after
from pricewright.intake.reading.dialect import Dialect, Limits
from pricewright.intake.receipt import receipt_of
from pricewright.intake.sources.items import EMPTY, has_several, ignored_files, items, without
from pricewright.intake.sources.source import Access, Source
from pricewright.steplog.log import logger, say
from pricewright.tables.prices import write_prices
from pricewright.tables.table_files import is_parquet

MANY = 500_000
"""Rows from which on JSON is a burden; config/README.md says the same."""


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
) -> None:
    """Receive what a source delivers, and write the prices in it that can be believed.

    The bytes are kept first. Every field is read as text and then parsed exactly; a row that
    is not as described goes to the quarantine, with its line, a reason and its own text, and
    rows delivered = rows kept, or in the daily bars that are, + rows quarantined + rows that the
    source's filter leaves out. A later delivery's price takes the place of
    an earlier one's. A file that is wrong as a whole ends the step with one sentence.

    Parameters
    ----------
    input
        The source: a path, a folder, a pattern, or a URI with the scheme http, https, s3,
        sqlite or postgresql. `${NAME}` stands for an environment variable, to hold a secret.
    output
        The prices to write, in order of symbol and date: Parquet if so named, else JSON.
    receipt
        Where to write what came, and what became of it.
    quarantine
        Where to write the rows that are not kept.
    restatements
        Where to write what later deliveries changed and withdrew.
    access, reception, dialect, limits
        How the source is asked, what its deliveries are to each other, how they are written, and
        what is too large.
    ask
        Ask the source what it has now; else what was received before is all there is.
    threads
        How many pieces of a file to read side by side.
    """
    source = Source.of(input, access)
    say("start", source=source.name)
    beside = step.FOLDER.parents[1]
    found = items(source, beside) if ask else []
    offered = with_members(found, limits)
    if ask:
        offered = without(offered, access.leave_out, source.name)
    archive = Archive(reception.received, source.name)
    known = {delivery.place for delivery in archive.known()}
    if not known:
        _warn_if_lost(archive, Path(output).with_name("model.json"))
    several = has_several(input, beside) or len(offered) > len(found)
    if not ask:  # where the source itself need not be there, what it is shows in what it delivered
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
    for file, why in ignored_files(input, beside).items() if ask else ():
        if why == EMPTY and file in known:
            raise Refusal(
                f"{file}: is empty, where it had prices; deliver it whole, or remove it, after "
                "which what it had still counts."
            )
        say("left out", file=file, why=why)
    taken = take_in(offered, archive, terms, day_after(now()))
    if len(taken.state.prices) >= MANY and not is_parquet(output):
        say("recommend format: parquet, for JSON is slow and large", rows=len(taken.state.prices))
    sha256 = write_prices(output, taken.state.prices)
    facts = receipt_of(source.name, taken, output, sha256)
    if receipt is not None:
        write_json(receipt, facts)
    if quarantine is not None:
        write_json(quarantine, [row for part in taken.facts for row in part["entries"]])
    if restatements is not None:
        write_json(restatements, taken.restatements)
    snapshot = Snapshot(taken.state, taken.facts)
    if snapshot.saves_time():
        save_snapshot(archive.history / "snapshot", taken.key(), snapshot, output, sha256)
    say("quarantined", rows=sum(facts["quarantined"].values()), **facts["quarantined"])
    if facts["left_out"]:
        say("left out by source.where", rows=facts["left_out"])
    if facts["in_bars"] != facts["kept"]:
        say("made daily bars", rows=facts["in_bars"], bars=facts["kept"])
    say("end", rows=facts["rows"], kept=facts["kept"], source=source.name, output=output)


def _warn_if_lost(archive: Archive, model: Path) -> None:
    """Say that an archive without deliveries had some, if the model in results/ knows of them: the
    receipt itself, a rule's output, is gone when a run begins."""
    with suppress(FileNotFoundError, Refusal, KeyError, TypeError):
        receipt = parse_json(read_regular(model), str(model))["receipts"]["ingest"]
        if receipt["source"] == archive.source:
            logger.warning(
                "%s: has no delivery of %s, from which %s was made; put it back from a backup, for "
                "what comes now is compared with nothing.",
                *(archive.folder, archive.source, model),
            )


if __name__ == "__main__":
    step.run(ingest)
