"""Comforts: what a run has by private parts of Snakemake, and can do without.

Such a part may change with any version of Snakemake. So each use stands in a `comfort`, which says
what the run loses without it: a warning in one sentence, and the run goes on. A few are only asked
for, and do no harm where they are not.

| part of Snakemake | used for | without it |
|---|---|---|
| `dag`, `jobs`, `needrun_jobs`, `finished` | what was done | no records, no last words |
| `rule_dot`, `dag_settings` | the DAG's picture | none is drawn |
| `create_report`, `Reporter`, `ReportSettings`, `GlobalReportSettings`, `Plugin` | the run report \
| none is written |
| `is_flagged`, `persistence` | a step that failed is due in the next run | \
that one finds nothing to do |
| `report`, `infer_source_file` | the picture in that report | the report lacks it |
| `Snakemake`, `Params`, `PersistenceBase` | params compared without pandas | it is imported |
| `output_settings`, the default handler, `LogEvent` | a line for each step | Snakemake's own stay |
| `Quietness` | quiet runs say nothing at the end | no run says what it came to |
| `exec_mode`, `ExecMode`, `modifier` | whether this is the run itself, not a job or a module of \
another workflow | it says nothing of its own |
| `execution_settings`, "Nothing to be done" | runs with nothing to do | lost records stay lost |
| `dryrun`, `touch` | runs that make nothing | no records are made |
| `Job`: `restart_times` | wrong data is not tried again | it is, and fails in the same words |
| `attempt` | which attempt a job of a cluster is | it does not wait |
| `storage_settings` | whether results are files here | the ledger is told in any case |
| `overwrite_configfiles` | commands that name the run's config files | they do not |
| `RemoteExecutor` | an interrupted run cancels all its jobs | some may stay in the queue |
| `remote_exec` | retries by whoever submitted a job | the job on the cluster retries, too |
| `local_exec`, `cores` | all cores of a machine are used | four are |
| `is_storage`, `size_files` | the size of an input in a storage | it counts as unknown |
| `job.rule.script`, `__traceback__` of an error | names of steps, sentences that stand alone | \
no records, more lines |
| `active_jobs`, `cancel_jobs`, `run_uuid` | as `RemoteExecutor` | as that |
| timers of Snakemake's modules, `snakemake.cli` | a process that ends at once | it ends later |
| the words "Cannot restore", and those of any run | what is kept back on a terminal | it is shown |
| "Terminating processes on user request" | who ends a run is not told that it failed | they are |
| the page of the HTML reporter, as its template has it | data that is no markup there | none is \
written |
| the names in `.snakemake/log/` | `pricewright status`: when the last run began | it says less |

No run goes without `min_version` and `source_path`, which its manual has, `current_basedir` and
`default_target`, and in Python the `logger` and `WorkflowError`.
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
