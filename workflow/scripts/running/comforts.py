"""Comforts: what a run is spared or shows by parts of Snakemake that are not made for others.

Such a part may change with any version of Snakemake. So each use stands in a `comfort`, which says
what the run loses without it: a warning in one sentence, and the run goes on.

| part of Snakemake | used for | without it |
|---|---|---|
| `workflow.dag`, `needrun_jobs`, … | which steps this run did | no records, no last words |
| `dag.rule_dot`, `dag_settings` | the DAG's picture | none is drawn |
| `create_report`, the HTML reporter | the run report, light and harmless | none is written |
| `infer_source_file` | the picture's caption in the report | the report lacks the picture |
| `Snakemake`, `PersistenceBase` | params compared without pandas | each run imports pandas |
| the default handler, `LogEvent` | a line for each step | Snakemake's own lines stay |
| `execution_settings`, "Nothing to be done" | runs with nothing to do | lost records stay lost |
| `Job.restart_times` | wrong data is not tried again | it is, and fails in the same words |
| `attempt` | which attempt a job of a cluster is | it does not wait |
| `storage_settings` | whether results are files here | the ledger is told in any case |
| `overwrite_configfiles` | commands that name the run's config files | they do not |
| `RemoteExecutor` | an interrupted run cancels all its jobs | some may stay in the queue |
| `remote_exec` | retries by whoever submitted a job | the job on the cluster retries, too |
"""

from collections.abc import Iterator
from contextlib import contextmanager

_said: set[str] = set()

LAST = {"last": True}
"""What marks a record of the log that is to be shown below everything else."""


@contextmanager
def comfort(lost: str) -> Iterator[None]:
    """Do something that a run can do without; if it fails, warn of what is `lost` and go on."""
    try:
        yield
    except Exception as error:
        from snakemake.logging import logger

        why = " ".join(f"{type(error).__name__}: {error}".split())
        if lost not in _said:
            _said.add(lost)
            logger.warning(
                f"A comfort failed, perhaps for another Snakemake: {lost} ({why[:200]})."
            )
