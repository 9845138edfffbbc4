"""Write made-up daily prices, the same bytes for the same seed.

Runs as its own process. The name of the file decides: CSV, or Parquet without bad rows. Prints as
JSON what a reader must find: the number of rows, and how many to quarantine for each reason.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

NAMES = ("Date", "Ticker", "Open", "High", "Low", "Close", "Volume")
DATE, SYMBOL, OPEN, HIGH, LOW, CLOSE, VOLUME = range(7)
BEGIN = "2000-01-03"
AT_A_TIME = 500_000
"""Approximate number of rows."""

Fields = list[str]


def put(place: int, text: str) -> Callable[[Fields], Fields]:
    """Replace a field by another text."""
    return lambda fields: [*fields[:place], text, *fields[place + 1 :]]


def swap_high_and_low(fields: Fields) -> Fields:
    return [*fields[:HIGH], fields[LOW], fields[HIGH], *fields[CLOSE:]]


def close_above_the_high(fields: Fields) -> Fields:
    return put(CLOSE, f"{float(fields[HIGH]) + 1:.2f}")(fields)


SPOILT: tuple[tuple[str, Callable[[Fields], Fields]], ...] = (
    ("field-count", lambda fields: fields[:-1]),
    ("field-count", lambda fields: [*fields, "7"]),
    ("stray-quote", put(SYMBOL, 'S"T"R')),
    ("nul", put(SYMBOL, "S\0R")),
    ("unreadable-date", put(DATE, "today")),
    ("impossible-date", put(DATE, "2001-02-30")),
    ("ambiguous-date", put(DATE, "01/02/2001")),
    ("future-date", put(DATE, "2999-12-31")),
    ("bad-symbol", put(SYMBOL, "<script>")),
    ("bad-symbol", put(SYMBOL, "\u0405TR")),  # a Cyrillic letter
    ("unreadable-number", put(CLOSE, "abc")),
    ("infinite-number", put(OPEN, "1e999")),
    ("sign", put(LOW, "-1.50")),
    ("overflowing-volume", put(VOLUME, "9" * 18)),
    ("high-below-low", swap_high_and_low),
    ("outside-range", close_above_the_high),
)
"""Reasons to quarantine a row, each with the way to spoil a good row."""

REPEATED: tuple[tuple[str, Callable[[Fields], Fields]], ...] = (
    ("duplicate", lambda fields: fields),
    ("conflict", lambda fields: put(VOLUME, fields[VOLUME] + "1")(fields)),
)
"""The same for bad rows that are inserted below a good row."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--clean", type=Path, help="also write the file without bad rows here")
    parser.add_argument("--symbols", type=int, default=4_000)
    parser.add_argument("--days", type=int, default=2_500, help="business days")
    parser.add_argument("--first-day", type=int, default=0, help=f"counted from {BEGIN}")
    parser.add_argument("--bad", type=float, default=0.001, help="the share of rows")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    days = range(options.first_day, options.first_day + options.days)
    made = batches(random, options.symbols, days)
    found: Counter[str] = Counter()
    if options.output.suffix == ".parquet":
        write_parquet(options.output, made)
    else:
        write_csv(options, made, random, found)
    print(json.dumps({"rows": options.symbols * options.days, "quarantined": found}))


def write_parquet(output: Path, made: Iterator[pa.Table]) -> None:
    """Write prices as numbers, one row group per batch."""
    types = [pa.date32(), pa.string(), *[pa.float64()] * 4, pa.int64()]
    schema = pa.schema(list(zip(NAMES, types, strict=True)))
    with pa.parquet.ParquetWriter(output, schema) as file:
        for batch in made:
            columns = [column.cast(kind) for column, kind in zip(batch.columns, types, strict=True)]
            columns[OPEN:VOLUME] = [pc.divide(cents, 100.0) for cents in columns[OPEN:VOLUME]]
            file.write_table(pa.table(columns, schema=schema))


def write_csv(
    options: argparse.Namespace,
    made: Iterator[pa.Table],
    random: np.random.Generator,
    found: Counter[str],
) -> None:
    """Write lines, a share of them spoilt; adds the count of each reason to `found`."""
    with ExitStack() as files:
        output = files.enter_context(options.output.open("wb"))
        clean = files.enter_context(options.clean.open("wb")) if options.clean else None
        for file in (output, clean):
            if file:
                file.write(f"{','.join(NAMES)}\n".encode())
        prices = pa.array([f"{cents / 100:.2f}" for cents in range(300_000)])
        for batch in made:
            written = lines(batch, prices)
            if clean:
                clean.write(memoryview(written.buffers()[2]))
            for piece in spoilt(random, written, options.bad, found):
                output.write(piece)


def batches(random: np.random.Generator, symbols: int, days: range) -> Iterator[pa.Table]:
    """Good rows in order of date and then symbol, with prices in cents."""
    names = pa.array([f"S{number:05}" for number in range(symbols)])
    dates = pa.array(np.busday_offset(BEGIN, np.array(days)).astype(str))
    last = random.normal(np.log(5_000), 1, symbols)
    each = max(1, AT_A_TIME // symbols)
    for begin in range(0, len(days), each):
        shape = (min(each, len(days) - begin), symbols)
        walk = last + np.cumsum(random.normal(0, 0.015, shape), axis=0)
        last = walk[-1]
        closes = np.exp(np.clip(walk, np.log(200), np.log(200_000))).astype(np.int64)
        opens = (closes * random.uniform(0.99, 1.01, shape)).astype(np.int64)
        highs = (np.maximum(opens, closes) * random.uniform(1, 1.02, shape)).astype(np.int64) + 1
        lows = (np.minimum(opens, closes) * random.uniform(0.98, 1, shape)).astype(np.int64) - 1
        volumes = random.integers(1_000, 10_000_000, shape)
        at = np.arange(begin, begin + shape[0])
        numbers = (opens, highs, lows, closes, volumes)
        columns = [
            dates.take(pa.array(np.repeat(at, symbols))),
            names.take(pa.array(np.tile(np.arange(symbols), shape[0]))),
            *(pa.array(column.ravel()) for column in numbers),
        ]
        yield pa.table(columns, names=NAMES)


def lines(batch: pa.Table, prices: pa.Array) -> pa.Array:
    """Rows as lines of CSV; `prices` maps each number of cents to its text."""
    columns = [column.combine_chunks() for column in batch.columns]
    return pc.binary_join_element_wise(
        *columns[:OPEN],
        *(prices.take(cents) for cents in columns[OPEN:VOLUME]),
        pc.binary_join_element_wise(columns[VOLUME].cast(pa.string()), "", "\n"),
        ",",
    )


def spoilt(
    random: np.random.Generator, lines: pa.Array, share: float, found: Counter[str]
) -> Iterator[bytes | memoryview]:
    """The bytes of the lines, a share of them spoilt, with each kind of fault equally often.

    Only every second line can be spoilt, so that the line above it is good.
    """
    content, offsets = memoryview(lines.buffers()[2]), np.frombuffer(lines.buffers()[1], np.int32)
    chosen = random.choice(len(lines) // 2, round(len(lines) * share), replace=False)
    sorts = [(0, *sort) for sort in SPOILT] + [(1, *sort) for sort in REPEATED]
    written = 0
    for number, line in enumerate(sorted((2 * chosen + 1).tolist())):
        above, reason, change = sorts[number % len(sorts)]
        fields = lines[line - above].as_py().rstrip("\n").split(",")
        yield content[written : offsets[line]]
        yield (",".join(change(fields)) + "\n").encode()
        written = offsets[line + 1]
        found[reason] += 2 if reason == "conflict" else 1
    yield content[written:]


if __name__ == "__main__":
    main()
