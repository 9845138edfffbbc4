"""The five steps for any orchestrator to call: `python steps.py clean`, or `call("clean")`.

This runs in a copy of the project, with workflow/scripts on Python's path. The functions are the
workflow's own. They get the files and the options that its rules give them; orchestrators.py writes
the options of each step to a file.
"""

import gc
import json
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

READ: dict[str, dict[str, Any]] = {
    "ingest": {"input": "data/raw/stocks.csv.gz"},
    "clean": {"input": "results/prices_raw.json"},
    "train_or_score": {
        "input": "results/prices_clean.json",
        "receipts": ["results/ingest.json", "results/clean.json"],
    },
    "report": {
        "input": "results/model.json",
        "backtest": "results/backtest.parquet",
        "quality": "results/data_quality.json",
    },
    "deploy": {"input": "results/report.txt", "model": "results/model.json"},
}
WRITTEN = {
    "ingest": {
        "output": "results/prices_raw.json",
        "receipt": "results/ingest.json",
        "quarantine": "results/quarantine.json",
        "restatements": "results/restatements.json",
    },
    "clean": {
        "output": "results/prices_clean.json",
        "receipt": "results/clean.json",
        "quality": "results/data_quality.json",
    },
    "train_or_score": {
        "output": "results/model.json",
        "backtest": "results/backtest.parquet",
    },
    "report": {
        "output": "results/report.txt",
        "html": "results/report.html",
        "coverage": "results/figures/coverage.svg",
        "skill": "results/figures/skill.svg",
        "table": "results/report_symbols.csv",
    },
    "deploy": {"output": "results/deployed_model.json"},
}
"""The file arguments of each step: those that it reads and those that it writes."""


def options_file(name: str) -> Path:
    """The file of a step's options: Kedro knows this path, and the others are told."""
    return Path("conf", "base", f"parameters_{name}.json")


def call(name: str, options: Mapping[str, Any] | None = None) -> None:
    """Call a step's function in this process."""
    if options is None:
        options = json.loads(options_file(name).read_bytes())[name]
    files = {
        argument: [Path(part) for part in path] if isinstance(path, list) else Path(path)
        for argument, path in (READ[name] | WRITTEN[name]).items()
    }
    from pricewright.tables.options import by_name  # imported together with the step, not earlier

    by_name(getattr(import_module(name), name))(**files | options)


def main() -> None:
    """Run the named steps in turn, with their logs on standard error.

    As in the workflow's own jobs, garbage collection is off while modules are imported.
    """
    gc.disable()
    from pricewright.steplog import log

    for name in ("running.step", *sys.argv[1:]):  # the scripts import running.step first
        import_module(name)
    gc.enable()
    log.to_stderr("+".join(sys.argv[1:]))
    for name in sys.argv[1:]:
        call(name)
    gc.freeze()


if __name__ == "__main__":
    main()
