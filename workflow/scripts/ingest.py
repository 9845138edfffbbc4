"""Ingest: the delivered prices, read exactly, as records in one format."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import step
from pricewright.documents import write_columns, write_json
from pricewright.files import sha256
from pricewright.journal import say
from pricewright.reading import Dialect, read_prices
from pricewright.sources import fetch, unpack


def ingest(
    input: str,
    output: Path,
    *,
    receipt: Path | None = None,
    uri: str | None = None,
    layout: Literal["long", "wide"] = "long",
    columns: dict[str, str] | None = None,
    symbol: str | None = None,
    delimiter: str = ",",
    date_format: str = "%Y-%m-%d",
    missing_markers: Sequence[str] = ("",),
) -> None:
    """Read a delivery of prices and write it as JSON records.

    Every field is read as text and then parsed exactly; the first field, row or column that
    is not as described ends the step with one sentence that names file and line. Nothing is
    guessed, changed or left out.

    Parameters
    ----------
    input
        The delivery: a CSV file, plain, gzipped or alone in a zip.
    output
        The records to write: `date`, `symbol` and the values, one a row, as delivered.
    receipt
        Where to write what came: source, SHA-256, bytes, rows, symbols, first and last date.
    uri
        The name of the source in log, receipt and errors, if it is not the input's path.
    layout
        `long`: a row per symbol and date. `wide`: a row per date, a column per symbol.
    columns
        Our name to the file's name, as in `--columns.date Day`. Ours are date, symbol, open,
        high, low, close, adj_close and volume. Left out: the file's own names.
    symbol
        The symbol of every row, for a long file that has no such column.
    delimiter
        What stands between two fields.
    date_format
        How dates are written, as in strptime.
    missing_markers
        The texts that stand for no value.
    """
    name = uri or str(input)
    say("start", source=name)
    content = fetch(str(input))
    dialect = Dialect(
        layout=layout,
        columns=columns or {},
        symbol=symbol,
        delimiter=delimiter,
        date_format=date_format,
        missing_markers=tuple(missing_markers),
    )
    table = read_prices(unpack(content, name), name, dialect)
    written = write_columns(output, table)
    facts = {
        "source": name,
        "sha256": sha256(content),
        "bytes": len(content),
        "rows": len(table["date"]),
        "symbols": len(set(table["symbol"])),
        "first_date": min(table["date"]),
        "last_date": max(table["date"]),
    }
    if receipt is not None:
        write_json(receipt, facts | {"records": {"path": str(output), "sha256": sha256(written)}})
    say("end", rows=facts["rows"], symbols=facts["symbols"], source=name, output=output)


if __name__ == "__main__":
    step.run(ingest)
