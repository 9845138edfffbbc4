"""The records of a run: the picture of its DAG, Snakemake's report, a line in the ledger.

They are made from the DAG that has just run, in the same process. So rules and config are the same
by construction, and no second Snakemake takes seconds to start.
"""

import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from textwrap import fill
from typing import Any

from snakemake.logging import logger

from running.comforts import LAST, comfort
from running.notices import tell_how_it_went, tell_why_it_failed
from running.params import is_stored
from running.run_report import write_run_report
from running.startup import current_run, given_config_files

from pricewright.files.disk import file_sha256, write_whole
from pricewright.files.errors import Refusal, printable
from pricewright.steplog.log import KILLED, reasons

WHOLE = {"ingest", "clean", "train_or_score", "report", "deploy"}
"""The steps of a whole run. A run of only some of them does not touch its records."""


def freeze_garbage() -> None:
    """Exclude existing objects from garbage collection, which would take a fifth of a run. Not in
    the process of another program, which continues after the run."""
    if _has_own_process():
        gc.freeze()


def _has_own_process() -> bool:
    """Whether this process ends with the run, because the command `snakemake` began it."""
    return "snakemake.cli" in sys.modules


freeze_garbage()


def ends_quietly(handler: Callable[..., None]) -> Callable[..., None]:
    """A handler of the end of a run, which Ctrl-C ends without a traceback, with exit code 1 as
    during the steps. The next run makes the records that are missing then."""

    @wraps(handler)
    def quiet(*given: Any) -> None:
        try:
            handler(*given)
        except KeyboardInterrupt:
            _end_now()
            if not _has_own_process():
                raise
            logger.error("Interrupted after the steps; the same command makes what is missing.")
            sys.exit(1)

    return quiet


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put off Ctrl-C until the block has ended."""
    if threading.current_thread() is not threading.main_thread():  # only that one hears of it
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


@ends_quietly
def leave_records(workflow: Any, config: Mapping[str, Any]) -> None:
    """After a run that did something: record it in the ledger, draw its DAG, write the run report
    and print a summary. If one of these fails, the others are still done.

    A run of `production` alone or with `--touch` makes nothing that a report could show. If results
    are objects in a storage, there are no local files to report on.
    """
    steps: list[str] = []
    stored = touched = False
    with comfort("the run leaves no records"):
        stored, touched = is_stored(workflow), bool(workflow.touch)
        steps = _steps_done(workflow)
    made = [step for step in steps if step != "production"]
    if made and stored:
        logger.info("The results are in a storage: no run report, picture or line in the ledger.")
    elif made and not touched:
        with _undisturbed():
            tell_ledger(made, config["signoffs"]["author"], given_config_files(workflow))
        with comfort("the records of the run are not updated"):
            if _is_whole(workflow):
                restore_lost_candidate(config)
                for record in RECORDS:
                    _renew(record, workflow)
    if steps and not stored and not touched:
        print_summary(steps, config["accept"]["allow_unaccepted"])
        with comfort("nobody is notified of this run"):
            tell_how_it_went(workflow, config, steps, whole=_is_whole(workflow))
    _end_now()


@ends_quietly
def make_up_records(workflow: Any) -> None:
    """If a whole run has nothing to do: make records that are missing or older than what they show.
    If they are up to date, this only reads their times. Then send notices of what is new, because
    people may have signed since."""
    with comfort("missing records of an earlier run are not made"):
        idle = workflow.dryrun or workflow.touch or workflow.execution_settings.no_hooks
        if idle or is_stored(workflow) or not _is_whole(workflow):
            return
        restore_lost_candidate(current_run.config)
        made = [_written(Path(path)) for job in workflow.dag.jobs for path in job.output]
        for record in RECORDS:
            if _written(record.path) < max(made):
                _renew(record, workflow)
            made.append(_written(record.path))
        tell_how_it_went(workflow, current_run.config, [], whole=True)


def restore_lost_candidate(config: Mapping[str, Any]) -> None:
    """In mode auto, restore the candidate if it was lost or damaged and `results/` still hold its
    files."""
    if config["mode"] != "auto":
        return
    from pricewright.signoffs.candidate import restore_candidate  # slow to import

    try:
        if folder := restore_candidate(Path()):
            logger.info(f"{folder}: was missing or damaged and has been restored from results/.")
    except (Refusal, OSError) as error:
        logger.warning(str(error))


def _is_whole(workflow: Any) -> bool:
    return {Path(job.rule.script).stem for job in workflow.dag.jobs if job.rule.script} >= WHOLE


def _written(path: Path) -> float:
    """When a file was written; 0 if it does not exist."""
    return path.stat().st_mtime if path.exists() else 0.0


def _renew(record: "Record", workflow: Any) -> None:
    """Make a record again; if that fails, remove the one of an earlier run."""
    with comfort(record.lost):
        record.make(workflow, record.path)
        return
    with suppress(OSError):
        record.path.unlink()


@ends_quietly
def say_why_failed(workflow: Any, config: Mapping[str, Any]) -> None:
    """After a failed run: repeat, below everything that Snakemake prints, why steps failed, and
    send a notice."""
    with comfort("a failed step may count as done in the next run"):
        _leave_due(workflow)
    logs: list[Path] = []
    with comfort("the reasons of failed steps are only shown above"):
        logs = [Path(log) for job in workflow.dag.needrun_jobs() for log in job.log]
    written = [log for log in logs if log.exists() and log.stat().st_mtime >= current_run.began]
    failed = {str(log): why for log in written if (why := reasons(log))}
    if current_run.interrupted:  # the run itself killed its jobs
        failed = {log: why for log, why in failed.items() if not why[0].endswith(KILLED)}
    for log, why in failed.items():
        logger.error(printable("\n".join([f"{log}: {why[0]}", *why[1:]])), extra=LAST)
    with comfort("nobody is notified of this run"):
        tell_why_it_failed(workflow, config, failed)
    _end_now()


def _leave_due(workflow: Any) -> None:
    """Make the next run do failed steps again. When a step that updates a file fails, Snakemake
    restores the file as if it were new and records it as made, so nothing would be left to do."""
    from snakemake.io import is_flagged

    for job in workflow.dag.needrun_jobs():
        updated = [file for file in job.output if is_flagged(file, "update")]
        began = any(_written(Path(log)) >= current_run.began for log in job.log)
        if not (updated and began):
            continue
        oldest = min(_written(Path(file)) for file in job.input)
        for file in updated:
            if _written(Path(file)) >= oldest:
                workflow.persistence.cleanup_metadata(file)
                os.utime(file, (oldest - 1,) * 2)


def tell_ledger(steps: list[str], author: str | None, configfile: list[str]) -> None:
    """Record a run in the ledger; if the ledger cannot be written, the run only warns.

    A training records itself when it ends; if that failed, it is recorded now.
    """
    model = Path("results/model.json")
    if not model.exists():
        return  # there is nothing to sign yet
    try:
        from pricewright.signoffs.policy import TRAINING, record_run  # slow to import

        trained = TRAINING in steps
        record_run(
            Path(),
            [TRAINING] if trained else sorted(set(steps)),  # each shard adds the name once
            file_sha256(model),
            author,
            configfile=configfile,
            once=trained,
        )
    except Exception as error:
        logger.warning(f"The ledger does not record this run: {error}")


def print_summary(steps: list[str], allow_unaccepted: bool) -> None:
    """Print a summary of the run below everything that Snakemake prints, unless it is quiet."""
    with comfort("the summary of this run is left out"):
        from snakemake.settings.enums import Quietness

        from pricewright.monitoring.summary import forecasts_nothing, watch_warning
        from pricewright.reporting.run_summary import run_summary  # slow to import

        took = time.time() - current_run.began
        watched = "monitor" in steps
        text = run_summary(
            Path(),
            steps,
            took,
            allow_unaccepted=allow_unaccepted,
            forecasts=not (watched and forecasts_nothing(Path())),
        )
        if watched and (warning := watch_warning(Path())):
            broken = fill(warning, 79, break_on_hyphens=False, break_long_words=False)
            text = f"{broken}\n{text}"
        logger.info(f"\n{text}", extra=LAST | {"quietness": Quietness.PROGRESS})


def _steps_done(workflow: Any) -> list[str]:
    """The names of the steps that this run did, even within another workflow."""
    jobs = [job for job in workflow.dag.needrun_jobs(exclude_finished=False) if job.rule.script]
    return sorted(Path(job.rule.script).stem for job in jobs if workflow.dag.finished(job))


def picture(path: str) -> list[str]:
    """The DAG's picture, flagged for the run report, if it exists."""
    with comfort("the run report lacks the picture of the DAG"):
        from snakemake.io import report
        from snakemake.sourcecache import infer_source_file

        labels = {"picture": "the DAG of rules"}
        caption = infer_source_file(Path(__file__).parents[2] / "report" / "dag.rst")
        flagged = report(path, caption=caption, category="Run", labels=labels)
        return [flagged] if Path(path).exists() else []
    return []


def draw_rulegraph(workflow: Any, output: Path) -> None:
    """Draw what `snakemake --rulegraph | dot -Tsvg` draws for this run."""
    workflow.dag_settings.print_dag_as = "dot"
    dot = presentable(workflow.dag.rule_dot()).encode()
    why = []
    for engine in layout_engines():
        try:
            drawn = subprocess.run(
                [engine, "-Tsvg"], input=dot, capture_output=True, check=True, timeout=60
            )
            return write_whole(output, drawn.stdout)
        except subprocess.CalledProcessError as error:
            why.append(f"{engine}: {error.stderr.decode(errors='replace').strip()}")
        except (OSError, subprocess.TimeoutExpired) as error:
            why.append(str(error))
    raise RuntimeError("; ".join(why))


def presentable(rulegraph: str) -> str:
    """Snakemake's graph, ready to draw: with sorted arrows, because their order varies, and in a
    font whose widths every layout engine knows."""
    *lines, end = rulegraph.replace("fontname=sans", "fontname=Helvetica").strip().splitlines()
    return "\n".join([*sorted(lines, key=lambda line: line if "->" in line else ""), end])


def layout_engines() -> list[str]:
    """Graphviz's `dot` if the machine has it, then the environment's `graphviz-pure`."""
    beside_python = Path(sys.executable).with_name("graphviz-pure")
    pure = shutil.which("graphviz-pure") or str(beside_python)
    return [engine for engine in (shutil.which("dot"), pure) if engine]


def _end_now() -> None:
    """End the run, and remove what would delay the end of the process.

    The last timer of Snakemake's job rate limit would delay it by a second, and a last garbage
    collection by as long as an import of pandas takes. Other programs that run Snakemake in their
    own process keep their timers.
    """
    current_run.end()
    freeze_garbage()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer) and _is_of_snakemake(thread.function):
            thread.cancel()


def _is_of_snakemake(function: Callable[..., object]) -> bool:
    return str(getattr(function, "__module__", "")).startswith("snakemake.")


@dataclass(frozen=True)
class Record:
    """A file that a whole run leaves: its path, how to make it, and what is lost without it."""

    path: Path
    make: Callable[[Any, Path], None]
    lost: str


RECORDS = (
    Record(Path("results/dag.svg"), draw_rulegraph, "there is no picture of the DAG"),
    Record(Path("results/run_report.html"), write_run_report, "there is no run report"),
)
"""The records, in order: the report shows the picture."""
