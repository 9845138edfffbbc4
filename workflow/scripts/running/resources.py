"""The resources that a job asks a cluster for, and how often it is retried.

They have the form of a rule's `resources` and `retries`. Each rule has its own figures, by the size
of its inputs, which are measured (benchmarks/README.md) and rounded up. While an input does not
exist, there is no estimate: Snakemake prints <TBD> and asks again before the job starts.
"""

import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from snakemake.exceptions import WorkflowError

from running.comforts import comfort


def retries_here(workflow: Any, times: int) -> int:
    """How often this Snakemake retries a failed job.

    Never inside a job on a cluster: its submitter submits it again, with more memory. Snakemake
    passes `--retries 0` to that job, but a rule's own value takes precedence.
    """
    return 0 if getattr(workflow, "remote_exec", False) else times


def cores_here(workflow: Any, elsewhere: int) -> Callable[[Any], int]:
    """A function of a job's wildcards: the cores it uses. On one machine these are all that
    `--cores` gives; on a cluster the job asks for `elsewhere` cores."""

    def threads(wildcards: Any) -> int:
        lost = f"a job works on {elsewhere} cores, however many there are"
        with comfort(lost), suppress(WorkflowError):  # `--report` needs no --cores
            if workflow.local_exec:
                return int(workflow.cores)
        return elsewhere

    return threads


SNAKEMAKE_MB = 500
"""Megabytes of the two more Snakemakes, 225 MB each, around a job on a cluster: the one that is
submitted and the one that it starts."""

MB = 1_000_000

UNKNOWN_MB = 250.0
"""The assumed size of an input that is no file: a web page, a bucket, a database."""

PLAIN = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson"}
PACKED = 3.0
"""The megabytes of text that a megabyte of other formats counts for: .gz, Excel, …"""

PARQUET, ARRAYS = 2.0, 0.25
"""The same for Parquet, and for the arrays that shards leave, which are not compressed."""

MOST_MB = 256_000
"""The limit of a request: few nodes have more, so a job that asks for more may never start."""

MOST_MINUTES = 7 * 24 * 60

Resource = Callable[[Any, Any, int], int]
"""A function of a job's wildcards, input and attempt."""


def memory(start: float, per_mb: float, shards: int = 1, parquet: float = PARQUET) -> Resource:
    """Megabytes of memory: `start`, and `per_mb` for each megabyte of text that is read. Rounded up
    to hundreds, so that jobs of similar size ask for the same.

    shards: their number; each holds its own part of a Parquet file, but all of a JSON file.
    parquet: the megabytes of text that a megabyte of Parquet counts for.
    """
    weight = parquet / shards
    return _asked(SNAKEMAKE_MB + start, per_mb, step=100, most=MOST_MB, parquet=weight)


def minutes(start: float, per_mb: float) -> Resource:
    """Minutes: `start`, and `per_mb` for each megabyte of text that is read."""
    return _asked(start, per_mb, step=1, most=MOST_MINUTES)


def disk(start: float, per_mb: float) -> Resource:
    """Megabytes of disk, for inputs and outputs."""
    return _asked(start, per_mb, step=100, most=MOST_MB)


def _asked(
    start: float, per_mb: float, *, step: int, most: int, parquet: float = PARQUET
) -> Resource:
    """The estimate at the first attempt, twice that at the second, and so on, up to `most`."""

    def resource(wildcards: Any, input: Any, attempt: int) -> int:
        first = math.ceil((start + per_mb * text_mb(input, parquet)) / step) * step
        return min(first * attempt, most)

    return resource


def text_mb(files: Any, parquet: float = PARQUET) -> float:
    """The approximate size of a job's input files as plain text, in megabytes.

    parquet: the megabytes of text that a megabyte of Parquet counts for.

    Raises FileNotFoundError, which Snakemake expects, while one of them does not exist.
    """
    if not files:
        return UNKNOWN_MB
    if not any(getattr(file, "is_storage", False) for file in files):
        sizes = [os.stat(file).st_size for file in files]  # `size_files` would warn each time
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
