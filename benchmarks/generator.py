"""Made-up daily prices as CSV, the same bytes for the same seed: a process of its own.

Prints what a reader must find, as JSON: the rows, and how many to quarantine for which reason.
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

HEADER = b"Date,Ticker,Open,High,Low,Close,Volume\n"
DATE, SYMBOL, OPEN, HIGH, LOW, CLOSE, VOLUME = range(7)
BEGIN = "2000-01-03"
AT_A_TIME = 500_000
"""Rows, about."""

Fields = list[str]


def put(place: int, text: str) -> Callable[[Fields], Fields]:
    """Another text in the place of a field."""
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
    ("fractional-volume", put(VOLUME, "1000.5")),
    ("overflowing-volume", put(VOLUME, "9" * 18)),
    ("high-below-low", swap_high_and_low),
    ("outside-range", close_above_the_high),
)
"""A reason to quarantine a row, and how a good row comes to have it."""

REPEATED: tuple[tuple[str, Callable[[Fields], Fields]], ...] = (
    ("duplicate", lambda fields: fields),
    ("conflict", lambda fields: put(VOLUME, fields[VOLUME] + "1")(fields)),
)
"""The same of rows that stand below the good row."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--clean", type=Path, help="where to write it with no bad row as well")
    parser.add_argument("--symbols", type=int, default=4_000)
    parser.add_argument("--days", type=int, default=2_500, help="business days")
    parser.add_argument("--first-day", type=int, default=0, help=f"counted from {BEGIN}")
    parser.add_argument("--bad", type=float, default=0.001, help="the share of rows")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    found: Counter[str] = Counter()
    with ExitStack() as files:
        output = files.enter_context(options.output.open("wb"))
        clean = files.enter_context(options.clean.open("wb")) if options.clean else None
        for file in (output, clean):
            if file:
                file.write(HEADER)
        random = np.random.default_rng(options.seed)
        days = range(options.first_day, options.first_day + options.days)
        for lines in batches(random, options.symbols, days):
            if clean:
                clean.write(memoryview(lines.buffers()[2]))
            for piece in spoilt(random, lines, options.bad, found):
                output.write(piece)
    print(json.dumps({"rows": options.symbols * options.days, "quarantined": found}))


def batches(random: np.random.Generator, symbols: int, days: range) -> Iterator[pa.Array]:
    """Good rows as lines, by date and then symbol."""
    names = pa.array([f"S{number:05}" for number in range(symbols)])
    dates = pa.array(np.busday_offset(BEGIN, np.array(days)).astype(str))
    prices = pa.array([f"{cents / 100:.2f}" for cents in range(300_000)])
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
        yield pc.binary_join_element_wise(
            dates.take(pa.array(np.repeat(at, symbols))),
            names.take(pa.array(np.tile(np.arange(symbols), shape[0]))),
            *(prices.take(pa.array(cents.ravel())) for cents in (opens, highs, lows, closes)),
            pc.binary_join_element_wise(pa.array(volumes.ravel()).cast(pa.string()), "", "\n"),
            ",",
        )


def spoilt(
    random: np.random.Generator, lines: pa.Array, share: float, found: Counter[str]
) -> Iterator[bytes | memoryview]:
    """The bytes of the lines, of which a share is spoilt, each sort as often as the others.

    Only every second line is, so that the line above it is good.
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
