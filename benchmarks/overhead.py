"""Measure the overhead of a run: `make bench`.

All commands are interleaved in one session, so that noise affects all of them:

- one Python process that calls the five functions in turn on the sample and writes the same files,
- the first `snakemake --cores 1` on the sample, in a fresh copy of the project,
- a run with nothing to do,
- `snakemake --version`, for what Snakemake itself takes to start,
- importing pandas, and importing each step.

Prints seconds (median and range) and the ratios that the README quotes.
"""

import argparse
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("ingest", "clean", "train_or_score", "report", "deploy")
ONE_PROCESS = """
import sys
sys.path.insert(0, "workflow/scripts")
from pathlib import Path
from ingest import ingest
from clean import clean
from train_or_score import train_or_score
from report import report
from deploy import deploy

made = Path("one")
ingest(
    "data/raw/stocks.csv.gz",
    made / "prices_raw.json",
    receipt=made / "ingest.json",
    quarantine=made / "quarantine.json",
    restatements=made / "restatements.json",
)
clean(
    made / "prices_raw.json",
    made / "prices_clean.json",
    receipt=made / "clean.json",
    quality=made / "data_quality.json",
)
train_or_score(
    made / "prices_clean.json",
    made / "model.json",
    receipts=[made / "ingest.json", made / "clean.json"],
    backtest=made / "backtest.parquet",
)
report(
    made / "model.json",
    made / "report.txt",
    html=made / "report.html",
    backtest=made / "backtest.parquet",
    quality=made / "data_quality.json",
    coverage=made / "figures" / "coverage.svg",
    skill=made / "figures" / "skill.svg",
    table=made / "report_symbols.csv",
)
deploy(made / "report.txt", made / "deployed_model.json")
"""
SNAKEMAKE = ("-m", "snakemake")
RUN = (*SNAKEMAKE, "--cores", "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured")
    rounds = parser.parse_args().rounds
    seconds: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        project = fresh_copy(Path(folder) / "project")
        for _ in measured(project, defaultdict(list)):
            pass  # warm-up: files and bytecode are cached afterwards
        for _ in range(rounds):
            for _ in measured(project, seconds):
                pass
    show(seconds, rounds)


def fresh_copy(folder: Path) -> Path:
    folder.mkdir()
    shutil.copy(ROOT / "Snakefile", folder)
    for name in ("workflow", "config", "profiles", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("received"))
    return folder


def measured(project: Path, seconds: dict[str, list[float]]) -> Iterator[None]:
    """Run each command once and add its wall time to `seconds`."""
    for made in ("results", "logs", ".snakemake", "one", "data/received"):
        shutil.rmtree(project / made, ignore_errors=True)
    commands = {
        "one process": ("-c", ONE_PROCESS),
        "first run": RUN,
        "nothing to do": RUN,
        "snakemake --version": (*SNAKEMAKE, "--version"),
        "import pandas": ("-c", "import pandas"),
    } | {
        f"import {name}": ("-c", f"import sys; sys.path.append('workflow/scripts'); import {name}")
        for name in STEPS
    }
    for name, arguments in commands.items():
        begun = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=project, check=True, capture_output=True)
        seconds[name].append(time.perf_counter() - begun)
        yield


def show(seconds: dict[str, list[float]], rounds: int) -> None:
    print(f"Python {platform.python_version()}, {platform.machine()}, {rounds} rounds\n")
    print(f"{'':22}{'median':>8}{'fastest':>9}{'slowest':>9}  seconds")
    for name, times in seconds.items():
        print(f"{name:22}{statistics.median(times):8.2f}{min(times):9.2f}{max(times):9.2f}")
    print()
    ratio(seconds, "first run", "one process")
    ratio(seconds, "nothing to do", "snakemake --version")
    for name in STEPS:
        ratio(seconds, f"import {name}", "import pandas")


def ratio(seconds: dict[str, list[float]], one: str, other: str) -> None:
    """The median over rounds of the ratio within a round."""
    pairs = zip(seconds[one], seconds[other], strict=True)
    print(f"{one} / {other}: {statistics.median(a / b for a, b in pairs):.2f}")


if __name__ == "__main__":
    main()
