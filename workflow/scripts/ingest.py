"""Ingest: what the source delivers, kept, read exactly, and every row of it accounted for."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from running import step

from pricewright.files.documents import write_json
from pricewright.files.provenance import code_digest
from pricewright.intake import intake
from pricewright.intake.archive import Archive
from pricewright.intake.deliveries import WORTH_IT, Snapshot, save
from pricewright.intake.intake import Mode, Terms, take_in
from pricewright.intake.reading.content import Limits
from pricewright.intake.reading.dates import Calendar, day_after
from pricewright.intake.reading.dialect import Dialect
from pricewright.intake.reading.numbers import MISSING, Marks
from pricewright.intake.sources.items import has_several, items
from pricewright.intake.sources.source import Source
from pricewright.steplog.log import say
from pricewright.tables.fields import SYMBOL
from pricewright.tables.prices import is_parquet, write_prices

MANY = 1_000_000
"""Rows from which on JSON is a burden."""


def ingest(
    input: str,
    output: Path,
    *,
    receipt: Path | None = None,
    quarantine: Path | None = None,
    restatements: Path | None = None,
    received: Path = Path("data/received"),
    deliveries: Mode | Literal["auto"] = "auto",
    layout: Literal["long", "wide"] = "long",
    columns: dict[str, str] | None = None,
    symbol: str | None = None,
    sheet: str | None = None,
    delimiter: str = ",",
    decimal: str = ".",
    thousands: str | None = None,
    date_formats: Sequence[str] = (),
    time_zone: str | None = None,
    missing_markers: Sequence[str] = MISSING,
    prices: Literal["positive", "nonnegative", "any"] = "positive",
    symbol_pattern: str = SYMBOL.pattern,
    last_day: str | None = None,
    max_shrink: float = 0.1,
    table: str | None = None,
    query: str | None = None,
    parameters: dict[str, str] | None = None,
    endpoint: str | None = None,
    region: str | None = None,
    headers: dict[str, str] | None = None,
    allow_hosts: Sequence[str] = (),
    timeout: float = 30.0,
    max_bytes: int = 10_000_000_000,
    max_unpacked_bytes: int = 20_000_000_000,
    max_ratio: float = 500.0,
    ask: bool = True,
    threads: int = 1,
) -> None:
    """Receive what a source delivers, and write the prices in it that can be believed.

    The bytes are kept first. Every field is read as text and then parsed exactly; a row that
    is not as described goes to the quarantine, with its line, a reason and its own text, and
    rows delivered = rows kept + rows quarantined. A later delivery's price takes the place of
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
    received
        The folder that keeps all bytes received, and the order they came in.
    deliveries
        `whole`: each delivery is the whole source. `parts`: each file is a part, which a later
        file of the same name replaces. `append`: each delivery adds, and nothing is withdrawn.
        `auto`: parts for a folder or a pattern, else whole.
    layout
        `long`: a row per symbol and date. `wide`: a row per date, a column per symbol.
    columns
        Our name to the file's name, as in `--columns.date Day`. Ours are date, symbol, open,
        high, low, close, adj_close and volume. Left out: the file's own names.
    symbol
        The symbol of every row, for a long file that has no such column.
    sheet
        The sheet of an Excel file that has several.
    delimiter
        What stands between two fields.
    decimal
        The decimal mark.
    thousands
        The mark between groups of three digits.
    date_formats
        How dates are written, as in strptime. Left out: ISO 8601.
    time_zone
        Whose calendar counts, and where timestamps without an offset were taken: an IANA name.
    missing_markers
        The texts that stand for no value.
    prices
        The signs that a price may have.
    symbol_pattern
        The regular expression that all of a symbol must match.
    last_day
        Later dates are from the future. Left out: the day of the reception.
    max_shrink
        By which share a delivery may have fewer rows than the one in whose stead it comes.
    table
        The table to read, of a database.
    query
        The query to read instead, with parameters such as `:day`.
    parameters
        The query's parameters.
    endpoint
        The S3 service to ask, if it is not Amazon's.
    region
        The S3 region.
    headers
        Headers to send to a web server.
    allow_hosts
        Hosts that may be asked although their address is not a public one.
    timeout
        Seconds to wait for a connection, and for the next bytes.
    max_bytes
        The most bytes that a delivery may have.
    max_unpacked_bytes
        The most bytes that it may have when unpacked.
    max_ratio
        The most unpacked bytes per packed byte.
    ask
        Ask the source what it has now; else what was received before is all there is.
    threads
        How many pieces of a file to read side by side.
    """
    source = Source(
        uri=input,
        headers=headers or {},
        allow_hosts=tuple(allow_hosts),
        endpoint=endpoint,
        region=region,
        table=table,
        query=query,
        parameters=parameters or {},
        timeout=timeout,
        max_bytes=max_bytes,
    )
    say("start", source=source.name)
    dialect = Dialect(
        layout=layout,
        columns=columns or {},
        symbol=symbol,
        delimiter=delimiter,
        sheet=sheet,
        marks=Marks(decimal, thousands, tuple(missing_markers)),
        calendar=Calendar(tuple(date_formats), time_zone),
        prices=prices,
        symbol_pattern=symbol_pattern,
    )
    usual: Mode = "parts" if has_several(input) else "whole"
    terms = Terms(
        dialect=dialect,
        mode=usual if deliveries == "auto" else deliveries,
        max_shrink=max_shrink,
        limits=Limits(max_unpacked_bytes, max_ratio),
        last_day=date.fromisoformat(last_day) if last_day else None,
        threads=threads,
        code=lambda: code_digest(step.FOLDER / "ingest.py"),
    )
    archive = Archive(Path(received), source.name)
    offered = items(source, step.FOLDER.parents[1]) if ask else []
    taken = take_in(offered, archive, terms, day_after(datetime.now(UTC)))
    if len(taken.state.prices) > MANY and not is_parquet(output):
        say("recommend format: parquet, for JSON is slow and large", rows=len(taken.state.prices))
    sha256 = write_prices(output, taken.state.prices)
    facts = intake.receipt(source.name, taken, output, sha256)
    if receipt is not None:
        write_json(receipt, facts)
    if quarantine is not None:
        write_json(quarantine, [row for part in taken.facts for row in part["entries"]])
    if restatements is not None:
        write_json(restatements, taken.restatements)
    if len(taken.state.prices) >= WORTH_IT:
        folder = archive.history / "snapshot"
        save(folder, taken.key(), Snapshot(taken.state, taken.facts), output, sha256)
    say("quarantined", rows=sum(facts["quarantined"].values()), **facts["quarantined"])
    say("end", rows=facts["rows"], kept=facts["kept"], source=source.name, output=output)


if __name__ == "__main__":
    step.run(ingest)
