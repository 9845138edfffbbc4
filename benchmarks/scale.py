"""Measure how the whole workflow scales on one machine: `make bench-scale`.

Runs growing numbers of made-up symbols from Parquet to the deployed model, and measures Snakemake's
own cost with growing numbers of shards. See benchmarks/README.md.
"""

import argparse
import math
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
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
accept: {allow_unaccepted: true}  # the prices are random
"""
MADE = ("results/model.json", "results/backtest.parquet", "results/report.html")
MOST_SECONDS, MOST_MEMORY, AT = 600, 8_000, 10_000
"""Targets for this many symbols: seconds and MB."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sections = {"workflow": workflow, "dag": dag, "daily": daily, "releases": releases}
    parser.add_argument("--only", default="workflow,dag,daily", help="sections, by commas")
    parser.add_argument("--symbols", default="100,1000,10000", help="sizes of workflow")
    parser.add_argument("--days", type=int, default=2_500, help="business days of each symbol")
    parser.add_argument("--shards", default="1,100,1000", help="sizes of dag")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--config", nargs="*", default=[], help="of workflow, such as shards=2")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # and remove the folder
    begun = time.perf_counter()
    facts(with_peers=False)
    for section in options.only.split(","):
        sections[section](options)
    print(f"\n{time.perf_counter() - begun:.0f} s in all")


def workflow(options: argparse.Namespace) -> None:
    """Measure the run from the prices to the deployed model."""
    sizes = [int(size) for size in options.symbols.split(",")]
    runs = {size: whole(size, options) for size in sizes}
    if len(sizes) < 2:
        return
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
    """Run the whole workflow in a fresh copy of the project. Returns the cost of each step."""
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
        print(f"{'':22}{'jobs':>6}{'seconds':>10}{'CPU':>10}{'peak':>13}{'bare pass':>11}")
        bare = {step: bare_pass(project, step) for step in STEPS}
        bare["the whole run"] = sum(bare.values())
        found = {step: together(seen) for step, seen in jobs.items()}
        found["the whole run"] = all_of_it
        for name, took in found.items():
            print(
                f"{name:22}{len(jobs.get(name, '')) or '':>6}{took.seconds:10.1f}"
                f"{took.processor:10.1f}{took.memory:10,.0f} MB"
                + (f"{bare[name]:11.1f}" if name in bare else "")
            )
        for made in map(project.__truediv__, MADE):
            print(f"{made.name}: {made.stat().st_size / MB:,.0f} MB")
    wanted = symbols == AT
    print(f"{all_of_it.seconds:.0f} s" + f" (target: less than {MOST_SECONDS})" * wanted)
    print(f"{all_of_it.memory:,.0f} MB" + f" (target: less than {MOST_MEMORY:,})" * wanted)
    return found


READS_AND_MAKES = {
    "ingest": (["prices.parquet"], ["prices_raw.parquet"]),
    "clean": (["results/prices_raw.parquet"], ["prices_clean.parquet"]),
    "train_or_score": (
        ["results/prices_clean.parquet"],
        ["model.json", "backtest.parquet", "forecasts.parquet", "daily_forecasts.parquet"],
    ),
    "report": (["results/model.json", "results/backtest.parquet"], ["report.html"]),
    "deploy": (["results/model.json"], ["deployed_model.json"]),
}
BARE = """
import hashlib, pathlib, sys, time
import orjson, pyarrow.parquet as pq
reads, makes = (each.split() for each in sys.argv[1:])

def loaded(path):
    if path.suffix == ".parquet":
        return pq.read_table(path)
    content = path.read_bytes()
    return orjson.loads(content) if path.suffix == ".json" else content

def write(path, content):
    if path.suffix == ".parquet":
        return pq.write_table(content, path)
    as_is = isinstance(content, bytes)
    path.write_bytes(content if as_is else orjson.dumps(content, option=orjson.OPT_INDENT_2))

for path in map(pathlib.Path, reads):
    loaded(path)
known = 0.0
for path in (pathlib.Path("results", name) for name in makes):
    before = time.process_time()
    content = loaded(path)
    known += time.process_time() - before
    write(pathlib.Path("bare" + path.suffix), content)
    with open("bare" + path.suffix, "rb") as file:
        hashlib.file_digest(file, "sha256")
print(time.process_time() - known)
"""
"""Read a step's input, then write and hash its output, and nothing else. Loading the output first
is not counted."""


def bare_pass(project: Path, step: str) -> float:
    """Processor seconds of a bare pass over the bytes of a step with pyarrow and orjson."""
    reads, makes = READS_AND_MAKES[step]
    command = (sys.executable, "-c", BARE, " ".join(reads), " ".join(makes))
    return float(said(*command, folder=project))


DAILY = f"""{CONFIG}
mode: auto
signoffs: {{metrics: {{exclude_author: false}}, deploy: {{exclude_author: false}}}}
"""


LESS = """
import sys
import pyarrow.compute as pc, pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
last = pc.unique(table[0]).sort()[-int(sys.argv[3])]
pq.write_table(table.filter(pc.less(table[0], last)), sys.argv[2])
"""
"""Cut the last days off a table."""


def daily(options: argparse.Namespace) -> None:
    """Compare one more day, in mode auto with a release in production, with a run that trains."""
    for symbols in map(int, options.symbols.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            project = fresh_copy(Path(folder) / "project")
            title(f"{symbols:,} symbols x {options.days:,} days, then a day more")
            (project / "scale.yaml").write_text(DAILY)
            key = Path(folder) / "key"
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
            (project / "config/signers").unlink(missing_ok=True)
            command = (sys.executable, *SNAKEMAKE, "--cores", options.cores)
            configured = ("--configfile", "scale.yaml")
            source = project / "prices.parquet"
            more = project / "more.parquet"
            shape = ("--symbols", symbols, "--days", options.days + 1)
            run(sys.executable, HERE / "generator.py", more, *shape)
            run(sys.executable, "-c", LESS, more, source, "1")
            trained = watch(*command, *configured, folder=project)
            sign(project, key, "--init", "--who", "ann")
            release(project, key, command, configured)
            more.replace(source)
            source.touch()
            scored = watch(*command, *configured, folder=project)
        print(f"{'CPU seconds':16}{'trained':>10}{'one more day':>14}{'ratio':>8}")
        names = [*STEPS, "monitor"]
        for name in names:
            one, other = (jobs[1].get(name) for jobs in (trained, scored))
            figures = [together(seen).processor if seen else 0.0 for seen in (one, other)]
            print(f"{name:16}{figures[0]:10.1f}{figures[1]:14.1f}")
        whole = [took[0].processor for took in (trained, scored)]
        print(f"{'the whole run':16}{whole[0]:10.1f}{whole[1]:14.1f}{whole[1] / whole[0]:8.2f}")


def sign(project: Path, key: Path, *words: str) -> None:
    people = (sys.executable, str(project / "workflow/scripts/pricewright"), "sign")
    said(*people, *words, "--key", str(key), folder=project)


def release(project: Path, key: Path, command: Sequence[str], configured: Sequence[str]) -> None:
    """Sign the results of a run and release them."""
    for gate in ("source", "metrics", "report", "deploy"):
        sign(project, key, gate, "--yes", *configured)
    watch(*command, "production", *configured, folder=project)


RELEASES = 10


def releases(options: argparse.Namespace) -> None:
    """Measure the disk space of daily releases, each with a model trained that day."""
    for symbols in map(int, options.symbols.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            project = fresh_copy(Path(folder) / "project")
            title(f"{symbols:,} symbols x {options.days:,} days, {RELEASES} releases, one a day")
            (project / "scale.yaml").write_text(DAILY.replace("mode: auto", "mode: train"))
            key, whole = Path(folder) / "key", Path(folder) / "whole.parquet"
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
            (project / "config/signers").unlink(missing_ok=True)
            command = (sys.executable, *SNAKEMAKE, "--cores", str(options.cores))
            configured = ("--configfile", "scale.yaml")
            shape = ("--symbols", symbols, "--days", options.days + RELEASES)
            run(sys.executable, HERE / "generator.py", whole, *shape)
            sign(project, key, "--init", "--who", "ann")
            print(f"{'releases':>8}" + "".join(f"{name:>16}" for name in KEPT) + f"{'all':>16}")
            for day in range(1, RELEASES + 1):
                less = str(RELEASES - day + 1)
                run(sys.executable, "-c", LESS, whole, project / "prices.parquet", less)
                watch(*command, *configured, folder=project)
                release(project, key, command, configured)
                kept = {name: project / folder for name, folder in KEPT.items()}
                taken = [on_disk(folder) for folder in kept.values()] + [on_disk(*kept.values())]
                print(f"{day:8}" + "".join(f"{size / MB:13.1f} MB" for size in taken), flush=True)


KEPT = {"releases": "production/releases", "models": "data/models"}


def on_disk(*folders: Path) -> int:
    """The bytes on disk of the files in some folders; a file with several names counts once."""
    every = [path.lstat() for folder in folders for path in folder.rglob("*")]
    return sum({each.st_ino: 512 * each.st_blocks for each in every}.values())


def dag(options: argparse.Namespace) -> None:
    """Measure Snakemake alone with some numbers of shards, without any step's work.

    Every file is created empty, and `--touch` makes Snakemake accept it. It then waits 50 ms at
    each job, so only its processor time counts.
    """
    title("Snakemake alone, by shards: the DAG (-n), to book all jobs (--touch), nothing to do")
    columns = f"{'seconds':>11}{'CPU':>7}{'peak':>10}"
    print(f"{'shards':>8}{'jobs':>7}{columns}{'CPU':>9}{columns}")
    for shards in map(int, options.shards.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            project = fresh_copy(Path(folder) / "project")
            configured = ("--config", f"shards={shards}")
            command = [sys.executable, *SNAKEMAKE, "--cores", str(options.cores), *configured]
            planned = said(*command, "-n", folder=project)
            jobs = re.search(r"^total +(\d+)", planned, re.MULTILINE)
            building = watch(*command, "-n", folder=project)[0]
            for line in said(*command, "--summary", folder=project).splitlines()[1:]:
                file = project / line.split("\t")[0]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
            booking = watch(*command, "--touch", folder=project)[0]
            nothing = watch(*command, folder=project)[0]
            assert "Nothing to be done" in said(*command, "-n", folder=project)
        print(
            f"{shards:8,}{jobs[1] if jobs else '':>7}{_figures(building)}"
            f"{booking.processor:9.1f}{_figures(nothing)}",
            flush=True,
        )


def _figures(took: Run) -> str:
    return f"{took.seconds:11.1f}{took.processor:7.1f}{took.memory:7,.0f} MB"


def said(*command: str, folder: Path) -> str:
    """The output of a command."""
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
