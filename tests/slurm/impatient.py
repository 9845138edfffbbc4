"""Snakemake, but it looks at its jobs on a cluster every second.

The Slurm plugin looks after 40 seconds, then ten seconds later each time, which is kind to a
cluster and long for a test. The jobs themselves are Snakemake as it is.
"""

import asyncio
import ctypes
import signal

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

PR_SET_PDEATHSIG = 1


async def a_second(self: RemoteExecutor) -> None:
    await asyncio.sleep(1)


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # tests that are killed leave no run
    RemoteExecutor.sleep = a_second
    main()
