"""The newest run of a project: what an earlier run left on a cluster must not replace its results.

If the main Snakemake is killed, its jobs stay in the queue, and a newer run starts the same steps
again. So each run names itself in a file and, for its jobs, in the environment, and a job ends once
the file names another run.
"""

import os
import platform
import time
from contextlib import suppress
from pathlib import Path

from pricewright.files.disk import write_whole

FILE = Path(".snakemake/pricewright.run")
VARIABLE = "PRICEWRIGHT_RUN"

LOOK = 5.0
"""The seconds after which a job looks again: a thousand jobs may share one file system."""


def announce(alone: bool) -> None:
    """Say that this run is the newest, if it is `alone`, that is, has Snakemake's lock. Without it
    several runs may be at work side by side, by a person's wish: then none ends the others."""
    os.environ[VARIABLE] = ""
    if alone:
        name = f"{platform.node()} {os.getpid()} {time.time_ns()}"
        write_whole(FILE, name.encode())
        os.environ[VARIABLE] = name


def newest() -> str:
    """The name of the newest run; empty if there is none, as without a shared file system."""
    with suppress(OSError):
        return FILE.read_text()
    return ""


def run_of_this_job() -> str:
    """The name of the run that a job belongs to. On clusters that hand down no environment, it is
    the newest one as the job starts."""
    return os.environ.get(VARIABLE, newest())


def is_over(run: str) -> bool:
    """Whether a newer run than this one has begun."""
    return bool(run) and newest() not in (run, "")
