"""Methods of Snakemake that are replaced while it runs this workflow.

Snakemake imports pandas only to check whether a param is a table, which takes a third of a run with
nothing to do. A param of a plain type is never a table, so pandas is not imported for it; compared
values and what a job gets stay the same. For other types, Snakemake checks as usual.
"""

import subprocess
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from running.comforts import comfort

from pricewright.steplog.log import failed_for_good

_PLAIN = {bool, bytes, dict, float, int, list, set, str, tuple, type(None)}


def try_wrong_data_once(job: Any, run_began: Callable[[], float]) -> None:
    """Keep Snakemake from retrying a job that failed for good: it would fail the same way.

    run_began: returns when the run began; a log from before tells nothing.
    """
    times = job.restart_times.fget

    @wraps(times)
    def restart_times(self: Any) -> int:
        with comfort("wrong data is retried in vain"):
            logs = [Path(path) for path in self.log if Path(path).exists()]
            if any(failed_for_good(log) for log in logs if log.stat().st_mtime >= run_began()):
                return 0
        return int(times(self))

    if not hasattr(times, "__wrapped__"):
        job.restart_times = property(restart_times)


def spare_pandas() -> None:
    """Make Snakemake compare params of plain types, and pass them to jobs, without pandas.

    A Snakemake without the methods concerned is left as it is.
    """
    from snakemake.iocontainers import Snakemake
    from snakemake.persistence import PersistenceBase

    for owner, name, plainly in (
        (PersistenceBase, "_serialize_param_pandas", _as_text),
        (Snakemake, "_safely_store_params", _store),
    ):
        asking = getattr(owner, name, None)
        if asking and not hasattr(asking, "__wrapped__"):
            setattr(owner, name, _spared(asking, plainly))


def _spared(asking: Callable[..., Any], plainly: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(asking)
    def method(self: Any, given: Any) -> Any:
        from snakemake.iocontainers import Params

        values = given if isinstance(given, Params) else [given]
        if all(type(value) in _PLAIN for value in values):
            with comfort("this run imports pandas, which takes a while"):
                return plainly(self, given)
        return asking(self, given)

    return method


def _as_text(persistence: Any, value: Any) -> Any:
    return persistence._serialize_param_builtin(value)


def _store(job: Any, params: Any) -> None:
    from snakemake.iocontainers import Params

    job._params_store, job._params_types = Params(toclone=list(params)), {}
    job._params_store._take_names(params._get_names())


def cancel_all(executor: Any) -> None:
    """Make an interrupted run cancel all of its jobs on a cluster.

    An executor's list lacks jobs whose status it is asking for, and those that it is about to
    submit. The former come back when it shuts down; Slurm's jobs all have the run's own name.
    """
    cancel = executor.cancel

    @wraps(cancel)
    def method(self: Any) -> None:
        known = {id(job) for job in self.active_jobs}
        cancel(self)
        with comfort("a job whose status was being asked for may stay in the queue"):
            if left := [job for job in self.active_jobs if id(job) not in known]:
                self.cancel_jobs(left)
            if name := getattr(self, "run_uuid", None):
                subprocess.run(["scancel", f"--name={name}"], check=True, timeout=60)

    if not hasattr(cancel, "__wrapped__"):
        executor.cancel = method
