"""What a run leaves behind by itself: its DAG's picture, Snakemake's report, a line in the ledger.

The records are made from the DAG that has just run, in the same process: the same rules and config
by construction, and none of the seconds that a second Snakemake would take to start.
"""

import gc
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

from snakemake.logging import logger

from running.comforts import LAST, comfort
from running.notices import tell_how_it_went, tell_why_it_failed
from running.run_report import write_run_report
from running.startup import given_config_files, run_began, run_config, run_ended

from pricewright.files.disk import file_sha256, write_whole
from pricewright.files.errors import Refusal, printable
from pricewright.steplog.log import reasons

WHOLE = {"ingest", "clean", "train_or_score", "report", "deploy"}
"""The steps of a whole run. A run of a part of them leaves the records of the whole alone."""


def freeze_garbage() -> None:
    """Have the collector pass over what is there now: looking through it again takes a fifth of
    a run. Not within somebody else's process, which goes on when the run has ended."""
    if "snakemake.cli" in sys.modules:
        gc.freeze()


freeze_garbage()


def leave_records(workflow: Any, config: Mapping[str, Any]) -> None:
    """After a run that did something: tell the ledger who ran it, draw its DAG, write the report
    that shows it, and say what it came to; what fails of that keeps nothing else from being done.

    A run of `production` alone, or one with `--touch`, made nothing that a report could show. Of
    results that are objects of a storage there are no files here to report on.
    """
    steps: list[str] = []
    stored = touched = False
    with comfort("the run leaves no records"):
        stored, touched = _is_stored(workflow), bool(workflow.touch)
        steps = _steps_done(workflow)
    made = [step for step in steps if step != "production"]
    if made and stored:
        logger.info("The results are in a storage: no run report, picture or ledger's line.")
    elif made and not touched:
        tell_ledger(made, config["signoffs"]["author"], given_config_files(workflow))
        with comfort("the records of the run are not made anew"):
            if _is_whole(workflow):
                restore_lost_candidate(config)
                for record in RECORDS:
                    _renew(record, workflow)
    if steps and not stored and not touched:
        print_summary(steps, config["accept"]["allow_unaccepted"])
        with comfort("nobody is told of this run"):
            tell_how_it_went(workflow, config, steps, whole=_is_whole(workflow))
    _end_now()


def make_up_records(workflow: Any) -> None:
    """Where a whole run has nothing to do: make the records that are missing, or from before what
    they show. A look at their times is all that it costs when they are there. Then tell what is
    new, for people may have signed meanwhile."""
    with comfort("the records of an earlier run are not made up"):
        idle = workflow.dryrun or workflow.touch or workflow.execution_settings.no_hooks
        if idle or _is_stored(workflow) or not _is_whole(workflow):
            return
        restore_lost_candidate(run_config())
        made = [_written(Path(path)) for job in workflow.dag.jobs for path in job.output]
        for record in RECORDS:
            if _written(record.path) < max(made):
                _renew(record, workflow)
            made.append(_written(record.path))
        tell_how_it_went(workflow, run_config(), [], whole=True)


def restore_lost_candidate(config: Mapping[str, Any]) -> None:
    """In mode auto, lay what people sign aside again, if it was lost and is still there."""
    if config["mode"] != "auto":
        return
    from pricewright.signoffs.candidate import restore_candidate  # costs each load else

    try:
        if folder := restore_candidate(Path()):
            logger.info(f"{folder}: was lost, and is laid aside again.")
    except (Refusal, OSError) as error:
        logger.warning(str(error))


def _is_stored(workflow: Any) -> bool:
    return bool(workflow.storage_settings.default_storage_provider)


def _is_whole(workflow: Any) -> bool:
    return {Path(job.rule.script).stem for job in workflow.dag.jobs if job.rule.script} >= WHOLE


def _written(path: Path) -> float:
    """When a file was written; 0 if it is not there."""
    return path.stat().st_mtime if path.exists() else 0.0


def _renew(record: "Record", workflow: Any) -> None:
    """Make a file of a run anew; if that fails, that of an earlier run does not stand for it."""
    done = False
    with comfort(record.lost):
        record.make(workflow, record.path)
        done = True
    if not done:
        with suppress(OSError):
            record.path.unlink()


def say_why_failed(workflow: Any, config: Mapping[str, Any]) -> None:
    """After a run that failed: say once more, below all that Snakemake prints, why steps did, and
    tell those who are to be told."""
    with comfort("a step that failed may count as done in the next run"):
        _leave_due(workflow)
    logs: list[Path] = []
    with comfort("why steps failed is said above only"):
        logs = [Path(log) for job in workflow.dag.needrun_jobs() for log in job.log]
    written = [log for log in logs if log.exists() and log.stat().st_mtime >= run_began()]
    failed = {str(log): why for log in written if (why := reasons(log))}
    for log, why in failed.items():
        logger.error(printable("\n".join([f"{log}: {why[0]}", *why[1:]])), extra=LAST)
    with comfort("nobody is told of this run"):
        tell_why_it_failed(workflow, config, failed)
    _end_now()


def _leave_due(workflow: Any) -> None:
    """Have the next run do failed steps again: what one was to update Snakemake puts back as if it
    were new, and notes as made of what was read, so that there would be nothing to do."""
    from snakemake.io import is_flagged

    for job in workflow.dag.needrun_jobs():
        updated = [file for file in job.output if is_flagged(file, "update")]
        began = any(_written(Path(log)) >= run_began() for log in job.log)
        if not (updated and began):
            continue
        oldest = min(_written(Path(file)) for file in job.input)
        for file in updated:
            if _written(Path(file)) >= oldest:
                workflow.persistence.cleanup_metadata(file)
                os.utime(file, (oldest - 1,) * 2)


def tell_ledger(steps: list[str], author: str | None, configfile: list[str]) -> None:
    """Tell the ledger of a run; one that cannot be written spoils no run, but a release.

    A training has told it itself, when it ended; if it could not, it is told now.
    """
    model = Path("results/model.json")
    if not model.exists():
        return  # there is nothing yet that anyone could sign for
    try:
        from pricewright.signoffs.policy import TRAINING, record_run  # costs each load else

        trained = TRAINING in steps
        record_run(
            Path(),
            [TRAINING] if trained else sorted(set(steps)),  # a shard's name is there once a shard
            file_sha256(model),
            author,
            configfile=configfile,
            once=trained,
        )
    except Exception as error:
        logger.warning(f"The ledger was not told of this run: {error}")


def print_summary(steps: list[str], allow_unaccepted: bool) -> None:
    """Say, below all that Snakemake prints, what the run came to; unless it is to be quiet."""
    with comfort("the last words of this run are left out"):
        from snakemake.settings.enums import Quietness

        from pricewright.monitoring.summary import watch_warning
        from pricewright.reporting.verdict import run_summary  # costs each load else

        took = time.time() - run_began()
        text = run_summary(Path(), steps, took, allow_unaccepted=allow_unaccepted)
        if "monitor" in steps and (warning := watch_warning(Path())):
            text = f"{fill(warning, 79, break_on_hyphens=False)}\n{text}"
        logger.info(f"\n{text}", extra=LAST | {"quietness": Quietness.PROGRESS})


def _steps_done(workflow: Any) -> list[str]:
    """The names of the steps that this run did, in whatever workflow they are a part."""
    jobs = [job for job in workflow.dag.needrun_jobs(exclude_finished=False) if job.rule.script]
    return sorted(Path(job.rule.script).stem for job in jobs if workflow.dag.finished(job))


def picture(path: str) -> list[str]:
    """The DAG's picture, flagged for the run report, once there is one."""
    with comfort("the run report lacks the picture of the DAG"):
        from snakemake.io import report
        from snakemake.sourcecache import infer_source_file

        labels = {"picture": "the DAG of rules"}
        caption = infer_source_file(Path(__file__).parents[2] / "report" / "dag.rst")
        flagged = report(path, caption=caption, category="Run", labels=labels)
        return [flagged] if Path(path).exists() else []
    return []


def draw_rulegraph(workflow: Any, output: Path) -> None:
    """Draw what `snakemake --rulegraph | dot -Tsvg` draws for the run at hand."""
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
    """Snakemake's graph, fit to draw: arrows sorted, for they come in another order each time,
    and in a font whose widths every layout engine knows."""
    *lines, end = rulegraph.replace("fontname=sans", "fontname=Helvetica").strip().splitlines()
    return "\n".join([*sorted(lines, key=lambda line: line if "->" in line else ""), end])


def layout_engines() -> list[str]:
    """Graphviz' `dot` where the machine has it, then the environment's `graphviz-pure`."""
    beside_python = Path(sys.executable).with_name("graphviz-pure")
    pure = shutil.which("graphviz-pure") or str(beside_python)
    return [engine for engine in (shutil.which("dot"), pure) if engine]


def _end_now() -> None:
    """Let go of the run, and of what would keep the process when everything is done.

    The last of the timers with which Snakemake limits its job rate would for a second, and a
    last look for garbage for as long as an import of pandas. Whoever runs Snakemake within a
    process of their own keeps their timers.
    """
    run_ended()
    freeze_garbage()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer) and _is_of_snakemake(thread.function):
            thread.cancel()


def _is_of_snakemake(function: Callable[..., object]) -> bool:
    return str(getattr(function, "__module__", "")).startswith("snakemake.")


@dataclass(frozen=True)
class Record:
    """A file that a whole run leaves: where, how it is made, and what a run is without it."""

    path: Path
    make: Callable[[Any, Path], None]
    lost: str


RECORDS = (
    Record(Path("results/dag.svg"), draw_rulegraph, "there is no picture of the DAG"),
    Record(Path("results/run_report.html"), write_run_report, "there is no run report"),
)
"""In their order: the report shows the picture."""
