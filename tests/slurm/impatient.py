"""Snakemake, but it looks at its jobs on a cluster twice a second.

The Slurm plugin looks after 40 seconds, then ten seconds later each time, which is kind to a
cluster and long for a test. The jobs themselves are Snakemake as it is.
"""

import asyncio

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def half_a_second(self: RemoteExecutor) -> None:
    await asyncio.sleep(0.5)


if __name__ == "__main__":
    RemoteExecutor.sleep = half_a_second
    main()
