"""What a job asks a cluster for, and how often it is tried again.

In the form that a rule's `resources` and `retries` take. Each rule has its own figures, which are
measured (benchmarks/README.md) and rounded up, by the size of what it reads. While an input does
not exist yet, there is no estimate: Snakemake writes <TBD>, and asks again before the job starts.
"""

import math
import os
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from running.comforts import comfort


def retries_here(workflow: Any, times: int) -> int:
    """How often a job that failed is tried again by the Snakemake that reads this.

    Inside a job of a cluster never: whoever submitted it submits it again, with more memory.
    Snakemake says so to that job with `--retries 0`, but what a rule says comes first.
    """
    return 0 if getattr(workflow, "remote_exec", False) else times


def cores_here(workflow: Any, elsewhere: int) -> Callable[[Any], int]:
    """Of a job's wildcards, how many cores it uses: on one machine all that `--cores` gives; what
    it asks for `elsewhere`, on a cluster, is not a share of all the cores there."""

    def threads(wildcards: Any) -> int:
        with comfort(f"a job works on {elsewhere} cores, however many there are"):
            if workflow.local_exec:
                return int(workflow.cores)
        return elsewhere

    return threads


SNAKEMAKE_MB = 500
"""Around a job on a cluster are two more Snakemakes of 225 MB, the one that is submitted and
the one that this starts."""

MB = 1_000_000

UNKNOWN_MB = 250.0
"""What is read where there is no file to look at: a web page, a bucket, a database."""

PLAIN = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson"}
PACKED = 3.0
"""How many megabytes of text a megabyte of anything else counts for: .gz, Excel, …"""

PARQUET, ARRAYS = 2.0, 0.25
"""The same for Parquet, and for the arrays that shards leave, which are not packed at all."""

MOST_MB = 256_000
"""Few nodes have more: a job that asks for it may never start."""

MOST_MINUTES = 7 * 24 * 60

Resource = Callable[[Any, Any, int], int]
"""Of a job's wildcards, input and attempt."""


def memory(start: float, per_mb: float, shards: int = 1, parquet: float = PARQUET) -> Resource:
    """Megabytes of memory: `start`, and `per_mb` for each megabyte of text that is read. In whole
    hundreds, so that jobs of about one size ask for the same.

    shards: how many there are; each holds its own part of a Parquet file, but JSON as a whole.
    parquet: how many megabytes of text one of Parquet counts for.
    """
    weight = parquet / shards
    return _asked(SNAKEMAKE_MB + start, per_mb, step=100, most=MOST_MB, parquet=weight)


def minutes(start: float, per_mb: float) -> Resource:
    """Minutes: `start`, and `per_mb` for each megabyte of text that is read."""
    return _asked(start, per_mb, step=1, most=MOST_MINUTES)


def disk(start: float, per_mb: float) -> Resource:
    """Megabytes of disk, for what is read and what is written."""
    return _asked(start, per_mb, step=100, most=MOST_MB)


def _asked(
    start: float, per_mb: float, *, step: int, most: int, parquet: float = PARQUET
) -> Resource:
    """That much at the first attempt, twice that at the second, and so on."""

    def resource(wildcards: Any, input: Any, attempt: int) -> int:
        first = math.ceil((start + per_mb * text_mb(input, parquet)) / step) * step
        return min(first * attempt, most)

    return resource


def text_mb(files: Any, parquet: float = PARQUET) -> float:
    """About how many megabytes of text a job's input files hold, packed ones unpacked.

    parquet: how many one of Parquet counts for.

    Raises FileNotFoundError, which Snakemake knows, while one of them does not exist.
    """
    if not files:
        return UNKNOWN_MB
    if not any(getattr(file, "is_storage", False) for file in files):
        sizes = [os.stat(file).st_size for file in files]  # with the other, it would warn each time
    elif hasattr(files, "size_files"):
        sizes = files.size_files
    else:
        return UNKNOWN_MB
    weights = [_weight(PurePath(file).suffix.lower(), parquet) for file in files]
    return sum(size / MB * weight for size, weight in zip(sizes, weights, strict=True))


def _weight(kind: str, parquet: float) -> float:
    if kind == ".safetensors":
        return ARRAYS
    if kind == ".parquet":
        return parquet
    return 1.0 if kind in PLAIN else PACKED
