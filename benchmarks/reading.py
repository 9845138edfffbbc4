"""Compare the cost of reading with tools that check nothing: `make bench-reading`.

Uses made-up daily prices, the same bytes for the same seed. Rounds are interleaved, so that noise
affects all contenders. Each contender is its own process, measured from start to end. See
benchmarks/README.md.
"""

import argparse
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from contenders import peers

HERE = Path(__file__).resolve().parent
MB = 1_000_000


@dataclass(frozen=True)
class Run:
    """Cost of a process: wall-clock seconds, processor seconds and peak memory in MB."""

    seconds: float
    processor: float
    memory: float


Runs = dict[str, list[Run]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sections = {"compare": compare, "growth": growth, "json": json_path, "day": day}
    parser.add_argument("--only", default=",".join(sections), help="sections, separated by commas")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--rows", type=int, default=10_000_000, help="of compare; most of growth")
    parser.add_argument("--width", type=int, default=4_000, help="symbols of compare and growth")
    parser.add_argument("--json-rows", type=int, default=500_000)
    parser.add_argument("--days", type=int, default=2_500, help="business days before the new one")
    parser.add_argument("--symbols", type=int, default=8_000, help="of the new day")
    parser.add_argument("--bad", type=float, default=0.001, help="the share of bad rows")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    chosen = [sections[name] for name in options.only.split(",")]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # and remove the folder
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options)
        facts(compare in chosen)
        begun = time.perf_counter()
        for section in chosen:
            section(bench)
        print(f"\n{time.perf_counter() - begun:.0f} s in all")


class Bench:
    """Shared by the sections: the options, a folder and the made-up files in it."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options, self.rounds = folder, options, range(options.rounds)
        self.made, self.scripts = folder / "made", folder / "workflow" / "scripts"
        # a copy, so that an edit during the run does not change what is measured
        shutil.copytree(HERE.parent / "workflow", folder / "workflow")
        self._holds: dict[Path, dict[str, Any]] = {}

    def csv(self, rows: int) -> Path:
        """A file of about this many rows, with a `.clean` twin that has no bad rows."""
        path = self.folder / f"{rows}.csv"
        if path not in self._holds:
            width = self.options.width
            shape = ("--symbols", width, "--days", max(1, rows // width))
            self.generate(path, "--clean", path.with_suffix(".clean"), *shape)
        return path

    def generate(self, path: Path, *arguments: object) -> None:
        command = (sys.executable, HERE / "generator.py", path, "--bad", self.options.bad)
        self._holds[path] = json.loads(run(*command, *arguments)[1])

    def ingest(self, source: Path, output: str, *more: object) -> list[object]:
        """Run our command, with all outputs in one folder."""
        files = {"output": output, "receipt": "receipt.json", "quarantine": "quarantine.json"}
        files |= {"restatements": "restatements.json", "received": "received"}
        named = [part for name, file in files.items() for part in (f"--{name}", self.made / file)]
        threads = ("--threads", self.options.threads)
        prices = ("open", "high", "low", "close", "volume")
        strict = [part for name in prices for part in ("--strict", name)]
        return [self.scripts / "ingest.py", "--input", source, *named, *threads, *strict, *more]

    def fresh(self) -> None:
        """Remove all outputs and wait for pending writes."""
        shutil.rmtree(self.made, ignore_errors=True)
        self.made.mkdir()
        os.sync()

    def check(self, source: Path) -> None:
        """Check that our receipt agrees with the generator."""
        receipt = json.loads((self.made / "receipt.json").read_bytes())
        found = {name: receipt[name] for name in self._holds[source]}
        if found != self._holds[source]:
            raise SystemExit(f"generated {self._holds[source]}, ours found {found}")


def compare(bench: Bench) -> None:
    """Compare ours with the others, which write the same Parquet."""
    spoilt = bench.csv(bench.options.rows)
    clean, output = spoilt.with_suffix(".clean"), bench.made / "prices.parquet"
    title(
        f"compare: {bench.options.rows:,} rows, {spoilt.stat().st_size / MB:.0f} MB of CSV, to "
        "Parquet",
        "`ours` reads the file with bad rows in it. The others cannot: what they read has good",
        "rows in the place of the bad ones, and so has `ours, no bad row`.",
    )
    commands: dict[str, list[object]] = {
        "ours": [sys.executable, *bench.ingest(spoilt, output.name)],
        "ours, no bad row": [sys.executable, *bench.ingest(clean, output.name)],
    } | {
        name: [peers()[0], HERE / "contenders.py", name, clean, output]
        for name in ("polars", "polars_lazy", "duckdb", "pyarrow")
    }
    runs: Runs = defaultdict(list)
    results = []
    for number in bench.rounds:
        names = list(commands)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            bench.fresh()
            runs[name].append(run(*commands[name])[0])
            if name == "ours":
                bench.check(spoilt)
            elif number == 0:
                results.append(shutil.move(output, bench.folder / f"{name}.parquet"))
    run(peers()[0], HERE / "contenders.py", "same", *results)
    show(runs)
    for ours in ("ours", "ours, no bad row"):
        for peer, most in ("polars", 1.5), ("polars_lazy", None), ("duckdb", 3), ("pyarrow", None):
            ratio(runs, ours, peer, "seconds", most)
        for peer, most in ("polars", 1), ("polars_lazy", None), ("duckdb", None):
            ratio(runs, ours, peer, "memory", most)
    bench.fresh()
    parts = ("ours_in_parts", bench.scripts, *bench.ingest(spoilt, output.name)[1:])
    _, printed = run(sys.executable, HERE / "contenders.py", *parts)
    print("\nours again, by part")
    for part, seconds in json.loads(printed.splitlines()[-1]).items():
        print(f"{part:36}{seconds:7.2f} s")


def growth(bench: Bench) -> None:
    """Measure how our time and memory grow with the file."""
    title("growth: ours, to Parquet")
    sizes = [bench.options.rows * tenths // 10 for tenths in (1, 2, 5, 10)]
    runs: Runs = defaultdict(list)
    for source in [bench.csv(size) for size in sizes] * len(bench.rounds):
        bench.fresh()
        command = bench.ingest(source, "prices.parquet")
        runs[f"{int(source.stem):,} rows"].append(run(sys.executable, *command)[0])
        bench.check(source)
    show(runs)
    millions = [size / 1e6 for size in sizes]
    slope, begin, pace, start = (
        figure
        for what in ("memory", "seconds")
        for figure in statistics.linear_regression(millions, [typical(runs, n, what) for n in runs])
    )
    print(f"{start:.1f} s + {pace:.2f} s per million rows")
    print(f"{begin:.0f} MB + {slope:.0f} MB per million rows, if there is enough memory")


def json_path(bench: Bench) -> None:
    """Measure rows per second with tables in JSON."""
    source = bench.csv(bench.options.json_rows)
    rows = bench.options.json_rows
    title(f"json: {rows:,} rows, checkpoints in JSON")
    raw, clean = bench.made / "prices_raw.json", bench.made / "prices_clean.json"
    runs: Runs = defaultdict(list)
    for _ in bench.rounds:
        bench.fresh()
        runs["ingest"].append(run(sys.executable, *bench.ingest(source, raw.name))[0])
        bench.check(source)
        command = (bench.scripts / "clean.py", "--input", raw, "--output", clean)
        runs["clean"].append(run(sys.executable, *command)[0])
    show(runs)
    for name in runs:
        print(f"{name}: {rows / typical(runs, name, 'seconds'):,.0f} rows per second")


def day(bench: Bench) -> None:
    """Measure a new day after ten years, and after a quarter of a year in JSON."""
    days = bench.options.days
    new_days(bench, days, "prices.parquet")
    new_days(bench, max(1, days // 40), "prices.json")


def new_days(bench: Bench, days: int, output: str) -> None:
    symbols = bench.options.symbols
    title(f"day: {symbols:,} rows after {days * symbols:,}, to {output}")
    bench.fresh()
    folder, alone = bench.folder / "deliveries", bench.folder / "alone"
    for each in (folder, alone):
        shutil.rmtree(each, ignore_errors=True)
        each.mkdir()
    bench.generate(folder / "0.csv", "--symbols", symbols, "--days", days)
    command = bench.ingest(folder, output, "--deliveries", "append")
    runs: Runs = defaultdict(list)
    runs["all the days"].append(run(sys.executable, *command)[0])
    for number in bench.rounds:
        shape = ("--symbols", symbols, "--days", 1, "--first-day", days + number)
        bench.generate(folder / f"{number + 1}.csv", *shape, "--seed", number)
        os.sync()
        runs["one day more"].append(run(sys.executable, *command)[0])
        runs["nothing new"].append(run(sys.executable, *command)[0])
    shutil.copy(folder / "1.csv", alone)
    for _ in bench.rounds:
        bench.fresh()
        command = bench.ingest(alone, output, "--deliveries", "append")
        runs["that day by itself"].append(run(sys.executable, *command)[0])
    show(runs)
    whole = typical(runs, "all the days", "seconds")
    for name in list(runs)[1:]:
        print(f"{name} / all the days: {typical(runs, name, 'seconds') / whole:.3f}")


def run(*command: object, **where: Any) -> tuple[Run, str]:
    """Run a process to its end. Returns its cost, including its children, and its output.

    where: `cwd` and `env`, as for subprocess.

    This process holds nothing large in memory, because a child's peak starts from that.
    """
    with tempfile.TemporaryFile() as output:
        begun = time.perf_counter()
        words = [str(part) for part in command]
        process = subprocess.Popen(words, stdout=output, stderr=output, **where)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        seconds = time.perf_counter() - begun
        output.seek(0)
        text = output.read().decode(errors="replace")
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{text}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / MB), text


def facts(with_peers: bool) -> None:
    """Print what the figures depend on besides the code."""
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    print(
        f"{cpu[1] if cpu else platform.machine()}, {len(os.sched_getaffinity(0))} cores, ", end=""
    )
    print(f"{ram() / 1000:.1f} GB of RAM, load {os.getloadavg()[0]:.1f} before the first run")
    ours = ", ".join(f"{name} {version(name)}" for name in ("pyarrow", "numpy", "orjson"))
    print(f"Python {platform.python_version()}, {ours}")
    if with_peers:
        print("Peers:", *peers()[1])


def ram() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / MB


def title(*lines: str) -> None:
    print("\n" + "\n".join(lines))


def show(runs: Runs) -> None:
    print(f"\n{'':22}{'median':>8}{'fastest':>9}{'slowest':>9}{'CPU':>8}{'peak':>11}")
    for name, each in runs.items():
        seconds = [one.seconds for one in each]
        print(
            f"{name:22}{statistics.median(seconds):8.2f}{min(seconds):9.2f}{max(seconds):9.2f}"
            f"{typical(runs, name, 'processor'):8.2f}{typical(runs, name, 'memory'):8.0f} MB",
            flush=True,
        )


def typical(runs: Runs, name: str, what: str) -> float:
    return statistics.median(getattr(each, what) for each in runs[name])


def ratio(runs: Runs, one: str, other: str, what: str, most: float | None) -> None:
    """Print the median over rounds of the ratio within a round, and its target."""
    pairs = zip(runs[one], runs[other], strict=True)
    median = statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs)
    print(f"{one} / {other}, {what}: {median:.2f}" + (f" (target: at most {most})" if most else ""))


if __name__ == "__main__":
    main()
