"""Compare the speed, numerics and accuracy of our models with others: `make bench-models`.

All get the same series and dates. Each contender is its own process: ours (model_ours.py) in this
environment, the others (model_peers.py) in one that is made for them. See benchmarks/README.md.
"""

import argparse
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from contenders import peers
from overhead import fresh_copy
from reading import facts, run, show, title, typical

HERE = Path(__file__).resolve().parent
LOCK = HERE / "model-peers.lock"
PEERS = ("arch", "lightgbm", "statsforecast", "numpy", "pandas", "scipy")
SAMPLES = {
    "stocks": ("adj_close", None),
    "fx": ("close", "config/examples/fx.yaml"),
    "oil": ("close", "config/examples/oil.yaml"),
}
EARLIER = 1_000
"""Days of an evaluation: 100 dates, 10 days apart."""

WANTED_SPEED = {"garch": 20.0, "ses": 1.0, "theta": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sections = {
        "step": step,
        "speed": speed,
        "numerics": numerics,
        "earlier": earlier,
        "accuracy": accuracy,
    }
    parser.add_argument("--only", default=",".join(sections), help="sections, separated by commas")
    parser.add_argument("--samples", default=",".join(SAMPLES), help="of numerics and accuracy")
    parser.add_argument("--series", type=int, default=5_000, help="made up, for speed and step")
    parser.add_argument("--days", type=int, default=2_500, help="of each of these")
    parser.add_argument("--subsets", default="200,1000,100", help="for peers: GARCH, SES, Theta")
    parser.add_argument("--rounds", type=int, default=3, help="how often speed is measured")
    parser.add_argument("--origins", type=int, default=100, help="of accuracy, 10 days apart")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # and remove the folder
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options)
        facts(with_peers=False)
        print("Peers:", *(pin for pin in peers(LOCK)[1] if pin.split("==")[0] in PEERS))
        begun = time.perf_counter()
        for name in options.only.split(","):
            sections[name](bench)
        print(f"\n{time.perf_counter() - begun:.0f} s in all")


class Bench:
    """Shared by the sections: the options, a copy of the project and files beside it."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options = folder, options
        self.samples = options.samples.split(",")
        self.project = fresh_copy(folder / "project")
        self.scripts = self.project / "workflow" / "scripts"

    def made_up(self) -> Path:
        """Log prices of GARCH series as .npz, with a clean table (.parquet) beside it."""
        path = self.folder / "made_up.npz"
        if not path.exists():
            shape = {"series": self.options.series, "days": self.options.days}
            self.ours("simulate", "-", path, **shape)
        return path

    def clean(self, sample: str) -> Path:
        """The clean table of a sample, made by the workflow."""
        path = self.folder / f"{sample}.json"
        if not path.exists():
            target = "results/prices_clean.json"
            configured = SAMPLES[sample][1]
            command = [sys.executable, "-m", "snakemake", "--cores", "1", target]
            command += ["--configfile", configured] if configured else []
            subprocess.run(command, cwd=self.project, check=True, capture_output=True)
            shutil.move(self.project / target, path)
        return path

    def ours(self, task: str, source: Path | str, output: Path | str, **options: object) -> str:
        named = [f"{name}={value}" for name, value in options.items()]
        command = (sys.executable, HERE / "model_ours.py", self.scripts, task, source, output)
        return run(*command, *named)[1]

    def peers(self, task: str, source: Path | str, output: Path | str, **options: object) -> str:
        named = [f"{name}={value}" for name, value in options.items()]
        return run(peers(LOCK)[0], HERE / "model_peers.py", task, source, output, *named)[1]

    def step(self, source: Path, *more: object) -> Any:
        """Cost of our command from start to end."""
        command = (sys.executable, self.scripts / "train_or_score.py", "--input", source)
        return run(*command, "--output", self.folder / "model.json", *more)[0]


def step(bench: Bench) -> None:
    """Measure the whole step on made-up prices with one and two threads, and on the stocks."""
    shape = f"{bench.options.series:,} series of {bench.options.days:,} days"
    title(f"step: train_or_score including its start; {shape}, 20 origins, 14 days ahead")
    source = bench.made_up().with_suffix(".parquet")
    size = ("--horizon", 14, "--origins", 20)
    stocks = bench.clean("stocks")
    runs = defaultdict(list)
    for _ in range(bench.options.rounds):
        for threads in (1, 2):
            name = f"made up, {threads} thread{'s' * (threads > 1)}"
            runs[name].append(bench.step(source, *size, "--threads", threads))
        runs["stocks, default settings"].append(bench.step(stocks, "--price", "adj_close"))
    show(runs)
    made_up = "made up, 2 threads"
    print(f"{made_up}: {typical(runs, made_up, 'seconds'):.1f} s (target: less than 60)")
    print(f"{made_up}: {typical(runs, made_up, 'memory'):.0f} MB (target: less than 2000)")
    print(f"stocks: {typical(runs, 'stocks, default settings', 'seconds'):.2f} s (target: max. 3)")


def speed(bench: Bench) -> None:
    """Measure fits and forecasts in memory: ours on all series, the others' on some, scaled up."""
    count, horizon = bench.options.series, 14
    subsets = ",".join(str(min(int(n), count)) for n in bench.options.subsets.split(","))
    title(
        f"speed: fit and {horizon}-day forecast of {count:,} series of {bench.options.days:,} days",
        f"The others run on {subsets} series (GARCH, SES, Theta), each after an uncounted warm-up,",
        "on one core; their seconds are scaled up. `StatsForecast` is its API for many series at",
        "once, `one by one` a loop over them. GARCH gets changes of unit deviation, except for",
        "`not scaled`.",
    )
    source = bench.made_up()
    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(bench.options.rounds):
        for threads in (1, 2):
            found = json.loads(bench.ours("speed", source, "-", horizon=horizon, threads=threads))
            for name, took in found.items():
                seconds[f"{name}: ours, {threads} thread{'s' * (threads > 1)}"].append(took)
        theirs = bench.peers("speed", source, "-", horizon=horizon, subsets=subsets)
        said = json.loads(theirs.splitlines()[-1])
        for name, took in said["seconds"].items():
            seconds[name].append(took * count)
    for name in sorted(seconds, key=lambda name: name.split(":")[0]):
        each = seconds[name]
        print(f"{name:50}{statistics.median(each):9.2f}{min(each):9.2f}{max(each):9.2f} s")
    scaled, raw = said["short"]
    print(f"statsforecast's GARCH ends {scaled:.1f} nats short of arch's in the median, ", end="")
    print(f"{raw:.1f} if not scaled")
    for name, wanted in WANTED_SPEED.items():
        ours = seconds.pop(f"{name}: ours, 1 thread")
        two = statistics.median(seconds.pop(f"{name}: ours, 2 threads"))
        for other in [key for key in seconds if key.startswith(f"{name}:")]:
            times = statistics.median(b / a for a, b in zip(ours, seconds[other], strict=True))
            with_two = statistics.median(seconds[other]) / two
            print(f"{other} / ours: {times:.1f} (target {wanted:g}); with 2 threads {with_two:.1f}")


def numerics(bench: Bench) -> None:
    """Compare ours with arch and statsforecast, series by series."""
    title(
        "numerics: whole histories",
        "GARCH: arch's log-likelihood (Student's t, its degrees of freedom) at our parameters,",
        "with equal weights of falls and rises, minus that at its own, in nats. SES and Theta: the",
        "largest relative difference of 10 forecast prices from statsforecast's.",
        "",
    )
    found: dict[str, dict[str, float]] = {}
    for sample in bench.samples:
        path = bench.folder / f"{sample}-numerics.npz"
        bench.ours("numerics", bench.clean(sample), path, price=SAMPLES[sample][0], horizon=10)
        made = json.loads(bench.peers("numerics", path, "-", horizon=10).splitlines()[-1])
        found |= {f"{sample} {symbol}": record for symbol, record in made.items() if record}
        print(
            f"{sample}: {len(made)} series, {sum(not record for record in made.values())} constant"
        )
    for name, wanted in ("garch", "within 2"), ("ses", "within 0.001"), ("theta", "within 0.001"):
        worst = sorted(found, key=lambda key: -abs(found[key][name]))
        median = statistics.median(record[name] for record in found.values())
        form = "+.2f" if name == "garch" else ".1e"
        listed = ", ".join(f"{key} {found[key][name]:{form}}" for key in worst[:5])
        print(f"{name:6} median {median:{form}} (target: {wanted}) of {len(found)}; worst {listed}")
        if name == "garch":
            better = sum(record[name] > 0 for record in found.values())
            far = sum(abs(record[name]) > 2 for record in found.values())
            print(f"{'':6} ours is likelier for {better}; they differ by over 2 for {far}")


def earlier(bench: Bench) -> None:
    """Check acceptance on earlier years of the samples, which no default was chosen on."""
    title(
        f"earlier: default settings, spans of {EARLIER} days counted back from the sample's end,",
        f"each with at least {EARLIER} days before it",
        "",
    )
    for sample in bench.samples:
        records = json.loads(bench.clean(sample).read_bytes())
        days = sorted({record["date"] for record in records})
        for end in range(len(days), 2 * EARLIER - 1, -EARLIER):
            source = bench.folder / f"{sample}-earlier.json"
            last = days[end - 1]
            source.write_text(json.dumps([row for row in records if row["date"] <= last]))
            bench.step(source, "--price", SAMPLES[sample][0])
            model = json.loads((bench.folder / "model.json").read_bytes())
            criteria = model["acceptance"]["criteria"]
            missed = [
                f"{name} {found['value']:.3f} (at {found['side']} {found['limit']:g})"
                for name, found in criteria.items()
                if found["met"] is False
            ]
            shown = {name: f"{found['value']:.3f}" for name, found in criteria.items()}
            print(
                f"{sample:6} to {last}, {len(model['symbols']):2} symbols: QLIKE {shown['qlike']}, "
                f"90% off by {shown['coverage_pooled']}, score {shown['interval_ratio']}, Kupiec "
                f"{shown['kupiec']}: {'misses ' + '; '.join(missed) if missed else 'accepted'}"
            )


def accuracy(bench: Bench) -> None:
    """Print the table of all contenders for each sample."""
    for sample in bench.samples:
        path, theirs = (bench.folder / f"{sample}-{name}.npz" for name in ("ours", "theirs"))
        shape = {"horizon": 10, "origins": bench.options.origins}
        bench.ours("windows", bench.clean(sample), path, price=SAMPLES[sample][0], **shape)
        said = bench.peers("windows", path, theirs)
        sys.path.insert(0, str(bench.scripts))
        given = dict(np.load(path)) | (made := dict(np.load(theirs)))
        names = list(dict.fromkeys(key.split("/")[0] for key in given if "/" in key))
        slow = [name for name in names if name.startswith("statsforecast")]
        labels = {name: name if f"{name}/centres" in made else f"ours: {name}" for name in names}
        if (given["slow"] != given["usable"]).any():
            fast = {name: label for name, label in labels.items() if name not in slow}
            print_table(f"{sample}, all but the slow ones", given, fast)
        print_table(sample, given | {"usable": given["slow"]}, labels)
        failed = [line for line in said.splitlines() if ": 0 of" not in line]
        print("\n".join(failed) if failed else "no forecast failed")


def print_table(what: str, given: dict[str, Any], labels: dict[str, str]) -> None:
    import model_scores

    usable = given["usable"]
    dates, symbols = int(usable.any(axis=1).sum()), int(usable.any(axis=0).sum())
    title(f"accuracy: {what}; {symbols} symbols, {dates} dates, {usable.sum()} usable windows")
    table = model_scores.Table(given)
    print(model_scores.HEADER)
    print(table.constant_row().text(model_scores.CONSTANT))
    for name, label in labels.items():
        print(table.row(name).text(label))


if __name__ == "__main__":
    main()
