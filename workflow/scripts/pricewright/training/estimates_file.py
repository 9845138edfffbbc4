"""Estimates of past days, kept in a Parquet file from one training to the next.

The file has a row for each symbol and day. Deleting it costs only the time to make it again. The
deployed estimate, that of the last day, is never taken from it.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pricewright.files.disk import whole_file
from pricewright.files.errors import Refusal
from pricewright.forecasting.estimates import NUMBERS, Digests, Estimates
from pricewright.forecasting.panel import NEVER
from pricewright.steplog.log import say
from pricewright.tables.arrays import Days, Floats, Ints

KEPT = Path("data/walkforward/garch.parquet")
"""The file of kept estimates, within a project."""


def read_estimates(path: Path, code: str, symbols: Sequence[str], days: Sequence[int]) -> Estimates:
    """The kept estimates of some symbols on rising days; none if the file is missing or invalid."""
    found = Estimates.none(len(symbols), days, code)
    try:
        row, stored, digests, numbers = _stored(path, symbols)
    except FileNotFoundError:
        return found
    except Exception as error:  # whatever is wrong: everything in it can be made again
        say("estimating again", reason=f"{path}: {type(error).__name__}: {error}")
        return found
    at = np.searchsorted(days, stored)
    wanted = (row >= 0) & (np.append(days[:-1], [NEVER, NEVER])[at] == stored)
    found.digests[row[wanted], at[wanted]] = digests[wanted]
    found.numbers[row[wanted], at[wanted]] = numbers[wanted]
    return found


def _stored(path: Path, symbols: Sequence[str]) -> tuple[Ints, Days, Digests, Floats]:
    """Row by row: the index of its symbol (-1 if not wanted), the day, the digest (n, 4), and
    NUMBERS (n, N)."""
    import pyarrow as pa
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        table = file.read(["symbol", "day", "digest", "check", *NUMBERS]).combine_chunks()
    digests = np.frombuffer(b"".join(table["digest"].to_pylist()), "<u8").reshape(-1, 4)
    numbers = np.stack([table[name].to_numpy() for name in NUMBERS], axis=-1)
    if table["check"].to_pylist() != _checks(digests, numbers):
        raise Refusal("it is not as it was written")
    names = table["symbol"].dictionary_encode().combine_chunks()
    places = {symbol: place for place, symbol in enumerate(symbols)}
    known = np.array([places.get(name, -1) for name in names.dictionary.to_pylist()], dtype=np.intp)
    return (
        known[names.indices.to_numpy()],
        table["day"].cast(pa.int32()).to_numpy(),
        digests,
        numbers,
    )


def _checks(digests: Digests, numbers: Floats) -> list[str]:
    """The first 16 hex digits of the SHA-256 of each row."""
    rows = np.concatenate([digests.astype("<u8").view("<f8"), numbers.astype("<f8")], axis=1)
    return [hashlib.sha256(row.tobytes()).hexdigest()[:16] for row in rows]


def write_estimates(path: Path, estimates: Estimates, symbols: Sequence[str]) -> None:
    """Replace the file, in one step, by the estimates of some symbols."""
    import pyarrow as pa
    import pyarrow.parquet

    days, count = estimates.days, len(estimates.days)
    digests = pa.py_buffer(np.ascontiguousarray(estimates.digests.astype("<u8")))
    checks = _checks(estimates.digests.reshape(-1, 4), estimates.numbers.reshape(-1, len(NUMBERS)))
    numbers = estimates.numbers.reshape(-1, len(NUMBERS)).T
    table = pa.table(
        {
            "symbol": pa.array(np.repeat(np.array(symbols, dtype=object), count), pa.string()),
            "day": pa.array(np.tile(days, len(symbols))).view(pa.date32()),
            "digest": pa.Array.from_buffers(pa.binary(32), len(symbols) * count, [None, digests]),
            "check": pa.array(checks, pa.string()),
            **{name: pa.array(column) for name, column in zip(NUMBERS, numbers, strict=True)},
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        pyarrow.parquet.write_table(table, file, compression="zstd", store_schema=False)
