"""A step is a function: tests import it, a rule runs it, the command line calls it.

A script imports this module first, and ends with

    if __name__ == "__main__":
        step.run(function)

In a rule, the function's arguments are filled by name from the job's inputs and outputs (the first
without a name are `input` and `output`) and from its param `options`; on the command line they are
the options. After this import, any error, even a failed import, is one sentence on standard error,
with the traceback in the job's log.
"""

import gc
import inspect
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from running import newest_run

from pricewright.files.errors import Refusal
from pricewright.files.orphans import end_when, end_with, here
from pricewright.steplog import log
from pricewright.tables.options import group_arguments, option_groups

FOLDER = Path(__file__).resolve().parents[1]
"""The folder of the scripts, even if a script itself was fetched by URL."""

_main = sys.modules["__main__"]
_job: Any = getattr(_main, "snakemake", None)


def run(function: Callable[..., None]) -> None:
    """Call a step's function for the job that runs this script, or for the command line."""
    gc.enable()
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _WithoutPandas())
    if _job is None:
        from cyclopts import App, Parameter

        for group in option_groups(function):
            Parameter(name="*")(group)  # flat: --decimal, not --dialect.marks.decimal
        app = App(
            default_command=function,
            help_format="markdown",
            version_flags=[],
            result_action="return_none",
        )
        app(sys.argv[1:])
    else:
        function(**arguments(function, _job))
    gc.freeze()  # the process ends now: a last garbage collection would take as long as an import


_USE_PANDAS = {
    "exchange_calendars",
    "pricewright.tables.frames",
    "pricewright.cleaning.corrections",
}
"""Modules that use pandas; each is in `sys.modules` before it imports pandas."""


class _WithoutPandas(MetaPathFinder):
    """Hide pandas from a step that does not use it: pyarrow would import it, which takes a quarter
    of a second, only to check whether its arguments are pandas objects."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if name == "pandas" and _USE_PANDAS.isdisjoint(sys.modules):
            raise ModuleNotFoundError(name)


def arguments(function: Callable[..., None], job: Any) -> dict[str, Any]:
    """A function's arguments by name, from a job's input, output and flat options. Those in its
    param `record` do not affect what it makes.

    Raises TypeError for a name that the function does not have: rule and function must agree.
    """
    given = _paths(job.input, "input") | _paths(job.output, "output")
    given |= job.params.get("options", {}) | job.params.get("record", {})
    signature = inspect.signature(function)
    if "threads" in signature.parameters:
        given["threads"] = job.threads
    given = group_arguments(function, given)
    signature.bind(**given)
    return given


def tell_ledger(record: str, project: Path, *told: Any, **more: Any) -> None:
    """Have the ledger of a project record what this step made; if that fails, the step only warns.

    record: the function that does so, by its full name. It is not imported by a statement: its code
    must not count as the step's code, whose change would make the step run again.
    """
    module, _, name = record.rpartition(".")
    try:
        getattr(import_module(module), name)(Path(project), *told, **more)
    except (Refusal, OSError) as error:
        log.logger.warning("the ledger could not record what this step made: %s", error)


def attempt_number(retry: Mapping[str, Any], job_log: Path) -> int:
    """The number of this attempt at a job, from 1: as its submitter says, or by the logs that
    earlier attempts left since the run began."""
    if retry.get("attempt"):
        return int(retry["attempt"])
    return 1 + log.attempts_since(retry["since"], job_log) if "since" in retry else 1


def end_with_run(process: int = 0, where: str = "") -> None:
    """End this job with the Snakemake that started it, and once a newer run has begun: that may
    have other options, and what an orphan writes later would count as made with them.

    process, where: of Snakemake, as `here` says it; from within a container it cannot be seen.
    """
    if where == here():
        end_with(process, lambda: log.logger.error("failed: %s", ORPHANED))
    if run := newest_run.run_of_this_job():
        last = partial(log.logger.error, "failed: %s", OUTRUN)
        end_when(lambda: newest_run.is_over(run), last, seconds=newest_run.LOOK)


ORPHANED = "Snakemake was killed, and this step ended with it; run the same command again."
OUTRUN = "a newer run has begun, which does this step again; this attempt ended without results."


def wait_before(attempt: int, backoff: float, previous_log: Path | None) -> None:
    """Let a retry begin only if it may help.

    Raises Refusal with the error of the previous attempt if that failed for good; otherwise waits
    `backoff` seconds.
    """
    if attempt <= 1:
        return
    sentence = log.failed_for_good(previous_log) if previous_log else None
    if sentence is not None:
        raise Refusal(sentence)
    log.say("wait", attempt=attempt, seconds=backoff)
    time.sleep(backoff)


def _paths(files: Any, unnamed: str) -> dict[str, Any]:
    """A job's files by name, the first without a name as `unnamed`; empty lists are left out."""
    named = {
        name: Path(value) if isinstance(value, str) else [Path(part) for part in value]
        for name, value in files.items()
    }
    if sum(1 if isinstance(path, Path) else len(path) for path in named.values()) < len(files):
        named[unnamed] = Path(files[0])
    return {name: path for name, path in named.items() if path != []}


def _begin(script: Path) -> None:
    """Set up the log of this process, once, before anything can go wrong unseen."""
    gc.disable()  # until `run`: imports leave no garbage worth collecting
    shown = os.environ.get(log.STDERR) if _job is not None else None
    log.to_stderr(script.stem, shown or "INFO")
    sys.excepthook = lambda kind, error, traceback: log.failure(error)
    if _job is not None:
        retry = _job.params.get("retry", {})
        previous_log = log.to_file(Path(_job.log[0]), script.stem, retry.get("keep_logs_days"))
        end_with_run(**retry.get("run", {}))
        attempt = attempt_number(retry, Path(_job.log[0]))
        log.say("begin", attempt=attempt, host=platform.node(), pid=os.getpid())
        wait_before(attempt, retry.get("delay", 0.0) * (attempt - 1), previous_log)


_script = Path(getattr(_main, "__file__", None) or "")
if _job is not None or _script.resolve().parent == FOLDER:
    _begin(_script)
