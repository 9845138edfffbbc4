"""What a run leaves behind by itself: its DAG's picture and Snakemake's report, or last words.

The records are made from the DAG that has just run, in the same process: the same rules and config
by construction, and none of the seconds that a second Snakemake would take to start.
"""

import gc
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from snakemake.io import report
from snakemake.logging import logger
from snakemake.sourcecache import infer_source_file

_LOADED = time.time()  # a log from before is of another run


def leave_records(workflow: Any, *, dag: str, run_report: str) -> None:
    """After a run that did something: draw its DAG, then write the report that shows it."""
    draw_rulegraph(workflow, dag)
    write_run_report(workflow, run_report)
    _end_now()


def last_words(workflow: Any) -> None:
    """After a run that failed: say once more, below all that Snakemake prints, why steps did."""
    for job in workflow.dag.needrun_jobs():
        for log in map(Path, job.log):
            if not log.exists() or log.stat().st_mtime < _LOADED:
                continue
            line = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
            if " ERROR " in line:
                logger.error(f"{log}: {line.partition(' ERROR ')[2]}")
    _end_now()


def picture(path: str) -> list[str]:
    """The DAG's picture, flagged for the run report, once there is one."""
    labels = {"picture": "the DAG of rules"}
    caption = infer_source_file(Path(__file__).parents[1] / "report" / "dag.rst")
    flagged = report(path, caption=caption, category="Run", labels=labels)
    return [flagged] if Path(path).exists() else []


def draw_rulegraph(workflow: Any, output: str) -> None:
    """Draw what `snakemake --rulegraph | dot -Tsvg` draws for the run at hand."""
    workflow.dag_settings.print_dag_as = "dot"
    dot = presentable(workflow.dag.rule_dot()).encode()
    drawn = subprocess.run([layout_engine(), "-Tsvg"], input=dot, capture_output=True, check=False)
    if drawn.returncode:
        raise RuntimeError(f"{layout_engine()} drew no DAG: {drawn.stderr.decode().strip()}")
    Path(output).write_bytes(drawn.stdout)


def presentable(rulegraph: str) -> str:
    """Snakemake's graph, fit to draw: arrows sorted, for they come in another order each time,
    and in a font whose widths every layout engine knows."""
    *lines, end = rulegraph.replace("fontname=sans", "fontname=Helvetica").strip().splitlines()
    return "\n".join([*sorted(lines, key=lambda line: line if "->" in line else ""), end])


def layout_engine() -> str:
    """Graphviz' `dot` where the machine has it, else the environment's `graphviz-pure`."""
    beside_python = Path(sys.executable).with_name("graphviz-pure")
    return shutil.which("dot") or shutil.which("graphviz-pure") or str(beside_python)


def write_run_report(workflow: Any, output: str) -> None:
    """Write what `snakemake --report` writes, for the run at hand."""
    from snakemake.report.html_reporter import ReportSettings
    from snakemake.settings.types import GlobalReportSettings
    from snakemake_interface_report_plugins.registry import ReportPluginRegistry

    workflow.create_report(
        ReportPluginRegistry().get_plugin("html"),
        ReportSettings(path=Path(output)),
        GlobalReportSettings(),
    )


def _end_now() -> None:
    """Let go of what would keep the process when everything is done.

    The last of the timers with which Snakemake limits its job rate would for a second, and a
    last look for garbage for as long as an import of pandas.
    """
    gc.freeze()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
