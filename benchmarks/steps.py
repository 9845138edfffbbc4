"""The five steps as any orchestrator can call them: `python steps.py clean`, or `call("clean")`.

This runs in a copy of the project, with workflow/scripts on Python's path. The functions are the
workflow's own, with the files that its rules give them, and with the options that these take from
config, which orchestrators.py writes to a file a step.
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
"""The arguments of each step that are files: those that it reads, and those that it writes."""


def options_file(name: str) -> Path:
    """Where a step's options are: a place and a name that Kedro knows, and the others are told."""
    return Path("conf", "base", f"parameters_{name}.json")


def call(name: str, options: Mapping[str, Any] | None = None) -> None:
    """Call a step's function in this process."""
    if options is None:
        options = json.loads(options_file(name).read_bytes())[name]
    files = {
        argument: [Path(part) for part in path] if isinstance(path, list) else Path(path)
        for argument, path in (READ[name] | WRITTEN[name]).items()
    }
    from pricewright.tables.options import by_name  # with what a step imports, not before

    by_name(getattr(import_module(name), name))(**files | options)


def main() -> None:
    """The steps that are named, one after the other, with their logs on standard error.

    As in a job of the workflow's own, garbage is not looked for while modules are imported.
    """
    gc.disable()
    from pricewright.steplog import log

    for name in ("running.step", *sys.argv[1:]):  # which the scripts import first
        import_module(name)
    gc.enable()
    log.to_stderr("+".join(sys.argv[1:]))
    for name in sys.argv[1:]:
        call(name)
    gc.freeze()


if __name__ == "__main__":
    main()
