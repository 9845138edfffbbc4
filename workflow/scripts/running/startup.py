"""What happens first while the Snakefile loads; a wrong config ends the run in one sentence."""

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from running.comforts import comfort
from running.newest_run import announce
from running.overrides import cancel_all, spare_pandas, try_wrong_data_once

from pricewright.configuration.config import complete, read_config_file, source_files
from pricewright.files.errors import Refusal
from pricewright.scheduling.runs import AT_WORK, hold
from pricewright.signoffs.authority import RELEASES
from pricewright.signoffs.signed_files import DEPLOYED, IN_PRODUCTION
from pricewright.steplog.log import denied_or_full

_UNQUOTED = " \t\n\"$&'()*;<>?{}|`\\"
"""Characters that Snakemake does not quote in the path of the Python that runs a script."""


class ConfigError(WorkflowError):  # type: ignore[misc]  # it has no types
    """An error in the config or in the project's path, printed as one sentence.

    Without a traceback, Snakemake does not add lines of the workflow, which are not at fault.
    """

    __traceback__ = None


@dataclass
class Run:
    """A run of the workflow.

    began: its start; older logs belong to earlier runs.  idle: called if there is nothing to do.
    interrupted: whether a person ended it, usually with Ctrl-C.  config: the config, once it is
    checked.  lock: open while others should see that a run is active here.
    """

    began: float = field(default_factory=time.time)
    idle: Callable[[], None] | None = None
    interrupted: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    lock: int | None = None

    def end(self) -> None:
        """End the run: later messages of Snakemake belong to another one."""
        self.idle = None
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None


current_run = Run()
"""One process may have several runs, one after the other."""


_LOCKED = {
    "LockException": "Another run is at work in this folder, or one that was killed left its lock; "
    "wait for it to end, or if none is running, run `snakemake --unlock`, then the same command "
    "again."
}
"""By the name of Snakemake's error."""

_NEARLY_FULL = 100_000
"""Free bytes of a disk on which not even the log of a run has room."""


def hear_that_nothing_is_done(record: logging.LogRecord) -> bool:
    """Notice in Snakemake's log that a run has nothing to do or that a person ends it, because no
    hook says so; hide that a file which never existed cannot be restored; and say in one sentence
    that the disk is full, a permission is denied or another run is at work."""
    error = sys.exception()
    if error and getattr(record, "exception", None) == type(error).__name__:
        record.msg = denied_or_full(error) or _LOCKED.get(type(error).__name__) or record.msg
    said = str(record.msg)
    current_run.interrupted |= said.startswith("Terminating processes on user request")
    idle = current_run.idle
    if idle and said.startswith("Nothing to be done"):
        current_run.end()
        idle()
    return not said.startswith("Cannot restore ")


AS_A_MODULE = (
    "Pricewright runs as a module, without its picture of the DAG, run report, verdict, summary "
    "and notifications, because Snakemake only runs the handlers of the outer workflow "
    "(docs/prices.md)."
)


def begin(workflow: Any, idle: Callable[[Any], None]) -> None:
    """Set up the run: speed up Snakemake, watch its messages and show its progress.

    idle: called with the workflow if there is nothing to do.
    """
    current_run.began, current_run.idle, current_run.interrupted = time.time(), None, False
    with comfort("this run imports pandas, which takes a while"):
        spare_pandas()
    with comfort("it warns about restoring files that never existed, and makes no missing records"):
        from snakemake.logging import logger
        from snakemake_interface_executor_plugins.settings import ExecMode

        logger.addFilter(hear_that_nothing_is_done)
        if shutil.disk_usage(".").free < _NEARLY_FULL:
            logging.raiseExceptions = False  # no traceback for each line that cannot be logged
        if workflow.exec_mode == ExecMode.DEFAULT:
            if workflow.modifier.is_main_snakefile():
                current_run.idle = lambda: idle(workflow)
                with comfort("a run without a config file does not say what the last one had"):
                    if not workflow.overwrite_configfiles:
                        _warn_if_last_run_had_config_files()
                with comfort(_LEFT):
                    workflow.onstart(lambda log: _announce(workflow))
            else:
                logger.info(AS_A_MODULE)
            with comfort("a scheduled run may mistake this run's lock for a stale one"):
                if current_run.lock is None:
                    current_run.lock = hold(AT_WORK)
    with comfort("wrong data is retried in vain"):
        from snakemake.jobs import Job

        try_wrong_data_once(Job, lambda: current_run.began)
    with comfort("an interrupted run may leave jobs in a cluster's queue"):
        if executors := sys.modules.get("snakemake_interface_executor_plugins.executors.remote"):
            cancel_all(executors.RemoteExecutor)
    with comfort("Snakemake's own lines are shown"):
        from running.terminal import watch

        watch(workflow)


def readable(workflow: Any, file: str) -> str:
    """The config file, after checking that it and those given to the run can be read.

    Snakemake reads them again, and silently takes the last of a duplicate key; for a module with
    its own config it reads none. Raises ConfigError.
    """
    given: list[str] = []
    with comfort("of a duplicate key in a config file, the last one counts"):
        if workflow.modifier.skip_configfile:
            return file
        given = [str(path) for path in workflow.overwrite_configfiles]
    try:
        # if the run was given other files, the workflow's own need not exist
        for path in (*([file] if Path(file).exists() else []), *given):
            read_config_file(Path(path))
    except Refusal as refusal:
        raise ConfigError(str(refusal)) from None
    return file


def given_config_files(workflow: Any) -> list[str]:
    """The config files given to the run, relative to its folder.

    The config files of a workflow that uses this one as a module do not count.
    """
    with comfort("the printed commands do not name the run's config files"):
        if workflow.modifier.is_main_snakefile():
            return [os.path.relpath(path) for path in workflow.overwrite_configfiles]
    return []


_LEFT = "jobs that a killed run left on a cluster go on beside this run"


def _announce(workflow: Any) -> None:
    """Before its first step, say that this run is the newest."""
    with comfort(_LEFT):
        announce(alone=workflow.execution_settings.lock)


def _warn_if_last_run_had_config_files() -> None:
    """Without its config file a desk's next run would replace the results by the sample's."""
    from snakemake.logging import logger

    from pricewright.signoffs import ledger
    from pricewright.signoffs.policy import last_config_files

    with suppress(Refusal):  # a damaged ledger is reported where it matters
        if last := last_config_files(ledger.read(Path(ledger.LEDGER))):
            logger.warning(
                f"This run has no --configfile, so it uses config/config.yaml alone; the last run "
                f"had {', '.join(map(str, last))}."
            )


def checked(config: dict[str, Any], home: Path, workflow: Any) -> list[str]:
    """Complete the config in place, and return the files of its source.

    home: the folder to look in for a source that the working directory lacks.  workflow: Snakemake
    does not miss a file of corrections while results exist; in a module with a prefix it lies
    elsewhere. A missing champion, which is no input of a step, would not be compared with. Raises
    ConfigError.
    """
    for path, unfit in ((sys.executable, _UNQUOTED), (str(home), "{}"), (os.getcwd(), "{}")):
        if found := set(path) & set(unfit):
            raise ConfigError(
                f"{path}: found {min(found)!r} in this path, so Snakemake cannot start scripts; "
                "move the project and its environment to a folder without that character"
            )
    current_run.config = config
    try:
        files = source_files(complete(config), home)
    except Refusal as refusal:
        raise ConfigError(str(refusal)) from None
    corrections, is_main = config["corrections"]["file"], False
    with comfort("a missing file of corrections is only noticed when `clean` runs"):
        is_main = workflow.modifier.is_main_snakefile()
    if is_main and corrections is not None and not Path(corrections).exists():
        raise ConfigError(
            f"config key 'corrections.file': found {corrections!r}, but there is no such file; "
            "restore it, or set the key to null."
        )
    champion = config["accept"]["champion"]
    unreleased = champion == IN_PRODUCTION and not Path(RELEASES).exists()
    if not (champion in (None, DEPLOYED) or unreleased or Path(champion).exists()):
        raise ConfigError(
            f"config key 'accept.champion': found {champion!r}, but there is no such file, so no "
            "model would be compared; correct the path, or leave the key out to compare with the "
            "deployed model."
        )
    return files
