"""Comforts: features that rely on private parts of Snakemake, and that a run can do without.

Such a part may change with any version of Snakemake. Each use is wrapped in a `comfort`, which
names what the run loses without it: if the part fails, the run warns in one sentence and goes on.
A few parts are only read if they exist.

| part of Snakemake | used for | without it |
|---|---|---|
| `dag`, `jobs`, `needrun_jobs`, `finished` | what was done | no records, no summary |
| `rule_dot`, `dag_settings` | the DAG's picture | none is drawn |
| `create_report`, `Reporter`, `ReportSettings`, `GlobalReportSettings`, `Plugin` | the run report \
| none is written |
| `is_flagged`, `persistence` | a failed step runs again in the next run | \
that run finds nothing to do |
| `report`, `infer_source_file` | the picture in that report | the report lacks it |
| `Snakemake`, `Params`, `PersistenceBase` | comparing params without pandas | pandas is imported |
| `output_settings`, the default handler, `LogEvent` | a line for each step | Snakemake's lines |
| `Quietness` | no summary in quiet runs | no run has a summary |
| `exec_mode`, `ExecMode`, `modifier` | whether this is the run itself, not a job or a module of \
another workflow | no lines of its own |
| `onstart`, `execution_settings` | jobs that a killed run left end when the next begins | they go \
on beside it |
| `execution_settings`, "Nothing to be done" | runs with nothing to do | lost records stay lost |
| `dryrun`, `touch` | runs that make nothing | no records are made |
| `Job`: `restart_times` | not retrying wrong data | it is retried and fails again |
| `attempt` | the attempt of a job on a cluster | it does not wait |
| `storage_settings` | whether results are local files | the ledger records the run in any case |
| `overwrite_configfiles` | commands that name the run's config files | they do not |
| `RemoteExecutor` | an interrupted run cancels all its jobs | some may stay in the queue |
| `remote_exec` | only the submitter of a job retries it | the job on the cluster retries as well |
| `local_exec`, `cores` | using all cores of a machine | four are used |
| `is_storage`, `size_files` | the size of an input in a storage | it counts as unknown |
| `job.rule.script`, `__traceback__` of an error | names of steps, errors of one sentence | \
no records, more lines |
| `active_jobs`, `cancel_jobs`, `run_uuid` | as `RemoteExecutor` | as there |
| timers of Snakemake's modules, `snakemake.cli` | a process that ends at once | it ends later |
| `exception` of an error's message, `LockException` | errors of the disk, and a folder in which a \
run is at work, in one sentence | Snakemake's text |
| "Cannot restore" and its routine messages | hiding them on a terminal | they are shown |
| "Terminating processes on user request" | no notice of failure to whoever ends a run | a notice |
| the page of the HTML reporter, as its template has it | data in it cannot be markup | none is \
written |
| the names in `.snakemake/log/` | when the last run began, in `pricewright status` | it says less |

Every run needs `min_version` and `source_path`, which are in Snakemake's manual, `current_basedir`
and `default_target`, and in Python the `logger` and `WorkflowError`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pricewright.steplog.log import denied_or_full

_said: set[str] = set()

LAST = {"last": True}
"""Marks a log record that is to be shown below everything else."""


@contextmanager
def comfort(lost: str) -> Iterator[None]:
    """Do something that a run can do without; if it fails, warn what is `lost` and go on."""
    try:
        yield
    except Exception as error:
        from snakemake.logging import logger

        if lost in _said:
            return
        _said.add(lost)
        if sentence := denied_or_full(error):
            logger.warning(f"An optional feature failed, so {lost}: {sentence}")
            return
        why = " ".join(f"{type(error).__name__}: {error}".split())
        logger.warning(
            f"An optional feature failed, perhaps with a new Snakemake: {lost} ({why[:200]})."
        )
