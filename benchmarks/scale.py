"""How the whole workflow grows on one machine: `make bench-scale`.

Made-up prices of more and more symbols, from Parquet to the deployed model; and what Snakemake
takes for itself with more and more shards. See benchmarks/README.md.
"""

import argparse
import math
import re
import signal
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from overhead import SNAKEMAKE, STEPS, fresh_copy
from reading import MB, Run, facts, run, title
from watching import together, watch

HERE = Path(__file__).resolve().parent
CONFIG = """
format: parquet
source:
  uri: prices.parquet
  columns: {adj_close: null}
model: {price: close}
accept: {allow_unaccepted: true}  # of prices at random
"""
MADE = ("results/model.json", "results/backtest.parquet", "results/report.html")
MOST_SECONDS, MOST_MEMORY, AT = 600, 8_000, 10_000
"""What is wanted of so many symbols: seconds, and MB."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sections = {"workflow": workflow, "dag": dag}
    parser.add_argument("--only", default=",".join(sections), help="sections, commas between")
    parser.add_argument("--symbols", default="100,1000,10000", help="sizes of workflow")
    parser.add_argument("--days", type=int, default=2_500, help="business days of each symbol")
    parser.add_argument("--shards", default="1,100,1000", help="sizes of dag")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--config", nargs="*", default=[], help="of workflow, as in: shards=2")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # and clear the folder away
    begun = time.perf_counter()
    facts(with_peers=False)
    for section in options.only.split(","):
        sections[section](options)
    print(f"\n{time.perf_counter() - begun:.0f} s in all")


def workflow(options: argparse.Namespace) -> None:
    """From the prices to the deployed model."""
    sizes = [int(size) for size in options.symbols.split(",")]
    runs = {size: whole(size, options) for size in sizes}
    title("How it grows, for ten times the symbols (at most 10 wanted)")
    pairs = list(pairwise(sizes))
    print(" " * 16 + "".join(f"{f'{one:,} to {other:,}':>26}" for one, other in pairs))
    print(" " * 16 + f"{'seconds':>13}{'memory':>13}" * len(pairs))
    for name in [*STEPS, "the whole run"]:
        ratios = [
            (getattr(runs[other][name], what) / getattr(runs[one][name], what))
            ** (1 / math.log10(other / one))
            for one, other in pairs
            for what in ("seconds", "memory")
        ]
        print(f"{name:16}" + "".join(f"{ratio:13.1f}" for ratio in ratios))


def whole(symbols: int, options: argparse.Namespace) -> dict[str, Run]:
    """The whole workflow once, in a fresh copy of the project: what each step took, and all."""
    with tempfile.TemporaryDirectory() as folder:
        project = fresh_copy(Path(folder) / "project")
        source = project / "prices.parquet"
        shape = ("--symbols", symbols, "--days", options.days)
        run(sys.executable, HERE / "generator.py", source, *shape)
        rows, size = symbols * options.days, source.stat().st_size / MB
        title(f"{symbols:,} symbols x {options.days:,} days: {rows:,} rows, {size:,.0f} MB")
        (project / "scale.yaml").write_text(CONFIG)
        configured = ("--configfile", "scale.yaml", "--config", *options.config)
        command = (sys.executable, *SNAKEMAKE, "--cores", options.cores, *configured)
        all_of_it, jobs = watch(*command, folder=project)
        print(f"{'':16}{'jobs':>6}{'seconds':>10}{'CPU':>10}{'peak':>13}")
        found = {step: together(jobs[step]) for step in STEPS} | {"the whole run": all_of_it}
        for name, took in found.items():
            print(
                f"{name:16}{len(jobs.get(name, '')) or '':>6}{took.seconds:10.1f}"
                f"{took.processor:10.1f}{took.memory:10,.0f} MB"
            )
        for made in map(project.__truediv__, MADE):
            print(f"{made.name}: {made.stat().st_size / MB:,.0f} MB")
    wanted = symbols == AT
    print(f"{all_of_it.seconds:.0f} s" + f" (less than {MOST_SECONDS} wanted)" * wanted)
    print(f"{all_of_it.memory:,.0f} MB" + f" (less than {MOST_MEMORY:,} wanted)" * wanted)
    return found


def dag(options: argparse.Namespace) -> None:
    """What Snakemake takes with so many shards, no step's work in it.

    Every file is made empty, and `--touch` lets Snakemake take it for the real one.
    """
    title("Snakemake alone, by shards: the DAG (-n), to book every job (--touch), nothing to do")
    print(f"{'shards':>10}{'jobs':>7}" + f"{'seconds':>11}{'peak':>11}" * 3)
    for shards in map(int, options.shards.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            project = fresh_copy(Path(folder) / "project")
            more = ("--config", f"shards={shards}") if shards > 1 else ()
            command = [sys.executable, *SNAKEMAKE, "--cores", str(options.cores), *more]
            planned = said(*command, "-n", folder=project)
            jobs = re.search(r"^total +(\d+)", planned, re.MULTILINE)
            runs = [watch(*command, "-n", folder=project)[0]]
            for line in said(*command, "--summary", folder=project).splitlines()[1:]:
                file = project / line.split("\t")[0]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
            runs.append(watch(*command, "--touch", folder=project)[0])
            runs.append(watch(*command, folder=project)[0])
            assert "Nothing to be done" in said(*command, "-n", folder=project)
        figures = "".join(f"{took.seconds:11.1f}{took.memory:8,.0f} MB" for took in runs)
        print(f"{shards:10,}{jobs[1] if jobs else '':>7}{figures}", flush=True)


def said(*command: str, folder: Path) -> str:
    """What a command prints."""
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
