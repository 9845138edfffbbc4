"""Competitors of our ingest in `reading.py`: `python contenders.py polars prices.csv made.parquet`.

Each runs as a process that imports only its own library, and checks nothing.
"""

import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "benchmarks" / "peers.lock"


def schema(date: Any, text: Any, real: Any, whole: Any) -> dict[str, Any]:
    """The file's columns, each with its type."""
    prices = dict.fromkeys(("Open", "High", "Low", "Close"), real)
    return {"Date": date, "Ticker": text} | prices | {"Volume": whole}


def polars(source: str, output: str) -> None:
    import polars as pl

    table = pl.read_csv(source, schema=schema(pl.Date, pl.String, pl.Float64, pl.Int64))
    table.unique().sort("Ticker", "Date").write_parquet(output, compression="snappy")


def polars_lazy(source: str, output: str) -> None:
    """The same with lazy evaluation."""
    import polars as pl

    table = pl.scan_csv(source, schema=schema(pl.Date, pl.String, pl.Float64, pl.Int64))
    table.unique().sort("Ticker", "Date").sink_parquet(output, compression="snappy")


def duckdb(source: str, output: str) -> None:
    import duckdb as duck

    columns = schema("DATE", "VARCHAR", "DOUBLE", "BIGINT")
    duck.sql(
        f"copy (select distinct * from read_csv('{source}', header = true, columns = {columns}) "
        f"order by Ticker, Date) to '{output}' (format parquet, compression snappy)"
    )


def pyarrow(source: str, output: str) -> None:
    """Reads text first, and does not deduplicate, because pyarrow has no function for it."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    types = schema(pa.date32(), pa.string(), pa.float64(), pa.int64())
    text = pa.csv.ConvertOptions(column_types=dict.fromkeys(types, pa.string()))
    table = pa.csv.read_csv(source, convert_options=text).cast(pa.schema(types))
    table = table.sort_by([("Ticker", "ascending"), ("Date", "ascending")])
    pa.parquet.write_table(table, output, compression="snappy")


def same(*paths: str) -> None:
    """Exit with an error unless all files hold the same prices in the same order."""
    from pyarrow import parquet

    first, *others = (parquet.read_table(path) for path in paths)
    for path, other in zip(paths[1:], others, strict=True):
        if not other.rename_columns(first.column_names).cast(first.schema).equals(first):
            raise SystemExit(f"{path} holds other prices than {paths[0]}")


def ours_in_parts(scripts: str, *options: str) -> None:
    """Run our ingest in this process and print the seconds of each part as JSON."""
    begun = time.perf_counter()
    sys.path.insert(0, scripts)
    sys.argv[1:] = options
    import ingest
    from pricewright.intake import intake
    from pricewright.intake.archive import Archive
    from pricewright.intake.reading.delimited import DelimitedSheet

    spent: dict[str, float] = defaultdict(float)

    def timed(holder: Any, name: str, part: str) -> None:
        function = getattr(holder, name)

        def call(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            result = function(*arguments, **named)
            spent[part] += time.perf_counter() - begun
            return result

        setattr(holder, name, call)

    timed(Archive, "receive", "receive: keep the bytes, hash them")
    timed(intake, "read_delivery", "read, check, sort")
    timed(DelimitedSheet, "texts", "second pass: texts of bad rows")
    timed(ingest, "write_prices", "write the prices, hash them")
    timed(ingest, "save_snapshot", "snapshot, for the next delivery")
    ingest.step.run(ingest.ingest)
    spent["imports, receipts, the rest"] = time.perf_counter() - begun - sum(spent.values())
    print(json.dumps(spent))


def peers(lock: Path = LOCK, *more: Path) -> tuple[Path, list[str]]:
    """The Python of an environment for some locks, made if needed, and the first lock's pins."""
    import re
    import subprocess

    folder = ROOT / ".venv" / lock.stem
    python, installed = folder / "bin" / "python", folder / lock.name
    wanted = b"".join(each.read_bytes() for each in (lock, *more))
    if not installed.exists() or installed.read_bytes() != wanted:
        print(f"Installing the peers into {folder} (once) …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
        listed = [part for each in (lock, *more) for part in ("--requirement", each)]
        subprocess.run([*pip, "--require-hashes", *listed], check=True)
        installed.write_bytes(wanted)
    return python, re.findall(r"^\S+==\S+", lock.read_text(), re.MULTILINE)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
