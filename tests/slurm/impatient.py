"""Snakemake, but it looks at its jobs on a cluster every second.

The plugins for Slurm and LSF look after 40 and 20 seconds, then ten seconds later each time, which
is kind to a cluster and long for a test. The jobs themselves are Snakemake as it is.
"""

import asyncio
import ctypes
import signal
from types import SimpleNamespace

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors import remote

PR_SET_PDEATHSIG = 1


async def a_second(_: float) -> None:
    await asyncio.sleep(1)


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # tests that are killed leave no run
    remote.asyncio = SimpleNamespace(**vars(asyncio) | {"sleep": a_second})
    main()
