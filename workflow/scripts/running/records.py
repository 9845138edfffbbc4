"""What a run leaves behind by itself: its DAG's picture, Snakemake's report, a line in the ledger.

The records are made from the DAG that has just run, in the same process: the same rules and config
by construction, and none of the seconds that a second Snakemake would take to start.
"""

import gc
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from snakemake.logging import logger

from running.comforts import LAST, comfort
from running.run_report import write_run_report
from running.startup import given_config_files

from pricewright.files.disk import file_sha256
from pricewright.files.errors import Refusal, printable

_LOADED = time.time()  # a log from before is of another run
gc.freeze()  # what was imported is no garbage: looking through it again takes a fifth of a run


def leave_records(workflow: Any, config: Mapping[str, Any]) -> None:
    """After a run that did something: draw its DAG, write the report that shows it, and tell the
    ledger who ran it.

    A run of `production` alone, or one with `--touch`, made nothing that a report could show. Of
    results that are objects of a storage there are no files here to report on.
    """
    steps: list[str] = []
    stored = touched = False
    with comfort("the run leaves no records, and the ledger was not told of it"):
        stored = bool(workflow.storage_settings.default_storage_provider)
        touched = bool(workflow.touch)
        steps = _steps_done(workflow)
    made = [step for step in steps if step != "production"]
    if made and stored:
        logger.info("The results are in a storage: no run report, picture or ledger's line.")
    elif made and not touched:
        _renew(Path("results/dag.svg"), "there is no picture of the DAG", draw_rulegraph, workflow)
        report = Path("results/run_report.html")
        _renew(report, "there is no run report", write_run_report, workflow)
        tell_ledger(made, config["signoffs"]["author"], given_config_files(workflow))
    if steps and not stored and not touched:
        tell_people(steps, config["accept"]["allow_unaccepted"])
    _end_now()


def _renew(path: Path, lost: str, make: Callable[[Any, Path], None], workflow: Any) -> None:
    """Make a file of a run anew; if that fails, that of an earlier run does not stand for it."""
    done = False
    with comfort(lost):
        make(workflow, path)
        done = True
    if not done:
        path.unlink(missing_ok=True)


def last_words(workflow: Any) -> None:
    """After a run that failed: say once more, below all that Snakemake prints, why steps did."""
    logs: list[Path] = []
    with comfort("why steps failed is said above only"):
        logs = [Path(log) for job in workflow.dag.needrun_jobs() for log in job.log]
    for log in logs:
        if not log.exists() or log.stat().st_mtime < _LOADED:
            continue
        text = log.read_text(encoding="utf-8", errors="replace").strip()
        *earlier, last = [part.partition(" ERROR ") for part in text.splitlines()] or [("",) * 3]
        if last[1]:
            listed = [part[2].partition("  ")[2] for part in earlier if part[1]]
            text = "\n".join([f"{log}: {last[2]}", *filter(None, listed)])
            logger.error(printable(text), extra=LAST)
    _end_now()


def tell_ledger(steps: list[str], author: str | None, configfile: list[str]) -> None:
    """Tell the ledger of a run; one that cannot be written spoils no run, but a release."""
    from pricewright.signoffs.policy import TRAINING, record_run  # costs each load else
    from pricewright.steplog.last_run import attempts

    try:
        model = file_sha256(Path("results/model.json"))
        training = attempts(Path(f"logs/{TRAINING}.log")) if TRAINING in steps else []
        machine = training[-1].events[0].fields.get("machine") if training else None
        record_run(Path(), steps, model, author, configfile=configfile, machine=machine)
    except (Refusal, OSError) as error:
        logger.warning(f"The ledger was not told of this run: {error}")


def tell_people(steps: list[str], allow_unaccepted: bool) -> None:
    """Say, below all that Snakemake prints, what the run came to; unless it is to be quiet."""
    from pricewright.reporting.verdict import run_summary  # costs each load of the Snakefile else

    took = time.time() - _LOADED
    text = run_summary(Path(), steps, took, allow_unaccepted=allow_unaccepted)
    with comfort("the last words of this run are left out"):
        from snakemake.settings.enums import Quietness

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
    drawn = subprocess.run([layout_engine(), "-Tsvg"], input=dot, capture_output=True, check=False)
    if drawn.returncode:
        raise RuntimeError(f"{layout_engine()} drew no DAG: {drawn.stderr.decode().strip()}")
    output.write_bytes(drawn.stdout)


def presentable(rulegraph: str) -> str:
    """Snakemake's graph, fit to draw: arrows sorted, for they come in another order each time,
    and in a font whose widths every layout engine knows."""
    *lines, end = rulegraph.replace("fontname=sans", "fontname=Helvetica").strip().splitlines()
    return "\n".join([*sorted(lines, key=lambda line: line if "->" in line else ""), end])


def layout_engine() -> str:
    """Graphviz' `dot` where the machine has it, else the environment's `graphviz-pure`."""
    beside_python = Path(sys.executable).with_name("graphviz-pure")
    return shutil.which("dot") or shutil.which("graphviz-pure") or str(beside_python)


def _end_now() -> None:
    """Let go of what would keep the process when everything is done.

    The last of the timers with which Snakemake limits its job rate would for a second, and a
    last look for garbage for as long as an import of pandas.
    """
    gc.freeze()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
