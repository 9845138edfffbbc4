"""What comes first while the Snakefile loads; a wrong config ends the run in one sentence.

Snakemake is spared pandas, which it imports to ask whether a param is a table of it, and which is
a third of a run with nothing to do. A param of a plain type is no table, and nobody need ask;
what is compared, and what a job gets, is the same. About one of another type it asks as ever.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from running.comforts import comfort

from pricewright.configuration.config import complete, read_config_file, source_files
from pricewright.files.errors import Refusal
from pricewright.scheduling.runs import AT_WORK, hold
from pricewright.steplog.log import failed_for_good

_UNQUOTED = " \t\n\"$&'()*;<>?{}|`\\"
"""Characters that Snakemake does not quote in the path of the Python that runs a script."""
_PLAIN = {bool, bytes, dict, float, int, list, set, str, tuple, type(None)}


class ConfigError(WorkflowError):  # type: ignore[misc]  # it has no types
    """What is wrong in config, or with where the project stands; its sentence stands alone.

    Snakemake would print below it which lines of the workflow were running, which are not at fault.
    """

    __traceback__ = None


def spare_pandas() -> None:
    """Have params of plain types compared, and given to jobs, without pandas.

    A Snakemake that does not have the methods that do this is left as it is.
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
    """Have a run that is interrupted cancel all of its jobs on a cluster.

    An executor forgets jobs while it asks for their status, and knows none that it is about to
    submit. The first come back when it is shut down; of Slurm's, all have the run's own name.
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


@dataclass
class _Run:
    """The run at hand.

    began: when.  lines: how many the ledger had then.  idle: what is done if there is nothing to
    do.  interrupted: whether somebody who looks at it ended it.  config: once it is checked.
    """

    began: float = field(default_factory=time.time)
    lines: int = 0
    idle: Callable[[], None] | None = None
    interrupted: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)


_run = _Run()

_HELD: list[int] = []
"""What shows others that a run is at work here."""


def run_began() -> float:
    """When the run at hand did; a log from before is of another one."""
    return _run.began


def lines_before_run() -> int:
    """How many the ledger had when the run at hand began: a clock tells no two runs apart that
    begin in one second."""
    return _run.lines


def is_interrupted() -> bool:
    """Whether somebody ended the run at hand, by Ctrl-C as a rule."""
    return _run.interrupted


def run_config() -> Mapping[str, Any]:
    """The config of the run at hand, once it is checked."""
    return _run.config


def run_ended() -> None:
    """The run at hand is over: what Snakemake says from now on is of another one."""
    _run.idle = None
    while _HELD:
        os.close(_HELD.pop())


def hear_that_nothing_is_done(record: logging.LogRecord) -> bool:
    """Hear from Snakemake that a run has nothing to do, or that somebody ends it, which it tells
    no hook; and keep back that what never was cannot be restored."""
    said = str(record.msg)
    _run.interrupted |= said.startswith("Terminating processes on user request")
    idle = _run.idle
    if idle and said.startswith("Nothing to be done"):
        run_ended()
        idle()
    return not said.startswith("Cannot restore ")


def try_once_what_is_wrong(job: Any) -> None:
    """Have Snakemake not try again a job that failed for good: it would end in the same words."""
    times = job.restart_times.fget

    @wraps(times)
    def restart_times(self: Any) -> int:
        with comfort("wrong data is tried again, in vain"):
            logs = [Path(path) for path in self.log if Path(path).exists()]
            if any(failed_for_good(log) for log in logs if log.stat().st_mtime >= run_began()):
                return 0
        return int(times(self))

    if not hasattr(times, "__wrapped__"):
        job.restart_times = property(restart_times)


AS_A_MODULE = (
    "Pricewright runs as a module: its picture of the DAG, run report, verdict, last words and "
    "messages to people are left out, for Snakemake runs the handlers of the outer workflow alone "
    "(docs/prices.md)."
)


def begin(workflow: Any, idle: Callable[[Any], None]) -> None:
    """Spare the run what it can do without, and show how it goes.

    idle: what is done with the workflow if there is nothing else to do.
    """
    # there may be several in one process
    _run.began, _run.lines, _run.idle, _run.interrupted = time.time(), 0, None, False
    with (
        comfort("people may be told of an earlier release"),
        suppress(FileNotFoundError, NotADirectoryError),
    ):
        _run.lines = Path("ledger/ledger.jsonl").read_bytes().count(b"\n")
    with comfort("this run imports pandas, which takes a while"):
        spare_pandas()
    with comfort("it says that it cannot restore what was never there, and makes up no records"):
        from snakemake.logging import logger
        from snakemake_interface_executor_plugins.settings import ExecMode

        logger.addFilter(hear_that_nothing_is_done)
        if workflow.exec_mode == ExecMode.DEFAULT:
            if workflow.modifier.is_main_snakefile():
                _run.idle = lambda: idle(workflow)
            else:
                logger.info(AS_A_MODULE)
        with comfort("a scheduled run may take the lock that this one has for one left behind"):
            if workflow.exec_mode == ExecMode.DEFAULT and not _HELD:
                _HELD.append(hold(AT_WORK))
    with comfort("wrong data is tried again, in vain"):
        from snakemake.jobs import Job

        try_once_what_is_wrong(Job)
    with comfort("an interrupted run may leave jobs in a cluster's queue"):
        if executors := sys.modules.get("snakemake_interface_executor_plugins.executors.remote"):
            cancel_all(executors.RemoteExecutor)
    with comfort("its own lines are shown"):
        from running.terminal import watch

        watch(workflow)


def readable(workflow: Any, file: str) -> str:
    """The config file, once it and those that the run was given are known to be such.

    Snakemake reads them again, with the last of a key that is there twice; with a config of a
    module's own it reads none. Raises ConfigError.
    """
    given: list[str] = []
    with comfort("a key that is twice in a config file counts as the last says"):
        if workflow.modifier.skip_configfile:
            return file
        given = [str(path) for path in workflow.overwrite_configfiles]
    try:
        # where the run was given others, the workflow's own need not be there
        for path in (*([file] if Path(file).exists() else []), *given):
            read_config_file(Path(path))
    except Refusal as refusal:
        raise ConfigError(str(refusal)) from None
    return file


def given_config_files(workflow: Any) -> list[str]:
    """The config files that the run was given, as they are named from its folder.

    Those of a workflow that uses this one as a module are not read as this one's.
    """
    files: list[str] = []
    with comfort("the commands that are printed do not name the run's config files"):
        if workflow.modifier.is_main_snakefile():
            files = [os.path.relpath(path) for path in workflow.overwrite_configfiles]
    return files


def checked(config: dict[str, Any], home: Path) -> list[str]:
    """Complete the config in place, and return the files of its source.

    home: where to look for a source that is not in the working directory. Raises ConfigError.
    """
    for path, unfit in ((sys.executable, _UNQUOTED), (str(home), "{}"), (os.getcwd(), "{}")):
        if found := set(path) & set(unfit):
            raise ConfigError(
                f"{path}: found {min(found)!r} in this path, with which Snakemake starts no "
                "script; move the project, with its environment, to a folder without it"
            )
    _run.config = config
    try:
        return source_files(complete(config), home)
    except Refusal as refusal:
        raise ConfigError(str(refusal)) from None
